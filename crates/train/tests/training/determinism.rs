//! The same seed gives the same bytes, on any number of threads.

use candlewick_train::{Settings, Stage};

use crate::bench::{Record, Result, Training, settings};

/// The record of a training on a pool of `threads` threads.
fn record(layers: &'static str, threads: usize, recompute: bool) -> Result<Record> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("run");
    let settings = Settings { recompute, ..settings(vec![Stage::new(2, 3)]) };
    let mut training = Training::small(settings)?;
    training.layers = layers;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
    // Errors of the boxed kind do not cross threads.
    let outcome = pool.install(|| training.record(&path).map_err(|error| error.to_string()));
    Ok(outcome?)
}

#[test]
fn the_same_seed_gives_the_same_bytes_on_one_and_two_threads() -> Result<()> {
    let mut visited = 0;
    for layers in ["FC24-DP0.2-FC10", "8C3-AP2-8C3-MP2-DP0.1-FC10"] {
        let one = record(layers, 1, false)?;
        for (threads, recompute, what) in [
            (1, false, "again"),
            (2, false, "two threads"),
            (3, false, "three threads"),
            (2, true, "recomputed on two threads"),
        ] {
            record(layers, threads, recompute)?.assert_equals(&one, what);
            visited += 1;
        }
    }
    assert_eq!(visited, 8);
    Ok(())
}
