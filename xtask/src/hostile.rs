//! `cargo xtask hostile`: damaged, mixed and malicious inputs against the command, with fresh random numbers each time.
//!
//! Every attack runs `candlewick` once, in a process of its own with a limit of memory and of time.
//! A finding is a panic, a signal, a limit that is passed, or success where the damage is certain to change the result;
//! its input is kept.
//! With the same seed the same attacks come in the same order.

mod attack;
mod bombs;
mod damage;
mod ground;
mod images;
mod own_data;
mod recipes;
mod recordings;
mod runs;
mod weights;

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use fastrand::Rng;

use crate::workspace::Workspace;
use attack::Attack;
use ground::Ground;

/// Writes the input of an attack into the folder, which is empty.
type Family = fn(&Ground, &mut Rng, &Path) -> Result<Attack>;

const FAMILIES: [(&str, Family); 7] = [
    ("recordings", recordings::attack),
    ("images", images::attack),
    ("own data", own_data::attack),
    ("weights", weights::attack),
    ("recipes", recipes::attack),
    ("runs", runs::attack),
    ("bombs", bombs::attack),
];

/// How long to attack, and with which random numbers.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Request {
    seed: Option<u64>,
    seconds: u64,
}

impl Request {
    /// Reads the arguments; an error says which one makes no sense.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut request = Self { seed: None, seconds: 300 };
        let mut arguments = arguments.iter();
        while let Some(flag) = arguments.next() {
            let mut number = || -> Result<u64, String> {
                let number = arguments.next().and_then(|number| number.parse().ok());
                number.ok_or_else(|| format!("{flag} needs a number"))
            };
            match flag.as_str() {
                "--seed" => request.seed = Some(number()?),
                "--seconds" => request.seconds = number()?,
                other => return Err(format!("hostile has no `{other}`")),
            }
        }
        Ok(request)
    }
}

/// Attacks in rounds of one per family, at least one, until the time is over.
pub(crate) fn run(workspace: &Workspace, request: &Request) -> Result<ExitCode> {
    let seed = request.seed.unwrap_or_else(|| u64::from(fastrand::u32(..)));
    println!("seed {seed}");
    let ground = Ground::prepare(workspace)?;
    let end = Instant::now() + Duration::from_secs(request.seconds);
    let mut findings = [0; FAMILIES.len()];
    let mut rounds = 0;
    while rounds == 0 || Instant::now() < end {
        for ((name, family), findings) in FAMILIES.iter().zip(&mut findings) {
            let folder = ground.folder.join(format!("{seed}-{name}-{rounds}"));
            renew(&folder)?;
            let attack = family(&ground, &mut random(seed, name, rounds), &folder)?;
            match attack.finding(&ground.binary, &folder)? {
                Some(finding) => {
                    *findings += 1;
                    println!("{name} {rounds}: {}: {finding}", attack.what);
                    println!("  cd {} && candlewick {}", folder.display(), attack.words);
                }
                None => fs::remove_dir_all(&folder)?,
            }
        }
        rounds += 1;
    }
    for ((name, _), findings) in FAMILIES.iter().zip(findings) {
        println!("{name:12} tried {rounds:5}, survived {:5}", rounds - findings);
    }
    let all: usize = findings.iter().sum();
    println!("{all} findings; --seed {seed} repeats the attacks");
    Ok(if all == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The random numbers of an attack, which do not depend on the other ones.
fn random(seed: u64, family: &str, round: usize) -> Rng {
    let mut hasher = DefaultHasher::new();
    (seed, family, round).hash(&mut hasher);
    Rng::with_seed(hasher.finish())
}

/// Makes `folder`, empty.
fn renew(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)
            .with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_read_or_refused() {
        let parse = |text: &str| {
            Request::parse(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        };
        let request = Request { seed: Some(7), seconds: 60 };
        assert_eq!(parse("--seconds 60 --seed 7").unwrap(), request);
        assert_eq!(parse("").unwrap().seed, None);
        assert_eq!(parse("--seed x").unwrap_err(), "--seed needs a number");
        assert_eq!(parse("--fast").unwrap_err(), "hostile has no `--fast`");
    }

    #[test]
    fn an_attack_is_a_function_of_seed_family_and_round() {
        let first = |seed, family, round| random(seed, family, round).u64(..);
        assert_eq!(first(1, "runs", 2), first(1, "runs", 2));
        let others = [first(2, "runs", 2), first(1, "bombs", 2), first(1, "runs", 3)];
        assert!(!others.contains(&first(1, "runs", 2)));
    }
}
