//! The claims of the papers as data: what is compared, where, and what the paper expects.
//!
//! A claim names two rows of a table, and a map a grid of a table, so that claims share runs with tables
//! and with each other. To add one, write it into the file of its paper in `claims`.

use candlewick_run::{
    ClaimReport, Expectation, MapAxis, MapCell, MapReport, MapValue, Pair, PublishedClaim, Quantity,
};
use serde::Deserialize;

use crate::grid::Grid;
use crate::metric::AnyMetric;
use crate::{Error, Result, Row, Scale, Table};

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

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMap {
    id: String,
    title: String,
    caption: String,
    metric: AnyMetric,
    /// An axis along which the metric varies, instead of the recipe.
    metrics: Option<MetricAxis>,
    /// Ids of the axes: down, across and, if there are three, the panels.
    axes: Vec<String>,
    /// Axis and value that the others of this axis are compared with.
    against: Option<(String, String)>,
    demo: Option<RawMapTest>,
    reduced: Option<RawMapTest>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MetricAxis {
    id: String,
    label: String,
    values: Vec<MetricValue>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MetricValue {
    id: String,
    label: String,
    metric: AnyMetric,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMapTest {
    table: String,
    grid: String,
    seeds: u64,
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

/// A row of a table, whose runs are those of the table.
#[derive(Clone, Debug)]
pub struct RowOf {
    /// Id of the table.
    pub table: String,
    /// The row.
    pub row: Row,
}

/// A claim at a scale, with the two rows that decide it.
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
    pub baseline: RowOf,
    /// The method.
    pub method: RowOf,
    /// Seeds 1 to this number.
    pub seeds: u64,
    margin: f64,
}

/// A map at a scale, with the rows of its grid.
#[derive(Clone, Debug)]
pub struct MapTest {
    raw: RawMap,
    /// Name of the map, such as `shortcut/first-layer-gradient`.
    pub id: String,
    axes: Vec<MapAxis>,
    against: Option<(usize, usize)>,
    /// The points: the number of the value on every axis, the row, and what is measured there.
    pub points: Vec<MapPoint>,
    /// Seeds 1 to this number.
    pub seeds: u64,
}

/// A point of a map.
#[derive(Clone, Debug)]
pub struct MapPoint {
    at: Vec<usize>,
    /// The row.
    pub row: RowOf,
    /// What is measured there.
    pub metric: AnyMetric,
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
    /// If a file is damaged, or names a table, row, grid or axis that there is none of.
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
        let of_claims = self
            .claims
            .iter()
            .flat_map(|claim| [(&claim.baseline, claim.seeds), (&claim.method, claim.seeds)]);
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
        let (baseline, method) = (row_of(&table, &test.baseline)?, row_of(&table, &test.method)?);
        for row in [&baseline, &method] {
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
    pub fn report(
        &self,
        value: &mut dyn FnMut(&RowOf, &AnyMetric, u64) -> Result<Option<f64>>,
    ) -> Result<ClaimReport> {
        let mut pairs = Vec::new();
        for seed in 1..=self.seeds {
            let method = value(&self.method, &self.metric, seed)?;
            let baseline = value(&self.baseline, &self.metric, seed)?;
            pairs.extend(method.zip(baseline).map(|(method, baseline)| Pair {
                seed,
                method,
                baseline,
            }));
        }
        Ok(ClaimReport {
            id: self.id.clone(),
            claim: self.raw.claim.clone(),
            place: self.raw.place.clone(),
            condition: self.condition.clone(),
            provenance: self.raw.provenance.clone(),
            quantity: quantity(&self.metric, &self.baseline.row),
            expected: self.raw.expected,
            margin: self.margin,
            baseline: self.baseline.row.label.clone(),
            method: self.method.row.label.clone(),
            pairs,
            published: self.raw.published.clone(),
        })
    }

    /// The claim in one sentence.
    pub fn claim(&self) -> &str {
        &self.raw.claim
    }
}

fn quantity(metric: &AnyMetric, row: &Row) -> Quantity {
    Quantity { metric: metric.name().into(), words: metric.words(&row.recipe), unit: metric.unit() }
}

impl RawMap {
    fn test(self, paper: &str, scale: Scale) -> Result<Option<MapTest>> {
        let test = match scale {
            Scale::Demo => self.demo.clone(),
            Scale::Reduced => self.reduced.clone(),
            Scale::Full => None,
        };
        let Some(test) = test else { return Ok(None) };
        let id = format!("{paper}/{}", self.id);
        let table = Table::open(&test.table, scale)?;
        let grid = table.grids.iter().find(|grid| grid.id == test.grid).ok_or_else(|| {
            Error::unknown("grid", &test.grid, table.grids.iter().map(|grid| grid.id.as_str()))
        })?;
        let axes =
            self.axes.iter().map(|axis| self.values(grid, axis)).collect::<Result<Vec<_>>>()?;
        if !(2..=3).contains(&axes.len())
            || axes.len() != grid.axes.len() + usize::from(self.metrics.is_some())
        {
            return Err(Error::Field {
                name: id,
                field: "axes".into(),
                expected: "two or three, all those of the grid and that of the metric".into(),
            });
        }
        let place = |wanted: &str| self.axes.iter().position(|axis| axis == wanted);
        let against = self.against.as_ref().and_then(|(axis, value)| {
            let axis = place(axis)?;
            Some((axis, axes[axis].iter().position(|known| known.id == *value)?))
        });
        let mut points = Vec::new();
        for at in every(&axes.iter().map(Vec::len).collect::<Vec<_>>()) {
            let chosen = |axis: &str| place(axis).map(|place| axes[place][at[place]].id);
            let row_id = grid.row_id(grid.axes.iter().filter_map(|axis| chosen(&axis.id)));
            let row = row_of(&table, &row_id)?;
            let own = at.iter().zip(&axes).find_map(|(&at, values)| values[at].metric);
            let metric = own.unwrap_or(&self.metric).clone();
            if let Some(expected) = metric.problem(&row.row.recipe) {
                return Err(Error::Field { name: id, field: "metric".into(), expected });
            }
            points.push(MapPoint { at, row, metric });
        }
        let axes = self.axes.iter().zip(&axes).enumerate().map(|(number, (name, values))| {
            let value = |value: &AxisValue<'_>| MapValue {
                label: value.label.into(),
                quantity: value
                    .metric
                    .filter(|_| number == 2)
                    .zip(points.first())
                    .map(|(metric, point)| quantity(metric, &point.row.row)),
            };
            MapAxis {
                label: self.label(grid, name).into(),
                values: values.iter().map(value).collect(),
            }
        });
        let axes = axes.collect();
        Ok(Some(MapTest { axes, against, points, seeds: test.seeds, id, raw: self }))
    }

    /// The values of an axis of the grid, or of the metric.
    fn values<'a>(&'a self, grid: &'a Grid, name: &str) -> Result<Vec<AxisValue<'a>>> {
        if let Some(axis) = grid.axes.iter().find(|axis| axis.id == name) {
            let value = |value: &'a crate::grid::Value| AxisValue {
                id: &value.id,
                label: &value.label,
                metric: None,
            };
            return Ok(axis.values.iter().map(value).collect());
        }
        if let Some(axis) = self.metrics.as_ref().filter(|axis| axis.id == name) {
            let value = |value: &'a MetricValue| AxisValue {
                id: &value.id,
                label: &value.label,
                metric: Some(&value.metric),
            };
            return Ok(axis.values.iter().map(value).collect());
        }
        let known = grid.axes.iter().map(|axis| axis.id.as_str());
        Err(Error::unknown(
            "axis",
            name,
            known.chain(self.metrics.iter().map(|axis| axis.id.as_str())),
        ))
    }

    fn label<'a>(&'a self, grid: &'a Grid, name: &'a str) -> &'a str {
        let of_grid = grid.axes.iter().find(|axis| axis.id == name).map(|axis| &axis.label);
        of_grid.or(self.metrics.as_ref().map(|axis| &axis.label)).map_or(name, String::as_str)
    }
}

