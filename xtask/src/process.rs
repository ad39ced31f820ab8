//! Starting other programs, so that their exit codes, and Ctrl-C, arrive where they should.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

/// The cargo that started this program, or the one on the path.
pub(crate) fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Runs a command to its end and fails unless it succeeds.
pub(crate) fn check(command: &mut Command) -> Result<()> {
    let words = words(command);
    let status = command.status().with_context(|| format!("cannot start `{words}`"))?;
    if !status.success() {
        bail!("`{words}` failed ({status})");
    }
    Ok(())
}

/// Becomes the command: its exit code is ours, and signals reach it because nothing stands between.
#[cfg(unix)]
pub(crate) fn become_command(command: &mut Command) -> Result<ExitCode> {
    use std::os::unix::process::CommandExt;
    let error = command.exec();
    Err(error).with_context(|| format!("cannot start `{}`", words(command)))
}

/// Runs the command and passes on its exit code; the console sends Ctrl-C to every process in it.
#[cfg(not(unix))]
pub(crate) fn become_command(command: &mut Command) -> Result<ExitCode> {
    let status = command.status().with_context(|| format!("cannot start `{}`", words(command)))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

/// The command as one would type it.
pub(crate) fn words(command: &Command) -> String {
    let program = command.get_program().to_string_lossy();
    let name = program.rsplit(['/', '\\']).next().unwrap_or(&program).to_owned();
    let arguments = command.get_args().map(|argument| argument.to_string_lossy().into_owned());
    std::iter::once(name).chain(arguments).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_reads_as_typed() {
        let mut command = Command::new("/some/where/cargo");
        command.args(["test", "--workspace"]);
        assert_eq!(words(&command), "cargo test --workspace");
    }

    #[test]
    fn a_program_that_does_not_exist_is_named() {
        let message = format!("{:#}", check(&mut Command::new("no-such-program")).unwrap_err());
        assert!(message.starts_with("cannot start `no-such-program`"), "{message}");
    }
}
