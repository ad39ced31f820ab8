//! Named tensors as another library wrote them: `.pth`, `.pt` and `.safetensors`.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use candlewick_datasets::file;

use super::fault;
use super::torch::{Archive, Place};
use crate::{Error, Result};

/// PyTorch counts the batches of every normalization; nothing here depends on it.
const COUNTER: &str = "num_batches_tracked";

/// A tensor with its names, of which a state dict may have several.
#[derive(Clone, Debug)]
pub(crate) struct Array {
    pub(crate) names: Vec<String>,
    pub(crate) values: Tensor,
}

impl Array {
    /// The shortest of its names.
    pub(crate) fn name(&self) -> &str {
        &self.names[0]
    }
}

/// The tensors of a file.
#[derive(Clone, Debug)]
pub struct StateDict {
    pub(crate) path: PathBuf,
    pub(crate) arrays: Vec<Array>,
    /// Whether the arrays are in the order of the layers.
    pub(crate) ordered: bool,
    /// Counters of batches, which are left out.
    pub(crate) counters: Vec<String>,
}

impl StateDict {
    /// Reads a file that `torch.save` wrote, of PyTorch 1.6 or later, or a safetensors file; `key` is the
    /// entry of a saved dictionary in which the state dict is.
    ///
    /// # Errors
    /// If the file is neither, is damaged, or holds no tensors.
    pub fn read(path: &Path, key: Option<&str>) -> Result<Self> {
        let mut file = file::open(path)?;
        let mut start = Vec::new();
        file.by_ref()
            .take(2)
            .read_to_end(&mut start)
            .map_err(|source| candlewick_datasets::Error::Io { path: path.into(), source })?;
        if start.starts_with(b"PK") {
            Self::read_torch(path, file, key)
        } else if start.starts_with(b"\x80") {
            let what = "a file of a PyTorch older than 1.6, or a plain pickle; load it there and save its \
                        state dict again with torch.save";
            Err(fault(path, what))
        } else {
            Self::read_safetensors(path)
        }
    }

    fn read_torch(path: &Path, file: File, key: Option<&str>) -> Result<Self> {
        let unreadable =
            |what: String| fault(path, format!("not a state dict that can be read: {what}"));
        let mut archive = Archive::open(file).map_err(unreadable)?;
        let tensors = archive.tensors(key).map_err(unreadable)?;
        if tensors.is_empty() {
            let what = match key {
                Some(key) => format!("`{key}` holds no tensors"),
                None => "no tensors at the top: name the entry that holds the state dict, such as \
                         `state_dict`, `model` or `net`, as the key; of a module that was saved as a whole, \
                         save `module.state_dict()`"
                    .into(),
            };
            return Err(fault(path, what));
        }
        // One tensor under two names is one array.
        let mut names_of: BTreeMap<&Place, Vec<String>> = BTreeMap::new();
        for (name, place) in &tensors {
            let names = names_of.entry(place).or_default();
            if names.contains(name) {
                return Err(fault(path, format!("`{name}` is there twice")));
            }
            names.push(name.clone());
        }
        let mut state =
            Self { path: path.into(), arrays: Vec::new(), ordered: true, counters: Vec::new() };
        for (name, place) in &tensors {
            if is_counter(name) {
                state.counters.push(name.clone());
                continue;
            }
            let Some(mut names) = names_of.remove(place) else { continue };
            names.sort_by_key(|name| (name.len(), name.clone()));
            let values = archive
                .read(place)
                .map_err(|what| state.fault(format!("`{name}` cannot be read: {what}")))?;
            state.arrays.push(Array { names, values });
        }
        Ok(state)
    }

    fn read_safetensors(path: &Path) -> Result<Self> {
        let tensors = candle_core::safetensors::load(path, &Device::Cpu).map_err(|error| {
            fault(path, format!("neither a file of torch.save nor readable safetensors: {error}"))
        })?;
        let tensors: BTreeMap<String, Tensor> = tensors.into_iter().collect();
        Ok(Self::of(path, tensors, false))
    }

    /// The tensors `tensors`, which are in the order of the layers if `ordered`.
    pub(crate) fn of(
        path: &Path,
        tensors: impl IntoIterator<Item = (String, Tensor)>,
        ordered: bool,
    ) -> Self {
        let (counters, arrays): (Vec<_>, Vec<_>) =
            tensors.into_iter().partition(|(name, _)| is_counter(name));
        Self {
            path: path.into(),
            arrays: arrays
                .into_iter()
                .map(|(name, values)| Array { names: vec![name], values })
                .collect(),
            ordered,
            counters: counters.into_iter().map(|(name, _)| name).collect(),
        }
    }

    /// The names of the tensors, in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.arrays.iter().map(Array::name)
    }

    /// The names of the tensors and their values, in their order; values have the layout of the file.
    pub fn tensors(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.arrays.iter().map(|array| (array.name(), &array.values))
    }

    pub(crate) fn fault(&self, what: impl Display) -> Error {
        fault(&self.path, what)
    }
}

fn is_counter(name: &str) -> bool {
    name.rsplit('.').next() == Some(COUNTER)
}
