//! The documents of a run besides its manifest: summary, snapshot, flatness.

use super::{METRICS, RunDirectory};
use crate::document;
use crate::error::Result;
use crate::flatness::Flatness;
use crate::hash::sha256_hex;
use crate::lines;
use crate::manifest::Status;
use crate::seal::Tie;
use crate::snapshot::Snapshot;
use crate::summary::Summary;

impl RunDirectory {
    /// Writes the summary, which completes the run, and then the manifest's status.
    ///
    /// # Errors
    ///
    /// [`Unwritable`](crate::RunError::Unwritable) if a number is not finite, [`Io`](crate::RunError::Io) if a file cannot be written.
    pub fn complete(&mut self, summary: &Summary) -> Result<()> {
        document::write(summary, &self.summary_ties()?, &self.path)?;
        self.set_status(Status::Complete)
    }

    /// The summary of a complete run; `None` while it is unfinished.
    ///
    /// # Errors
    ///
    /// [`Malformed`](crate::RunError::Malformed) or [`Schema`](crate::RunError::Schema) if the file is not a summary of this version,
    /// [`Damaged`](crate::RunError::Damaged) if it is not as it was written, [`Foreign`](crate::RunError::Foreign) if it is of another run or
    /// `metrics.jsonl` is not what it was then.
    pub fn summary(&self) -> Result<Option<Summary>> {
        document::read(&self.summary_ties()?, &self.path)
    }

    /// What ties a document to this run.
    fn ties(&self) -> [Tie; 1] {
        [("recipe", self.manifest.recipe_hash.clone())]
    }

    fn summary_ties(&self) -> Result<[Tie; 2]> {
        let [recipe] = self.ties();
        Ok([recipe, (METRICS, sha256_hex(&lines::bytes(&self.metrics_path())?))])
    }

    /// Writes the snapshot of a trained network.
    ///
    /// # Errors
    ///
    /// [`Unwritable`](crate::RunError::Unwritable) if a number is not finite, [`Io`](crate::RunError::Io) if the file cannot be written.
    pub fn write_snapshot(&self, snapshot: &Snapshot) -> Result<()> {
        document::write(snapshot, &self.ties(), &self.path)
    }

    /// The snapshot, if there is one.
    ///
    /// # Errors
    ///
    /// [`Malformed`](crate::RunError::Malformed) or [`Schema`](crate::RunError::Schema) if the file is not a snapshot of this version,
    /// [`Damaged`](crate::RunError::Damaged) if it is not as it was written, [`Foreign`](crate::RunError::Foreign) if it is of another run.
    pub fn snapshot(&self) -> Result<Option<Snapshot>> {
        document::read(&self.ties(), &self.path)
    }

    /// Writes how flat the minimum is.
    ///
    /// # Errors
    ///
    /// [`Unwritable`](crate::RunError::Unwritable) if a number is not finite, [`Io`](crate::RunError::Io) if the file cannot be written.
    pub fn write_flatness(&self, flatness: &Flatness) -> Result<()> {
        document::write(flatness, &self.ties(), &self.path)
    }

    /// How flat the minimum is, if that was measured.
    ///
    /// # Errors
    ///
    /// As [`snapshot`](Self::snapshot).
    pub fn flatness(&self) -> Result<Option<Flatness>> {
        document::read(&self.ties(), &self.path)
    }
}
