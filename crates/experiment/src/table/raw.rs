//! The file of a table: what it states itself, and what it takes from the table that it extends.

use std::collections::BTreeSet;

use candlewick_run::{Published, Selection, Source};
use serde::Deserialize;

use super::{Row, Scale, Table};
use crate::grid::{Grid, Point};
use crate::index::FILES;
use crate::{Error, RawRecipe, Result};

/// Seeds of a table that does not say how many.
const SEEDS: u64 = 3;

/// A table as its file holds it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTable {
    /// Id of a table whose rows stand before those of this one.
    extends: Option<String>,
    pub(super) title: Option<String>,
    /// Id of the row that the others are compared with.
    baseline: Option<String>,
    selection: Option<Selection>,
    #[serde(default)]
    protocol: Vec<String>,
    #[serde(default)]
    deviations: Vec<String>,
    /// Whether the claims of the papers are tested with it.
    #[serde(default)]
    claims: bool,
    #[serde(default)]
    base: RawRecipe,
    /// By default the base is the demo scale.
    #[serde(default)]
    scales: RawScales,
    #[serde(default)]
    rows: Vec<RawRow>,
    #[serde(default)]
    grids: Vec<Grid>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawScales {
    demo: Option<RawScale>,
    reduced: Option<RawScale>,
    full: Option<RawScale>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawScale {
    /// What is measured on, in words; by default the name of the data set.
    dataset: Option<String>,
    /// The network in words; by default its name in recipes.
    network: Option<String>,
    seeds: Option<u64>,
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
    /// By default the id.
    label: Option<String>,
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
    /// Id of the table that states it.
    #[serde(skip)]
    table: String,
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
            label: Some(point.label()),
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
            table: table.into(),
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

impl RawTable {
    /// Reads the table `id`; `name` is named in errors.
    pub(super) fn parse(id: &str, text: &str, name: &str) -> Result<Self> {
        let mut table: Self = toml::from_str(text)
            .map_err(|source| Error::Parse { name: name.into(), source: Box::new(source) })?;
        for row in &mut table.rows {
            row.table = id.into();
        }
        let Some(parent) = table.extends.take() else {
            return Ok(table);
        };
        let Some((parent, text)) = FILES.iter().find(|(known, _)| *known == parent) else {
            return Err(Error::unknown("table", &parent, FILES.iter().map(|(id, _)| *id)));
        };
        Ok(table.over(Self::parse(parent, text, parent)?))
    }

    /// This table on top of `parent`: its rows and sentences stand behind those of the parent, and what it
    /// states of base and scales replaces that of the parent, part by part.
    fn over(self, parent: Self) -> Self {
        let behind = |mut first: Vec<String>, second: Vec<String>| {
            first.extend(second);
            first
        };
        let scale = |own: Option<RawScale>, parent: Option<RawScale>| match (own, parent) {
            (Some(own), Some(parent)) => Some(RawScale {
                dataset: own.dataset.or(parent.dataset),
                network: own.network.or(parent.network),
                seeds: own.seeds.or(parent.seeds),
                protocol: behind(parent.protocol, own.protocol),
                deviations: behind(parent.deviations, own.deviations),
                recipe: own.recipe.over(&parent.recipe),
            }),
            (own, parent) => own.or(parent),
        };
        Self {
            extends: None,
            title: self.title.or(parent.title),
            baseline: self.baseline.or(parent.baseline),
            selection: self.selection.or(parent.selection),
            protocol: behind(parent.protocol, self.protocol),
            deviations: behind(parent.deviations, self.deviations),
            claims: self.claims,
            base: self.base.over(&parent.base),
            scales: RawScales {
                demo: scale(self.scales.demo, parent.scales.demo),
                reduced: scale(self.scales.reduced, parent.scales.reduced),
                full: scale(self.scales.full, parent.scales.full),
            },
            rows: parent.rows.into_iter().chain(self.rows).collect(),
            grids: parent.grids.into_iter().chain(self.grids).collect(),
        }
    }

    /// The scales that it has, from small to large.
    pub(super) fn scales(&self) -> Vec<Scale> {
        Scale::ALL.into_iter().filter(|&scale| self.scale(scale).is_some()).collect()
    }

    fn scale(&self, scale: Scale) -> Option<RawScale> {
        let RawScales { demo, reduced, full } = &self.scales;
        let none = demo.is_none() && reduced.is_none() && full.is_none();
        match scale {
            Scale::Demo if none => Some(RawScale::default()),
            Scale::Demo => demo.clone(),
            Scale::Reduced => reduced.clone(),
            Scale::Full => full.clone(),
        }
    }

    /// The row that `row` is compared with: itself if another row names it, or if it is the table's.
    fn baseline_of<'a>(&'a self, row: &'a RawRow, of_table: &'a str) -> Result<&'a RawRow> {
        let named = |other: &RawRow| other.baseline.as_ref() == Some(&row.id);
        let id = match &row.baseline {
            Some(id) => id,
            None if self.rows.iter().any(named) => &row.id,
            None => of_table,
        };
        self.rows
            .iter()
            .find(|row| row.id == id)
            .ok_or_else(|| Error::unknown("row", id, self.rows.iter().map(|row| row.id.as_str())))
    }

    /// The table `id` at a scale; `name` is named in errors.
    pub(super) fn resolve(mut self, id: &str, name: &str, scale: Scale) -> Result<Table> {
        let Some(chosen) = self.scale(scale) else {
            let there = self.scales().into_iter().map(Scale::name);
            return Err(Error::unknown("scale", &format!("{scale} of {name}"), there));
        };
        let base = chosen.recipe.over(&self.base);
        for grid in &self.grids {
            for point in grid.points() {
                self.rows.push(RawRow::of_point(&point, scale, id)?);
            }
        }
        let wrong = |field: &str, expected: &str| Error::Field {
            name: name.into(),
            field: field.into(),
            expected: expected.into(),
        };
        let mut ids = BTreeSet::new();
        if let Some(twice) = self.rows.iter().find(|row| !ids.insert(row.id.as_str())) {
            return Err(wrong(&format!("row `{}`", twice.id), "an id that no other row has"));
        }
        let of_table = match (&self.baseline, self.rows.first()) {
            (Some(baseline), _) => baseline.clone(),
            (None, Some(first)) => first.id.clone(),
            (None, None) => return Err(wrong("rows", "at least one")),
        };
        let baselines = self
            .rows
            .iter()
            .map(|row| self.baseline_of(row, &of_table).cloned())
            .collect::<Result<Vec<RawRow>>>()?;
        let rows = self
            .rows
            .into_iter()
            .zip(baselines)
            .map(|(row, baseline)| {
                let name = format!("{name}, row {}, scale {scale}", row.id);
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
                    label: row.label.unwrap_or_else(|| row.id.clone()),
                    id: row.id,
                    table: row.table,
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
        let first = rows.first().ok_or_else(|| wrong("rows", "at least one"))?;
        let (dataset, network) = (&first.recipe.data.name, &first.recipe.network);
        Ok(Table {
            id: id.into(),
            title: self.title.unwrap_or_else(|| id.into()),
            scale,
            dataset: chosen.dataset.unwrap_or_else(|| dataset.clone()),
            network: chosen.network.unwrap_or_else(|| network.name().into()),
            seeds: chosen.seeds.unwrap_or(SEEDS),
            baseline: of_table,
            selection: self.selection.unwrap_or(Selection::Final),
            protocol,
            deviations,
            tests_claims: self.claims,
            rows,
            grids: self.grids,
        })
    }
}
