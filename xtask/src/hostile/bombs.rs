//! Small files that unpack, nest or announce far more than they hold.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use anyhow::{Context, Result};
use fastrand::Rng;
use flate2::write::{GzEncoder, ZlibEncoder};
use flate2::{Compression, Crc};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::attack::Attack;
use super::ground::Ground;

/// Writes a bomb into a folder.
type Bomb = fn(&Ground, &mut Rng, &Path) -> Result<Opened>;

/// What a bomb is, and the words that open it.
type Opened = (&'static str, &'static str);

const BOMBS: [Bomb; 7] = [npz, aedat4, idx, png, pickle, safetensors, toml];

pub(crate) fn attack(ground: &Ground, random: &mut Rng, folder: &Path) -> Result<Attack> {
    let (what, words) = BOMBS[random.usize(..BOMBS.len())](ground, random, folder)?;
    Ok(Attack { what: what.to_owned(), words: words.to_owned(), must_fail: true })
}

/// Bytes that are more than a process may take.
fn too_many(random: &mut Rng) -> u64 {
    random.u64(1 << 29..1 << 30)
}

fn zeros(count: u64, out: &mut impl Write) -> io::Result<()> {
    io::copy(&mut io::repeat(0).take(count), out).map(drop)
}

/// Arrays of zeros in an archive.
fn npz(_: &Ground, random: &mut Rng, folder: &Path) -> Result<Opened> {
    // Four arrays of eight bytes per element.
    let count = too_many(random) / 32;
    let mut archive = ZipWriter::new(File::create(folder.join("bomb.npz"))?);
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for name in ["t", "x", "y", "p"] {
        archive.start_file(format!("{name}.npy"), options)?;
        let mut header =
            format!("{{'descr': '<i8', 'fortran_order': False, 'shape': ({count},), }}");
        header.push_str(&" ".repeat(117 - header.len()));
        archive.write_all(b"\x93NUMPY\x01\x00\x76\x00")?;
        archive.write_all(format!("{header}\n").as_bytes())?;
        zeros(8 * count, &mut archive)?;
    }
    archive.finish()?;
    Ok(("arrays of zeros", "events info bomb.npz"))
}

/// A packet that is one byte, repeated.
fn aedat4(ground: &Ground, random: &mut Rng, folder: &Path) -> Result<Opened> {
    const BLOCK: u32 = 1 << 17;
    let mut bytes = fs::read(ground.fixture("datasets/tests/fixtures/zstd.aedat4"))?;
    let start = b"#!AER-DAT4.0\r\n".len();
    let (size, _) = bytes[start..].split_first_chunk().context("a header")?;
    bytes.truncate(start + 4 + u32::from_le_bytes(*size) as usize);
    // Magic number, a window of 128 KiB, and blocks of one repeated byte, of which one is the last.
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 7 << 3];
    let blocks = too_many(random) / u64::from(BLOCK);
    for block in 1..=blocks {
        let header = BLOCK << 3 | 1 << 1 | u32::from(block == blocks);
        frame.extend(&header.to_le_bytes()[..3]);
        frame.push(0);
    }
    bytes.extend(0_i32.to_le_bytes());
    bytes.extend((frame.len() as i32).to_le_bytes());
    bytes.extend(frame);
    fs::write(folder.join("bomb.aedat4"), bytes)?;
    Ok(("a packet of one byte, repeated", "events info bomb.aedat4"))
}

/// Images of zeros, more than announced or more than anyone has.
fn idx(_: &Ground, random: &mut Rng, folder: &Path) -> Result<Opened> {
    let size = too_many(random);
    fs::create_dir(folder.join("mnist"))?;
    for (part, count) in [("train", 60_000_u32), ("t10k", 10_000)] {
        for (what, kind) in [("images-idx3", 3_u32), ("labels-idx1", 1)] {
            let file = File::create(folder.join(format!("mnist/{part}-{what}-ubyte.gz")))?;
            let mut out = GzEncoder::new(file, Compression::fast());
            let announced = if random.bool() { count } else { (size / 784) as u32 };
            let header: &[u32] =
                if kind == 3 { &[0x803, announced, 28, 28] } else { &[0x801, announced] };
            for word in header {
                out.write_all(&word.to_be_bytes())?;
            }
            zeros(if part == "train" && kind == 3 { size } else { 1 << 20 }, &mut out)?;
            out.finish()?;
        }
    }
    Ok(("images of zeros", "data check mnist --name mnist"))
}

