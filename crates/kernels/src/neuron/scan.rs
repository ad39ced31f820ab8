//! The fused scan of a layer of neurons over all time steps, and its exact backward pass.
//!
//! Potentials are not stored: the backward pass runs the forward equations again, block by block in
//! the first-level cache, and walks back through time at once (one read of the input and of the
//! output gradient, one write of the input gradient).
//! A virtual call per block and step lets the surrogate fill its derivative, so that neurons and
//! surrogates add up in compile time instead of multiplying.

mod sums;

use std::fmt::Debug;

use rayon::prelude::*;

use crate::neuron::Neuron;
use crate::neuron::current::{self, Source};
use crate::real::Real;
use crate::simd::{self, Kernel};
use crate::spikes::{PER_WORD, Spikes, pack_nibbles};
use sums::{Count, Dot, Moments};
pub use sums::{ForwardSums, Measure, Potentials};

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
    /// Times the distance `u - s` of a potential to its spike: added to the gradient by the
    /// potential, and taken from that by the spike.
    pub error: f32,
}

/// Arguments of a forward scan over `[T, N]` inputs.
#[derive(Debug)]
pub struct Forward<'a> {
    /// Number of time steps T, at least 1.
    pub steps: usize,
    /// Input currents, as the sum of these: all `[T, N]`, or all `[1, N]` for a current that is the
    /// same at every step.
    pub input: &'a [Source<'a>],
    /// State before the first step `[S, N]`; the neuron's initial state if absent.
    pub state: Option<&'a [f32]>,
    /// The layer's `P` learned scalars.
    pub parameters: &'a [f32],
    /// Receives the spikes, or the potentials of a neuron that does not fire.
    pub output: Output<'a>,
    /// Receives the state after the last step `[S, N]`.
    pub final_state: Option<&'a mut [f32]>,
    /// Receives the pre-reset potentials `[T, N]`.
    pub potentials: Option<&'a mut [f32]>,
    /// What to sum up beside the spikes.
    pub measure: Measure,
}

/// Where a forward scan writes the spikes.
#[derive(Debug)]
pub enum Output<'a> {
    /// `[T, N]`.
    Values(&'a mut [f32]),
    /// In the form that [`Spikes::recorded`] lends.
    Bits {
        /// Number of neurons N.
        neurons: usize,
        /// The spikes.
        spikes: &'a mut [u64],
        /// Where a derivative is not 0, in the same form.
        support: Option<(&'a dyn Derivative, &'a mut [u64])>,
    },
}

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
    /// Holds the gradient of the loss by the output `[T, N]`, and receives that by the input: `[T, N]`,
    /// or `[1, N]` in the first row if the input is the same at every step.
    pub gradient: &'a mut [f32],
    /// Gradient of the loss by the final state `[S, N]`.
    pub grad_final_state: Option<&'a [f32]>,
    /// The derivative that stands in for that of the spike.
    pub derivative: &'a dyn Derivative,
    /// Whether to compute [`BackwardSums::surrogate`].
    pub surrogate_gradient: bool,
    /// A term of the loss that depends on the activity.
    pub activity: ActivityGradient,
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

/// Cuts `[rows, n]` into tasks of `size`: element `[task][row]` is that row's part of the task.
fn cut<V>(rows: &mut [V], n: usize, size: usize) -> Vec<Vec<&mut [V]>> {
    let mut tasks: Vec<Vec<&mut [V]>> = (0..n.div_ceil(size)).map(|_| Vec::new()).collect();
    if n > 0 {
        for row in rows.chunks_mut(n) {
            for (task, part) in tasks.iter_mut().zip(row.chunks_mut(size)) {
                task.push(part);
            }
        }
    }
    tasks
}

/// Cuts `[rows, n]` values into tasks.
fn by_task(rows: &mut [f32], n: usize) -> Vec<Vec<&mut [f32]>> {
    cut(rows, n, TASK)
}

