//! Files of weights that are damaged, of another machine, or made to harm: read as they are meant, or refused
//! in words and in little memory.

use std::error::Error;
use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use candlewick_core::Key;
use candlewick_core::parameters::seeded;
use candlewick_exchange::{NameMap, StateDict, import, template};
use candlewick_methods::Methods;
use candlewick_network::{AnyNetwork, Features, Network, Parts, Spec};
use candlewick_neuron::{AnyNeuron, Lif};
use candlewick_surrogate::AnySurrogate;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

type Checked = Result<(), Box<dyn Error>>;

fn golden(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/exchange").join(file)
}

/// VGGSNN at a sixteenth of its width.
fn network() -> Result<Network, Box<dyn Error>> {
    let layers = "4C3-8C3-AP2-16C3-16C3-AP2-32C3-32C3-AP2-32C3-32C3-AP2-FC10".into();
    let architecture: AnyNetwork = Spec { layers, bias: true }.into();
    let neuron: AnyNeuron = Lif::default().into();
    let parts = Parts::new(neuron.model(), AnySurrogate::named("triangle")?.shared());
    let features = Features::Map { height: 16, width: 16, channels: 2 };
    let builder = seeded(&Device::Cpu, Key::new(1));
    Ok(Network::new(&*architecture, &parts, &Methods::new(), features, 10, builder)?)
}

type Members = Vec<(String, Vec<u8>)>;

/// The members of a file of `torch.save`.
fn members(file: &str) -> Result<Members, Box<dyn Error>> {
    let mut archive = ZipArchive::new(Cursor::new(std::fs::read(golden(file))?))?;
    let mut members = Vec::new();
    for number in 0..archive.len() {
        let mut member = archive.by_index(number)?;
        let mut bytes = Vec::new();
        member.read_to_end(&mut bytes)?;
        members.push((member.name()?.into_owned(), bytes));
    }
    Ok(members)
}

/// An archive of members with their checksums.
fn archive(members: &Members, method: CompressionMethod) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        writer.start_file(name, SimpleFileOptions::default().compression_method(method))?;
        writer.write_all(bytes)?;
    }
    Ok(writer.finish()?.into_inner())
}

/// A file of `torch.save` with this pickle and one storage of the numbers 0 to 23.
fn saved(pickle: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let numbers = (0..24_u8).flat_map(|number| f32::from(number).to_le_bytes()).collect();
    let members = vec![("a/data.pkl".into(), pickle.to_vec()), ("a/data/0".into(), numbers)];
    archive(&members, CompressionMethod::Stored)
}

/// A pickle of a dictionary with one tensor `w` in the storage `0`: its offset, sizes and strides are opcodes.
fn tensor(offset: &[u8], dims: &[u8], strides: &[u8]) -> Vec<u8> {
    let mut pickle = b"\x80\x02}X\x01\0\0\0wctorch._utils\n_rebuild_tensor_v2\n((".to_vec();
    pickle.extend(b"X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x18tQ");
    for part in [offset, b"(", dims, b"t(", strides, b"t\x89NtRs."] {
        pickle.extend(part);
    }
    pickle
}

/// What reading these bytes gives, as words.
fn read(bytes: &[u8]) -> Result<Result<StateDict, String>, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("a.pth");
    std::fs::write(&path, bytes)?;
    Ok(StateDict::read(&path, None).map_err(|error| error.to_string()))
}

#[test]
fn a_small_file_takes_little_memory() -> Checked {
    // Tuples of the one before, twice each: 2⁶⁰ objects if they were copied; and a million in each other.
    let doubled = (0..60).flat_map(|number| [b'q', number, b'h', number, 0x86]);
    let doubled: Vec<u8> = b"\x80\x02)".iter().copied().chain(doubled).chain(*b".").collect();
    let deep = [&b"\x80\x02)"[..], &vec![0x85; 1_000_000], b"."].concat();
    // A text that claims two gigabytes, and a tensor that takes one number a million million times.
    let long = b"\x80\x02X\xff\xff\xff\x7f.".to_vec();
    let repeated = tensor(b"K\0", b"J\0\0\x10\0J\0\0\x10\0", b"K\0K\0");
    let cases = [
        (doubled, "no tensors at the top"),
        (deep, "no tensors at the top"),
        (long, "byte 2 of the pickle: expected 2147483647 more bytes, found 1 before its end"),
        (repeated, "tensors that overlap take more than four times the size of the file"),
    ];
    let mut visited = 0;
    for (pickle, words) in cases {
        let error = read(&saved(&pickle)?)?.err().ok_or("accepted")?;
        assert!(error.contains(words), "{error}");
        visited += 1;
    }
    assert_eq!(visited, 4);
    Ok(())
}

