//! Writes damaged recipes of a run again, where their texts are still known.

use std::path::Path;

use super::{RECIPE, RESOLVED, RunDirectory, take_lock};
use crate::atomic::replace_file;
use crate::error::Result;
use crate::hash::sha256_hex;

impl RunDirectory {
    /// Writes `recipe.toml` and `resolved.toml` of a run again where they are damaged or missing, and returns the names of those
    /// that were; `recipe` is a recipe that resolves to `resolved`.
    ///
    /// If `resolved` is not that of the run, nothing is done.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open) for the manifest, which cannot be mended, [`RunError::Locked`] if another process writes the
    /// run, [`RunError::Io`] if it cannot be written.
    ///
    /// [`RunError::Locked`]: crate::RunError::Locked
    /// [`RunError::Io`]: crate::RunError::Io
    pub fn mend(path: &Path, recipe: &str, resolved: &str) -> Result<Vec<&'static str>> {
        let mut run = Self::of_manifest(path)?;
        let (no_recipe, not_resolved) = (run.recipe().is_err(), run.resolved().is_err());
        let known = sha256_hex(resolved.as_bytes()) == run.manifest.recipe_hash;
        let mut mended = Vec::new();
        if !known || !(no_recipe || not_resolved) {
            return Ok(mended);
        }
        run.lock = Some(take_lock(path)?);
        if not_resolved {
            replace_file(&path.join(RESOLVED), resolved.as_bytes())?;
            mended.push(RESOLVED);
        }
        if no_recipe {
            replace_file(&path.join(RECIPE), recipe.as_bytes())?;
            mended.push(RECIPE);
            // Comments and defaults may be other ones than at the start.
            run.manifest.source_hash = sha256_hex(recipe.as_bytes());
            run.write_manifest()?;
        }
        Ok(mended)
    }
}
