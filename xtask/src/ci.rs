//! `cargo xtask ci`: every check, step by step, with the time each took.

mod anew;
#[cfg(unix)]
mod cluster;
mod committed;
mod docs;
mod neon;
mod nvrtc;
mod outside;
mod ranks;
#[cfg(unix)]
mod slurm;
mod stub_compiler;
mod twice;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Result, bail};

use crate::process::{cargo, check};
use crate::tidy;
use crate::workspace::Workspace;

/// A named check.
type Step = (&'static str, fn(&Workspace) -> Result<()>);

/// The feature that is pure Rust and has tests of its own; the step `reproduce` builds without it.
const HDF5: &str = "candlewick-cli/hdf5";

const STEPS: [Step; 14] = [
    ("format", |workspace| cargo_step(workspace, &["fmt", "--all", "--check"])),
    ("clippy", |workspace| {
        let all = ["clippy", "--workspace", "--all-targets", "--features", HDF5];
        cargo_step(workspace, &[&all[..], &["--", "-D", "warnings"]].concat())
    }),
    ("docs", docs::run),
    ("tidy", |workspace| {
        if tidy::run(workspace)? != ExitCode::SUCCESS {
            bail!("the lines above are to mend");
        }
        Ok(())
    }),
    ("test", |workspace| cargo_step(workspace, &["test", "--workspace", "--features", HDF5])),
    ("new", anew::run),
    ("outside", outside::run),
    ("reproduce", twice::run),
    ("committed", committed::run),
    ("ranks", ranks::run),
    #[cfg(unix)]
    ("slurm", slurm::run),
    #[cfg(not(unix))]
    ("slurm", |_| bail!("Slurm runs on Unix: leave the step out with `--skip slurm`")),
    ("neon", neon::run),
    ("nvrtc", nvrtc::run),
    ("cuda", stub_compiler::check_cuda),
];

/// Which steps to run.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Choice {
    only: Vec<String>,
    skip: Vec<String>,
}

impl Choice {
    /// Reads the arguments; an error says which one makes no sense.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut choice = Self::default();
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let list = match argument.as_str() {
                "--only" => &mut choice.only,
                "--skip" => &mut choice.skip,
                other => return Err(format!("ci has no `{other}`")),
            };
            let step = arguments.next().ok_or_else(|| format!("{argument} needs a step"))?;
            if !STEPS.iter().any(|(name, _)| name == step) {
                return Err(format!("ci has no step `{step}`"));
            }
            list.push(step.clone());
        }
        Ok(choice)
    }

    fn includes(&self, step: &str) -> bool {
        let holds = |list: &[String]| list.iter().any(|name| name == step);
        (self.only.is_empty() || holds(&self.only)) && !holds(&self.skip)
    }
}

/// Runs the chosen steps up to the first that fails.
pub(crate) fn run(workspace: &Workspace, choice: &Choice) -> Result<ExitCode> {
    let mut times = Vec::new();
    for (name, step) in STEPS.iter().filter(|(name, _)| choice.includes(name)) {
        eprintln!("── {name}");
        let start = Instant::now();
        let outcome = step(workspace);
        times.push(format!("{name} {:.0} s", start.elapsed().as_secs_f64()));
        if let Err(error) = outcome {
            eprintln!("── {} ── failed", times.join(", "));
            return Err(error.context(format!("step {name}")));
        }
    }
    eprintln!("── {} ── all fine", times.join(", "));
    Ok(ExitCode::SUCCESS)
}

fn cargo_step(workspace: &Workspace, arguments: &[&str]) -> Result<()> {
    check(cargo().args(arguments).current_dir(&workspace.root))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Choice, String> {
        Choice::parse(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn steps_are_chosen_by_name() {
        let chosen = |text: &str| -> Vec<&str> {
            let choice = parse(text).unwrap();
            STEPS.iter().map(|(name, _)| *name).filter(|name| choice.includes(name)).collect()
        };
        assert_eq!(chosen("").len(), STEPS.len());
        assert_eq!(chosen("--only tidy --only format"), ["format", "tidy"]);
        assert_eq!(chosen("--skip cuda").len(), STEPS.len() - 1);
        assert_eq!(chosen("--only tidy --skip tidy").len(), 0);
    }

    #[test]
    fn unknown_steps_and_flags_are_refused() {
        assert_eq!(parse("--only dance").unwrap_err(), "ci has no step `dance`");
        assert_eq!(parse("--only").unwrap_err(), "--only needs a step");
        assert_eq!(parse("--fast").unwrap_err(), "ci has no `--fast`");
    }
}
