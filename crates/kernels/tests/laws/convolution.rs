//! Dense convolution against its definition, over odd geometries.

use super::{assert_close, normal};
use candlewick_kernels::convolution::Conv2d;
use candlewick_kernels::simd::has_matrix_unit;

/// Calls `body` with every geometry and the number of them.
pub(crate) fn geometries() -> Vec<Conv2d> {
    let mut all = Vec::new();
    for kernel in [[1, 1], [3, 3], [5, 3], [2, 4]] {
        for stride in [[1, 1], [2, 2], [3, 1]] {
            for padding in [[0, 0], [1, 1], [2, 0]] {
                for (images, [height, width], [in_channels, out_channels]) in [
                    (1, [1, 1], [1, 1]),
                    (2, [7, 5], [3, 17]),
                    (3, [6, 9], [20, 4]),
                    (1, [8, 4], [1, 33]),
                ] {
                    let shape = Conv2d {
                        images,
                        height,
                        width,
                        in_channels,
                        out_channels,
                        kernel,
                        stride,
                        padding,
                    };
                    all.push(shape);
                }
            }
        }
    }
    // More than one tile, and more tiles than minimal filtering sums at a time.
    let large = Conv2d {
        images: 9,
        height: 21,
        width: 19,
        in_channels: 5,
        out_channels: 6,
        kernel: [3, 3],
        stride: [1, 1],
        padding: [1, 1],
    };
    all.extend([
        large,
        Conv2d { stride: [2, 2], ..large },
        Conv2d { kernel: [1, 1], padding: [0, 0], ..large },
    ]);
    // One tap per block of the weight gradient.
    all.push(Conv2d {
        images: 1,
        height: 4,
        width: 5,
        in_channels: 520,
        out_channels: 510,
        ..large
    });
    assert_eq!(all.len(), 4 * 3 * 3 * 4 + 4);
    all
}

/// Calls `body(input, weight, output)` with the indices of every product of the convolution.
pub(crate) fn for_each_product(shape: &Conv2d, mut body: impl FnMut(usize, usize, usize)) {
    let [output_height, output_width] = shape.output_size();
    for image in 0..shape.images {
        for y in 0..output_height {
            for x in 0..output_width {
                for ky in 0..shape.kernel[0] {
                    for kx in 0..shape.kernel[1] {
                        let row = (y * shape.stride[0] + ky).wrapping_sub(shape.padding[0]);
                        let column = (x * shape.stride[1] + kx).wrapping_sub(shape.padding[1]);
                        if row >= shape.height || column >= shape.width {
                            continue;
                        }
                        let input = ((image * shape.height + row) * shape.width + column)
                            * shape.in_channels;
                        let weight = (ky * shape.kernel[1] + kx) * shape.in_channels;
                        let output =
                            ((image * output_height + y) * output_width + x) * shape.out_channels;
                        for i in 0..shape.in_channels {
                            for o in 0..shape.out_channels {
                                body(input + i, (weight + i) * shape.out_channels + o, output + o);
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The output, the gradient of the input and that of the weight, in f64.
pub(crate) struct Reference {
    pub(crate) output: Vec<f64>,
    pub(crate) grad_input: Vec<f64>,
    pub(crate) grad_weight: Vec<f64>,
}

pub(crate) fn reference(
    shape: &Conv2d,
    input: &[f32],
    weight: &[f32],
    grad_output: &[f32],
) -> Reference {
    let mut output = vec![0.0; shape.output_len()];
    let mut grad_input = vec![0.0; shape.input_len()];
    let mut grad_weight = vec![0.0; shape.weight_len()];
    for_each_product(shape, |i, w, o| {
        output[o] += f64::from(input[i]) * f64::from(weight[w]);
        grad_input[i] += f64::from(grad_output[o]) * f64::from(weight[w]);
        grad_weight[w] += f64::from(grad_output[o]) * f64::from(input[i]);
    });
    Reference { output, grad_input, grad_weight }
}

pub(crate) fn all_passes_match_the_definition() {
    let (mut visited, mut transformed) = (0, 0);
    for shape in geometries() {
        let name = format!("{shape:?}");
        let input = normal("input", shape.input_len());
        let weight = normal("weight", shape.weight_len());
        let bias = normal("bias", shape.out_channels);
        let grad_output = normal("grad", shape.output_len());
        let mut expected = reference(&shape, &input, &weight, &grad_output);

        // Stale values must not show.
        let mut output = vec![f32::NAN; shape.output_len()];
        shape.forward(&input, &weight, None, &mut output);
        assert_close(&output, &expected.output, 1e-5, &name);
        output.fill(f32::NAN);
        shape.forward(&input, &weight, Some(&bias), &mut output);
        for row in expected.output.chunks_exact_mut(shape.out_channels) {
            row.iter_mut().zip(&bias).for_each(|(sum, bias)| *sum += f64::from(*bias));
        }
        assert_close(&output, &expected.output, 1e-5, &name);

        let mut grad_input = vec![f32::NAN; shape.input_len()];
        shape.input_gradient(&grad_output, &weight, &mut grad_input);
        assert_close(&grad_input, &expected.grad_input, 1e-5, &name);
        if has_matrix_unit() {
            grad_input.fill(f32::NAN);
            shape.tile_input_gradient(&grad_output, &weight, &mut grad_input);
            // 2⁻¹⁵ of a product.
            assert_close(&grad_input, &expected.grad_input, 3e-5, &name);
        }
        if shape.has_winograd() {
            output.fill(f32::NAN);
            shape.winograd_forward(&input, &weight, Some(&bias), &mut output);
            assert_close(&output, &expected.output, 5e-5, &name);
            grad_input.fill(f32::NAN);
            shape.winograd_input_gradient(&grad_output, &weight, &mut grad_input);
            assert_close(&grad_input, &expected.grad_input, 5e-5, &name);
            transformed += 1;
        }

        let mut grad_weight = vec![f32::NAN; shape.weight_len()];
        shape.weight_gradient(&input, &grad_output, &mut grad_weight);
        assert_close(&grad_weight, &expected.grad_weight, 1e-5, &name);
        if shape.has_winograd() {
            grad_weight.fill(f32::NAN);
            shape.winograd_weight_gradient(&input, &grad_output, &mut grad_weight);
            assert_close(&grad_weight, &expected.grad_weight, 5e-5, &name);
        }

        let mut sums = vec![0.0_f64; shape.out_channels];
        for row in grad_output.chunks_exact(shape.out_channels) {
            row.iter().zip(&mut sums).for_each(|(grad, sum)| *sum += f64::from(*grad));
        }
        let mut grad_bias = vec![f32::NAN; shape.out_channels];
        shape.bias_gradient(&grad_output, &mut grad_bias);
        assert_close(&grad_bias, &sums, 1e-6, &name);
        visited += 1;
    }
    assert_eq!(visited, 148);
    assert!(transformed > 10, "{transformed} shapes have a Winograd form");
}

pub(crate) fn multiplications_are_the_products_of_the_definition() {
    let mut visited = 0;
    for shape in geometries() {
        let mut products = 0;
        for_each_product(&shape, |_, _, _| products += 1);
        assert_eq!(shape.multiplications(), products, "{shape:?}");
        visited += 1;
    }
    assert!(visited > 100);
}
