//! Convolution by the matrix unit against its definition, where the machine has one.

use super::convolution::reference;
use super::sparse::{encode, for_each_case};
use super::spikes::random_multiples;
use super::{assert_close, normal};
use candlewick_kernels::simd::has_matrix_unit;

pub(crate) fn all_passes_match_the_definition() {
    if !has_matrix_unit() {
        return;
    }
    let mut case = 0;
    for_each_case(|shape, time_steps, density| {
        // Binary spikes, and spikes after average pooling.
        let (unit, levels) = [(1.0, 1), (0.25, 4), (1.0, 1), (1.0 / 9.0, 9)][case / 5 % 4];
        case += 1;
        let name = format!("{shape:?}, {time_steps} steps, density {density}, {levels} levels");
        let input = random_multiples("input", shape.input_len(), density, unit, levels);
        let spikes = encode(&shape, time_steps, &input, unit, levels);
        let weight = normal("weight", shape.weight_len());
        let bias = normal("bias", shape.out_channels);
        let grad_output = normal("grad", shape.output_len());
        let mut expected = reference(&shape, &input, &weight, &grad_output);
        // Stale values must not show.
        let mut output = vec![f32::NAN; shape.output_len()];
        shape.tile_forward(&spikes, &weight, None, &mut output);
        assert_close(&output, &expected.output, 1e-5, &name);
        output.fill(f32::NAN);
        shape.tile_forward(&spikes, &weight, Some(&bias), &mut output);
        for row in expected.output.chunks_exact_mut(shape.out_channels) {
            row.iter_mut().zip(&bias).for_each(|(sum, bias)| *sum += f64::from(*bias));
        }
        assert_close(&output, &expected.output, 1e-5, &name);
        let mut grad_weight = vec![f32::NAN; shape.weight_len()];
        shape.tile_weight_gradient(&spikes, &grad_output, &mut grad_weight);
        assert_close(&grad_weight, &expected.grad_weight, 1e-5, &name);
        let mut grad_input = vec![f32::NAN; shape.input_len()];
        shape.tile_input_gradient(&grad_output, &weight, &mut grad_input);
        assert_close(&grad_input, &expected.grad_input, 1e-5, &name);
    });
}
