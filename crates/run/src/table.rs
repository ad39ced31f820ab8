//! A table of results as a value: rows of runs, what was published, and under which protocol they compare.
//!
//! Rendering it is the affair of [`report`](crate::report).

use serde::{Deserialize, Serialize};

use crate::claim::ClaimReport;
use crate::directory::RunDirectory;
use crate::error::RunError;
use crate::flatness::Flatness;
use crate::map::MapReport;
use crate::metrics::{EpochMetrics, GradientNorm, LayerMetrics};
use crate::snapshot::Snapshot;
use crate::statistics::{Difference, Spread, mean};
use crate::summary::{Selection, Summary};

/// Everything that a report of one table says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TableReport {
    /// Name by which the table is reproduced, such as `table-1`.
    pub id: String,
    /// One line for people.
    pub title: String,
    /// `demo`, `reduced` or `full`; empty if the rows are runs that somebody chose.
    pub scale: String,
    /// The data set that was measured on, with its subset: `Fashion-MNIST, 5,000 + 1,000 images`.
    pub dataset: String,
    /// The network that was trained, if all rows share it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// Which accuracy of each run the table quotes.
    pub selection: Selection,
    /// Id of the row that the others are compared with, unless they name one of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<String>,
    /// How the runs were made, one sentence each: seeds, split, epochs.
    #[serde(default)]
    pub protocol: Vec<String>,
    /// Known deviations from the papers, one sentence each with its reason.
    #[serde(default)]
    pub deviations: Vec<String>,
    /// What the command that made it was told beyond the scale, such as `--seeds 2`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
    /// Version, commit, machine, threads and the like.
    #[serde(default)]
    pub environment: Vec<Fact>,
    /// The claims that were tested, those of one paper together.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<ClaimReport>,
    /// Claims over grids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub maps: Vec<MapReport>,
    /// The rows in the order of the table.
    pub rows: Vec<RowReport>,
}

impl TableReport {
    /// A report of rows that somebody chose, compared with the first if there are several.
    pub fn of_rows(title: String, rows: Vec<RowReport>) -> Self {
        let first = rows.iter().find_map(|row| row.runs.first());
        Self {
            id: "comparison".into(),
            title,
            scale: String::new(),
            dataset: first.map_or_else(String::new, |run| run.summary.dataset.clone()),
            network: None,
            selection: Selection::Final,
            baseline: rows.first().filter(|_| rows.len() > 1).map(|row| row.id.clone()),
            protocol: Vec::new(),
            deviations: Vec::new(),
            options: Vec::new(),
            environment: Vec::new(),
            claims: Vec::new(),
            maps: Vec::new(),
            rows,
        }
    }
}

/// A named line of the environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// What it is about.
    pub name: String,
    /// What is so.
    pub value: String,
}

/// One row: a method and its runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RowReport {
    /// Name by which the row is chosen, such as `tet`.
    pub id: String,
    /// Name as the papers' readers know it, such as `TET`.
    pub label: String,
    /// The method in a few words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Shown beside the label wherever the row appears, such as `inferred from the abstract`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provenance: Option<String>,
    /// Id of the row that this one is compared with, if not that of the table; its own if others are
    /// compared with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<String>,
    /// The complete runs, in the order of their seeds.
    pub runs: Vec<RunRecord>,
    /// What was published of the method, on whatever data set it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<Published>,
    /// Why nothing is quoted, if that is worth a word: `no published number is known`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unpublished: Option<String>,
}

/// One complete run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Where it lies, as the reader of the report can find it.
    pub directory: String,
    /// Its outcome.
    pub summary: Summary,
    /// Its course.
    pub epochs: Vec<EpochMetrics>,
    /// What its trained network looks like inside, if that was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<Snapshot>,
    /// How flat the minimum is, if that was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flatness: Option<Flatness>,
}

impl RunRecord {
    /// Reads a run; `None` if it is not complete.
    ///
    /// # Errors
    ///
    /// As [`RunDirectory::summary`], [`RunDirectory::metrics`], [`RunDirectory::snapshot`] and
    /// [`RunDirectory::flatness`].
    pub fn read(directory: &RunDirectory) -> Result<Option<Self>, RunError> {
        let Some(summary) = directory.summary()? else {
            return Ok(None);
        };
        Ok(Some(Self {
            directory: directory.path().display().to_string(),
            summary,
            epochs: directory.metrics()?,
            snapshot: directory.snapshot()?,
            flatness: directory.flatness()?,
        }))
    }
}

