//! The parameters of a network: made through candle's `VarBuilder`, listed in the order of their creation.
//!
//! A layer asks a [`Scope`] for its parameters. A scope is a `VarBuilder` and a list: the builder
//! makes or loads the tensors, under paths such as `stage1.0.first.weight`, and the list remembers
//! their order and what each is for. [`seeded`] is a builder whose initial values are drawn from a
//! stream named after the path, so that a run can be repeated to the bit, and adding a layer does
//! not change the initial values of the others.

mod counting;
mod seeded;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use candle_core::{DType, Device, Tensor, Var};
use candle_nn::VarBuilder;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::initializer::Initializer;
use crate::{Error, Result};

pub use counting::{Count, counting};
pub use seeded::seeded;

/// What a parameter is, which decides how it is optimized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Synaptic weights: the only role with weight decay.
    Weight,
    /// Biases.
    Bias,
    /// Scale and shift of a normalization.
    Normalization,
    /// Learnable scalars of neurons, such as a time constant.
    Neuron,
    /// Learnable widths of surrogate derivatives.
    Surrogate,
    /// State that is saved but not learned, such as running statistics.
    Buffer,
}

impl Role {
    /// Whether the optimizer changes it.
    pub fn learns(self) -> bool {
        self != Self::Buffer
    }

    /// Whether weight decay applies to it.
    pub fn decays(self) -> bool {
        self == Self::Weight
    }
}

/// A named tensor of a network.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Path in the network, such as `stage1.0.first.weight`.
    pub name: String,
    /// What it is.
    pub role: Role,
    /// Its values.
    pub variable: Var,
    /// Whether it came from a builder that gives constants, such as one over a file: it has values,
    /// but no gradient.
    pub frozen: bool,
}

impl Parameter {
    /// The parameter in candle's graph: a variable, or a constant that shares its values if it does
    /// not learn.
    pub fn tensor(&self) -> Tensor {
        if self.learns() { self.variable.as_tensor().clone() } else { self.variable.detach() }
    }

    /// Whether an optimizer changes it.
    pub fn learns(&self) -> bool {
        self.role.learns() && !self.frozen
    }
}

/// All parameters and buffers of a network, in the order of their creation; [`seeded`] has an example.
#[derive(Clone, Debug)]
pub struct Parameters {
    entries: Vec<Parameter>,
    device: Device,
}

impl Parameters {
    /// The device that the parameters live on.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// All entries in their order.
    pub fn iter(&self) -> impl Iterator<Item = &Parameter> {
        self.entries.iter()
    }

    /// The entries that the optimizer changes, in their order.
    pub fn learned(&self) -> impl Iterator<Item = &Parameter> {
        self.entries.iter().filter(|entry| entry.learns())
    }

    /// The variables that learn, in their order, as candle's optimizers take them.
    pub fn variables(&self) -> Vec<Var> {
        self.learned().map(|entry| entry.variable.clone()).collect()
    }

    /// The entry with that path.
    pub fn get(&self, name: &str) -> Option<&Parameter> {
        self.entries.iter().find(|entry| entry.name == name)
    }

    /// Number of learned scalars.
    pub fn count(&self) -> usize {
        self.learned().map(|entry| entry.variable.elem_count()).sum()
    }

    /// Serializes all entries as safetensors.
    ///
    /// # Errors
    /// If the values cannot be read from their device.
    pub fn to_safetensors(&self) -> Result<Vec<u8>> {
        let mut tensors = Vec::with_capacity(self.entries.len());
        for entry in &self.entries {
            let values = entry.variable.flatten_all()?.to_vec1::<f32>()?;
            let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            tensors.push((entry.name.clone(), entry.variable.dims().to_vec(), bytes));
        }
        let views = tensors
            .iter()
            .map(|(name, dims, bytes)| {
                Ok((name, TensorView::new(Dtype::F32, dims.clone(), bytes)?))
            })
            .collect::<std::result::Result<Vec<_>, safetensors::SafeTensorError>>()
            .and_then(|views| safetensors::serialize(views, None));
        views.map_err(|error| Error::Candle(error.into()))
    }

