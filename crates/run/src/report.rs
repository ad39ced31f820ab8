//! Renders a [`TableReport`](crate::table::TableReport) as terminal text, Markdown, JSON or one HTML page.
//!
//! All four say the same: measured values with their data set, the paired difference to the baseline with its interval,
//! and published numbers in a column of their own with data set and provenance, so that none is mistaken for another.

mod cells;
mod diagnostics;
mod figures;
mod html;
mod json;
mod markdown;
mod text;

pub use html::html;
pub use json::json;
pub use markdown::markdown;
pub use text::text;

#[cfg(test)]
pub(crate) mod example;
