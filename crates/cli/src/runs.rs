//! One run: started, or resumed.

use std::path::{Path, PathBuf};

use anyhow::Result;
use candlewick::experiment::{Experiment, Machine, Recipe};
use candlewick::run::hash::sha256_hex;
use candlewick::run::{RunDirectory, RunState};
use candlewick::train::Ended;

use crate::arguments::MachineArguments;
use crate::bars::Bars;
use crate::stop::STOP;
use crate::{figures, machine};

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
        let path =
            RunDirectory::path_for(root, table, row, recipe.seed, &sha256_hex(resolved.as_bytes()));
        let label = format!("{row} seed {}", recipe.seed);
        Ok(Self { row: row.to_owned(), label, name, text: text.unwrap_or(resolved), recipe, path })
    }

    /// Whether the run is there already.
    pub(crate) fn is_complete(&self) -> bool {
        RunDirectory::inspect(&self.path) == RunState::Complete
    }

    /// Writes the recipes of the run again if it is there and they are damaged, and says so.
    pub(crate) fn mend(&self, bars: &Bars) -> Result<()> {
        if RunDirectory::inspect(&self.path) != RunState::Absent {
            for name in RunDirectory::mend(&self.path, &self.text, &self.recipe.to_toml()?)? {
                let path = self.path.join(name);
                bars.say(&format!("{} was damaged, and is written again", path.display()));
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
        let state = RunDirectory::inspect(&self.path);
        let mut directory = match state {
            RunState::Complete => return Ok(true),
            RunState::Unfinished => RunDirectory::resume(&self.path)?,
            RunState::Absent => {
                let resolved = self.recipe.to_toml()?;
                let manifest = machine::manifest(&experiment, &wanted.device, threads);
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
