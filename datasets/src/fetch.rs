//! Fetches a data set: downloads that resume, checksums before use, unpacking that
//! stays in its folder.
//!
//! A file lies as `NAME.partial` while it is transferred, as `NAME` when its checksum was right, and
//! is deleted when it was unpacked.
//! A file that a person put there is checked and unpacked in the same way.

mod archive;
mod transfer;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::entry::{Entry, Source};
use crate::origin::{Download, Unpack, origin};
use crate::{Error, Result, file, hash, verify};

/// The events of a fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step<'a> {
    /// The set is there already, and nothing speaks against it.
    Complete,
    /// So many bytes of a file are there, of so many.
    Transfer {
        /// Name of the file.
        file: &'a str,
        /// Bytes on disk.
        done: u64,
        /// Bytes of the whole file, if the server says.
        size: Option<u64>,
    },
    /// A download was interrupted and is tried again.
    Retry {
        /// Name of the file.
        file: &'a str,
        /// Why it was interrupted.
        reason: &'a str,
    },
    /// The checksum of a file is being computed.
    Check(&'a str),
    /// A file is being unpacked.
    Unpack(&'a str),
}

/// How to fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// How often an interrupted download is tried again.
    pub retries: u32,
    /// The time before the first of these; each later one waits twice as long.
    pub pause: Duration,
    /// The longest time without a byte.
    pub silence: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { retries: 5, pause: Duration::from_secs(1), silence: Duration::from_mins(1) }
    }
}

/// Fetches the files of `entry` into a folder of its name below `root`, and returns that folder.
///
/// # Errors
/// If the set has no published files, if one of them is for a person to fetch, if a server, a
/// checksum, the space on the disk or an archive is not as it should be.
pub fn fetch(
    entry: &Entry,
    root: &Path,
    patience: Patience,
    report: &mut dyn FnMut(Step<'_>),
) -> Result<PathBuf> {
    let Source::Folder { folders, layout, .. } = entry.source else {
        report(Step::Complete);
        return Ok(root.to_path_buf());
    };
    let folder = root.join(folders[0]);
    let checks = verify(entry, Some(root));
    if checks.is_ok_and(|checks| checks.iter().all(|check| check.verdict.is_good())) {
        report(Step::Complete);
        return Ok(folder);
    }
    let origin = origin(entry.name).ok_or(Error::Unpublished {
        dataset: entry.name,
        folder: folder.clone(),
        layout,
    })?;
    fs::create_dir_all(&folder).map_err(Error::io(&folder))?;
    for download in origin.downloads {
        let path = folder.join(download.file);
        if marker(&path).exists() {
            continue;
        }
        if path.exists() {
            check(download, &path, report)?;
        } else if let Some(url) = download.url {
            get(download, url, &path, patience, report)?;
        } else {
            let (page, file) = (origin.page, download.file);
            return Err(Error::ByHand { dataset: entry.name, page, file, folder });
        }
        unpack(download, &path, &folder, report)?;
    }
    Ok(folder)
}

/// Says that an archive was unpacked, so that a second call does not fetch it again.
fn marker(path: &Path) -> PathBuf {
    with_suffix(path, ".unpacked")
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Transfers a file and gives it its name when its checksum is right.
fn get(
    download: &Download,
    url: &str,
    path: &Path,
    patience: Patience,
    report: &mut dyn FnMut(Step<'_>),
) -> Result<()> {
    let partial = with_suffix(path, ".partial");
    transfer::to_file(url, &partial, download.file, patience, report)?;
    if let Err(error) = check(download, &partial, report) {
        // What is wrong does not become right by going on.
        fs::remove_file(&partial).map_err(Error::io(&partial))?;
        return Err(error);
    }
    fs::rename(&partial, path).map_err(Error::io(path))
}

fn check(download: &Download, path: &Path, report: &mut dyn FnMut(Step<'_>)) -> Result<()> {
    report(Step::Check(download.file));
    let file = file::open(path)?;
    let found = hash::md5_of_reader(file).map_err(Error::io(path))?;
    if found == download.md5 {
        return Ok(());
    }
    Err(Error::Checksum { path: path.to_path_buf(), expected: download.md5.to_owned(), found })
}

fn unpack(
    download: &Download,
    path: &Path,
    folder: &Path,
    report: &mut dyn FnMut(Step<'_>),
) -> Result<()> {
    match download.unpack {
        Unpack::Keep => return Ok(()),
        Unpack::Zip | Unpack::TarGz => report(Step::Unpack(download.file)),
    }
    if download.unpack == Unpack::Zip {
        archive::unpack_zip(path, folder)?;
    } else {
        archive::unpack_tar_gz(path, folder)?;
    }
    let marker = marker(path);
    fs::write(&marker, download.md5).map_err(Error::io(&marker))?;
    fs::remove_file(path).map_err(Error::io(path))
}

/// An error unless `bytes` fit on the disk of `folder`.
fn space_for(bytes: u64, folder: &Path) -> Result<()> {
    let available = fs4::available_space(folder).map_err(Error::io(folder))?;
    if bytes <= available {
        return Ok(());
    }
    Err(Error::NoSpace { folder: folder.to_path_buf(), needed: bytes, available })
}

#[cfg(test)]
mod tests;
