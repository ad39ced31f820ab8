//! Named tensors as another library wrote them: `.pth`, `.pt` and `.safetensors`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use candle_core::pickle::{PthTensors, read_pth_tensor_info};
use candle_core::{Device, Tensor};

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
    /// Whether the arrays stand in the order of the layers.
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
        let mut start = Vec::new();
        File::open(path)
            .and_then(|file| file.take(8).read_to_end(&mut start))
            .map_err(|source| Error::Read { path: path.into(), source })?;
        if start.starts_with(b"PK") {
            Self::read_pickle(path, key)
        } else if start.starts_with(b"\x80") {
            let what = "a file of a PyTorch older than 1.6, or a plain pickle; load it there and save its \
                        state dict again with torch.save";
            Err(Error::File { path: path.into(), what: what.into() })
        } else {
            Self::read_safetensors(path)
        }
    }

    fn read_pickle(path: &Path, key: Option<&str>) -> Result<Self> {
        let fault = |error: candle_core::Error| Error::File {
            path: path.into(),
            what: format!("not a state dict that can be read: {error}"),
        };
        let mut found = Vec::new();
        for info in read_pth_tensor_info(path, false, key).map_err(fault)? {
            let storage = info.path.rsplit('/').next().and_then(|number| number.parse().ok());
            found.push((storage.unwrap_or(usize::MAX), info));
        }
        if found.is_empty() {
            let what = match key {
                Some(key) => format!("`{key}` holds no tensors"),
                None => "no tensors at the top: name the entry that holds the state dict, such as \
                         `state_dict`, `model` or `net`, as the key; of a module that was saved as a whole, \
                         save `module.state_dict()`"
                    .into(),
            };
            return Err(Error::File { path: path.into(), what });
        }
        // The reader gives entries in another order than they were written in; but `torch.save` numbers
        // storages as it meets them. Versions before 1.9 gave them addresses instead.
        let ordered = found.iter().all(|(storage, _)| *storage < found.len());
        found.sort_by_key(|(storage, info)| {
            (*storage, info.layout.start_offset(), info.name.len(), info.name.clone())
        });
        let tensors = PthTensors::new(path, key).map_err(fault)?;
        let mut state =
            Self { path: path.into(), arrays: Vec::new(), ordered, counters: Vec::new() };
        let mut last = None;
        for (_, info) in found {
            if is_counter(&info.name) {
                state.counters.push(info.name);
                continue;
            }
            // One tensor under two names is one array.
            let place =
                (info.path.clone(), info.layout.start_offset(), info.layout.shape().clone());
            match state.arrays.last_mut() {
                Some(array) if last.as_ref() == Some(&place) => array.names.push(info.name),
                _ => {
                    let values = tensors.get(&info.name).map_err(|error| {
                        state.fault(format!("`{}` cannot be read: {error}", info.name))
                    })?;
                    state.arrays.extend(
                        values.map(|values| Array { names: vec![info.name.clone()], values }),
                    );
                }
            }
            last = Some(place);
        }
        Ok(state)
    }

    fn read_safetensors(path: &Path) -> Result<Self> {
        let tensors = candle_core::safetensors::load(path, &Device::Cpu).map_err(|error| {
            let what = format!("neither a file of torch.save nor readable safetensors: {error}");
            Error::File { path: path.into(), what }
        })?;
        let tensors: BTreeMap<String, Tensor> = tensors.into_iter().collect();
        Ok(Self::of(path, tensors, false))
    }

    /// The tensors `tensors`, which stand in the order of the layers if `ordered`.
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

    pub(crate) fn fault(&self, what: impl Into<String>) -> Error {
        Error::File { path: self.path.clone(), what: what.into() }
    }
}

fn is_counter(name: &str) -> bool {
    name.rsplit('.').next() == Some(COUNTER)
}
