//! A folder of recordings or a file of arrays of one's own, damaged.

use std::fs;
use std::path::Path;

use anyhow::Result;
use fastrand::Rng;

use super::attack::Attack;
use super::damage::{cut, damage};
use super::ground::{Ground, WRITTEN};

pub(crate) fn attack(ground: &Ground, random: &mut Rng, folder: &Path) -> Result<Attack> {
    if random.bool() { recordings(ground, random, folder) } else { arrays(random, folder) }
}

fn recordings(ground: &Ground, random: &mut Rng, folder: &Path) -> Result<Attack> {
    let format = WRITTEN[random.usize(..WRITTEN.len())];
    let good = ground.good(&format!("recording.{format}"));
    let name = if format == "atis" { "a.bin" } else { "a.aedat" };
    for place in ["train/x", "train/y", "test/x"] {
        fs::create_dir_all(folder.join("data").join(place))?;
        fs::copy(&good, folder.join("data").join(place).join(name))?;
    }
    let mut sensor = b"346x260".to_vec();
    let mut bytes = fs::read(good)?;
    let how = if random.u8(..8) == 0 {
        format!("sensor.txt, {}", damage(random, &mut sensor))
    } else {
        damage(random, &mut bytes)
    };
    fs::write(folder.join("data/sensor.txt"), sensor)?;
    fs::write(folder.join("data/train/y").join(name), bytes)?;
    Ok(Attack {
        what: format!("{format}, {how}"),
        words: "data check data --name event-folder".to_owned(),
        must_fail: false,
    })
}

fn arrays(random: &mut Rng, folder: &Path) -> Result<Attack> {
    let data = folder.join("data");
    fs::create_dir_all(&data)?;
    let values: Vec<f32> = (0..64).map(|number| number as f32 / 7.0).collect();
    let floats: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let labels: Vec<u8> = (0..16).map(|number| number % 4).collect();
    let choice = random.usize(..3);
    let (name, mut bytes) = match choice {
        0 => ("train-inputs.npy", npy("<f4", "(16, 2, 2)", &floats)),
        1 => ("train.safetensors", tensors(&floats, &labels)),
        _ => ("train.csv", table(&values, &labels)),
    };
    fs::write(data.join(name.replace("train", "test")), &bytes)?;
    for part in ["train", "test"] {
        fs::write(data.join(format!("{part}-labels.npy")), npy("|u1", "(16,)", &labels))?;
    }
    // A table announces nothing.
    let truncates = choice < 2 && random.bool();
    let how = if truncates { cut(random, &mut bytes) } else { damage(random, &mut bytes) };
    fs::write(data.join(name), bytes)?;
    Ok(Attack {
        what: format!("{name}, {how}"),
        words: "data check data --name arrays".to_owned(),
        must_fail: truncates,
    })
}

fn npy(kind: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let text = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n");
    let length = (text.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], text.as_bytes(), data].concat()
}

fn tensors(floats: &[u8], labels: &[u8]) -> Vec<u8> {
    let (middle, end) = (floats.len(), floats.len() + labels.len());
    let header = serde_json::json!({
        "inputs": { "dtype": "F32", "shape": [16, 4], "data_offsets": [0, middle] },
        "labels": { "dtype": "U8", "shape": [16], "data_offsets": [middle, end] },
    });
    let header = header.to_string();
    let length = (header.len() as u64).to_le_bytes();
    [&length[..], header.as_bytes(), floats, labels].concat()
}

fn table(values: &[f32], labels: &[u8]) -> Vec<u8> {
    let rows = values
        .chunks_exact(4)
        .zip(labels)
        .map(|(row, label)| format!("{},{},{},{},{label}\n", row[0], row[1], row[2], row[3]));
    std::iter::once("a,b,c,d,label\n".to_owned()).chain(rows).collect::<String>().into_bytes()
}
