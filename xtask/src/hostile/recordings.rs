//! Recordings of every format: written by the command, or of random words behind a good header, and damaged.

use std::fs;
use std::path::Path;

use anyhow::Result;
use fastrand::Rng;

use super::attack::Attack;
use super::damage::{cut, damage};
use super::ground::{Ground, WRITTEN};

/// Committed recordings by their format.
const FIXTURES: [(&str, &str); 7] = [
    ("aedat4", "lz4.aedat4"),
    ("aedat4", "zstd.aedat4"),
    ("es", "dvs.es"),
    ("npy", "padded.npy"),
    ("npy", "structured.npy"),
    ("npz", "deflated.npz"),
    ("npz", "stored.npz"),
];
/// Formats of plain words behind a header.
const WORDS: [(&str, &[u8]); 4] = [
    ("aedat1", b"#!AER-DAT1.0\r\n# any\r\n"),
    ("dat", b"% Width 304\n% Height 240\n\x0c\x08"),
    ("evt2", b"% evt 2.0\n% format EVT2;height=720;width=1280\n% end\n"),
    ("evt3", b"% evt 3.0\n% geometry 640x480\n"),
];
/// Formats that say how much there is, so that no cut may pass.
const ANNOUNCED: [&str; 3] = ["aedat4", "npy", "npz"];

pub(crate) fn attack(ground: &Ground, random: &mut Rng, folder: &Path) -> Result<Attack> {
    let (format, mut bytes) = good(ground, random)?;
    let truncates = random.u8(..4) == 0;
    let how = if truncates { cut(random, &mut bytes) } else { damage(random, &mut bytes) };
    fs::write(folder.join("recording"), bytes)?;
    let task = match random.u8(..4) {
        0 => "events view recording --out view.png",
        1 => "data convert recording --to atis --out out",
        _ => "events info recording",
    };
    Ok(Attack {
        what: format!("{format}, {how}"),
        words: format!("{task} --as {format}"),
        must_fail: truncates && ANNOUNCED.contains(&format),
    })
}

fn good(ground: &Ground, random: &mut Rng) -> Result<(&'static str, Vec<u8>)> {
    let choice = random.usize(..FIXTURES.len() + WRITTEN.len() + WORDS.len());
    let fixture = |name: &str| ground.fixture("datasets/tests/fixtures").join(name);
    if let Some((format, name)) = FIXTURES.get(choice) {
        return Ok((format, fs::read(fixture(name))?));
    }
    if let Some(format) = WRITTEN.get(choice - FIXTURES.len()) {
        return Ok((format, fs::read(ground.good(&format!("recording.{format}")))?));
    }
    let (format, header) = WORDS[choice - FIXTURES.len() - WRITTEN.len()];
    let words = random.usize(..2_000);
    Ok((format, header.iter().copied().chain((0..words).map(|_| random.u8(..))).collect()))
}
