//! The fused scan of a layer of neurons over all time steps, and its exact backward pass.
//!
//! Potentials are not stored: the backward pass runs the forward equations again, block by block in
//! the first-level cache, and walks back through time at once (one read of the input and of the
//! output gradient, one write of the input gradient).
//! A virtual call per block and step lets the surrogate fill its derivative, so that neurons and
//! surrogates add up in compile time instead of multiplying.

use std::fmt::Debug;

use rayon::prelude::*;

use crate::neuron::Neuron;
use crate::real::Real;
use crate::simd::{self, Kernel};

/// Neurons per block: the unit of vector work, and small enough that a block's history of
/// potentials stays in the first-level cache.
pub const LANES: usize = 256;

/// Blocks per parallel task. A task is the unit of the fixed partition: sums are formed per task
/// and added in the order of tasks, whatever the number of threads.
const BLOCKS_PER_TASK: usize = 16;
const TASK: usize = LANES * BLOCKS_PER_TASK;

/// The stand-in for the derivative of the spike, evaluated on whole blocks.
pub trait Derivative: Debug + Send + Sync {
    /// Writes the derivative at the distances `x` into `out`.
    ///
    /// `first` is the index of `x[0]` in the layer's `[T, N]` array of distances, for derivatives
    /// that differ from element to element (random masks).
    fn derivative(&self, first: u64, x: &[f32], out: &mut [f32]);

    /// Writes the derivative of the smooth spike by the surrogate's own learnable parameter
    /// (divided by whatever the derivative was masked with: zero stays zero) into `out`.
    fn parameter_derivative(&self, first: u64, x: &[f32], out: &mut [f32]);
}

/// The gradient of a term of the loss that depends on a layer's activity as a whole: on the mean and
/// the variance of its pre-reset potentials, and on its number of spikes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ActivityGradient {
    /// Added to the gradient by every potential.
    pub constant: f32,
    /// Added to the gradient by every potential, times the potential.
    pub linear: f32,
    /// Added to the gradient by every spike.
    pub spike: f32,
}

/// What a layer's potentials look like: sums over all steps and neurons.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Potentials {
    /// Number of potentials.
    pub count: u64,
    /// Sum of the pre-reset potentials.
    pub sum: f64,
    /// Sum of their squares.
    pub sum_of_squares: f64,
}

impl Potentials {
    /// Mean of the potentials; 0 if there are none.
    pub fn mean(&self) -> f64 {
        self.sum / self.count.max(1) as f64
    }

    /// Biased variance of the potentials, at least 0.
    pub fn variance(&self) -> f64 {
        (self.sum_of_squares / self.count.max(1) as f64 - self.mean().powi(2)).max(0.0)
    }
}

/// Arguments of a forward scan over `[T, N]` inputs.
#[derive(Debug)]
pub struct Forward<'a> {
    /// Number of time steps T, at least 1.
    pub steps: usize,
    /// Input currents `[T, N]`, or `[1, N]` for a current that is the same at every step.
    pub input: &'a [f32],
    /// State before the first step `[S, N]`; the neuron's initial state if absent.
    pub state: Option<&'a [f32]>,
    /// The layer's `P` learned scalars.
    pub parameters: &'a [f32],
    /// Receives the spikes (or potentials, for a neuron that does not fire) `[T, N]`.
    pub output: &'a mut [f32],
    /// Receives the state after the last step `[S, N]`.
    pub final_state: Option<&'a mut [f32]>,
    /// Receives the pre-reset potentials `[T, N]`.
    pub potentials: Option<&'a mut [f32]>,
    /// Whether to sum up the pre-reset potentials.
    pub measure_potentials: bool,
}

/// What a forward scan found.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ForwardSums {
    /// Number of spikes.
    pub spikes: u64,
    /// Sums over the pre-reset potentials, if they were asked for.
    pub potentials: Potentials,
}

/// Arguments of a backward scan.
#[derive(Debug)]
pub struct Backward<'a> {
    /// Number of time steps T, at least 1.
    pub steps: usize,
    /// The input of the forward scan.
    pub input: &'a [f32],
    /// The state that the forward scan started from.
    pub state: Option<&'a [f32]>,
    /// The learned scalars of the forward scan.
    pub parameters: &'a [f32],
    /// Gradient of the loss by the output `[T, N]`.
    pub grad_output: &'a [f32],
    /// Gradient of the loss by the final state `[S, N]`.
    pub grad_final_state: Option<&'a [f32]>,
    /// The derivative that stands in for that of the spike.
    pub derivative: &'a dyn Derivative,
    /// Whether to compute [`BackwardSums::surrogate`].
    pub surrogate_gradient: bool,
    /// A term of the loss that depends on the activity.
    pub activity: ActivityGradient,
    /// Receives the gradient by the input, `[T, N]`, or `[1, N]` if the input was.
    pub grad_input: &'a mut [f32],
    /// Receives the gradient by the state before the first step `[S, N]`.
    pub grad_state: Option<&'a mut [f32]>,
}

