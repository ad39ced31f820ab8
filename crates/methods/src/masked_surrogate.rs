//! Masked surrogate gradients (MSG).

use std::sync::Arc;

use candle_core::{Result, Tensor};
use candlewick_core::Key;
use candlewick_core::parameters::Scope;
use candlewick_core::weight_rule::{WeightGradientRule, WeightSite};
use candlewick_kernels::neuron::traced::{self, DerivativeTrace};
use candlewick_kernels::random::bernoulli::{Bernoulli, SHEET};
use candlewick_kernels::simd::{self, Kernel};
use candlewick_surrogate::{Effective, Site, Surrogate, SurrogateRule};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Method, SpikingSite};

/// What is masked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MaskSite {
    /// The derivative of the spike with respect to the membrane potential (official code).
    #[default]
    Membrane,
    /// The gradient with respect to the weights between spiking layers (literal reading of the text).
    Weight,
}

/// Masked surrogate gradients (Li, Zhao, Zhao, Zeng, Neural Networks 2024, arXiv:2406.19645).
/// In every backward pass a fresh mask sets elements of the surrogate derivative to 0 with
/// probability `p`, independently for every time step, sample and neuron (`msg/surrogate.py`):
///
/// ```text
/// sg'(x) = 0 with probability p, else sg(x)
/// ```
///
/// The mask is drawn from the random stream of the training step and the layer, so that a run can be repeated.
/// With `p = 0` the training is that without a mask, to the bit.
/// The forward pass is untouched. The paper's text can also be read as a mask on the weight
/// gradient, `W ← W - eta · (G ⊙ M)`; `site = "weight"` does that.
///
/// Elsewhere: `mixedplgrad` and `sub_prob` in the code of the paper.
///
/// ```
/// use candle_core::Device;
/// use candlewick_core::{Key, parameters::seeded};
/// use candlewick_methods::{MaskedSurrogate, Method, SpikingSite};
/// use candlewick_neuron::{Lif, Settings};
/// use candlewick_surrogate::{Effective, Site, Surrogate, Triangle};
///
/// let (surrogate, neuron) = (Triangle::default().shared(), Lif::default().model());
/// let site = SpikingSite { surrogate: &surrogate, neuron: &neuron, learned: &[], gammas: &[] };
/// let scope = seeded(&Device::Cpu, Key::new(0)).into();
/// let method = MaskedSurrogate { p: 0.25, ..MaskedSurrogate::default() };
/// let rule = method.surrogate_rule(&site, &scope)?.expect("a rule");
///
/// let pass = Site { key: Key::new(7), elements: 4000, time_steps: 4 };
/// let masked = rule.apply(Effective { surrogate, parameter: None }, pass)?.surrogate;
/// let mut derivatives = vec![0.0; 4000];
/// masked.derivative(0, &vec![0.0; 4000], &mut derivatives); // the triangle has 1 at the distance 0
/// let kept = derivatives.iter().filter(|&&derivative| derivative == 1.0).count();
/// assert!((2900..3100).contains(&kept), "{kept}");
/// # Ok::<(), candlewick_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MaskedSurrogate {
    /// Probability that an element is set to 0, in [0, 1], rounded to steps of 2⁻¹⁶. Default 0.5
    /// (`sub_prob`).
    pub p: f32,
    /// Whether the remaining elements are scaled by 1/(1-p). Default false, as in the code; the paper's
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

impl Method for MaskedSurrogate {
    fn name(&self) -> &'static str {
        "masked_surrogate"
    }

    fn problem(&self) -> Option<(&'static str, &'static str)> {
        if !(0.0..=1.0).contains(&self.p) {
            Some(("p", "a probability in [0, 1]"))
        } else if self.rescale && self.probability() == 1.0 {
            Some(("p", "below 1 with `rescale`, which divides by 1 - p"))
        } else {
            None
        }
    }

    fn surrogate_rule(
        &self,
        _site: &SpikingSite<'_>,
        _scope: &Scope<'_>,
    ) -> candlewick_core::Result<Option<Arc<dyn SurrogateRule>>> {
        let acts = self.site == MaskSite::Membrane && self.probability() > 0.0;
        Ok(if acts { Some(Arc::new(self.clone())) } else { None })
    }

    fn weight_rule(&self) -> Option<Arc<dyn WeightGradientRule>> {
        let acts = self.site == MaskSite::Weight && self.probability() > 0.0;
        if acts { Some(Arc::new(self.clone())) } else { None }
    }
}

