//! What a check of a device found, section by section.

use serde::{Serialize, Serializer};

/// A check of a device.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CheckReport {
    /// One line for people.
    pub title: String,
    /// The command that made the report.
    pub command: String,
    /// The sections, in order.
    pub sections: Vec<CheckSection>,
    /// How long all of it took.
    pub seconds: f64,
}

/// What became of a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckOutcome {
    /// Everything in it was as expected, or was measured.
    Passed,
    /// Something in it was not.
    Failed,
    /// It was not run.
    LeftOut,
}

impl CheckOutcome {
    /// The outcome in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::LeftOut => "left out",
        }
    }
}

/// A section of a check: an outcome with its sentence, and tables.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CheckSection {
    /// Name by which it is chosen.
    pub id: String,
    /// Its heading.
    pub heading: String,
    /// What it does, in a sentence or two.
    pub about: String,
    /// What became of it.
    pub outcome: CheckOutcome,
    /// What was found, why it failed, or why it was left out.
    pub sentence: String,
    /// Number of comparisons, where it compares.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comparisons: Option<u64>,
    /// What a reader must know beside the tables, one sentence each.
    pub notes: Vec<String>,
    /// What was found in detail.
    pub tables: Vec<CheckTable>,
    /// How long it took.
    pub seconds: f64,
}

/// A table of a section.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CheckTable {
    /// What its columns are.
    pub headers: Vec<String>,
    /// Its rows, each as long as the headers.
    pub rows: Vec<Vec<CheckCell>>,
}

impl CheckTable {
    /// A table with these columns and no rows.
    pub fn new(headers: &[&str]) -> Self {
        let headers = headers.iter().map(|header| (*header).to_owned()).collect();
        Self { headers, rows: Vec::new() }
    }
}

/// A cell of a table: in JSON a number or a text.
#[derive(Debug, Clone, PartialEq)]
pub enum CheckCell {
    /// Words.
    Text(String),
    /// A number, with as many digits as people want to read.
    Number {
        /// The number.
        value: f64,
        /// How it is shown.
        text: String,
    },
}

impl CheckCell {
    /// A number, shown with so many digits behind the point.
    pub fn number(value: f64, decimals: usize) -> Self {
        Self::Number { value, text: format!("{value:.decimals$}") }
    }

    /// A count.
    pub fn count(value: u64) -> Self {
        Self::Number { value: value as f64, text: crate::format::thousands(value) }
    }

    /// What is shown.
    pub fn shown(&self) -> &str {
        match self {
            Self::Text(text) | Self::Number { text, .. } => text,
        }
    }
}

impl From<&str> for CheckCell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for CheckCell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl Serialize for CheckCell {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number { value, .. } if value.is_finite() => serializer.serialize_f64(*value),
            other => serializer.serialize_str(other.shown()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_numbers_in_json() {
        let cells = [CheckCell::number(1.234, 1), CheckCell::count(12_345), "none".into()];
        assert_eq!(cells.each_ref().map(CheckCell::shown), ["1.2", "12,345", "none"]);
        assert_eq!(serde_json::to_string(&cells).unwrap(), "[1.234,12345.0,\"none\"]");
        let infinite = CheckCell::number(f64::INFINITY, 1);
        assert_eq!(serde_json::to_string(&infinite).unwrap(), "\"inf\"");
    }
}
