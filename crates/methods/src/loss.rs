//! What a loss is, and the cross-entropy that losses are made of.

use std::fmt::Debug;

use candle_core::{D, Tensor};
use candlewick_core::{Error, Result};

use crate::{AnyLoss, Method};

/// A loss of the logits of all time steps.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use candlewick_core::Result;
/// use candlewick_methods::Loss;
///
/// /// The squared distance of the mean output to 1 for the right class and 0 for the others.
/// #[derive(Debug)]
/// struct SquaredError;
///
/// impl Loss for SquaredError {
///     fn loss(&self, logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
///         let output = logits.mean(0)?; // [T, B, K] to [B, K]
///         let classes = Tensor::eye(output.dim(1)?, output.dtype(), output.device())?;
///         Ok((output - classes.index_select(labels, 0)?)?.sqr()?.mean_all()?)
///     }
/// }
///
/// let logits = Tensor::new(&[[[1_f32, 0.5]], [[0.0, 0.5]]], &Device::Cpu)?;
/// let loss = SquaredError.loss(&logits, &Tensor::new(&[1_u32], &Device::Cpu)?)?;
/// assert_eq!(loss.to_scalar::<f32>()?, 0.25);
/// # Ok::<(), candlewick_core::Error>(())
/// ```
pub trait Loss: Debug + Send + Sync {
    /// The scalar loss of logits `[T, B, K]` and labels `[B]` (u32), a mean over the batch.
    ///
    /// # Errors
    /// If the logits are not `[T, B, K]`, the labels do not fit, or candle fails.
    fn loss(&self, logits: &Tensor, labels: &Tensor) -> Result<Tensor>;

    /// What makes the settings unusable, as (field, expected); `None` if they are fine.
    fn problem(&self) -> Option<(&'static str, &'static str)> {
        None
    }
}

impl Method for AnyLoss {
    fn name(&self) -> &'static str {
        self.name()
    }

    fn problem(&self) -> Option<(&'static str, &'static str)> {
        Loss::problem(&**self)
    }

    fn loss(&self) -> Option<&dyn Loss> {
        Some(&**self)
    }
}

/// Mean cross-entropy of logits `[N, K]` and labels `[N]`, in which every class gets a share
/// `smoothing / K` of the target (Szegedy et al., CVPR 2016, arXiv:1512.00567, sec. 7).
pub(crate) fn cross_entropy(logits: &Tensor, labels: &Tensor, smoothing: f32) -> Result<Tensor> {
    let log_probabilities = candle_nn::ops::log_softmax(logits, D::Minus1)?;
    let of_the_label = log_probabilities.gather(&labels.unsqueeze(1)?, 1)?.mean_all()?;
    if smoothing == 0.0 {
        return Ok(of_the_label.neg()?);
    }
    let smoothing = f64::from(smoothing);
    Ok(((of_the_label * (smoothing - 1.0))? - (log_probabilities.mean_all()? * smoothing)?)?)
}

/// `(T, B, K)` of logits that fit labels `[B]`.
pub(crate) fn dims(logits: &Tensor, labels: &Tensor) -> Result<(usize, usize, usize)> {
    let refused = |what: &str, expected: String, got: &Tensor| Error::Shape {
        what: what.into(),
        expected,
        got: format!("{:?}", got.dims()),
    };
    let &[time_steps, samples, classes] = logits.dims() else {
        return Err(refused("logits", "[T, B, K]".into(), logits));
    };
    if labels.dims() != [samples] {
        return Err(refused(
            "labels",
            format!("[{samples}], one per sample of the logits"),
            labels,
        ));
    }
    Ok((time_steps, samples, classes))
}

/// The range that label smoothing has.
pub(crate) fn smoothing_problem(smoothing: f32) -> Option<(&'static str, &'static str)> {
    (!(0.0..1.0).contains(&smoothing)).then_some(("label_smoothing", "a number in [0, 1)"))
}
