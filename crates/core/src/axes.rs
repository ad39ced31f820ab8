//! Time is axis 0 and batch is axis 1, from the encoder to the loss.

use candle_core::Tensor;

use crate::{Error, Result};

/// Axis of the time steps.
pub const TIME: usize = 0;
/// Axis of the samples of a batch.
pub const BATCH: usize = 1;

/// `(T, B)` of an activation `[T, B, …]`.
///
/// # Errors
/// If it has fewer than two axes.
pub fn time_and_batch(x: &Tensor) -> Result<(usize, usize)> {
    match *x.dims() {
        [t, b, ..] => Ok((t, b)),
        ref dims => Err(Error::Shape {
            what: "activation".into(),
            expected: "[T, B, …]".into(),
            got: format!("{dims:?}"),
        }),
    }
}

/// `[T, B, …]` as `[T·B, …]`, the form that layers without memory work on.
///
/// # Errors
/// If it has fewer than two axes.
pub fn merge_time(x: &Tensor) -> Result<Tensor> {
    time_and_batch(x)?;
    Ok(x.flatten(TIME, BATCH)?)
}

/// `[T·B, …]` as `[T, B, …]`.
///
/// # Errors
/// If the first axis is no multiple of `time_steps`.
pub fn split_time(x: &Tensor, time_steps: usize) -> Result<Tensor> {
    let rows = x.dim(0)?;
    if time_steps == 0 || rows % time_steps != 0 {
        return Err(Error::Shape {
            what: "axis 0 (time × batch)".into(),
            expected: format!("a multiple of {time_steps} time steps"),
            got: rows.to_string(),
        });
    }
    let mut dims = vec![time_steps, rows / time_steps];
    dims.extend_from_slice(&x.dims()[1..]);
    Ok(x.reshape(dims)?)
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn merging_and_splitting_time_are_inverse() -> Result<()> {
        let x = Tensor::arange(0_f32, 24.0, &Device::Cpu)?.reshape((2, 3, 4))?;
        let merged = merge_time(&x)?;
        assert_eq!(merged.dims(), [6, 4]);
        let back = split_time(&merged, 2)?;
        assert_eq!(back.to_vec3::<f32>()?, x.to_vec3::<f32>()?);
        let error = split_time(&merged, 4).unwrap_err().to_string();
        assert_eq!(error, "axis 0 (time × batch): expected a multiple of 4 time steps, got 6");
        Ok(())
    }
}
