//! What a checkpoint says of the run that it was written in, so that one of another run, or records that were
//! changed since, are noticed.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::directory::RunDirectory;
use crate::error::{Result, RunError};

/// The run that a file was written in, and how far it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// SHA-256 of the run's `resolved.toml`, in hexadecimal.
    pub recipe_hash: String,
    /// Seed of all its random streams.
    pub seed: u64,
    /// Epochs done.
    pub epochs: u32,
    /// SHA-256 of the lines of these epochs in `metrics.jsonl`, in hexadecimal.
    pub metrics_hash: String,
}

impl Origin {
    /// The origin of what `run` writes after `epochs` epochs, whose metrics are recorded.
    ///
    /// # Errors
    ///
    /// [`RunError::MissingEpochs`] if fewer epochs are recorded, [`RunError::Io`] if they cannot be read.
    pub fn of(run: &RunDirectory, epochs: u32) -> Result<Self> {
        let manifest = run.manifest();
        Ok(Self {
            recipe_hash: manifest.recipe_hash.clone(),
            seed: manifest.seed,
            epochs,
            metrics_hash: run.metrics_hash(epochs)?,
        })
    }

    /// Checks that `file`, which says that this is its origin, was written in `run`, and that the epochs before
    /// it are recorded as they were then.
    ///
    /// # Errors
    ///
    /// [`RunError::Foreign`] if it is of another run, [`RunError::Damaged`] or [`RunError::MissingEpochs`] if
    /// `metrics.jsonl` is not what it was.
    pub fn check(&self, run: &RunDirectory, file: &Path) -> Result<()> {
        let found = Self::of(run, self.epochs)?;
        let foreign = |what, expected, found| {
            Err(RunError::Foreign { path: file.to_path_buf(), what, expected, found })
        };
        if self.recipe_hash != found.recipe_hash {
            return foreign("recipe", found.recipe_hash, self.recipe_hash.clone());
        }
        if self.seed != found.seed {
            return foreign("seed", found.seed.to_string(), self.seed.to_string());
        }
        if self.metrics_hash != found.metrics_hash {
            return Err(RunError::Damaged {
                path: run.metrics_path(),
                expected: self.metrics_hash.clone(),
                found: found.metrics_hash,
            });
        }
        Ok(())
    }
}
