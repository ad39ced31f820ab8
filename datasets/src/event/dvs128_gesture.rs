//! DVS128 Gesture: 29 people make 11 gestures before a DVS128, under several lights (Amir et al.
//! 2017).
//!
//! A recording holds all gestures of a person under a light; its label file gives class, start and
//! end of each in µs.
//! As in SpikingJelly, every line of a label file is a sample with the events of `start ≤ t < end`:
//! lines that repeat a class or overlap are kept, which gives 1,176 + 288 samples, where the
//! preprocessed set of tonic has 1,077 + 264.

use std::path::{Path, PathBuf};
use std::{fmt, ops::Range};

use sha2::Digest;

use super::recordings::{hash_files, not_empty};
use super::{Format, decode};
use crate::entry::{Content, Entry, OFFICIAL, Request, Source};
use crate::{Dataset, Error, Events, Info, Result, Sample, Shape, Split, file, hash};

const SENSOR: (usize, usize) = (128, 128);
const CLASSES: [&str; 11] = [
    "hand clapping",
    "right hand wave",
    "left hand wave",
    "right arm clockwise",
    "right arm counter clockwise",
    "left arm clockwise",
    "left arm counter clockwise",
    "arm roll",
    "air drums",
    "air guitar",
    "other gestures",
];

pub(crate) const DVS128_GESTURE: Entry = Entry {
    name: "dvs128-gesture",
    description: "DVS128 Gesture in AEDAT 3.1, cut by its label files: 1,176 + 288, 128×128",
    shape: Shape::Events { width: SENSOR.0, height: SENSOR.1 },
    classes: CLASSES.len(),
    license: "CC-BY-4.0",
    citation: "A. Amir et al., \"A Low Power, Fully Event-Based Gesture Recognition System\", CVPR \
               2017",
    content: Content::counted(1_464),
    choices: &[
        "samples = every line of a label file, repeated classes and overlaps kept (1,176 + 288, as SpikingJelly; the preprocessed set of tonic has 1,077 + 264)",
        "cut = start <= t < end of the label file, times as they stand there",
        "coordinates = as stored",
    ],
    partitions: OFFICIAL,
    source: Source::Folder {
        folders: &[
            "dvs128-gesture",
            "DvsGesture",
            "DVS128Gesture",
            "DVS128Gesture/extract/DvsGesture",
            "dvs128-gesture/DvsGesture",
        ],
        layout: "trials_to_train.txt, trials_to_test.txt, and the .aedat and _labels.csv files that \
                 they name",
        files: &[],
    },
    open: |request| Ok(Box::new(Gestures::new(request)?)),
};

/// A gesture within a recording.
struct Gesture {
    path: PathBuf,
    time: Range<i64>,
}

struct Gestures {
    info: Info,
    labels: Vec<u32>,
    cuts: Vec<Gesture>,
}

impl Gestures {
    fn new(request: &Request<'_>) -> Result<Self> {
        let list = match request.split {
            Split::Train => "trials_to_train.txt",
            Split::Test => "trials_to_test.txt",
        };
        let list = request.find(Path::new(list))?;
        let (mut labels, mut cuts) = (Vec::new(), Vec::new());
        let mut paths = Vec::new();
        for name in read(&list)?.lines().map(str::trim).filter(|line| !line.is_empty()) {
            // The list names files, never places.
            if Path::new(name).file_name() != Some(name.as_ref()) {
                return Err(Error::format(list, "line", "the name of a file", name));
            }
            let path = list.with_file_name(name);
            let stem = name.strip_suffix(".aedat").unwrap_or(name);
            let table = list.with_file_name(format!("{stem}_labels.csv"));
            for (label, time) in table_rows(&table)? {
                labels.push(label);
                cuts.push(Gesture { path: path.clone(), time });
            }
            paths.push(path);
        }
        not_empty(&list, &cuts, "gesture")?;

        let mut content = hash::start(request.entry.shape, &labels);
        hash_files(&mut content, &paths)?;
        for Gesture { time, .. } in &cuts {
            content.update(time.start.to_le_bytes());
            content.update(time.end.to_le_bytes());
        }
        let classes = CLASSES.map(str::to_owned).to_vec();
        let info = request.info(classes, request.entry.shape, hash::finish(content));
        Ok(Self { info, labels, cuts })
    }
}

fn read(path: &Path) -> Result<String> {
    file::read_text(path)
}

/// The rows of a label file: class from 0 on, start and end.
fn table_rows(path: &Path) -> Result<Vec<(u32, Range<i64>)>> {
    let text = read(path)?;
    let rows = text.lines().skip(1).filter(|line| !line.trim().is_empty());
    rows.map(|line| {
        let numbers: Vec<i64> =
            line.split(',').map_while(|word| word.trim().parse().ok()).collect();
        match numbers[..] {
            [class @ 1..=11, start, end] if start <= end => Ok((class as u32 - 1, start..end)),
            _ => {
                let expected = "a class from 1 to 11, a start and a later end";
                Err(Error::format(path, "line", expected, format!("{line:?}")))
            }
        }
    })
    .collect()
}

impl Dataset for Gestures {
    fn info(&self) -> &Info {
        &self.info
    }

    fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// Decodes the whole recording for each of its gestures.
    fn read(&self, index: usize) -> Result<Sample<'_>> {
        let Some(Gesture { path, time }) = self.cuts.get(index) else {
            return Err(Error::NoSuchSample { index, len: self.cuts.len() });
        };
        let bytes = file::read(path)?;
        let whole = decode(path, &bytes, Format::Aedat3, Some(SENSOR))?;
        let mut events = Events::with_capacity(SENSOR.0, SENSOR.1, 0);
        for (index, t) in whole.t.iter().enumerate().filter(|(_, t)| time.contains(t)) {
            events.push(whole.x[index], whole.y[index], *t, whole.p[index]);
        }
        Ok(Sample::Events(events))
    }
}

impl fmt::Debug for Gestures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gestures")
            .field("info", &self.info)
            .field("len", &self.labels.len())
            .finish_non_exhaustive()
    }
}
