//! Convolution of spikes against its definition, over odd geometries, densities and time steps.

use super::convolution::{for_each_product, geometries, reference};
use super::spikes::random_multiples;
use super::{assert_close, normal};
use candlewick_kernels::convolution::{Conv2d, Shares};
use candlewick_kernels::simd::has_matrix_unit;
use candlewick_kernels::spikes::Spikes;

/// Calls `body(shape, time steps, density)` with all geometries, in a few seconds.
fn for_each_case(mut body: impl FnMut(Conv2d, usize, f32)) {
    const TIME_STEPS: [usize; 7] = [1, 2, 3, 4, 5, 7, 8];
    const DENSITIES: [f32; 5] = [0.0, 0.01, 0.1, 0.5, 1.0];
    let mut visited = 0;
    for (index, mut shape) in geometries().into_iter().enumerate() {
        let time_steps = TIME_STEPS[index % TIME_STEPS.len()];
        shape.images *= time_steps;
        for density in DENSITIES {
            // The largest one once only.
            if shape.in_channels > 500 && density != 0.1 {
                continue;
            }
            body(shape, time_steps, density);
            visited += 1;
        }
    }
    assert_eq!(visited, 147 * 5 + 1);
}

pub(crate) fn encode(
    shape: &Conv2d,
    time_steps: usize,
    values: &[f32],
    unit: f32,
    levels: u32,
) -> Spikes {
    let pixels = shape.images / time_steps * shape.height * shape.width;
    let shape = [time_steps, pixels, shape.in_channels];
    Spikes::multiples(shape, values, unit, levels).expect("multiples of the unit")
}

type Forward = fn(&Conv2d, &Spikes, &[f32], Option<&[f32]>, &mut [f32]);
type WeightGradient = fn(&Conv2d, &Spikes, &[f32], &mut [f32]);

/// By the sparse kernels, and by the matrix unit where the machine has one.
pub(crate) fn forward_and_weight_gradient_match_the_definition() {
    let mut kernels: Vec<(Forward, WeightGradient)> =
        vec![(Conv2d::sparse_forward, Conv2d::sparse_weight_gradient)];
    if has_matrix_unit() {
        kernels.push((Conv2d::tile_forward, Conv2d::tile_weight_gradient));
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
        let expected = reference(&shape, &input, &weight, &grad_output);
        let mut biased = expected.output.clone();
        for row in biased.chunks_exact_mut(shape.out_channels) {
            row.iter_mut().zip(&bias).for_each(|(sum, bias)| *sum += f64::from(*bias));
        }
        for &(forward, weight_gradient) in &kernels {
            // Stale values must not show.
            let mut output = vec![f32::NAN; shape.output_len()];
            forward(&shape, &spikes, &weight, None, &mut output);
            assert_close(&output, &expected.output, 1e-5, &name);
            output.fill(f32::NAN);
            forward(&shape, &spikes, &weight, Some(&bias), &mut output);
            assert_close(&output, &biased, 1e-5, &name);
            let mut grad_weight = vec![f32::NAN; shape.weight_len()];
            weight_gradient(&shape, &spikes, &grad_output, &mut grad_weight);
            assert_close(&grad_weight, &expected.grad_weight, 1e-5, &name);
        }
    });
}

pub(crate) fn the_masked_gradient_is_exact_where_the_mask_is_set() {
    let mut case = 0;
    for_each_case(|shape, time_steps, density| {
        // A bit in any plane counts.
        let levels = [1, 1, 3][case / 5 % 3];
        case += 1;
        let name = format!("{shape:?}, {time_steps} steps, density {density}, {levels} levels");
        let mut inside = random_multiples("mask", shape.input_len(), density, 1.0, levels);
        let mask = encode(&shape, time_steps, &inside, 1.0, levels);
        for inside in &mut inside {
            *inside = inside.min(1.0);
        }
        let weight = normal("weight", shape.weight_len());
        let grad_output = normal("grad", shape.output_len());
        let mut expected = reference(&shape, &inside, &weight, &grad_output).grad_input;
        let mut grad_input = vec![f32::NAN; shape.input_len()];
        shape.masked_input_gradient(&grad_output, &weight, &mask, &mut grad_input);
        // A neuron without a bit in any step gets exactly 0.
        let step = shape.input_len() / time_steps;
        for neuron in 0..step {
            if (0..time_steps).all(|t| inside[t * step + neuron] == 0.0) {
                for t in 0..time_steps {
                    assert_eq!(grad_input[t * step + neuron], 0.0, "{name}");
                }
            }
        }
        for ((expected, found), inside) in expected.iter_mut().zip(&mut grad_input).zip(&inside) {
            *expected *= f64::from(*inside);
            *found *= inside;
        }
        assert_close(&grad_input, &expected, 1e-5, &name);
    });
}

