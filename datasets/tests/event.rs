//! Laws of the event formats, and golden numbers of the event data sets.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::path::Path;

use candlewick_datasets::event::{Chunks, Format, Options, decode, detect, encode};
use candlewick_datasets::{Dataset, Events, Result, Sample, Split, open};
use candlewick_kernels::random::{Key, Stream};

/// The formats that this crate writes, with a sensor that they can hold.
const WRITABLE: &[(Format, (usize, usize))] = &[
    (Format::Aedat2, (128, 128)),
    (Format::Aedat2Davis, (346, 260)),
    (Format::Aedat3, (1280, 720)),
    (Format::Atis, (34, 34)),
];

fn name() -> &'static Path {
    Path::new("test")
}

fn random_events(stream: &mut Stream, (width, height): (usize, usize)) -> Events {
    let mut events = Events { width, height, ..Events::default() };
    let mut time = i64::from(stream.below(1_000));
    for _ in 0..stream.below(20_000) {
        time += i64::from(stream.below(200));
        let (x, y) = (stream.below(width as u32), stream.below(height as u32));
        events.push(x as u16, y as u16, time, stream.bernoulli(0.5));
    }
    events
}

fn in_chunks(bytes: impl std::io::Read, format: Format) -> Result<Events> {
    let mut whole = Events::default();
    for piece in Chunks::new(name(), bytes, format, Options::default()) {
        let piece = piece?;
        (whole.width, whole.height) = (piece.width, piece.height);
        whole.x.extend(piece.x);
        whole.y.extend(piece.y);
        whole.t.extend(piece.t);
        whole.p.extend(piece.p);
    }
    Ok(whole)
}

/// A reader that gives a few bytes at a time.
struct Trickle<'a>(&'a [u8], Stream);

impl std::io::Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = (1 + self.1.below(50) as usize).min(buffer.len()).min(self.0.len());
        buffer[..count].copy_from_slice(&self.0[..count]);
        self.0 = &self.0[count..];
        Ok(count)
    }
}

#[test]
fn what_is_written_is_read_back_whole_and_in_pieces() {
    let mut visited = 0;
    for &(format, sensor) in WRITABLE {
        for seed in 0..8 {
            let mut stream = Key::new(seed).stream();
            let events = random_events(&mut stream, sensor);
            let bytes = encode(&events, format).unwrap();
            assert_eq!(decode(name(), &bytes, format, Some(sensor)).unwrap(), events);
            let whole = decode(name(), &bytes, format, None).unwrap();
            assert_eq!(in_chunks(&bytes[..], format).unwrap(), whole);
            assert_eq!(in_chunks(Trickle(&bytes, stream), format).unwrap(), whole);
            visited += 1;
        }
    }
    assert_eq!(visited, 8 * WRITABLE.len());
}

/// Whatever the bytes: no panic, the arrays agree, the events lie on the sensor, and reading in
/// pieces gives the same events or an error as well.
fn survives(bytes: &[u8], format: Format) -> bool {
    let whole = decode(name(), bytes, format, None);
    let pieces = in_chunks(bytes, format);
    match (&whole, pieces) {
        // No piece tells the size of the sensor where there is no event.
        (Ok(whole), Ok(pieces)) => assert!(*whole == pieces || whole.is_empty()),
        (Err(_), Err(_)) => {}
        (whole, pieces) => panic!("{format:?}: {whole:?} but {pieces:?}"),
    }
    if let Ok(events) = &whole {
        assert_eq!([events.x.len(), events.y.len(), events.p.len()], [events.len(); 3]);
        assert!(events.x.iter().all(|&x| usize::from(x) < events.width));
        assert!(events.y.iter().all(|&y| usize::from(y) < events.height));
        // The most events that a byte can hold: 12 in the two bytes of an EVT3 vector.
        assert!(events.len() <= 6 * bytes.len());
    }
    whole.is_ok()
}

