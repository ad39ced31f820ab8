//! The bits do not depend on the number of threads.

use candlewick_kernels::convolution::{Conv2d, Shares};
use candlewick_kernels::linear::Linear;
use candlewick_kernels::normalization::{
    Gradients, Statistics, Through, normalize_gradient, statistics,
};
use candlewick_kernels::optimizer::sum_of_squares;
use candlewick_kernels::pool::Pool2d;
use candlewick_kernels::random::Key;
use candlewick_kernels::simd::has_matrix_unit;
use candlewick_kernels::spikes::Spikes;
use rayon::ThreadPoolBuilder;

fn normal(name: &str, length: usize) -> Vec<f32> {
    let mut stream = Key::new(5).named(name).stream();
    (0..length).map(|_| stream.normal()).collect()
}

/// Runs `body` with 1, 2 and 3 threads and compares the bits of what it returns.
fn assert_same_bits(what: &str, body: impl Fn() -> Vec<f32> + Sync) {
    let run = |threads: usize| {
        let pool = ThreadPoolBuilder::new().num_threads(threads).build().expect("a thread pool");
        let values = pool.install(&body);
        values.iter().map(|value| value.to_bits()).collect::<Vec<_>>()
    };
    let one = run(1);
    assert!(one.iter().any(|&bits| bits != 0), "{what} is all 0");
    for threads in [2, 3] {
        assert!(run(threads) == one, "{what}: {threads} threads give other bits than one");
    }
}

fn filled(length: usize, write: impl FnOnce(&mut [f32])) -> Vec<f32> {
    let mut values = vec![f32::NAN; length];
    write(&mut values);
    values
}

#[test]
fn dense_convolution() {
    for stride in [1, 2] {
        let shape = Conv2d {
            images: 3,
            height: 29,
            width: 31,
            in_channels: 19,
            out_channels: 23,
            kernel: [3, 3],
            stride: [stride; 2],
            padding: [1, 1],
        };
        let input = normal("input", shape.input_len());
        let weight = normal("weight", shape.weight_len());
        let grad = normal("grad", shape.output_len());
        assert_same_bits("forward", || {
            filled(shape.output_len(), |to| {
                shape.forward(&input, &weight, None, to);
            })
        });
        assert_same_bits("input gradient", || {
            filled(shape.input_len(), |to| {
                shape.input_gradient(&grad, &weight, to);
            })
        });
        assert_same_bits("weight gradient", || {
            filled(shape.weight_len(), |to| {
                shape.weight_gradient(&input, &grad, to);
            })
        });
        assert_same_bits("bias gradient", || {
            filled(shape.out_channels, |to| shape.bias_gradient(&grad, to))
        });
    }
}

#[test]
fn sparse_convolution() {
    for stride in [1, 2] {
        let shape = Conv2d {
            images: 15,
            height: 19,
            width: 21,
            in_channels: 37,
            out_channels: 70,
            kernel: [3, 3],
            stride: [stride; 2],
            padding: [1, 1],
        };
        let input: Vec<f32> =
            normal("input", shape.input_len()).iter().map(|&x| f32::from(x > 1.0)).collect();
        let spikes = Spikes::binary([5, 3 * 19 * 21, 37], &input).expect("spikes");
        let weight = normal("weight", shape.weight_len());
        let grad = normal("grad", shape.output_len());
        assert_same_bits("forward", || {
            filled(shape.output_len(), |to| shape.sparse_forward(&spikes, &weight, None, to))
        });
        assert_same_bits("input gradient", || {
            filled(shape.input_len(), |to| shape.masked_input_gradient(&grad, &weight, &spikes, to))
        });
        assert_same_bits("weight gradient", || {
            filled(shape.weight_len(), |to| shape.sparse_weight_gradient(&spikes, &grad, to))
        });
        let fired: Vec<f32> = grad.iter().map(|&x| f32::from(x > 1.0)).collect();
        let fired = Spikes::binary([5, fired.len() / 5 / 70, 70], &fired).expect("spikes");
        let coincide = |to: &mut [f32]| shape.coincidences(&spikes, &fired, 0.4, 0..5, to);
        assert_same_bits("coincidences", || filled(5 * shape.weight_len(), coincide));
        let values = normal("shares", 5 * shape.weight_len());
        let shares = Shares { values: &values, scales: &[[0.9, 0.1]; 5] };
        assert_same_bits("weight gradient of shares", || {
            filled(shape.weight_len(), |to| {
                shape.shared_weight_gradient(&spikes, &grad, shares, to);
            })
        });
    }
}