/// As [`by_task`], with empty tasks where there is nothing to write.
fn by_task_or_empty(rows: Option<&mut [f32]>, n: usize) -> Vec<Vec<&mut [f32]>> {
    match rows {
        Some(rows) => by_task(rows, n),
        None => (0..n.div_ceil(TASK)).map(|_| Vec::new()).collect(),
    }
}

/// What a task writes of the output.
enum OutputPart<'a> {
    /// One row per step.
    Values(Vec<&'a mut [f32]>),
    /// One row of words per group of steps.
    Bits { spikes: Vec<&'a mut [u64]>, support: Option<(&'a dyn Derivative, Vec<&'a mut [u64]>)> },
}

impl<'a> Output<'a> {
    /// Number of neurons.
    fn neurons(&self, steps: usize) -> usize {
        match self {
            Self::Values(values) => {
                assert!(values.len().is_multiple_of(steps), "output: [T, N]");
                values.len() / steps
            }
            Self::Bits { neurons, .. } => *neurons,
        }
    }

    fn by_task(self, n: usize) -> Vec<OutputPart<'a>> {
        let (spikes, support) = match self {
            Self::Values(values) => {
                return by_task(values, n).into_iter().map(OutputPart::Values).collect();
            }
            Self::Bits { spikes, support, .. } => (spikes, support),
        };
        assert!(n.is_multiple_of(PER_WORD), "neurons in whole words");
        let tasks = |words| cut(words, n / PER_WORD, TASK / PER_WORD);
        let spikes = tasks(spikes);
        match support {
            None => spikes
                .into_iter()
                .map(|spikes| OutputPart::Bits { spikes, support: None })
                .collect(),
            Some((derivative, words)) => spikes
                .into_iter()
                .zip(tasks(words))
                .map(|(spikes, words)| OutputPart::Bits {
                    spikes,
                    support: Some((derivative, words)),
                })
                .collect(),
        }
    }
}

/// Four bits per neuron of a block, one per step of a group.
struct Patterns([u32; LANES]);

impl Patterns {
    /// Sets the bit of `step` where the value is not 0.
    fn record(&mut self, step: usize, values: &Block) {
        simd::dispatch(Record { patterns: &mut self.0, step, values });
    }

    /// Packs the patterns into words, and starts again.
    fn flush(&mut self, words: &mut [u64]) {
        for (word, patterns) in words.iter_mut().zip(self.0.as_chunks::<PER_WORD>().0) {
            *word = pack_nibbles(patterns.map(|pattern| pattern as u8));
        }
        self.0 = [0; LANES];
    }
}

struct Record<'a> {
    patterns: &'a mut [u32; LANES],
    step: usize,
    values: &'a Block,
}

impl Kernel for Record<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { patterns, step, values } = self;
        let bit = 1_u32 << step;
        for (pattern, value) in patterns.iter_mut().zip(values) {
            *pattern |= if *value == 0.0 { 0 } else { bit };
        }
    }
}

#[inline(always)]
fn load(from: &[f32], into: &mut Block) {
    into[..from.len()].copy_from_slice(from);
}

/// Lets `write` fill a block that becomes the row: in place if the row is whole.
#[inline(always)]
fn with_block<R>(row: &mut [f32], write: impl FnOnce(&mut Block) -> R) -> R {
    if let Ok(whole) = <&mut Block>::try_from(&mut *row) {
        return write(whole);
    }
    let mut padded = [0.0; LANES];
    let result = write(&mut padded);
    row.copy_from_slice(&padded[..row.len()]);
    result
}

/// Lanes that the loops of a step work on at a time, as local arrays: only of those does the compiler
/// know that no two overlap, which it must know to vectorize.
const PART: usize = 64;
type Part = [f32; PART];

#[inline(always)]
fn part(block: &Block, which: usize) -> Part {
    block.as_chunks::<PART>().0[which]
}

#[inline(always)]
fn parts<const S: usize>(blocks: &[Block; S], which: usize) -> [Part; S] {
    std::array::from_fn(|k| part(&blocks[k], which))
}

#[inline(always)]
fn put(part: Part, block: &mut Block, which: usize) {
    block.as_chunks_mut::<PART>().0[which] = part;
}

