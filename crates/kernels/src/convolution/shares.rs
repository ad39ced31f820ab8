//! Shares by which the time steps of a gradient count.

use crate::simd::{Kernel, dispatch};
use rayon::prelude::*;

/// Weights per task, about.
const TASK: usize = 1 << 14;

/// How much each step counts in a gradient of the weight, for each weight by itself.
#[derive(Clone, Copy, Debug)]
pub struct Shares<'a> {
    /// `[kernel_h, kernel_w, in, steps, out]`.
    pub values: &'a [f32],
    /// For each step: a share is the first number plus the second one times its value.
    pub scales: &'a [[f32; 2]],
}

impl Shares<'_> {
    /// Adds the gradient of step `t`, times its shares, to `total`; both have a last axis of `outputs`.
    ///
    /// # Panics
    /// If there is no such step, or not a share for each element.
    pub fn add(&self, t: usize, outputs: usize, of_step: &[f32], total: &mut [f32]) {
        let steps = self.scales.len();
        assert!(t < steps, "step {t}");
        assert_eq!(of_step.len(), total.len(), "elements of a gradient");
        assert_eq!(self.values.len(), steps * total.len(), "shares");
        let task = (TASK / outputs.max(1)).max(1) * outputs.max(1);
        let parts = total.par_chunks_mut(task).zip(of_step.par_chunks(task));
        parts.zip(self.values.par_chunks(task * steps)).for_each(|((total, of_step), values)| {
            let scale = self.scales[t];
            dispatch(Add { scale, steps, first: t * outputs, outputs, values, of_step, total });
        });
    }
}

struct Add<'a> {
    scale: [f32; 2],
    steps: usize,
    /// Where the shares of the step start, in those of a row.
    first: usize,
    outputs: usize,
    values: &'a [f32],
    of_step: &'a [f32],
    total: &'a mut [f32],
}

impl Kernel for Add<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { scale: [offset, factor], steps, first, outputs, .. } = self;
        let rows = self.total.chunks_exact_mut(outputs).zip(self.of_step.chunks_exact(outputs));
        for ((total, of_step), values) in rows.zip(self.values.chunks_exact(steps * outputs)) {
            let values = &values[first..first + outputs];
            for ((total, of_step), value) in total.iter_mut().zip(of_step).zip(values) {
                *total += of_step * (offset + factor * value);
            }
        }
    }
}
