//! The trait behind every data set, and what a data set says about itself.

use std::fmt::Debug;

use crate::{Result, Sample, Shape, Split};

/// What is known about an opened data set; goes into the manifest of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Info {
    /// Name in the registry.
    pub name: &'static str,
    /// Name of the partition into train and test, such as `"official"`.
    pub partition: &'static str,
    /// What that partition is, and who uses it.
    pub partition_source: &'static str,
    /// What the reader of the set decides where others decide differently, as `name = choice`.
    pub choices: &'static [&'static str],
    /// The part that was opened.
    pub split: Split,
    /// Class names; the label is the index.
    pub classes: Vec<String>,
    /// Kind and common shape of the samples.
    pub shape: Shape,
    /// SPDX expression, or words where there is none.
    pub license: &'static str,
    /// What to cite.
    pub citation: &'static str,
    /// SHA-256 in hexadecimal over what the samples of this split are made of.
    /// Equal hashes mean equal samples in equal order; of recordings in files of more than 256 MiB
    /// together, only the sizes and the first 4 KiB of each file are hashed, of folders of images
    /// names and sizes.
    pub content_hash: String,
}

impl Info {
    /// What a data set of one's own says at least; the other fields are empty, and can be set.
    pub fn new(name: &'static str, split: Split, shape: Shape, classes: Vec<String>) -> Self {
        Self {
            name,
            partition: "",
            partition_source: "",
            choices: &[],
            split,
            classes,
            shape,
            license: "",
            citation: "",
            content_hash: String::new(),
        }
    }
}

/// Labelled samples with a fixed order.
///
/// Reading takes `&self`, so that worker threads share one data set.
pub trait Dataset: Send + Sync + Debug {
    /// What is known about the data set.
    fn info(&self) -> &Info;

    /// The labels of all samples, in order; each is an index into [`Info::classes`].
    fn labels(&self) -> &[u32];

    /// Reads sample number `index`; the same value each time.
    ///
    /// # Errors
    /// If `index` is not below [`Dataset::len`], or if the file of the sample cannot be read.
    fn read(&self, index: usize) -> Result<Sample<'_>>;

    /// The number of samples.
    fn len(&self) -> usize {
        self.labels().len()
    }

    /// Whether there is no sample.
    fn is_empty(&self) -> bool {
        self.labels().is_empty()
    }

    /// The label of sample number `index`.
    ///
    /// # Panics
    /// If `index` is not below [`Dataset::len`].
    fn label(&self, index: usize) -> u32 {
        self.labels()[index]
    }
}
