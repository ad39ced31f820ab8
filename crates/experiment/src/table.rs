//! The papers' tables: rows of recipes, what was published, and under which protocol they compare.

use std::fmt;
use std::str::FromStr;

use candlewick_run::{Published, Selection, Source};
use serde::Deserialize;

use crate::grid::{Grid, Point};
use crate::index::{FILES, paper};
use crate::{Error, RawRecipe, Recipe, Result};

/// How large an experiment is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scale {
    /// Embedded data, minutes on two cores: shows that the whole path works and learns.
    #[default]
    Demo,
    /// A fixed subset of a paper's own data set, hours on two cores: tests the direction of claims.
    Reduced,
    /// The data, network and epochs of the paper.
    Full,
}

impl Scale {
    /// All scales, from small to large.
    pub const ALL: [Self; 3] = [Self::Demo, Self::Reduced, Self::Full];

    /// The name in tables and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Demo => "demo",
            Self::Reduced => "reduced",
            Self::Full => "full",
        }
    }
}

impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Scale {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|scale| scale.name() == name)
            .ok_or_else(|| Error::unknown("scale", name, Self::ALL.map(Self::name)))
    }
}

/// A table as its file holds it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTable {
    title: String,
    /// Id of the row that the others are compared with.
    baseline: String,
    selection: Selection,
    protocol: Vec<String>,
    deviations: Vec<String>,
    /// Whether the claims of the papers are tested with it.
    #[serde(default)]
    claims: bool,
    base: RawRecipe,
    scales: RawScales,
    #[serde(default)]
    rows: Vec<RawRow>,
    #[serde(default)]
    grids: Vec<Grid>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawScales {
    demo: Option<RawScale>,
    reduced: Option<RawScale>,
    full: Option<RawScale>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawScale {
    dataset: String,
    network: String,
    seeds: u64,
    #[serde(default)]
    protocol: Vec<String>,
    #[serde(default)]
    deviations: Vec<String>,
    #[serde(default)]
    recipe: RawRecipe,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRow {
    id: String,
    label: String,
    note: Option<String>,
    provenance: Option<String>,
    /// Id of the row that this one is compared with and stands on top of, if not that of the table.
    baseline: Option<String>,
    published: Option<RawPublished>,
    /// Why no number is quoted, where that is worth a word.
    unpublished: Option<String>,
    /// Time steps of every stage, at every scale, in place of the scale's.
    time_steps: Option<usize>,
    #[serde(default)]
    recipe: RawRecipe,
    #[serde(default)]
    demo: RawRecipe,
    #[serde(default)]
    reduced: RawRecipe,
    #[serde(default)]
    full: RawRecipe,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPublished {
    /// Accuracy in percent, as papers print it.
    percent: f64,
    std: Option<f64>,
    source: Source,
    dataset: String,
    network: Option<String>,
}

impl RawRow {
    /// The row at a point of a grid, at one scale.
    fn of_point(point: &Point<'_>, scale: Scale, table: &str) -> Result<Self> {
        Ok(Self {
            id: point.row_id(),
            label: point.label(),
            note: None,
            provenance: None,
            baseline: Some(point.baseline_id()),
            published: None,
            unpublished: None,
            time_steps: point.time_steps(),
            recipe: point.recipe_at(scale, table)?,
            demo: RawRecipe::default(),
            reduced: RawRecipe::default(),
            full: RawRecipe::default(),
        })
    }

    /// What the row says itself at a scale.
    fn recipe_at(&self, scale: Scale) -> RawRecipe {
        let own = match scale {
            Scale::Demo => &self.demo,
            Scale::Reduced => &self.reduced,
            Scale::Full => &self.full,
        };
        own.clone().over(&self.recipe)
    }
}

/// A table at one scale, all of whose rows are resolved.
#[derive(Clone, Debug)]
pub struct Table {
    /// Name by which it is reproduced, such as `table-1`.
    pub id: String,
    /// One line for people.
    pub title: String,
    /// How large its experiments are.
    pub scale: Scale,
    /// What is measured on, in words.
    pub dataset: String,
    /// The network, in words.
    pub network: String,
    /// Seeds 1 to this number by default.
    pub seeds: u64,
    /// Id of the row that the others are compared with.
    pub baseline: String,
    /// Which accuracy of a run is quoted.
    pub selection: Selection,
    /// How the runs are made, one sentence each.
    pub protocol: Vec<String>,
    /// Known deviations from the papers, one sentence each.
    pub deviations: Vec<String>,
    /// Whether the claims of the papers are tested with it.
    pub tests_claims: bool,
    /// The rows, in order, those of the grids at the end.
    pub rows: Vec<Row>,
    /// The grids whose points are rows.
    pub grids: Vec<Grid>,
}

/// A row of a table.
#[derive(Clone, Debug)]
pub struct Row {
    /// Name by which it is chosen.
    pub id: String,
    /// Name as readers of the papers know it.
    pub label: String,
    /// The method in a few words.
    pub note: Option<String>,
    /// Shown wherever the row appears.
    pub provenance: Option<String>,
    /// Id of the row that this one is compared with; its own if others are compared with it.
    pub baseline: String,
    /// What was published of the method.
    pub published: Option<Published>,
    /// Why no number is quoted, where that is worth a word.
    pub unpublished: Option<String>,
    /// What is trained.
    pub recipe: Recipe,
}

/// What a list of tables says of one.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Name by which it is reproduced.
    pub id: &'static str,
    /// Whose table it is, in words.
    pub paper: &'static str,
    /// One line for people.
    pub title: String,
    /// The scales that it has, from small to large.
    pub scales: Vec<Scale>,
}

/// All tables; those of one paper stand together.
///
/// # Errors
/// If a table's file is damaged.
pub fn tables() -> Result<Vec<Listed>> {
    FILES
        .iter()
        .map(|&(id, text)| {
            let raw = parse(id, text)?;
            let scales = Scale::ALL.into_iter().filter(|&scale| raw.scale(scale).is_some());
            let scales = scales.collect();
            Ok(Listed { id, paper: paper(id), title: raw.title, scales })
        })
        .collect()
}

fn parse(id: &str, text: &str) -> Result<RawTable> {
    toml::from_str(text)
        .map_err(|source| Error::Parse { name: id.into(), source: Box::new(source) })
}

impl RawTable {
    fn scale(&self, scale: Scale) -> Option<&RawScale> {
        match scale {
            Scale::Demo => self.scales.demo.as_ref(),
            Scale::Reduced => self.scales.reduced.as_ref(),
            Scale::Full => self.scales.full.as_ref(),
        }
    }

    /// The row that `row` is compared with: itself if another row names it, or if it is the table's.
    fn baseline_of<'a>(&'a self, row: &'a RawRow) -> Result<&'a RawRow> {
        let named = |other: &RawRow| other.baseline.as_ref() == Some(&row.id);
        let id = match &row.baseline {
            Some(id) => id,
            None if self.rows.iter().any(named) => &row.id,
            None => &self.baseline,
        };
        self.rows
            .iter()
            .find(|row| row.id == *id)
            .ok_or_else(|| Error::unknown("row", id, self.rows.iter().map(|row| row.id.as_str())))
    }

    fn resolve(mut self, id: &str, scale: Scale) -> Result<Table> {
        let Some(chosen) = self.scale(scale).cloned() else {
            let there = Scale::ALL.into_iter().filter(|&scale| self.scale(scale).is_some());
            let name = format!("{scale} of {id}");
            return Err(Error::unknown("scale", &name, there.map(Scale::name)));
        };
        let base = chosen.recipe.over(&self.base);
        for grid in &self.grids {
            for point in grid.points() {
                self.rows.push(RawRow::of_point(&point, scale, id)?);
            }
        }
        let baselines = self
            .rows
            .iter()
            .map(|row| self.baseline_of(row).cloned())
            .collect::<Result<Vec<RawRow>>>()?;
        let rows = self
            .rows
            .into_iter()
            .zip(baselines)
            .map(|(row, baseline)| {
                let name = format!("{id}, row {}, scale {scale}", row.id);
                let mut recipe = row.recipe_at(scale);
                let mut time_steps = row.time_steps;
                if baseline.id != row.id {
                    if !recipe.names_training() {
                        time_steps = time_steps.or(baseline.time_steps);
                    }
                    recipe = recipe.over(&baseline.recipe_at(scale));
                }
                let mut recipe = recipe.over(&base).resolve(&name)?;
                if let Some(time_steps) = time_steps {
                    for stage in &mut recipe.train.stages {
                        stage.time_steps = time_steps;
                    }
                    recipe.check(&name)?;
                }
                Ok(Row {
                    recipe,
                    baseline: baseline.id,
                    id: row.id,
                    label: row.label,
                    note: row.note,
                    provenance: row.provenance,
                    published: row.published.map(|published| Published {
                        value: published.percent / 100.0,
                        std: published.std.map(|std| std / 100.0),
                        source: published.source,
                        dataset: published.dataset,
                        network: published.network,
                    }),
                    unpublished: row.unpublished,
                })
            })
            .collect::<Result<Vec<_>>>()?;
        let protocol = self.protocol.into_iter().chain(chosen.protocol).collect();
        let deviations = self.deviations.into_iter().chain(chosen.deviations).collect();
        Ok(Table {
            id: id.into(),
            title: self.title,
            scale,
            dataset: chosen.dataset,
            network: chosen.network,
            seeds: chosen.seeds,
            baseline: self.baseline,
            selection: self.selection,
            protocol,
            deviations,
            tests_claims: self.claims,
            rows,
            grids: self.grids,
        })
    }
}

impl Table {
    /// The table of that id at that scale.
    ///
    /// # Errors
    /// If there is none; the known ones are listed.
    pub fn open(id: &str, scale: Scale) -> Result<Self> {
        let Some((id, text)) = FILES.iter().find(|(known, _)| *known == id) else {
            return Err(Error::unknown("table", id, FILES.iter().map(|(id, _)| *id)));
        };
        parse(id, text)?.resolve(id, scale)
    }

    /// A table without rows, of all claims at that scale.
    pub fn of_claims(scale: Scale) -> Self {
        let protocol = "Each claim is tested under its own condition, which was chosen by the behavior of the baseline alone.";
        Self {
            id: "claims".into(),
            title: "Claims of five papers".into(),
            scale,
            dataset: "the data of each condition".into(),
            network: "the network of each condition".into(),
            seeds: 0,
            baseline: String::new(),
            selection: Selection::Final,
            protocol: vec![protocol.into()],
            deviations: Vec::new(),
            tests_claims: true,
            rows: Vec::new(),
            grids: Vec::new(),
        }
    }

    /// Keeps only the rows of these ids, in the table's order; all if there are none.
    ///
    /// # Errors
    /// If an id is unknown; the known ones are listed.
    pub fn keep_rows(&mut self, ids: &[String]) -> Result<()> {
        for id in ids {
            if !self.rows.iter().any(|row| row.id == *id) {
                let known = self.rows.iter().map(|row| row.id.as_str());
                return Err(Error::unknown("row", id, known));
            }
        }
        if !ids.is_empty() {
            self.rows.retain(|row| ids.contains(&row.id));
        }
        Ok(())
    }
}
