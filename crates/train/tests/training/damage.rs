//! A damaged or foreign checkpoint gives one sentence that names the file and the part.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use candlewick_core::Key;
use candlewick_run::RunDirectory;
use candlewick_train::{Checkpoint, Error, Silent, Stage};

use crate::bench::{Result, Training, network, settings};

/// A checkpoint of a short training, and the directory that it lives in.
fn checkpoint() -> Result<(tempfile::TempDir, PathBuf, Vec<u8>)> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("run");
    Training::small(settings(vec![Stage::new(1, 2)]))?.record(&path)?;
    let file = path.join("checkpoints").join("last.safetensors");
    let bytes = std::fs::read(&file)?;
    Ok((directory, file, bytes))
}

/// The part that the error names; fails unless it is about the checkpoint.
fn field(error: Error, file: &std::path::Path) -> String {
    let message = error.to_string();
    assert!(message.starts_with(&file.display().to_string()), "{message}");
    let Error::Checkpoint { field, .. } = error else {
        unreachable!("{message}");
    };
    field
}

#[test]
fn a_flipped_bit_anywhere_is_noticed_and_named() -> Result<()> {
    let (_directory, file, bytes) = checkpoint()?;
    let header = 8 + u64::from_le_bytes(bytes[..8].try_into()?) as usize;
    let mut stream = Key::new(3).named("damage").stream();
    let mut tensors = 0;
    let mut visited = 0;
    for round in 0..400 {
        // Half of the flips hit the header, which is small.
        let bound = if round % 2 == 0 { header } else { bytes.len() };
        let at = stream.below(bound as u32) as usize;
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << stream.below(8);
        std::fs::write(&file, &damaged)?;
        let Err(error) = Checkpoint::open(&file) else {
            return Err(format!("a flip in byte {at} of {} passed", bytes.len()).into());
        };
        let field = field(error, &file);
        if at >= header {
            assert_ne!(field, "header", "byte {at} is behind the header");
            tensors += 1;
        }
        visited += 1;
    }
    assert_eq!(visited, 400);
    assert!(tensors > 100, "{tensors} flips hit tensors");
    Ok(())
}

#[test]
fn a_truncated_file_is_noticed() -> Result<()> {
    let (_directory, file, bytes) = checkpoint()?;
    let mut visited = 0;
    for length in [0, 7, 8, 100, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(&file, &bytes[..length])?;
        let error = Checkpoint::open(&file).err().ok_or("a cut file was read")?;
        assert_eq!(field(error, &file), "header");
        visited += 1;
    }
    assert_eq!(visited, 6);
    std::fs::remove_file(&file)?;
    let missing = Checkpoint::open(&file).err().ok_or("a missing file was read")?;
    assert!(missing.to_string().starts_with("cannot read "), "{missing}");
    Ok(())
}

#[test]
fn another_network_is_refused_by_the_name_of_the_tensor() -> Result<()> {
    let (_directory, file, _) = checkpoint()?;
    let checkpoint = Checkpoint::open(&file)?;
    let mut visited = 0;
    for (layers, what) in [
        ("FC25-DP0.2-FC10", "expected f32 [64, 25], found F32 [64, 24]"),
        ("FC24-FC24-FC10", "the tensor is missing"),
        ("FC10", "expected f32 [64, 10], found F32 [24, 10]"),
    ] {
        let other = network(layers, 1)?;
        let before = other.parameters().to_safetensors()?;
        let error = checkpoint.load_parameters(other.parameters()).err().ok_or("it fitted")?;
        assert!(error.to_string().ends_with(what), "{layers}: {error}");
        assert_eq!(other.parameters().to_safetensors()?, before, "{layers} was changed");
        visited += 1;
    }
    assert_eq!(visited, 3);
    let same = network("FC24-DP0.2-FC10", 1)?;
    let before = same.parameters().to_safetensors()?;
    checkpoint.load_parameters(same.parameters())?;
    assert_ne!(same.parameters().to_safetensors()?, before);
    Ok(())
}

#[test]
fn a_run_with_a_damaged_checkpoint_does_not_go_on() -> Result<()> {
    let (directory, file, mut bytes) = checkpoint()?;
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&file, &bytes)?;
    let path = directory.path().join("run");
    std::fs::remove_file(path.join("summary.json"))?;
    let mut run = RunDirectory::resume(&path)?;
    let training = Training::small(settings(vec![Stage::new(1, 2)]))?;
    let outcome = training.run(Some(&mut run), &mut Silent, &AtomicBool::new(false));
    let error = outcome.err().ok_or("it did not stop")?;
    assert!(error.to_string().ends_with("damaged: its checksum does not fit"), "{error}");
    Ok(())
}
