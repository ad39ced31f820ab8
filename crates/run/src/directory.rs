//! The directory of a run: its layout, its lock, and the order in which its files are written.
//!
//! ```text
//! runs/<table>/<row>/s<seed>-<hash8>/
//!   manifest.json                written first
//!   recipe.toml  resolved.toml   what was written, and what it came to
//!   metrics.jsonl                one line per epoch, no wall clock
//!   timing.jsonl                 one line per epoch: wall clock and memory
//!   checkpoints/                 what the trainer needs to resume
//!   snapshot.json                what figures need that is not in the metrics; may be missing
//!   events.out.tfevents.*        the metrics and the timing for TensorBoard; there if they were asked for
//!   flatness.json                the loss around the weights; there if it was asked for
//!   summary.json                 written last and atomically: its presence means complete
//! ```
//!
//! The trainer appends the lines of an epoch first and writes its checkpoint after them.
//! A run that was killed therefore has at least the lines up to its checkpoint; resuming removes what follows.
//!
//! The files are bound together by hashes, so that a damaged or edited one, or one of another run, is named when it is read:
//! the manifest has those of both recipes, a checkpoint those of its [`Origin`](crate::Origin), and the other JSON documents
//! that of the recipe, the summary also that of `metrics.jsonl`; each document and checkpoint has one of itself.
//! `timing.jsonl` and the event file are not bound: what a run learned does not depend on them.

mod documents;
mod mend;

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::atomic::{replace_file, sync_parent};
use crate::document::{self, Document};
use crate::error::{Result, RunError};
use crate::events::{self, Histogram};
use crate::hash::sha256_hex;
use crate::lines;
use crate::manifest::{Manifest, Status};
use crate::metrics::EpochMetrics;
use crate::summary::Summary;
use crate::timing::Timing;

const RECIPE: &str = "recipe.toml";
const RESOLVED: &str = "resolved.toml";
const METRICS: &str = "metrics.jsonl";
const TIMING: &str = "timing.jsonl";
const CHECKPOINTS: &str = "checkpoints";
const LOCK: &str = ".lock";

/// What a path holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunState {
    /// No run: nothing, or a run that was killed before its recipe was written, and so has measured nothing.
    Absent,
    /// A run that was started and has no summary.
    Unfinished,
    /// A run with its summary.
    Complete,
}

/// A run directory, open for reading, or for writing by this process alone.
#[derive(Debug)]
pub struct RunDirectory {
    path: PathBuf,
    manifest: Manifest,
    /// Held while the run is written; the operating system gives it back even after SIGKILL.
    lock: Option<File>,
}

impl RunDirectory {
    /// Where a run of a table lives below `root`: `<table>/<row>/s<seed>-<first 8 digits of the recipe hash>`.
    pub fn path_for(root: &Path, table: &str, row: &str, seed: u64, recipe_hash: &str) -> PathBuf {
        let short: String = recipe_hash.chars().take(8).collect();
        root.join(table).join(row).join(format!("s{seed}-{short}"))
    }

    /// What `path` holds, without opening it.
    pub fn inspect(path: &Path) -> RunState {
        let has = |name: &str| path.join(name).is_file();
        let mut checkpoints = fs::read_dir(path.join(CHECKPOINTS)).into_iter().flatten();
        if has(Summary::FILE) {
            RunState::Complete
        } else if has(METRICS)
            || checkpoints.next().is_some()
            || has(Manifest::FILE) && has(RESOLVED)
        {
            RunState::Unfinished
        } else {
            RunState::Absent
        }
    }

    /// Starts a run: creates the directory, then writes the manifest, with the hashes of both recipes, and after
    /// it the recipes.
    ///
    /// # Errors
    ///
    /// [`RunError::Exists`] if a run is there already, [`RunError::Locked`] if another process is at it,
    /// [`RunError::Io`] if it cannot be written.
    pub fn create(path: &Path, manifest: Manifest, recipe: &str, resolved: &str) -> Result<Self> {
        let checkpoints = path.join(CHECKPOINTS);
        fs::create_dir_all(&checkpoints)
            .map_err(|source| RunError::io("create", &checkpoints, source))?;
        let lock = take_lock(path)?;
        if Self::inspect(path) != RunState::Absent {
            return Err(RunError::Exists { path: path.to_path_buf() });
        }
        let manifest = Manifest {
            recipe_hash: sha256_hex(resolved.as_bytes()),
            source_hash: sha256_hex(recipe.as_bytes()),
            ..manifest
        };
        let directory = Self { path: path.to_path_buf(), manifest, lock: Some(lock) };
        directory.write_manifest()?;
        replace_file(&path.join(RECIPE), recipe.as_bytes())?;
        replace_file(&path.join(RESOLVED), resolved.as_bytes())?;
        sync_parent(path)?;
        Ok(directory)
    }

