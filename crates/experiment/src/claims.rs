//! The claims of the papers as data: what is compared, where, and what the paper expects.
//!
//! A claim names two rows of a table, and a map a grid of a table, so that claims share runs with tables
//! and with each other. To add one, write it into the file of its paper in `claims`.

mod map;

use candlewick_run::statistics::sample_std;
use candlewick_run::{ClaimReport, Expectation, Pair, PublishedClaim, Quantity};
use serde::Deserialize;

use crate::index::paper;
use crate::metric::AnyMetric;
use crate::{Error, Result, Row, Scale, Table};
use map::RawMap;

pub use map::{MapPoint, MapTest};

/// The files by the names of the papers, in the order of the tables.
const FILES: &[(&str, &str)] = &[
    ("tet", include_str!("../claims/tet.toml")),
    ("msg", include_str!("../claims/msg.toml")),
    ("gradient-scaling", include_str!("../claims/gradient-scaling.toml")),
    ("psg-pda", include_str!("../claims/psg-pda.toml")),
    ("shortcut", include_str!("../claims/shortcut.toml")),
];

/// A file of claims.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    claims: Vec<RawClaim>,
    #[serde(default)]
    maps: Vec<RawMap>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawClaim {
    id: String,
    claim: String,
    place: String,
    provenance: Option<String>,
    metric: AnyMetric,
    expected: Expectation,
    /// In the unit of differences: a fraction, a factor, or the unit of the metric; none for identities.
    margin: Option<f64>,
    published: Option<PublishedClaim>,
    demo: Option<RawTest>,
    reduced: Option<RawTest>,
    full: Option<RawTest>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTest {
    table: String,
    /// Id of a row; with a `*`, which stands for anything, the spread over all rows that fit.
    baseline: String,
    method: String,
    seeds: u64,
    /// Where it is tested, and by which rule on the baseline alone that was chosen.
    condition: String,
    /// In place of the claim's.
    metric: Option<AnyMetric>,
    /// In place of the claim's.
    margin: Option<f64>,
}

/// The papers, their claims and maps.
fn files() -> Result<Vec<(&'static str, File)>> {
    let parse = |&(paper, text): &(&'static str, &str)| {
        let name = format!("claims of {paper}");
        let file: File = toml::from_str(text)
            .map_err(|source| Error::Parse { name, source: Box::new(source) })?;
        Ok((paper, file))
    };
    FILES.iter().map(parse).collect()
}

/// The value of a metric on the run of a row with a seed, if the run is there.
pub type Lookup<'a> = dyn FnMut(&RowOf, &AnyMetric, u64) -> Result<Option<f64>> + 'a;

/// A row of a table, whose runs are those of the table.
#[derive(Clone, Debug)]
pub struct RowOf {
    /// Id of the table.
    pub table: String,
    /// The row.
    pub row: Row,
}

/// What a claim compares: a row, or several whose spread is asked for.
#[derive(Clone, Debug)]
pub struct Side {
    /// The rows, at least one.
    pub rows: Vec<RowOf>,
}

impl Side {
    /// The rows of the table whose ids fit, of which there is one, or at least three.
    fn of(table: &Table, pattern: &str) -> Result<Self> {
        let Some((start, end)) = pattern.split_once('*') else {
            return Ok(Self { rows: vec![row_of(table, pattern)?] });
        };
        let fits = |id: &str| id.strip_prefix(start).is_some_and(|rest| rest.ends_with(end));
        let ids: Vec<&str> =
            table.rows.iter().map(|row| row.id.as_str()).filter(|id| fits(id)).collect();
        if ids.len() < 3 {
            return Err(Error::Field {
                name: table.id.clone(),
                field: pattern.into(),
                expected: "at least 3 rows, for a spread over them".into(),
            });
        }
        Ok(Self { rows: ids.into_iter().map(|id| row_of(table, id)).collect::<Result<_>>()? })
    }

    /// The label of the row; of several, what all labels begin and end with.
    fn label(&self) -> String {
        let labels = || self.rows.iter().map(|row| row.row.label.as_str());
        let first = labels().next().unwrap_or_default();
        if self.rows.len() == 1 {
            return first.into();
        }
        let shared = |length: &usize, cut: fn(&str, usize) -> Option<&str>| {
            labels().all(|label| cut(label, *length) == cut(first, *length))
        };
        let longest = |cut: fn(&str, usize) -> Option<&str>| {
            let length = (0..=first.len()).take_while(|length| shared(length, cut)).last();
            length.and_then(|length| cut(first, length)).unwrap_or_default()
        };
        let start = longest(|label, length| label.get(..length));
        let end = longest(|label, length| label.get(label.len().checked_sub(length)?..));
        format!("{start}…{end}")
    }

    /// The value of a seed: that of the row, or the standard deviation over the rows; `None` if a run is missing.
    fn value(&self, metric: &AnyMetric, seed: u64, value: &mut Lookup<'_>) -> Result<Option<f64>> {
        let values = self.rows.iter().map(|row| value(row, metric, seed));
        let Some(values) = values.collect::<Result<Option<Vec<f64>>>>()? else {
            return Ok(None);
        };
        Ok(match values.as_slice() {
            [value] => Some(*value),
            values => sample_std(values),
        })
    }
}

/// A claim at a scale, with the rows that decide it.
#[derive(Clone, Debug)]
pub struct ClaimTest {
    raw: RawClaim,
    /// Name of the claim, such as `tet/early-accuracy`.
    pub id: String,
    /// Where it is tested.
    pub condition: String,
    /// What is measured.
    pub metric: AnyMetric,
    /// What the method is compared with.
    pub baseline: Side,
    /// The method.
    pub method: Side,
    /// Seeds 1 to this number.
    pub seeds: u64,
    margin: f64,
}

/// What is tested at a scale.
#[derive(Clone, Debug, Default)]
pub struct Tests {
    /// Claims that compare two rows, those of one paper together.
    pub claims: Vec<ClaimTest>,
    /// Claims over grids.
    pub maps: Vec<MapTest>,
}

impl Tests {
    /// Everything that is tested at `scale`.
    ///
    /// # Errors
    /// If a file is damaged, or names a table, row, grid or axis that does not exist.
    pub fn at(scale: Scale) -> Result<Self> {
        let mut all = Self::default();
        for (paper, file) in files()? {
            for raw in file.claims {
                all.claims.extend(raw.test(paper, scale)?);
            }
            for raw in file.maps {
                all.maps.extend(raw.test(paper, scale)?);
            }
        }
        Ok(all)
    }

    /// Keeps only the claims and maps of these ids.
    ///
    /// # Errors
    /// If an id is unknown at this scale; the known ones are listed.
    pub fn keep(&mut self, ids: &[String]) -> Result<()> {
        let known: Vec<&str> = self
            .claims
            .iter()
            .map(|claim| claim.id.as_str())
            .chain(self.maps.iter().map(|map| map.id.as_str()))
            .collect();
        if let Some(unknown) = ids.iter().find(|id| !known.contains(&id.as_str())) {
            return Err(Error::unknown("claim", unknown, known));
        }
        self.claims.retain(|claim| ids.contains(&claim.id));
        self.maps.retain(|map| ids.contains(&map.id));
        Ok(())
    }

    /// Uses seeds 1 to `seeds` everywhere.
    pub fn use_seeds(&mut self, seeds: u64) {
        self.claims.iter_mut().for_each(|claim| claim.seeds = seeds);
        self.maps.iter_mut().for_each(|map| map.seeds = seeds);
    }

    /// Every row that is needed, with its number of seeds.
    pub fn rows(&self) -> impl Iterator<Item = (&RowOf, u64)> {
        let of_claims =
            self.claims.iter().flat_map(|claim| claim.rows().map(|row| (row, claim.seeds)));
        let of_maps =
            self.maps.iter().flat_map(|map| map.points.iter().map(|point| (&point.row, map.seeds)));
        of_claims.chain(of_maps)
    }
}

/// The table and its row of that id.
fn row_of(table: &Table, id: &str) -> Result<RowOf> {
    let row =
        table.rows.iter().find(|row| row.id == id).ok_or_else(|| {
            Error::unknown("row", id, table.rows.iter().map(|row| row.id.as_str()))
        })?;
    Ok(RowOf { table: table.id.clone(), row: row.clone() })
}

impl RawClaim {
    fn test(self, paper: &str, scale: Scale) -> Result<Option<ClaimTest>> {
        let test = match scale {
            Scale::Demo => self.demo.clone(),
            Scale::Reduced => self.reduced.clone(),
            Scale::Full => self.full.clone(),
        };
        let Some(test) = test else { return Ok(None) };
        let id = format!("{paper}/{}", self.id);
        let wrong = |field: &str, expected: String| Error::Field {
            name: id.clone(),
            field: field.into(),
            expected,
        };
        let metric = test.metric.unwrap_or_else(|| self.metric.clone());
        let identity = self.expected == Expectation::Identical;
        let margin = match (test.margin.or(self.margin), identity) {
            (None, true) => 0.0,
            (Some(margin), false) if margin > metric.unit().neutral() => {
                metric.unit().margin(margin)
            }
            _ => return Err(wrong("margin", "a margin, unless the claim is an identity".into())),
        };
        let table = Table::open(&test.table, scale)?;
        let (baseline, method) =
            (Side::of(&table, &test.baseline)?, Side::of(&table, &test.method)?);
        for row in baseline.rows.iter().chain(&method.rows) {
            if let Some(expected) = metric.problem(&row.row.recipe) {
                return Err(wrong("metric", expected));
            }
        }
        if test.seeds < 2 {
            return Err(wrong("seeds", "at least 2".into()));
        }
        let (condition, seeds) = (test.condition, test.seeds);
        Ok(Some(ClaimTest { raw: self, id, condition, metric, baseline, method, seeds, margin }))
    }
}

impl ClaimTest {
    /// The claim with its values: `value` gives that of a row for a seed, if its run is there.
    ///
    /// # Errors
    /// Those of `value`.
    pub fn report(&self, value: &mut Lookup<'_>) -> Result<ClaimReport> {
        let mut pairs = Vec::new();
        for seed in 1..=self.seeds {
            let method = self.method.value(&self.metric, seed, value)?;
            let baseline = self.baseline.value(&self.metric, seed, value)?;
            pairs.extend(method.zip(baseline).map(|(method, baseline)| Pair {
                seed,
                method,
                baseline,
            }));
        }
        Ok(ClaimReport {
            id: self.id.clone(),
            paper: paper(&self.id).into(),
            claim: self.raw.claim.clone(),
            place: self.raw.place.clone(),
            condition: self.condition.clone(),
            provenance: self.raw.provenance.clone(),
            quantity: self.quantity(),
            expected: self.raw.expected,
            margin: self.margin,
            baseline: self.baseline.label(),
            method: self.method.label(),
            pairs,
            published: self.raw.published.clone(),
        })
    }

    /// What is measured, of one row or as a spread over several.
    fn quantity(&self) -> Quantity {
        let of_row = quantity(&self.metric, &self.baseline.rows[0].row);
        match self.baseline.rows.len() {
            1 => of_row,
            rows => Quantity {
                words: format!("standard deviation over {rows} rows of: {}", of_row.words),
                ..of_row
            },
        }
    }

    /// The rows that decide it.
    pub fn rows(&self) -> impl Iterator<Item = &RowOf> {
        self.baseline.rows.iter().chain(&self.method.rows)
    }

    /// The claim in one sentence.
    pub fn claim(&self) -> &str {
        &self.raw.claim
    }
}

fn quantity(metric: &AnyMetric, row: &Row) -> Quantity {
    Quantity { metric: metric.name().into(), words: metric.words(&row.recipe), unit: metric.unit() }
}

#[cfg(test)]
mod tests;
