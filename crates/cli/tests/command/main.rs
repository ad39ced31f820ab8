//! The built command on what people, clusters and terminals do to it.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod arguments;
mod codes;
mod compare;
mod first;
mod gpu_check;
mod predict;
#[cfg(target_os = "linux")]
mod printing;
mod recipes;
mod reproduce;
#[cfg(unix)]
mod signals;
#[cfg(unix)]
mod slurm;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A training of a second.
const RECIPE: &str = r#"
[data]
name = "digits"
train_per_class = 5
test_per_class = 5
[network.spec]
layers = "2C3-AP2-FC10"
[train]
stages = [{ epochs = 2, time_steps = 2 }]
"#;

/// A folder in which the command runs.
struct Place(tempfile::TempDir);

impl Place {
    /// With `r.toml`, a recipe of that text.
    fn with(recipe: &str) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        fs::write(place.path("r.toml"), recipe).unwrap();
        place
    }

    /// With a complete run, whose directory comes back.
    fn trained() -> (Self, PathBuf) {
        let place = Self::with(RECIPE);
        assert_eq!(place.code(&["train", "r.toml"]), (0, String::new()));
        let run = place.run();
        (place, run)
    }

    fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.path().join(name)
    }

    /// The command here.
    fn command(&self, arguments: &[impl AsRef<OsStr>]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_candlewick"));
        command.args(arguments).current_dir(self.0.path()).env_remove("RUST_LOG");
        command
    }

    fn output(&self, arguments: &[impl AsRef<OsStr>]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// The exit code, and the error in words: the last line of standard error that begins so.
    fn code(&self, arguments: &[impl AsRef<OsStr>]) -> (i32, String) {
        let output = self.output(arguments);
        let text = String::from_utf8(output.stderr).unwrap();
        let error = text.find("error: ").map_or(String::new(), |start| text[start..].to_owned());
        (output.status.code().unwrap_or_else(|| panic!("killed: {text}")), error)
    }

    /// The directory of the only run.
    fn run(&self) -> PathBuf {
        let folder = self.path("runs/train/r");
        let mut runs = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let (run, second) = (runs.next().unwrap(), runs.next());
        assert!(second.is_none());
        run
    }

    /// What the manifest of the only run says of it.
    fn status(&self) -> String {
        let manifest = fs::read(self.run().join("manifest.json")).unwrap();
        let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
        manifest["status"].as_str().unwrap().to_owned()
    }
}
