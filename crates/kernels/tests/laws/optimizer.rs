//! Optimizer steps against their formulas in f64, over several steps.

use super::{assert_close, normal};
use candlewick_kernels::optimizer::{AdamW, Sgd, scale, sum_of_squares};

const LENGTH: usize = 40_003;

pub(crate) fn sgd_follows_its_formula() {
    let mut visited = 0;
    for (momentum, nesterov) in [(0.0, false), (0.9, false), (0.9, true)] {
        for weight_decay in [0.0, 0.05] {
            let sgd = Sgd { learning_rate: 0.1, momentum, weight_decay, nesterov };
            let mut parameters = normal("parameters", LENGTH);
            let mut velocity = vec![0.0; if momentum > 0.0 { LENGTH } else { 0 }];
            let mut expected: Vec<f64> = parameters.iter().map(|&p| f64::from(p)).collect();
            let mut direction = vec![0.0_f64; LENGTH];
            for step in 0..3 {
                let gradient = normal(&format!("gradient {step}"), LENGTH);
                sgd.step(&mut parameters, &gradient, &mut velocity);
                for i in 0..LENGTH {
                    let g = f64::from(gradient[i]) + f64::from(weight_decay) * expected[i];
                    direction[i] = f64::from(momentum) * direction[i] + g;
                    let along = if nesterov {
                        g + f64::from(momentum) * direction[i]
                    } else {
                        direction[i]
                    };
                    expected[i] -= f64::from(0.1_f32) * along;
                }
                assert_close(&parameters, &expected, 1e-6, &format!("{sgd:?}, step {step}"));
                visited += 1;
            }
        }
    }
    assert_eq!(visited, 18);
}

pub(crate) fn adam_follows_its_formula() {
    let adam =
        AdamW { learning_rate: 0.01, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weight_decay: 0.1 };
    let mut parameters = normal("parameters", LENGTH);
    let (mut first, mut second) = (vec![0.0; LENGTH], vec![0.0; LENGTH]);
    let mut expected: Vec<f64> = parameters.iter().map(|&p| f64::from(p)).collect();
    let (mut m, mut v) = (vec![0.0_f64; LENGTH], vec![0.0_f64; LENGTH]);
    let [rate, beta1, beta2, decay] =
        [adam.learning_rate, adam.beta1, adam.beta2, adam.weight_decay].map(f64::from);
    let mut visited = 0;
    for step in 1..=3 {
        let gradient = normal(&format!("gradient {step}"), LENGTH);
        adam.step(step, &mut parameters, &gradient, &mut first, &mut second);
        for i in 0..LENGTH {
            let g = f64::from(gradient[i]);
            m[i] = beta1 * m[i] + (1.0 - beta1) * g;
            v[i] = beta2 * v[i] + (1.0 - beta2) * g * g;
            let first = m[i] / (1.0 - beta1.powf(step as f64));
            let second = v[i] / (1.0 - beta2.powf(step as f64));
            expected[i] -= rate * decay * expected[i];
            expected[i] -= rate * first / (second.sqrt() + f64::from(adam.epsilon));
        }
        assert_close(&parameters, &expected, 1e-6, &format!("step {step}"));
        visited += 1;
    }
    assert_eq!(visited, 3);
}

pub(crate) fn norm_and_scale_are_those_of_the_slice() {
    let mut values = normal("values", LENGTH);
    let expected: f64 = values.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
    assert!((sum_of_squares(&values) - expected).abs() < 1e-9 * expected);
    let halved: Vec<f64> = values.iter().map(|&x| f64::from(x) / 2.0).collect();
    scale(&mut values, 0.5);
    assert_close(&values, &halved, 0.0, "halved");
}
