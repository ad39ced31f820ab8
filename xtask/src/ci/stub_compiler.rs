//! Type-checks the CUDA code where no CUDA compiler is, with a stand-in for `nvcc` that compiles nothing.
//!
//! candle asks `nvcc` for its version and for compiled kernels while it builds; checking types needs neither to be real.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::process::{cargo, check};
use crate::workspace::Workspace;

/// Answers the version and writes empty outputs: `-o FILE`, or one `.ptx` per source below `--output-directory`.
const STUB: &str = r#"#!/bin/sh
output="" directory="" sources=""
while [ $# -gt 0 ]; do
    case "$1" in
        --version)
            # The version is looked for in the fourth line.
            echo "nvcc: stand-in for the CUDA compiler driver"
            echo "compiles nothing"
            echo "type checks only"
            echo "Cuda compilation tools, release 13.0, V13.0.0"
            exit 0 ;;
        -o|--output-file) output="$2"; shift ;;
        --output-directory|-odir) directory="$2"; shift ;;
        *.cu) sources="$sources $1" ;;
    esac
    shift
done
if [ -n "$output" ]; then
    : > "$output"
elif [ -n "$directory" ]; then
    for source in $sources; do
        name=${source##*/}
        : > "$directory/${name%.cu}.ptx"
    done
fi
"#;

/// Runs clippy with all features of CUDA on the command line tool, with the stand-in first on the path.
pub(super) fn check_cuda(workspace: &Workspace) -> Result<()> {
    let folder = workspace.target.join("stub-nvcc");
    write_stub(&folder)?;
    let mut command = cargo();
    command
        .args(["clippy", "--package", "candlewick-cli", "--features", "cuda,cudnn,nccl"])
        .args(["--", "-D", "warnings"])
        .env("PATH", path_behind(&folder)?)
        .env("CUDA_COMPUTE_CAP", "90")
        .current_dir(&workspace.root);
    check(&mut command)
}

fn write_stub(folder: &Path) -> Result<PathBuf> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let stub = folder.join("nvcc");
    fs::write(&stub, STUB).with_context(|| format!("cannot write {}", stub.display()))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&stub, fs::Permissions::from_mode(0o755))?;
    }
    Ok(stub)
}

/// The search path with `folder` in front.
fn path_behind(folder: &Path) -> Result<OsString> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(folder.to_path_buf()).chain(std::env::split_paths(&path));
    Ok(std::env::join_paths(folders)?)
}

#[cfg(all(test, unix))]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn the_stand_in_answers_and_writes_what_it_is_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let stub = write_stub(folder.path()).unwrap();
        let version = Command::new(&stub).arg("--version").output().unwrap();
        let version = String::from_utf8(version.stdout).unwrap();
        assert!(version.lines().nth(3).is_some_and(|line| line.contains("release 13.0")));

        let object = folder.path().join("kernel.o");
        assert!(
            Command::new(&stub)
                .arg("-c")
                .arg("a.cu")
                .arg("-o")
                .arg(&object)
                .status()
                .unwrap()
                .success()
        );
        assert_eq!(fs::read(&object).unwrap(), b"");

        let mut command = Command::new(&stub);
        command.arg("--output-directory").arg(folder.path()).args(["--ptx", "x/a.cu", "b.cu"]);
        assert!(command.status().unwrap().success());
        assert!(folder.path().join("a.ptx").is_file() && folder.path().join("b.ptx").is_file());
    }
}
