//! Laws that every registered surrogate obeys.

use candle_core::{Device, Tensor, Var};
use candlewick_core::Result;

use crate::{AnySurrogate, spike};

/// Distances from -3 to 3 that avoid the kinks of the registered shapes at their defaults.
fn distances() -> Vec<f32> {
    (0..240).map(|i| (i as f32 - 119.5) * 0.0251 + 0.0007).collect()
}

fn derivatives(surrogate: &AnySurrogate, x: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let (mut by_x, mut by_parameter) = (vec![0.0; x.len()], vec![0.0; x.len()]);
    surrogate.derivative(0, x, &mut by_x);
    surrogate.parameter_derivative(0, x, &mut by_parameter);
    (by_x, by_parameter)
}

/// The surrogates that are negative in places, as their sources have them.
const NEGATIVE: [&str; 2] = ["snntorch_triangular", "squarewave_fourier_series"];

#[test]
fn the_derivative_is_that_of_the_primitive() {
    let x = distances();
    let mut visited = 0;
    for surrogate in AnySurrogate::all() {
        let (by_x, _) = derivatives(&surrogate, &x);
        for (&x, &analytic) in x.iter().zip(&by_x) {
            let h = 2e-3_f32;
            let difference =
                f64::from(surrogate.primitive(x + h)) - f64::from(surrogate.primitive(x - h));
            let numeric = (difference / f64::from((x + h) - (x - h))) as f32;
            // A kink within h of x leaves an error of half its jump; none is that near.
            assert!(
                (numeric - analytic).abs() < 3e-3 * (1.0 + analytic.abs()),
                "{surrogate:?} at {x}: {numeric} {analytic}"
            );
            visited += 1;
        }
        let negative = by_x.iter().any(|&derivative| derivative < 0.0);
        assert_eq!(negative, NEGATIVE.contains(&surrogate.name()), "{surrogate:?}");
    }
    assert_eq!(visited, 240 * AnySurrogate::NAMES.len());
}

#[test]
fn the_parameter_derivative_is_that_of_the_primitive() {
    let x = distances();
    let (mut visited, mut without) = (0, 0);
    for surrogate in AnySurrogate::all() {
        let (_, by_parameter) = derivatives(&surrogate, &x);
        let Some(parameter) = surrogate.parameter() else {
            assert!(by_parameter.iter().all(|&d| d == 0.0), "{surrogate:?}");
            without += 1;
            continue;
        };
        let h = 2e-3 * parameter;
        let (low, high) =
            (surrogate.with_parameter(parameter - h), surrogate.with_parameter(parameter + h));
        for (&x, &analytic) in x.iter().zip(&by_parameter) {
            let difference = f64::from(high.primitive(x)) - f64::from(low.primitive(x));
            let numeric = (difference / (2.0 * f64::from(h))) as f32;
            assert!(
                (numeric - analytic).abs() < 4e-3 * (1.0 + analytic.abs()),
                "{surrogate:?} at {x}: {numeric} {analytic}"
            );
            visited += 1;
        }
    }
    assert!(without > 0 && without < AnySurrogate::NAMES.len(), "{without}");
    assert_eq!(visited, 240 * (AnySurrogate::NAMES.len() - without));
}

#[test]
fn the_derivative_is_zero_outside_of_the_support_and_only_there() {
    let x = distances();
    let mut visited = 0;
    for surrogate in AnySurrogate::all() {
        let (by_x, _) = derivatives(&surrogate, &x);
        if let Some(support) = surrogate.support() {
            for (x, derivative) in x.iter().zip(&by_x) {
                if x.abs() >= support {
                    assert_eq!(*derivative, 0.0, "{surrogate:?} at {x}");
                }
            }
        } else {
            assert!(by_x.iter().any(|&d| d != 0.0), "{surrogate:?}");
        }
        visited += 1;
    }
    assert_eq!(visited, AnySurrogate::NAMES.len());
}

#[test]
fn candle_operations_give_the_same_derivatives() -> Result<()> {
    let x = distances();
    let tensor = Tensor::new(x.as_slice(), &Device::Cpu)?;
    let mut visited = 0;
    for surrogate in AnySurrogate::all() {
        let (by_x, by_parameter) = derivatives(&surrogate, &x);
        let composed = surrogate.derivative_tensor(0, &tensor)?.to_vec1::<f32>()?;
        let composed_parameter =
            surrogate.parameter_derivative_tensor(0, &tensor)?.to_vec1::<f32>()?;
        for i in 0..x.len() {
            for (fused, composed) in
                [(by_x[i], composed[i]), (by_parameter[i], composed_parameter[i])]
            {
                let bound = 2e-6 * (1.0 + fused.abs());
                assert!((fused - composed).abs() < bound, "{surrogate:?} at {}", x[i]);
            }
        }
        visited += 1;
    }
    assert_eq!(visited, AnySurrogate::NAMES.len());
    Ok(())
}

#[test]
fn the_spike_of_a_tensor_is_binary_and_carries_the_surrogate_gradient() -> Result<()> {
    let x = distances();
    let mut visited = 0;
    for surrogate in AnySurrogate::all() {
        let variable = Var::from_tensor(&Tensor::new(x.as_slice(), &Device::Cpu)?)?;
        let spikes = spike(&variable, &*surrogate)?;
        let gradient = (&spikes * 2.0)?.sum_all()?.backward()?;
        let gradient = gradient.get(&variable).expect("a gradient").to_vec1::<f32>()?;
        let (by_x, _) = derivatives(&surrogate, &x);
        for (i, spike) in spikes.to_vec1::<f32>()?.into_iter().enumerate() {
            assert_eq!(spike, f32::from(u8::from(x[i] > 0.0)));
            assert_eq!(gradient[i], 2.0 * by_x[i], "{surrogate:?}");
        }
        visited += 1;
    }
    assert_eq!(visited, AnySurrogate::NAMES.len());
    Ok(())
}

#[test]
fn every_name_and_synonym_reads_from_a_recipe_and_unknown_keys_are_refused() -> Result<()> {
    let mut visited = 0;
    for surrogate in AnySurrogate::all() {
        for name in std::iter::once(surrogate.name()).chain(surrogate.synonyms().iter().copied()) {
            assert_eq!(AnySurrogate::named(name)?, surrogate);
            let read: AnySurrogate = toml::from_str(&format!("[{name}]")).expect("defaults");
            assert_eq!(read, surrogate);
            let wrong = toml::from_str::<AnySurrogate>(&format!("[{name}]\nwidht = 1"));
            assert!(wrong.unwrap_err().to_string().contains("widht"));
            visited += 1;
        }
        assert_eq!(surrogate.problem(), None, "the defaults of {surrogate:?}");
    }
    assert!(visited >= AnySurrogate::NAMES.len());
    Ok(())
}
