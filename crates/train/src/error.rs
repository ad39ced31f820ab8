//! What can go wrong in training, each variant with the place and what was found there.

use std::path::PathBuf;

use candlewick_run::RunError;

use crate::divergence::Symptom;

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A tensor operation, a layer or a setting failed.
    #[error(transparent)]
    Core(#[from] candlewick_core::Error),
    /// The run directory could not be read or written.
    #[error(transparent)]
    Run(#[from] RunError),
    /// Another rank has ended, or does not fit this one.
    #[error(transparent)]
    Ranks(#[from] candlewick_ranks::Error),
    /// The source of batches failed.
    #[error("cannot read the batches")]
    Data(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The source of batches ended before the epoch did.
    #[error("epoch {epoch}: expected {expected} batches, got {got}")]
    EpochLength {
        /// Number of the epoch, from 1.
        epoch: u32,
        /// Batches that the source promised.
        expected: u64,
        /// Batches that it gave.
        got: u64,
    },
    /// The training does not lead anywhere any more.
    #[error("epoch {epoch}, step {step}: {symptom}{}", symptom.advice())]
    Diverged {
        /// What shows it.
        symptom: Symptom,
        /// Number of the epoch, from 1.
        epoch: u32,
        /// Number of the step in the epoch, from 1.
        step: u64,
    },
    /// A checkpoint does not hold what it should.
    #[error("{}: {field}: {what}", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// The tensor or part of the file.
        field: String,
        /// What is wrong with it.
        what: String,
    },
}

impl From<candle_core::Error> for Error {
    fn from(error: candle_core::Error) -> Self {
        Self::Core(error.into())
    }
}
