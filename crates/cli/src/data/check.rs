//! `candlewick data check FOLDER`: which sets are there, what they hold, and what is wrong.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, anyhow, bail};
use candlewick::datasets::{
    Candidate, Census, Dataset, Error, Split, census, contact_sheet, find, identify, open, visible,
};

use super::in_words;
use crate::exit;

/// Samples of a class on a contact sheet, and classes.
const SHEET: (usize, usize) = (12, 40);

pub(super) fn run(
    folder: &Path,
    name: Option<&str>,
    sheet: Option<&Path>,
    allow_truncated: bool,
) -> Result<ExitCode> {
    let wanted = name.map(find).transpose()?.map(|(entry, _)| entry.name);
    // The system has words for a folder that does not exist, is closed, or is a file.
    std::fs::read_dir(folder).map_err(|source| Error::Io { path: folder.into(), source })?;
    let mut found = identify(folder);
    found.retain(|candidate| wanted.is_none_or(|name| candidate.entry.name == name));
    if found.is_empty() {
        return Err(nothing_here(folder, wanted));
    }
    let mut faults = 0;
    for (number, candidate) in found.iter().enumerate() {
        let (text, broken) = describe(candidate, folder, allow_truncated);
        out!("{text}");
        faults += broken;
        if let Some(path) = sheet {
            // Of several sets, the later ones get their name into that of the file.
            let path = if number == 0 { path.to_path_buf() } else { named(path, candidate) };
            if let Ok(set) = open(candidate.entry.name, Split::Train, Some(folder)) {
                let picture = contact_sheet(&*set, SHEET.0, SHEET.1)?;
                std::fs::write(&path, picture.png()?).map_err(exit::unwritten(&path))?;
                outln!("  sheet    {}", path.display());
            }
        }
    }
    if faults > 0 {
        bail!(Error::Io {
            path: folder.to_path_buf(),
            source: std::io::Error::other(format!("{faults} problems found")),
        });
    }
    Ok(ExitCode::SUCCESS)
}

/// Why a folder holds nothing to check.
fn nothing_here(folder: &Path, wanted: Option<&str>) -> anyhow::Error {
    match wanted.map(|name| (name, open(name, Split::Train, Some(folder)))) {
        // It names the first file that is missing, and the others.
        Some((_, Err(error))) => error.into(),
        Some((name, Ok(_))) => {
            anyhow!("{name} is part of this program; `candlewick data verify {name}` checks it")
        }
        None => {
            let source = std::io::Error::other(
                "holds no known data set; `candlewick list datasets` lists them, and `candlewick data info \
                 NAME` says which files one has",
            );
            Error::Io { path: folder.into(), source }.into()
        }
    }
}

fn named(path: &Path, candidate: &Candidate) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!("{stem}-{}.png", candidate.entry.name))
}

/// What there is to say of a set, and how many things are wrong with it.
fn describe(candidate: &Candidate, folder: &Path, allow_truncated: bool) -> (String, usize) {
    let (entry, mut text, mut faults) = (candidate.entry, String::new(), 0);
    let mut line = |line: String| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{line}");
    };
    line(format!("{}: {}", entry.name, entry.description));
    for choice in entry.choices {
        line(format!("  variant  {choice}"));
    }
    match &candidate.checks {
        Ok(checks) => {
            for check in checks {
                faults += usize::from(!check.verdict.is_good());
                line(format!("  {} {}", in_words(check.verdict), visible(check.path.display())));
            }
        }
        Err(error) => {
            faults += 1;
            line(format!("  broken   {error}"));
        }
    }
    for split in Split::ALL {
        match open(entry.name, split, Some(folder)) {
            Ok(set) => {
                let mut census = census(&*set);
                let is_allowed =
                    |error: &Error| allow_truncated && matches!(error, Error::Truncated { .. });
                let cut: Vec<_> =
                    census.broken.extract_if(.., |(_, error)| is_allowed(error)).collect();
                faults += census.broken.len();
                for words in counted(&*set, &census).into_iter().chain(warnings(&cut)) {
                    line(format!("  {:8} {words}", split.name()));
                }
            }
            Err(error) => {
                faults += 1;
                line(format!("  {:8} {error}", split.name()));
            }
        }
    }
    (text, faults)
}

