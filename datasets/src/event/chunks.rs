//! Decoding piece by piece, in constant memory where the format allows.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::decoder::{Decoder, place};
use super::{Events, Format};
use crate::{Error, Result};

/// An iterator over the events of a file in pieces of up to 64 KiB of the file.
///
/// The pieces together are what [`decode`](super::decode) gives for the whole file.
/// It ends after the first error.
/// The formats of NumPy come in one piece, because they are read from their end.
#[derive(Debug)]
pub struct Chunks<R> {
    reader: R,
    path: PathBuf,
    decoder: Box<dyn Decoder>,
    sensor: Option<(usize, usize)>,
    seen: (usize, usize),
    buffer: Vec<u8>,
    filled: usize,
    done: bool,
}

impl<R: Read> Chunks<R> {
    const BUFFER: usize = 1 << 16;

    /// Starts at the beginning of a file; `path` is only a name for errors.
    ///
    /// `sensor` is as in [`decode`](super::decode), but without it and without a word of the file
    /// the size of a piece is the smallest that holds all events so far.
    pub fn new(path: &Path, reader: R, format: Format, sensor: Option<(usize, usize)>) -> Self {
        Self {
            reader,
            path: path.to_path_buf(),
            decoder: format.decoder(),
            sensor,
            seen: (0, 0),
            buffer: vec![0; Self::BUFFER],
            filled: 0,
            done: false,
        }
    }

    fn piece(&mut self) -> Result<Option<Events>> {
        let fault = |fault: super::decoder::Fault| fault.at(&self.path);
        let mut events = Events::default();
        while events.is_empty() && !self.done {
            let room = &mut self.buffer[self.filled..];
            let count = match self.reader.read(room) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                other => other.map_err(Error::io(&self.path))?,
            };
            self.filled += count;
            let used =
                self.decoder.feed(&self.buffer[..self.filled], &mut events).map_err(fault)?;
            self.buffer.copy_within(used..self.filled, 0);
            self.filled -= used;
            if self.filled == self.buffer.len() {
                // A packet that is larger than the buffer; there is as much of it as was read.
                self.buffer.resize(2 * self.filled, 0);
            }
            if count == 0 {
                self.done = true;
                self.decoder.finish(&self.buffer[..self.filled], &mut events).map_err(fault)?;
            }
        }
        if events.is_empty() {
            return Ok(None);
        }
        let sensor = self.sensor.or(self.decoder.sensor());
        place(&self.path, &mut events, sensor, &mut self.seen)?;
        Ok(Some(events))
    }
}

impl<R: Read> Iterator for Chunks<R> {
    type Item = Result<Events>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let piece = self.piece();
        if piece.is_err() {
            self.done = true;
        }
        piece.transpose()
    }
}
