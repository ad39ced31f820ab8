//! How much a packed file may unpack to: kilobytes must not become gigabytes.

use std::fmt;

/// Bytes per packed byte; recordings and images in use have 2 to 20.
const RATIO: u64 = 64;
/// Bytes that any file may have, however small it is.
const ANY: u64 = 16 << 20;

/// The most bytes that a file may unpack to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    packed: u64,
}

impl Limit {
    /// The limit for so many packed bytes.
    pub(crate) fn of(packed: usize) -> Self {
        Self { packed: packed as u64 }
    }

    pub(crate) fn bytes(self) -> u64 {
        self.packed.saturating_mul(RATIO).saturating_add(ANY)
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (bytes, packed) = (self.bytes(), self.packed);
        write!(f, "at most {bytes} bytes ({RATIO} times the {packed} packed ones, and 16 MiB)")
    }
}