impl MaskedSurrogate {
    /// The probability that the mask has: `p` in steps of 2⁻¹⁶, as [`Bernoulli::new`] rounds it.
    fn probability(&self) -> f32 {
        const STEPS: f32 = 65_536.0;
        (self.p * STEPS).round() / STEPS
    }

    fn scale(&self) -> f32 {
        if self.rescale { 1.0 / (1.0 - self.probability()) } else { 1.0 }
    }

    /// The elements of a layer that are masked in a step.
    fn bits(&self, key: Key) -> Bernoulli {
        Bernoulli::new(key.named("masked_surrogate"), self.probability())
    }
}

impl SurrogateRule for MaskedSurrogate {
    fn apply(&self, current: Effective, site: Site) -> Result<Effective> {
        let mask =
            Mask { inner: current.surrogate, masked: self.bits(site.key), scale: self.scale() };
        Ok(Effective { surrogate: Arc::new(mask), parameter: current.parameter })
    }
}

impl WeightGradientRule for MaskedSurrogate {
    fn weight_gradient(&self, site: WeightSite<'_>, gradient: &mut [f32]) {
        (site.plain)(gradient);
        let (masked, scale) = (self.bits(site.key), self.scale());
        simd::dispatch(Apply { masked, scale, first: 0, values: gradient });
    }
}

/// A surrogate whose derivative is 0 at random elements.
///
/// Element `i` of the layer's `[T, B·N]` array is masked by bit `i` of a stream of bits, whatever
/// part of the array is asked for.
#[derive(Clone, Debug)]
struct Mask {
    inner: Arc<dyn Surrogate>,
    masked: Bernoulli,
    scale: f32,
}

/// Sets the values whose bit is 1 to 0 and multiplies the others by `scale`; the first value has the
/// index `first` in the stream of bits.
struct Apply<'a> {
    masked: Bernoulli,
    scale: f32,
    first: u64,
    values: &'a mut [f32],
}

impl Kernel for Apply<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { masked, scale, first, mut values } = self;
        let mut number = first / SHEET as u64;
        let mut skip = (first % SHEET as u64) as usize;
        while !values.is_empty() {
            let sheet = masked.sheet(number);
            let (here, rest) = values.split_at_mut(values.len().min(SHEET - skip));
            if let Ok(here) = <&mut [f32; SHEET]>::try_from(&mut *here) {
                // A whole sheet, as the scans ask for it: the bits stay in registers.
                for (values, word) in here.as_chunks_mut::<32>().0.iter_mut().zip(sheet) {
                    for (bit, value) in values.iter_mut().enumerate() {
                        *value = if word & (1 << bit) == 0 { *value * scale } else { 0.0 };
                    }
                }
            } else {
                for (index, value) in (skip..).zip(here) {
                    let masked = sheet[index / 32] >> (index % 32) & 1 == 1;
                    *value = if masked { 0.0 } else { *value * scale };
                }
            }
            values = rest;
            number += 1;
            skip = 0;
        }
    }
}

impl Mask {
    fn apply(&self, first: u64, values: &mut [f32]) {
        let Self { masked, scale, .. } = *self;
        simd::dispatch(Apply { masked, scale, first, values });
    }

    /// The mask of the elements of `x`, the first of which has the index `first` in the layer.
    fn factors(&self, first: u64, x: &Tensor) -> Result<Tensor> {
        let mut factors = vec![1.0; x.elem_count()];
        self.apply(first, &mut factors);
        Tensor::from_vec(factors, x.shape(), x.device())
    }
}

impl Surrogate for Mask {
    fn derivative(&self, first: u64, x: &[f32], out: &mut [f32]) {
        self.inner.derivative(first, x, out);
        self.apply(first, out);
    }

    fn parameter_derivative(&self, first: u64, x: &[f32], out: &mut [f32]) {
        self.inner.parameter_derivative(first, x, out);
        self.apply(first, out);
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

    fn trace(&self) -> Option<DerivativeTrace> {
        let inner = self.inner.trace().filter(|inner| inner.mask.is_none())?;
        let mask = traced::Mask { masked: self.masked, scale: self.scale };
        Some(DerivativeTrace { mask: Some(mask), ..inner })
    }

    fn derivative_tensor(&self, first: u64, x: &Tensor) -> Result<Tensor> {
        self.inner.derivative_tensor(first, x)? * self.factors(first, x)?
    }

    fn parameter_derivative_tensor(&self, first: u64, x: &Tensor) -> Result<Tensor> {
        self.inner.parameter_derivative_tensor(first, x)? * self.factors(first, x)?
    }
}