#[test]
fn tile_convolution() {
    if !has_matrix_unit() {
        return;
    }
    // Small gradients are summed in parts, large ones are not.
    for (stride, out_channels) in [(1, 70), (2, 70), (1, 1030)] {
        let shape = Conv2d {
            images: 15,
            height: 19,
            width: 21,
            in_channels: 237,
            out_channels,
            kernel: [3, 3],
            stride: [stride; 2],
            padding: [1, 1],
        };
        let input: Vec<f32> =
            normal("input", shape.input_len()).iter().map(|&x| f32::from(x > 1.0)).collect();
        let spikes = Spikes::binary([5, 3 * 19 * 21, 237], &input).expect("spikes");
        let weight = normal("weight", shape.weight_len());
        let grad = normal("grad", shape.output_len());
        assert_same_bits("forward", || {
            filled(shape.output_len(), |to| shape.tile_forward(&spikes, &weight, None, to))
        });
        assert_same_bits("input gradient", || {
            filled(shape.input_len(), |to| shape.tile_input_gradient(&grad, &weight, to))
        });
        assert_same_bits("weight gradient", || {
            filled(shape.weight_len(), |to| shape.tile_weight_gradient(&spikes, &grad, to))
        });
    }
}

#[test]
fn dense_linear() {
    for rows in [40, 600] {
        let shape = Linear { rows, inputs: 150, outputs: 210 };
        let input = normal("input", rows * 150);
        let weight = normal("weight", 150 * 210);
        let grad = normal("grad", rows * 210);
        assert_same_bits("forward", || {
            filled(grad.len(), |to| shape.forward(&input, &weight, None, to))
        });
        assert_same_bits("input gradient", || {
            filled(input.len(), |to| shape.input_gradient(&grad, &weight, to))
        });
        assert_same_bits("weight gradient", || {
            filled(weight.len(), |to| shape.weight_gradient(&input, &grad, to))
        });
    }
}

#[test]
fn pooling_normalization_and_norms() {
    let shape = Pool2d {
        images: 5,
        height: 17,
        width: 15,
        channels: 20,
        kernel: [3, 3],
        stride: [2, 2],
        padding: [1, 1],
    };
    let input = normal("input", shape.input_len());
    let grad = normal("grad", shape.output_len());
    assert_same_bits("average", || filled(grad.len(), |to| shape.average(&input, to)));
    assert_same_bits("maximum", || filled(grad.len(), |to| shape.maximum(&input, to)));
    assert_same_bits("gradient of the maximum", || {
        filled(input.len(), |to| shape.maximum_gradient(&input, &grad, to))
    });
    let values = normal("values", 20 * 9001);
    let grad = normal("grad", values.len());
    assert_same_bits("normalization", || {
        let (mut mean, mut variance) = (vec![0.0; 20], vec![0.0; 20]);
        statistics(&values, &mut mean, &mut variance);
        let gamma = normal("gamma", 20);
        let given = Statistics { mean: &mean, variance: &variance, epsilon: 1e-5 };
        let mut activation = grad.clone();
        let (mut grad_gamma, mut grad_beta) = (vec![0.0; 20], vec![0.0; 20]);
        let to =
            Gradients { activation: &mut activation, gamma: &mut grad_gamma, beta: &mut grad_beta };
        normalize_gradient(&values, given, &gamma, Through::Rows, to);
        [activation, grad_gamma, grad_beta, mean, variance].concat()
    });
    assert_same_bits("norm", || vec![sum_of_squares(&values) as f32]);
}