/// Sums that a backward scan returns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BackwardSums {
    /// Gradient by the learned scalars.
    pub parameters: Vec<f32>,
    /// Gradient by the surrogate's own parameter (the sum over all steps and neurons).
    pub surrogate: f64,
    /// Number of elements whose surrogate derivative was 0.
    pub zero_derivatives: u64,
}

/// A neuron behind a pointer: what layers call.
pub trait Scan: Debug + Send + Sync {
    /// Number of state variables S.
    fn states(&self) -> usize;
    /// Number of learnable scalars P.
    fn parameters(&self) -> usize;
    /// Runs the neurons over all time steps.
    ///
    /// # Panics
    /// If a slice does not have the documented length.
    fn forward(&self, args: Forward<'_>) -> ForwardSums;
    /// Walks back through all time steps.
    ///
    /// # Panics
    /// If a slice does not have the documented length.
    fn backward(&self, args: Backward<'_>) -> BackwardSums;
}

/// The fused scan of the neuron `N`.
#[derive(Clone, Debug)]
pub struct Fused<N, const S: usize, const P: usize>(pub N);

type Block = [f32; LANES];

/// Cuts `[rows, n]` into tasks: element `[task][row]` is that row's part of the task.
fn by_task<'a>(rows: &'a mut [f32], n: usize) -> Vec<Vec<&'a mut [f32]>> {
    let mut tasks: Vec<Vec<&'a mut [f32]>> = (0..n.div_ceil(TASK)).map(|_| Vec::new()).collect();
    if n > 0 {
        for row in rows.chunks_mut(n) {
            for (task, part) in tasks.iter_mut().zip(row.chunks_mut(TASK)) {
                task.push(part);
            }
        }
    }
    tasks
}

/// As [`by_task`], with empty tasks where there is nothing to write.
fn by_task_or_empty(rows: Option<&mut [f32]>, n: usize) -> Vec<Vec<&mut [f32]>> {
    match rows {
        Some(rows) => by_task(rows, n),
        None => (0..n.div_ceil(TASK)).map(|_| Vec::new()).collect(),
    }
}

#[inline(always)]
fn load(from: &[f32], into: &mut Block) {
    into[..from.len()].copy_from_slice(from);
}

#[inline(always)]
fn gather<const S: usize>(blocks: &[Block; S], lane: usize) -> [f32; S] {
    std::array::from_fn(|k| blocks[k][lane])
}

#[inline(always)]
fn scatter<const S: usize>(values: [f32; S], blocks: &mut [Block; S], lane: usize) {
    for k in 0..S {
        blocks[k][lane] = values[k];
    }
}

/// The learned scalars as the equations see them.
fn effective<N: Neuron<S, P>, const S: usize, const P: usize>(
    neuron: &N,
    learned: &[f32],
) -> ([f32; P], [f32; P]) {
    let learned: [f32; P] = learned.try_into().expect("one value per learnable scalar");
    (learned, neuron.effective(learned))
}

/// Where the parts of one block lie: neurons `start..start + width` of the layer.
#[derive(Clone, Copy)]
struct Place {
    /// Number of neurons of the layer.
    neurons: usize,
    /// First neuron of the block in the layer.
    start: usize,
    /// First neuron of the block in its task.
    offset: usize,
    /// Neurons in the block, at most [`LANES`].
    width: usize,
}

impl Place {
    fn blocks(task: usize, neurons: usize) -> impl Iterator<Item = Self> {
        let first = task * TASK;
        let last = neurons.min(first + TASK);
        (first..last).step_by(LANES).map(move |start| Self {
            neurons,
            start,
            offset: start - first,
            width: LANES.min(last - start),
        })
    }

    fn row<'a>(&self, rows: &'a [f32], row: usize) -> &'a [f32] {
        let start = row * self.neurons + self.start;
        &rows[start..start + self.width]
    }
}

