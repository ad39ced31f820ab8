//! The script of a job array.

use std::fmt::Write;
use std::path::Path;

use anyhow::Result;
use candlewick::experiment::Scale;

use super::Limits;
use crate::arguments::ReproduceArguments;
use crate::machine;

/// Seconds before the end of its time at which a task is told to write a checkpoint and end.
const WARNING: u32 = 120;

/// What stands before and after the runs.
const RUNS: [&str; 2] =
    ["run=$(sed -n \"$((SLURM_ARRAY_TASK_ID + 1))p\" <<'RUNS'\n", "\nRUNS\n)\n"];

/// A job array.
#[derive(Debug)]
pub(super) struct Script<'a> {
    pub(super) table: &'a str,
    pub(super) scale: Scale,
    /// The run of each task.
    pub(super) runs: Vec<String>,
    pub(super) limits: &'a Limits,
    /// How many tasks run at a time, at most.
    pub(super) side_by_side: Option<usize>,
    /// Options of the user.
    pub(super) options: &'a [String],
    /// Where the logs go.
    pub(super) folder: &'a Path,
    /// The command of all tasks, but for the run.
    pub(super) command: Vec<String>,
}

impl Script<'_> {
    pub(super) fn text(&self) -> String {
        let Self { table, scale, runs, limits, side_by_side, options, folder, command } = self;
        let at_once = side_by_side.map_or(String::new(), |jobs| format!("%{}", jobs.max(1)));
        let log = folder.display().to_string().replace('%', "%%");
        let mut directives = vec![
            format!("--job-name={table}"),
            format!("--array=0-{}{at_once}", runs.len().saturating_sub(1)),
            "--ntasks=1".into(),
        ];
        directives.extend(limits.options());
        directives.extend([
            // To the command itself, which takes the place of the shell.
            format!("--signal=B:TERM@{WARNING}"),
            // After the failure of a node; runs resume.
            "--requeue".into(),
            "--open-mode=append".into(),
            format!("--output={log}/%A_%a.log"),
        ]);
        // The last of several of the same name holds.
        directives.extend(options.iter().cloned());
        let mut text =
            format!("#!/bin/sh\n# Trains runs of {table} ({scale} scale), a task each.\n");
        for directive in directives {
            let _ = writeln!(text, "#SBATCH {}", quoted(&directive));
        }
        let [before, after] = RUNS;
        let _ = write!(text, "\n{before}{}{after}", runs.join("\n"));
        let command: Vec<String> = command.iter().map(|word| quoted(word)).collect();
        let _ = writeln!(text, "exec {} --task \"$run\"", command.join(" "));
        text
    }
}

/// The runs of a script, in the order of its tasks.
pub(super) fn runs(text: &str) -> impl Iterator<Item = &str> {
    let [before, after] = RUNS;
    let rest = text.split_once(before).map_or("", |(_, rest)| rest);
    rest.split_once(after).map_or("", |(runs, _)| runs).lines()
}

/// The command of a task, but for its run: what the user typed, with absolute paths.
pub(super) fn command(
    program: &Path,
    arguments: &ReproduceArguments,
    cpus: usize,
) -> Result<Vec<String>> {
    let absolute = |path: &Path| anyhow::Ok(std::path::absolute(path)?.display().to_string());
    let table = arguments.table.clone().unwrap_or_default();
    let is_file = Path::new(&table).extension().is_some_and(|extension| extension == "toml");
    let table = if is_file { absolute(Path::new(&table))? } else { table };
    let mut words = vec![program.display().to_string(), "reproduce".into(), table];
    let mut say = |name: &str, value: String| words.extend([name.to_owned(), value]);
    say("--scale", arguments.scale.clone());
    for row in &arguments.rows {
        say("--row", row.clone());
    }
    for claim in &arguments.claims {
        say("--claim", claim.clone());
    }
    let machine = &arguments.machine;
    let given = [
        ("--seeds", arguments.seeds.map(|seeds| seeds.to_string())),
        ("--epochs", arguments.epochs.map(|epochs| epochs.to_string())),
        ("--instructions", machine::instructions().map(str::to_owned)),
    ];
    for (name, value) in given {
        if let Some(value) = value {
            say(name, value);
        }
    }
    say("--device", machine.device.clone());
    let folders = [
        ("--data-dir", machine.data_dir.as_deref()),
        ("--cache-dir", machine.cache_dir.as_deref()),
        ("--runs-dir", Some(machine.runs_dir.as_path())),
    ];
    for (name, folder) in folders {
        if let Some(folder) = folder {
            say(name, absolute(folder)?);
        }
    }
    say("--threads", cpus.to_string());
    if machine.tensorboard {
        words.push("--tensorboard".into());
    }
    Ok(words)
}

/// A word as the shell, and sbatch, read it back.
fn quoted(word: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "_-+=/.,:%@".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}
