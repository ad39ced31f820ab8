//! What attacks start from: the binary, and good inputs that it accepts.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{renew, weights};
use crate::process::{cargo, check};
use crate::workspace::Workspace;

/// A training of a second; the seed is in the text, so that the recipes of two runs differ.
pub(crate) const RECIPE: &str = "\
[data]
name = \"digits\"
train_per_class = 8
test_per_class = 4

[network.spec]
layers = \"4C3-AP2-6C3-FC10\"

[train]
stages = [{ epochs = 2, time_steps = 2 }]
";

/// Formats of recordings that the command writes.
pub(crate) const WRITTEN: [&str; 4] = ["atis", "aedat2", "aedat2-davis", "aedat3"];

/// The binary and the good inputs.
#[derive(Debug)]
pub(crate) struct Ground {
    pub(crate) binary: PathBuf,
    /// Where attacks are prepared.
    pub(crate) folder: PathBuf,
    /// The root of the workspace, with its fixtures.
    root: PathBuf,
    /// The directories of two complete runs, of other seeds.
    pub(crate) runs: [PathBuf; 2],
}

impl Ground {
    /// Builds the binary with its debug assertions, and lets it make the good inputs.
    pub(crate) fn prepare(workspace: &Workspace) -> Result<Self> {
        let mut build = cargo();
        build.args(["build", "--package", "candlewick-cli", "--features", "candlewick-cli/hdf5"]);
        check(build.current_dir(&workspace.root))?;
        let name = format!("candlewick{}", std::env::consts::EXE_SUFFIX);
        let binary = workspace.target.join("debug").join(name);
        let folder = workspace.target.join("hostile");
        let good = folder.join("good");
        renew(&good)?;
        let mut ground =
            Self { binary, folder, root: workspace.root.clone(), runs: Default::default() };
        for seed in [1, 2] {
            let name = format!("recipe-{seed}");
            fs::write(good.join(format!("{name}.toml")), format!("seed = {seed}\n{RECIPE}"))?;
            ground.succeed(&format!("train {name}.toml --runs-dir runs"))?;
            ground.runs[seed - 1] = only_entry(&good.join("runs/train").join(name))?;
        }
        weights::prepare(&ground)?;
        fs::write(good.join("recording.atis"), recording())?;
        let source = "recording.atis --as atis";
        for format in &WRITTEN[1..] {
            ground.succeed(&format!(
                "data convert {source} --to {format} --out recording.{format}"
            ))?;
        }
        ground.succeed(&format!("events view {source} --frames 4 --out image.png"))?;
        Ok(ground)
    }

    /// A good file that was made here.
    pub(crate) fn good(&self, name: &str) -> PathBuf {
        self.folder.join("good").join(name)
    }

    /// A committed file.
    pub(crate) fn fixture(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// Runs the command in the folder of good inputs, where it must succeed.
    pub(crate) fn succeed(&self, words: &str) -> Result<()> {
        let mut command = Command::new(&self.binary);
        let output = command.args(words.split_whitespace()).current_dir(self.good("")).output()?;
        if !output.status.success() {
            bail!("candlewick {words}: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(())
    }
}

/// A recording in the format of N-MNIST: place, polarity and time of each event, big-endian.
fn recording() -> Vec<u8> {
    let event = |index: u32| {
        let [_, high, middle, low] = (1_000 * index).to_be_bytes();
        [index as u8 % 34, (5 * index) as u8 % 34, high | (index as u8 % 2) << 7, middle, low]
    };
    (0..400).flat_map(event).collect()
}

fn only_entry(folder: &Path) -> Result<PathBuf> {
    let mut entries = fs::read_dir(folder)
        .with_context(|| format!("cannot read {}", folder.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()));
    entries.next().with_context(|| format!("{} is empty", folder.display()))
}
