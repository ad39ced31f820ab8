//! One run of the command under limits, and what counts as a finding.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// What a process may take.
struct Limits {
    /// Its memory at any time, in MiB.
    memory: u64,
    /// From its start to its end.
    time: Duration,
}

const LIMITS: Limits = Limits { memory: 512, time: Duration::from_mins(1) };
/// Exit code of a panic.
const PANIC: i32 = 101;

/// A command on an input that was prepared in a folder.
#[derive(Debug)]
pub(crate) struct Attack {
    /// What was done to the input.
    pub(crate) what: String,
    /// The words after `candlewick`, none of which has a space in it; paths are relative to the folder.
    pub(crate) words: String,
    /// Whether the command must notice, since it cannot give the right result.
    pub(crate) must_fail: bool,
}

impl Attack {
    /// Runs it; `None` if the command survived.
    pub(crate) fn finding(&self, binary: &Path, folder: &Path) -> Result<Option<String>> {
        let output = |name: &str| -> Result<File> { Ok(File::create(folder.join(name))?) };
        let mut child = Command::new(binary)
            .args(self.words.split_whitespace())
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(output("stdout")?)
            .stderr(output("stderr")?)
            .spawn()
            .with_context(|| format!("cannot start {}", binary.display()))?;
        let status = match wait(&mut child, &LIMITS)? {
            Ok(status) => status,
            Err(limit) => {
                child.kill()?;
                child.wait()?;
                return Ok(Some(limit));
            }
        };
        let words = String::from_utf8_lossy(&fs::read(folder.join("stderr"))?).into_owned();
        Ok(self.judge(status, &words))
    }

    fn judge(&self, status: ExitStatus, words: &str) -> Option<String> {
        // A panic in a thread can end as another exit code.
        let panic = words.lines().find(|line| line.contains("panicked at"));
        match status.code() {
            None => Some(format!("ended by a signal ({status})")),
            Some(PANIC) => Some(panic.unwrap_or("panicked").to_owned()),
            _ if panic.is_some() => panic.map(str::to_owned),
            Some(0) if self.must_fail => Some("succeeded".to_owned()),
            Some(_) => None,
        }
    }
}

/// Waits for the end of a process, or for a limit that it passes.
fn wait(child: &mut Child, limits: &Limits) -> Result<Result<ExitStatus, String>> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Ok(status));
        }
        let Limits { memory, time } = limits;
        if start.elapsed() > *time {
            return Ok(Err(format!("took more than {} s", time.as_secs_f64())));
        }
        if peak_memory(child.id()).is_some_and(|found| found > *memory) {
            return Ok(Err(format!("took more than {memory} MiB")));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The most memory that a process has had so far in MiB, where the system has a `/proc`.
fn peak_memory(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|found| found / 1024)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    /// What a script of the shell comes to.
    fn finding(script: &str, must_fail: bool) -> Option<String> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("script"), script).unwrap();
        let attack = Attack { what: String::new(), words: "script".to_owned(), must_fail };
        attack.finding(Path::new("/bin/sh"), folder.path()).unwrap()
    }

    #[test]
    fn errors_are_survived_and_crashes_are_not() {
        assert_eq!(finding("exit 3", true), None);
        assert_eq!(finding("exit 0", false), None);
        assert_eq!(finding("exit 0", true).as_deref(), Some("succeeded"));
        assert_eq!(finding("exit 101", false).as_deref(), Some("panicked"));
        let words = "thread panicked at x.rs:1";
        assert_eq!(finding(&format!("echo {words} >&2; exit 1"), false).as_deref(), Some(words));
        assert!(finding("kill -ABRT $$", false).unwrap().starts_with("ended by a signal"));
    }

    /// The limit that the words of a shell pass.
    fn passed(script: &str, limits: &Limits) -> String {
        let mut child =
            Command::new("/bin/sh").args(["-c", script]).stdin(Stdio::piped()).spawn().unwrap();
        let limit = wait(&mut child, limits).unwrap().unwrap_err();
        child.kill().unwrap();
        child.wait().unwrap();
        limit
    }

    #[test]
    fn time_is_limited() {
        let limits = Limits { memory: 512, time: Duration::from_millis(100) };
        assert_eq!(passed("read line", &limits), "took more than 0.1 s");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn memory_is_limited() {
        let script = "x=$(head -c 40000000 /dev/zero | tr '\\0' x); read line";
        let limits = Limits { memory: 16, time: Duration::from_mins(10) };
        assert_eq!(passed(script, &limits), "took more than 16 MiB");
    }
}