/// The shortest header after which events may follow.
fn header(format: Format) -> &'static [u8] {
    match format {
        Format::Aedat2 | Format::Aedat2Davis => b"#!AER-DAT2.0\r\n#End Of ASCII Header\r\n",
        Format::Aedat1 => b"#!AER-DAT1.0\r\n#End Of ASCII Header\r\n",
        Format::Aedat3 => b"#!AER-DAT3.1\r\n#!END-HEADER\r\n",
        Format::Es => b"Event Stream\x02\0\0\x01\xff\xff\xff\xff",
        Format::Dat => b"% Version 2\n\x0c\x08",
        Format::Evt2 | Format::Evt3 => b"% end\n",
        _ => b"",
    }
}

#[test]
fn no_bytes_cause_a_panic() {
    let mut visited = 0;
    for &format in Format::ALL {
        let mut good = 0;
        for seed in 0..300 {
            let mut stream = Key::new(seed).named("noise").stream();
            let mut bytes = if seed % 3 == 0 { Vec::new() } else { header(format).to_vec() };
            bytes.extend((0..stream.below(600)).map(|_| stream.word() as u8));
            good += usize::from(survives(&bytes, format));
            visited += 1;
        }
        // Random packets of AEDAT 3.1 and random arrays are never whole.
        let fragile = matches!(format, Format::Aedat3 | Format::Aedat4 | Format::Npy | Format::Npz);
        assert_eq!(good > 0, !fragile, "{format:?}: {good}");
    }
    assert_eq!(visited, 300 * Format::ALL.len());
}

/// What spikingjelly 2.0.0 (`load_aedat_v3` and the reader of CIFAR10-DVS) and tonic 1.7.0 found in
/// the files that these lines write, in the coordinates and the polarity of the recording.
#[test]
fn peers_read_what_is_written() {
    let set = open("fashion-mnist-dvs", Split::Train, None).unwrap();
    let mut events = events(&*set, 3);
    for time in &mut events.t[2_001..] {
        *time += 3 << 31;
    }
    let read = |events: &Events, format| {
        let bytes = encode(events, format).unwrap();
        sums([decode(name(), &bytes, format, None).unwrap()].iter())
    };
    let expected = [3_704, 61_610, 56_145, 10_972_035_639_339, 1_929];
    assert_eq!(read(&events, Format::Aedat3), expected);
    for time in &mut events.t {
        *time &= 0xffff_ffff;
    }
    let expected = [3_704, 61_610, 56_145, 3_657_706_334_251, 1_929];
    assert_eq!(read(&events, Format::Aedat2), expected);
    assert_eq!(read(&events, Format::Aedat2Davis), expected);
}

/// Files that other programs made; the script beside them says how.
const FOREIGN: [(Format, &[u8]); 7] = [
    (Format::Aedat4, include_bytes!("fixtures/lz4.aedat4")),
    (Format::Aedat4, include_bytes!("fixtures/zstd.aedat4")),
    (Format::Npy, include_bytes!("fixtures/structured.npy")),
    (Format::Npy, include_bytes!("fixtures/padded.npy")),
    (Format::Npz, include_bytes!("fixtures/deflated.npz")),
    (Format::Npz, include_bytes!("fixtures/stored.npz")),
    (Format::Es, include_bytes!("fixtures/dvs.es")),
];

/// The numbers are those of dv-processing 2.0.4 and of aedat 2.3.0, which agree.
#[test]
fn files_of_dv_are_read() {
    let mut visited = 0;
    for (format, bytes) in FOREIGN.into_iter().take(2) {
        assert_eq!(detect(name(), bytes), Some(format));
        let events = decode(name(), bytes, format, None).unwrap();
        assert_eq!((events.width, events.height), (346, 260));
        assert_eq!((&events.x[..2], &events.y[..2]), (&[152, 256][..], &[249, 147][..]));
        assert_eq!(events.t[..2], [1_700_000_000_000_362, 1_700_000_000_000_802]);
        assert_eq!(events.p[..2], [true, false]);
        assert_eq!(sums([events].iter()), [400, 70_618, 51_025, 680_000_000_020_248_954, 205]);
        visited += 1;
    }
    assert_eq!(visited, 2);
}

