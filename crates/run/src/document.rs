//! The JSON documents of a run directory: each has a file of its own, is sealed, and says the version of its format.

use std::fs;
use std::path::{Path, PathBuf};

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Serialize};

use crate::atomic::replace_file;
use crate::error::{Result, RunError};
use crate::flatness::Flatness;
use crate::json;
use crate::manifest::{Manifest, SCHEMA};
use crate::seal::{Tie, seal, unseal};
use crate::snapshot::Snapshot;
use crate::summary::Summary;

/// What is written as a whole.
pub(crate) trait Document: Serialize + DeserializeOwned {
    /// The name of its file.
    const FILE: &'static str;

    /// The version of its format.
    fn schema(&self) -> u32;
}

/// Writes a document into the directory of a run, sealed with `ties`.
///
/// # Errors
///
/// [`RunError::Unwritable`] if a number is not finite, [`RunError::Io`] if the file cannot be written.
pub(crate) fn write<T: Document>(document: &T, ties: &[Tie], directory: &Path) -> Result<()> {
    let path = directory.join(T::FILE);
    let text = json::to_document(document, &path)?;
    replace_file(&path, seal(&String::from_utf8_lossy(&text), ties).as_bytes())
}

/// Reads a document with `ties` from the directory of a run; `None` if it is not there.
///
/// # Errors
///
/// [`RunError::Malformed`] or [`RunError::Schema`] if the file is not such a document of this version,
/// [`RunError::Damaged`] if it is not as it was written, [`RunError::Foreign`] if its ties are others.
pub(crate) fn read<T: Document>(ties: &[Tie], directory: &Path) -> Result<Option<T>> {
    let path = directory.join(T::FILE);
    if !path.is_file() {
        return Ok(None);
    }
    let bytes = fs::read(&path).map_err(|source| RunError::io("read", &path, source))?;
    let text = String::from_utf8_lossy(&bytes);
    let malformed = |source| RunError::Malformed { path: path.clone(), source };
    let Some(text) = unseal(&text, ties, &path)? else {
        // Versions before this one had no seal.
        return Err(match serde_json::from_str(&text).map_err(malformed)? {
            Version { schema: SCHEMA } => malformed(Error::custom("its checksum is missing")),
            Version { schema } => version(path, schema),
        });
    };
    let document: T = serde_json::from_str(&text).map_err(malformed)?;
    match document.schema() {
        SCHEMA => Ok(Some(document)),
        found => Err(version(path, found)),
    }
}

/// What every document says, of whatever version it is.
#[derive(Deserialize)]
struct Version {
    schema: u32,
}

fn version(path: PathBuf, found: u32) -> RunError {
    RunError::Schema { path, expected: SCHEMA, found }
}

impl Document for Manifest {
    const FILE: &'static str = "manifest.json";

    fn schema(&self) -> u32 {
        self.schema
    }
}

impl Document for Summary {
    const FILE: &'static str = "summary.json";

    fn schema(&self) -> u32 {
        self.schema
    }
}

impl Document for Snapshot {
    const FILE: &'static str = "snapshot.json";

    fn schema(&self) -> u32 {
        self.schema
    }
}

impl Document for Flatness {
    const FILE: &'static str = "flatness.json";

    fn schema(&self) -> u32 {
        self.schema
    }
}
