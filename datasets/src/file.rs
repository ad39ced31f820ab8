//! Files that others made: opened only if they are regular, since a pipe or a device may never end.

use std::fs::{self, File, FileType};
use std::io::{ErrorKind, Read};
use std::path::Path;

use crate::{Error, Result};

/// Opens a regular file for reading.
///
/// # Errors
/// If it cannot be opened, or is a folder, a pipe, a socket or a device.
pub fn open(path: &Path) -> Result<File> {
    let kind = fs::metadata(path).map_err(Error::io(path))?.file_type();
    if kind.is_file() {
        return File::open(path).map_err(Error::io(path));
    }
    if kind.is_dir() {
        return Err(Error::io(path)(ErrorKind::IsADirectory.into()));
    }
    Err(Error::NotRegular { path: path.to_path_buf(), found: in_words(kind) })
}

/// Reads a regular file.
///
/// # Errors
/// As [`open`], or if the system cannot read on.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.read_to_end(&mut bytes).map_err(Error::io(path))?;
    Ok(bytes)
}

/// Reads a regular file of UTF-8.
///
/// # Errors
/// As [`read`], or if it is not UTF-8.
pub fn read_text(path: &Path) -> Result<String> {
    let mut text = String::new();
    open(path)?.read_to_string(&mut text).map_err(Error::io(path))?;
    Ok(text)
}

#[cfg(unix)]
fn in_words(kind: FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt;

    match kind {
        kind if kind.is_fifo() => "a pipe",
        kind if kind.is_socket() => "a socket",
        _ => "a device",
    }
}

#[cfg(not(unix))]
fn in_words(_kind: FileType) -> &'static str {
    "something else"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_and_a_missing_file_are_errors_of_the_system() {
        let folder = tempfile::tempdir().unwrap();
        let kind = |path: &Path| match open(path) {
            Err(Error::Io { source, .. }) => source.kind(),
            other => panic!("{other:?}"),
        };
        assert_eq!(kind(folder.path()), ErrorKind::IsADirectory);
        assert_eq!(kind(&folder.path().join("none")), ErrorKind::NotFound);
    }
}
