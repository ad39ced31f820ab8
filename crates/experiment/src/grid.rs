//! Grids: a row of a table for every combination of the values of a few axes.

use serde::Deserialize;

use crate::{Error, RawRecipe, Result, Scale};

/// A grid as a table's file holds it, or as a map reads it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grid {
    /// Name by which maps name it, and with which the ids of its rows begin.
    pub id: String,
    /// The axes, from the slowest to the fastest.
    pub axes: Vec<Axis>,
}

/// An axis of a grid.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Axis {
    /// Name by which maps name it.
    pub id: String,
    /// What varies along it, in words.
    pub label: String,
    /// Id of the value that the rows of the others are compared with; by default none is.
    pub baseline: Option<String>,
    /// Its values in order.
    pub values: Vec<Value>,
}

/// A value of an axis.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Value {
    /// Name within the axis, part of the ids of rows.
    pub id: String,
    /// The value in words.
    pub label: String,
    /// Time steps of every stage.
    pub time_steps: Option<usize>,
    /// What it changes in the recipe, at every scale.
    #[serde(default)]
    pub(crate) recipe: RawRecipe,
    /// What it changes at the demo scale beyond that.
    #[serde(default)]
    demo: RawRecipe,
    /// What it changes at the reduced scale beyond that.
    #[serde(default)]
    reduced: RawRecipe,
}

impl Value {
    fn recipe_at(&self, scale: Scale) -> RawRecipe {
        let own = match scale {
            Scale::Demo => &self.demo,
            Scale::Reduced => &self.reduced,
            Scale::Full => return self.recipe.clone(),
        };
        own.clone().over(&self.recipe)
    }
}

/// A point of a grid.
#[derive(Clone, Debug)]
pub(crate) struct Point<'a> {
    grid: &'a Grid,
    values: Vec<&'a Value>,
}

impl Grid {
    /// All points, the last axis varying fastest.
    pub(crate) fn points(&self) -> Vec<Point<'_>> {
        let mut points = vec![Point { grid: self, values: Vec::new() }];
        for axis in &self.axes {
            let mut longer = Vec::with_capacity(points.len() * axis.values.len());
            for point in points {
                for value in &axis.values {
                    let values = point.values.iter().copied().chain([value]).collect();
                    longer.push(Point { grid: self, values });
                }
            }
            points = longer;
        }
        points
    }

    /// The id of the row at these values, one per axis.
    pub(crate) fn row_id<'a>(&self, values: impl IntoIterator<Item = &'a str>) -> String {
        let mut id = self.id.clone();
        for value in values {
            id.push('-');
            id.push_str(value);
        }
        id
    }
}

impl Point<'_> {
    pub(crate) fn row_id(&self) -> String {
        self.grid.row_id(self.values.iter().map(|value| value.id.as_str()))
    }

    /// Id of the row that this one is compared with; its own if it is a baseline or has none.
    pub(crate) fn baseline_id(&self) -> String {
        self.grid.row_id(
            self.grid.axes.iter().zip(&self.values).map(|(axis, value)| {
                axis.baseline.as_ref().map_or(value.id.as_str(), String::as_str)
            }),
        )
    }

    pub(crate) fn label(&self) -> String {
        let axes = self.grid.axes.iter().zip(&self.values);
        let words = axes.map(|(axis, value)| match axis.baseline {
            // The axis of methods, whose values speak for themselves.
            Some(_) => value.label.clone(),
            None => format!("{} {}", axis.label, value.label),
        });
        words.collect::<Vec<_>>().join(", ")
    }

    pub(crate) fn time_steps(&self) -> Option<usize> {
        self.values.iter().rev().find_map(|value| value.time_steps)
    }

    /// What the values change together at a scale.
    ///
    /// # Errors
    /// If two of them change the same part of the recipe, of which one would be lost.
    pub(crate) fn recipe_at(&self, scale: Scale, table: &str) -> Result<RawRecipe> {
        let mut all = RawRecipe::default();
        for value in &self.values {
            let recipe = value.recipe_at(scale);
            if let Some(part) = recipe.parts().find(|part| all.parts().any(|other| other == *part))
            {
                return Err(Error::Field {
                    name: table.into(),
                    field: format!("grids.{}: {part}", self.row_id()),
                    expected: "at most one axis that changes it".into(),
                });
            }
            all = recipe.over(&all);
        }
        Ok(all)
    }
}
