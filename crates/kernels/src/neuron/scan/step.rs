//! One time step of a block: charge and fire, and the way back.

use super::layout::Place;
use super::sums::{ActivityGradient, Count};
use crate::neuron::block::{Block, LANES, PART, gather, load, part, parts, put, put_all, scatter};
use crate::neuron::{Neuron, derived};
use crate::real::Real;
use crate::simd::Kernel;

/// The learned scalars as the equations see them.
pub(super) fn effective<N: Neuron<S, P>, const S: usize, const P: usize>(
    neuron: &N,
    learned: &[f32],
) -> ([f32; P], [f32; P]) {
    let learned: [f32; P] = learned.try_into().expect("one value per learnable scalar");
    (learned, neuron.effective(learned))
}

pub(super) fn initial_state<N: Neuron<S, P>, const S: usize, const P: usize>(
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
pub(super) struct ChargeAndFire<'a, N, const S: usize, const P: usize> {
    pub(super) neuron: &'a N,
    pub(super) parameters: &'a [f32; P],
    pub(super) input: &'a Block,
    /// State before the step.
    pub(super) before: &'a [Block; S],
    pub(super) charged: &'a mut [Block; S],
    pub(super) distance: &'a mut Block,
    pub(super) output: &'a mut Block,
    /// Receives the state after the step.
    pub(super) after: &'a mut [Block; S],
    pub(super) width: usize,
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
pub(super) struct StepBack<'a, N, const S: usize, const P: usize> {
    pub(super) neuron: &'a N,
    pub(super) parameters: &'a [f32; P],
    /// State before the step.
    pub(super) before: &'a [Block; S],
    pub(super) input: &'a Block,
    pub(super) charged: &'a [Block; S],
    pub(super) distance: &'a Block,
    pub(super) derivative: &'a Block,
    pub(super) grad_output: &'a Block,
    pub(super) activity: ActivityGradient,
    /// Gradient with respect to the state: after the step on entry, before the step on exit.
    pub(super) grad_state: &'a mut [Block; S],
    pub(super) grad_input: &'a mut Block,
    pub(super) grad_parameters: &'a mut [Block; P],
    /// Receives the gradient that reaches the spike (what multiplies the derivative).
    pub(super) grad_spike: &'a mut Block,
    pub(super) width: usize,
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
            // Gradients of the activity as a whole, with respect to potentials and spikes.
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
                    let reset = derived::reset(&neuron, &parameters, &u, &spike, &grad_after);
                    let grad_spike = grad_output[i] + activity.spike + through_reset * reset.spike;
                    grad_spikes[i] = grad_spike;
                    let grad_distance = grad_spike * derivative[i];
                    let fire = derived::distance(&neuron, &parameters, &u, &grad_distance);
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
                    derived::charge(&neuron, &parameters, &gather(&before, i), &input[i], &grad_u);
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
