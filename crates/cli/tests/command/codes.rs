//! Exit codes, as the manual has them.

use std::fs;

use crate::Place;

#[test]
fn failures_have_the_documented_codes() {
    let (place, run) = Place::trained();
    // One event of N-MNIST.
    fs::write(place.path("a.bin"), [18, 16, 0x80, 0x03, 0x7d]).unwrap();
    let run = run.to_str().unwrap();
    let convert = ["data", "convert", "a.bin", "--to"];
    let cases: &[(&[&str], i32)] = &[
        (&["events", "info", "a.bin"], 0),
        (&["events", "info", "a.bin", "--sensor", "34"], 2),
        (&["events", "info", "a.bin", "--as", "atari"], 2),
        (&["events", "view", "a.bin", "--out", "a.bmp"], 2),
        (&["events", "view", "a.bin", "--out", "none/a.gif"], 1),
        (&[&convert[..], &["atari", "--out", "b"]].concat(), 2),
        (&[&convert[..], &["aedat3", "--out", "none/b"]].concat(), 1),
        (&["bench", "step", "--density", "2"], 2),
        (&["bench", "linear-lif", "--neurons", "0"], 2),
        (&["bench", "linear-lif", "--neurons", "8", "--time-steps", "3", "--steps", "1"], 0),
        (&["run", run, "--events", "a.bin", "--window", "0"], 2),
        (&["run", run, "--events", "none.bin"], 3),
        (&["export", run, "--out", "none/net.safetensors"], 1),
        (&["compare", run, run, "--html", "none/page.html"], 1),
        (&["figures", run, "--output", "a.bin/figures"], 1),
        (&["import", "a.bin", "--recipe", "r.toml", "--out", run], 2),
        (&["import", "a.bin", "--recipe", "none.toml", "--out", "new"], 2),
        (&["train", "r.toml", "--runs-dir", "a.bin"], 1),
        (&["train", "r.toml", "--device", "abacus"], 2),
        (&["reproduce", "no-table"], 2),
        (&["data", "check", "none"], 3),
        (&["data", "check", "."], 3),
        (&["evaluate", "none"], 5),
    ];
    for (command, expected) in cases {
        let (code, error) = place.code(command);
        assert_eq!(code, *expected, "{command:?}: {error}");
    }
    assert_eq!(cases.len(), 23);
}

/// A full disk is nobody's damage.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_no_damage() {
    let (place, _) = Place::trained();
    fs::write(place.path("a.bin"), [18, 16, 0x80, 0x03, 0x7d]).unwrap();
    let command = ["data", "convert", "a.bin", "--to", "aedat3", "--out", "/dev/full"];
    let (code, error) = place.code(&command);
    assert_eq!(code, 1, "{error}");
    assert!(error.starts_with("error: cannot write /dev/full: No space left"), "{error}");
}

#[test]
fn a_damaged_resolved_recipe_is_damage_of_the_run() {
    let (place, run) = Place::trained();
    let resolved = run.join("resolved.toml");
    let text = fs::read_to_string(&resolved).unwrap();
    let run = run.to_str().unwrap();
    let commands = [
        &["evaluate", run][..],
        &["export", run, "--out", "net.safetensors"],
        &["compare", run, run],
        &["figures", run, "--flatness", "1"],
    ];
    let mut visited = 0;
    for damaged in [text[..text.len() / 2].to_owned(), "seed = \"".into(), String::new()] {
        fs::write(&resolved, damaged).unwrap();
        for command in commands {
            let (code, error) = place.code(command);
            assert!(code == 5, "{command:?}: {code} {error}");
            visited += 1;
        }
    }
    assert_eq!(visited, 12);
}
