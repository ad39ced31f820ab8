//! Arrays of numbers in files: inputs and labels as NumPy arrays, as safetensors, or as a table.

mod numbers;
mod table;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use safetensors::SafeTensors;
use sha2::Digest;

use crate::entry::{Content, Entry, Partition, Request, Source};
use crate::{Array, Dataset, Error, Info, Result, Sample, Shape, Split, file, hash};
use numbers::Numbers;

/// The largest label of a file of numbers: as many classes have names.
const LARGEST_LABEL: f64 = 65_535.0;

pub(crate) const ARRAYS: Entry = Entry {
    name: "arrays",
    description: "any arrays of numbers with a label each: NumPy, safetensors, or a table",
    shape: Shape::Vector { size: 0 },
    classes: 0,
    license: "that of the arrays",
    citation: "that of the arrays",
    content: Content::counted(0),
    choices: &[
        "classes = 0 to the largest label of train, or in a table its labels in ascending order",
    ],
    partitions: &[Partition { name: "files", source: "train* trains, and test* tests" }],
    source: Source::Folder {
        folders: &["arrays"],
        layout: "train-inputs.npy and train-labels.npy, or train.safetensors with the tensors `inputs` and \
                 `labels`, or train.csv with a column `label`; the same for test; inputs are [samples, \
                 elements], [samples, rows, columns] or [samples, channels, rows, columns]",
        files: &[],
    },
    open,
};

/// What a file or a pair of files holds.
#[derive(Debug)]
struct Part {
    path: PathBuf,
    shape: Shape,
    /// Of one sample after the other.
    values: Vec<f32>,
    labels: Labels,
}

/// Labels as a file has them.
#[derive(Debug)]
enum Labels {
    Numbers(Vec<u32>),
    Names(Vec<String>),
}

fn open(request: &Request<'_>) -> Result<Box<dyn Dataset>> {
    let train = read(request, Split::Train)?;
    let classes = classes(&train.labels);
    let part = match request.split {
        Split::Train => train,
        Split::Test => {
            let test = read(request, Split::Test)?;
            if test.shape != train.shape {
                return Err(Error::format(test.path, "inputs", train.shape, test.shape));
            }
            test
        }
    };
    let labels = numbered(&part, &classes)?;
    let mut content = hash::start(part.shape, &labels);
    for value in &part.values {
        content.update(value.to_le_bytes());
    }
    let info = request.info(classes, part.shape, hash::finish(content));
    Ok(Box::new(Arrays { info, labels, values: part.values }))
}

/// The names of the classes.
fn classes(labels: &Labels) -> Vec<String> {
    match labels {
        Labels::Numbers(numbers) => (0..=numbers.iter().copied().max().unwrap_or(0))
            .map(|label| label.to_string())
            .collect(),
        Labels::Names(names) => {
            let mut names: Vec<_> = names.iter().collect::<BTreeSet<_>>().into_iter().collect();
            // Numbers that are written without zeros in front are in the order of their values.
            if names.iter().all(|name| name.parse::<u64>().is_ok()) {
                names.sort_by_key(|name| name.parse::<u64>().unwrap_or(0));
            }
            names.into_iter().cloned().collect()
        }
    }
}

/// The place of each label among the classes of the training.
fn numbered(part: &Part, classes: &[String]) -> Result<Vec<u32>> {
    let unknown = |index: usize, label: &dyn fmt::Display| {
        let found = format!("{label} of sample {index}");
        Error::format(&part.path, "label", "a label of the training samples", found)
    };
    match &part.labels {
        Labels::Numbers(labels) => {
            match labels.iter().position(|&label| label as usize >= classes.len()) {
                Some(index) => Err(unknown(index, &labels[index])),
                None => Ok(labels.clone()),
            }
        }
        Labels::Names(names) => {
            let place = |(index, name): (usize, &String)| {
                let place = classes.iter().position(|class| class == name);
                place.map(|place| place as u32).ok_or_else(|| unknown(index, name))
            };
            names.iter().enumerate().map(place).collect()
        }
    }
}

fn read(request: &Request<'_>, split: Split) -> Result<Part> {
    let name = split.name();
    let find = |suffix: &str| request.find(Path::new(&format!("{name}{suffix}")));
    if let Ok(path) = find(".safetensors") {
        return of_tensors(path);
    }
    if let Ok(path) = find(".csv") {
        let (columns, values, names) = table::read(&path)?;
        return part(path, &[names.len(), columns], values, Labels::Names(names));
    }
    let (inputs, labels) = (find("-inputs.npy")?, find("-labels.npy")?);
    let bytes = plain(&inputs)?;
    let numbers = Numbers::of_npy(&bytes).map_err(|fault| fault.at(&inputs, 0))?;
    let (dims, values) = (numbers.dims.clone(), numbers.values());
    let bytes = plain(&labels)?;
    let numbers = Numbers::of_npy(&bytes).map_err(|fault| fault.at(&labels, 0))?;
    let labels = labels_of(&numbers, &labels)?;
    part(inputs, &dims, values, Labels::Numbers(labels))
}

