//! Claims over a grid: one quantity at every point of two or three axes.

use serde::{Deserialize, Serialize};

use crate::claim::Quantity;
use crate::unmeasured;

/// A map with its measured values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MapReport {
    /// Name by which it is chosen, with that of the paper before the slash: `shortcut/first-layer-gradient`.
    pub id: String,
    /// The paper in words, its name before any parenthesis: `TET (Deng et al., ICLR 2022)`.
    pub paper: String,
    /// One line for people.
    pub title: String,
    /// What it shows, and under which condition.
    pub caption: String,
    /// What is mapped, unless a value of the third axis has a quantity of its own.
    pub quantity: Quantity,
    /// The axes: down, across and, if there are three, the panels.
    pub axes: Vec<MapAxis>,
    /// Axis and value, both from 0, that the other values of this axis are compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub against: Option<(usize, usize)>,
    /// The points that were measured.
    pub cells: Vec<MapCell>,
}

/// An axis of a map.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MapAxis {
    /// What varies along it: `layers`.
    pub label: String,
    /// Its values in order.
    pub values: Vec<MapValue>,
}

/// A value of an axis.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MapValue {
    /// The value in words: `27`.
    pub label: String,
    /// What its points show, if not the map's quantity; for panels only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<Quantity>,
}

/// A point of a map.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MapCell {
    /// The number of its value on every axis, from 0.
    pub at: Vec<usize>,
    /// Seed and value of each run; not finite where the run has no such value.
    #[serde(deserialize_with = "unmeasured::of_seeds")]
    pub values: Vec<(u64, f64)>,
}
