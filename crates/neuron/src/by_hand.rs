//! One neuron at a time, for the tests of the neuron files.

use candlewick_kernels::neuron::current::Source;
use candlewick_kernels::neuron::scan::{self, Forward, Measure, Scan};

use crate::{Fused, Neuron};

/// Spikes (or outputs) and pre-reset potentials of one neuron with the given input per step.
pub(crate) fn run<N: Neuron<S, P>, const S: usize, const P: usize>(
    neuron: N,
    parameters: &[f32],
    input: &[f32],
) -> (Vec<f32>, Vec<f32>) {
    let (mut output, mut potentials) = (vec![0.0; input.len()], vec![0.0; input.len()]);
    Fused(neuron).forward(Forward {
        steps: input.len(),
        input: &[Source::Values(input)],
        state: None,
        parameters,
        output: scan::Output::Values(&mut output),
        final_state: None,
        potentials: Some(&mut potentials),
        measure: Measure::default(),
    });
    (output, potentials)
}
