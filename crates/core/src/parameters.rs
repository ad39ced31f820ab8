//! The ordered store of a network's parameters and buffers.
//!
//! Parameters have one fixed order, the order of their creation, and a path such as
//! `stage1.0.convolution1.weight`.
//! Each draws its initial values from a stream named after its path, so that adding a layer leaves
//! the start of all others as it was.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{DType, Device, Tensor, Var};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::initializer::Initializer;
use crate::{Error, Key, Result};

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
    /// Widths of surrogate derivatives that a method sets, not the optimizer: saved but not learned.
    SurrogateBuffer,
    /// State that is saved but not learned, such as running statistics.
    Buffer,
}

impl Role {
    /// Whether the optimizer changes it.
    pub fn learns(self) -> bool {
        !matches!(self, Self::SurrogateBuffer | Self::Buffer)
    }

    /// Whether weight decay applies to it.
    pub fn decays(self) -> bool {
        self == Self::Weight
    }
}

/// A named tensor of a network.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Path in the network, such as `stage1.0.convolution1.weight`.
    pub name: String,
    /// What it is.
    pub role: Role,
    /// Its values.
    pub variable: Var,
}

/// All parameters and buffers of a network, in the order of their creation.
#[derive(Debug)]
pub struct Parameters {
    entries: Vec<Parameter>,
    device: Device,
    key: Key,
}

impl Parameters {
    /// An empty store; `key` seeds the initial values.
    pub fn new(device: &Device, key: Key) -> Self {
        Self { entries: Vec::new(), device: device.clone(), key: key.named("initialize") }
    }

    /// The root of the paths.
    pub fn root(&mut self) -> Scope<'_> {
        Scope { store: self, path: String::new() }
    }

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
        self.entries.iter().filter(|entry| entry.role.learns())
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

/// A place in the paths of a [`Parameters`] store.
#[derive(Debug)]
pub struct Scope<'a> {
    store: &'a mut Parameters,
    path: String,
}

impl Scope<'_> {
    /// The place `name` below this one.
    pub fn child(&mut self, name: impl std::fmt::Display) -> Scope<'_> {
        let path = self.join(name);
        Scope { store: self.store, path }
    }

    /// The path of this place.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The device of the store.
    pub fn device(&self) -> &Device {
        &self.store.device
    }

    /// Creates a parameter below this place.
    ///
    /// # Errors
    /// If the name is taken.
    pub fn create(
        &mut self,
        name: &str,
        role: Role,
        dims: &[usize],
        initializer: Initializer,
    ) -> Result<Var> {
        let name = self.join(name);
        let values = initializer.draw(dims, self.store.key.named(&name).stream());
        self.insert(name, role, dims, values)
    }

    /// Creates a parameter with given values below this place.
    ///
    /// # Errors
    /// If the name is taken or the number of values does not fit `dims`.
    pub fn create_with(
        &mut self,
        name: &str,
        role: Role,
        dims: &[usize],
        values: Vec<f32>,
    ) -> Result<Var> {
        let name = self.join(name);
        self.insert(name, role, dims, values)
    }

    fn insert(
        &mut self,
        name: String,
        role: Role,
        dims: &[usize],
        values: Vec<f32>,
    ) -> Result<Var> {
        if self.store.get(&name).is_some() {
            return Err(Error::Setting {
                field: "parameter name".into(),
                expected: "a name that is not taken".into(),
                got: name,
            });
        }
        let variable = Var::from_tensor(
            &Tensor::from_vec(values, dims, &self.store.device)?.to_dtype(DType::F32)?,
        )?;
        self.store.entries.push(Parameter { name, role, variable: variable.clone() });
        Ok(variable)
    }

    fn join(&self, name: impl std::fmt::Display) -> String {
        if self.path.is_empty() { name.to_string() } else { format!("{}.{name}", self.path) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> Result<Parameters> {
        let mut store = Parameters::new(&Device::Cpu, Key::new(1));
        let mut root = store.root();
        let mut layer = root.child("b");
        layer.create("weight", Role::Weight, &[2, 3], Initializer::XavierNormal)?;
        layer.create("bias", Role::Bias, &[3], Initializer::Constant(0.0))?;
        root.child("a").create("mean", Role::Buffer, &[3], Initializer::Constant(1.0))?;
        Ok(store)
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
    fn a_taken_name_is_refused() -> Result<()> {
        let mut store = store()?;
        let again =
            store.root().child("b").create("bias", Role::Bias, &[1], Initializer::Constant(0.0));
        assert!(again.unwrap_err().to_string().contains("b.bias"));
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
        let mut larger = store()?;
        larger.root().create("extra", Role::Bias, &[1], Initializer::Constant(0.0))?;
        let missing = larger.load_safetensors(&bytes, Path::new("net")).unwrap_err().to_string();
        assert_eq!(missing, "net: tensor `extra` is missing");
        let unknown = store()?.load_safetensors(&larger.to_safetensors()?, Path::new("net"));
        assert!(unknown.unwrap_err().to_string().contains("`extra` belongs to no parameter"));
        let cut = store()?.load_safetensors(&bytes[..40], Path::new("net")).unwrap_err();
        assert!(cut.to_string().contains("not a readable safetensors file"));
        Ok(())
    }
}
