//! Arguments at and beyond the ends of their ranges.

use std::fs;

use crate::{Place, RECIPE};

#[test]
fn time_steps_of_an_evaluation_have_a_range() {
    let (place, run) = Place::trained();
    let run = run.to_str().unwrap();
    let cases = [
        ("0", "is not in 1.."),
        ("18446744073709551615", "number too large"),
        ("4,0", "is not in 1.."),
        ("4000000000", "an evaluation of T = 4000000000, batches of 50, needs about "),
    ];
    for (steps, words) in cases {
        let (code, error) = place.code(&["evaluate", run, "--time-steps", steps]);
        assert_eq!(code, 2, "{steps}: {error}");
        assert!(error.contains(words), "{steps}: {error}");
    }
    assert_eq!(place.code(&["evaluate", run, "--time-steps", "1,3"]).0, 0);
    assert_eq!(cases.len(), 4);
}

#[test]
fn more_threads_than_cores_are_not_started() {
    let place = Place::with(RECIPE);
    let output = place.output(&["train", "r.toml", "--threads", "1000"]);
    assert_eq!(output.status.code(), Some(0));
    let cores = std::thread::available_parallelism().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    let warning = format!("--threads 1000: this machine has {cores}, which are used");
    assert_eq!(text.matches(&warning).count(), 1, "{text}");
    let manifest = fs::read(place.run().join("manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    assert_eq!(manifest["threads"], cores.get());
}

/// Names of files are bytes here.
#[cfg(target_os = "linux")]
#[test]
fn names_that_are_not_unicode_are_names() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let place = Place::with(RECIPE);
    let name = OsStr::from_bytes(b"r\xff.toml");
    fs::copy(place.path("r.toml"), place.path(name)).unwrap();
    let runs = OsStr::from_bytes(b"runs\xff");
    let text = OsStr::new;
    let (code, error) = place.code(&[text("train"), name, text("--runs-dir"), runs]);
    assert_eq!((code, error.as_str()), (0, ""));
    let row = fs::read_dir(place.path(runs).join("train")).unwrap().next().unwrap().unwrap();
    let run = fs::read_dir(row.path()).unwrap().next().unwrap().unwrap().path();
    let commands = [
        vec![text("evaluate"), run.as_os_str(), text("--format"), text("json")],
        vec![text("evaluate"), run.as_os_str()],
        vec![text("figures"), run.as_os_str()],
        vec![text("compare"), run.as_os_str(), run.as_os_str()],
        vec![text("export"), run.as_os_str(), text("--out"), name],
    ];
    for command in &commands {
        assert_eq!(place.code(command), (0, String::new()), "{command:?}");
    }
    assert_eq!(place.code(&[text("list"), name]).0, 2);
    assert_eq!(commands.len(), 5);
}
