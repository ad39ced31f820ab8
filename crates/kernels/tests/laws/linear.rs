//! Dense linear layers against their definition.

use super::{assert_close, normal};
use candlewick_kernels::linear::Linear;

pub(crate) fn all_passes_match_the_definition() {
    let mut visited = 0;
    for rows in [0, 1, 4, 70, 515, 1100] {
        for [inputs, outputs] in [[1, 1], [3, 10], [130, 70], [67, 129], [1100, 2]] {
            let shape = Linear { rows, inputs, outputs };
            let name = format!("{shape:?}");
            let input = normal("input", rows * inputs);
            let weight = normal("weight", inputs * outputs);
            let bias = normal("bias", outputs);
            let grad_output = normal("grad", rows * outputs);
            let mut expected = vec![0.0_f64; rows * outputs];
            let mut expected_input = vec![0.0_f64; rows * inputs];
            let mut expected_weight = vec![0.0_f64; inputs * outputs];
            let mut expected_bias = vec![0.0_f64; outputs];
            for row in 0..rows {
                for o in 0..outputs {
                    let grad = f64::from(grad_output[row * outputs + o]);
                    expected_bias[o] += grad;
                    for i in 0..inputs {
                        let (x, w) = (input[row * inputs + i], weight[i * outputs + o]);
                        expected[row * outputs + o] += f64::from(x) * f64::from(w);
                        expected_input[row * inputs + i] += grad * f64::from(w);
                        expected_weight[i * outputs + o] += grad * f64::from(x);
                    }
                }
            }
            let mut output = vec![f32::NAN; rows * outputs];
            shape.forward(&input, &weight, None, &mut output);
            assert_close(&output, &expected, 1e-5, &name);
            shape.forward(&input, &weight, Some(&bias), &mut output);
            for (index, sum) in expected.iter_mut().enumerate() {
                *sum += f64::from(bias[index % outputs]);
            }
            assert_close(&output, &expected, 1e-5, &name);
            let mut grad_input = vec![f32::NAN; rows * inputs];
            shape.input_gradient(&grad_output, &weight, &mut grad_input);
            assert_close(&grad_input, &expected_input, 1e-5, &name);
            let mut grad_weight = vec![f32::NAN; inputs * outputs];
            shape.weight_gradient(&input, &grad_output, &mut grad_weight);
            assert_close(&grad_weight, &expected_weight, 1e-5, &name);
            let mut grad_bias = vec![f32::NAN; outputs];
            shape.bias_gradient(&grad_output, &mut grad_bias);
            assert_close(&grad_bias, &expected_bias, 1e-5, &name);
            visited += 1;
        }
    }
    assert_eq!(visited, 30);
}
