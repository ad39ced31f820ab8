//! A finished run, as metrics see it.

use std::path::{Path, PathBuf};

use candlewick_run::{EpochMetrics, RunDirectory, RunRecord, Snapshot};
use candlewick_train::trainer::LAST;

use crate::{Error, Experiment, Machine, Recipe, Result};

/// A finished run.
#[derive(Debug)]
pub struct Finished<'a> {
    path: &'a Path,
    recipe: &'a Recipe,
    machine: &'a Machine,
    record: RunRecord,
}

impl<'a> Finished<'a> {
    /// Reads the run of `recipe` in the directory `path`; `None` if it is not complete.
    ///
    /// # Errors
    /// If its files are damaged.
    pub fn read(path: &'a Path, recipe: &'a Recipe, machine: &'a Machine) -> Result<Option<Self>> {
        let record = RunRecord::read(&RunDirectory::open(path)?)?;
        Ok(record.map(|record| Self { path, recipe, machine, record }))
    }

    /// What it was trained by.
    pub fn recipe(&self) -> &Recipe {
        self.recipe
    }

    /// The machine to measure on.
    pub fn machine(&self) -> &Machine {
        self.machine
    }

    /// What it recorded.
    pub fn record(&self) -> &RunRecord {
        &self.record
    }

    /// Name of the run in errors.
    pub fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// The file with its last weights.
    pub fn checkpoint(&self) -> PathBuf {
        self.path.join("checkpoints").join(LAST)
    }

    /// What its last epoch recorded.
    ///
    /// # Errors
    /// If it has no epoch.
    pub fn last_epoch(&self) -> Result<&EpochMetrics> {
        self.record.epochs.last().ok_or_else(|| self.lacks("an epoch"))
    }

    /// What its trained network looked like inside.
    ///
    /// # Errors
    /// If that was not recorded.
    pub fn snapshot(&self) -> Result<&Snapshot> {
        self.record.snapshot.as_ref().ok_or_else(|| self.lacks("a snapshot"))
    }

    /// Its data, and its network with the last weights.
    ///
    /// # Errors
    /// If the data cannot be read, or the checkpoint is damaged.
    pub fn experiment(&self) -> Result<Experiment> {
        let mut experiment = Experiment::prepare(self.recipe.clone(), &self.name(), self.machine)?;
        experiment.load(&self.checkpoint())?;
        Ok(experiment)
    }

    /// The error of a network.
    pub(super) fn failed(&self, source: candlewick_core::Error) -> Error {
        Error::Network { name: self.name(), source }
    }

    /// The error that the run did not record what a metric needs.
    pub fn lacks(&self, what: &str) -> Error {
        Error::Field { name: self.name(), field: "record of the run".into(), expected: what.into() }
    }
}
