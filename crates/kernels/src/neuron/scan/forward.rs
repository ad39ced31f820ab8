//! The forward scan: from currents to spikes.

use super::layout::{Place, by_task_or_empty, check_lengths};
use super::output::{Output, OutputPart, Patterns};
use super::step::{ChargeAndFire, effective, initial_state};
use super::sums::{Dot, ForwardSums, Measure};
use crate::neuron::Neuron;
use crate::neuron::block::{Block, LANES, with_block};
use crate::neuron::current::Source;
use crate::real::Real;
use crate::simd;
use crate::spikes::{PER_WORD, Spikes};
use rayon::prelude::*;

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

/// Runs the neurons over all time steps.
pub(super) fn forward<N: Neuron<S, P>, const S: usize, const P: usize>(
    neuron: &N,
    args: Forward<'_>,
) -> ForwardSums {
    let Forward { steps, input, state, parameters, output, .. } = args;
    let n = output.neurons(steps);
    check_lengths(steps, n, S, input, state.map(<[f32]>::len));
    let (_, parameters) = effective(neuron, parameters);
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
                let mut states = [initial_state(neuron, state, place); 2];
                let [state, after] = &mut states;
                let (mut state, mut after) = (state, after);
                let mut charged = [[0.0; LANES]; S];
                let (mut padded, mut distance) = ([0.0; LANES], [0.0; LANES]);
                let mut fired = [0.0; LANES];
                for t in 0..steps {
                    let mut step = |output: &mut Block| {
                        simd::dispatch(ChargeAndFire {
                            neuron,
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
                            let last = t + 1 == steps || Spikes::group_of(steps, t + 1).0 != group;
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
                    if args.measure.products && neuron.fires() {
                        let inclusive = neuron.firing().inclusive();
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
