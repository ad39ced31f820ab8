//! Development tasks of the workspace: `cargo xtask reproduce | gpu-check | results | tidy | ci | golden | hostile | new`.
//!
//! It starts cargo and the `candlewick` binary and never links candle, so that it builds in seconds.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program talks to its user")]

mod ci;
mod excerpts;
mod golden;
mod gpu_check;
mod hostile;
mod lists;
mod new;
mod process;
mod reproduce;
mod results;
mod tidy;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;

use crate::workspace::Workspace;

const USAGE: &str = "\
Development tasks of candlewick.

cargo xtask reproduce [--features LIST] ARGS...
    Builds the release binary and runs `candlewick reproduce ARGS...`; its exit code is passed on.
    `cargo xtask reproduce --help` lists the arguments.

cargo xtask gpu-check [--features LIST] ARGS...
    Builds the release binary with the feature cuda, or with LIST, and runs `candlewick gpu-check ARGS...`:
    laws on a GPU against the CPU, times, and a report.

cargo xtask results [FILE]...
    Takes each FILE, a `results.json` that `reproduce` left, into docs/results, writes
    docs/results.md of all that is there, and fills in what other pages quote of it and the lists
    of what the registries hold.

cargo xtask tidy
    Checks what compilers do not: arrows between crates, registration, prose, links.

cargo xtask ci [--only STEP]... [--skip STEP]...
    Runs every check, step by step. Steps: format, clippy, docs, tidy, test, new, outside,
    reproduce, committed, ranks (which needs MPI), slurm (which needs an installed Slurm), neon
    (which needs a target of rustup, a cross compiler and QEMU), nvrtc (which needs pip), cuda.

cargo xtask golden [--python PATH] [--run] [NAME]...
    Lists the scripts that make golden values; with --run, runs those whose path contains a NAME.

cargo xtask hostile [--seconds N] [--seed N]
    Attacks the command with damaged, mixed and malicious inputs, for five minutes or N seconds, and
    keeps in target/hostile what it does not survive; --seed repeats the attacks of another time.

cargo xtask new KIND NAME [--like COMPONENT]
    Writes the file of a component as a copy of another, and registers it. Kinds: surrogate, neuron,
    loss, method, layer, network, data-set, encoder, augmentation, optimizer, schedule, table.

Exit codes: 0 fine, 1 a task failed, 2 wrong usage; `reproduce` and `gpu-check` pass on those of
`candlewick`.
";

/// Exit code for arguments that make no sense.
const WRONG_USAGE: u8 = 2;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let task = arguments.next().unwrap_or_default();
    let arguments: Vec<String> = arguments.collect();
    match run(&task, &arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: &str, arguments: &[String]) -> Result<ExitCode> {
    let wants_help = arguments.iter().any(|argument| argument == "--help");
    match task {
        "reproduce" => reproduce::run(&Workspace::find()?, arguments),
        "gpu-check" => gpu_check::run(&Workspace::find()?, arguments),
        "results" | "tidy" | "ci" | "golden" | "hostile" | "new" if wants_help => Ok(usage()),
        "results" => results::run(&Workspace::find()?, arguments),
        "tidy" if arguments.is_empty() => tidy::run(&Workspace::find()?),
        "tidy" => Ok(misuse("tidy takes no arguments")),
        "ci" => match ci::Choice::parse(arguments) {
            Ok(choice) => ci::run(&Workspace::find()?, &choice),
            Err(problem) => Ok(misuse(&problem)),
        },
        "golden" => match golden::Request::parse(arguments) {
            Ok(request) => golden::run(&Workspace::find()?, &request),
            Err(problem) => Ok(misuse(&problem)),
        },
        "hostile" => match hostile::Request::parse(arguments) {
            Ok(request) => hostile::run(&Workspace::find()?, &request),
            Err(problem) => Ok(misuse(&problem)),
        },
        "new" => match new::Request::parse(arguments) {
            Ok(request) => new::run(&Workspace::find()?, &request),
            Err(problem) => Ok(misuse(&problem)),
        },
        "help" | "--help" | "-h" => Ok(usage()),
        "" => Ok(misuse("which task?")),
        other => Ok(misuse(&format!("there is no task `{other}`"))),
    }
}

fn usage() -> ExitCode {
    print!("{USAGE}");
    ExitCode::SUCCESS
}

fn misuse(problem: &str) -> ExitCode {
    eprintln!("error: {problem}\n\n{USAGE}");
    ExitCode::from(WRONG_USAGE)
}
