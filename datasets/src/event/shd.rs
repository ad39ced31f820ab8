//! Spiking Heidelberg Digits and Spiking Speech Commands (Cramer et al. 2020): spikes of a model of
//! the inner ear, 700 channels, in HDF5.
//!
//! A spike of channel `u` at `s` seconds is an ON event with `x = u`, `y = 0` and `t = 10⁶ s`, rounded
//! towards 0 as tonic does; the files store `s` in 16 bits.

use std::path::Path;

use crate::entry::{Content, Entry, FileSpec, OFFICIAL, Partition, Request, Source};
use crate::{Dataset, Result, Shape, Split};

const SHAPE: Shape = Shape::Events { width: 700, height: 1 };
const CITATION: &str = "B. Cramer, Y. Stradmann, J. Schemmel, F. Zenke, \"The Heidelberg Spiking \
                        Data Sets for the Systematic Evaluation of Spiking Neural Networks\", IEEE \
                        TNNLS 33(7), 2022";
const NO_FILES: &[FileSpec] = &[];

pub(crate) const SHD: Entry = Entry {
    name: "shd",
    description: "spoken digits of two languages as spikes: 8,156 + 2,264, 700 channels",
    shape: SHAPE,
    classes: 20,
    license: "CC-BY-4.0",
    citation: CITATION,
    content: Content::counted(10_420),
    choices: &[],
    partitions: OFFICIAL,
    source: Source::Folder {
        folders: &["shd", "hsd", "SHD"],
        layout: "shd_train.h5 and shd_test.h5, unpacked",
        files: NO_FILES,
    },
    open: |request| {
        let file = match request.split {
            Split::Train => "shd_train.h5",
            Split::Test => "shd_test.h5",
        };
        open(request, Path::new(file))
    },
};

pub(crate) const SSC: Entry = Entry {
    name: "ssc",
    description: "spoken commands as spikes: 75,466 + 20,382 (9,981 validation), 700 channels",
    shape: SHAPE,
    classes: 35,
    license: "CC-BY-4.0",
    citation: CITATION,
    content: Content::counted(95_848),
    choices: &[],
    partitions: &[
        OFFICIAL[0],
        Partition {
            name: "validation",
            source: "the authors of the set; ssc_valid.h5 stands for the test file",
        },
    ],
    source: Source::Folder {
        folders: &["ssc", "hsd", "SSC"],
        layout: "ssc_train.h5, ssc_valid.h5 and ssc_test.h5, unpacked",
        files: NO_FILES,
    },
    open: |request| {
        let file = match (request.split, request.partition.name) {
            (Split::Train, _) => "ssc_train.h5",
            (Split::Test, "validation") => "ssc_valid.h5",
            (Split::Test, _) => "ssc_test.h5",
        };
        open(request, Path::new(file))
    },
};

#[cfg(feature = "hdf5")]
fn open(request: &Request<'_>, file: &Path) -> Result<Box<dyn Dataset>> {
    let path = request.find(file)?;
    Ok(Box::new(super::hdf5::Spikes::new(request, &path)?))
}

#[cfg(not(feature = "hdf5"))]
fn open(request: &Request<'_>, file: &Path) -> Result<Box<dyn Dataset>> {
    request.find(file)?;
    Err(crate::Error::FeatureMissing { dataset: request.entry.name, feature: "hdf5" })
}
