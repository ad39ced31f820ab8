//! Trains four runs on a cluster of one node, loses one on the way, and compares the table with that of `--launch local`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::cluster::{Cluster, kill};
use crate::process::words;
use crate::reproduce::build;
use crate::workspace::Workspace;

/// What differs between two trainings of a run.
const OF_ITS_OWN: [&str; 3] = ["directory", "seconds", "images_per_second"];
/// Set by `.ci/run`: containers may forbid what the daemons of a cluster need.
const MAY_LACK: &str = "CANDLEWICK_MAY_LACK_A_CLUSTER";
/// The task that is lost: that of the last row and seed.
const LOST: usize = 3;
/// The file from which it resumes.
const CHECKPOINT: &str = "checkpoints/last.safetensors";

pub(super) fn run(workspace: &Workspace) -> Result<()> {
    let binary = build(workspace, None)?;
    let folder = workspace.target.join("reproduce-slurm");
    if folder.exists() {
        fs::remove_dir_all(&folder)
            .with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    let mut cluster = match Cluster::start() {
        Ok(cluster) => cluster,
        Err(error) if std::env::var_os(MAY_LACK).is_some() => {
            eprintln!("NOT CHECKED: step slurm, since no cluster starts here: {error:#}");
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    let reproduce = |cluster: &Cluster, runs: &str, how: &[&str], expected: &str| {
        let mut command = cluster.command(&binary);
        command
            .args(["reproduce", "table-1", "--row", "sdt,tet", "--seeds", "2", "--threads", "1"])
            .arg("--runs-dir")
            .arg(folder.join(runs))
            .args(how);
        let output =
            command.output().with_context(|| format!("cannot start {}", words(&command)))?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        eprintln!("$ {}\n{said}", words(&command));
        println!("{}", String::from_utf8_lossy(&output.stdout));
        if !output.status.success() || !said.contains(expected) {
            bail!("expected success and `{expected}` ({})", output.status);
        }
        Ok(said)
    };
    reproduce(&cluster, "local", &[], "4 runs to train, 0 complete")?;

    let slurm = ["--launch", "slurm"];
    let said = reproduce(&cluster, "cluster", &slurm, ", 4 tasks with ")?;
    let job = job_of(&said)?.to_owned();
    let again = reproduce(&cluster, "cluster", &slurm, "in the queue: ")?;
    if again.contains("submitted: ") {
        bail!("submitted a second time what is in the queue");
    }
    let row = folder.join("cluster/table-1/demo/tet");
    cluster.wait(|_| Ok(run_of_seed(&row, 2).is_some_and(|run| run.join(CHECKPOINT).exists())))?;
    let lost = run_of_seed(&row, 2).context("the run that was there")?;
    kill(&lost.strip_prefix(folder.join("cluster"))?.display().to_string())?;
    cluster.wait_until_empty()?;

    let partial = "Partial: 1 of 4 runs not complete: table-1, row tet, seed 2.";
    reproduce(&cluster, "cluster", &["--collect"], partial)?;
    let said = reproduce(&cluster, "cluster", &slurm, ", 1 task with ")?;
    if !said.contains(&format!("slurm/{job}_{LOST}.log")) {
        bail!("the log of the lost task is not named");
    }
    cluster.wait_until_empty()?;
    let log = folder.join(format!("cluster/slurm/{}_0.log", job_of(&said)?));
    let log = fs::read_to_string(&log).with_context(|| format!("cannot read {}", log.display()))?;
    if !log.contains("resumes after epoch") {
        bail!("the lost run did not resume:\n{log}");
    }
    let said = reproduce(&cluster, "cluster", &slurm, "0 runs to train, 4 complete")?;
    if said.contains("Partial") || said.contains("submitted") {
        bail!("something was missing in the end");
    }
    compare(&results(&folder.join("local"))?, &results(&folder.join("cluster"))?)?;
    eprintln!("the table of the cluster is that of --launch local, but for the time that it took");
    Ok(())
}

/// The job in what `reproduce` says.
fn job_of(said: &str) -> Result<&str> {
    let (_, job) = said.split_once("submitted: job ").context("nothing was submitted")?;
    Ok(job.split(',').next().unwrap_or_default())
}

/// The directory of the only run of a row with that seed.
fn run_of_seed(row: &Path, seed: u64) -> Option<PathBuf> {
    let start = format!("s{seed}-");
    let mut runs = fs::read_dir(row).ok()?.flatten().map(|entry| entry.path());
    runs.find(|run| run.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&start)))
}

fn results(runs: &Path) -> Result<Value> {
    let path = runs.join("table-1/demo/partial/results.json");
    let text = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(serde_json::from_slice(&text)?)
}

fn compare(local: &Value, cluster: &Value) -> Result<()> {
    let [mut local, mut cluster] = [local.clone(), cluster.clone()];
    for results in [&mut local, &mut cluster] {
        forget(results);
    }
    let runs = |results: &Value| {
        let rows = results["rows"].as_array().map_or(&[][..], Vec::as_slice);
        rows.iter().filter_map(|row| row["runs"].as_array()).map(Vec::len).sum::<usize>()
    };
    if runs(&local) != 4 {
        bail!("expected the table of 4 runs, found {}", runs(&local));
    }
    if local != cluster {
        bail!("the tables differ: {local} by --launch local, {cluster} by --launch slurm");
    }
    Ok(())
}

/// Removes what a training does not repeat.
fn forget(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !OF_ITS_OWN.contains(&name.as_str()));
            fields.values_mut().for_each(forget);
        }
        Value::Array(values) => values.iter_mut().for_each(forget),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tables_are_compared_but_for_their_times() {
        let table = |accuracy: f64, seconds: f64| {
            let run = json!({ "directory": seconds.to_string(), "summary": {
                "accuracy": { "final": accuracy }, "seconds": seconds,
            } });
            json!({ "rows": [{ "runs": [run, run] }, { "runs": [run, run] }] })
        };
        assert!(compare(&table(0.5, 1.0), &table(0.5, 2.0)).is_ok());
        let differ = compare(&table(0.5, 1.0), &table(0.25, 1.0)).unwrap_err().to_string();
        assert!(differ.starts_with("the tables differ"), "{differ}");
        let nothing = json!({ "rows": [] });
        assert!(compare(&nothing, &nothing).is_err());
    }
}