/// A number that someone published.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Published {
    /// Accuracy as a fraction.
    pub value: f64,
    /// Its standard deviation as a fraction, if it was published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub std: Option<f64>,
    /// Who says so.
    pub source: Source,
    /// The data set of the published number.
    pub dataset: String,
    /// The network of the published number, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
}

/// Where a published number comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The paper's own text or tables.
    Paper,
    /// The authors' code or its read-me.
    Code,
    /// A third party's detailed reading notes of the paper.
    Notes,
    /// Another paper's comparison.
    ThirdParty,
    /// Arithmetic from numbers that were stated.
    Derived,
    /// Not traced to a text.
    Unknown,
}

impl Source {
    /// The provenance in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Paper => "paper",
            Self::Code => "authors' code",
            Self::Notes => "reading notes of the paper",
            Self::ThirdParty => "third party",
            Self::Derived => "derived from stated numbers",
            Self::Unknown => "source unknown",
        }
    }
}

impl TableReport {
    /// The row that `row` is compared with; itself if it is a baseline.
    pub fn baseline_of(&self, row: &RowReport) -> Option<&RowReport> {
        let id = row.baseline.as_deref().or(self.baseline.as_deref())?;
        self.rows.iter().find(|row| row.id == id)
    }

    /// Whether `row` is one that others are compared with.
    pub fn is_baseline(&self, row: &RowReport) -> bool {
        self.baseline_of(row).is_some_and(|baseline| baseline.id == row.id)
    }

    /// The row that all others are compared with; `None` if there are several.
    pub fn only_baseline(&self) -> Option<&RowReport> {
        let first = self.baseline_of(self.rows.first()?)?;
        let same = |row| self.baseline_of(row).is_some_and(|baseline| baseline.id == first.id);
        self.rows.iter().all(same).then_some(first)
    }

    /// Accuracy of a row under the table's rule; `None` without runs that have it.
    pub fn accuracy(&self, row: &RowReport) -> Option<Spread> {
        let values: Vec<f64> = row.accuracies(self.selection).map(|(_, value)| value).collect();
        Spread::of(&values)
    }

    /// Difference of a row to its baseline over the seeds that both have; `None` for a baseline itself and
    /// where fewer than two seeds are shared.
    pub fn difference(&self, row: &RowReport) -> Option<Difference> {
        if self.is_baseline(row) {
            return None;
        }
        let baseline: Vec<(u64, f64)> = self.baseline_of(row)?.accuracies(self.selection).collect();
        let pairs: Vec<(f64, f64)> = row
            .accuracies(self.selection)
            .filter_map(|(seed, value)| {
                let (_, reference) = baseline.iter().find(|(other, _)| *other == seed)?;
                Some((value, *reference))
            })
            .collect();
        Difference::paired(&pairs)
    }
}

impl RowReport {
    /// The label with its provenance, where the two do not stand apart: `PSG, inferred from the abstract`.
    pub fn full_label(&self) -> String {
        match &self.provenance {
            Some(provenance) => format!("{}, {provenance}", self.label),
            None => self.label.clone(),
        }
    }

    /// Seed and accuracy of each run that has one under the rule.
    pub fn accuracies(&self, selection: Selection) -> impl Iterator<Item = (u64, f64)> {
        self.runs.iter().filter_map(move |run| {
            Some((run.summary.seed, run.summary.accuracy.select(selection)?))
        })
    }

    /// Mean firing rate over the runs.
    pub fn firing_rate(&self) -> Option<f64> {
        self.mean_of(|summary| summary.firing_rate.map(f64::from))
    }

    /// Mean wall-clock seconds of a run.
    pub fn seconds(&self) -> Option<f64> {
        self.mean_of(|summary| Some(summary.seconds))
    }

    /// Mean training samples per second.
    pub fn images_per_second(&self) -> Option<f64> {
        self.mean_of(|summary| Some(summary.images_per_second))
    }

