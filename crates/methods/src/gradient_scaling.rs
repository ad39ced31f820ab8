//! Gradient scaling with local spike information.

use std::sync::Arc;

use candlewick_core::weight_rule::{Side, WeightGradientRule, WeightSite};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Method;

/// Whose spikes the post-synaptic trace follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PostSource {
    /// The post-synaptic neurons' (first version of the code, and the intention).
    #[default]
    Post,
    /// The pre-synaptic neurons' (a slip in the later versions); layers whose input and output
    /// differ in shape then keep their plain gradient, as there.
    Pre,
}

/// Which value of the traces scales the gradient of step `t`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TraceTime {
    /// The one of step `t` (last version of the code).
    #[default]
    Step,
    /// The one after the last step (first version).
    Final,
}

/// Gradient scaling with local spike information (Park et al., ICML workshop 2023,
/// arXiv:2308.00558), as the first author's framework codes it; the paper's own text was not found,
/// and that this code is the paper's method is a judgement.
///
/// ```text
/// r[t] = e⁻¹ · r[t-1] + s[t]                     a trace of each neuron's spikes, r[0] = 0
/// H[t] = correlation of r_pre[t] with r_post[t]   in the shape of the weight
/// M[t] = (1 - alpha) + alpha · H[t] / max H[t]
/// dL/dW = Σ_t (dL/dW)[t] ⊙ M[t]
/// ```
///
/// Only the gradient with respect to the weight is scaled, that of synapses between spiking layers. `M` is in
/// [1 - alpha, 1]; a layer whose traces do not meet has `M = 1`.
///
/// ```
/// use candlewick_methods::{GradientScaling, Method};
///
/// assert!(GradientScaling { alpha: 0.5, ..GradientScaling::default() }.weight_rule().is_some());
/// // Without scaling there is no rule, and the gradient is the plain one, to the bit.
/// assert!(GradientScaling { alpha: 0.0, ..GradientScaling::default() }.weight_rule().is_none());
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GradientScaling {
    /// Share of the gradient that depends on the traces, in [0, 1]. Default 0.1 (the later
    /// configurations of the code; the flag's own default is 0.5).
    pub alpha: f32,
    /// Default `post`.
    pub post_source: PostSource,
    /// Default `step`.
    pub trace_time: TraceTime,
}

impl Default for GradientScaling {
    fn default() -> Self {
        Self { alpha: 0.1, post_source: PostSource::Post, trace_time: TraceTime::Step }
    }
}

impl Method for GradientScaling {
    fn name(&self) -> &'static str {
        "gradient_scaling"
    }

    fn problem(&self) -> Option<(&'static str, &'static str)> {
        (!(0.0..=1.0).contains(&self.alpha)).then_some(("alpha", "a number in [0, 1]"))
    }

    /// None with `alpha` = 0, which leaves every gradient as it is.
    fn weight_rule(&self) -> Option<Arc<dyn WeightGradientRule>> {
        if self.alpha == 0.0 { None } else { Some(Arc::new(self.clone())) }
    }
}

/// e⁻¹: the traces' decay per step.
const DECAY: f32 = 0.367_879_45;

/// The weights with which the spikes of each step stand in the trace `r[t]`: e⁻⁽ᵗ⁻ᵏ⁾ for k ≤ t.
fn weights_of_trace(t: usize, time_steps: usize) -> Vec<f32> {
    let mut weights = vec![0.0; time_steps];
    let mut weight = 1.0;
    for slot in weights[..=t].iter_mut().rev() {
        *slot = weight;
        weight *= DECAY;
    }
    weights
}