pub(crate) fn coincidences_are_the_correlations_of_traces() {
    let check = |shape: Conv2d, time_steps: usize, density: f32, unit: f32, levels: u32| {
        let name = format!("{shape:?}, {time_steps} steps, density {density}, {levels} levels");
        let input = random_multiples("input", shape.input_len(), density, unit, levels);
        let pre = encode(&shape, time_steps, &input, unit, levels);
        let output = random_multiples("output", shape.output_len(), density, 1.0, 1);
        let pixels = shape.output_len() / time_steps / shape.out_channels;
        let post = Spikes::binary([time_steps, pixels, shape.out_channels], &output)
            .expect("binary spikes");
        let step = Conv2d { images: shape.images / time_steps, ..shape };
        let trace = |values: &[f32], decay: f32, t: usize| {
            let mut trace = vec![0.0; values.len() / time_steps];
            for values in values.chunks(trace.len().max(1)).take(t + 1) {
                trace.iter_mut().zip(values).for_each(|(r, value)| *r = decay * *r + value);
            }
            trace
        };
        // Of all steps, of the last one, and without a memory.
        for (decay, first) in [(0.4, 0), (0.4, time_steps - 1), (0.0, 0)] {
            let rows = time_steps - first;
            let mut found = vec![f32::NAN; rows * shape.weight_len()];
            shape.coincidences(&pre, &post, decay, first..time_steps, &mut found);
            for row in 0..rows {
                let mut expected = vec![0.0_f64; shape.weight_len()];
                let (pre, post) =
                    (trace(&input, decay, first + row), trace(&output, decay, first + row));
                for_each_product(&step, |input, weight, output| {
                    expected[weight] += f64::from(pre[input]) * f64::from(post[output]);
                });
                let found: Vec<f32> = found
                    .chunks_exact(shape.out_channels * rows)
                    .flat_map(|rows| rows[row * shape.out_channels..][..shape.out_channels].iter())
                    .copied()
                    .collect();
                assert_close(&found, &expected, 1e-5, &name);
            }
        }
    };
    let mut case = 0;
    for_each_case(|shape, time_steps, density| {
        // Spikes on both sides, and pooled ones before.
        let (unit, levels) = [(1.0, 1), (0.25, 4)][case / 5 % 2];
        case += 1;
        if case % 3 == 0 {
            check(shape, time_steps, density, unit, levels);
        }
    });
    assert_eq!(case, 147 * 5 + 1);
    let (kernel, stride, padding) = ([3, 3], [1, 1], [1, 1]);
    // More output channels than a vector has, and more spikes of a channel than are counted at a time.
    for ([images, side, in_channels, out_channels], unit, levels) in
        [([10, 6, 3, 150], 0.25, 4), ([2, 72, 1, 2], 1.0, 1)]
    {
        let (height, width) = (side, side);
        let shape =
            Conv2d { images, height, width, in_channels, out_channels, kernel, stride, padding };
        check(shape, images / 2, 0.9, unit, levels);
    }
}

pub(crate) fn shares_weigh_the_steps_of_the_gradient() {
    let mut case = 0;
    for_each_case(|shape, time_steps, density| {
        let (unit, levels) = [(1.0, 1), (0.25, 4)][case / 5 % 2];
        case += 1;
        if case % 3 != 1 {
            return;
        }
        let name = format!("{shape:?}, {time_steps} steps, density {density}, {levels} levels");
        let input = random_multiples("input", shape.input_len(), density, unit, levels);
        let spikes = encode(&shape, time_steps, &input, unit, levels);
        let grad_output = normal("grad", shape.output_len());
        let values = normal("shares", time_steps * shape.weight_len());
        let scales: Vec<[f32; 2]> = (0..time_steps).map(|t| [0.5, 0.1 + t as f32]).collect();
        let mut expected = vec![0.0; shape.weight_len()];
        let step = Conv2d { images: shape.images / time_steps, ..shape };
        for t in 0..time_steps {
            let part = |all: &[f32], size: usize| all[t * size..][..size].to_vec();
            let (input, grad) =
                (part(&input, step.input_len()), part(&grad_output, step.output_len()));
            for_each_product(&step, |at, weight, output| {
                let (row, column) = (weight / shape.out_channels, weight % shape.out_channels);
                let value = values[(row * time_steps + t) * shape.out_channels + column];
                let share = f64::from(scales[t][0]) + f64::from(scales[t][1]) * f64::from(value);
                expected[weight] += f64::from(input[at]) * f64::from(grad[output]) * share;
            });
        }
        let mut found = vec![f32::NAN; shape.weight_len()];
        let shares = Shares { values: &values, scales: &scales };
        shape.shared_weight_gradient(&spikes, &grad_output, shares, &mut found);
        assert_close(&found, &expected, 1e-5, &name);
    });
    assert_eq!(case, 147 * 5 + 1);
}
