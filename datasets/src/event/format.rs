//! The file formats by name, and decoding and writing whole files.

use std::path::Path;

use super::aedat1::Aedat1;
use super::aedat2::{self, Aedat2, Layout};
use super::aedat3::{self, Aedat3};
use super::aedat4::Aedat4;
use super::atis::{self, Atis};
use super::decoder::{Decoder, Fault, place};
use super::event_stream::{EventStream, is_event_stream};
use super::numpy::Numpy;
use super::prophesee::{self, Dat, Evt2, Evt3};
use crate::{Error, Events, Result, file};

/// A file format of event recordings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// AEDAT 1.0 of the DVS128.
    Aedat1,
    /// AEDAT 2.0 of the DVS128, as CIFAR10-DVS.
    Aedat2,
    /// AEDAT 2.0 of the DAVIS cameras.
    Aedat2Davis,
    /// AEDAT 3.0 and 3.1, as DVS128 Gesture.
    Aedat3,
    /// AEDAT 4.0 of DV.
    Aedat4,
    /// The 40-bit records of N-MNIST and N-Caltech101 (`.bin`, `.bs2`).
    Atis,
    /// DAT of Prophesee.
    Dat,
    /// Event Stream 2.0 of DVS events (`.es`).
    Es,
    /// EVT 2.0 of Prophesee.
    Evt2,
    /// EVT 3.0 of Prophesee.
    Evt3,
    /// A structured array of NumPy with the fields x, y, t and p.
    Npy,
    /// An archive of NumPy with the arrays x, y, t and p, as SpikingJelly makes.
    Npz,
}

impl Format {
    /// All formats, in alphabetical order of their names.
    pub const ALL: &[Self] = &[
        Self::Aedat1,
        Self::Aedat2,
        Self::Aedat2Davis,
        Self::Aedat3,
        Self::Aedat4,
        Self::Atis,
        Self::Dat,
        Self::Es,
        Self::Evt2,
        Self::Evt3,
        Self::Npy,
        Self::Npz,
    ];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Aedat1 => "aedat1",
            Self::Aedat2 => "aedat2",
            Self::Aedat2Davis => "aedat2-davis",
            Self::Aedat3 => "aedat3",
            Self::Aedat4 => "aedat4",
            Self::Atis => "atis",
            Self::Dat => "dat",
            Self::Es => "es",
            Self::Evt2 => "evt2",
            Self::Evt3 => "evt3",
            Self::Npy => "npy",
            Self::Npz => "npz",
        }
    }

    /// The format of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|format| format.name() == name)
    }

    /// Whether the file stores ON as 0; [`Events::p`] is `true` for ON all the same.
    pub fn stores_on_as_zero(self) -> bool {
        matches!(self, Self::Aedat1 | Self::Aedat2)
    }

    pub(crate) fn decoder(self) -> Box<dyn Decoder> {
        match self {
            Self::Aedat1 => Box::new(Aedat1::default()),
            Self::Aedat2 => Box::new(Aedat2::new(Layout::Dvs128)),
            Self::Aedat2Davis => Box::new(Aedat2::new(Layout::Davis)),
            Self::Aedat3 => Box::new(Aedat3::default()),
            Self::Aedat4 => Box::new(Aedat4::default()),
            Self::Atis => Box::new(Atis::default()),
            Self::Dat => Box::new(Dat::default()),
            Self::Es => Box::new(EventStream::default()),
            Self::Evt2 => Box::new(Evt2::default()),
            Self::Evt3 => Box::new(Evt3::default()),
            Self::Npy => Box::new(Numpy::new(false)),
            Self::Npz => Box::new(Numpy::new(true)),
        }
    }
}

/// The format of a file, from its first bytes or, where they say nothing, from its name.
///
/// The first 4 KiB are enough; fewer may hide the camera of an AEDAT 2.0 file.
pub fn detect(path: &Path, start: &[u8]) -> Option<Format> {
    if start.starts_with(b"#!AER-DAT1") {
        return Some(Format::Aedat1);
    }
    if is_event_stream(start) {
        return Some(Format::Es);
    }
    if start.starts_with(b"#!AER-DAT2") {
        return Some(if aedat2::is_davis(start) { Format::Aedat2Davis } else { Format::Aedat2 });
    }
    if start.starts_with(b"#!AER-DAT3") {
        return Some(Format::Aedat3);
    }
    if start.starts_with(b"#!AER-DAT4") {
        return Some(Format::Aedat4);
    }
    match prophesee::evt_version(start) {
        Some("2") => return Some(Format::Evt2),
        Some(_) => return Some(Format::Evt3),
        None => {}
    }
    match path.extension()?.to_str()? {
        "bin" | "bs2" => Some(Format::Atis),
        "npy" => Some(Format::Npy),
        "npz" => Some(Format::Npz),
        "dat" if start.starts_with(b"%") => Some(Format::Dat),
        _ => None,
    }
}

