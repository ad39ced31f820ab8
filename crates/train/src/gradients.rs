//! The gradients of a step: taken out of candle's store in parameter order, measured, clipped.

use candle_core::backprop::GradStore;
use candle_core::{CpuStorage, InplaceOp1, Layout, Tensor};
use candlewick_core::host;
use candlewick_core::parameters::Parameters;
use candlewick_device::Queue;
use candlewick_kernels::optimizer as kernel;

use crate::error::Result;

/// The gradients of the learned parameters, in their order.
#[derive(Debug)]
pub struct Gradients {
    entries: Vec<Option<Tensor>>,
}

impl Gradients {
    /// Takes the gradients of the learned parameters out of `store` and drops the rest of it, and
    /// with it the activations that it keeps alive.
    ///
    /// # Errors
    /// If candle fails.
    pub fn take(parameters: &Parameters, mut store: GradStore) -> Result<Self> {
        let entries = parameters
            .learned()
            .map(|parameter| {
                store
                    .remove(&parameter.variable)
                    .map(|gradient| gradient.detach().contiguous())
                    .transpose()
            })
            .collect::<candle_core::Result<_>>()?;
        Ok(Self { entries })
    }

    /// These gradients, one for each learned parameter.
    pub(crate) fn new(entries: Vec<Option<Tensor>>) -> Self {
        Self { entries }
    }

    /// The gradient of learned parameter number `index`; `None` if the loss does not depend on it.
    pub fn get(&self, index: usize) -> Option<&Tensor> {
        self.entries.get(index)?.as_ref()
    }

    /// The squared Euclidean norm of each gradient, in f64; 0 where there is none.
    ///
    /// It is finite exactly if all elements are: squares of f32 do not overflow f64.
    ///
    /// # Errors
    /// If candle fails.
    pub fn squared_norms(&self) -> Result<Vec<f64>> {
        let there: Vec<&Tensor> = self.entries.iter().flatten().collect();
        let queue = there.first().and_then(|gradient| Queue::of(gradient.device()));
        let norms = match queue {
            Some(queue) => queue.sums_of_squares(&there)?,
            None => there.into_iter().map(squared_norm).collect::<Result<_>>()?,
        };
        let mut norms = norms.into_iter();
        let of = |entry: &Option<Tensor>| entry.as_ref().and_then(|_| norms.next()).unwrap_or(0.0);
        Ok(self.entries.iter().map(of).collect())
    }

    /// Scales all gradients together so that their common norm is at most `max_norm`, given their
    /// `squared_norms`, and returns the norm before.
    ///
    /// Pascanu et al., ICML 2013, arXiv:1211.5063, algorithm 1; the factor
    /// `max_norm / (norm + 1e-6)` is that of `torch.nn.utils.clip_grad_norm_`.
    ///
    /// # Errors
    /// If candle fails.
    pub fn clip(&mut self, squared_norms: &[f64], max_norm: f64) -> Result<f64> {
        let norm = squared_norms.iter().sum::<f64>().sqrt();
        let factor = max_norm / (norm + 1e-6);
        if factor < 1.0 {
            for gradient in self.entries.iter_mut().flatten() {
                if host::is_reachable(gradient.device()) {
                    gradient.inplace_op1(&Scale(factor as f32))?;
                } else {
                    *gradient = gradient.affine(factor, 0.0)?;
                }
            }
        }
        Ok(norm)
    }
}

/// Σ x², summed in f64 on the CPU.
pub(crate) fn squared_norm(gradient: &Tensor) -> Result<f64> {
    if host::is_reachable(gradient.device()) {
        return Ok(kernel::sum_of_squares(&host::values(gradient)?));
    }
    let sum = gradient.sqr()?.sum_all()?.to_scalar::<f32>()?;
    if sum.is_finite() {
        return Ok(f64::from(sum));
    }
    // The f32 sum may have overflowed although all elements are finite.
    let values = gradient.flatten_all()?.to_vec1::<f32>()?;
    Ok(kernel::sum_of_squares(&values))
}

/// Multiplies a tensor in place.
struct Scale(f32);

