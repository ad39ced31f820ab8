//! What all decoders have in common: bytes go in piece by piece, events come out.

use std::fmt::Debug;
use std::path::Path;

use crate::{Error, Events, Result};

/// What is wrong with the bytes; the caller adds the file.
#[derive(Debug)]
pub(crate) struct Fault {
    field: &'static str,
    expected: String,
    found: String,
    is_cut: bool,
}

impl Fault {
    #[expect(clippy::needless_pass_by_value, reason = "callers give literals and fresh strings")]
    pub(crate) fn new(field: &'static str, expected: impl ToString, found: impl ToString) -> Self {
        let (expected, found) = (expected.to_string(), found.to_string());
        Self { field, expected, found, is_cut: false }
    }

    /// The fault of a file that ends too early; what was decoded until then is good.
    pub(crate) fn cut(field: &'static str, expected: impl ToString, found: impl ToString) -> Self {
        Self { is_cut: true, ..Self::new(field, expected, found) }
    }

    /// The same fault where a file ends that is part of a whole one.
    pub(crate) fn damage(self) -> Self {
        Self { is_cut: false, ..self }
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// The error for a file of which so many events were decoded before.
    pub(crate) fn at(self, path: &Path, events: usize) -> Error {
        let Self { field, expected, found, is_cut } = self;
        let path = path.to_path_buf();
        if is_cut {
            let (expected, found) = (expected.into(), found.into());
            return Error::Truncated { path, field, expected, found, events };
        }
        Error::Format { path, field, expected, found }
    }
}

/// The state of a decoder between two pieces of a file.
pub(crate) trait Decoder: Debug + Send {
    /// Decodes the whole records at the start of `bytes`, appends their events, and returns how
    /// many bytes it used; the rest is given again with more bytes behind it.
    ///
    /// Allocates in proportion to `bytes.len()` only.
    fn feed(&mut self, bytes: &[u8], events: &mut Events) -> Result<usize, Fault>;

    /// Ends the file with `rest` unused, and says what is wrong if it may not end here: a cut
    /// ([`Fault::cut`]) if only the rest is missing.
    fn finish(&mut self, rest: &[u8], _events: &mut Events) -> Result<(), Fault> {
        if rest.is_empty() {
            return Ok(());
        }
        let found = format!("{} bytes after the last", rest.len());
        Err(Fault::cut("end of the file", "whole records", found))
    }

    /// Width and height of the sensor, if the format or the header says.
    fn sensor(&self) -> Option<(usize, usize)>;
}

/// Appends one event per record of `SIZE` bytes.
#[inline(always)]
pub(crate) fn append<const SIZE: usize>(
    records: &[[u8; SIZE]],
    events: &mut Events,
    decode: impl Fn(&[u8; SIZE]) -> (u16, u16, i64, bool),
) {
    let (start, end) = (events.len(), events.len() + records.len());
    events.x.resize(end, 0);
    events.y.resize(end, 0);
    events.t.resize(end, 0);
    events.p.resize(end, false);
    let places = events.x[start..]
        .iter_mut()
        .zip(&mut events.y[start..])
        .zip(&mut events.t[start..])
        .zip(&mut events.p[start..]);
    for ((((x, y), t), p), record) in places.zip(records) {
        (*x, *y, *t, *p) = decode(record);
    }
}

/// No clock counts further, and differences of two times stay within 64 bits.
const LATEST: i64 = 1 << 61;

/// Sets the size of the sensor of freshly decoded events, and checks that they lie on it and that
/// their times are times.
///
/// `sensor` is what the caller or the file says; without it, the size that holds `seen` and all
/// events is taken, and `seen` grows.
pub(crate) fn place(
    path: &Path,
    events: &mut Events,
    sensor: Option<(usize, usize)>,
    seen: &mut (usize, usize),
) -> Result<()> {
    // Without an early exit, so that the loop runs in vectors.
    let largest = |values: &[u16]| values.iter().fold(0, |max, &value| value.max(max));
    let extent = |values: &[u16]| usize::from(largest(values)) + usize::from(!values.is_empty());
    let (right, bottom) = (extent(&events.x), extent(&events.y));
    *seen = (seen.0.max(right), seen.1.max(bottom));
    (events.width, events.height) = sensor.unwrap_or(*seen);
    for (field, size, values, end) in
        [("x", events.width, &events.x, right), ("y", events.height, &events.y, bottom)]
    {
        if end > size {
            let first = values.iter().position(|&value| usize::from(value) >= size).unwrap_or(0);
            let found = format!("{} in event {first}", values[first]);
            return Err(Error::format(path, field, format!("below {size}"), found));
        }
    }
    let is_time = |&time: &i64| (-LATEST..=LATEST).contains(&time);
    if events.t.iter().fold(true, |all, time| all & is_time(time)) {
        return Ok(());
    }
    let first = events.t.iter().position(|time| !is_time(time)).unwrap_or(0);
    let found = format!("{} in event {first}", events.t[first]);
    Err(Error::format(path, "t", format!("{} to {LATEST} µs", -LATEST), found))
}