/// A few bytes changed, and now and then the end lost.
fn damaged(bytes: &[u8], seed: u64) -> Vec<u8> {
    let mut stream = Key::new(seed).stream();
    let mut bytes = bytes.to_vec();
    for _ in 0..=stream.below(3) {
        let at = stream.below(bytes.len() as u32) as usize;
        bytes[at] = stream.word() as u8;
    }
    if stream.bernoulli(0.2) {
        bytes.truncate(stream.below(bytes.len() as u32) as usize);
    }
    bytes
}

#[test]
fn no_damage_to_a_pickle_causes_a_panic() -> Checked {
    let good = members("vggsnn.pth")?;
    let (mut refused, mut read_all) = (0, 0);
    for seed in 0..400 {
        let mut members = good.clone();
        for (name, bytes) in &mut members {
            if name.ends_with("data.pkl") {
                *bytes = damaged(bytes, seed);
            }
        }
        match read(&archive(&members, CompressionMethod::Stored)?)? {
            Ok(_) => read_all += 1,
            Err(text) => {
                assert!(!text.is_empty());
                refused += 1;
            }
        }
    }
    // Names of tensors, and numbers that nobody needs, may be others.
    assert!(refused > 100 && read_all > 20, "{refused} and {read_all}");
    Ok(())
}

#[test]
fn names_with_control_characters_are_escaped() -> Checked {
    let pickle = tensor(b"K\0", b"K\x02", b"K\x01");
    let at = pickle.windows(6).position(|part| part == b"X\x01\0\0\0w").ok_or("no name")?;
    let named = [&pickle[..at], b"X\x05\0\0\0\x1b[2\"J", &pickle[at + 6..]].concat();
    let state = read(&saved(&named)?)??;
    let net = network()?;
    let error = import(net.parameters(), &state, &NameMap::default()).err().ok_or("accepted")?;
    let text = error.to_string();
    assert!(!text.contains('\u{1b}'), "{text:?}");
    // The map to start from is one, whatever the names are.
    let text = template(net.parameters(), &state);
    assert!(!text.contains('\u{1b}') && NameMap::parse(&text, "template").is_ok(), "{text:?}");
    Ok(())
}

#[test]
fn tensors_beyond_their_storage_are_refused_and_strided_ones_are_read() -> Checked {
    // 2⁶² times four bytes is 0 in 64 bits.
    let far = b"\x8a\x08\0\0\0\0\0\0\0\x40";
    let cases = [
        tensor(far, b"K\x02K\x03", b"K\x03K\x01"),
        tensor(b"K\0", b"K\x02K\x03", b"K\x03\x8a\x08\0\0\0\0\0\0\0\x40"),
        tensor(b"K\0", b"\x8a\x08\0\0\0\0\0\0\0\x40K\x04", b"K\x01K\x01"),
        tensor(b"K\x13", b"K\x02K\x03", b"K\x03K\x01"),
        tensor(b"J\xff\xff\xff\xff", b"K\x02", b"K\x01"),
        tensor(b"K\0", b"K\x02K\x03", b"K\x01"),
    ];
    let mut visited = 0;
    for pickle in cases {
        let error = read(&saved(&pickle)?)?.err().ok_or("accepted")?;
        let words =
            ["`w` cannot be read: expected numbers from ", "`w` is no tensor of plain numbers"];
        assert!(words.iter().any(|words| error.contains(words)), "{error}");
        visited += 1;
    }
    assert_eq!(visited, 6);

    // [1, 2, 2, 3] in the memory format `channels_last`: the channel is the fastest axis.
    let pickle = tensor(b"K\x06", b"K\x01K\x02K\x02K\x03", b"K\x0cK\x01K\x06K\x02");
    let state = read(&saved(&pickle)?)??;
    let (names, values): (Vec<_>, Vec<_>) = state.tensors().unzip();
    assert_eq!((names, values[0].dims()), (vec!["w"], &[1, 2, 2, 3][..]));
    let expected = [6.0, 8.0, 10.0, 12.0, 14.0, 16.0, 7.0, 9.0, 11.0, 13.0, 15.0, 17.0];
    assert_eq!(values[0].flatten_all()?.to_vec1::<f32>()?, expected);
    Ok(())
}

