//! Checkpoints: one safetensors file with weights, optimizer, methods and the place in the training.
//!
//! Parameters stand under their own names, so that other tools can read the weights; the rest is
//! below `optimizer/` and `method/`.
//! The header's entry `candlewick` holds the place, the origin, and shape and SHA-256 of every tensor, so
//! that a damaged file, or one of another run, is noticed and the reason is named.
//! The bytes are a function of the state alone: two runs with the same state write the same file.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use candle_core::Tensor;
use candlewick_core::parameters::Parameters;
use candlewick_methods::Methods;
use candlewick_ranks::Communicator;
use candlewick_run::hash::sha256_hex;
use candlewick_run::{Origin, RunDirectory, RunError, replace_file};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::Optimizer;
use crate::error::{Error, Result};

/// Version of the format; it grows when the meaning of a field changes.
const SCHEMA: u32 = 2;
/// The entry of the safetensors header. One entry only: the writer does not sort them.
const ENTRY: &str = "candlewick";

/// Writes a checkpoint of everything that the training consists of, atomically; `place` is where
/// it is, `origin` the run that the file is written in, if it is one.
///
/// # Errors
/// If the file cannot be written.
pub fn save(
    path: &Path,
    parameters: &Parameters,
    optimizer: Option<&Optimizer>,
    methods: &Methods,
    place: &impl Serialize,
    origin: Option<&Origin>,
) -> Result<()> {
    let mut tensors = Vec::new();
    for entry in parameters.iter() {
        let values = entry.variable.flatten_all()?.to_vec1::<f32>()?;
        tensors.push(Saved::f32(entry.name.clone(), entry.variable.dims().to_vec(), &values));
    }
    if let Some(optimizer) = optimizer {
        for (name, values) in optimizer.state(parameters)? {
            tensors.push(Saved::f32(format!("optimizer/{name}"), vec![values.len()], &values));
        }
    }
    for (name, values) in methods.state() {
        tensors.push(Saved::f64(format!("method/{name}"), &values));
    }
    let fail = |what: String| damage(path, "header", what);
    let content = Content {
        schema: SCHEMA,
        tensors: tensors.iter().map(|tensor| (tensor.name.clone(), tensor.seal())).collect(),
        place: serde_json::to_value(place).map_err(|error| fail(error.to_string()))?,
        origin: origin.cloned(),
    };
    let content = serde_json::to_string(&content).map_err(|error| fail(error.to_string()))?;
    let envelope = Envelope { sha256: sha256_hex(content.as_bytes()), content };
    let envelope = serde_json::to_string(&envelope).map_err(|error| fail(error.to_string()))?;
    let bytes = tensors
        .iter()
        .map(|tensor| {
            let view = TensorView::new(tensor.dtype, tensor.dims.clone(), &tensor.bytes)?;
            Ok((tensor.name.as_str(), view))
        })
        .collect::<std::result::Result<Vec<_>, safetensors::SafeTensorError>>()
        .and_then(|views| {
            safetensors::serialize(views, Some(HashMap::from([(ENTRY.to_owned(), envelope)])))
        })
        .map_err(|error| fail(error.to_string()))?;
    Ok(replace_file(path, &bytes)?)
}

/// A tensor on its way into a file.
struct Saved {
    name: String,
    dtype: Dtype,
    dims: Vec<usize>,
    bytes: Vec<u8>,
}

impl Saved {
    fn f32(name: String, dims: Vec<usize>, values: &[f32]) -> Self {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self { name, dtype: Dtype::F32, dims, bytes }
    }

    fn f64(name: String, values: &[f64]) -> Self {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self { name, dtype: Dtype::F64, dims: vec![values.len()], bytes }
    }

    fn seal(&self) -> Seal {
        Seal { dims: self.dims.clone(), sha256: sha256_hex(&self.bytes) }
    }
}

/// The header's entry: a document and its checksum.
#[derive(Serialize, Deserialize)]
struct Envelope {
    sha256: String,
    content: String,
}

/// The document in the header.
#[derive(Serialize, Deserialize)]
struct Content {
    schema: u32,
    tensors: BTreeMap<String, Seal>,
    place: serde_json::Value,
    origin: Option<Origin>,
}

/// What a tensor must be.
#[derive(PartialEq, Serialize, Deserialize)]
struct Seal {
    dims: Vec<usize>,
    sha256: String,
}

/// A checkpoint that was read and found undamaged.
#[derive(Debug)]
pub struct Checkpoint {
    path: PathBuf,
    bytes: Vec<u8>,
    place: serde_json::Value,
    origin: Option<Origin>,
}

impl Checkpoint {
    /// Reads the checkpoint `name` of `run`, such as [`LAST`](crate::trainer::LAST), verifies every part
    /// of it, and that it was written in this run, whose records are still those of then.
    ///
    /// # Errors
    /// As [`open`](Self::open), and [`Error::Run`] names the file of the run that does not fit.
    pub fn open_in(run: &RunDirectory, name: &str) -> Result<Self> {
        let checkpoint = Self::open(&run.checkpoints().join(name))?;
        let path = &checkpoint.path;
        match &checkpoint.origin {
            Some(origin) => origin.check(run, path)?,
            None => return Err(damage(path, "origin", "it was not written in a run")),
        }
        Ok(checkpoint)
    }

    /// Reads a checkpoint and verifies every part of it.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] names the part that is damaged.
    pub fn open(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(|source| RunError::Io {
            action: "read",
            path: path.into(),
            source,
        })?;
        Self::parse(path, bytes)
    }

