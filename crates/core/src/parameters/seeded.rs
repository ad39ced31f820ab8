//! A builder whose initial values are drawn from a stream per path.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use candle_core::{DType, Device, Shape, Tensor, Var};
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder};

use crate::Key;
use crate::initializer::draw;

/// A builder that draws initial values from streams of `key`, one per path.
///
/// ```
/// use candle_core::Device;
/// use candlewick_core::Key;
/// use candlewick_core::initializer::Initializer;
/// use candlewick_core::parameters::{Role, Scope, seeded};
///
/// let scope: Scope = seeded(&Device::Cpu, Key::new(1)).into();
/// scope.pp("first").create("weight", Role::Weight, &[3, 4], Initializer::FanInUniform)?;
/// scope.pp("first").create("running_mean", Role::Buffer, &[4], Initializer::Constant(0.0))?;
/// let parameters = scope.parameters();
/// let names: Vec<_> = parameters.iter().map(|parameter| &parameter.name[..]).collect();
/// assert_eq!(names, ["first.weight", "first.running_mean"]);
/// assert_eq!(parameters.count(), 12); // buffers do not learn
/// # Ok::<(), candlewick_core::Error>(())
/// ```
pub fn seeded(device: &Device, key: Key) -> VarBuilder<'static> {
    let made = Mutex::default();
    let backend = Seeded { key: key.named("initialize"), made };
    VarBuilder::from_backend(Box::new(backend), DType::F32, device.clone())
}

/// The backend of [`seeded`].
struct Seeded {
    key: Key,
    made: Mutex<BTreeMap<String, Var>>,
}

impl Seeded {
    fn made(&self) -> MutexGuard<'_, BTreeMap<String, Var>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SimpleBackend for Seeded {
    fn get(
        &self,
        shape: Shape,
        name: &str,
        init: Init,
        dtype: DType,
        device: &Device,
    ) -> candle_core::Result<Tensor> {
        let mut made = self.made();
        if let Some(variable) = made.get(name) {
            if *variable.shape() != shape {
                candle_core::bail!("{name}: expected {shape:?}, found {:?}", variable.shape());
            }
            return Ok(variable.as_tensor().clone());
        }
        let values = draw(init, shape.dims(), self.key.named(name).stream());
        let values = Tensor::from_vec(values, shape, device)?.to_dtype(dtype)?;
        let variable = Var::from_tensor(&values)?;
        made.insert(name.to_owned(), variable.clone());
        Ok(variable.into_inner())
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> candle_core::Result<Tensor> {
        match self.made().get(name) {
            Some(variable) => Ok(variable.as_tensor().clone()),
            None => candle_core::bail!("there is no parameter `{name}`"),
        }
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.made().contains_key(name)
    }
}
