//! Masked surrogate gradients (Li, Zhao, Zhao, Zeng, Neural Networks 2024, arXiv:2406.19645).
//!
//! In every backward pass a fresh mask sets elements of the surrogate derivative to 0 with
//! probability `p`, independently for every time step, sample and neuron (`msg/surrogate.py`):
//!
//! ```text
//! sg'(x) = 0 with probability p, else sg(x)
//! ```
//!
//! The forward pass is untouched. The paper's text can also be read as a mask on the weight
//! gradient, `W ← W - eta · (G ⊙ M)`; `site = "weight"` does that.

use std::sync::Arc;

use candle_core::{Result, Tensor, Var};
use candlewick_core::Key;
use candlewick_core::weight_rule::{WeightGradientRule, WeightSite};
use candlewick_kernels::random::{LANES, unit};
use candlewick_kernels::simd::{self, Kernel};
use candlewick_surrogate::{Effective, Site, Surrogate, SurrogateRule};
use serde::{Deserialize, Serialize};

/// What is masked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MaskSite {
    /// The derivative of the spike by the membrane potential (official code).
    #[default]
    Membrane,
    /// The gradient by the weights between spiking layers (literal reading of the text).
    Weight,
}

/// Settings of masked surrogate gradients.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MaskedSurrogate {
    /// Probability that an element is set to 0, in [0, 1]. Default 0.5 (`sub_prob`).
    pub p: f32,
    /// Whether what is left is scaled by 1/(1-p). Default false, as in the code; the paper's
    /// analysis of the variance assumes true.
    pub rescale: bool,
    /// Default `membrane`.
    pub site: MaskSite,
}

impl Default for MaskedSurrogate {
    fn default() -> Self {
        Self { p: 0.5, rescale: false, site: MaskSite::Membrane }
    }
}

impl MaskedSurrogate {
    /// What makes the settings unusable, as (field, expected); `None` if they are fine.
    pub fn problem(&self) -> Option<(&'static str, &'static str)> {
        if !(0.0..=1.0).contains(&self.p) {
            Some(("p", "a probability in [0, 1]"))
        } else if self.rescale && self.p == 1.0 {
            Some(("p", "below 1 with `rescale`, which divides by 1 - p"))
        } else {
            None
        }
    }

    fn scale(&self) -> f32 {
        if self.rescale { 1.0 / (1.0 - self.p) } else { 1.0 }
    }
}

impl SurrogateRule for MaskedSurrogate {
    fn initial(&self, _base: &dyn Surrogate) -> Option<f32> {
        None
    }

    fn apply(
        &self,
        _base: &dyn Surrogate,
        current: Effective,
        _learned: Option<&Var>,
        site: Site,
    ) -> Result<Effective> {
        let mask = Mask {
            inner: current.surrogate,
            key: site.key.named("masked_surrogate"),
            threshold: (f64::from(self.p) * 65_536.0).round() as u32,
            scale: self.scale(),
        };
        Ok(Effective { surrogate: Arc::new(mask), parameter: current.parameter })
    }
}

impl WeightGradientRule for MaskedSurrogate {
    fn is_identity(&self) -> bool {
        self.p == 0.0
    }

    fn weight_gradient(&self, site: WeightSite<'_>, gradient: &mut [f32]) {
        gradient.fill(0.0);
        let mut of_the_step = vec![0.0; gradient.len()];
        for t in 0..site.time_steps {
            let (pre, grad) = (site.step(site.pre, t), site.step(site.grad_output, t));
            (site.correlate)(pre, grad, &mut of_the_step);
            for (sum, part) in gradient.iter_mut().zip(&of_the_step) {
                *sum += part;
            }
        }
        let key = site.key.named("masked_surrogate");
        for (index, value) in gradient.iter_mut().enumerate() {
            let keep = unit(key.word(index as u64)) >= self.p;
            *value = if keep { *value * self.scale() } else { 0.0 };
        }
    }
}

/// A surrogate whose derivative is 0 at random elements.
///
/// Element `i` of the layer's `[T, B·N]` array is masked by 16 bits of its own, half a word of block
/// `i / 8` of the stream, whatever part of the array is asked for.
#[derive(Clone, Debug)]
struct Mask {
    inner: Arc<dyn Surrogate>,
    key: Key,
    /// Elements whose bits are below this are masked: p · 2¹⁶.
    threshold: u32,
    scale: f32,
}

/// Elements that [`LANES`] blocks of four words of two halves mask.
const ELEMENTS: usize = 8 * LANES;

struct Apply<'a> {
    mask: &'a Mask,
    first: u64,
    values: &'a mut [f32],
}

impl Kernel for Apply<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { mask, first, values } = self;
        let last = first + values.len() as u64;
        let mut group = first / ELEMENTS as u64;
        let mut factors = [0.0_f32; ELEMENTS];
        while group * (ELEMENTS as u64) < last {
            let words = mask.key.lanes(group * LANES as u64);
            for (part, lanes) in words.iter().enumerate() {
                for lane in 0..LANES {
                    let halves = [lanes[lane] & 0xFFFF, lanes[lane] >> 16];
                    for (half, bits) in halves.into_iter().enumerate() {
                        let keep = bits >= mask.threshold;
                        // Lanes are contiguous within a half, so that this is a vector store.
                        factors[(2 * part + half) * LANES + lane] =
                            if keep { mask.scale } else { 0.0 };
                    }
                }
            }
            let start = group * ELEMENTS as u64;
            let (from, to) = (start.max(first), (start + ELEMENTS as u64).min(last));
            let factors = &factors[(from - start) as usize..(to - start) as usize];
            let values = &mut values[(from - first) as usize..(to - first) as usize];
            for (value, factor) in values.iter_mut().zip(factors) {
                *value *= factor;
            }
            group += 1;
        }
    }
}

impl Mask {
    /// The mask of the elements of `x`, the first of which has the index `first` in the layer.
    fn factors(&self, first: u64, x: &Tensor) -> Result<Tensor> {
        let mut factors = vec![1.0; x.elem_count()];
        simd::dispatch(Apply { mask: self, first, values: &mut factors });
        Tensor::from_vec(factors, x.shape(), x.device())
    }
}

impl Surrogate for Mask {
    fn derivative(&self, first: u64, x: &[f32], out: &mut [f32]) {
        self.inner.derivative(first, x, out);
        simd::dispatch(Apply { mask: self, first, values: out });
    }

    fn parameter_derivative(&self, first: u64, x: &[f32], out: &mut [f32]) {
        self.inner.parameter_derivative(first, x, out);
        simd::dispatch(Apply { mask: self, first, values: out });
    }

    fn primitive(&self, x: f32) -> f32 {
        self.inner.primitive(x)
    }

    fn parameter(&self) -> Option<f32> {
        self.inner.parameter()
    }

    fn with_parameter(&self, parameter: f32) -> Arc<dyn Surrogate> {
        Arc::new(Self { inner: self.inner.with_parameter(parameter), ..self.clone() })
    }

    fn support(&self) -> Option<f32> {
        self.inner.support()
    }

    fn problem(&self) -> Option<(&'static str, &'static str)> {
        self.inner.problem()
    }

    fn shared(&self) -> Arc<dyn Surrogate> {
        Arc::new(self.clone())
    }

    fn derivative_tensor(&self, first: u64, x: &Tensor) -> Result<Tensor> {
        self.inner.derivative_tensor(first, x)? * self.factors(first, x)?
    }

    fn parameter_derivative_tensor(&self, first: u64, x: &Tensor) -> Result<Tensor> {
        self.inner.parameter_derivative_tensor(first, x)? * self.factors(first, x)?
    }
}