#[test]
fn files_of_numpy_are_read() {
    let mut visited = 0;
    for (format, bytes) in FOREIGN.into_iter().skip(2).take(4) {
        let events = decode(name(), bytes, format, Some((128, 128))).unwrap();
        assert_eq!((events.width, events.height), (128, 128));
        assert_eq!((events.x, events.y), (vec![1, 2, 127, 4, 5], vec![9, 8, 7, 6, 5]));
        assert_eq!(events.t, [10, 20, 30, 40, 1 << 40]);
        assert_eq!(events.p, [true, false, true, true, false]);
        visited += 1;
    }
    assert_eq!(visited, 4);
}

/// The events are those that the Python package `event_stream` wrote.
#[test]
fn files_of_event_stream_are_read() {
    let (format, bytes) = FOREIGN[6];
    assert_eq!(detect(name(), bytes), Some(format));
    let events = decode(name(), bytes, format, None).unwrap();
    assert_eq!((events.width, events.height), (304, 240));
    assert_eq!((events.x, events.y), (vec![2, 300, 0, 254, 303], vec![3, 200, 239, 235, 0]));
    assert_eq!(events.t, [1, 200, 200, 327, 900]);
    assert_eq!(events.p, [true, false, true, true, true]);
}

/// The same with files that were good before a few bytes changed or the end was lost.
#[test]
fn no_damage_causes_a_panic() {
    let written = WRITABLE.iter().map(|&(format, sensor)| {
        let bytes = encode(&random_events(&mut Key::new(1).stream(), sensor), format).unwrap();
        (format, bytes[..bytes.len().min(4_000)].to_vec())
    });
    let files: Vec<_> =
        written.chain(FOREIGN.map(|(format, bytes)| (format, bytes.to_vec()))).collect();
    let (mut visited, mut good) = (0, 0);
    for (format, bytes) in &files {
        for seed in 0..300 {
            let mut stream = Key::new(seed).named("damage").stream();
            let mut bytes = bytes.clone();
            if stream.bernoulli(0.5) {
                bytes.truncate(stream.below(bytes.len() as u32) as usize);
            }
            for _ in 0..stream.below(4) {
                if !bytes.is_empty() {
                    let at = stream.below(bytes.len() as u32) as usize;
                    bytes[at] = stream.word() as u8;
                }
            }
            good += usize::from(survives(&bytes, *format));
            visited += 1;
        }
    }
    assert_eq!(visited, 300 * 11);
    assert!(good > 0 && good < visited);
}

fn events(set: &dyn Dataset, index: usize) -> Events {
    match set.read(index).unwrap() {
        Sample::Events(events) => events,
        _ => panic!("not events"),
    }
}

/// Count and sums of x, y, t and p over all events.
fn sums<'a>(recordings: impl Iterator<Item = &'a Events>) -> [i64; 5] {
    recordings.fold([0; 5], |[count, x, y, t, p], events| {
        [
            count + events.len() as i64,
            x + events.x.iter().map(|&x| i64::from(x)).sum::<i64>(),
            y + events.y.iter().map(|&y| i64::from(y)).sum::<i64>(),
            t + events.t.iter().sum::<i64>(),
            p + events.p.iter().filter(|&&p| p).count() as i64,
        ]
    })
}

/// The simulated set does not change unnoticed, and the real decoder reads what the writer made.
#[test]
fn fashion_mnist_dvs_is_fixed_and_fits_the_format_of_nmnist() {
    let mut visited = 0;
    let set = open("fashion-mnist-dvs", Split::Train, None).unwrap();
    for index in 0..20 {
        let events = events(&*set, index);
        let bytes = encode(&events, Format::Atis).unwrap();
        assert_eq!(bytes.len(), 5 * events.len());
        assert_eq!(decode(name(), &bytes, Format::Atis, Some((34, 34))).unwrap(), events);
        visited += 1;
    }
    assert_eq!(visited, 20);
    let test = open("fashion-mnist-dvs", Split::Test, None).unwrap();
    assert_eq!(sums([events(&*set, 0)].iter()), [4_507, 82_175, 82_465, 605_088_682, 2_320]);
    assert_eq!(sums([events(&*test, 999)].iter()), [5_464, 103_635, 93_943, 767_079_172, 2_837]);
}
