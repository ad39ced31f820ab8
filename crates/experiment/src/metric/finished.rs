//! A finished run, as metrics see it.

use std::path::Path;

use candlewick_run::{EpochMetrics, RunDirectory, RunRecord, Snapshot};
use candlewick_train::Checkpoint;
use candlewick_train::trainer::LAST;

use crate::{Error, Experiment, Machine, Recipe, Result};

/// A finished run.
#[derive(Debug)]
pub struct Finished<'a> {
    directory: RunDirectory,
    recipe: &'a Recipe,
    machine: &'a Machine,
    record: RunRecord,
}

impl<'a> Finished<'a> {
    /// Reads the run of `recipe` in the directory `path`; `None` if it is not complete.
    ///
    /// # Errors
    /// If its files are damaged.
    pub fn read(path: &Path, recipe: &'a Recipe, machine: &'a Machine) -> Result<Option<Self>> {
        let directory = RunDirectory::open(path)?;
        let record = RunRecord::read(&directory)?;
        Ok(record.map(|record| Self { directory, recipe, machine, record }))
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
        self.directory.path().display().to_string()
    }

    /// Its last checkpoint.
    ///
    /// # Errors
    /// If it is missing or damaged.
    pub fn checkpoint(&self) -> Result<Checkpoint> {
        Ok(Checkpoint::open_in(&self.directory, LAST)?)
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
        experiment.load(&self.checkpoint()?)?;
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
