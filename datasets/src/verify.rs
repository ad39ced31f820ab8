//! Compares the files of a data set with what is known of the originals.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use crate::entry::{Entry, FileSpec, Source};
use crate::{Error, Result, Split, file, hash, open};

/// The outcome for one file, or for a split of a set of very many files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// The file that was looked at, or would have been.
    pub path: PathBuf,
    /// Size and SHA-256 after decompression, of a larger file those of its beginning up to the first
    /// byte too much, or number of samples and content hash of a split; `None` if there is no such file.
    pub found: Option<(u64, String)>,
    /// How it compares.
    pub verdict: Verdict,
}

/// How a file compares with the original.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Size and checksum are those of the original.
    Equal,
    /// The size, or the number of samples, is that of the original; its checksum is not known.
    SizeEqual,
    /// Size or checksum differ.
    Different,
    /// There is no such file.
    Missing,
}

impl Verdict {
    /// Whether nothing speaks against the file.
    pub fn is_good(self) -> bool {
        matches!(self, Self::Equal | Self::SizeEqual)
    }
}

/// Checks every file of a data set that the registry knows, and of a set of very many files the
/// number of samples and the content of both splits.
///
/// # Errors
/// If the set needs a folder and none was given, or a file that exists cannot be read.
pub fn verify(entry: &Entry, root: Option<&Path>) -> Result<Vec<Check>> {
    match entry.source {
        Source::Embedded(files) => files
            .iter()
            .map(|file| check(&file.spec, file.path(), Some(Box::new(file.content))))
            .collect(),
        Source::Folder { files, layout, .. } => {
            let Some(folder) = root else {
                return Err(Error::FolderNeeded { dataset: entry.name, layout });
            };
            if files.is_empty() {
                return splits(entry, folder);
            }
            let one = |spec: &FileSpec| match entry.find(root, Path::new(spec.path)) {
                Ok(path) => {
                    let file = file::open(&path)?;
                    check(spec, path, Some(Box::new(BufReader::with_capacity(1 << 16, file))))
                }
                Err(_) => check(spec, folder.join(spec.path), None),
            };
            files.iter().map(one).collect()
        }
    }
}

/// Opens both splits and compares what is there as a whole.
fn splits(entry: &Entry, folder: &Path) -> Result<Vec<Check>> {
    let mut checks = Vec::new();
    for split in Split::ALL {
        let path = folder.join(split.name());
        checks.push(match open(entry.name, split, Some(folder)) {
            Ok(set) => {
                let info = set.info();
                let found = Some((set.len() as u64, info.content_hash.clone()));
                Check { path, found, verdict: Verdict::SizeEqual }
            }
            Err(Error::FilesMissing { .. }) => {
                Check { path, found: None, verdict: Verdict::Missing }
            }
            Err(other) => return Err(other),
        });
    }
    // Only both splits together have a size that the authors state of every set.
    let count = |check: &Check| check.found.as_ref().map(|(samples, _)| *samples);
    let total = checks.iter().map(count).sum::<Option<u64>>();
    let expected = entry.content.samples as u64;
    let complete = expected == 0 || total == Some(expected);
    for (number, check) in checks.iter_mut().enumerate() {
        let Some((_, hash)) = &check.found else { continue };
        check.verdict = match entry.content.hashes {
            Some(known) if known[number] == hash => Verdict::Equal,
            None if complete => Verdict::SizeEqual,
            _ => Verdict::Different,
        };
    }
    Ok(checks)
}

fn check(spec: &FileSpec, path: PathBuf, content: Option<Box<dyn BufRead>>) -> Result<Check> {
    let Some(mut reader) = content else {
        return Ok(Check { path, found: None, verdict: Verdict::Missing });
    };
    let packed = reader.fill_buf().map_err(Error::io(&path))?.starts_with(&[0x1f, 0x8b]);
    let plain: Box<dyn Read> =
        if packed { Box::new(MultiGzDecoder::new(reader)) } else { Box::new(reader) };
    // One byte more tells that it is another file, of which no more needs to be unpacked.
    let (bytes, sha256) = hash::of_reader(plain.take(spec.bytes + 1)).map_err(Error::io(&path))?;
    let verdict = match spec.sha256 {
        _ if bytes != spec.bytes => Verdict::Different,
        Some(known) if known == sha256 => Verdict::Equal,
        Some(_) => Verdict::Different,
        None => Verdict::SizeEqual,
    };
    Ok(Check { path, found: Some((bytes, sha256)), verdict })
}
