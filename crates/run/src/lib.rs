//! The record of a run: its directory, manifest, metrics and summary, and the reports made of them.
//!
//! This crate knows neither tensors nor candle, and it prints nothing: reports are strings.

pub mod atomic;
pub mod check;
pub mod claim;
pub mod comparison;
pub mod directory;
mod document;
pub mod error;
pub mod events;
pub mod flatness;
mod format;
pub mod hash;
mod json;
mod lines;
pub mod manifest;
pub mod map;
pub mod metrics;
pub mod operations;
pub mod origin;
pub mod report;
mod seal;
pub mod snapshot;
pub mod statistics;
pub mod summary;
pub mod svg;
pub mod table;
pub mod timing;
mod unmeasured;

pub use atomic::{replace_file, replace_file_with};
pub use check::{CheckCell, CheckOutcome, CheckReport, CheckSection, CheckTable};
pub use claim::{
    ClaimReport, Expectation, Finding, Pair, PublishedClaim, Quantity, Unit, Verdict, findings,
};
pub use comparison::Comparison;
pub use directory::{RunDirectory, RunState};
pub use error::RunError;
pub use events::Histogram;
pub use flatness::{Flatness, FlatnessPoint};
pub use manifest::{DataHash, Manifest, Samples, Status};
pub use map::{MapAxis, MapCell, MapReport, MapValue};
pub use metrics::{
    EpochMetrics, EvaluationMetrics, GradientNorm, LayerMetrics, MethodValues, TrainMetrics,
};
pub use operations::SynapticOperations;
pub use origin::Origin;
pub use snapshot::{LayerSnapshot, Snapshot};
pub use summary::{Accuracies, Selection, Summary};
pub use table::{Fact, Published, RowReport, RunRecord, Source, TableReport};
pub use timing::Timing;
