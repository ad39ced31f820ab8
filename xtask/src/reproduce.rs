//! `cargo xtask reproduce`: builds the release binary and becomes `candlewick reproduce`.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::process::{become_command, cargo, check};
use crate::workspace::Workspace;

/// Builds and runs; `--features LIST` in front goes to cargo, everything else to `candlewick`.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<ExitCode> {
    let (features, arguments) = split_features(arguments)?;
    let binary = build(workspace, features)?;
    become_command(Command::new(binary).arg("reproduce").args(arguments))
}

/// Builds the release binary and says where it is.
pub(crate) fn build(workspace: &Workspace, features: Option<&str>) -> Result<PathBuf> {
    let mut command = cargo();
    command.args(["build", "--release", "--package", "candlewick-cli"]);
    if let Some(features) = features {
        command.args(["--features", features]);
    }
    check(command.current_dir(&workspace.root))?;
    let name = format!("candlewick{}", std::env::consts::EXE_SUFFIX);
    Ok(workspace.target.join("release").join(name))
}

/// Cargo's features, if the arguments begin with them, and the rest.
pub(crate) fn split_features(arguments: &[String]) -> Result<(Option<&str>, &[String])> {
    match arguments {
        [flag, rest @ ..] if flag == "--features" => {
            let (features, rest) = rest.split_first().context("--features needs a list")?;
            Ok((Some(features), rest))
        }
        _ => Ok((None, arguments)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_features_in_front_are_for_cargo() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let arguments = words("--features cuda table-1 --seeds 3");
        let (features, rest) = split_features(&arguments).unwrap();
        assert_eq!((features, rest), (Some("cuda"), &words("table-1 --seeds 3")[..]));

        let arguments = words("table-1 --features cuda");
        assert_eq!(split_features(&arguments).unwrap(), (None, &arguments[..]));
        assert!(split_features(&words("--features")).is_err());
    }
}
