//! Downloads one file over HTTP, resuming an interrupted download.

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;

use super::{Patience, Step, space_for};
use crate::{Error, Result};

/// Why a transfer ended before its end.
enum Broken {
    /// Another try may help.
    Again(String),
    /// It may not.
    For(Error),
}

impl From<Error> for Broken {
    fn from(error: Error) -> Self {
        Self::For(error)
    }
}

/// Transfers `url` to `path`; what is there already is kept and gone on with.
pub(super) fn to_file(
    url: &str,
    path: &Path,
    file: &str,
    patience: Patience,
    report: &mut dyn FnMut(Step<'_>),
) -> Result<()> {
    let agent = ureq::AgentBuilder::new()
        .timeout_connect(patience.silence)
        .timeout_read(patience.silence)
        .redirects(8)
        .build();
    let mut pause = patience.pause;
    for left in (0..=patience.retries).rev() {
        match go_on(&agent, url, path, file, report) {
            Ok(()) => return Ok(()),
            Err(Broken::For(error)) => return Err(error),
            Err(Broken::Again(reason)) if left == 0 => {
                let found = format!("{reason}, {} times", patience.retries + 1);
                return Err(refused(url, "the whole file", found));
            }
            Err(Broken::Again(reason)) => {
                report(Step::Retry { file, reason: &reason });
                std::thread::sleep(pause);
                pause *= 2;
            }
        }
    }
    Ok(())
}

fn refused(url: &str, expected: &'static str, found: String) -> Error {
    Error::Transfer { url: url.to_owned(), expected, found }
}

/// Asks for the bytes that are not there yet, and appends them.
fn go_on(
    agent: &ureq::Agent,
    url: &str,
    path: &Path,
    file: &str,
    report: &mut dyn FnMut(Step<'_>),
) -> Result<(), Broken> {
    let there = fs::metadata(path).map_or(0, |data| data.len());
    let mut request = agent.get(url);
    if there > 0 {
        request = request.set("Range", &format!("bytes={there}-"));
    }
    let response = match request.call() {
        Ok(response) => response,
        // Nothing is left to ask for; the checksum will tell.
        Err(ureq::Error::Status(416, _)) if there > 0 => return Ok(()),
        Err(ureq::Error::Status(status @ (429 | 500..=599), _)) => {
            return Err(Broken::Again(format!("status {status}")));
        }
        Err(ureq::Error::Status(status, _)) => {
            return Err(refused(url, "status 200 or 206", format!("status {status}")).into());
        }
        Err(ureq::Error::Transport(transport)) => {
            return Err(Broken::Again(transport.to_string()));
        }
    };
    let length = response.header("Content-Length").and_then(|text| text.parse::<u64>().ok());
    let start = match response.status() {
        200 => 0,
        206 if begins_at(response.header("Content-Range"), there) => there,
        206 => {
            let range = response.header("Content-Range").unwrap_or("nothing").to_owned();
            return Err(refused(url, "the range that was asked for", range).into());
        }
        // Some hosts answer programs with an empty 202.
        status => {
            return Err(refused(url, "status 200 or 206", format!("status {status}")).into());
        }
    };
    let size = length.and_then(|length| start.checked_add(length));
    let folder = path.parent().unwrap_or(Path::new("."));
    // A file that starts anew frees what is there.
    space_for(length.unwrap_or(0).saturating_sub(there - start), folder)?;
    let mut out = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(start == 0)
        .append(start > 0)
        .open(path)
        .map_err(Error::io(path))?;
    let (mut reader, mut done) = (response.into_reader(), start);
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = reader.read(&mut buffer).map_err(|error| Broken::Again(error.to_string()))?;
        if count == 0 {
            break;
        }
        out.write_all(&buffer[..count]).map_err(Error::io(path))?;
        done += count as u64;
        report(Step::Transfer { file, done, size });
    }
    out.sync_all().map_err(Error::io(path))?;
    match size {
        Some(size) if done < size => Err(Broken::Again(format!("{done} of {size} bytes"))),
        _ => Ok(()),
    }
}

/// Whether `bytes 100-199/200` begins at 100.
fn begins_at(range: Option<&str>, start: u64) -> bool {
    let first = range.and_then(|text| text.trim().strip_prefix("bytes "));
    first.and_then(|text| text.split('-').next()).and_then(|text| text.parse().ok()) == Some(start)
}
