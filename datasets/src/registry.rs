//! The one list of data sets, and how a name and a folder become an opened data set.
//!
//! To add a data set: write its [`Entry`] beside its reader, and name it in `REGISTRY`.

use std::path::Path;

use crate::array;
use crate::entry::{Entry, Partition, Request};
use crate::event::folder as event_folder;
use crate::event::{cifar10_dvs, dvs128_gesture, fashion_mnist_dvs, n_caltech101, nmnist, shd};
use crate::image::{cifar, folder, mnist};
use crate::{Dataset, Error, Result, Split};

/// All data sets, in alphabetical order.
pub fn registry() -> &'static [Entry] {
    const REGISTRY: &[Entry] = &[
        array::ARRAYS,
        cifar::CIFAR10,
        cifar10_dvs::CIFAR10_DVS,
        cifar10_dvs::CIFAR10_DVS_AEDAT4,
        cifar::CIFAR100,
        mnist::DIGITS,
        dvs128_gesture::DVS128_GESTURE,
        mnist::EMNIST_BALANCED,
        mnist::EMNIST_DIGITS,
        mnist::EMNIST_LETTERS,
        event_folder::EVENT_FOLDER,
        mnist::FASHION_MNIST,
        fashion_mnist_dvs::FASHION_MNIST_DVS,
        mnist::FASHION_MNIST_SMALL,
        folder::IMAGE_FOLDER,
        folder::IMAGENET,
        mnist::KMNIST,
        mnist::MNIST,
        n_caltech101::N_CALTECH101,
        nmnist::NMNIST,
        nmnist::NMNIST_SMALL,
        shd::SHD,
        shd::SSC,
        folder::TINY_IMAGENET,
    ];
    REGISTRY
}

/// The entry of a data set, and the partition that `name` asks for after a colon, or the default.
///
/// # Errors
/// If the name or the partition is unknown; the error lists what is known.
pub fn find(name: &str) -> Result<(&'static Entry, &'static Partition)> {
    let (base, partition) = name.split_once(':').unzip();
    let base = base.unwrap_or(name);
    let entry = registry().iter().find(|entry| entry.name == base).ok_or_else(|| {
        let known = join(registry().iter().map(|entry| entry.name));
        Error::UnknownDataset { name: base.to_owned(), known }
    })?;
    let wanted = partition.unwrap_or(entry.partitions[0].name);
    let partition = entry.partitions.iter().find(|p| p.name == wanted).ok_or_else(|| {
        let known = join(entry.partitions.iter().map(|partition| partition.name));
        Error::UnknownPartition { dataset: base.to_owned(), partition: wanted.to_owned(), known }
    })?;
    Ok((entry, partition))
}

/// Opens a split of a data set by name: `"mnist"`, or `"cifar10-dvs:first-100"` for a partition
/// other than the default.
///
/// `root` is the folder of the set, or one that holds it under a customary name; embedded sets do
/// not need it.
///
/// # Errors
/// If the name is unknown, a file is missing, or a file is not what its format demands.
pub fn open(name: &str, split: Split, root: Option<&Path>) -> Result<Box<dyn Dataset>> {
    let (entry, partition) = find(name)?;
    (entry.open)(&Request { entry, partition, split, root })
}

fn join<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}
