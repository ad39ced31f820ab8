//! The names and layouts of PyTorch.
//!
//! The first linear layer behind a map needs no permutation of its inputs: maps are flattened in the
//! order of PyTorch, C·H·W.

use std::path::Path;

use candle_core::{DType, Device, Result as CandleResult, Tensor};
use candlewick_core::parameters::{Parameter, Parameters, Role};
use safetensors::tensor::{Dtype, TensorView};

use super::fault;
use crate::Result;

/// A parameter as PyTorch has it.
#[derive(Debug)]
pub(crate) struct Slot<'a> {
    pub(crate) parameter: &'a Parameter,
    /// Its name in the layout of PyTorch.
    pub(crate) name: String,
    /// Its shape there.
    pub(crate) dims: Vec<usize>,
}

impl<'a> Slot<'a> {
    /// All parameters and buffers, in their order.
    pub(crate) fn all(parameters: &'a Parameters) -> Vec<Self> {
        parameters.iter().map(Self::new).collect()
    }

    fn new(parameter: &'a Parameter) -> Self {
        let (module, leaf) = split(&parameter.name);
        let leaf = match leaf {
            "gamma" => "weight",
            "beta" => "bias",
            "running_variance" => "running_var",
            other => other,
        };
        let name = if module.is_empty() { leaf.to_owned() } else { format!("{module}.{leaf}") };
        let dims = match (parameter.role, parameter.variable.dims()) {
            (Role::Weight, &[height, width, inputs, outputs]) => {
                vec![outputs, inputs, height, width]
            }
            (Role::Weight, &[inputs, outputs]) => vec![outputs, inputs],
            (_, dims) => dims.to_vec(),
        };
        Self { parameter, name, dims }
    }

    /// Its values in the order of candlewick.
    pub(crate) fn take(&self, values: &Tensor) -> CandleResult<Tensor> {
        let variable = &self.parameter.variable;
        let values = values.to_dtype(DType::F32)?.to_device(variable.device())?;
        match (self.parameter.role, values.rank()) {
            (Role::Weight, 4) => values.permute((2, 3, 1, 0))?.contiguous(),
            (Role::Weight, 2) => values.t()?.contiguous(),
            // A scalar there is a vector of one here.
            _ => values.reshape(variable.dims()),
        }
    }

    /// Why these values, in the order of candlewick, can be no trained ones; `None` if they can.
    pub(crate) fn unsound(&self, values: &Tensor) -> Option<String> {
        let is_variance = split(&self.parameter.name).1 == "running_variance";
        let values = match values.flatten_all().and_then(|values| values.to_vec1::<f32>()) {
            Ok(values) => values,
            Err(error) => return Some(error.to_string()),
        };
        let is_sound = |value: f32| value.is_finite() && !(is_variance && value < 0.0);
        let at = values.iter().position(|&value| !is_sound(value))?;
        let expected = if is_variance { "finite numbers from 0 on" } else { "finite numbers" };
        let count = values.iter().filter(|&&value| !is_sound(value)).count();
        Some(format!(
            "expected {expected}, found {} ({count} of {} numbers)",
            values[at],
            values.len()
        ))
    }

    /// Its values in the order of PyTorch.
    pub(crate) fn give(&self) -> CandleResult<Tensor> {
        let values = self.parameter.variable.as_tensor().to_device(&Device::Cpu)?;
        match (self.parameter.role, values.rank()) {
            (Role::Weight, 4) => values.permute((3, 2, 0, 1))?.contiguous(),
            (Role::Weight, 2) => values.t()?.contiguous(),
            _ => Ok(values),
        }
    }
}

/// Layer and name within it.
pub(crate) fn split(name: &str) -> (&str, &str) {
    name.rsplit_once('.').unwrap_or(("", name))
}

/// All parameters and buffers as safetensors with the names and layouts of PyTorch; the inverse of
/// [`import`](super::import).
///
/// # Errors
/// If a tensor cannot be read; `path` is named in the error.
pub fn pytorch(parameters: &Parameters, path: &Path) -> Result<Vec<u8>> {
    let mut arrays = Vec::new();
    for slot in Slot::all(parameters) {
        let values = slot.give().and_then(|values| values.flatten_all()?.to_vec1::<f32>());
        let values = values.map_err(|error| fault(path, error))?;
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        arrays.push((slot.name, slot.dims, bytes));
    }
    arrays
        .iter()
        .map(|(name, dims, bytes)| Ok((name, TensorView::new(Dtype::F32, dims.clone(), bytes)?)))
        .collect::<std::result::Result<Vec<_>, safetensors::SafeTensorError>>()
        .and_then(|views| safetensors::serialize(views, None))
        .map_err(|error| fault(path, error))
}