fn initial_state<N: Neuron<S, P>, const S: usize, const P: usize>(
    neuron: &N,
    state: Option<&[f32]>,
    place: Place,
) -> [Block; S] {
    let mut blocks = neuron.initial_state().map(|value| [value; LANES]);
    if let Some(rows) = state {
        for (k, block) in blocks.iter_mut().enumerate() {
            load(place.row(rows, k), block);
        }
    }
    blocks
}

struct ChargeAndFire<'a, N, const S: usize, const P: usize> {
    neuron: &'a N,
    parameters: &'a [f32; P],
    input: &'a Block,
    state: &'a mut [Block; S],
    charged: &'a mut [Block; S],
    output: &'a mut Block,
}

impl<N: Neuron<S, P>, const S: usize, const P: usize> Kernel for ChargeAndFire<'_, N, S, P> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { neuron, parameters, input, state, charged, output } = self;
        let inclusive = neuron.firing().inclusive();
        let fires = neuron.fires();
        for i in 0..LANES {
            let u = neuron.charge(parameters, gather(state, i), input[i]);
            scatter(u, charged, i);
            if fires {
                let spike = neuron.distance(parameters, u).heaviside(inclusive);
                output[i] = spike;
                scatter(neuron.reset(parameters, u, spike), state, i);
            } else {
                output[i] = u[0];
                scatter(u, state, i);
            }
        }
    }
}

struct Distances<'a, N, const S: usize, const P: usize> {
    neuron: &'a N,
    parameters: &'a [f32; P],
    charged: &'a [Block; S],
    out: &'a mut Block,
}

impl<N: Neuron<S, P>, const S: usize, const P: usize> Kernel for Distances<'_, N, S, P> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for i in 0..LANES {
            self.out[i] = self.neuron.distance(self.parameters, gather(self.charged, i));
        }
    }
}

/// The running gradients of one block while it walks back through time.
struct StepBack<'a, N, const S: usize, const P: usize> {
    neuron: &'a N,
    parameters: &'a [f32; P],
    /// State before the step, or nothing if it follows from `previous`.
    before: &'a [Block; S],
    input: &'a Block,
    charged: &'a [Block; S],
    distance: &'a Block,
    derivative: &'a Block,
    grad_output: &'a Block,
    activity: ActivityGradient,
    /// Gradient by the state after the step on entry, before the step on exit.
    grad_state: &'a mut [Block; S],
    grad_input: &'a mut Block,
    grad_parameters: &'a mut [Block; P],
    /// Receives the gradient that reaches the spike (what multiplies the derivative).
    grad_spike: &'a mut Block,
}

impl<N: Neuron<S, P>, const S: usize, const P: usize> Kernel for StepBack<'_, N, S, P> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let firing = *self.neuron.firing();
        let inclusive = firing.inclusive();
        let through_reset = if firing.detach_reset { 0.0 } else { 1.0 };
        let fires = self.neuron.fires();
        for i in 0..LANES {
            let u = gather(self.charged, i);
            let grad_after = gather(self.grad_state, i);
            let mut grad_u;
            let mut grad_parameters = [0.0; P];
            if fires {
                let spike = self.distance[i].heaviside(inclusive);
                let reset = self.neuron.reset_backward(self.parameters, u, spike, grad_after);
                let grad_spike =
                    self.grad_output[i] + self.activity.spike + through_reset * reset.spike;
                self.grad_spike[i] = grad_spike;
                let fire = self.neuron.distance_backward(
                    self.parameters,
                    u,
                    grad_spike * self.derivative[i],
                );
                grad_u = reset.state;
                for k in 0..S {
                    grad_u[k] += fire.state[k];
                }
                for p in 0..P {
                    grad_parameters[p] = reset.parameters[p] + fire.parameters[p];
                }
            } else {
                grad_u = grad_after;
                grad_u[0] += self.grad_output[i];
            }
            grad_u[0] += self.activity.constant + self.activity.linear * u[0];
            let charge = self.neuron.charge_backward(
                self.parameters,
                gather(self.before, i),
                self.input[i],
                grad_u,
            );
            scatter(charge.state, self.grad_state, i);
            self.grad_input[i] = charge.input;
            for p in 0..P {
                self.grad_parameters[p][i] += grad_parameters[p] + charge.parameters[p];
            }
        }
    }
}

impl<N: Neuron<S, P>, const S: usize, const P: usize> Scan for Fused<N, S, P> {
    fn states(&self) -> usize {
        S
    }

    fn parameters(&self) -> usize {
        P
    }

