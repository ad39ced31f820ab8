//! Writes a few good files per decoder into `fuzz/corpus/`, for the fuzzer to start from.

use std::io::Write;
use std::path::Path;

use candlewick_datasets::Events;
use candlewick_datasets::event::{Format, encode};
use flate2::Compression;
use flate2::write::GzEncoder;

fn main() -> std::io::Result<()> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let save = |target: &str, name: &str, bytes: &[u8]| {
        let folder = here.join("fuzz/corpus").join(target);
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join(name), bytes)
    };
    for (count, step) in [(0, 1), (3, 7), (40, 90_000)] {
        let mut events = Events { width: 34, height: 34, ..Events::default() };
        for index in 0..count {
            events.push(index as u16 % 34, index as u16 * 5 % 34, index * step, index % 3 == 0);
        }
        for &format in Format::ALL {
            if let Ok(bytes) = encode(&events, format) {
                save(format.name(), &format!("written-{count}"), &bytes)?;
            }
        }
    }
    let fixtures = here.join("tests/fixtures");
    for (target, name) in [
        ("aedat4", "lz4.aedat4"),
        ("aedat4", "zstd.aedat4"),
        ("es", "dvs.es"),
        ("hdf5", "shd_test.h5"),
        ("npy", "padded.npy"),
        ("npy", "structured.npy"),
        ("npz", "deflated.npz"),
        ("npz", "stored.npz"),
    ] {
        save(target, name, &std::fs::read(fixtures.join(name))?)?;
    }
    let words = |header: &[u8], words: &[u32]| {
        let bytes = words.iter().flat_map(|word| word.to_le_bytes());
        header.iter().copied().chain(bytes).collect::<Vec<u8>>()
    };
    save(
        "evt2",
        "hand",
        &words(
            b"% evt 2.0\n% format EVT2;height=720;width=1280\n% end\n",
            &[
                8 << 28 | 3,
                1 << 28 | 5 << 22 | 1279 << 11 | 0x2cf,
                8 << 28 | 0x0fff_ffff,
                8 << 28,
                6 << 11,
            ],
        ),
    )?;
    save(
        "evt3",
        "hand",
        &words(
            b"% evt 3.0\n% geometry 640x480\n",
            &[
                0x6003_8002,
                0x2809_0007,
                0x4801_3010,
                0x8003_5082,
                0x8fff_2001,
                0xe000_8000,
                0x2002_2002,
            ],
        ),
    )?;
    save(
        "dat",
        "hand",
        &words(
            b"% Width 304\n% Height 240\n\x0c\x08",
            &[100, 1 << 28 | 239 << 14 | 0x12f, u32::MAX, 0, 1, 2],
        ),
    )?;
    let records = [3, 10, 0, 0, 0, 7, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0x80, 0, 0, 0, 0, 9];
    save("aedat1", "hand", &[b"#!AER-DAT1.0\r\n# by hand\r\n", &records[..]].concat())?;
    let plain = [0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 7, 9];
    save("idx", "plain", &plain)?;
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(&plain)?;
    save("idx", "packed", &packed.finish()?)
}
