//! An epoch of the papers' own experiments, and what the whole training would take.

use std::time::{Duration, Instant};

use candlewick_core::Key;
use candlewick_datasets::Error::{FeatureMissing, FilesMissing, FolderNeeded};
use candlewick_experiment::{Error, Experiment, Machine, Recipe, Scale, Table};
use candlewick_run::{CheckCell, CheckTable};
use candlewick_train::{Optimizer, StepSettings, step};

use super::{DeviceCheck, Findings, Result, in_words};

/// Tables of papers, and a row of each.
const RECIPES: [(&str, &str); 3] = [
    ("tet/cifar-10", "tet-t4"),
    ("shortcut/cifar-100", "shortcut-resnet-18-t4"),
    ("tet/dvs-cifar10", "tet"),
];

/// Time for the steps of one recipe.
const AT_MOST: Duration = Duration::from_mins(1);

/// Steps that are not timed.
const WARM_UP: usize = 3;

/// Trains an epoch of each recipe, or as much of it as the time allows, and extrapolates; no table if all data are
/// missing.
pub fn check_epochs(check: &DeviceCheck) -> Findings {
    let headers =
        ["recipe", "data", "steps", "of an epoch", "ms per step", "epoch", "whole training"];
    let mut table = CheckTable::new(&headers);
    let (mut failures, mut missing, mut measured) = (Vec::new(), Vec::new(), 0);
    for (id, row) in RECIPES {
        let name = format!("{id}, {row}");
        let (data, outcome) = match recipe(id, row) {
            Ok(recipe) => (recipe.data.name.clone(), measure(check, recipe, &name)),
            Err(error) => ("–".to_owned(), Err(error)),
        };
        let mut cells: Vec<CheckCell> = vec![name.clone().into(), data.clone().into()];
        match outcome {
            Ok(Epoch::Measured(part)) => {
                measured += 1;
                cells.extend(part.cells());
            }
            Ok(Epoch::Untrained) => {
                let why = "data found; not trained: the kernels ran on the host";
                cells.extend([why, "–", "–", "–", "–"].map(CheckCell::from));
            }
            Ok(Epoch::Absent) => {
                cells.extend(["data missing", "–", "–", "–", "–"].map(CheckCell::from));
                missing.push(data.split(':').next().unwrap_or_default().to_owned());
            }
            Ok(Epoch::Late) => {
                cells.extend(
                    ["not measured: the time was up", "–", "–", "–", "–"].map(CheckCell::from),
                );
            }
            Err(error) => {
                failures.push(format!("{name}: {}.", in_words(&error, "`input.batch_size`")));
                cells.extend(["failed", "–", "–", "–", "–"].map(CheckCell::from));
            }
        }
        table.rows.push(cells);
    }
    let mut notes = Vec::new();
    let absent = (!missing.is_empty()).then(|| {
        format!(
            "the data of {} are missing: `candlewick data info NAME` says where they come from, `candlewick data fetch NAME --data-dir FOLDER` fetches them (feature `download`), and `--data-dir FOLDER` names the folder here.",
            missing.join(", ")
        )
    });
    let sentence = match (measured, absent) {
        (0, Some(absent)) if failures.is_empty() => {
            return Findings { sentence: absent, ..Findings::default() };
        }
        (_, absent) => {
            notes.extend(absent);
            format!("{measured} of {} experiments were measured.", RECIPES.len())
        }
    };
    if measured > 0 {
        notes.push("The whole training is that of its epochs' steps, without evaluations.".into());
    }
    Findings { sentence, failures, notes, tables: vec![table], comparisons: None }
}

/// The row of a table at the full scale.
fn recipe(id: &str, row: &str) -> Result<Recipe> {
    let mut table = Table::open(id, Scale::Full)?;
    table.keep_rows(&[row.to_owned()])?;
    let row = table.rows.into_iter().next().map(|row| row.recipe);
    Ok(row.ok_or_else(|| Error::Field {
        name: id.to_owned(),
        field: "rows".into(),
        expected: "the row that was kept".into(),
    })?)
}

