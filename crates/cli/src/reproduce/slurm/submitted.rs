//! Which task of which job was to train a run, by the scripts that were submitted.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result};

use super::script;

/// The tasks of each run, such as `123_0`, those of earlier jobs first.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Submitted {
    tasks: BTreeMap<String, Vec<String>>,
}

impl Submitted {
    /// Reads all scripts of a folder, which may not be there.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let mut jobs: BTreeMap<u64, String> = BTreeMap::new();
        if folder.is_dir() {
            let unread = || format!("cannot read {}", folder.display());
            for entry in std::fs::read_dir(folder).with_context(unread)? {
                let path = entry.with_context(unread)?.path();
                let job = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
                if let Some(job) = job.filter(|_| path.extension().is_some_and(|end| end == "sh")) {
                    let text = std::fs::read_to_string(&path);
                    jobs.insert(
                        job,
                        text.with_context(|| format!("cannot read {}", path.display()))?,
                    );
                }
            }
        }
        Ok(Self::of(jobs.iter().map(|(job, text)| (*job, text.as_str()))))
    }

    /// Of scripts, by their jobs.
    pub(super) fn of<'a>(jobs: impl IntoIterator<Item = (u64, &'a str)>) -> Self {
        let mut submitted = Self::default();
        for (job, text) in jobs {
            for (task, run) in script::runs(text).enumerate() {
                submitted.tasks.entry(run.to_owned()).or_default().push(format!("{job}_{task}"));
            }
        }
        submitted
    }

    /// The task that was to train a run last.
    pub(super) fn last(&self, run: &str) -> Option<&str> {
        self.tasks.get(run)?.last().map(String::as_str)
    }

    /// Whether a task for the run is in the queue.
    pub(super) fn is_in(&self, run: &str, queue: &BTreeSet<String>) -> bool {
        self.tasks.get(run).is_some_and(|tasks| tasks.iter().any(|task| queue.contains(task)))
    }
}
