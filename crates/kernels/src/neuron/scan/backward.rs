//! The backward scan: from the gradient with respect to the output to that with respect to the
//! currents.

use super::derivative::Derivative;
use super::layout::{Place, by_task, by_task_or_empty, check_lengths};
use super::step::{ChargeAndFire, StepBack, effective, initial_state};
use super::sums::{ActivityGradient, Dot, Moments};
use crate::neuron::block::{Block, LANES, load, with_block};
use crate::neuron::current::Source;
use crate::neuron::{Neuron, derived};
use crate::simd;
use rayon::prelude::*;

/// Arguments of a backward scan.
#[derive(Debug)]
pub struct Backward<'a> {
    /// Number of time steps T, at least 1.
    pub steps: usize,
    /// The input of the forward scan.
    pub input: &'a [Source<'a>],
    /// The state that the forward scan started from.
    pub state: Option<&'a [f32]>,
    /// The learned scalars of the forward scan.
    pub parameters: &'a [f32],
    /// On entry the gradient with respect to the output `[T, N]`, on exit that with respect to the
    /// input: `[T, N]`, or `[1, N]` in the first row if the input is the same at every step.
    pub gradient: &'a mut [f32],
    /// Gradient with respect to the final state `[S, N]`.
    pub grad_final_state: Option<&'a [f32]>,
    /// The derivative used in place of that of the spike.
    pub derivative: &'a dyn Derivative,
    /// Whether to compute [`BackwardSums::surrogate`].
    pub surrogate_gradient: bool,
    /// A term of the loss that depends on the activity.
    pub activity: ActivityGradient,
    /// Receives the gradient with respect to the state before the first step `[S, N]`.
    pub grad_state: Option<&'a mut [f32]>,
}

/// Sums that a backward scan returns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BackwardSums {
    /// Gradient with respect to the learned scalars.
    pub parameters: Vec<f32>,
    /// Gradient with respect to the surrogate's own parameter (the sum over all steps and neurons).
    pub surrogate: f64,
    /// Number of elements whose surrogate derivative was 0.
    pub zero_derivatives: u64,
}

/// Walks back through all time steps.
pub(super) fn backward<N: Neuron<S, P>, const S: usize, const P: usize>(
    neuron: &N,
    args: Backward<'_>,
) -> BackwardSums {
    let steps = args.steps;
    let n = args.gradient.len() / steps;
    assert_eq!(args.gradient.len(), steps * n, "gradient: [T, N]");
    check_lengths(steps, n, S, args.input, args.state.map(<[f32]>::len));
    let constant_input = steps > 1 && args.input.iter().all(|source| source.len() == n);
    let (learned, parameters) = effective(neuron, args.parameters);
    let sums: Vec<TaskSums<P>> = by_task(args.gradient, n)
        .into_par_iter()
        .zip(by_task_or_empty(args.grad_state, n))
        .enumerate()
        .map(|(task, (mut gradient, mut grad_first_state))| {
            let mut sums = TaskSums::default();
            let mut states = vec![[[0.0; LANES]; S]; steps + 1];
            let mut charged = vec![[[0.0; LANES]; S]; steps];
            let mut distances = vec![[0.0; LANES]; steps];
            let mut derivative = [0.0; LANES];
            let (mut padded, mut grad_output) = ([0.0; LANES], [0.0; LANES]);
            // The currents of all steps; only the first row is used if they are one.
            let mut currents = vec![[0.0; LANES]; steps];
            let mut out = [0.0; LANES];
            for place in Place::blocks(task, n) {
                let span = place.offset..place.offset + place.width;
                states[0] = initial_state(neuron, args.state, place);
                for t in 0..steps {
                    let (before, after) = states.split_at_mut(t + 1);
                    if t == 0 || !constant_input {
                        currents[t] = *place.current(args.input, t, &mut padded);
                    }
                    simd::dispatch(ChargeAndFire {
                        neuron,
                        parameters: &parameters,
                        input: &currents[if constant_input { 0 } else { t }],
                        before: &before[t],
                        charged: &mut charged[t],
                        distance: &mut distances[t],
                        output: &mut out,
                        after: &mut after[0],
                        width: place.width,
                    });
                }
                let mut grad_state = [[0.0; LANES]; S];
                if let Some(rows) = args.grad_final_state {
                    for (k, block) in grad_state.iter_mut().enumerate() {
                        load(place.row(rows, k), block);
                    }
                }
                let mut grad_parameters = [[0.0; LANES]; P];
                let mut grad_x_sum = [0.0; LANES];
                let mut grad_spike = [0.0; LANES];
                for t in (0..steps).rev() {
                    let first = (t * n + place.start) as u64;
                    let distance = &distances[t][..place.width];
                    if neuron.fires() {
                        let derivative = &mut derivative[..place.width];
                        args.derivative.derivative(first, distance, derivative);
                    }
                    load(&gradient[t][span.clone()], &mut grad_output);
                    let mut step = |grad_input: &mut Block| {
                        let not_zero = simd::dispatch(StepBack {
                            neuron,
                            parameters: &parameters,
                            before: &states[t],
                            input: &currents[if constant_input { 0 } else { t }],
                            charged: &charged[t],
                            distance: &distances[t],
                            derivative: &derivative,
                            grad_output: &grad_output,
                            activity: args.activity,
                            grad_state: &mut grad_state,
                            grad_input,
                            grad_parameters: &mut grad_parameters,
                            grad_spike: &mut grad_spike,
                            width: place.width,
                        });
                        if neuron.fires() {
                            sums.zero_derivatives += place.width as u64 - not_zero;
                        }
                    };
                    if constant_input {
                        let mut grad_x = [0.0; LANES];
                        step(&mut grad_x);
                        for (sum, g) in grad_x_sum.iter_mut().zip(&grad_x) {
                            *sum += g;
                        }
                    } else {
                        with_block(&mut gradient[t][span.clone()], step);
                    }
                    if args.surrogate_gradient && neuron.fires() {
                        let factor = &mut derivative[..place.width];
                        args.derivative.parameter_derivative(first, distance, factor);
                        sums.surrogate +=
                            f64::from(simd::dispatch(Dot(factor, &grad_spike[..place.width])));
                    }
                }
                if constant_input {
                    gradient[0][span.clone()].copy_from_slice(&grad_x_sum[..place.width]);
                }
                for (row, block) in grad_first_state.iter_mut().zip(&grad_state) {
                    row[span.clone()].copy_from_slice(&block[..place.width]);
                }
                for (sum, block) in sums.parameters.iter_mut().zip(&grad_parameters) {
                    let (block_sum, _) = simd::dispatch(Moments(&block[..place.width]));
                    *sum += f64::from(block_sum);
                }
            }
            sums
        })
        .collect();
    let mut total = TaskSums::<P>::default();
    for task in sums {
        for (sum, part) in total.parameters.iter_mut().zip(task.parameters) {
            *sum += part;
        }
        total.surrogate += task.surrogate;
        total.zero_derivatives += task.zero_derivatives;
    }
    let gradient = total.parameters.map(|sum| sum as f32);
    BackwardSums {
        parameters: derived::effective(neuron, &learned, &gradient).to_vec(),
        surrogate: total.surrogate,
        zero_derivatives: total.zero_derivatives,
    }
}

struct TaskSums<const P: usize> {
    parameters: [f64; P],
    surrogate: f64,
    zero_derivatives: u64,
}

impl<const P: usize> Default for TaskSums<P> {
    fn default() -> Self {
        Self { parameters: [0.0; P], surrogate: 0.0, zero_derivatives: 0 }
    }
}
