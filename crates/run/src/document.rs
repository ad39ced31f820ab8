//! The JSON documents of a run directory: each has a file of its own and says the version of its format.

use std::fs;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::atomic::replace_file;
use crate::error::{Result, RunError};
use crate::flatness::Flatness;
use crate::json;
use crate::manifest::{Manifest, SCHEMA};
use crate::snapshot::Snapshot;
use crate::summary::Summary;

/// What is written as a whole.
pub(crate) trait Document: Serialize + DeserializeOwned {
    /// The name of its file.
    const FILE: &'static str;

    /// The version of its format.
    fn schema(&self) -> u32;
}

/// Writes a document into the directory of a run.
///
/// # Errors
///
/// [`RunError::Unwritable`] if a number is not finite, [`RunError::Io`] if the file cannot be written.
pub(crate) fn write<T: Document>(document: &T, directory: &Path) -> Result<()> {
    let path = directory.join(T::FILE);
    replace_file(&path, &json::to_document(document, &path)?)
}

/// Reads a document from the directory of a run; `None` if it is not there.
///
/// # Errors
///
/// [`RunError::Malformed`] or [`RunError::Schema`] if the file is not such a document of this version.
pub(crate) fn read<T: Document>(directory: &Path) -> Result<Option<T>> {
    let path = directory.join(T::FILE);
    if !path.is_file() {
        return Ok(None);
    }
    let text = fs::read_to_string(&path).map_err(|source| RunError::io("read", &path, source))?;
    let document: T = serde_json::from_str(&text)
        .map_err(|source| RunError::Malformed { path: path.clone(), source })?;
    match document.schema() {
        SCHEMA => Ok(Some(document)),
        found => Err(RunError::Schema { path, expected: SCHEMA, found }),
    }
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
