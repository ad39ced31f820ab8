//! The file formats by name, and decoding and writing whole files.

use std::path::Path;

use super::atis::{self, Atis};
use super::decoder::{Decoder, place};
use crate::{Error, Events, Result};

/// A file format of event recordings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// The 40-bit records of N-MNIST and N-Caltech101 (`.bin`, `.bs2`).
    Atis,
}

impl Format {
    /// All formats, in alphabetical order of their names.
    pub const ALL: &[Self] = &[Self::Atis];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Atis => "atis",
        }
    }

    /// The format of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|format| format.name() == name)
    }

    pub(crate) fn decoder(self) -> Box<dyn Decoder> {
        match self {
            Self::Atis => Box::new(Atis::default()),
        }
    }
}

/// The format of a file, from its first bytes or, where they say nothing, from its name.
pub fn detect(path: &Path, _start: &[u8]) -> Option<Format> {
    match path.extension()?.to_str()? {
        "bin" | "bs2" => Some(Format::Atis),
        _ => None,
    }
}

/// Decodes a whole file; `path` is only a name for errors.
///
/// Events keep the order and the coordinates of the file; times may go backwards where the file's
/// do, see [`Events::sort_by_time`].
/// `sensor` is the width and height of the sensor; without it the file's own statement is taken,
/// or the smallest size that holds all events.
///
/// # Errors
/// If the bytes are not of the format, end in the middle of a record, or hold an event that lies
/// outside of the sensor.
pub fn decode(
    path: &Path,
    bytes: &[u8],
    format: Format,
    sensor: Option<(usize, usize)>,
) -> Result<Events> {
    let mut events = Events::default();
    let mut decoder = format.decoder();
    let used = decoder.feed(bytes, &mut events).map_err(|fault| fault.at(path))?;
    decoder.finish(&bytes[used..]).map_err(|fault| fault.at(path))?;
    place(path, &mut events, sensor.or(decoder.sensor()), &mut (0, 0))?;
    Ok(events)
}

/// Writes events as a whole file.
///
/// # Errors
/// If the format cannot hold an event: a coordinate or a time beyond its bits.
pub fn encode(events: &Events, format: Format) -> Result<Vec<u8>> {
    let result = match format {
        Format::Atis => atis::encode(events),
    };
    result.map_err(|(field, expected, found)| Error::NotWritable {
        format: format.name(),
        field,
        expected,
        found,
    })
}