impl WeightGradientRule for GradientScaling {
    fn weight_gradient(&self, site: WeightSite<'_>, gradient: &mut [f32]) {
        let side = match self.post_source {
            PostSource::Post => Side::Post,
            PostSource::Pre if site.same_shape => Side::Pre,
            PostSource::Pre => {
                (site.plain)(gradient);
                return;
            }
        };
        let time_steps = site.time_steps;
        let traces: Vec<Vec<f32>> = match self.trace_time {
            TraceTime::Step => (0..time_steps).map(|t| weights_of_trace(t, time_steps)).collect(),
            TraceTime::Final => vec![weights_of_trace(time_steps - 1, time_steps)],
        };
        let mut coincidences = vec![0.0; gradient.len() * traces.len()];
        (site.coincide)(side, &traces, &mut coincidences);
        // What stands in the trace of number `row`, weight row by weight row.
        let row_length = traces.len() * site.outputs;
        let of_trace = |row: usize| {
            let rows = coincidences.chunks_exact(row_length);
            rows.map(move |rows| &rows[row * site.outputs..][..site.outputs])
        };
        gradient.fill(0.0);
        let mut of_the_step = vec![0.0; gradient.len()];
        for t in 0..time_steps {
            (site.of_step)(t, &mut of_the_step);
            let row = t.min(traces.len() - 1);
            let largest = of_trace(row).flatten().fold(0.0, |most: f32, &h| most.max(h));
            // Traces that never meet leave the gradient as it is.
            let (constant, factor) =
                if largest > 0.0 { (1.0 - self.alpha, self.alpha / largest) } else { (1.0, 0.0) };
            let rows = gradient.chunks_exact_mut(site.outputs).zip(of_trace(row));
            for ((sums, h), parts) in rows.zip(of_the_step.chunks_exact(site.outputs)) {
                for ((sum, part), h) in sums.iter_mut().zip(parts).zip(h) {
                    *sum += part * (constant + factor * h);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use candlewick_core::Key;

    use super::*;

    /// Two inputs, one output, T = 2. Input 0 fires at step 0, input 1 at step 1, the output at
    /// step 1. Traces at step 1: e⁻¹ and 1 before, 1 behind: H = (e⁻¹, 1), max 1.
    /// Step 0: the output's trace is 0, so M = 1.
    #[test]
    fn a_synapse_that_caused_the_spike_keeps_its_gradient() {
        let (pre, post, grad) = ([1.0, 0.0, 0.0, 1.0], [0.0, 1.0], [2.0, 3.0]);
        let coincide = |side: Side, weights: &[Vec<f32>], out: &mut [f32]| {
            assert_eq!(side, Side::Post);
            for (out, (input, weights)) in
                out.iter_mut().zip((0..2).flat_map(|input| weights.iter().map(move |w| (input, w))))
            {
                let before = weights[0] * pre[input] + weights[1] * pre[2 + input];
                *out = before * (weights[0] * post[0] + weights[1] * post[1]);
            }
        };
        let of_step = |t: usize, out: &mut [f32]| {
            out.copy_from_slice(&[pre[2 * t] * grad[t], pre[2 * t + 1] * grad[t]]);
        };
        let plain = |out: &mut [f32]| out.copy_from_slice(&grad);
        let site = WeightSite {
            time_steps: 2,
            outputs: 1,
            same_shape: false,
            coincide: &coincide,
            of_step: &of_step,
            plain: &plain,
            key: Key::new(0),
        };
        let rule = GradientScaling { alpha: 0.5, ..Default::default() };
        let mut gradient = [0.0; 2];
        rule.weight_gradient(site, &mut gradient);
        assert_eq!(gradient, [2.0, 3.0]);
        // With the final traces, step 0 is scaled as well: M of input 0 = 0.5 + 0.5 · e⁻¹.
        let rule = GradientScaling { trace_time: TraceTime::Final, ..rule };
        rule.weight_gradient(site, &mut gradient);
        assert!((gradient[0] - 2.0 * (0.5 + 0.5 * DECAY)).abs() < 1e-6);
        // The slip needs equal shapes: here it leaves the plain gradient.
        let rule = GradientScaling { post_source: PostSource::Pre, ..rule };
        rule.weight_gradient(site, &mut gradient);
        assert_eq!(gradient, [2.0, 3.0]);
    }
}
