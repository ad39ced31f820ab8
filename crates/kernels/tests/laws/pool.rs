//! Pooling against its definition; the gradient of the maximum on ties.

use super::{assert_close, normal};
use candlewick_kernels::pool::Pool2d;

fn geometries() -> Vec<Pool2d> {
    let mut all = Vec::new();
    for (kernel, stride, padding) in [
        ([2, 2], [2, 2], [0, 0]),
        ([3, 3], [2, 2], [1, 1]),
        ([3, 2], [1, 3], [0, 1]),
        ([2, 2], [3, 3], [0, 0]),
        ([1, 1], [1, 1], [0, 0]),
    ] {
        for (images, height, width, channels) in [(1, 4, 4, 1), (2, 7, 9, 5), (3, 6, 3, 33)] {
            all.push(Pool2d { images, height, width, channels, kernel, stride, padding });
        }
    }
    all.push(Pool2d::global(3, 5, 7, 18));
    assert_eq!(all.len(), 16);
    all
}

/// The input pixels of each window, in the order of the outputs, with the index of the output.
fn windows(shape: &Pool2d) -> Vec<Vec<usize>> {
    let [output_height, output_width] = shape.output_size();
    let mut all = Vec::new();
    for image in 0..shape.images {
        for y in 0..output_height {
            for x in 0..output_width {
                let mut pixels = Vec::new();
                for ky in 0..shape.kernel[0] {
                    for kx in 0..shape.kernel[1] {
                        let row = (y * shape.stride[0] + ky).wrapping_sub(shape.padding[0]);
                        let column = (x * shape.stride[1] + kx).wrapping_sub(shape.padding[1]);
                        if row < shape.height && column < shape.width {
                            pixels.push((image * shape.height + row) * shape.width + column);
                        }
                    }
                }
                all.push(pixels);
            }
        }
    }
    all
}

pub(crate) fn averages_match_the_definition() {
    let mut visited = 0;
    for shape in geometries() {
        let name = format!("{shape:?}");
        let channels = shape.channels;
        let input = normal("input", shape.input_len());
        let grad_output = normal("grad", shape.output_len());
        let area = (shape.kernel[0] * shape.kernel[1]) as f64;
        let mut expected = vec![0.0_f64; shape.output_len()];
        let mut expected_grad = vec![0.0_f64; shape.input_len()];
        for (window, pixels) in windows(&shape).iter().enumerate() {
            for pixel in pixels {
                for c in 0..channels {
                    let (from, to) = (pixel * channels + c, window * channels + c);
                    expected[to] += f64::from(input[from]) / area;
                    expected_grad[from] += f64::from(grad_output[to]) / area;
                }
            }
        }
        let mut output = vec![f32::NAN; shape.output_len()];
        shape.average(&input, &mut output);
        assert_close(&output, &expected, 1e-6, &name);
        let mut grad_input = vec![f32::NAN; shape.input_len()];
        shape.average_gradient(&grad_output, &mut grad_input);
        assert_close(&grad_input, &expected_grad, 1e-6, &name);
        visited += 1;
    }
    assert_eq!(visited, 16);
}

pub(crate) fn maxima_match_the_definition_and_send_the_gradient_to_the_first() {
    let mut visited = 0;
    for shape in geometries() {
        for ties in [false, true] {
            let name = format!("{shape:?}, ties: {ties}");
            let channels = shape.channels;
            let mut input = normal("input", shape.input_len());
            if ties {
                // Spikes: nearly every window has ties.
                for x in &mut input {
                    *x = f32::from(*x > 0.5);
                }
            }
            let grad_output = normal("grad", shape.output_len());
            let mut expected = vec![0.0_f64; shape.output_len()];
            let mut expected_grad = vec![0.0_f64; shape.input_len()];
            for (window, pixels) in windows(&shape).iter().enumerate() {
                for c in 0..channels {
                    let mut first = pixels[0] * channels + c;
                    for pixel in pixels {
                        if input[pixel * channels + c] > input[first] {
                            first = pixel * channels + c;
                        }
                    }
                    expected[window * channels + c] = f64::from(input[first]);
                    expected_grad[first] += f64::from(grad_output[window * channels + c]);
                }
            }
            let mut output = vec![f32::NAN; shape.output_len()];
            shape.maximum(&input, &mut output);
            assert_close(&output, &expected, 0.0, &name);
            let mut grad_input = vec![f32::NAN; shape.input_len()];
            shape.maximum_gradient(&input, &grad_output, &mut grad_input);
            assert_close(&grad_input, &expected_grad, 1e-6, &name);
            visited += 1;
        }
    }
    assert_eq!(visited, 32);
}