/// Puts a number into the first storage with that many of them.
fn put(members: &mut Members, count: usize, value: f32) {
    let storage = members
        .iter_mut()
        .find(|(name, bytes)| name.contains("/data/") && bytes.len() == 4 * count);
    if let Some((_, bytes)) = storage {
        bytes[..4].copy_from_slice(&value.to_le_bytes());
    }
}

#[test]
fn damaged_weights_are_refused_by_name() -> Checked {
    let good = members("vggsnn.pth")?;
    let stored = |members: &Members| archive(members, CompressionMethod::Stored);
    let with = |change: &dyn Fn(&mut Members)| {
        let mut members = good.clone();
        change(&mut members);
        stored(&members)
    };
    // The running variance is the sixth storage: weight, bias, and gamma, beta, mean of the normalization.
    let variance = |value: f32| {
        with(&|members| {
            let sixth = members.iter_mut().find(|(name, _)| name.ends_with("/data/5"));
            if let Some((_, bytes)) = sixth {
                bytes[..4].copy_from_slice(&value.to_le_bytes());
            }
        })
    };
    let mut flipped = stored(&good)?;
    let storage = good.iter().find(|(name, _)| name.ends_with("/data/0")).ok_or("no storage")?;
    let at = flipped.windows(storage.1.len()).position(|part| part == storage.1).ok_or("none")?;
    flipped[at + 7] ^= 1;
    let cases = [
        (
            flipped,
            "`module.features.0.fwd.module.0.weight` cannot be read: `data/0` of the archive: Invalid checksum",
        ),
        (
            with(&|members| put(members, 4 * 2 * 9, f32::NAN))?,
            "fwd.module.0.weight`: expected finite numbers, found NaN (1 of 72 numbers)",
        ),
        (with(&|members| put(members, 4 * 2 * 9, f32::INFINITY))?, "found inf"),
        (
            variance(-0.5)?,
            "running_var`: expected finite numbers from 0 on, found -0.5 (1 of 4 numbers)",
        ),
        (variance(f32::NAN)?, "running_var`: expected finite numbers from 0 on, found NaN"),
        (
            with(&|members| members.retain(|(name, _)| !name.ends_with("/data/3")))?,
            "`data/3` of the archive",
        ),
        (
            with(&|members| members.push(("b/data.pkl".into(), b"N.".to_vec())))?,
            "expected one `data.pkl`",
        ),
        (
            with(&|members| {
                members
                    .iter_mut()
                    .filter(|(name, _)| name.ends_with("byteorder"))
                    .for_each(|(_, bytes)| *bytes = b"mid\x1bdle".to_vec());
            })?,
            "byteorder: expected `little` or `big`, found `mid\\x1bdle`",
        ),
        (archive(&good, CompressionMethod::Deflated)?, "compressed, which torch.save never does"),
    ];
    let mut visited = 0;
    for (bytes, words) in cases {
        let net = network()?;
        let before = net.parameters().to_safetensors()?;
        let error = match read(&bytes)? {
            Ok(state) => import(net.parameters(), &state, &NameMap::default())
                .err()
                .map(|error| error.to_string()),
            Err(error) => Some(error),
        };
        let error = error.ok_or("accepted")?;
        assert!(error.contains(words), "{error}");
        assert_eq!(net.parameters().to_safetensors()?, before, "{error}");
        visited += 1;
    }
    assert_eq!(visited, 9);
    Ok(())
}

/// A machine of the other byte order says so in the record `byteorder`.
#[test]
fn files_of_big_endian_machines_have_the_same_numbers() -> Checked {
    let mut members = members("vggsnn.pth")?;
    for (name, bytes) in &mut members {
        if name.ends_with("byteorder") {
            *bytes = b"big".to_vec();
        } else if name.contains("/data/") {
            bytes.chunks_exact_mut(4).for_each(<[u8]>::reverse);
        }
    }
    let little = StateDict::read(&golden("vggsnn.pth"), None)?;
    let big = read(&archive(&members, CompressionMethod::Stored)?)??;
    let mut visited = 0;
    for ((name, expected), (other, found)) in little.tensors().zip(big.tensors()) {
        let [expected, found] = [expected, found].map(Tensor::flatten_all);
        assert_eq!(name, other);
        assert_eq!(expected?.to_vec1::<f32>()?, found?.to_vec1::<f32>()?, "{name}");
        visited += 1;
    }
    assert_eq!(visited, 8 * 6 + 2);
    Ok(())
}