#[inline(always)]
fn put_all<const S: usize>(parts: [Part; S], blocks: &mut [Block; S], which: usize) {
    for k in 0..S {
        put(parts[k], &mut blocks[k], which);
    }
}

#[inline(always)]
fn gather<const S: usize>(parts: &[Part; S], lane: usize) -> [f32; S] {
    std::array::from_fn(|k| parts[k][lane])
}

#[inline(always)]
fn scatter<const S: usize>(values: [f32; S], parts: &mut [Part; S], lane: usize) {
    for k in 0..S {
        parts[k][lane] = values[k];
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

    /// The input current of a step: where it lies if it is a whole block of one array, else summed
    /// up in `sum`.
    #[inline(always)]
    fn current<'a>(&self, input: &[Source<'a>], t: usize, sum: &'a mut Block) -> &'a Block {
        if let [Source::Values(values)] = *input {
            let row = self.row(values, if values.len() > self.neurons { t } else { 0 });
            if let Ok(whole) = row.try_into() {
                return whole;
            }
        }
        current::load(input, t, self.neurons, self.start, &mut sum[..self.width]);
        sum
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

// Neurons enter the loops over lanes by value: behind a reference, the compiler would have to expect
// that writing a block changes the neuron's settings, and would neither hoist nor vectorize.

/// One step of one block, forward; gives the number of spikes in its first `width` lanes.
struct ChargeAndFire<'a, N, const S: usize, const P: usize> {
    neuron: &'a N,
    parameters: &'a [f32; P],
    input: &'a Block,
    /// State before the step.
    before: &'a [Block; S],
    charged: &'a mut [Block; S],
    distance: &'a mut Block,
    output: &'a mut Block,
    /// Receives the state after the step.
    after: &'a mut [Block; S],
    width: usize,
}

impl<N: Neuron<S, P>, const S: usize, const P: usize> Kernel for ChargeAndFire<'_, N, S, P> {
    type Output = u64;

    #[inline(always)]
    fn call(self) -> u64 {
        let (neuron, parameters) = (*self.neuron, *self.parameters);
        let inclusive = neuron.firing().inclusive();
        let fires = neuron.fires();
        for which in 0..LANES / PART {
            let input = part(self.input, which);
            let mut state = parts(self.before, which);
            let mut charged = [[0.0; PART]; S];
            let (mut distance, mut output) = ([0.0; PART], [0.0; PART]);
            for i in 0..PART {
                let u = neuron.charge(&parameters, gather(&state, i), input[i]);
                scatter(u, &mut charged, i);
                if fires {
                    let above = neuron.distance(&parameters, u);
                    let spike = above.heaviside(inclusive);
                    distance[i] = above;
                    output[i] = spike;
                    scatter(neuron.reset(&parameters, u, spike), &mut state, i);
                } else {
                    output[i] = u[0];
                    scatter(u, &mut state, i);
                }
            }
            put_all(charged, self.charged, which);
            put(distance, self.distance, which);
            put(output, self.output, which);
            put_all(state, self.after, which);
        }
        if fires { Count(&self.output[..self.width]).call() } else { 0 }
    }
}

/// The running gradients of one block while it walks back through time; gives the number of
/// derivatives that are not 0 in its first `width` lanes.
struct StepBack<'a, N, const S: usize, const P: usize> {
    neuron: &'a N,
    parameters: &'a [f32; P],
    /// State before the step.
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
    width: usize,
}

