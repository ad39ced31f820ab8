//! Laws that every registered data set obeys, as far as it can be opened here.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::path::Path;

use candlewick_datasets::{Dataset, Error, Sample, Shape, Split, find, open, registry, verify};

/// Both splits of the sets that need no folder, with their numbers of classes.
fn embedded() -> Vec<(Box<dyn Dataset>, usize)> {
    let mut opened = Vec::new();
    for entry in registry().iter().filter(|entry| entry.is_embedded()) {
        for split in Split::ALL {
            opened.push((open(entry.name, split, None).unwrap(), entry.classes));
        }
    }
    opened
}

#[test]
fn names_are_in_order_and_entries_complete() {
    for pair in registry().windows(2) {
        assert!(pair[0].name < pair[1].name, "{} before {}", pair[0].name, pair[1].name);
    }
    for entry in registry() {
        let words = [entry.description, entry.license, entry.citation];
        assert!(words.iter().all(|text| !text.is_empty()), "{}", entry.name);
        assert!(!entry.partitions.is_empty() && entry.classes != 1, "{}", entry.name);
        for partition in entry.partitions {
            let name = format!("{}:{}", entry.name, partition.name);
            assert_eq!(find(&name).unwrap().1, partition);
        }
    }
}

#[test]
fn embedded_sets_keep_the_contract() {
    let mut samples = 0;
    let opened = embedded();
    for (set, classes) in &opened {
        let info = set.info();
        assert_eq!(info.classes.len(), *classes);
        assert_eq!(info.content_hash.len(), 64);
        let mut per_class = vec![0; *classes];
        for &label in set.labels() {
            per_class[label as usize] += 1;
        }
        // Recordings are simulated when they are read, so a twentieth of them must do.
        let step = if matches!(info.shape, Shape::Image { .. }) { 1 } else { 20 };
        for index in (0..set.len()).step_by(step) {
            let sample = set.read(index).unwrap();
            assert_eq!(sample.shape(), info.shape);
            if let (Sample::Image(image), Shape::Image { channels, height, width }) =
                (&sample, info.shape)
            {
                assert_eq!(image.pixels.len(), channels * height * width);
            }
            assert_eq!(sample, set.read(index).unwrap());
            samples += 1;
        }
        assert!(per_class.iter().all(|&count| count > 0), "{per_class:?}");
        let beyond = set.read(set.len()).unwrap_err();
        assert!(matches!(beyond, Error::NoSuchSample { .. }), "{beyond}");
    }
    assert_eq!(opened.len(), 6);
    assert_eq!(samples, 1_297 + 500 + (5_000 + 1_000) + (250 + 50));
}

/// Opening twice gives the same content, and no two splits the same.
#[test]
fn content_hashes_name_the_content() {
    let hashes = |sets: &[(Box<dyn Dataset>, usize)]| -> Vec<String> {
        sets.iter().map(|(set, _)| set.info().content_hash.clone()).collect()
    };
    let first = hashes(&embedded());
    assert_eq!(first, hashes(&embedded()));
    for (i, a) in first.iter().enumerate() {
        assert!(first[..i].iter().all(|b| a != b));
    }
    assert_eq!(first.len(), 6);
}

#[test]
fn embedded_files_are_those_that_the_script_cut() {
    let mut files = 0;
    for entry in registry().iter().filter(|entry| entry.is_embedded()) {
        for check in verify(entry, None).unwrap() {
            assert!(check.verdict.is_good(), "{check:?}");
            files += 1;
        }
    }
    assert_eq!(files, 6);
}

#[test]
fn sets_from_folders_say_what_is_missing() {
    let mut visited = 0;
    let empty = tempfile::tempdir().unwrap();
    for entry in registry().iter().filter(|entry| !entry.is_embedded()) {
        for split in Split::ALL {
            let text = open(entry.name, split, None).unwrap_err().to_string();
            assert!(text.contains("needs a folder (`--data-dir`; "), "{text}");
            let text = open(entry.name, split, Some(empty.path())).unwrap_err().to_string();
            assert!(text.contains("; expected: "), "{text}");
            visited += 1;
        }
    }
    assert_eq!(visited, 2 * registry().iter().filter(|entry| !entry.is_embedded()).count());
    assert!(visited > 0);
    let text = open("mnits", Split::Train, None).unwrap_err().to_string();
    assert!(text.starts_with("unknown data set `mnits`; known: arrays, cifar10, "), "{text}");
    let text = open("mnist:mine", Split::Train, Some(Path::new("/"))).unwrap_err().to_string();
    assert_eq!(text, "data set `mnist` has no partition `mine`; known: official");
}