    fn forward(&self, args: Forward<'_>) -> ForwardSums {
        let Forward { steps, input, state, parameters, output, .. } = args;
        let n = output.len() / steps;
        check_lengths(steps, n, S, input.len(), output.len(), state.map(<[f32]>::len));
        let (_, parameters) = effective(&self.0, parameters);
        let sums: Vec<ForwardSums> = by_task(output, n)
            .into_par_iter()
            .zip(by_task_or_empty(args.final_state, n))
            .zip(by_task_or_empty(args.potentials, n))
            .enumerate()
            .map(|(task, ((mut output, mut final_state), mut potentials))| {
                let mut sums = ForwardSums::default();
                for place in Place::blocks(task, n) {
                    let span = place.offset..place.offset + place.width;
                    let mut state = initial_state(&self.0, state, place);
                    let (mut x, mut charged, mut out) =
                        ([0.0; LANES], [[0.0; LANES]; S], [0.0; LANES]);
                    for t in 0..steps {
                        if t == 0 || input.len() > n {
                            load(place.row(input, t), &mut x);
                        }
                        simd::dispatch(ChargeAndFire {
                            neuron: &self.0,
                            parameters: &parameters,
                            input: &x,
                            state: &mut state,
                            charged: &mut charged,
                            output: &mut out,
                        });
                        output[t][span.clone()].copy_from_slice(&out[..place.width]);
                        if let Some(row) = potentials.get_mut(t) {
                            row[span.clone()].copy_from_slice(&charged[0][..place.width]);
                        }
                        if self.0.fires() {
                            sums.spikes += simd::dispatch(Count(&out[..place.width]));
                        }
                        if args.measure_potentials {
                            let (sum, squares) =
                                simd::dispatch(Moments(&charged[0][..place.width]));
                            sums.potentials.count += place.width as u64;
                            sums.potentials.sum += f64::from(sum);
                            sums.potentials.sum_of_squares += f64::from(squares);
                        }
                    }
                    for (row, block) in final_state.iter_mut().zip(&state) {
                        row[span.clone()].copy_from_slice(&block[..place.width]);
                    }
                }
                sums
            })
            .collect();
        sums.into_iter().fold(ForwardSums::default(), |mut total, task| {
            total.spikes += task.spikes;
            total.potentials.count += task.potentials.count;
            total.potentials.sum += task.potentials.sum;
            total.potentials.sum_of_squares += task.potentials.sum_of_squares;
            total
        })
    }