/// What is said of recordings that may be cut.
fn warnings(cut: &[(usize, Error)]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut total = 0;
    for (index, error) in cut {
        if let Error::Truncated { events, .. } = error {
            total += events;
        }
        lines.push(format!("warning: sample {index}: {error}"));
    }
    if !cut.is_empty() {
        lines.push(format!("{} recordings end early, after {total} events in all", cut.len()));
    }
    lines
}

fn counted(set: &dyn Dataset, census: &Census) -> Vec<String> {
    let counts = &census.per_class;
    let (least, most) = (counts.iter().min().unwrap_or(&0), counts.iter().max().unwrap_or(&0));
    let each = if least == most { format!("{least}") } else { format!("{least} to {most}") };
    let mut lines = vec![format!(
        "{} samples of {} classes, {each} each ({})",
        set.len(),
        counts.len(),
        set.info().partition
    )];
    if let Some((low, high)) = census.pixels {
        let channel = |(mean, deviation): &(f64, f64)| format!("{mean:.4} ± {deviation:.4}");
        let channels: Vec<_> = census.channels.iter().map(channel).collect();
        lines.push(format!("pixels {low} to {high}, mean ± deviation {}", channels.join(", ")));
    }
    if let Some((low, high)) = census.numbers {
        let channel = |(mean, deviation): &(f64, f64)| format!("{mean:.4} ± {deviation:.4}");
        let channels: Vec<_> = census.channels.iter().map(channel).collect();
        lines.push(format!("numbers {low} to {high}, mean ± deviation {}", channels.join(", ")));
    }
    if let Some((least, mean, most)) = census.events {
        lines.push(format!("{least} to {most} events, mean {mean:.0}"));
    }
    if let Some((short, long)) = census.duration {
        let (x, y) = census.extent.unwrap_or_default();
        let seconds = [short, long].map(|time| time as f64 / 1e6);
        lines.push(format!("{:.3} to {:.3} s, x to {x}, y to {y}", seconds[0], seconds[1]));
    }
    if census.out_of_order > 0 {
        lines.push(format!("{} recordings with times out of order", census.out_of_order));
    }
    lines.extend(census.broken.iter().map(|(index, error)| format!("sample {index}: {error}")));
    lines.push(format!("sha256 {}", set.info().content_hash));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_a_known_set_is_refused_in_words() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("file");
        std::fs::write(&file, "").unwrap();
        let cases = [
            (root.path().join("none"), None, "none: "),
            (file, None, "file: "),
            (root.path().into(), None, "holds no known data set"),
            (root.path().into(), Some("mnist"), "no `train-images-idx3-ubyte` in "),
            (root.path().into(), Some("digits"), "digits is part of this program"),
            (root.path().into(), Some("mnits"), "unknown data set `mnits`"),
        ];
        for (folder, name, words) in &cases {
            let text = run(folder, *name, None, false).unwrap_err().to_string();
            assert!(text.contains(words), "{text}");
        }
        assert_eq!(cases.len(), 6);
    }

    #[test]
    fn a_folder_is_described_and_drawn_and_faults_are_counted() {
        let root = tempfile::tempdir().unwrap();
        for name in ["train1K.txt", "test100.txt"] {
            std::fs::write(root.path().join(name), "#\n1 3\n2 4\n").unwrap();
        }
        std::fs::write(root.path().join("1.bs2"), [1, 1, 0, 0, 9, 2, 2, 0, 0, 4]).unwrap();
        std::fs::write(root.path().join("2.bs2"), [1, 1, 0]).unwrap();
        let found = identify(root.path());
        let (text, faults) = describe(&found[0], root.path(), false);
        // Both splits have another number of samples, and the second recording is cut in each.
        assert_eq!((found.len(), faults), (1, 4), "{text}");
        assert!(text.contains("2 samples of 10 classes, 0 to 1 each (official)"), "{text}");
        assert!(text.contains("1 recordings with times out of order"), "{text}");
        assert!(text.contains("sample 1: ") && text.contains("whole records"), "{text}");
        // A recording that may be cut is no fault.
        let (text, faults) = describe(&found[0], root.path(), true);
        assert_eq!(faults, 2, "{text}");
        assert!(text.contains("warning: sample 1: ") && text.contains("events before the cut"));
        assert!(text.contains("1 recordings end early, after 0 events in all"), "{text}");
        let sheet = root.path().join("sheet.png");
        assert!(run(root.path(), Some("nmnist-small"), Some(&sheet), false).is_err());
        assert!(std::fs::read(sheet).unwrap().starts_with(b"\x89PNG"));
    }
}