impl<N: Neuron<S, P>, const S: usize, const P: usize> Kernel for StepBack<'_, N, S, P> {
    type Output = u64;

    #[inline(always)]
    fn call(self) -> u64 {
        let (neuron, parameters, activity) = (*self.neuron, *self.parameters, self.activity);
        let firing = *neuron.firing();
        let inclusive = firing.inclusive();
        let through_reset = if firing.detach_reset { 0.0 } else { 1.0 };
        let fires = neuron.fires();
        for which in 0..LANES / PART {
            let (input, mut grad_output) = (part(self.input, which), part(self.grad_output, which));
            let (before, charged) = (parts(self.before, which), parts(self.charged, which));
            let (distance, derivative) = (part(self.distance, which), part(self.derivative, which));
            let mut grad_state = parts(self.grad_state, which);
            let mut grad_parameters = parts(self.grad_parameters, which);
            let (mut grad_input, mut grad_spikes) = ([0.0; PART], [0.0; PART]);
            // Gradients by the potentials and by the spikes, of the activity as a whole.
            let mut by_potential = charged[0].map(|u| activity.constant + activity.linear * u);
            if activity.error != 0.0 {
                for i in 0..PART {
                    let spike = if fires { distance[i].heaviside(inclusive) } else { 0.0 };
                    let error = activity.error * (charged[0][i] - spike);
                    by_potential[i] += error;
                    grad_output[i] -= if fires { error } else { 0.0 };
                }
            }
            for i in 0..PART {
                let u = gather(&charged, i);
                let grad_after = gather(&grad_state, i);
                let mut grad_u;
                let mut by_parameters = [0.0; P];
                if fires {
                    let spike = distance[i].heaviside(inclusive);
                    let reset = neuron.reset_backward(&parameters, u, spike, grad_after);
                    let grad_spike = grad_output[i] + activity.spike + through_reset * reset.spike;
                    grad_spikes[i] = grad_spike;
                    let grad_distance = grad_spike * derivative[i];
                    let fire = neuron.distance_backward(&parameters, u, grad_distance);
                    grad_u = reset.state;
                    for k in 0..S {
                        grad_u[k] += fire.state[k];
                    }
                    for p in 0..P {
                        by_parameters[p] = reset.parameters[p] + fire.parameters[p];
                    }
                } else {
                    grad_u = grad_after;
                    grad_u[0] += grad_output[i];
                }
                grad_u[0] += by_potential[i];
                let charge =
                    neuron.charge_backward(&parameters, gather(&before, i), input[i], grad_u);
                scatter(charge.state, &mut grad_state, i);
                grad_input[i] = charge.input;
                for p in 0..P {
                    grad_parameters[p][i] += by_parameters[p] + charge.parameters[p];
                }
            }
            put_all(grad_state, self.grad_state, which);
            put_all(grad_parameters, self.grad_parameters, which);
            put(grad_input, self.grad_input, which);
            put(grad_spikes, self.grad_spike, which);
        }
        if fires { Count(&self.derivative[..self.width]).call() } else { 0 }
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
        let n = output.neurons(steps);
        check_lengths(steps, n, S, input, state.map(<[f32]>::len));
        let (_, parameters) = effective(&self.0, parameters);
        let sums: Vec<ForwardSums> = output
            .by_task(n)
            .into_par_iter()
            .zip(by_task_or_empty(args.final_state, n))
            .zip(by_task_or_empty(args.potentials, n))
            .enumerate()
            .map(|(task, ((mut output, mut final_state), mut potentials))| {
                let mut sums = ForwardSums::default();
                let (mut spikes, mut support) = (Patterns([0; LANES]), Patterns([0; LANES]));
                let mut derivative = [0.0; LANES];
                for place in Place::blocks(task, n) {
                    let span = place.offset..place.offset + place.width;
                    let words = span.start / PER_WORD..span.end / PER_WORD;
                    let mut states = [initial_state(&self.0, state, place); 2];
                    let [state, after] = &mut states;
                    let (mut state, mut after) = (state, after);
                    let mut charged = [[0.0; LANES]; S];
                    let (mut padded, mut distance) = ([0.0; LANES], [0.0; LANES]);
                    let mut fired = [0.0; LANES];
                    for t in 0..steps {
                        let mut step = |output: &mut Block| {
                            simd::dispatch(ChargeAndFire {
                                neuron: &self.0,
                                parameters: &parameters,
                                input: place.current(input, t, &mut padded),
                                before: state,
                                charged: &mut charged,
                                distance: &mut distance,
                                output,
                                after,
                                width: place.width,
                            })
                        };
                        match &mut output {
                            OutputPart::Values(rows) => {
                                sums.spikes += with_block(&mut rows[t][span.clone()], step);
                            }
                            OutputPart::Bits { spikes: rows, support: marks } => {
                                sums.spikes += step(&mut fired);
                                let (group, step) = Spikes::group_of(steps, t);
                                let last =
                                    t + 1 == steps || Spikes::group_of(steps, t + 1).0 != group;
                                spikes.record(step, &fired);
                                if let Some((surrogate, _)) = marks {
                                    let first = (t * n + place.start) as u64;
                                    let width = place.width;
                                    let out = &mut derivative[..width];
                                    surrogate.derivative(first, &distance[..width], out);
                                    support.record(step, &derivative);
                                }
                                if last {
                                    spikes.flush(&mut rows[group][words.clone()]);
                                    if let Some((_, rows)) = marks {
                                        support.flush(&mut rows[group][words.clone()]);
                                    }
                                }
                            }
                        }
                        std::mem::swap(&mut state, &mut after);
                        if let Some(row) = potentials.get_mut(t) {
                            row[span.clone()].copy_from_slice(&charged[0][..place.width]);
                        }
                        let potentials = &charged[0][..place.width];
                        if args.measure.potentials {
                            sums.potentials.add(potentials);
                        }
                        if args.measure.currents {
                            let current = place.current(input, t, &mut padded);
                            sums.currents.add(&current[..place.width]);
                        }
                        if args.measure.products && self.0.fires() {
                            let inclusive = self.0.firing().inclusive();
                            let spikes = distance.map(|x| x.heaviside(inclusive));
                            let product = Dot(potentials, &spikes[..place.width]);
                            sums.products += f64::from(simd::dispatch(product));
                        }
                    }
                    for (row, block) in final_state.iter_mut().zip(&*state) {
                        row[span.clone()].copy_from_slice(&block[..place.width]);
                    }
                }
                sums
            })
            .collect();
        sums.into_iter().fold(ForwardSums::default(), ForwardSums::and)
    }

    fn backward(&self, args: Backward<'_>) -> BackwardSums {
        let steps = args.steps;
        let n = args.gradient.len() / steps;
        assert_eq!(args.gradient.len(), steps * n, "gradient: [T, N]");
        check_lengths(steps, n, S, args.input, args.state.map(<[f32]>::len));
        let constant_input = steps > 1 && args.input.iter().all(|source| source.len() == n);
        let (learned, parameters) = effective(&self.0, args.parameters);
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
                    states[0] = initial_state(&self.0, args.state, place);
                    for t in 0..steps {
                        let (before, after) = states.split_at_mut(t + 1);
                        if t == 0 || !constant_input {
                            currents[t] = *place.current(args.input, t, &mut padded);
                        }
                        simd::dispatch(ChargeAndFire {
                            neuron: &self.0,
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
                        if self.0.fires() {
                            let derivative = &mut derivative[..place.width];
                            args.derivative.derivative(first, distance, derivative);
                        }
                        load(&gradient[t][span.clone()], &mut grad_output);
                        let mut step = |grad_input: &mut Block| {
                            let not_zero = simd::dispatch(StepBack {
                                neuron: &self.0,
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
                            if self.0.fires() {
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
                        if args.surrogate_gradient && self.0.fires() {
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
    input: &[Source<'_>],
    state: Option<usize>,
) {
    assert!(!input.is_empty(), "input: at least one source");
    for source in input {
        let length = source.len();
        assert!(
            length == steps * n || length == n,
            "input: [T, N] or [1, N], found {length} values"
        );
        if let Source::Spikes(spikes) = source {
            assert!(spikes.is_binary() && length == steps * n, "input: binary spikes [T, N]");
            assert!(Spikes::is_seamless(spikes.shape()[2]), "input: spikes in whole words");
        }
    }
    if let Some(state) = state {
        assert_eq!(state, states * n, "state: [S, N]");
    }
}
