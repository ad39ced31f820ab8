//! Standard output and standard error that take nothing: a reader that left, a full device.

use std::fs::File;
use std::process::Stdio;

use crate::{Place, RECIPE};

/// The end of a pipe that nobody reads.
fn unread() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

fn full() -> Stdio {
    File::options().write(true).open("/dev/full").unwrap().into()
}

#[test]
fn no_lost_terminal_ends_a_training() {
    let stream = |kind| match kind {
        "unread" => unread(),
        "full" => full(),
        _ => Stdio::null(),
    };
    let kinds = ["unread", "full", "null"];
    let mut visited = 0;
    for of_errors in kinds {
        for of_output in kinds {
            let place = Place::with(RECIPE);
            let mut command = place.command(&["train", "r.toml"]);
            command.stderr(stream(of_errors)).stdout(stream(of_output));
            let status = command.status().unwrap();
            // That results could not be printed is said, but by a device that is full alone.
            let expected = i32::from(of_output == "full");
            assert_eq!(status.code(), Some(expected), "errors {of_errors}, output {of_output}");
            assert_eq!(place.status(), "complete", "errors {of_errors}, output {of_output}");
            assert!(place.run().join("summary.json").is_file());
            visited += 1;
        }
    }
    assert_eq!(visited, 9);
}

/// The warning of the threads, traces, and the error itself.
#[test]
fn errors_and_warnings_are_lost_in_silence() {
    let place = Place::with(&RECIPE.replace("2C3-AP2-FC10", "FC10"));
    let mut visited = 0;
    for errors in [unread, full] {
        let mut command = place.command(&["train", "r.toml", "--threads", "1000"]);
        let status = command.env("RUST_LOG", "trace").stderr(errors()).status().unwrap();
        assert_eq!(status.code(), Some(2));
        visited += 1;
    }
    assert_eq!(visited, 2);
}

#[test]
fn control_characters_of_a_recipe_do_not_reach_the_terminal() {
    let place = Place::with("[data]\nname = \"digits\"\n\"\\u001b[2J\" = 1\n# \u{1b}[2J");
    let output = place.output(&["recipe", "check", "r.toml"]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text.contains("\\u{1b}[2J") && !text.contains('\u{1b}'), "{text:?}");
    assert!(text.contains('\n'), "{text:?}");
}
