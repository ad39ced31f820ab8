//! Decoded frames on disk, so that decoding is paid for once.
//!
//! A file holds the frames of all samples of a split, before augmentation. Its key is a hash of the
//! content of the data set and of everything that makes frames of it, so that a stale file is
//! never read. It is written aside, synced and renamed: after a crash, or with two processes at
//! once, there is a whole file or none.
//!
//! Layout: `candlewk`, the key (32 bytes), the number of samples (u64), the records one after the
//! other, the end of each record (u64). All numbers are little-endian.

mod record;

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread;

use candlewick_core::Key;
use sha2::{Digest, Sha256};

use crate::loader::Source;
use crate::{Error, Frames, Result};

/// Raise it when a change of this crate changes the frames that the same settings give.
const FRAMES_VERSION: u64 = 1;

const MAGIC: &[u8; 8] = b"candlewk";
/// Bytes before the first record: magic, key, number of samples.
const HEADER: u64 = 8 + 32 + 8;

/// Numbers the files that this process writes, since two loaders may make the same one at once.
static WRITTEN: AtomicU64 = AtomicU64::new(0);

/// The frames of a split, in a file.
#[derive(Debug)]
pub(crate) struct Cache {
    path: PathBuf,
    file: File,
    /// Where each record ends; the first begins at `HEADER`.
    ends: Vec<u64>,
}

impl Cache {
    /// Opens the file for `source` in `folder`, and makes it with `workers` threads if it is not
    /// there or not whole.
    pub(crate) fn open(folder: &Path, source: &Source, workers: usize) -> Result<Self> {
        let info = source.dataset().info();
        let key = key(source);
        let short = key[..8].iter().fold(0_u64, |short, &byte| short << 8 | u64::from(byte));
        let name =
            format!("{}-{}-{}-{short:016x}.frames", info.name, info.partition, info.split.name());
        let path = folder.join(name);
        let count = source.dataset().len();
        if let Ok(cache) = Self::read_index(&path, key, count) {
            return Ok(cache);
        }
        let failed = |source| Error::Cache { path: path.clone(), source };
        fs::create_dir_all(folder).map_err(failed)?;
        let number = WRITTEN.fetch_add(1, Ordering::Relaxed);
        let aside = path.with_extension(format!("{}-{number}.partial", std::process::id()));
        let written = write(&aside, &path, key, source, workers)
            .and_then(|()| fs::rename(&aside, &path).map_err(failed));
        if let Err(error) = written {
            // The first error is the one to report.
            let _ = fs::remove_file(&aside);
            return Err(error);
        }
        Self::read_index(&path, key, count).map_err(failed)
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn read_index(path: &Path, key: [u8; 32], count: usize) -> io::Result<Self> {
        let broken = || io::Error::new(io::ErrorKind::InvalidData, "not a whole file of frames");
        let mut file = File::open(path)?;
        let mut header = [0; HEADER as usize];
        file.read_exact(&mut header)?;
        let expected = [&MAGIC[..], &key, &(count as u64).to_le_bytes()].concat();
        let size = file.metadata()?.len();
        // The memory for the index is bounded by the size of the file.
        let index = 8 * count as u64;
        if header[..] != expected || size < HEADER + index {
            return Err(broken());
        }
        let mut bytes = vec![0; index as usize];
        file.seek(SeekFrom::Start(size - index))?;
        file.read_exact(&mut bytes)?;
        let ends: Vec<u64> =
            bytes.as_chunks().0.iter().map(|bytes| u64::from_le_bytes(*bytes)).collect();
        let inside = ends.first().is_none_or(|&end| end >= HEADER) && ends.is_sorted();
        if !inside || ends.last().is_some_and(|&end| end != size - index) {
            return Err(broken());
        }
        Ok(Self { path: path.to_path_buf(), file, ends })
    }

    /// Fills `frames`, which have their size, with those of sample `index`; `bytes` is working
    /// memory.
    pub(crate) fn read(
        &self,
        index: usize,
        frames: &mut Frames,
        bytes: &mut Vec<u8>,
    ) -> Result<()> {
        let start = if index == 0 { HEADER } else { self.ends[index - 1] };
        bytes.resize((self.ends[index] - start) as usize, 0);
        read_at(&self.file, bytes, start)
            .and_then(|()| record::read(bytes, frames.values_mut()))
            .map_err(|source| Error::Cache { path: self.path.clone(), source })
    }
}

/// A hash of everything that the frames depend on.
fn key(source: &Source) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(FRAMES_VERSION.to_le_bytes());
    hash.update(source.dataset().info().content_hash.as_bytes());
    // The debug form names every setting and its value.
    hash.update(format!("{:?} {:?}", source.shape(), source.eventizer()).as_bytes());
    hash.finalize().into()
}

/// Writes the file for `source` to `aside`; `path` is its name in errors.
fn write(aside: &Path, path: &Path, key: [u8; 32], source: &Source, workers: usize) -> Result<()> {
    let failed = |source| Error::Cache { path: path.to_path_buf(), source };
    let count = source.dataset().len();
    let workers = workers.clamp(1, count.max(1));
    let mut out = BufWriter::new(File::create(aside).map_err(failed)?);
    let header = [&MAGIC[..], &key, &(count as u64).to_le_bytes()].concat();
    out.write_all(&header).map_err(failed)?;
    let mut ends = Vec::with_capacity(8 * count);
    // Only recordings are kept here, and only the size of images depends on chance.
    let unused = Key::new(0);
    thread::scope(|scope| {
        let mut threads = Vec::new();
        let mut records = Vec::new();
        for worker in 0..workers {
            let (hand_over, prepared) = sync_channel(16);
            records.push(prepared);
            threads.push(scope.spawn(move || {
                let mut frames = Frames::default();
                for index in (worker..count).step_by(workers) {
                    let record = source
                        .read(index, &mut frames, unused)
                        .map(|()| record::write(frames.values()));
                    let last = record.is_err();
                    if hand_over.send(record).is_err() || last {
                        return;
                    }
                }
            }));
        }
        let mut end = HEADER;
        let outcome = (0..count).try_for_each(|index| {
            let lost = |_| failed(io::Error::other("a thread that decodes samples ended early"));
            let record = records[index % workers].recv().map_err(lost)??;
            end += record.len() as u64;
            ends.extend(end.to_le_bytes());
            out.write_all(&record).map_err(failed)
        });
        drop(records);
        for thread in threads {
            // A panic has been reported as a thread that ended early.
            let _ = thread.join();
        }
        outcome
    })?;
    out.write_all(&ends)
        .and_then(|()| out.flush())
        .and_then(|()| out.get_ref().sync_all())
        .map_err(failed)
}

/// Reads from a place of a file that other threads read, too.
#[cfg(unix)]
fn read_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset)
}

/// Reads from a place of a file that other threads read, too.
#[cfg(windows)]
fn read_at(file: &File, mut bytes: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        let count = std::os::windows::fs::FileExt::seek_read(file, bytes, offset)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes = &mut bytes[count..];
        offset += count as u64;
    }
    Ok(())
}