/// What became of a recipe.
enum Epoch {
    Measured(Part),
    /// Its data are there; its network is too large for the host.
    Untrained,
    /// Its data are not there.
    Absent,
    /// There was no time left.
    Late,
}

/// The part of an epoch that was trained.
struct Part {
    steps: usize,
    /// Steps of the epoch.
    all: usize,
    /// Mean of a step, the loader's time with it.
    seconds: f64,
    /// Epochs of the training, by the time steps of the first stage.
    epochs: f64,
}

impl Part {
    fn cells(&self) -> [CheckCell; 5] {
        let epoch = self.seconds * self.all as f64;
        let hours = epoch * self.epochs / 3600.0;
        [
            CheckCell::count(self.steps as u64),
            CheckCell::count(self.all as u64),
            CheckCell::number(1e3 * self.seconds, 1),
            CheckCell::Number { value: epoch, text: format!("{epoch:.0} s") },
            CheckCell::Number { value: 3600.0 * hours, text: format!("{hours:.1} h") },
        ]
    }
}

fn measure(check: &DeviceCheck, recipe: Recipe, name: &str) -> Result<Epoch> {
    if check.is_over() {
        return Ok(Epoch::Late);
    }
    let device = check.target.device();
    let machine = Machine {
        device: device.clone(),
        data: check.data.clone(),
        workers: 2,
        ..Machine::default()
    };
    let first = recipe.train.stages[0].time_steps;
    let work = |stage: &candlewick_train::Stage| {
        f64::from(stage.epochs) * stage.time_steps as f64 / first as f64
    };
    let epochs = recipe.train.stages.iter().map(work).sum();
    check.target.run(|| {
        let mut experiment = match Experiment::prepare(recipe, name, &machine) {
            Ok(experiment) => experiment,
            Err(Error::Data(FolderNeeded { .. } | FilesMissing { .. } | FeatureMissing { .. })) => {
                return Ok(Epoch::Absent);
            }
            Err(error) => return Err(error.into()),
        };
        if !check.target.is_timed() {
            return Ok(Epoch::Untrained);
        }
        let train = experiment.recipe().train.clone();
        let loader = &experiment.loaders().train[0];
        let (batches, all) = (loader.epoch(0, 0)?, loader.batches());
        let (network, methods) = experiment.parts();
        let mut optimizer = Optimizer::new(&train.optimizer, train.groups, network.parameters())?;
        let most = if check.quick { WARM_UP + 20 } else { usize::MAX };
        let (mut start, mut steps) = (Instant::now(), 0);
        for (number, batch) in batches.take(most).enumerate() {
            if number == WARM_UP {
                device.synchronize()?;
                start = Instant::now();
            }
            let key = Key::new(1).named("step").at(number as u64);
            let mut settings = StepSettings::new(first, key);
            settings.context.recompute = train.recompute;
            settings.context.precision = train.precision;
            settings.clip_norm = train.clip_norm;
            step(network, methods, &mut optimizer, &batch?, &settings)?;
            steps = number + 1;
            if steps > WARM_UP && (start.elapsed() > AT_MOST || check.is_over()) {
                break;
            }
        }
        if steps <= WARM_UP {
            return Ok(Epoch::Late);
        }
        device.synchronize()?;
        let seconds = start.elapsed().as_secs_f64() / (steps - WARM_UP) as f64;
        Ok(Epoch::Measured(Part { steps, all, seconds, epochs }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_recipe_is_there() -> Result<()> {
        let mut visited = 0;
        for (id, row) in RECIPES {
            assert!(recipe(id, row)?.train.epochs() > 50, "{id}");
            visited += 1;
        }
        assert_eq!(visited, 3);
        Ok(())
    }

    #[test]
    fn an_epoch_and_a_training_are_extrapolated() {
        let part = Part { steps: 10, all: 100, seconds: 0.36, epochs: 200.0 };
        let cells = part.cells();
        assert_eq!(cells.each_ref().map(CheckCell::shown), ["10", "100", "360.0", "36 s", "2.0 h"]);
    }
}
