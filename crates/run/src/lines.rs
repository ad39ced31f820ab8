//! Files of one JSON object per line and epoch: append, read, cut back.
//!
//! A process that is killed while it appends leaves a torn last line; readers leave it out, and cutting back removes it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Result, RunError};
use crate::hash::sha256_hex;
use crate::json;
use crate::metrics::EpochMetrics;
use crate::timing::Timing;

/// A record that belongs to an epoch.
pub(crate) trait EpochRecord: Serialize + DeserializeOwned {
    /// Number of epochs done, from 1.
    fn epoch(&self) -> u32;
}

impl EpochRecord for EpochMetrics {
    fn epoch(&self) -> u32 {
        self.epoch
    }
}

impl EpochRecord for Timing {
    fn epoch(&self) -> u32 {
        self.epoch
    }
}

/// Appends one record and syncs it.
pub(crate) fn append<T: EpochRecord>(path: &Path, record: &T) -> Result<()> {
    let mut line = json::to_line(record, path)?;
    line.push(b'\n');
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .and_then(|mut file: File| {
            file.write_all(&line)?;
            file.sync_data()
        })
        .map_err(|source| RunError::io("append to", path, source))
}

/// SHA-256 of the first `epochs` lines; an absent file holds none.
pub(crate) fn hash(path: &Path, epochs: u32) -> Result<String> {
    let bytes = bytes(path)?;
    let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
    let (found, length) = (1..=epochs).zip(ends).last().unwrap_or((0, 0));
    if found < epochs {
        return Err(RunError::MissingEpochs { path: path.to_path_buf(), wanted: epochs, found });
    }
    Ok(sha256_hex(&bytes[..length]))
}

/// All whole records, which must count up by one from epoch 1; an absent file holds none.
pub(crate) fn read<T: EpochRecord>(path: &Path) -> Result<Vec<T>> {
    Ok(scan(path)?.into_iter().map(|(record, _)| record).collect())
}

/// Cuts the file back to the records of epochs up to `epoch` and returns the last epoch that remains.
pub(crate) fn rewind<T: EpochRecord>(path: &Path, epoch: u32) -> Result<u32> {
    let records: Vec<(T, u64)> = scan(path)?;
    let kept = records.iter().take_while(|(record, _)| record.epoch() <= epoch).last();
    let (last, length) = kept.map_or((0, 0), |(record, end)| (record.epoch(), *end));
    match OpenOptions::new().write(true).open(path) {
        Ok(file) => file
            .set_len(length)
            .and_then(|()| file.sync_all())
            .map_err(|source| RunError::io("cut back", path, source))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(RunError::io("open", path, error)),
    }
    Ok(last)
}

/// Every whole record with the byte offset at which its line ends.
fn scan<T: EpochRecord>(path: &Path) -> Result<Vec<(T, u64)>> {
    let bytes = bytes(path)?;
    let mut records = Vec::new();
    let mut end = 0;
    for (index, line) in bytes.split_inclusive(|&byte| byte == b'\n').enumerate() {
        end += line.len();
        if !line.ends_with(b"\n") {
            break;
        }
        let number = index + 1;
        let record: T = match serde_json::from_slice(line) {
            Ok(record) => record,
            // A power cut can leave a last line of the right length with the wrong bytes.
            Err(_) if end == bytes.len() => break,
            Err(source) => {
                let path = path.to_path_buf();
                return Err(RunError::MalformedLine { path, line: number, source });
            }
        };
        let expected = number as u32;
        if record.epoch() != expected {
            return Err(RunError::EpochOrder {
                path: path.to_path_buf(),
                line: number,
                expected,
                found: record.epoch(),
            });
        }
        records.push((record, end as u64));
    }
    Ok(records)
}

/// The content of the file; nothing if it is absent.
pub(crate) fn bytes(path: &Path) -> Result<Vec<u8>> {
    match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        outcome => outcome.map_err(|source| RunError::io("read", path, source)),
    }
}
