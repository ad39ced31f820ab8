//! Fused optimizer steps over flat slices, and what gradient clipping needs.
//!
//! Every step is elementwise, so its bits depend neither on the threads nor on the instruction set.

use crate::simd::{Kernel, dispatch};
use rayon::prelude::*;

/// Elements per task.
const TASK: usize = 1 << 14;

/// Stochastic gradient descent with momentum, in the form of PyTorch's `torch.optim.SGD`.
///
/// `g ← grad + weight_decay · p;  m ← momentum · m + g;  p ← p − learning_rate · m`, and with
/// Nesterov's momentum `p ← p − learning_rate · (g + momentum · m)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sgd {
    /// Size of a step.
    pub learning_rate: f32,
    /// Share of the last direction that is kept, in [0, 1).
    pub momentum: f32,
    /// Coupled decay: a multiple of the parameter that is added to its gradient.
    pub weight_decay: f32,
    /// Whether to look ahead along the new direction.
    pub nesterov: bool,
}

impl Sgd {
    /// A step with momentum is the first times the gradient plus the second times the velocity.
    #[inline(always)]
    pub fn directions(&self) -> [f32; 2] {
        let Self { learning_rate, momentum, nesterov, .. } = *self;
        if nesterov { [learning_rate, learning_rate * momentum] } else { [0.0, learning_rate] }
    }

    /// One step of `parameters`, in place; `velocity` (m, at first 0) may be empty if the momentum
    /// is 0.
    ///
    /// # Panics
    /// If the slices differ in length.
    pub fn step(&self, parameters: &mut [f32], gradient: &[f32], velocity: &mut [f32]) {
        assert_eq!(gradient.len(), parameters.len(), "elements of the gradient");
        let tasks = parameters.par_chunks_mut(TASK).zip(gradient.par_chunks(TASK));
        if self.momentum == 0.0 {
            tasks.for_each(|(parameters, gradient)| {
                dispatch(PlainStep { sgd: self, parameters, gradient });
            });
            return;
        }
        assert_eq!(velocity.len(), gradient.len(), "elements of the velocity");
        tasks.zip(velocity.par_chunks_mut(TASK)).for_each(|((parameters, gradient), velocity)| {
            dispatch(MomentumStep { sgd: self, parameters, gradient, velocity });
        });
    }
}

struct PlainStep<'a> {
    sgd: &'a Sgd,
    parameters: &'a mut [f32],
    gradient: &'a [f32],
}

impl Kernel for PlainStep<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Sgd { learning_rate, weight_decay, .. } = *self.sgd;
        for (p, g) in self.parameters.iter_mut().zip(self.gradient) {
            *p -= learning_rate * (g + weight_decay * *p);
        }
    }
}

struct MomentumStep<'a> {
    sgd: &'a Sgd,
    parameters: &'a mut [f32],
    gradient: &'a [f32],
    velocity: &'a mut [f32],
}

impl Kernel for MomentumStep<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Sgd { momentum, weight_decay, .. } = *self.sgd;
        let [along_gradient, along_velocity] = self.sgd.directions();
        for ((p, g), m) in self.parameters.iter_mut().zip(self.gradient).zip(self.velocity) {
            let g = g + weight_decay * *p;
            *m = momentum * *m + g;
            *p -= along_gradient * g + along_velocity * *m;
        }
    }
}

/// Adam with decoupled weight decay (Loshchilov and Hutter, ICLR 2019), as `torch.optim.AdamW`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamW {
    /// Size of a step.
    pub learning_rate: f32,
    /// Decay of the mean of the gradients, in [0, 1).
    pub beta1: f32,
    /// Decay of the mean of their squares, in [0, 1).
    pub beta2: f32,
    /// Added to the root of the mean square.
    pub epsilon: f32,
    /// Decoupled decay: share of the parameter, times the learning rate, that each step removes.
    pub weight_decay: f32,
}

impl AdamW {
    /// What step number `step` (from 1) multiplies with, after the correction for the moments' start at 0: the
    /// share of the parameter that it keeps, its size, and the factor of the root of the second moment.
    pub fn factors(&self, step: u64) -> [f32; 3] {
        let correction = |beta: f32| 1.0 - f64::from(beta).powf(step as f64);
        let keep = 1.0 - self.learning_rate * self.weight_decay;
        let size = (f64::from(self.learning_rate) / correction(self.beta1)) as f32;
        [keep, size, (1.0 / correction(self.beta2).sqrt()) as f32]
    }

    /// Step number `step` (from 1) of `parameters`, in place, with its two moments (at first 0).
    ///
    /// # Panics
    /// If the slices differ in length, or `step` is 0.
    pub fn step(
        &self,
        step: u64,
        parameters: &mut [f32],
        gradient: &[f32],
        first_moment: &mut [f32],
        second_moment: &mut [f32],
    ) {
        assert!(step > 0, "steps count from 1");
        let lengths = [gradient.len(), first_moment.len(), second_moment.len()];
        assert_eq!(lengths, [parameters.len(); 3], "elements of gradient and moments");
        let factors = self.factors(step);
        parameters
            .par_chunks_mut(TASK)
            .zip(gradient.par_chunks(TASK))
            .zip(first_moment.par_chunks_mut(TASK).zip(second_moment.par_chunks_mut(TASK)))
            .for_each(|((parameters, gradient), (first, second))| {
                dispatch(AdamStep { adam: self, factors, parameters, gradient, first, second });
            });
    }
}

struct AdamStep<'a> {
    adam: &'a AdamW,
    factors: [f32; 3],
    parameters: &'a mut [f32],
    gradient: &'a [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
}

impl Kernel for AdamStep<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let AdamW { beta1, beta2, epsilon, .. } = *self.adam;
        let [keep, size, root] = self.factors;
        let moments = self.first.iter_mut().zip(self.second);
        for ((p, g), (m, v)) in self.parameters.iter_mut().zip(self.gradient).zip(moments) {
            *m = beta1 * *m + (1.0 - beta1) * g;
            *v = beta2 * *v + (1.0 - beta2) * (g * g);
            *p = keep * *p - size * *m / (v.sqrt() * root + epsilon);
        }
    }
}

/// The sum of squares, in f64 over a fixed partition: the squared norm of a gradient.
pub fn sum_of_squares(values: &[f32]) -> f64 {
    let parts: Vec<f64> =
        values.par_chunks(TASK).map(|values| dispatch(SumOfSquares { values })).collect();
    parts.iter().sum()
}

struct SumOfSquares<'a> {
    values: &'a [f32],
}

impl Kernel for SumOfSquares<'_> {
    type Output = f64;

    #[inline(always)]
    fn call(self) -> f64 {
        // Fixed lanes, so that the sum is the same on every instruction set.
        let mut lanes = [0.0_f64; 16];
        let blocks = self.values.chunks_exact(lanes.len());
        let rest: f64 = blocks.remainder().iter().map(|&x| f64::from(x) * f64::from(x)).sum();
        for block in blocks {
            for (lane, &value) in lanes.iter_mut().zip(block) {
                *lane += f64::from(value) * f64::from(value);
            }
        }
        lanes.iter().sum::<f64>() + rest
    }
}

/// Multiplies all values by `factor`.
pub fn scale(values: &mut [f32], factor: f32) {
    values.par_chunks_mut(TASK).for_each(|values| {
        for value in values {
            *value *= factor;
        }
    });
}
