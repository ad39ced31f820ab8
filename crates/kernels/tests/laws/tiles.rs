//! What is special about convolution by the matrix unit, where the machine has one; that it matches its
//! definition is part of the laws of sparse and of dense convolution.

use super::sparse::encode;
use super::spikes::random_multiples;
use super::{assert_close, normal};
use candlewick_kernels::convolution::Conv2d;
use candlewick_kernels::simd::has_matrix_unit;

/// Maps that do not fit into one group of samples, against the dense kernels.
pub(crate) fn groups_of_samples_make_up_the_whole() {
    if !has_matrix_unit() {
        return;
    }
    let (time_steps, batch) = (4, 5);
    let shape = Conv2d {
        images: time_steps * batch,
        height: 128,
        width: 128,
        in_channels: 64,
        out_channels: 40,
        kernel: [1, 1],
        stride: [1, 1],
        padding: [0, 0],
    };
    let input = random_multiples("input", shape.input_len(), 0.2, 0.25, 4);
    let spikes = encode(&shape, time_steps, &input, 0.25, 4);
    let weight = normal("weight", shape.weight_len());
    let grad_output = normal("grad", shape.output_len());
    let exact = |values: &[f32]| -> Vec<f64> { values.iter().map(|&v| f64::from(v)).collect() };
    let mut found = vec![f32::NAN; shape.output_len()];
    let mut expected = found.clone();
    shape.forward(&input, &weight, None, &mut expected);
    shape.tile_forward(&spikes, &weight, None, &mut found);
    assert_close(&found, &exact(&expected), 1e-5, "forward");
    let mut found = vec![f32::NAN; shape.input_len()];
    let mut expected = found.clone();
    shape.input_gradient(&grad_output, &weight, &mut expected);
    shape.tile_input_gradient(&grad_output, &weight, &mut found);
    assert_close(&found, &exact(&expected), 3e-5, "input gradient");
    let mut found = vec![f32::NAN; shape.weight_len()];
    let mut expected = found.clone();
    shape.weight_gradient(&input, &grad_output, &mut expected);
    shape.tile_weight_gradient(&spikes, &grad_output, &mut found);
    assert_close(&found, &exact(&expected), 1e-5, "weight gradient");
}

pub(crate) fn what_is_not_finite_shows() {
    if !has_matrix_unit() {
        return;
    }
    let shape = Conv2d::linear(8, 64, 32);
    let input = vec![1.0; shape.input_len()];
    let spikes = encode(&shape, 4, &input, 1.0, 1);
    let mut visited = 0;
    for broken in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut weight = normal("weight", shape.weight_len());
        weight[35] = broken;
        let mut output = vec![0.0; shape.output_len()];
        shape.tile_forward(&spikes, &weight, None, &mut output);
        let mut grad_output = normal("grad", shape.output_len());
        let mut grad_input = vec![0.0; shape.input_len()];
        shape.tile_input_gradient(&grad_output, &weight, &mut grad_input);
        grad_output[3] = broken;
        let mut grad_weight = vec![0.0; shape.weight_len()];
        shape.tile_weight_gradient(&spikes, &grad_output, &mut grad_weight);
        for (index, values) in [(3, &output), (1, &grad_input), (3, &grad_weight)] {
            let finite = values.iter().filter(|value| value.is_finite()).count();
            assert!(!values[index].is_finite() && finite > values.len() / 2, "{broken}");
            visited += 1;
        }
    }
    assert_eq!(visited, 9);
}
