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
///
/// ```
/// use candlewick_datasets::{Dataset, Error, Image, Info, Result, Sample, Shape, Split};
///
/// /// Black and white squares of 2×2 pixels.
/// #[derive(Debug)]
/// struct Squares(Info, Vec<u32>);
///
/// impl Squares {
///     fn new(split: Split) -> Self {
///         let shape = Shape::Image { channels: 1, height: 2, width: 2 };
///         let classes = vec!["black".into(), "white".into()];
///         Self(Info::new("squares", split, shape, classes), vec![0, 1, 0, 1])
///     }
/// }
///
/// impl Dataset for Squares {
///     fn info(&self) -> &Info {
///         &self.0
///     }
///
///     fn labels(&self) -> &[u32] {
///         &self.1
///     }
///
///     fn read(&self, index: usize) -> Result<Sample<'_>> {
///         let label = self.1.get(index).ok_or(Error::NoSuchSample { index, len: self.len() })?;
///         let pixels = vec![255 * *label as u8; 4].into();
///         Ok(Sample::Image(Image { channels: 1, height: 2, width: 2, pixels }))
///     }
/// }
///
/// let squares = Squares::new(Split::Train);
/// assert_eq!((squares.len(), squares.label(1)), (4, 1));
/// assert!(squares.read(4).is_err());
/// ```
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