/// The extensions of the names of recordings.
pub const EXTENSIONS: [&str; 9] =
    ["aedat", "aedat4", "bin", "bs2", "dat", "es", "npy", "npz", "raw"];

/// Width and height of the sensor by the beginning of a file, of which 1 MiB is enough, or by its format;
/// `None` where neither says.
pub fn stated_sensor(format: Format, start: &[u8]) -> Option<(usize, usize)> {
    let mut decoder = format.decoder();
    // A fault behind the header is of no concern here.
    let _ = decoder.feed(&start[..start.len().min(1 << 20)], &mut Events::default());
    decoder.sensor()
}

/// Reads a recording of any format, told by its content and name, of a sensor of this width and height.
///
/// # Errors
/// If the file cannot be read, its format is not known, or as [`decode`].
pub(crate) fn read_recording(path: &Path, sensor: (usize, usize)) -> Result<Events> {
    let bytes = file::read(path)?;
    let format = detect_in(path, &bytes)?;
    decode(path, &bytes, format, Some(sensor))
}

/// The format of a file with these bytes.
///
/// # Errors
/// If neither content nor name says it.
pub(crate) fn detect_in(path: &Path, bytes: &[u8]) -> Result<Format> {
    detect(path, &bytes[..bytes.len().min(4096)]).ok_or_else(|| {
        let known: Vec<_> = Format::ALL.iter().map(|format| format.name()).collect();
        let start = bytes[..bytes.len().min(8)].escape_ascii();
        let found = format!("`{start}` at its beginning");
        Error::format(path, "recording", format!("one of {}", known.join(", ")), found)
    })
}

/// How a recording is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Width and height of the sensor; without it the file's own statement is taken, or the smallest size
    /// that holds all events.
    pub sensor: Option<(usize, usize)>,
    /// Whether a file that ends before what it announces, or within a record, gives the events before that.
    pub allow_truncated: bool,
}

/// What a recording holds.
#[derive(Debug)]
pub struct Decoded {
    /// The events.
    pub events: Events,
    /// What is missing behind them, an [`Error::Truncated`]; only with [`Options::allow_truncated`].
    pub truncated: Option<Error>,
}

/// Decodes a whole file; `path` is only a name for errors.
///
/// Events keep the order and the coordinates of the file; times may go backwards where the file's
/// do, see [`Events::sort_by_time`].
/// `sensor` is as in [`Options`].
///
/// # Errors
/// If the bytes are not of the format, end in the middle of a record or before what they announce, or hold
/// an event that lies outside of the sensor.
pub fn decode(
    path: &Path,
    bytes: &[u8],
    format: Format,
    sensor: Option<(usize, usize)>,
) -> Result<Events> {
    let options = Options { sensor, allow_truncated: false };
    Ok(decode_with(path, bytes, format, options)?.events)
}

/// Decodes a whole file as [`decode`] does, with more choices.
///
/// # Errors
/// As [`decode`], but for what `options` allow.
pub fn decode_with(path: &Path, bytes: &[u8], format: Format, options: Options) -> Result<Decoded> {
    let mut events = Events::default();
    let mut decoder = format.decoder();
    let used = decoder.feed(bytes, &mut events).map_err(|fault| fault.at(path, 0))?;
    let end = decoder.finish(&bytes[used..], &mut events);
    let truncated = options.cut(end, path, events.len())?;
    place(path, &mut events, options.sensor.or(decoder.sensor()), &mut (0, 0))?;
    Ok(Decoded { events, truncated })
}

impl Options {
    /// The error of a file that ends in `end` after so many events, as what it is missing if that is
    /// allowed.
    pub(crate) fn cut(
        self,
        end: Result<(), Fault>,
        path: &Path,
        events: usize,
    ) -> Result<Option<Error>> {
        match end {
            Ok(()) => Ok(None),
            Err(fault) if self.allow_truncated && fault.is_cut() => {
                Ok(Some(fault.at(path, events)))
            }
            Err(fault) => Err(fault.at(path, events)),
        }
    }
}

/// Writes events as a whole file.
///
/// # Errors
/// If the format cannot hold an event (a coordinate or a time beyond its bits), or is one that is
/// only read: AEDAT 1 and 4, Event Stream, and those of Prophesee and NumPy.
pub fn encode(events: &Events, format: Format) -> Result<Vec<u8>> {
    let result = match format {
        Format::Aedat1
        | Format::Aedat4
        | Format::Dat
        | Format::Es
        | Format::Evt2
        | Format::Evt3
        | Format::Npy
        | Format::Npz => {
            Err(("format", "one that is written".to_owned(), format.name().to_owned()))
        }
        Format::Aedat2 => aedat2::encode(events, Layout::Dvs128),
        Format::Aedat2Davis => aedat2::encode(events, Layout::Davis),
        Format::Aedat3 => aedat3::encode(events),
        Format::Atis => atis::encode(events),
    };
    result.map_err(|(field, expected, found)| Error::NotWritable {
        format: format.name(),
        field,
        expected,
        found,
    })
}
