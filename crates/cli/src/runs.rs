//! Runs: started, or resumed, alone or side by side.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use candlewick::experiment::{Experiment, Machine, Recipe};
use candlewick::run::hash::sha256_hex;
use candlewick::run::{RunDirectory, RunState};
use candlewick::train::{Ended, Silent};

use crate::arguments::MachineArguments;
use crate::bars::Bars;
use crate::estimate::Sharing;
use crate::stop::STOP;
use crate::{figures, machine, ranks};

/// A recipe, and where its run is kept.
#[derive(Clone, Debug)]
pub(crate) struct Planned {
    /// Id of the row.
    pub(crate) row: String,
    /// What the bar says.
    pub(crate) label: String,
    /// What errors call the recipe.
    pub(crate) name: String,
    /// As the user wrote it.
    pub(crate) text: String,
    pub(crate) recipe: Recipe,
    pub(crate) path: PathBuf,
}

impl Planned {
    /// Plans the run of a recipe below `root`, under `table` and `row`.
    pub(crate) fn new(
        root: &Path,
        table: &str,
        row: &str,
        name: String,
        text: Option<String>,
        recipe: Recipe,
    ) -> Result<Self> {
        let resolved = recipe.to_toml()?;
        // What rounds differently is another run.
        let limit = machine::instructions().unwrap_or_default();
        let hash = sha256_hex(format!("{resolved}{limit}").as_bytes());
        let path = RunDirectory::path_for(root, table, row, recipe.seed, &hash);
        let label = format!("{row} seed {}", recipe.seed);
        Ok(Self { row: row.to_owned(), label, name, text: text.unwrap_or(resolved), recipe, path })
    }

    /// Whether the run is there already.
    pub(crate) fn is_complete(&self) -> bool {
        RunDirectory::inspect(&self.path) == RunState::Complete
    }

    /// Writes the recipes of the run again if it is there and they are damaged, and says so.
    pub(crate) fn mend(&self, bars: &Bars) -> Result<()> {
        if ranks::is_first() && RunDirectory::inspect(&self.path) != RunState::Absent {
            for name in RunDirectory::mend(&self.path, &self.text, &self.recipe.to_toml()?)? {
                let path = self.path.join(name);
                bars.say(&format!("{} was damaged and has been rewritten", path.display()));
            }
        }
        Ok(())
    }

    /// Trains or resumes the run; `false` if it was stopped.
    pub(crate) fn train(
        &self,
        machine: &Machine,
        wanted: &MachineArguments,
        threads: usize,
        bars: &Bars,
    ) -> Result<bool> {
        let mut experiment = Experiment::prepare(self.recipe.clone(), &self.name, machine)?;
        experiment.check_memory()?;
        ranks::agree(&experiment)?;
        if !ranks::is_first() {
            let ended = experiment.train(None, &mut Silent, &STOP)?;
            return Ok(matches!(ended, Ended::Complete(_)));
        }
        let state = RunDirectory::inspect(&self.path);
        let mut directory = match state {
            RunState::Complete => return Ok(true),
            RunState::Unfinished => {
                let directory = RunDirectory::resume(&self.path)?;
                if let Some(other) = machine::other_instructions(directory.manifest()) {
                    bars.say(&format!("{}: {other}", self.label));
                }
                directory
            }
            RunState::Absent => {
                let resolved = self.recipe.to_toml()?;
                let device = candlewick::core::device::name(&machine.device);
                let manifest = machine::manifest(&experiment, &device, threads);
                RunDirectory::create(&self.path, manifest, &self.text, &resolved)?
            }
        };
        if wanted.tensorboard {
            directory.record_events()?;
        }
        let mut bar = bars.run(self.label.clone(), state == RunState::Unfinished);
        match experiment.train(Some(&mut directory), &mut bar, &STOP)? {
            Ended::Complete(_) => {
                figures::take(&experiment, &directory)?;
                Ok(true)
            }
            Ended::Interrupted { .. } => Ok(false),
        }
    }
}

/// Trains what is not complete, `jobs` runs side by side, in the order of `runs`; they take turns on the devices
/// of the arguments.
pub(crate) fn train_all(
    runs: &[&Planned],
    machine: &Machine,
    Sharing { jobs, threads }: Sharing,
    arguments: &MachineArguments,
    bars: &Bars,
) -> Result<()> {
    // What is complete is for the first rank to say: the others may not see its files.
    let complete: Vec<u8> = runs.iter().map(|run| u8::from(run.is_complete())).collect();
    let complete = ranks::communicator().broadcast(&complete)?;
    let open = runs.iter().copied().zip(&complete).filter(|(_, complete)| **complete == 0);
    let open = open.map(|(run, _)| run);
    let queue: Mutex<VecDeque<&Planned>> = Mutex::new(open.collect());
    let devices = candlewick::core::device::all(&arguments.device)?;
    let failure = Mutex::new(None);
    let work = |machine: &Machine| -> Result<()> {
        let pool = machine::pool(threads)?;
        loop {
            let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            let Some(run) = next.filter(|_| !STOP.load(Ordering::Relaxed)) else {
                return Ok(());
            };
            let complete = pool
                .install(|| run.train(machine, arguments, threads, bars))
                .with_context(|| run.label.clone())?;
            if !complete {
                // It may be another rank that was asked to stop.
                STOP.store(true, Ordering::Relaxed);
            }
        }
    };
    std::thread::scope(|scope| {
        for device in devices.iter().cycle().take(jobs) {
            let machine = Machine { device: device.clone(), ..machine.clone() };
            let (work, failure) = (&work, &failure);
            scope.spawn(move || {
                if let Err(error) = work(&machine) {
                    // The others stop with a checkpoint.
                    failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                    STOP.store(true, Ordering::Relaxed);
                }
            });
        }
    });
    match failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None => Ok(()),
    }
}
