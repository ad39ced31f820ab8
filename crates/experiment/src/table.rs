//! The papers' tables: rows of recipes, what was published, and under which protocol they compare.

use std::fmt;
use std::str::FromStr;

use candlewick_run::{Published, Selection, Source};
use serde::Deserialize;

use crate::{Error, RawRecipe, Recipe, Result};

/// The tables by id, in the order in which they are listed.
const FILES: &[(&str, &str)] = &[
    ("table-1", include_str!("../recipes/table-1.toml")),
    ("table-3", include_str!("../recipes/table-3.toml")),
];

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
        Self::ALL.into_iter().find(|scale| scale.name() == name).ok_or_else(|| Error::Unknown {
            kind: "scale",
            name: name.into(),
            known: Self::ALL.map(Self::name).join(", "),
        })
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
    base: RawRecipe,
    scales: RawScales,
    rows: Vec<RawRow>,
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
    published: Option<RawPublished>,
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
    /// The rows, in order.
    pub rows: Vec<Row>,
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
    /// What was published of the method.
    pub published: Option<Published>,
    /// What is trained.
    pub recipe: Recipe,
}

/// The ids and titles of all tables, with the scales that each has.
///
/// # Errors
/// If a table's file is damaged.
pub fn tables() -> Result<Vec<(&'static str, String, Vec<Scale>)>> {
    FILES
        .iter()
        .map(|&(id, text)| {
            let raw = parse(id, text)?;
            let scales = Scale::ALL.into_iter().filter(|&scale| raw.scale(scale).is_some());
            let scales = scales.collect();
            Ok((id, raw.title, scales))
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

    fn resolve(self, id: &str, scale: Scale) -> Result<Table> {
        let Some(chosen) = self.scale(scale).cloned() else {
            let there = Scale::ALL.into_iter().filter(|&scale| self.scale(scale).is_some());
            return Err(Error::Unknown {
                kind: "scale",
                name: format!("{scale} of {id}"),
                known: there.map(Scale::name).collect::<Vec<_>>().join(", "),
            });
        };
        let base = chosen.recipe.over(&self.base);
        let rows = self
            .rows
            .into_iter()
            .map(|row| {
                let own = match scale {
                    Scale::Demo => row.demo,
                    Scale::Reduced => row.reduced,
                    Scale::Full => row.full,
                };
                let name = format!("{id}, row {}, scale {scale}", row.id);
                Ok(Row {
                    recipe: own.over(&row.recipe.over(&base)).resolve(&name)?,
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
                })
            })
            .collect::<Result<Vec<_>>>()?;
        if !rows.iter().any(|row| row.id == self.baseline) {
            return Err(unknown_row(&self.baseline, &rows));
        }
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
            rows,
        })
    }
}

fn unknown_row(name: &str, rows: &[Row]) -> Error {
    let known = rows.iter().map(|row| row.id.as_str()).collect::<Vec<_>>().join(", ");
    Error::Unknown { kind: "row", name: name.into(), known }
}

impl Table {
    /// The table of that id at that scale.
    ///
    /// # Errors
    /// If there is none; the known ones are listed.
    pub fn open(id: &str, scale: Scale) -> Result<Self> {
        let Some((id, text)) = FILES.iter().find(|(known, _)| *known == id) else {
            let known = FILES.iter().map(|(id, _)| *id).collect::<Vec<_>>().join(", ");
            return Err(Error::Unknown { kind: "table", name: id.into(), known });
        };
        parse(id, text)?.resolve(id, scale)
    }

    /// Keeps only the rows of these ids, in the table's order; all if there are none.
    ///
    /// # Errors
    /// If an id is unknown; the known ones are listed.
    pub fn keep_rows(&mut self, ids: &[String]) -> Result<()> {
        for id in ids {
            if !self.rows.iter().any(|row| row.id == *id) {
                return Err(unknown_row(id, &self.rows));
            }
        }
        if !ids.is_empty() {
            self.rows.retain(|row| ids.contains(&row.id));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{Experiment, Place};

    #[test]
    fn every_table_resolves_at_every_scale_with_rows_of_different_names() -> Result<()> {
        let (mut visited, mut rows) = (0, 0);
        for (id, _, scales) in tables()? {
            assert!(scales.contains(&Scale::Demo), "{id} has no demo");
            for scale in scales {
                let table = Table::open(id, scale)?;
                let names: BTreeSet<_> = table.rows.iter().map(|row| row.id.clone()).collect();
                assert_eq!(names.len(), table.rows.len(), "{id}: rows of the same name");
                for row in &table.rows {
                    let text = row.recipe.to_toml()?;
                    assert_eq!(Recipe::parse(&text, "resolved")?, row.recipe, "{id} {}", row.id);
                    rows += 1;
                }
                visited += 1;
            }
        }
        assert!(visited >= FILES.len() && rows > visited);
        Ok(())
    }

    #[test]
    fn every_file_of_the_folder_is_a_table_of_the_index() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/recipes");
        let mut visited = 0;
        let mut folders = vec![std::path::PathBuf::from(folder)];
        while let Some(next) = folders.pop() {
            for entry in std::fs::read_dir(next).expect("a folder").flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let id = path.strip_prefix(folder).expect("below it").with_extension("");
                let id = id.to_str().expect("a name").replace('\\', "/");
                assert!(FILES.iter().any(|(known, _)| *known == id), "{id} is not in the index");
                visited += 1;
            }
        }
        assert_eq!(visited, FILES.len());
    }

    /// The networks of the demo scale fit to their data.
    #[test]
    fn every_demo_row_builds() -> Result<()> {
        let place = Place { device: candle_core::Device::Cpu, data: None, cache: None, workers: 0 };
        let mut visited = 0;
        for (id, _, _) in tables()? {
            let table = Table::open(id, Scale::Demo)?;
            for row in table.rows {
                let experiment = Experiment::prepare(row.recipe, &row.id, &place)?;
                assert!(experiment.network().parameters().count() > 0);
                visited += 1;
            }
        }
        assert!(visited >= 2);
        Ok(())
    }

    #[test]
    fn unknown_names_list_the_known_ones() -> Result<()> {
        let table = Table::open("table-9", Scale::Demo).unwrap_err().to_string();
        assert!(table.contains("unknown table `table-9`; known are table-1"), "{table}");
        let scale = "huge".parse::<Scale>().unwrap_err().to_string();
        assert!(scale.contains("demo, reduced, full"), "{scale}");
        let mut table = Table::open("table-1", Scale::Demo)?;
        let row = table.keep_rows(&["sdtt".into()]).unwrap_err().to_string();
        assert!(row.contains("unknown row `sdtt`; known are sdt, tet"), "{row}");
        Ok(())
    }
}