    /// Takes the values of all entries from safetensors `bytes`; `path` is named in errors.
    ///
    /// Nothing is changed unless every entry is there with its shape, and nothing else is.
    ///
    /// # Errors
    /// Names the entry that is missing, has another shape, or is not of this network.
    pub fn load_safetensors(&self, bytes: &[u8], path: &Path) -> Result<()> {
        let fail = |what: String| Error::Parameters { path: path.into(), what };
        let file = SafeTensors::deserialize(bytes)
            .map_err(|error| fail(format!("not a readable safetensors file: {error}")))?;
        let mut found: BTreeMap<String, TensorView<'_>> = file.tensors().into_iter().collect();
        let mut loaded = Vec::with_capacity(self.entries.len());
        for entry in &self.entries {
            let dims = entry.variable.dims();
            let view = found
                .remove(&entry.name)
                .ok_or_else(|| fail(format!("tensor `{}` is missing", entry.name)))?;
            if view.dtype() != Dtype::F32 || view.shape() != dims {
                return Err(fail(format!(
                    "tensor `{}`: expected f32 {dims:?}, found {:?} {:?}",
                    entry.name,
                    view.dtype(),
                    view.shape(),
                )));
            }
            let (values, _) = view.data().as_chunks::<4>();
            let values: Vec<f32> = values.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
            loaded.push(Tensor::from_vec(values, dims, &self.device)?);
        }
        if let Some(name) = found.keys().next() {
            return Err(fail(format!("tensor `{name}` belongs to no parameter of the network")));
        }
        for (entry, values) in self.entries.iter().zip(loaded) {
            entry.variable.set(&values)?;
        }
        Ok(())
    }
}

/// A place in a network at which a layer creates its parameters.
///
/// Every constructor of a layer takes `impl Into<Scope>`, which a plain `VarBuilder` converts into.
#[derive(Clone)]
pub struct Scope<'a> {
    builder: VarBuilder<'a>,
    entries: Arc<Mutex<Vec<Parameter>>>,
}

impl<'a> From<VarBuilder<'a>> for Scope<'a> {
    fn from(builder: VarBuilder<'a>) -> Self {
        Self { builder, entries: Arc::default() }
    }
}

impl std::fmt::Debug for Scope<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Scope").field(&self.path()).finish()
    }
}

impl<'a> Scope<'a> {
    /// The place `name` below this one, as `VarBuilder::pp`.
    pub fn pp(&self, name: impl ToString) -> Self {
        Self { builder: self.builder.pp(name), entries: self.entries.clone() }
    }

    /// The path of this place.
    pub fn path(&self) -> String {
        self.builder.prefix()
    }

