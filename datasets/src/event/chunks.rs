//! Decoding piece by piece, in constant memory where the format allows.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::decoder::{Decoder, place};
use super::{Events, Format, Options};
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
    options: Options,
    seen: (usize, usize),
    /// Events that were given.
    given: usize,
    truncated: Option<Error>,
    buffer: Vec<u8>,
    filled: usize,
    done: bool,
}

impl<R: Read> Chunks<R> {
    const BUFFER: usize = 1 << 16;

    /// Starts at the beginning of a file; `path` is only a name for errors.
    ///
    /// Without a sensor in `options` and without a word of the file the size of a piece is the smallest
    /// that holds all events so far.
    pub fn new(path: &Path, reader: R, format: Format, options: Options) -> Self {
        Self {
            reader,
            path: path.to_path_buf(),
            decoder: format.decoder(),
            options,
            seen: (0, 0),
            given: 0,
            truncated: None,
            buffer: vec![0; Self::BUFFER],
            filled: 0,
            done: false,
        }
    }

    /// What is missing behind the last piece, an [`Error::Truncated`]; only with
    /// [`Options::allow_truncated`].
    pub fn truncated(&self) -> Option<&Error> {
        self.truncated.as_ref()
    }

    fn piece(&mut self) -> Result<Option<Events>> {
        let mut events = Events::default();
        while events.is_empty() && !self.done {
            let room = &mut self.buffer[self.filled..];
            let count = match self.reader.read(room) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                other => other.map_err(Error::io(&self.path))?,
            };
            self.filled += count;
            let used = self
                .decoder
                .feed(&self.buffer[..self.filled], &mut events)
                .map_err(|fault| fault.at(&self.path, self.given))?;
            self.buffer.copy_within(used..self.filled, 0);
            self.filled -= used;
            if self.filled == self.buffer.len() {
                // A packet that is larger than the buffer; there is as much of it as was read.
                self.buffer.resize(2 * self.filled, 0);
            }
            if count == 0 {
                self.done = true;
                let end = self.decoder.finish(&self.buffer[..self.filled], &mut events);
                let count = self.given + events.len();
                self.truncated = self.options.cut(end, &self.path, count)?;
            }
        }
        if events.is_empty() {
            return Ok(None);
        }
        let sensor = self.options.sensor.or(self.decoder.sensor());
        place(&self.path, &mut events, sensor, &mut self.seen)?;
        self.given += events.len();
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
