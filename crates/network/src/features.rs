//! The shape of one sample at one time step.

use std::fmt;

use candlewick_core::{Error, Result};

/// What follows `[T, B]` in the shape of an activation.
///
/// ```
/// use candlewick_network::Features;
///
/// let image = Features::Map { height: 8, width: 6, channels: 3 };
/// assert_eq!((image.dims(), image.count(), image.pixels()), (vec![8, 6, 3], 144, 48));
/// assert_eq!(Features::Vector { size: 10 }.dims(), [10]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Features {
    /// A channels-last image `[H, W, C]`.
    Map {
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
        /// Channels.
        channels: usize,
    },
    /// A vector `[N]`.
    Vector {
        /// Elements.
        size: usize,
    },
}

impl Features {
    /// Number of elements.
    pub fn count(&self) -> usize {
        match *self {
            Self::Map { height, width, channels } => height * width * channels,
            Self::Vector { size } => size,
        }
    }

    /// Number of pixels: H·W, or 1 for a vector.
    pub fn pixels(&self) -> usize {
        match *self {
            Self::Map { height, width, .. } => height * width,
            Self::Vector { .. } => 1,
        }
    }

    /// Size of the last axis.
    pub fn channels(&self) -> usize {
        match *self {
            Self::Map { channels, .. } => channels,
            Self::Vector { size } => size,
        }
    }

    /// The sizes of the axes after `[T, B]`.
    pub fn dims(&self) -> Vec<usize> {
        match *self {
            Self::Map { height, width, channels } => vec![height, width, channels],
            Self::Vector { size } => vec![size],
        }
    }

    /// `(height, width, channels)` of an image.
    ///
    /// # Errors
    /// If this is a vector; `layer` is named.
    pub fn map(&self, layer: &str) -> Result<(usize, usize, usize)> {
        match *self {
            Self::Map { height, width, channels } => Ok((height, width, channels)),
            Self::Vector { .. } => Err(Error::Shape {
                what: format!("input of {layer}"),
                expected: "a map [H, W, C]".into(),
                got: self.to_string(),
            }),
        }
    }
}

impl fmt::Display for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Map { height, width, channels } => {
                write!(f, "a map of {height}×{width}×{channels}")
            }
            Self::Vector { size } => write!(f, "a vector of {size}"),
        }
    }
}
