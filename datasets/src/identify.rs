//! Which data sets a folder holds, in which variant.

use std::path::Path;

use crate::entry::{Entry, Source};
use crate::{Check, Error, Result, Split, Verdict, open, registry, verify};

/// A data set that a folder seems to hold.
#[derive(Debug)]
#[non_exhaustive]
pub struct Candidate {
    /// The set.
    pub entry: &'static Entry,
    /// Its files, or splits, compared with the originals; the error if they cannot be read.
    pub checks: Result<Vec<Check>>,
}

impl Candidate {
    /// 0 where all is equal to the originals, 1 where nothing speaks against it, 2 else.
    fn rank(&self) -> u8 {
        match &self.checks {
            Ok(checks) if checks.iter().all(|check| check.verdict == Verdict::Equal) => 0,
            Ok(checks) if checks.iter().all(|check| check.verdict.is_good()) => 1,
            _ => 2,
        }
    }
}

/// The sets that any folder of such files is.
const ANY: [&str; 3] = [
    crate::array::ARRAYS.name,
    crate::event::folder::EVENT_FOLDER.name,
    crate::image::folder::IMAGE_FOLDER.name,
];

/// The data sets whose files lie in `root` or in their customary folders below it, those that are
/// equal to the originals first.
///
/// Of sets with the same layout, such as MNIST and its relatives, one whose files are the originals
/// is the only one.
pub fn identify(root: &Path) -> Vec<Candidate> {
    let there = |entry: &&Entry| {
        let is_there = |split| match open(entry.name, split, Some(root)) {
            Err(Error::FilesMissing { .. }) => false,
            // A folder where a file is expected, or the other way round, is something else.
            Err(Error::Io { source, .. }) => source.kind() == std::io::ErrorKind::InvalidData,
            _ => true,
        };
        !entry.is_embedded() && Split::ALL.into_iter().any(is_there)
    };
    let mut found: Vec<_> = registry()
        .iter()
        .filter(there)
        .map(|entry| Candidate { entry, checks: verify(entry, Some(root)) })
        .collect();
    let layout = |entry: &Entry| match entry.source {
        Source::Folder { layout, .. } => layout,
        Source::Embedded(_) => "",
    };
    let certain: Vec<&str> = found
        .iter()
        .filter(|candidate| candidate.rank() == 0)
        .map(|candidate| layout(candidate.entry))
        .collect();
    found.retain(|candidate| candidate.rank() == 0 || !certain.contains(&layout(candidate.entry)));
    // Sets in folders are folders of such files, too; and a folder of images is a broken one of recordings.
    let is_any = |candidate: &Candidate| ANY.contains(&candidate.entry.name);
    let known = found.iter().any(|candidate| candidate.rank() < 2 && !is_any(candidate));
    let any = found.iter().any(|candidate| candidate.rank() < 2 && is_any(candidate));
    found.retain(|candidate| !is_any(candidate) || !known && (candidate.rank() < 2 || !any));
    found.sort_by_key(Candidate::rank);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(root: &Path) -> Vec<&'static str> {
        identify(root).iter().map(|candidate| candidate.entry.name).collect()
    }

    #[test]
    fn a_folder_is_known_by_what_lies_in_it() {
        let root = tempfile::tempdir().unwrap();
        assert!(names(root.path()).is_empty());
        // Two images and labels are no MNIST, but nothing else either.
        let images = [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 28, 0, 0, 0, 28];
        let images: Vec<u8> = images.into_iter().chain(vec![7; 2 * 28 * 28]).collect();
        for part in ["train", "t10k"] {
            let file = |suffix: &str| root.path().join(format!("{part}-{suffix}-ubyte"));
            std::fs::write(file("images-idx3"), &images).unwrap();
            std::fs::write(file("labels-idx1"), [0, 0, 8, 1, 0, 0, 0, 2, 3, 9]).unwrap();
        }
        assert_eq!(names(root.path()), ["fashion-mnist", "kmnist", "mnist"]);
        let folder = root.path().join("airplane");
        std::fs::create_dir(&folder).unwrap();
        for class in crate::image::cifar::TEN_NAMES {
            let folder = root.path().join(class);
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("cifar10_1.aedat"), b"#!AER-DAT2.0\r\n").unwrap();
        }
        let found = identify(root.path());
        let events = found.iter().find(|candidate| candidate.entry.name == "cifar10-dvs").unwrap();
        let checks = events.checks.as_ref().unwrap();
        // One recording of each class instead of 1,000: there, but not the whole set.
        assert_eq!(checks.len(), 2);
        assert!(checks.iter().all(|check| check.verdict == Verdict::Different));
    }
}
