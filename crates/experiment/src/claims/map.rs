//! Maps: a metric over the grid of a table.

use candlewick_run::{MapAxis, MapCell, MapReport, MapValue};
use serde::Deserialize;

use super::{Lookup, RowOf, quantity, row_of};
use crate::grid::{self, Grid};
use crate::index::paper;
use crate::metric::AnyMetric;
use crate::{Error, Result, Scale, Table};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMap {
    pub(super) id: String,
    title: String,
    caption: String,
    metric: AnyMetric,
    /// An axis along which the metric varies, instead of the recipe.
    metrics: Option<MetricAxis>,
    /// Ids of the axes: down, across and, if there are three, the panels.
    axes: Vec<String>,
    /// Axis and value that the others of this axis are compared with.
    pub(super) against: Option<(String, String)>,
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

/// A map at a scale, with the rows of its grid.
#[derive(Clone, Debug)]
pub struct MapTest {
    pub(super) raw: RawMap,
    /// Name of the map, such as `shortcut/first-layer-gradient`.
    pub id: String,
    pub(super) axes: Vec<MapAxis>,
    against: Option<(usize, usize)>,
    /// The points: the number of the value on every axis, the row, and what is measured there.
    pub points: Vec<MapPoint>,
    /// Seeds 1 to this number.
    pub seeds: u64,
}

/// A point of a map.
#[derive(Clone, Debug)]
pub struct MapPoint {
    pub(super) at: Vec<usize>,
    /// The row.
    pub row: RowOf,
    /// What is measured there.
    pub metric: AnyMetric,
}

impl RawMap {
    pub(super) fn test(self, paper: &str, scale: Scale) -> Result<Option<MapTest>> {
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
            let value = |value: &'a grid::Value| AxisValue {
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
    pub fn report(&self, value: &mut Lookup<'_>) -> Result<MapReport> {
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
            paper: paper(&self.id).into(),
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
