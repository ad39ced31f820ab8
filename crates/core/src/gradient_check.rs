//! Finite-difference checks, for the tests of every differentiable operation.

use candle_core::{Tensor, Var};

use crate::{Error, Result};

/// Compares the gradient that candle computes for `f` at `inputs` with central differences of step
/// `step` and returns the largest absolute difference over all inputs and elements.
///
/// `f` maps the inputs to a tensor of any shape; its values are weighted by fixed, uneven numbers
/// and summed, so that no error cancels.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use candlewick_core::gradient_check::largest_difference;
///
/// let x = Tensor::new(&[0.5_f32, -1.0], &Device::Cpu)?;
/// let difference = largest_difference(&[x], 1e-2, |x| Ok(x[0].sqr()?))?;
/// assert!(difference < 1e-3, "{difference}");
/// # Ok::<(), candlewick_core::Error>(())
/// ```
///
/// # Errors
/// If `f` fails.
pub fn largest_difference(
    inputs: &[Tensor],
    step: f32,
    f: impl Fn(&[Tensor]) -> Result<Tensor>,
) -> Result<f32> {
    let loss = |inputs: &[Tensor]| -> Result<Tensor> {
        let out = f(inputs)?.flatten_all()?;
        let weights: Vec<f32> =
            (0..out.elem_count()).map(|i| ((i * 7 + 3) % 11) as f32 / 11.0 - 0.4).collect();
        let weights = Tensor::from_vec(weights, out.elem_count(), out.device())?;
        Ok((out * weights)?.sum_all()?)
    };
    let variables =
        inputs.iter().map(Var::from_tensor).collect::<candle_core::Result<Vec<Var>>>()?;
    let tensors: Vec<Tensor> = variables.iter().map(|v| v.as_tensor().clone()).collect();
    let gradients = loss(&tensors)?.backward()?;
    let mut largest = 0.0_f32;
    for (which, variable) in variables.iter().enumerate() {
        let analytic = gradients
            .get(variable)
            .ok_or_else(|| Error::Shape {
                what: format!("gradient of input {which}"),
                expected: format!("{:?}", variable.dims()),
                got: "none".into(),
            })?
            .flatten_all()?
            .to_vec1::<f32>()?;
        let values = inputs[which].flatten_all()?.to_vec1::<f32>()?;
        for (element, analytic) in analytic.into_iter().enumerate() {
            let at = |delta: f32| -> Result<f64> {
                let mut moved = values.clone();
                moved[element] += delta;
                let mut tensors: Vec<Tensor> = inputs.to_vec();
                tensors[which] =
                    Tensor::from_vec(moved, inputs[which].dims(), inputs[which].device())?;
                Ok(f64::from(loss(&tensors)?.to_scalar::<f32>()?))
            };
            let numeric = ((at(step)? - at(-step)?) / (2.0 * f64::from(step))) as f32;
            largest = largest.max((numeric - analytic).abs());
        }
    }
    Ok(largest)
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn a_right_gradient_passes_and_a_wrong_one_does_not() -> Result<()> {
        let x = Tensor::new(&[0.3_f32, -1.2, 2.0], &Device::Cpu)?;
        let right = largest_difference(std::slice::from_ref(&x), 1e-2, |x| Ok(x[0].sqr()?))?;
        assert!(right < 1e-3, "{right}");
        // The gradient of the detached factor is missing: x instead of 2x.
        let wrong = largest_difference(&[x], 1e-2, |x| Ok((&x[0] * x[0].detach())?))?;
        assert!(wrong > 0.1, "{wrong}");
        Ok(())
    }
}
