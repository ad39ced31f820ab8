//! Runs a short `reproduce` twice, with one thread and with two, and compares what was measured byte for byte.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process::check;
use crate::reproduce::build;
use crate::workspace::Workspace;

/// The file of a run directory that holds no wall clock.
const METRICS: &str = "metrics.jsonl";

pub(super) fn run(workspace: &Workspace) -> Result<()> {
    let binary = build(workspace, None)?;
    let folder = workspace.target.join("reproduce-twice");
    if folder.exists() {
        fs::remove_dir_all(&folder)
            .with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    let mut measured = Vec::new();
    for threads in ["1", "2"] {
        let runs = folder.join(threads);
        let mut command = Command::new(&binary);
        command
            .args(["reproduce", "table-1", "--scale", "demo", "--row", "sdt", "--seeds", "1"])
            .args(["--epochs", "2", "--threads", threads, "--yes", "--runs-dir"])
            .arg(&runs);
        check(&mut command)?;
        measured.push(collect(&runs)?);
    }
    compare(&measured[0], &measured[1])
}

/// Every metrics file below `folder` by its path from there.
fn collect(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(directory) = open.pop() {
        let entries = fs::read_dir(&directory)
            .with_context(|| format!("cannot read {}", directory.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else if path.file_name().is_some_and(|name| name == METRICS) {
                let name = path.strip_prefix(folder).unwrap_or(&path).display().to_string();
                found.insert(name, fs::read(&path)?);
            }
        }
    }
    Ok(found)
}

fn compare(first: &BTreeMap<String, Vec<u8>>, second: &BTreeMap<String, Vec<u8>>) -> Result<()> {
    if first.values().all(Vec::is_empty) {
        bail!("the run left no {METRICS}");
    }
    if !first.keys().eq(second.keys()) {
        bail!("the two runs left different files: {:?} and {:?}", first.keys(), second.keys());
    }
    for (name, bytes) in first {
        let other = &second[name];
        if bytes != other {
            let lines = bytes.split(|&byte| byte == b'\n');
            let line =
                lines.zip(other.split(|&byte| byte == b'\n')).take_while(|(a, b)| a == b).count();
            bail!("{name}: line {} differs between one thread and two", line + 1);
        }
    }
    eprintln!("{} {METRICS} equal to the byte with one thread and with two", first.len());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(entries: &[(&str, &str)]) -> BTreeMap<String, Vec<u8>> {
        let entry = |(name, text): &(&str, &str)| ((*name).to_owned(), text.as_bytes().to_vec());
        entries.iter().map(entry).collect()
    }

    #[test]
    fn equal_runs_pass_and_the_first_difference_is_named() {
        let one = files(&[("sdt/s0/metrics.jsonl", "a\nb\n")]);
        assert!(compare(&one, &one).is_ok());
        let other = files(&[("sdt/s0/metrics.jsonl", "a\nc\n")]);
        let message = compare(&one, &other).unwrap_err().to_string();
        assert_eq!(message, "sdt/s0/metrics.jsonl: line 2 differs between one thread and two");
        assert!(compare(&one, &files(&[])).is_err());
        assert!(compare(&files(&[]), &files(&[])).is_err());
        assert!(compare(&files(&[("m", "")]), &files(&[("m", "")])).is_err());
    }

    #[test]
    fn only_metrics_are_collected() {
        let root = tempfile::tempdir().unwrap();
        let run = root.path().join("table/row");
        fs::create_dir_all(&run).unwrap();
        fs::write(run.join(METRICS), "x").unwrap();
        fs::write(run.join("timing.jsonl"), "y").unwrap();
        let found = collect(root.path()).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found.values().next().unwrap(), b"x");
    }
}
