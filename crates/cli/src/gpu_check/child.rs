//! Other programs, ended when their time is up.

use std::io::Read;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// What a program left.
#[derive(Debug)]
pub(super) struct Finished {
    /// Its exit code; `None` if it was ended, by us or by a signal.
    pub(super) code: Option<i32>,
    /// Whether its time was up.
    pub(super) late: bool,
    pub(super) output: String,
    pub(super) errors: String,
}

impl Finished {
    /// The last line of its messages that says something, else of its output.
    pub(super) fn last_line(&self) -> &str {
        let last = |text: &'_ str| text.lines().rev().position(|line| !line.trim().is_empty());
        let text = if last(&self.errors).is_some() { &self.errors } else { &self.output };
        text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no message").trim()
    }
}

/// Runs a program to its end, or until its time is up.
pub(super) fn run(command: &mut Command, until: Instant) -> std::io::Result<Finished> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    // A pipe that nobody reads would stop the program.
    let reader = |pipe: Option<Box<dyn Read + Send>>| {
        thread::spawn(move || {
            let mut bytes = Vec::new();
            // What could be read until the pipe broke is what there is.
            let _ = pipe.map(|mut pipe| pipe.read_to_end(&mut bytes));
            String::from_utf8_lossy(&bytes).into_owned()
        })
    };
    let output = reader(child.stdout.take().map(|pipe| Box::new(pipe) as _));
    let errors = reader(child.stderr.take().map(|pipe| Box::new(pipe) as _));
    let mut late = false;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if Instant::now() >= until {
            late = true;
            child.kill()?;
            break child.wait()?;
        }
        thread::sleep(Duration::from_millis(20));
    };
    let code = status.code().filter(|_| !late);
    let [output, errors] = [output, errors].map(|reader| reader.join().unwrap_or_default());
    Ok(Finished { code, late, output, errors })
}

/// Whether a program of that name is on the path.
pub(super) fn is_on_path(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .any(|folder| folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX)).is_file())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_program_ends_by_itself_or_by_the_clock() -> std::io::Result<()> {
        let soon = |seconds| Instant::now() + Duration::from_secs(seconds);
        let shell = |script: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            command
        };
        let done = run(&mut shell("echo out; echo first >&2; echo last >&2; exit 3"), soon(60))?;
        assert_eq!((done.code, done.late, &*done.output), (Some(3), false, "out\n"));
        assert_eq!(done.last_line(), "last");
        let done = run(&mut shell("exec sleep 60"), soon(0))?;
        assert_eq!((done.code, done.late, done.last_line()), (None, true, "no message"));
        assert!(is_on_path("sh") && !is_on_path("no-such-program"));
        Ok(())
    }
}