    /// The checkpoint that rank 0 has read.
    pub(crate) fn of_rank_0(own: Option<Self>, ranks: &dyn Communicator) -> Result<Option<Self>> {
        if ranks.ranks() == 1 {
            return Ok(own);
        }
        let (path, bytes) = own.map(|own| (own.path, own.bytes)).unwrap_or_default();
        let bytes = ranks.broadcast(&bytes)?;
        (!bytes.is_empty()).then(|| Self::parse(&path, bytes)).transpose()
    }

    /// Verifies every part of what the file at `path` holds.
    fn parse(path: &Path, bytes: Vec<u8>) -> Result<Self> {
        let (_, header) = SafeTensors::read_metadata(&bytes)
            .map_err(|error| damage(path, "header", format!("damaged or cut off ({error})")))?;
        let entry = header
            .metadata()
            .as_ref()
            .and_then(|entries| entries.get(ENTRY))
            .ok_or_else(|| damage(path, "header", "not a checkpoint of candlewick"))?;
        let damaged = |_| damage(path, "header", "damaged: it is not the JSON that was written");
        let envelope: Envelope = serde_json::from_str(entry).map_err(damaged)?;
        if sha256_hex(envelope.content.as_bytes()) != envelope.sha256 {
            return Err(damage(path, "header", "damaged: its checksum does not fit"));
        }
        let content: Content = serde_json::from_str(&envelope.content).map_err(damaged)?;
        if content.schema != SCHEMA {
            let what = format!("schema {}, but this version reads {SCHEMA}", content.schema);
            return Err(damage(path, "schema", what));
        }
        let file = SafeTensors::deserialize(&bytes)
            .map_err(|error| damage(path, "header", format!("damaged or cut off ({error})")))?;
        for (name, seal) in &content.tensors {
            let found =
                file.tensor(name).map_err(|_| damage(path, name, "the tensor is missing"))?;
            let found = Seal { dims: found.shape().to_vec(), sha256: sha256_hex(found.data()) };
            if found != *seal {
                return Err(damage(path, name, "damaged: its checksum does not fit"));
            }
        }
        if let Some(name) =
            file.names().into_iter().find(|name| !content.tensors.contains_key(*name))
        {
            return Err(damage(path, name, "a tensor that was not written with the others"));
        }
        let Content { place, origin, .. } = content;
        Ok(Self { path: path.into(), bytes, place, origin })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where in the training it was written.
    ///
    /// # Errors
    /// If the place is of another type.
    pub fn place<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_value(self.place.clone())
            .map_err(|error| damage(&self.path, "place", error.to_string()))
    }

    /// Sets all parameters and buffers to the saved values.
    ///
    /// # Errors
    /// Names the tensor that is missing or has another shape, or that the network does not have;
    /// nothing is changed then.
    pub fn load_parameters(&self, parameters: &Parameters) -> Result<()> {
        let mut loaded = Vec::new();
        for entry in parameters.iter() {
            let dims = entry.variable.dims();
            let values = self.values(&entry.name, dims)?;
            loaded.push(Tensor::from_vec(values, dims, parameters.device())?);
        }
        for name in self.names(|name| !name.contains('/'))? {
            if parameters.get(&name).is_none() {
                return Err(damage(&self.path, &name, "the network has no such parameter"));
            }
        }
        for (entry, values) in parameters.iter().zip(loaded) {
            entry.variable.set(&values)?;
        }
        Ok(())
    }

    /// Restores the state of `optimizer`.
    ///
    /// # Errors
    /// Names the tensor that is missing or has another size.
    pub fn load_optimizer(&self, optimizer: &mut Optimizer, parameters: &Parameters) -> Result<()> {
        optimizer
            .restore(parameters, |name, count| self.values(&format!("optimizer/{name}"), &[count]))
    }

    /// Restores the state of `methods`.
    ///
    /// # Errors
    /// If the state is of other methods.
    pub fn load_methods(&self, methods: &mut Methods) -> Result<()> {
        let file = self.file()?;
        let mut state = Vec::new();
        for name in self.names(|name| name.starts_with("method/"))? {
            let view = file.tensor(&name).map_err(|error| self.broken(&name, &error))?;
            let (chunks, _) = view.data().as_chunks::<8>();
            let values = chunks.iter().map(|&bytes| f64::from_le_bytes(bytes)).collect();
            state.push((name["method/".len()..].to_owned(), values));
        }
        Ok(methods.restore(&state)?)
    }

    fn values(&self, name: &str, dims: &[usize]) -> Result<Vec<f32>> {
        let file = self.file()?;
        let view =
            file.tensor(name).map_err(|_| damage(&self.path, name, "the tensor is missing"))?;
        if view.dtype() != Dtype::F32 || view.shape() != dims {
            let what =
                format!("expected f32 {dims:?}, found {:?} {:?}", view.dtype(), view.shape());
            return Err(damage(&self.path, name, what));
        }
        let (chunks, _) = view.data().as_chunks::<4>();
        Ok(chunks.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect())
    }

    /// The names of the tensors that `wanted` selects, sorted.
    fn names(&self, wanted: impl Fn(&str) -> bool) -> Result<Vec<String>> {
        let file = self.file()?;
        let mut names: Vec<String> =
            file.names().into_iter().filter(|name| wanted(name)).map(str::to_owned).collect();
        names.sort_unstable();
        Ok(names)
    }

    fn file(&self) -> Result<SafeTensors<'_>> {
        SafeTensors::deserialize(&self.bytes).map_err(|error| self.broken("header", &error))
    }

    fn broken(&self, field: &str, error: &safetensors::SafeTensorError) -> Error {
        damage(&self.path, field, error.to_string())
    }
}

/// A sentence about a part of a file.
fn damage(path: &Path, field: &str, what: impl Into<String>) -> Error {
    Error::Checkpoint { path: path.into(), field: field.into(), what: what.into() }
}
