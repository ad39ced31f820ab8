//! What can go wrong with tensors, shapes and parameters.

use std::path::PathBuf;

/// Result of the tensor crates.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of the tensor crates.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A candle operation failed.
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
    /// A candle operation failed inside a layer.
    #[error("layer {layer}: {source}")]
    Layer {
        /// Path of the layer in the network.
        layer: String,
        /// What failed.
        source: Box<Error>,
    },
    /// A tensor or a layer has a shape that does not fit.
    #[error("{what}: expected {expected}, got {got}")]
    Shape {
        /// The tensor or axis.
        what: String,
        /// The shape or size that fits.
        expected: String,
        /// The shape or size that was given.
        got: String,
    },
    /// A setting is outside of its range.
    #[error("{field}: expected {expected}, got {got}")]
    Setting {
        /// Name of the setting.
        field: String,
        /// Its range.
        expected: String,
        /// What was given.
        got: String,
    },
    /// A name is not in a registry.
    #[error("unknown {kind} `{name}`; known are {known}")]
    Unknown {
        /// What was looked for.
        kind: &'static str,
        /// The name that was given.
        name: String,
        /// The names that exist.
        known: String,
    },
    /// A parameter file does not hold what the network needs.
    #[error("{path}: {what}")]
    Parameters {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, naming the tensor.
        what: String,
    },
    /// A device was asked for that this build or machine does not have.
    #[error("device `{device}`: {reason}")]
    Device {
        /// The device as written.
        device: String,
        /// Why it cannot be used.
        reason: String,
    },
}

impl Error {
    /// Adds the name of the layer in which the error happened.
    #[must_use]
    pub fn in_layer(self, layer: &str) -> Self {
        Self::Layer { layer: layer.to_owned(), source: Box::new(self) }
    }
}

impl From<Error> for candle_core::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Candle(error) => error,
            other => Self::wrap(other),
        }
    }
}
