//! The cache of decoded frames: the same bits, decoded once, and whole or not there.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use candlewick_core::Key;
use candlewick_datasets::{Dataset, Error as DataError, Events, Info, Sample, Shape, Split, open};
use candlewick_encode::event::{EventFrames, Resize, Slices, Way};
use candlewick_encode::{Device, EventInput, Loader, Settings};

/// Thirty recordings that count how often they are read.
#[derive(Debug)]
struct Recordings {
    info: Info,
    labels: Vec<u32>,
    reads: AtomicUsize,
    broken: Option<usize>,
}

impl Recordings {
    fn new(content: &str, broken: Option<usize>) -> Arc<Self> {
        let mut info = open("digits", Split::Test, None).unwrap().info().clone();
        info.shape = Shape::Events { width: 9, height: 7 };
        info.content_hash = content.into();
        let labels = (0..30).map(|index| index % 10).collect();
        Arc::new(Self { info, labels, reads: AtomicUsize::new(0), broken })
    }
}

impl Dataset for Recordings {
    fn info(&self) -> &Info {
        &self.info
    }

    fn labels(&self) -> &[u32] {
        &self.labels
    }

    fn read(&self, index: usize) -> Result<Sample<'_>, DataError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        if self.broken == Some(index) {
            let source = std::io::ErrorKind::InvalidData.into();
            return Err(DataError::Io { path: format!("{index}.aedat").into(), source });
        }
        let mut events = Events::with_capacity(9, 7, 200);
        let mut stream = Key::new(index as u64).stream();
        for time in 0..200 {
            events.push(
                stream.below(9) as u16,
                stream.below(7) as u16,
                time,
                stream.bernoulli(0.5),
            );
        }
        Ok(Sample::Events(events))
    }
}

fn settings(cache: Option<&Path>) -> Settings {
    Settings {
        batch_size: 8,
        time_steps: 3,
        workers: 2,
        shuffle: true,
        cache: cache.map(Path::to_path_buf),
        ..Settings::new(Key::new(2))
    }
}

fn epoch(dataset: &Arc<Recordings>, settings: Settings) -> Vec<Vec<f32>> {
    let loader = Loader::new(Arc::clone(dataset) as _, settings, Device::Cpu).unwrap();
    let batches = loader.epoch(0, 0).unwrap();
    batches.map(|b| b.unwrap().input.flatten_all().unwrap().to_vec1().unwrap()).collect()
}

fn files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn inputs() -> [EventInput; 3] {
    let resized = EventInput {
        resize: Some(Resize { way: Way::Area, height: 4, width: 4 }),
        ..EventInput::default()
    };
    let slices = EventFrames { slices: Slices::Time, ..EventFrames::default() };
    [
        EventInput::default(),
        EventInput { representation: slices.into(), ..EventInput::default() },
        resized,
    ]
}

#[test]
fn the_second_loader_reads_no_recording_and_gives_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let below = folder.path().join("not/there/yet");
    let mut visited = 0;
    for input in inputs() {
        let dataset = Recordings::new("a", None);
        let with = |cache| Settings { events: input.clone(), ..settings(cache) };
        let expected = epoch(&dataset, with(None));
        assert_eq!(dataset.reads.swap(0, Ordering::Relaxed), 30);
        assert_eq!(epoch(&dataset, with(Some(&below))), expected);
        assert_eq!(dataset.reads.swap(0, Ordering::Relaxed), 30);
        assert_eq!(epoch(&dataset, with(Some(&below))), expected);
        assert_eq!(dataset.reads.load(Ordering::Relaxed), 0);
        visited += 1;
    }
    assert_eq!(visited, 3);
    // Other settings and other content have files of their own.
    assert_eq!(files(&below).len(), 3);
    epoch(&Recordings::new("b", None), settings(Some(&below)));
    epoch(&Recordings::new("b", None), Settings { time_steps: 4, ..settings(Some(&below)) });
    assert_eq!(files(&below).len(), 5);
}

#[test]
fn a_file_that_is_not_whole_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = Recordings::new("a", None);
    let expected = epoch(&dataset, settings(Some(folder.path())));
    let path = folder.path().join(&files(folder.path())[0]);
    let whole = fs::read(&path).unwrap();
    let mut damaged = 0;
    let mut other_magic = whole.clone();
    other_magic[0] = b'C';
    let mut other_end = whole.clone();
    let last = other_end.len() - 8;
    other_end[last..].fill(0xff);
    for bytes in [&[][..], &whole[..20], &whole[..whole.len() - 1], &other_magic, &other_end] {
        fs::write(&path, bytes).unwrap();
        dataset.reads.store(0, Ordering::Relaxed);
        assert_eq!(epoch(&dataset, settings(Some(folder.path()))), expected);
        assert_eq!(dataset.reads.load(Ordering::Relaxed), 30);
        assert_eq!(fs::read(&path).unwrap(), whole);
        damaged += 1;
    }
    assert_eq!(damaged, 5);
    assert_eq!(files(folder.path()).len(), 1);
}

#[test]
fn a_broken_recording_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut visited = 0;
    for workers in [0, 1, 3] {
        let dataset = Recordings::new("a", Some(17));
        let settings = Settings { workers, ..settings(Some(folder.path())) };
        let error = Loader::new(dataset, settings, Device::Cpu).unwrap_err().to_string();
        assert_eq!(error, "data set `digits`, sample 17: 17.aedat: invalid data");
        assert_eq!(files(folder.path()).len(), 0);
        visited += 1;
    }
    assert_eq!(visited, 3);
}

#[test]
fn two_loaders_at_once_are_no_trouble() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = Recordings::new("a", None);
    let expected = epoch(&dataset, settings(None));
    let results: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| epoch(&dataset, settings(Some(folder.path())))))
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(results.len(), 4);
    assert!(results.iter().all(|result| result == &expected));
    assert_eq!(files(folder.path()).len(), 1);
}
