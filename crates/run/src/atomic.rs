//! Files that are either wholly there or not there: written aside, synced, renamed.
//!
//! A reader, and a process that starts after a power cut, sees the old content or the new one, never a mixture.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::error::{Result, RunError};

/// Replaces `path` by `bytes`, atomically.
///
/// # Errors
///
/// [`RunError::Io`] if the directory does not exist or cannot be written; `path` is then as it was before.
pub fn replace_file(path: &Path, bytes: &[u8]) -> Result<()> {
    replace_file_with(path, |out| out.write_all(bytes))
}

/// Replaces `path` by what `write` writes, atomically; nothing happens to `path` if `write` fails.
///
/// # Errors
///
/// [`RunError::Io`] if `write` fails, or the directory does not exist or cannot be written.
pub fn replace_file_with(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<()> {
    let aside = aside(path);
    let outcome =
        write_synced(&aside, write).map_err(|source| RunError::io("write", path, source)).and_then(
            |()| fs::rename(&aside, path).map_err(|source| RunError::io("replace", path, source)),
        );
    if outcome.is_err() {
        // The first error is the one to report; what lies aside is overwritten by the next attempt.
        let _ = fs::remove_file(&aside);
        return outcome;
    }
    sync_parent(path)
}

/// The name under which the new content is written: in the same directory, so that renaming never copies.
fn aside(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".new");
    path.with_file_name(name)
}

fn write_synced(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    write(&mut out)?;
    out.flush()?;
    out.get_ref().sync_all()
}

/// Makes a rename or a new entry in the directory of `path` last through a power cut.
#[cfg(unix)]
pub(crate) fn sync_parent(path: &Path) -> Result<()> {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    File::open(parent)
        .and_then(|directory| directory.sync_all())
        .map_err(|source| RunError::io("sync", parent, source))
}

/// Directories cannot be opened for syncing here; the rename itself is still atomic.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "same signature on every platform")]
pub(crate) fn sync_parent(_path: &Path) -> Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_content_and_nothing_aside() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("weights.bin");
        replace_file(&path, b"old").unwrap();
        let outcome = replace_file_with(&path, |out| {
            out.write_all(b"half of the new")?;
            Err(io::Error::other("disk full"))
        });
        assert!(matches!(outcome, Err(RunError::Io { action: "write", .. })));
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_leftover_of_a_killed_writer_does_not_disturb_the_next() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("weights.bin");
        fs::write(aside(&path), b"longer leftover of a killed process").unwrap();
        replace_file(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert!(!aside(&path).exists());
    }

    #[test]
    fn a_missing_directory_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("absent").join("weights.bin");
        let message = replace_file(&path, b"new").unwrap_err().to_string();
        assert!(message.starts_with("cannot write") && message.contains("absent"), "{message}");
    }
}