    /// The builder at this place.
    pub fn builder(&self) -> &VarBuilder<'a> {
        &self.builder
    }

    /// The device of the parameters.
    pub fn device(&self) -> &Device {
        self.builder.device()
    }

    /// Creates the parameter `name` below this place, or takes it from where the builder has it.
    ///
    /// # Errors
    /// If the name is empty or taken, or the builder has no such tensor of this shape.
    pub fn create(
        &self,
        name: &str,
        role: Role,
        dims: &[usize],
        initializer: Initializer,
    ) -> Result<Parameter> {
        let path = self.join(name);
        let refused = |expected: &str| Error::Setting {
            field: "parameter name".into(),
            expected: expected.into(),
            got: format!("`{path}`"),
        };
        if name.is_empty() {
            return Err(refused("a name"));
        }
        if self.lock().iter().any(|entry| entry.name == path) {
            return Err(refused("a name that is not taken"));
        }
        let init = initializer.init(dims);
        let tensor = self.builder.get_with_hints_dtype(dims, name, init, DType::F32)?;
        let frozen = !tensor.is_variable();
        let parameter =
            Parameter { name: path, role, variable: Var::from_tensor(&tensor)?, frozen };
        self.lock().push(parameter.clone());
        Ok(parameter)
    }

    /// The parameter `name` at the root, shared by all that ask for it.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub fn shared(
        &self,
        name: &str,
        role: Role,
        dims: &[usize],
        initializer: Initializer,
    ) -> Result<Parameter> {
        let known = self.lock().iter().find(|entry| entry.name == name).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let root = Self { builder: self.builder.root(), entries: self.entries.clone() };
        root.create(name, role, dims, initializer)
    }

    /// Everything that was created through this scope and its parents.
    pub fn parameters(&self) -> Parameters {
        Parameters { entries: self.lock().clone(), device: self.device().clone() }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Parameter>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn join(&self, name: &str) -> String {
        let path = self.path();
        if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Key;

    fn root() -> Result<Scope<'static>> {
        let root = Scope::from(seeded(&Device::Cpu, Key::new(1)));
        let layer = root.pp("b");
        layer.create("weight", Role::Weight, &[2, 3], Initializer::XavierNormal)?;
        layer.create("bias", Role::Bias, &[3], Initializer::Constant(0.0))?;
        root.pp("a").create("mean", Role::Buffer, &[3], Initializer::Constant(1.0))?;
        Ok(root)
    }

    fn store() -> Result<Parameters> {
        Ok(root()?.parameters())
    }

    #[test]
    fn order_is_that_of_creation_and_buffers_do_not_learn() -> Result<()> {
        let store = store()?;
        let names: Vec<_> = store.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names, ["b.weight", "b.bias", "a.mean"]);
        assert_eq!(store.count(), 9);
        Ok(())
    }

    #[test]
    fn a_name_that_is_taken_or_none_is_refused() -> Result<()> {
        let layer = root()?.pp("b");
        for (name, expected) in [
            ("bias", "parameter name: expected a name that is not taken, got `b.bias`"),
            ("", "parameter name: expected a name, got `b.`"),
        ] {
            let error = layer.create(name, Role::Bias, &[1], Initializer::Constant(0.0));
            assert_eq!(error.unwrap_err().to_string(), expected);
        }
        Ok(())
    }

    #[test]
    fn a_shared_parameter_is_one() -> Result<()> {
        let root = root()?;
        let start = Initializer::Constant(2.0);
        let [first, second] =
            ["b", "c"].map(|layer| root.pp(layer).shared("width", Role::Surrogate, &[1], start));
        assert_eq!(first?.variable.id(), second?.variable.id());
        assert_eq!(root.parameters().iter().filter(|entry| entry.name == "width").count(), 1);
        Ok(())
    }

    /// The same start from a `VarMap`'s builder and back: names, values, and what learns.
    #[test]
    fn parameters_live_in_a_var_map_and_are_frozen_in_a_file() -> Result<()> {
        let map = candle_nn::VarMap::new();
        let builder = VarBuilder::from_varmap(&map, DType::F32, &Device::Cpu);
        let scope = Scope::from(builder).pp("layer");
        let made = scope.create("weight", Role::Weight, &[2, 3], Initializer::FanInUniform)?;
        assert_eq!(map.all_vars()[0].id(), made.variable.id());
        assert!(made.learns() && made.tensor().track_op());
        let tensors = [("layer.weight".to_owned(), made.variable.detach())].into_iter().collect();
        let file = VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu);
        let scope = Scope::from(file).pp("layer");
        let frozen = scope.create("weight", Role::Weight, &[2, 3], Initializer::FanInUniform)?;
        assert!(!frozen.learns() && !frozen.tensor().track_op());
        assert_eq!(frozen.tensor().to_vec2::<f32>()?, made.tensor().to_vec2::<f32>()?);
        assert_eq!(scope.parameters().count(), 0);
        assert!(scope.create("bias", Role::Bias, &[3], Initializer::Constant(0.0)).is_err());
        Ok(())
    }

    #[test]
    fn saving_and_loading_gives_the_same_bits() -> Result<()> {
        let saved = store()?;
        let bytes = saved.to_safetensors()?;
        assert_eq!(bytes, store()?.to_safetensors()?);
        let other = store()?;
        for entry in other.iter() {
            entry.variable.set(&entry.variable.affine(0.0, 7.0)?)?;
        }
        other.load_safetensors(&bytes, Path::new("net"))?;
        assert_eq!(other.to_safetensors()?, bytes);
        Ok(())
    }

    #[test]
    fn a_file_that_does_not_fit_names_the_tensor_and_changes_nothing() -> Result<()> {
        let bytes = store()?.to_safetensors()?;
        let larger = root()?;
        larger.create("extra", Role::Bias, &[1], Initializer::Constant(0.0))?;
        let larger = larger.parameters();
        let missing = larger.load_safetensors(&bytes, Path::new("net")).unwrap_err().to_string();
        assert_eq!(missing, "net: tensor `extra` is missing");
        let unknown = store()?.load_safetensors(&larger.to_safetensors()?, Path::new("net"));
        assert!(unknown.unwrap_err().to_string().contains("`extra` belongs to no parameter"));
        let cut = store()?.load_safetensors(&bytes[..40], Path::new("net")).unwrap_err();
        assert!(cut.to_string().contains("not a readable safetensors file"));
        Ok(())
    }
}
