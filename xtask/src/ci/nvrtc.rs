//! Compiles every kernel for GPUs with NVRTC, which needs no GPU and comes as a Python wheel.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::ci::HDF5;
use crate::process::{cargo, check};
use crate::workspace::Workspace;

/// The wheel, with the version that the kernels are compiled by.
const WHEEL: &str = "nvidia-cuda-nvrtc-cu12==12.9.86";

pub(super) fn run(workspace: &Workspace) -> Result<()> {
    let folder = workspace.target.join("nvrtc");
    if find(&folder)?.is_none() {
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        let mut pip = Command::new("python3");
        let pip = pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--target"]);
        check(pip.arg(&folder).arg(WHEEL))?;
    }
    let Some(library) = find(&folder)? else {
        bail!("{WHEEL} has no libnvrtc.so in {}", folder.display());
    };
    let tests = ["test", "--workspace", "--features", HDF5, "--test", "compiled"];
    let own = ["--", "--ignored", "--nocapture"];
    check(
        cargo().args(tests).args(own).env("CANDLEWICK_NVRTC", library).current_dir(&workspace.root),
    )
}

/// The library below a folder that wheels were installed into.
fn find(folder: &Path) -> Result<Option<PathBuf>> {
    let libraries = folder.join("nvidia/cuda_nvrtc/lib");
    if !libraries.is_dir() {
        return Ok(None);
    }
    for entry in fs::read_dir(&libraries)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with("libnvrtc.so") {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_is_told_from_what_lies_beside_it() -> Result<()> {
        let folder = tempfile::tempdir()?;
        assert_eq!(find(folder.path())?, None);
        let libraries = folder.path().join("nvidia/cuda_nvrtc/lib");
        fs::create_dir_all(&libraries)?;
        fs::write(libraries.join("libnvrtc-builtins.so.12.9"), "")?;
        assert_eq!(find(folder.path())?, None);
        fs::write(libraries.join("libnvrtc.so.12"), "")?;
        assert_eq!(find(folder.path())?, Some(libraries.join("libnvrtc.so.12")));
        Ok(())
    }
}