    /// Mean joules per inference, from the counted operations.
    pub fn energy(&self) -> Option<f64> {
        self.mean_of(|summary| Some(summary.synaptic_operations?.energy()))
    }

    /// The layers of the runs' final evaluations, each value the mean over the runs; empty if the runs differ in layers.
    pub fn layers(&self) -> Vec<LayerMetrics> {
        let Some(first) = self.runs.first() else {
            return Vec::new();
        };
        let names = |run: &RunRecord| -> Vec<String> {
            run.summary.layers.iter().map(|layer| layer.name.clone()).collect()
        };
        if self.runs.iter().any(|run| names(run) != names(first)) {
            return Vec::new();
        }
        first
            .summary
            .layers
            .iter()
            .enumerate()
            .map(|(index, layer)| {
                let mean_of = |value: fn(&LayerMetrics) -> Option<f32>| {
                    let layers = self.runs.iter().map(|run| &run.summary.layers[index]);
                    all_mean(layers.map(|layer| value(layer).map(f64::from)))
                        .map(|mean| mean as f32)
                };
                LayerMetrics {
                    name: layer.name.clone(),
                    firing_rate: mean_of(|layer| Some(layer.firing_rate))
                        .unwrap_or(layer.firing_rate),
                    dead: mean_of(|layer| layer.dead),
                    active_gradient: mean_of(|layer| layer.active_gradient),
                    saturated: mean_of(|layer| layer.saturated),
                }
            })
            .collect()
    }

    /// Gradient norms of the runs' last epochs, each the mean over the runs; empty if the runs differ in parameters.
    pub fn gradient_norms(&self) -> Vec<GradientNorm> {
        let last: Vec<&[GradientNorm]> = self
            .runs
            .iter()
            .filter_map(|run| run.epochs.last())
            .map(|epoch| epoch.gradient_norms.as_slice())
            .collect();
        let Some(first) = last.first() else {
            return Vec::new();
        };
        let same = |norms: &[GradientNorm]| {
            norms.len() == first.len()
                && norms.iter().zip(*first).all(|(left, right)| left.name == right.name)
        };
        if !last.iter().all(|norms| same(norms)) {
            return Vec::new();
        }
        (0..first.len())
            .map(|index| {
                let sum: f64 = last.iter().map(|norms| f64::from(norms[index].norm)).sum();
                let name = first[index].name.clone();
                GradientNorm { name, norm: (sum / last.len() as f64) as f32 }
            })
            .collect()
    }

    /// Share of neurons and steps at which the surrogate gradient was zero, mean over the layers and runs.
    pub fn zero_gradient(&self) -> Option<f64> {
        let layers = self.layers();
        let active = all_mean(layers.iter().map(|layer| layer.active_gradient.map(f64::from)))?;
        Some(1.0 - active)
    }

    /// Gradient norms of the first and of the last weight of the network in the last epoch, mean over the runs.
    pub fn first_and_last_gradient(&self) -> Option<(f64, f64)> {
        let norms = self.gradient_norms();
        let mut weights = norms.iter().filter(|gradient| gradient.name.ends_with("weight"));
        let first = weights.next()?;
        let last = weights.next_back()?;
        Some((f64::from(first.norm), f64::from(last.norm)))
    }

    /// Accuracy after each time step, mean over the runs; empty if a run has none or another number of steps.
    pub fn accuracy_per_step(&self) -> Vec<f64> {
        let steps = self.runs.first().map_or(0, |run| run.summary.accuracy_per_step.len());
        if self.runs.iter().any(|run| run.summary.accuracy_per_step.len() != steps) {
            return Vec::new();
        }
        (0..steps)
            .filter_map(|step| {
                self.mean_of(|summary| Some(f64::from(summary.accuracy_per_step[step])))
            })
            .collect()
    }

    /// Mean over the runs; `None` without runs, or where one of them lacks the value.
    fn mean_of(&self, value: impl Fn(&Summary) -> Option<f64>) -> Option<f64> {
        all_mean(self.runs.iter().map(|run| value(&run.summary)))
    }
}

/// Mean of values that are all present.
fn all_mean(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    mean(&values.collect::<Option<Vec<f64>>>()?)
}