/// An image that announces up to 2³² pixels.
fn png(_: &Ground, random: &mut Rng, folder: &Path) -> Result<Opened> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut chunk = |kind: &[u8; 4], data: &[u8]| {
        let mut crc = Crc::new();
        crc.update(kind);
        crc.update(data);
        bytes.extend((data.len() as u32).to_be_bytes());
        bytes.extend([&kind[..], data].concat());
        bytes.extend(crc.sum().to_be_bytes());
    };
    let side = random.u32(20_000..60_000).to_be_bytes();
    chunk(b"IHDR", &[&side[..], &side, &[8, 0, 0, 0, 0]].concat());
    let mut pixels = ZlibEncoder::new(Vec::new(), Compression::fast());
    zeros(random.u64(1 << 20..1 << 28), &mut pixels)?;
    chunk(b"IDAT", &pixels.finish()?);
    chunk(b"IEND", &[]);
    for part in ["train", "test"] {
        fs::create_dir_all(folder.join("images").join(part).join("a"))?;
        fs::write(folder.join("images").join(part).join("a/bomb.png"), &bytes)?;
    }
    Ok(("an image of over 2²⁸ pixels", "data check images --name image-folder"))
}

/// A list of lists of lists, each of which holds the one before many times.
fn pickle(ground: &Ground, random: &mut Rng, folder: &Path) -> Result<Opened> {
    let mut program = b"\x80\x02]q\x00".to_vec();
    let depth = random.u8(10..200);
    for level in 1..depth {
        let before: Vec<u8> = (0..random.u8(2..20)).flat_map(|_| [b'h', level - 1]).collect();
        program.extend([b"]q", &[level, b'('][..], &before, b"e"].concat());
    }
    program.push(b'.');
    let mut archive = ZipWriter::new(File::create(folder.join("bomb.pth"))?);
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, content) in [("bomb/data.pkl", &program[..]), ("bomb/version", b"3\n")] {
        archive.start_file(name, options)?;
        archive.write_all(content)?;
    }
    archive.finish()?;
    fs::copy(ground.good("recipe-1.toml"), folder.join("recipe.toml"))?;
    Ok(("a list of lists of lists", "import bomb.pth --recipe recipe.toml --out imported"))
}

/// A header that is longer than the file, or nested as deep as it is long.
fn safetensors(ground: &Ground, random: &mut Rng, folder: &Path) -> Result<Opened> {
    let nested = "[".repeat(random.usize(1_000..1_000_000)).into_bytes();
    let length = if random.bool() { nested.len() as u64 } else { 1 << random.u32(20..64) };
    fs::write(folder.join("bomb.safetensors"), [&length.to_le_bytes()[..], &nested].concat())?;
    fs::copy(ground.good("recipe-1.toml"), folder.join("recipe.toml"))?;
    let words = "import bomb.safetensors --recipe recipe.toml --out imported";
    Ok(("a header that is too long or too deep", words))
}

/// A recipe that is nested deep, or very long.
fn toml(_: &Ground, random: &mut Rng, folder: &Path) -> Result<Opened> {
    let count = random.usize(1_000..1_000_000);
    let mut text = String::new();
    match random.u8(..4) {
        0 => write!(text, "a = {}", "[".repeat(count))?,
        1 => write!(text, "a = {}", "{ a = ".repeat(count))?,
        2 => write!(text, "a{} = 1", ".a".repeat(count))?,
        _ => (0..count).try_for_each(|key| writeln!(text, "key-{key} = [1, 2, 3]"))?,
    }
    fs::write(folder.join("recipe.toml"), text)?;
    Ok(("a recipe that is deep or long", "recipe check recipe.toml"))
}
