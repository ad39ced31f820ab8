//! Trains a row of the committed table-1 again, and compares its last epoch to the bit.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::process::check;
use crate::reproduce::build;
use crate::workspace::Workspace;

/// The results that are compared.
const COMMITTED: &str = "docs/results/table-1/demo.json";
/// The row of which seed 1 is trained.
const ROW: &str = "tet";
/// The instruction set at which bits are the same on every machine that has it.
const INSTRUCTIONS: &str = "avx2";

pub(super) fn run(workspace: &Workspace) -> Result<()> {
    #[cfg(target_arch = "x86_64")]
    let has_it = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    #[cfg(not(target_arch = "x86_64"))]
    let has_it = false;
    if !has_it {
        eprintln!("not compared: this processor has no {INSTRUCTIONS}");
        return Ok(());
    }
    let path = workspace.root.join(COMMITTED);
    let committed = read(&path)?;
    let runs = workspace.target.join("reproduce-committed");
    if runs.exists() {
        fs::remove_dir_all(&runs).with_context(|| format!("cannot remove {}", runs.display()))?;
    }
    let mut command = Command::new(build(workspace, None)?);
    command
        .args(["reproduce", "table-1", "--row", ROW, "--seeds", "1", "--instructions"])
        .args([INSTRUCTIONS, "--runs-dir"])
        .arg(&runs);
    check(&mut command)?;
    let trained = read(&runs.join("table-1/demo/partial/results.json"))?;
    compare(&committed, &trained)
}

fn read(path: &std::path::Path) -> Result<Value> {
    let text = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("cannot read {}", path.display()))
}

fn compare(committed: &Value, trained: &Value) -> Result<()> {
    let facts = committed["environment"].as_array().map_or(&[][..], Vec::as_slice);
    let of_level = |fact: &Value| fact["name"] == "instructions" && fact["value"] == INSTRUCTIONS;
    if !facts.iter().any(of_level) {
        bail!("{COMMITTED} was not made with --instructions {INSTRUCTIONS}");
    }
    let (before, now) = (last_epoch(committed)?, last_epoch(trained)?);
    if before != now {
        bail!("row {ROW}, seed 1 differs: {COMMITTED} has {before}, and this machine {now}");
    }
    eprintln!("row {ROW}, seed 1 is that of {COMMITTED} to the bit");
    Ok(())
}

/// What was measured in the last epoch of the row's run with seed 1.
fn last_epoch(results: &Value) -> Result<&Value> {
    let rows = results["rows"].as_array().map_or(&[][..], Vec::as_slice);
    let row = rows.iter().find(|row| row["id"] == ROW);
    let runs = row.and_then(|row| row["runs"].as_array()).map_or(&[][..], Vec::as_slice);
    let run = runs.iter().find(|run| run["summary"]["seed"] == 1);
    run.and_then(|run| run["epochs"].as_array()?.last())
        .with_context(|| format!("no run of row {ROW} with seed 1"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_last_epochs_are_compared() {
        let results = |instructions: &str, loss: f64| {
            json!({
                "environment": [{ "name": "instructions", "value": instructions }],
                "rows": [{ "id": ROW, "runs": [{
                    "summary": { "seed": 1 },
                    "epochs": [{ "loss": 9.0 }, { "loss": loss }],
                }] }],
            })
        };
        let committed = results("avx2", 0.1);
        assert!(compare(&committed, &results("avx2", 0.1)).is_ok());
        let other = compare(&committed, &results("avx2", 0.100_000_01)).unwrap_err().to_string();
        assert!(other.contains("differs"), "{other}");
        let level = compare(&results("avx512", 0.1), &committed).unwrap_err().to_string();
        assert!(level.contains("--instructions avx2"), "{level}");
        assert!(compare(&committed, &json!({ "rows": [] })).is_err());
    }
}
