//! Trains one recipe in one process and on 2 and 4 ranks of MPI, kills a rank on the way, and compares what is left
//! byte for byte.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::process::words;
use crate::reproduce::build;
use crate::workspace::Workspace;

/// Everything random that a step may have, with batches of fewer samples than shards at the end.
const RECIPE: &str = include_str!("ranks.toml");
/// What two trainings to the same bits have in common.
const COMPARED: [&str; 3] =
    ["metrics.jsonl", "checkpoints/last.safetensors", "checkpoints/best.safetensors"];
/// How soon the others end after a rank that dies.
const SOON: Duration = Duration::from_secs(20);

pub(super) fn run(workspace: &Workspace) -> Result<()> {
    let binary = build(workspace, Some("candlewick-cli/mpi"))?;
    let folder = workspace.target.join("ranks");
    if folder.exists() {
        fs::remove_dir_all(&folder)
            .with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    fs::create_dir_all(&folder)?;
    let recipe = folder.join("ranks.toml");
    fs::write(&recipe, RECIPE)?;
    let train = |ranks: usize, recipe: &Path, name: &str| {
        let mut command = started(ranks, &binary);
        command.arg("train").arg(recipe).arg("--runs-dir").arg(folder.join(name));
        command
    };
    let mut alone = Command::new(&binary);
    alone.arg("train").arg(&recipe).arg("--runs-dir").arg(folder.join("alone"));
    succeed(&mut alone)?;
    let expected = run_below(&folder.join("alone"))?;
    for ranks in [2, 4] {
        let name = ranks.to_string();
        succeed(&mut train(ranks, &recipe, &name))?;
        compare(&expected, &run_below(&folder.join(name))?)?;
        eprintln!("{} files equal to the byte on {ranks} ranks and in one process", COMPARED.len());
    }

    // One of four ranks dies; two resume.
    let mut four =
        train(4, &recipe, "killed").stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let start = Instant::now();
    let checkpoint = loop {
        let run = run_below(&folder.join("killed")).map(|run| run.join(COMPARED[1]));
        match run {
            Ok(checkpoint) if checkpoint.exists() => break checkpoint,
            _ if four.try_wait()?.is_some() => bail!("the training ended before a rank was killed"),
            _ if start.elapsed() > 3 * SOON => bail!("no checkpoint after {:?}", start.elapsed()),
            _ => sleep(Duration::from_millis(20)),
        }
    };
    let died = Instant::now();
    succeed(
        Command::new("pkill")
            .args(["-KILL", "-n", "-f"])
            .arg(format!("train .*--runs-dir {}", folder.join("killed").display())),
    )?;
    ensure!(!four.wait()?.success(), "mpirun reports success although a rank was killed");
    ensure!(died.elapsed() < SOON, "the other ranks ended only after {:?}", died.elapsed());
    eprintln!("3 ranks ended {:.1} s after the fourth was killed", died.elapsed().as_secs_f64());
    succeed(&mut train(2, &recipe, "killed"))?;
    ensure!(checkpoint.exists(), "the resumed run has no checkpoint");
    compare(&expected, &run_below(&folder.join("killed"))?)?;
    eprintln!("{} files equal to the byte after a kill, resumed on 2 ranks", COMPARED.len());

    let other = folder.join("other.toml");
    fs::write(&other, RECIPE.replace("p = 0.3", "p = 0.4"))?;
    let mut different = train(1, &recipe, "different");
    different.args([":", "-n", "1"]).arg(&binary).arg("train").arg(&other);
    different.arg("--runs-dir").arg(folder.join("different"));
    let difference = "the recipe differs between ranks: p = 0.4 on rank 1, p = 0.3 on rank 0";
    for (command, expected) in [
        (&mut different, difference),
        (
            &mut train(3, &recipe, "three"),
            "train.shards: expected a multiple of the 3 ranks, got 4",
        ),
    ] {
        let output = output(command)?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(!output.status.success(), "`{}` succeeded", words(command));
        ensure!(said.contains(expected), "expected `{expected}`, got:\n{said}");
        eprintln!("{expected}");
    }
    Ok(())
}

/// `program` on so many ranks, more than there are cores if need be.
fn started(ranks: usize, program: &Path) -> Command {
    let mut command = Command::new("mpirun");
    // In containers the user is root, and OpenMPI wants to be told twice that this is meant.
    command.env("OMPI_ALLOW_RUN_AS_ROOT", "1").env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
    command.env("OMPI_MCA_rmaps_base_oversubscribe", "1");
    command.args(["-n", &ranks.to_string()]).arg(program);
    command
}

fn output(command: &mut Command) -> Result<Output> {
    command.output().with_context(|| format!("cannot start `{}`", words(command)))
}

fn succeed(command: &mut Command) -> Result<()> {
    let output = output(command)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        bail!("`{}` failed ({}):\n{said}", words(command), output.status);
    }
    Ok(())
}

/// The one run below a folder of runs.
fn run_below(folder: &Path) -> Result<PathBuf> {
    let rows = folder.join("train").join("ranks");
    let entries = fs::read_dir(&rows).with_context(|| format!("cannot read {}", rows.display()))?;
    let mut runs = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    runs.retain(|run| run.is_dir());
    match runs.pop() {
        Some(run) if runs.is_empty() => Ok(run),
        _ => bail!("{} does not hold one run", rows.display()),
    }
}

fn compare(expected: &Path, found: &Path) -> Result<()> {
    for name in COMPARED {
        let [expected, found] = [expected, found].map(|run| fs::read(run.join(name)));
        ensure!(!expected.as_ref().is_ok_and(Vec::is_empty), "{name} is empty");
        ensure!(expected? == found?, "{name} differs from that of one process");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_that_differs_is_found() -> Result<()> {
        let root = tempfile::tempdir()?;
        let runs = ["one", "other"].map(|name| root.path().join(name).join("train/ranks/s1"));
        for run in &runs {
            fs::create_dir_all(run.join("checkpoints"))?;
            COMPARED.iter().try_for_each(|name| fs::write(run.join(name), name))?;
        }
        assert_eq!(run_below(&root.path().join("one"))?, runs[0]);
        compare(&runs[0], &runs[1])?;
        for name in COMPARED {
            fs::write(runs[1].join(name), "changed")?;
            let message = compare(&runs[0], &runs[1]).unwrap_err().to_string();
            assert_eq!(message, format!("{name} differs from that of one process"));
            fs::write(runs[1].join(name), name)?;
        }
        Ok(())
    }
}