fn of_tensors(path: PathBuf) -> Result<Part> {
    let bytes = plain(&path)?;
    let failed = |error: safetensors::SafeTensorError| {
        Error::format(&path, "file", "safetensors with the tensors `inputs` and `labels`", error)
    };
    let tensors = SafeTensors::deserialize(&bytes).map_err(failed)?;
    let numbers = |name: &'static str| {
        let view = tensors.tensor(name).map_err(failed)?;
        Numbers::of_tensor(view.dtype(), view.shape(), view.data()).ok_or_else(|| {
            let expected = "F32, F64, BOOL, or whole numbers of 8 to 64 bits";
            Error::format(&path, name, expected, format!("{:?}", view.dtype()))
        })
    };
    let (inputs, labels) = (numbers("inputs")?, numbers("labels")?);
    let labels = labels_of(&labels, &path)?;
    let (dims, values) = (inputs.dims.clone(), inputs.values());
    part(path, &dims, values, Labels::Numbers(labels))
}

/// A part of samples whose inputs have these dimensions.
fn part(path: PathBuf, dims: &[usize], values: Vec<f32>, labels: Labels) -> Result<Part> {
    let shape = match *dims {
        [_, size] => Shape::Vector { size },
        [_, height, width] => Shape::Array { channels: 1, height, width },
        [_, channels, height, width] => Shape::Array { channels, height, width },
        _ => return Err(Error::format(path, "inputs", "2 to 4 dimensions", format!("{dims:?}"))),
    };
    let samples = match &labels {
        Labels::Numbers(labels) => labels.len(),
        Labels::Names(names) => names.len(),
    };
    if dims.contains(&0) {
        return Err(Error::format(path, "inputs", "at least one number", format!("{dims:?}")));
    }
    if samples != dims[0] {
        let expected = format!("{} labels, one for each of the inputs", dims[0]);
        return Err(Error::format(path, "labels", expected, samples));
    }
    if let Some(index) = values.iter().position(|value| !value.is_finite()) {
        let found = format!("{} in sample {}", values[index], index / (values.len() / dims[0]));
        return Err(Error::format(path, "inputs", "finite numbers of 32 bits", found));
    }
    Ok(Part { path, shape, values, labels })
}

/// The labels in an array of one dimension.
fn labels_of(numbers: &Numbers<'_>, path: &Path) -> Result<Vec<u32>> {
    if numbers.dims.len() != 1 || !numbers.is_whole() {
        let found = format!("{:?} of {}", numbers.dims, numbers.kind());
        return Err(Error::format(path, "labels", "one dimension of whole numbers", found));
    }
    if let Some((index, label)) =
        numbers.iter().enumerate().find(|(_, label)| !(0.0..=LARGEST_LABEL).contains(label))
    {
        let found = format!("{label} of sample {index}");
        return Err(Error::format(path, "labels", format!("0 to {LARGEST_LABEL}"), found));
    }
    Ok(numbers.iter().map(|label| label as u32).collect())
}

/// The bytes of a file that is not packed.
fn plain(path: &Path) -> Result<Vec<u8>> {
    let bytes = file::read(path)?;
    if bytes.starts_with(&[0x1f, 0x8b]) {
        return Err(Error::format(path, "file", "an unpacked file", "gzip"));
    }
    Ok(bytes)
}

/// Arrays in memory.
struct Arrays {
    info: Info,
    labels: Vec<u32>,
    values: Vec<f32>,
}

impl Dataset for Arrays {
    fn info(&self) -> &Info {
        &self.info
    }

    fn labels(&self) -> &[u32] {
        &self.labels
    }

    fn read(&self, index: usize) -> Result<Sample<'_>> {
        let len = self.labels.len();
        if index >= len {
            return Err(Error::NoSuchSample { index, len });
        }
        let size = self.values.len() / len;
        let values = Cow::Borrowed(&self.values[index * size..(index + 1) * size]);
        Ok(Sample::Array(Array { shape: self.info.shape, values }))
    }
}

impl fmt::Debug for Arrays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arrays")
            .field("info", &self.info)
            .field("len", &self.labels.len())
            .finish_non_exhaustive()
    }
}
