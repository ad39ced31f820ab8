//! `manifest.json`: what was started, when, where and on what data; written before anything else.

use serde::{Deserialize, Serialize};

/// Version of the files of a run directory; a reader refuses any other.
pub const SCHEMA: u32 = 2;

/// How far a run has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Status {
    /// Started; a run that was killed stays so.
    Running,
    /// Stopped by the user and ready to be resumed.
    Interrupted,
    /// Stopped because a loss or gradient was not finite, or because nothing could be learned any more.
    Diverged {
        /// What was found, and in which epoch and step.
        reason: String,
    },
    /// Stopped by another error.
    Failed {
        /// The error in words.
        reason: String,
    },
    /// Holds weights that another library trained, and nothing else.
    Imported,
    /// All epochs are done and the summary is written.
    Complete,
}

/// Which bytes the run was trained and tested on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataHash {
    /// Data set and part, such as `fashion-mnist-small/train`.
    pub name: String,
    /// Number of samples used.
    pub samples: u64,
    /// SHA-256 of the decoded samples and labels, or of the file, in hexadecimal.
    pub sha256: String,
    /// Choices among several customs, as `name = choice`: split, file set, frames, size.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
}

/// What the samples of a run are, so that its network can be used without the data set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Samples {
    /// `image`, `array`, `vector` or `events`.
    pub kind: String,
    /// Channels, rows and columns of an image, whose rows and columns are 0 where images have different sizes, or
    /// of an array; elements of a vector; columns and rows of the sensor of events.
    pub dims: Vec<usize>,
    /// Names of the classes, in the order of the labels.
    pub classes: Vec<String>,
}

/// The content of `manifest.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`SCHEMA`] at the time of writing.
    pub schema: u32,
    /// How far the run has come.
    pub status: Status,
    /// Version of candlewick.
    pub version: String,
    /// SHA-256 of `resolved.toml`, in hexadecimal; set when the run is created.
    pub recipe_hash: String,
    /// SHA-256 of `recipe.toml`, in hexadecimal; set when the run is created.
    pub source_hash: String,
    /// Commit of the source tree, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git_commit: Option<String>,
    /// Whether the source tree differed from that commit, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git_dirty: Option<bool>,
    /// Cargo features of the binary.
    pub features: Vec<String>,
    /// Target triple of the binary, such as `x86_64-unknown-linux-gnu`.
    pub target: String,
    /// Where tensors live: `cpu`, `cuda:0`, `metal`.
    pub device: String,
    /// Number of compute threads; results do not depend on it.
    pub threads: usize,
    /// The processor by its own name, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processor: Option<String>,
    /// The instruction set of the kernels, such as `avx2`, on which the rounding of sums depends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instructions: Option<String>,
    /// Seed of all random streams.
    pub seed: u64,
    /// The data, by content.
    pub data: Vec<DataHash>,
    /// What its samples are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub samples: Option<Samples>,
    /// The words of the command that started the run.
    pub command_line: Vec<String>,
    /// Seconds since 1970 at the start, if the caller has a clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<u64>,
}