    /// Opens a run for reading; it may still be running.
    ///
    /// # Errors
    ///
    /// [`RunError::NotARun`], [`RunError::Malformed`] or [`RunError::Schema`] if the directory is not a run of this version,
    /// [`RunError::Damaged`] if the manifest or a recipe is not as it was written.
    pub fn open(path: &Path) -> Result<Self> {
        let run = Self::of_manifest(path)?;
        run.resolved()?;
        run.recipe()?;
        Ok(run)
    }

    /// A run whose recipes are not checked.
    fn of_manifest(path: &Path) -> Result<Self> {
        let missing = || RunError::NotARun { path: path.to_path_buf(), missing: Manifest::FILE };
        let manifest = document::read(&[], path)?.ok_or_else(missing)?;
        Ok(Self { path: path.to_path_buf(), manifest, lock: None })
    }

    /// Opens an unfinished run for writing; call [`rewind`](Self::rewind) before the first epoch is appended.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), and [`RunError::Exists`] if the run is complete, [`RunError::Locked`] if another process writes it.
    pub fn resume(path: &Path) -> Result<Self> {
        let mut directory = Self::open(path)?;
        directory.lock = Some(take_lock(path)?);
        if directory.is_complete() {
            return Err(RunError::Exists { path: path.to_path_buf() });
        }
        Ok(directory)
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where checkpoints go; write them with [`replace_file`] so that they are whole.
    pub fn checkpoints(&self) -> PathBuf {
        self.path.join(CHECKPOINTS)
    }

    /// The manifest as it was read or last written.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Whether the summary is written.
    pub fn is_complete(&self) -> bool {
        Self::inspect(&self.path) == RunState::Complete
    }

    /// The recipe as the user wrote it.
    ///
    /// # Errors
    ///
    /// [`RunError::Damaged`] if it is not what the run was created with, [`RunError::NotARun`] if it is missing.
    pub fn recipe(&self) -> Result<String> {
        self.text(RECIPE, &self.manifest.source_hash)
    }

    /// The recipe with every default filled in, from which the run can be repeated.
    ///
    /// # Errors
    ///
    /// As [`recipe`](Self::recipe).
    pub fn resolved(&self) -> Result<String> {
        self.text(RESOLVED, &self.manifest.recipe_hash)
    }

    /// The text of a file that has this hash.
    fn text(&self, name: &'static str, expected: &str) -> Result<String> {
        let path = self.path.join(name);
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(RunError::NotARun { path: self.path.clone(), missing: name });
            }
            outcome => outcome.map_err(|source| RunError::io("read", &path, source))?,
        };
        let found = sha256_hex(&bytes);
        if found != expected {
            return Err(RunError::Damaged { path, expected: expected.to_owned(), found });
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Rewrites the manifest with another status.
    ///
    /// # Errors
    ///
    /// [`RunError::Io`] if it cannot be written.
    pub fn set_status(&mut self, status: Status) -> Result<()> {
        self.manifest.status = status;
        self.write_manifest()
    }

    /// Appends the line of an epoch to `metrics.jsonl` and syncs it.
    ///
    /// # Errors
    ///
    /// [`RunError::Unwritable`] if a number is not finite, [`RunError::Io`] if the file cannot be written.
    pub fn append_metrics(&self, metrics: &EpochMetrics) -> Result<()> {
        lines::append(&self.path.join(METRICS), metrics)?;
        match self.events() {
            Some(events) => events::append_metrics(&events, events::now(), metrics),
            None => Ok(()),
        }
    }

    /// Appends the line of an epoch to `timing.jsonl` and syncs it.
    ///
    /// # Errors
    ///
    /// As [`append_metrics`](Self::append_metrics).
    pub fn append_timing(&self, timing: &Timing) -> Result<()> {
        lines::append(&self.path.join(TIMING), timing)?;
        match self.events() {
            Some(events) => events::append_timing(&events, events::now(), timing),
            None => Ok(()),
        }
    }

    /// From now on, writes what is appended into an event file of TensorBoard as well, and what was
    /// appended before with it; a run that has such a file continues it.
    ///
    /// # Errors
    ///
    /// [`RunError::Io`] if it cannot be written, and as [`metrics`](Self::metrics).
    pub fn record_events(&self) -> Result<()> {
        if self.events().is_some() {
            return Ok(());
        }
        let path = self.events_path();
        events::create(&path, events::now())?;
        for metrics in self.metrics()? {
            events::append_metrics(&path, events::now(), &metrics)?;
        }
        Ok(())
    }

    /// Whether there is an event file, which wants histograms too.
    pub fn records_events(&self) -> bool {
        self.events().is_some()
    }

    /// Appends histograms by tag to the event file, if there is one.
    ///
    /// # Errors
    ///
    /// [`RunError::Io`] if it cannot be written.
    pub fn append_histograms(&self, epoch: u32, histograms: &[(String, Histogram)]) -> Result<()> {
        match self.events() {
            Some(events) => events::append_histograms(&events, events::now(), epoch, histograms),
            None => Ok(()),
        }
    }

    /// The event file, if there is one.
    fn events(&self) -> Option<PathBuf> {
        Some(self.events_path()).filter(|path| path.is_file())
    }

    /// One name per run, so that a resumed run finds its file.
    fn events_path(&self) -> PathBuf {
        let started = self.manifest.started_at.unwrap_or(0);
        self.path.join(format!("events.out.tfevents.{started}.candlewick"))
    }

    /// What the epochs measured, a torn last line left out.
    ///
    /// # Errors
    ///
    /// [`RunError::MalformedLine`] or [`RunError::EpochOrder`] if the file was edited or damaged.
    pub fn metrics(&self) -> Result<Vec<EpochMetrics>> {
        lines::read(&self.path.join(METRICS))
    }

    /// The file of [`metrics`](Self::metrics).
    pub(crate) fn metrics_path(&self) -> PathBuf {
        self.path.join(METRICS)
    }

    /// SHA-256 of the lines of the first `epochs` epochs.
    pub(crate) fn metrics_hash(&self, epochs: u32) -> Result<String> {
        lines::hash(&self.metrics_path(), epochs)
    }

    /// What the epochs cost, a torn last line left out.
    ///
    /// # Errors
    ///
    /// As [`metrics`](Self::metrics).
    pub fn timings(&self) -> Result<Vec<Timing>> {
        lines::read(&self.path.join(TIMING))
    }

    /// Truncates `metrics.jsonl`, `timing.jsonl` and the event file to the epoch of the checkpoint (0: to nothing), and
    /// marks the run as running.
    ///
    /// # Errors
    ///
    /// [`RunError::MissingEpochs`] if fewer epochs are recorded than the checkpoint has seen, and as [`metrics`](Self::metrics).
    pub fn rewind(&mut self, epoch: u32) -> Result<()> {
        for (name, last) in [
            (METRICS, lines::rewind::<EpochMetrics>(&self.path.join(METRICS), epoch)?),
            (TIMING, lines::rewind::<Timing>(&self.path.join(TIMING), epoch)?),
        ] {
            if last != epoch {
                let path = self.path.join(name);
                return Err(RunError::MissingEpochs { path, wanted: epoch, found: last });
            }
        }
        if let Some(events) = self.events() {
            let last = events::rewind(&events, epoch)?;
            // A power cut may have taken events that the metrics still have.
            for metrics in self.metrics()?.iter().filter(|metrics| metrics.epoch > last) {
                events::append_metrics(&events, events::now(), metrics)?;
            }
        }
        self.set_status(Status::Running)
    }

    fn write_manifest(&self) -> Result<()> {
        document::write(&self.manifest, &[], &self.path)
    }
}

/// Takes the run for this process, or says who cannot.
fn take_lock(path: &Path) -> Result<File> {
    let file = path.join(LOCK);
    let lock = File::create(&file).map_err(|source| RunError::io("create", &file, source))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(RunError::Locked { path: path.to_path_buf() }),
        // Some network file systems have no locks; two writers are then the user's affair.
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => Ok(lock),
        Err(TryLockError::Error(source)) => Err(RunError::io("lock", &file, source)),
    }
}