/// A value of an axis of a map.
struct AxisValue<'a> {
    id: &'a str,
    label: &'a str,
    metric: Option<&'a AnyMetric>,
}

/// Every choice of a number below each of `lengths`, the last varying fastest.
fn every(lengths: &[usize]) -> Vec<Vec<usize>> {
    lengths.iter().fold(vec![Vec::new()], |choices, &length| {
        let longer = |choice: &Vec<usize>, next| choice.iter().copied().chain([next]).collect();
        choices
            .iter()
            .flat_map(|choice| (0..length).map(move |next| longer(choice, next)))
            .collect()
    })
}

impl MapTest {
    /// The map with its values: `value` gives that of a row for a seed, if its run is there.
    ///
    /// # Errors
    /// Those of `value`.
    pub fn report(
        &self,
        value: &mut dyn FnMut(&RowOf, &AnyMetric, u64) -> Result<Option<f64>>,
    ) -> Result<MapReport> {
        let mut cells = Vec::new();
        for point in &self.points {
            let mut values = Vec::new();
            for seed in 1..=self.seeds {
                values.extend(value(&point.row, &point.metric, seed)?.map(|value| (seed, value)));
            }
            if !values.is_empty() {
                cells.push(MapCell { at: point.at.clone(), values });
            }
        }
        let first = &self.points[0].row.row;
        Ok(MapReport {
            id: self.id.clone(),
            title: self.raw.title.clone(),
            caption: self.raw.caption.clone(),
            quantity: quantity(&self.raw.metric, first),
            axes: self.axes.clone(),
            against: self.against,
            cells,
        })
    }

    /// One line for people.
    pub fn title(&self) -> &str {
        &self.raw.title
    }
}

#[cfg(test)]
mod tests;
