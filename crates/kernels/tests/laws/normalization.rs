//! Normalization against its definition, and its gradient against finite differences in f64.

use super::{assert_close, normal};
use candlewick_kernels::neuron::current::PerChannel;
use candlewick_kernels::normalization::{
    Gradients, Statistics, Through, normalize_gradient, statistics,
};

const EPSILON: f32 = 1e-5;

/// The statistics of each channel in f64.
fn reference_statistics(input: &[f64], channels: usize) -> (Vec<f64>, Vec<f64>) {
    let rows = input.len() / channels;
    let mut mean = vec![0.0; channels];
    let mut variance = vec![0.0; channels];
    for row in input.chunks_exact(channels) {
        row.iter().zip(&mut mean).for_each(|(x, mean)| *mean += x / rows as f64);
    }
    for row in input.chunks_exact(channels) {
        for c in 0..channels {
            variance[c] += (row[c] - mean[c]).powi(2) / rows as f64;
        }
    }
    (mean, variance)
}

pub(crate) fn forward_matches_the_definition() {
    let mut visited = 0;
    for (rows, channels) in [(1, 1), (9, 1), (37, 5), (5000, 3), (1030, 64), (77, 130)] {
        // A mean far from 0 must not spoil the variance.
        for shift in [0.0, 300.0] {
            let name = format!("{rows} rows, {channels} channels, shift {shift}");
            let input: Vec<f32> =
                normal("input", rows * channels).iter().map(|x| x + shift).collect();
            let gamma = normal("gamma", channels);
            let beta = normal("beta", channels);
            let exact: Vec<f64> = input.iter().map(|&x| f64::from(x)).collect();
            let (expected_mean, expected_variance) = reference_statistics(&exact, channels);
            let (mut mean, mut variance) = (vec![f32::NAN; channels], vec![f32::NAN; channels]);
            statistics(&input, &mut mean, &mut variance);
            assert_close(&mean, &expected_mean, 1e-6, &name);
            assert_close(&variance, &expected_variance, 1e-6, &name);
            let mut output = vec![f32::NAN; input.len()];
            let given = Statistics { mean: &mean, variance: &variance, epsilon: EPSILON };
            PerChannel::new(&mean, &given.scales(&gamma), &beta).apply(&input, &mut output);
            let expected: Vec<f64> = (0..input.len())
                .map(|index| {
                    let c = index % channels;
                    let deviation = (expected_variance[c] + f64::from(EPSILON)).sqrt();
                    f64::from(gamma[c]) * (exact[index] - expected_mean[c]) / deviation
                        + f64::from(beta[c])
                })
                .collect();
            // The mean itself is rounded: half a unit in the last place of 300 is 1.5e-5.
            let tolerance = if shift == 0.0 { 1e-5 } else { 1e-4 };
            if rows > 1 {
                assert_close(&output, &expected, tolerance, &name);
            }
            visited += 1;
        }
    }
    assert_eq!(visited, 12);
}

/// `Σ grad · normalize(input)` in f64, with statistics of its own or given ones.
fn loss(
    input: &[f64],
    gamma: &[f64],
    beta: &[f64],
    grad: &[f32],
    given: Option<(&[f64], &[f64])>,
) -> f64 {
    let channels = gamma.len();
    let own = reference_statistics(input, channels);
    let (mean, variance) = given.unwrap_or((&own.0, &own.1));
    input
        .iter()
        .zip(grad)
        .enumerate()
        .map(|(index, (x, grad))| {
            let c = index % channels;
            let deviation = (variance[c] + f64::from(EPSILON)).sqrt();
            f64::from(*grad) * (gamma[c] * (x - mean[c]) / deviation + beta[c])
        })
        .sum()
}

pub(crate) fn gradients_match_finite_differences() {
    const STEP: f64 = 1e-5;
    let mut visited = 0;
    for (rows, channels) in [(4, 1), (9, 5), (37, 3)] {
        for through_statistics in [true, false] {
            let name = format!("{rows} rows, {channels} channels, training: {through_statistics}");
            let input = normal("input", rows * channels);
            let gamma = normal("gamma", channels);
            let beta = normal("beta", channels);
            let grad_output = normal("grad", rows * channels);
            let (mut mean, mut variance) = (vec![0.3; channels], vec![1.7; channels]);
            if through_statistics {
                statistics(&input, &mut mean, &mut variance);
            }
            let wide = |values: &[f32]| values.iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
            let (wide_mean, wide_variance) = (wide(&mean), wide(&variance));
            let given = (!through_statistics).then_some((&wide_mean[..], &wide_variance[..]));
            let arguments = [wide(&input), wide(&gamma), wide(&beta)];
            let difference = |argument: usize, index: usize| {
                let at = |step: f64| {
                    let mut moved = arguments.clone();
                    moved[argument][index] += step;
                    loss(&moved[0], &moved[1], &moved[2], &grad_output, given)
                };
                (at(STEP) - at(-STEP)) / (2.0 * STEP)
            };
            let mut found: [Vec<f32>; 3] =
                arguments.each_ref().map(|argument| vec![f32::NAN; argument.len()]);
            let [activation, grad_gamma, grad_beta] = &mut found;
            activation.copy_from_slice(&grad_output);
            normalize_gradient(
                &input,
                Statistics { mean: &mean, variance: &variance, epsilon: EPSILON },
                &gamma,
                if through_statistics { Through::Rows } else { Through::Constants },
                Gradients { activation, gamma: grad_gamma, beta: grad_beta },
            );
            for (argument, found) in found.iter().enumerate() {
                let expected: Vec<f64> =
                    (0..found.len()).map(|index| difference(argument, index)).collect();
                assert_close(found, &expected, 2e-5, &name);
            }
            visited += 1;
        }
    }
    assert_eq!(visited, 6);
}
