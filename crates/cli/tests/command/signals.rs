//! Signals in the middle of a training.

use std::fs;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use crate::{Place, RECIPE};

/// More epochs than anybody waits for.
fn endless() -> Place {
    Place::with(&RECIPE.replace("epochs = 2", "epochs = 1000000"))
}

fn send(signal: &str, child: &Child) {
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

/// Waits until the first epoch is over.
fn await_epoch(place: &Place, child: &mut Child) {
    let started = Instant::now();
    let is_there = || {
        let run = fs::read_dir(place.path("runs/train/r")).ok()?.next()?.ok()?.path();
        Some(fs::metadata(run.join("metrics.jsonl")).ok()?.len() > 0)
    };
    while is_there() != Some(true) {
        assert_eq!(child.try_wait().unwrap(), None, "the training ended by itself");
        assert!(started.elapsed() < Duration::from_mins(2), "no epoch in two minutes");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The exit code of what was asked to end.
fn code(mut child: Child) -> Option<i32> {
    let started = Instant::now();
    while started.elapsed() < Duration::from_mins(2) {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    panic!("no end in two minutes");
}

#[test]
fn every_signal_to_end_leaves_a_checkpoint_and_its_own_code() {
    let cases = [("-INT", 130), ("-TERM", 143), ("-HUP", 129)];
    for (signal, expected) in cases {
        let place = endless();
        let mut child = place.command(&["train", "r.toml"]).spawn().unwrap();
        await_epoch(&place, &mut child);
        send(signal, &child);
        assert_eq!(code(child), Some(expected), "{signal}");
        assert_eq!(place.status(), "interrupted", "{signal}");
        assert!(place.run().join("checkpoints/last.safetensors").is_file(), "{signal}");
    }
    assert_eq!(cases.len(), 3);
}

/// What `nohup` starts outlives its terminal.
#[test]
fn a_signal_that_is_ignored_stays_so() {
    let place = endless();
    let line = format!("trap '' HUP; exec {} train r.toml", env!("CARGO_BIN_EXE_candlewick"));
    let mut child =
        Command::new("sh").args(["-c", &line]).current_dir(place.path("")).spawn().unwrap();
    await_epoch(&place, &mut child);
    send("-HUP", &child);
    send("-TERM", &child);
    assert_eq!(code(child), Some(143));
}
