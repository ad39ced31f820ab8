//! Gradient scaling with local spike information (Park et al., ICML workshop 2023,
//! arXiv:2308.00558), as the first author's framework codes it; the paper's own text was not found,
//! and that this code is the paper's method is a judgement.
//!
//! ```text
//! r[t] = e⁻¹ · r[t-1] + s[t]                     a trace of each neuron's spikes, r[0] = 0
//! H[t] = correlation of r_pre[t] with r_post[t]   in the shape of the weight
//! M[t] = (1 - alpha) + alpha · H[t] / max H[t]
//! dL/dW = Σ_t (dL/dW)[t] ⊙ M[t]
//! ```
//!
//! Only the gradient by the weight is scaled. A layer whose traces do not meet has `M = 1`.

use candlewick_core::weight_rule::{WeightGradientRule, WeightSite};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Whose spikes the post-synaptic trace follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TraceTime {
    /// The one of step `t` (last version of the code).
    #[default]
    Step,
    /// The one after the last step (first version).
    Final,
}

/// Settings of gradient scaling.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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

impl GradientScaling {
    /// What makes the settings unusable, as (field, expected); `None` if they are fine.
    pub fn problem(&self) -> Option<(&'static str, &'static str)> {
        (!(0.0..=1.0).contains(&self.alpha)).then_some(("alpha", "a number in [0, 1]"))
    }
}

/// e⁻¹: the traces' decay per step.
const DECAY: f32 = 0.367_879_45;

/// Values per parallel task.
const CHUNK: usize = 1 << 14;

/// `trace ← e⁻¹ · trace + spikes`.
fn advance(trace: &mut [f32], spikes: &[f32]) {
    trace.par_chunks_mut(CHUNK).zip(spikes.par_chunks(CHUNK)).for_each(|(trace, spikes)| {
        for (trace, spike) in trace.iter_mut().zip(spikes) {
            *trace = DECAY * *trace + spike;
        }
    });
}

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
    fn is_identity(&self) -> bool {
        self.alpha == 0.0
    }

    fn weight_gradient(&self, site: WeightSite<'_>, gradient: &mut [f32]) {
        let post = match self.post_source {
            PostSource::Post => site.post,
            PostSource::Pre if site.pre.len == site.post.len => site.pre,
            PostSource::Pre => {
                (site.plain)(gradient);
                return;
            }
        };
        let last = site.time_steps - 1;
        let mut spikes = vec![0.0; post.len];
        let mut trace = vec![0.0; post.len];
        let mut advance_to = |t: usize, trace: &mut [f32]| {
            (post.read)(t, &mut spikes);
            advance(trace, &spikes);
        };
        let mut of_the_step = vec![0.0; gradient.len()];
        let mut coincidence = vec![0.0; gradient.len()];
        // Coincidence of the traces of step `t`, and its largest element.
        let coincide = |t: usize, trace: &[f32], coincidence: &mut [f32]| {
            (site.correlate)(&weights_of_trace(t, site.time_steps), trace, coincidence);
            coincidence.iter().fold(0.0, |most: f32, &h| most.max(h))
        };
        let mut largest = 0.0;
        if self.trace_time == TraceTime::Final {
            for t in 0..=last {
                advance_to(t, &mut trace);
            }
            largest = coincide(last, &trace, &mut coincidence);
        }
        gradient.fill(0.0);
        let mut only = vec![0.0; site.time_steps];
        for t in 0..=last {
            only.fill(0.0);
            only[t] = 1.0;
            (site.correlate)(&only, site.gradient_of_step(t), &mut of_the_step);
            if self.trace_time == TraceTime::Step {
                advance_to(t, &mut trace);
                largest = coincide(t, &trace, &mut coincidence);
            }
            if largest > 0.0 {
                let factor = self.alpha / largest;
                for ((sum, part), h) in gradient.iter_mut().zip(&of_the_step).zip(&coincidence) {
                    *sum += part * ((1.0 - self.alpha) + factor * h);
                }
            } else {
                for (sum, part) in gradient.iter_mut().zip(&of_the_step) {
                    *sum += part;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use candlewick_core::Key;
    use candlewick_core::weight_rule::Steps;

    use super::*;

    /// Two inputs, one output, T = 2. Input 0 fires at step 0, input 1 at step 1, the output at
    /// step 1. Traces at step 1: e⁻¹ and 1 before, 1 behind: H = (e⁻¹, 1), max 1.
    /// Step 0: the output's trace is 0, so M = 1.
    #[test]
    fn a_synapse_that_caused_the_spike_keeps_its_gradient() {
        let (pre, post, grad) = ([1.0, 0.0, 0.0, 1.0], [0.0, 1.0], [2.0, 3.0]);
        let correlate = |weights: &[f32], post: &[f32], out: &mut [f32]| {
            for (i, out) in out.iter_mut().enumerate() {
                *out = (weights[0] * pre[i] + weights[1] * pre[2 + i]) * post[0];
            }
        };
        let plain = |out: &mut [f32]| out.copy_from_slice(&grad);
        let read_pre = |t: usize, out: &mut [f32]| out.copy_from_slice(&pre[2 * t..2 * t + 2]);
        let read_post = |t: usize, out: &mut [f32]| out.copy_from_slice(&post[t..=t]);
        let site = WeightSite {
            time_steps: 2,
            pre: Steps { len: 2, read: &read_pre },
            post: Steps { len: 1, read: &read_post },
            grad_output: &grad,
            correlate: &correlate,
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
