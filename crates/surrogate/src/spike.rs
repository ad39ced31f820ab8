//! The spike as an operation on any candle tensor.

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};
use candlewick_core::host;
use candlewick_core::value::Value;
use candlewick_kernels::neuron::FiringRule;
use candlewick_kernels::real::Real;
use rayon::prelude::*;

use crate::Surrogate;

/// Values per parallel task.
const TASK: usize = 1 << 14;

/// Spikes where `x`, the distance to the threshold, is above 0; the backward pass multiplies by the
/// derivative of `surrogate`.
///
/// ```text
/// s = H(x),   dL/dx = dL/ds · sg(x)
/// ```
///
/// Returns a tensor of zeros and ones of the shape of `x` (`f32` on the CPU; any float type
/// elsewhere, composed of candle operations).
///
/// Elsewhere: `surrogate.atan()(x)` and the like in snnTorch, `surrogate.ATan()(x)` in SpikingJelly, whose
/// spikes include `x = 0` ([`spike_at`] has the choice).
///
/// ```
/// use candle_core::{Device, Var};
/// use candlewick_surrogate::{Triangle, spike};
///
/// let x = Var::new(&[-0.25_f32, 0.5, 2.0], &Device::Cpu)?;
/// let spikes = spike(&x, &Triangle { gamma: 1.0 })?;
/// assert_eq!(spikes.to_vec1::<f32>()?, [0.0, 1.0, 1.0]);
/// let gradients = spikes.sum_all()?.backward()?;
/// assert_eq!(gradients.get(&x).expect("a gradient").to_vec1::<f32>()?, [0.75, 0.5, 0.0]);
/// # Ok::<(), candle_core::Error>(())
/// ```
///
/// # Errors
/// If candle fails, such as for a tensor on the CPU that does not hold `f32`.
pub fn spike(x: &Tensor, surrogate: &dyn Surrogate) -> Result<Tensor> {
    spike_at(x, FiringRule::Above, surrogate, 0)
}

/// [`spike`] with a choice of what happens at a distance of exactly 0, for a part of a layer whose
/// first element has the index `first` in the layer's `[T, N]` array (see
/// [`Surrogate::derivative`]).
///
/// # Errors
/// As [`spike`].
pub fn spike_at(
    x: &Tensor,
    rule: FiringRule,
    surrogate: &dyn Surrogate,
    first: u64,
) -> Result<Tensor> {
    let inclusive = rule == FiringRule::AtOrAbove;
    if host::is_reachable(x.device()) {
        return x.contiguous()?.apply_op1(Spike {
            inclusive,
            surrogate: surrogate.shared(),
            first,
        });
    }
    // The second term is exactly 0, and carries the gradient.
    let fires = Value::from(x.clone()).heaviside(inclusive).tensor(x)?;
    let smooth = (surrogate.derivative_tensor(first, &x.detach())?.detach() * x)?;
    fires + (&smooth - smooth.detach())?
}

struct Spike {
    inclusive: bool,
    surrogate: Arc<dyn Surrogate>,
    first: u64,
}

impl CustomOp1 for Spike {
    fn name(&self) -> &'static str {
        "spike"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = host::slice(storage, layout)?;
        let spikes = x.par_iter().map(|&x| x.heaviside(self.inclusive)).collect();
        Ok((CpuStorage::F32(spikes), layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, _spikes: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let (x, grad) = (x.contiguous()?, grad.contiguous()?);
        let mut out = vec![0.0; x.elem_count()];
        {
            let (x, grad) = (host::values(&x)?, host::values(&grad)?);
            out.par_chunks_mut(TASK)
                .zip(x.par_chunks(TASK).zip(grad.par_chunks(TASK)))
                .enumerate()
                .for_each(|(task, (out, (x, grad)))| {
                    self.surrogate.derivative(self.first + (task * TASK) as u64, x, out);
                    for (out, grad) in out.iter_mut().zip(grad) {
                        *out *= grad;
                    }
                });
        }
        Ok(Some(Tensor::from_vec(out, x.shape(), x.device())?))
    }
}
