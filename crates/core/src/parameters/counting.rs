//! A builder that makes no parameters, but counts what they would be.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use candle_core::{DType, Device, Shape, Tensor, Var};
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder};

/// The number of scalars that a [`counting`] builder was asked for.
#[derive(Clone, Debug, Default)]
pub struct Count(Arc<AtomicU64>);

impl Count {
    /// The scalars so far; [`u64::MAX`] stands for that many and more.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A builder whose every parameter is a single 0, whatever its shape, and the count of the scalars that
/// these shapes have.
///
/// A network on it has its layers, their names and the shapes of their outputs, and takes no memory; it
/// cannot run.
pub fn counting() -> (VarBuilder<'static>, Count) {
    let count = Count::default();
    let builder = VarBuilder::from_backend(Box::new(count.clone()), DType::F32, Device::Cpu);
    (builder, count)
}

impl SimpleBackend for Count {
    fn get(
        &self,
        shape: Shape,
        _name: &str,
        _init: Init,
        dtype: DType,
        device: &Device,
    ) -> candle_core::Result<Tensor> {
        let scalars = shape.dims().iter().fold(1_u64, |all, &side| all.saturating_mul(side as u64));
        self.0.store(self.get().saturating_add(scalars), Ordering::Relaxed);
        Ok(Var::zeros(1, dtype, device)?.into_inner())
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> candle_core::Result<Tensor> {
        candle_core::bail!("the parameter `{name}` is counted, not made")
    }

    fn contains_tensor(&self, _name: &str) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::initializer::Initializer;
    use crate::parameters::{Role, Scope};

    #[test]
    fn shapes_are_counted_beyond_all_memory() -> crate::Result<()> {
        let (builder, count) = counting();
        let scope = Scope::from(builder);
        scope.create("small", Role::Weight, &[3, 3, 4, 5], Initializer::FanInUniform)?;
        assert_eq!(count.get(), 180);
        let huge = [1 << 20, 1 << 20, 1 << 31, 1 << 31];
        let made = scope.create("huge", Role::Weight, &huge, Initializer::XavierNormal)?;
        assert_eq!((count.get(), made.variable.elem_count()), (u64::MAX, 1));
        assert!(made.learns());
        Ok(())
    }
}
