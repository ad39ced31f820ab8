//! Gradient scaling with local spike information.

use std::sync::Arc;

use candlewick_core::weight_rule::{Shares, Side, WeightGradientRule, WeightSite};
use rayon::prelude::*;
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
        let steps = match self.trace_time {
            TraceTime::Step => 0..site.time_steps,
            TraceTime::Final => site.time_steps - 1..site.time_steps,
        };
        let row = steps.len() * site.outputs;
        let scale = |most: f32| {
            // Traces that never meet leave the gradient as it is.
            if most > 0.0 { [1.0 - self.alpha, self.alpha / most] } else { [1.0, 0.0] }
        };
        (site.coincide)(side, DECAY, steps, &mut |values| {
            let most = largest(values, row, site.outputs);
            let scales: Vec<[f32; 2]> = most.into_iter().map(scale).collect();
            (site.shared)(Shares { values, scales: &scales }, gradient);
        });
    }
}

/// The largest value of each step, in rows of steps of `outputs` values that are not negative.
fn largest(values: &[f32], row: usize, outputs: usize) -> Vec<f32> {
    const ROWS: usize = 64;
    let of_rows = |rows: &[f32]| {
        let mut most = vec![0.0_f32; row];
        for row in rows.chunks_exact(row) {
            most.iter_mut().zip(row).for_each(|(most, value)| *most = most.max(*value));
        }
        most
    };
    let most = values.par_chunks(ROWS * row).map(of_rows).reduce(
        || vec![0.0; row],
        |mut most, other| {
            most.iter_mut().zip(other).for_each(|(most, value)| *most = most.max(value));
            most
        },
    );
    most.chunks_exact(outputs).map(|most| most.iter().fold(0.0, |most, &h| h.max(most))).collect()
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use candlewick_core::Key;

    use super::*;

    /// Two inputs, one output, T = 2. Input 0 fires at step 0, input 1 at step 1, the output at
    /// step 1. Traces at step 1: e⁻¹ and 1 before, 1 behind: H = (e⁻¹, 1), max 1.
    /// Step 0: the output's trace is 0, so M = 1.
    #[test]
    fn a_synapse_that_caused_the_spike_keeps_its_gradient() {
        let (pre, post, grad) = ([1.0, 0.0, 0.0, 1.0], [0.0, 1.0], [2.0, 3.0]);
        let coincide =
            |side: Side, decay: f32, steps: Range<usize>, body: &mut dyn FnMut(&[f32])| {
                assert_eq!(side, Side::Post);
                let trace = |spikes: [f32; 2], t: usize| match t {
                    0 => spikes[0],
                    _ => decay * spikes[0] + spikes[1],
                };
                let inputs = (0..2).flat_map(|input| steps.clone().map(move |t| (input, t)));
                let both = |(input, t)| trace([pre[input], pre[2 + input]], t) * trace(post, t);
                body(&inputs.map(both).collect::<Vec<f32>>());
            };
        let shared = |shares: Shares<'_>, out: &mut [f32]| {
            let rows = shares.scales.len();
            for (input, out) in out.iter_mut().enumerate() {
                let share = |t: usize| {
                    let row = t.min(rows - 1);
                    shares.scales[row][0]
                        + shares.scales[row][1] * shares.values[input * rows + row]
                };
                *out = (0..2).map(|t| pre[2 * t + input] * grad[t] * share(t)).sum();
            }
        };
        let plain = |out: &mut [f32]| out.copy_from_slice(&grad);
        let site = WeightSite {
            time_steps: 2,
            outputs: 1,
            same_shape: false,
            coincide: &coincide,
            shared: &shared,
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