    fn backward(&self, args: Backward<'_>) -> BackwardSums {
        let steps = args.steps;
        let n = args.grad_output.len() / steps;
        let state_length = args.state.map(<[f32]>::len);
        check_lengths(steps, n, S, args.input.len(), args.grad_output.len(), state_length);
        assert_eq!(args.grad_input.len(), args.input.len(), "gradient by the input");
        let constant_input = args.input.len() == n && steps > 1;
        let (learned, parameters) = effective(&self.0, args.parameters);
        let sums: Vec<TaskSums<P>> = by_task(args.grad_input, n)
            .into_par_iter()
            .zip(by_task_or_empty(args.grad_state, n))
            .enumerate()
            .map(|(task, (mut grad_input, mut grad_first_state))| {
                let mut sums = TaskSums::default();
                // One pair per step: the state before it and the charged state.
                let mut history = vec![([[0.0; LANES]; S], [[0.0; LANES]; S]); steps];
                for place in Place::blocks(task, n) {
                    let span = place.offset..place.offset + place.width;
                    let mut state = initial_state(&self.0, args.state, place);
                    let (mut x, mut out) = ([0.0; LANES], [0.0; LANES]);
                    for (t, (before, charged)) in history.iter_mut().enumerate() {
                        if t == 0 || !constant_input {
                            load(place.row(args.input, t), &mut x);
                        }
                        *before = state;
                        simd::dispatch(ChargeAndFire {
                            neuron: &self.0,
                            parameters: &parameters,
                            input: &x,
                            state: &mut state,
                            charged,
                            output: &mut out,
                        });
                    }
                    let mut grad_state = [[0.0; LANES]; S];
                    if let Some(rows) = args.grad_final_state {
                        for (k, block) in grad_state.iter_mut().enumerate() {
                            load(place.row(rows, k), block);
                        }
                    }
                    let mut grad_parameters = [[0.0; LANES]; P];
                    let (mut distance, mut derivative) = ([0.0; LANES], [0.0; LANES]);
                    let (mut grad_out, mut grad_x) = ([0.0; LANES], [0.0; LANES]);
                    let mut grad_x_sum = [0.0; LANES];
                    let mut grad_spike = [0.0; LANES];
                    for (t, (before, charged)) in history.iter().enumerate().rev() {
                        if !constant_input {
                            load(place.row(args.input, t), &mut x);
                        }
                        load(place.row(args.grad_output, t), &mut grad_out);
                        let first = (t * n + place.start) as u64;
                        if self.0.fires() {
                            simd::dispatch(Distances {
                                neuron: &self.0,
                                parameters: &parameters,
                                charged,
                                out: &mut distance,
                            });
                            let x = &distance[..place.width];
                            args.derivative.derivative(first, x, &mut derivative[..place.width]);
                            sums.zero_derivatives += place.width as u64
                                - simd::dispatch(Count(&derivative[..place.width]));
                        }
                        simd::dispatch(StepBack {
                            neuron: &self.0,
                            parameters: &parameters,
                            before,
                            input: &x,
                            charged,
                            distance: &distance,
                            derivative: &derivative,
                            grad_output: &grad_out,
                            activity: args.activity,
                            grad_state: &mut grad_state,
                            grad_input: &mut grad_x,
                            grad_parameters: &mut grad_parameters,
                            grad_spike: &mut grad_spike,
                        });
                        if args.surrogate_gradient && self.0.fires() {
                            let x = &distance[..place.width];
                            let factor = &mut derivative[..place.width];
                            args.derivative.parameter_derivative(first, x, factor);
                            sums.surrogate +=
                                f64::from(simd::dispatch(Dot(factor, &grad_spike[..place.width])));
                        }
                        if constant_input {
                            for (sum, g) in grad_x_sum.iter_mut().zip(&grad_x) {
                                *sum += g;
                            }
                        } else {
                            grad_input[t][span.clone()].copy_from_slice(&grad_x[..place.width]);
                        }
                    }
                    if constant_input {
                        grad_input[0][span.clone()].copy_from_slice(&grad_x_sum[..place.width]);
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
            parameters: self.0.effective_backward(learned, gradient).to_vec(),
            surrogate: total.surrogate,
            zero_derivatives: total.zero_derivatives,
        }
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

fn check_lengths(
    steps: usize,
    n: usize,
    states: usize,
    input: usize,
    output: usize,
    state: Option<usize>,
) {
    assert_eq!(output, steps * n, "output: [T, N]");
    assert!(input == output || input == n, "input: [T, N] or [1, N], found {input} values");
    if let Some(state) = state {
        assert_eq!(state, states * n, "state: [S, N]");
    }
}

/// Counts the values that are not 0.
struct Count<'a>(&'a [f32]);

impl Kernel for Count<'_> {
    type Output = u64;

    #[inline(always)]
    fn call(self) -> u64 {
        u64::from(self.0.iter().map(|&value| u32::from(value != 0.0)).sum::<u32>())
    }
}

/// Independent partial sums: enough for the widest registers, and one fixed order of additions on
/// every instruction set.
const PARTIAL: usize = 16;

/// Sum and sum of squares.
struct Moments<'a>(&'a [f32]);

impl Kernel for Moments<'_> {
    type Output = (f32, f32);

    #[inline(always)]
    fn call(self) -> (f32, f32) {
        let (mut sums, mut squares) = ([0.0_f32; PARTIAL], [0.0_f32; PARTIAL]);
        let (blocks, rest) = self.0.as_chunks::<PARTIAL>();
        for block in blocks {
            for i in 0..PARTIAL {
                sums[i] += block[i];
                squares[i] += block[i] * block[i];
            }
        }
        for (i, value) in rest.iter().enumerate() {
            sums[i] += value;
            squares[i] += value * value;
        }
        (sums.iter().sum(), squares.iter().sum())
    }
}

/// Inner product.
struct Dot<'a>(&'a [f32], &'a [f32]);

impl Kernel for Dot<'_> {
    type Output = f32;

    #[inline(always)]
    fn call(self) -> f32 {
        let mut sums = [0.0_f32; PARTIAL];
        let (a, a_rest) = self.0.as_chunks::<PARTIAL>();
        let (b, b_rest) = self.1.as_chunks::<PARTIAL>();
        for (a, b) in a.iter().zip(b) {
            for i in 0..PARTIAL {
                sums[i] += a[i] * b[i];
            }
        }
        for (i, (a, b)) in a_rest.iter().zip(b_rest).enumerate() {
            sums[i] += a * b;
        }
        sums.iter().sum()
    }
}
