//! The derivatives of a neuron's functions by dual numbers, one pass per argument.
//!
//! Each function here takes the gradient of the loss with respect to the result of the neuron's function of
//! the same name, and returns those with respect to its arguments.

use std::array;

use super::Neuron;
use crate::dual::Dual;
use crate::real::Real;

/// Gradients with respect to the arguments of [`Neuron::charge`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChargeGradient<V, const S: usize, const P: usize> {
    /// With respect to the state before the step.
    pub(crate) state: [V; S],
    /// With respect to the input current.
    pub(crate) input: V,
    /// With respect to the effective parameters.
    pub(crate) parameters: [V; P],
}

/// Gradients with respect to the arguments of [`Neuron::distance`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct DistanceGradient<V, const S: usize, const P: usize> {
    /// With respect to the charged state.
    pub(crate) state: [V; S],
    /// With respect to the effective parameters.
    pub(crate) parameters: [V; P],
}

/// Gradients with respect to the arguments of [`Neuron::reset`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct ResetGradient<V, const S: usize, const P: usize> {
    /// With respect to the charged state.
    pub(crate) state: [V; S],
    /// With respect to the spike; ignored where [`Firing::detach_reset`] is set.
    pub(crate) spike: V,
    /// With respect to the effective parameters.
    pub(crate) parameters: [V; P],
}

/// The inner product of a gradient with the derivatives of what it is the gradient with respect to.
#[inline(always)]
fn dot<V: Real, const N: usize>(gradient: &[V; N], results: [Dual<V>; N]) -> V {
    let mut sum = None;
    for (gradient, result) in gradient.iter().zip(results) {
        let Some(tangent) = result.tangent else { continue };
        let product = tangent * gradient.clone();
        sum = Some(match sum {
            None => product,
            Some(sum) => product + sum,
        });
    }
    sum.unwrap_or_else(|| V::constant(0.0))
}

#[inline(always)]
fn still<V: Real, const N: usize>(values: &[V; N]) -> [Dual<V>; N] {
    array::from_fn(|i| Dual::still(values[i].clone()))
}

/// All of them still but number `which`.
#[inline(always)]
fn moving<V: Real, const N: usize>(values: &[V; N], which: usize) -> [Dual<V>; N] {
    array::from_fn(|i| {
        let value = values[i].clone();
        if i == which { Dual::moving(value) } else { Dual::still(value) }
    })
}

#[inline(always)]
pub(crate) fn effective<N: Neuron<S, P>, V: Real, const S: usize, const P: usize>(
    neuron: &N,
    learned: &[V; P],
    gradient: &[V; P],
) -> [V; P] {
    array::from_fn(|p| dot(gradient, neuron.effective(moving(learned, p))))
}

#[inline(always)]
pub(crate) fn charge<N: Neuron<S, P>, V: Real, const S: usize, const P: usize>(
    neuron: &N,
    parameters: &[V; P],
    state: &[V; S],
    input: &V,
    gradient: &[V; S],
) -> ChargeGradient<V, S, P> {
    let (at, from, by) = (still(parameters), still(state), Dual::still(input.clone()));
    ChargeGradient {
        state: array::from_fn(|k| dot(gradient, neuron.charge(&at, moving(state, k), by.clone()))),
        input: dot(gradient, neuron.charge(&at, from.clone(), Dual::moving(input.clone()))),
        parameters: array::from_fn(|p| {
            dot(gradient, neuron.charge(&moving(parameters, p), from.clone(), by.clone()))
        }),
    }
}

#[inline(always)]
pub(crate) fn distance<N: Neuron<S, P>, V: Real, const S: usize, const P: usize>(
    neuron: &N,
    parameters: &[V; P],
    charged: &[V; S],
    gradient: &V,
) -> DistanceGradient<V, S, P> {
    let gradient = [gradient.clone()];
    let (at, from) = (still(parameters), still(charged));
    DistanceGradient {
        state: array::from_fn(|k| dot(&gradient, [neuron.distance(&at, moving(charged, k))])),
        parameters: array::from_fn(|p| {
            dot(&gradient, [neuron.distance(&moving(parameters, p), from.clone())])
        }),
    }
}

#[inline(always)]
pub(crate) fn reset<N: Neuron<S, P>, V: Real, const S: usize, const P: usize>(
    neuron: &N,
    parameters: &[V; P],
    charged: &[V; S],
    spike: &V,
    gradient: &[V; S],
) -> ResetGradient<V, S, P> {
    let (at, from, fired) = (still(parameters), still(charged), Dual::still(spike.clone()));
    ResetGradient {
        state: array::from_fn(|k| {
            dot(gradient, neuron.reset(&at, moving(charged, k), fired.clone()))
        }),
        spike: dot(gradient, neuron.reset(&at, from.clone(), Dual::moving(spike.clone()))),
        parameters: array::from_fn(|p| {
            dot(gradient, neuron.reset(&moving(parameters, p), from.clone(), fired.clone()))
        }),
    }
}