impl InplaceOp1 for Scale {
    fn name(&self) -> &'static str {
        "gradient clipping"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> candle_core::Result<()> {
        let (CpuStorage::F32(values), Some((start, end))) = (storage, layout.contiguous_offsets())
        else {
            candle_core::bail!("clipping needs contiguous f32 gradients, got {layout:?}");
        };
        kernel::scale(&mut values[start..end], self.0);
        Ok(())
    }
}

/// Whether all values of a tensor are finite.
pub(crate) fn is_finite(tensor: &Tensor) -> Result<bool> {
    if host::is_reachable(tensor.device()) && tensor.is_contiguous() {
        return Ok(host::values(tensor)?.iter().all(|value| value.is_finite()));
    }
    let values = tensor.flatten_all()?.to_vec1::<f32>()?;
    Ok(values.iter().all(|value| value.is_finite()))
}

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use candlewick_core::Key;
    use candlewick_core::initializer::Initializer;
    use candlewick_core::parameters::{Role, Scope, seeded};

    use super::*;

    fn network() -> Result<Parameters> {
        let root = Scope::from(seeded(&Device::Cpu, Key::new(1)));
        root.create("a", Role::Weight, &[2], Initializer::Constant(1.0))?;
        root.create("unused", Role::Weight, &[2], Initializer::Constant(1.0))?;
        root.create("statistics", Role::Buffer, &[2], Initializer::Constant(1.0))?;
        root.create("b", Role::Bias, &[1], Initializer::Constant(1.0))?;
        Ok(root.parameters())
    }

    /// Loss 3·a₀ + 4·a₁ + 12·b: gradients (3, 4) and 12, norms 5 and 12, common norm 13.
    fn gradients(parameters: &Parameters) -> Result<Gradients> {
        let [a, _, b] = parameters.learned().collect::<Vec<_>>()[..] else {
            unreachable!("three learned parameters");
        };
        let slopes = Tensor::new(&[3.0_f32, 4.0], &Device::Cpu)?;
        let loss = ((a.variable.as_tensor() * slopes)?.sum_all()?
            + (b.variable.as_tensor() * 12.0)?.sum_all()?)?;
        Gradients::take(parameters, loss.backward()?)
    }

    fn values(gradients: &Gradients, index: usize) -> Result<Vec<f32>> {
        let gradient = gradients.get(index).map(Tensor::to_vec1::<f32>);
        Ok(gradient.transpose()?.unwrap_or_default())
    }

    #[test]
    fn gradients_come_in_parameter_order_without_a_graph() -> Result<()> {
        let parameters = network()?;
        let gradients = gradients(&parameters)?;
        assert_eq!(values(&gradients, 0)?, [3.0, 4.0]);
        assert!(gradients.get(1).is_none());
        assert_eq!(values(&gradients, 2)?, [12.0]);
        assert!(gradients.get(3).is_none());
        assert_eq!(gradients.squared_norms()?, [25.0, 0.0, 144.0]);
        assert!(gradients.entries.iter().flatten().all(|gradient| !gradient.track_op()));
        Ok(())
    }

    #[test]
    fn clipping_scales_all_gradients_by_one_factor() -> Result<()> {
        let parameters = network()?;
        let mut gradients = gradients(&parameters)?;
        let norms = gradients.squared_norms()?;
        assert_eq!(gradients.clip(&norms, 20.0)?, 13.0);
        assert_eq!(values(&gradients, 0)?, [3.0, 4.0]);
        // Factor 1.3 / 13.000001 = 0.09999999.
        assert_eq!(gradients.clip(&norms, 1.3)?, 13.0);
        let (a, b) = (values(&gradients, 0)?, values(&gradients, 2)?);
        assert!(
            (a[0] - 0.3).abs() < 1e-6 && (a[1] - 0.4).abs() < 1e-6 && (b[0] - 1.2).abs() < 1e-6
        );
        Ok(())
    }

    #[test]
    fn a_norm_is_finite_exactly_if_all_elements_are() -> Result<()> {
        let large = Tensor::new(&[3e38_f32, -3e38], &Device::Cpu)?;
        assert!(squared_norm(&large)?.is_finite() && is_finite(&large)?);
        let mut refused = 0;
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let tensor = Tensor::new(&[1.0, bad], &Device::Cpu)?;
            assert!(!squared_norm(&tensor)?.is_finite() && !is_finite(&tensor)?);
            refused += 1;
        }
        assert_eq!(refused, 3);
        Ok(())
    }
}
