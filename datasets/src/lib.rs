//! Decoders and registry of static and event data sets: bytes in, frames or events with a label
//! out.
//!
//! - [`registry`] lists the data sets, [`find`] explains one, [`open`] opens one of its splits;
//! - [`verify`] compares its files with the originals, [`identify`] says which sets a folder holds,
//!   [`census`] reads every sample once, [`contact_sheet`] draws a few;
//! - [`image`] holds the readers of image files, [`event`] those of event recordings, their writers,
//!   and a simulated event camera;
//! - [`file`](mod@file) opens files of others, [`visible`] makes text from them fit for a terminal.
//!
//! This crate does not know tensors: samples are bytes and events as the files store them.
//!
//! [`open`] opens a data set by name; two are compiled in and need no folder:
//!
//! ```
//! use candlewick_datasets::{Sample, Split, open};
//!
//! let digits = open("digits", Split::Test, None)?;
//! assert_eq!(digits.len(), 500);
//! let Sample::Image(image) = digits.read(0)? else { unreachable!() };
//! assert_eq!((image.channels, image.height, image.width), (1, 8, 8));
//! # Ok::<(), candlewick_datasets::Error>(())
//! ```

pub(crate) mod array;
mod census;
mod dataset;
mod entry;
mod error;
pub mod event;
#[cfg(feature = "download")]
pub mod fetch;
pub mod file;
mod hash;
mod identify;
pub mod image;
mod limit;
mod npy;
mod origin;
mod picture;
mod registry;
mod sample;
mod sheet;
mod verify;
mod visible;

pub use census::{Census, census};
pub use dataset::{Dataset, Info};
pub use entry::{Content, Embedded, Entry, FileSpec, Partition, Source};
pub use error::{Error, Result};
pub use identify::{Candidate, identify};
pub use origin::{Download, Origin, Unpack, origin};
pub use picture::Picture;
pub use registry::{find, open, registry};
pub use sample::{Array, Events, Image, Sample, Shape, Split};
pub use sheet::contact_sheet;
pub use verify::{Check, Verdict, verify};
pub use visible::visible;
