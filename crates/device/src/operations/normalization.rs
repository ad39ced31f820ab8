//! Normalization: `normalization.cu`.

use std::sync::Arc;

use candle_core::{Result, Tensor};

use crate::{Argument, Doubles, Floats, Queue, RowSums};

/// A normalization per channel with its parameters, `[channels]` each.
#[derive(Clone, Copy, Debug)]
pub struct Affine<'a> {
    /// Weights.
    pub gamma: &'a Tensor,
    /// Biases.
    pub beta: &'a Tensor,
    /// Multiplies the weights.
    pub factor: f32,
    /// Added to the variance; more than 0.
    pub epsilon: f32,
}

/// The statistics of each channel and what they make of the parameters, `[channels]` each.
#[derive(Debug)]
pub struct Adjusted {
    /// Subtracted.
    pub mean: Floats,
    /// Of the batch, or running.
    pub variance: Floats,
    /// `gamma · factor / √(variance + epsilon)`.
    pub scale: Floats,
    /// `beta`.
    pub shift: Floats,
}

/// What the statistics depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Through {
    /// On nothing, as in evaluation.
    Constants,
    /// On the rows of the input.
    Rows,
}

impl Queue {
    /// The statistics of x `[rows, channels]`; moves the running ones `[mean, variance]` by `momentum` towards
    /// those of a batch in which each row counts `repeats` times.
    ///
    /// # Errors
    /// If a launch fails.
    pub fn statistics(
        &self,
        x: &Floats,
        affine: Affine<'_>,
        running: [&Tensor; 2],
        momentum: f32,
        repeats: usize,
    ) -> Result<Adjusted> {
        let channels = affine.gamma.elem_count();
        let rows = x.len() / channels;
        let (span, chunks) = Self::parts(rows);
        let parts = self.doubles(2 * chunks * channels)?;
        let arguments = [
            Argument::In(x.flat(), 0),
            Argument::U32(rows as u32),
            Argument::U32(channels as u32),
            Argument::U32(span),
            Argument::Out(parts.flat()),
        ];
        self.call("moments", chunks * channels, &arguments)?;
        let new = || self.floats(channels);
        let adjusted = Adjusted { mean: new()?, variance: new()?, scale: new()?, shift: new()? };
        let arguments = [
            Argument::In(parts.flat(), 0),
            Argument::U32(chunks as u32),
            Argument::U32(channels as u32),
            Argument::U32(rows as u32),
            Argument::U32(repeats as u32),
            Argument::In(affine.gamma, 0),
            Argument::In(affine.beta, 0),
            Argument::F32(affine.factor),
            Argument::F32(affine.epsilon),
            Argument::F32(momentum),
            Argument::Out(running[0]),
            Argument::Out(running[1]),
            Argument::Out(adjusted.mean.flat()),
            Argument::Out(adjusted.variance.flat()),
            Argument::Out(adjusted.scale.flat()),
            Argument::Out(adjusted.shift.flat()),
        ];
        self.call("statistics", channels, &arguments)?;
        Ok(adjusted)
    }

    /// What statistics that stand make of the parameters.
    ///
    /// # Errors
    /// If the launch fails.
    pub fn given_statistics(
        &self,
        affine: Affine<'_>,
        [mean, variance]: [&Tensor; 2],
    ) -> Result<Adjusted> {
        let channels = affine.gamma.elem_count();
        let adjusted = Adjusted {
            mean: Floats::of(mean)?,
            variance: Floats::of(variance)?,
            scale: self.floats(channels)?,
            shift: self.floats(channels)?,
        };
        let arguments = [
            Argument::In(variance, 0),
            Argument::In(affine.gamma, 0),
            Argument::In(affine.beta, 0),
            Argument::F32(affine.factor),
            Argument::F32(affine.epsilon),
            Argument::U32(channels as u32),
            Argument::Out(adjusted.scale.flat()),
            Argument::Out(adjusted.shift.flat()),
        ];
        self.call("given_statistics", channels, &arguments)?;
        Ok(adjusted)
    }

    /// `(x - mean) · scale + shift`.
    ///
    /// # Errors
    /// If the launch fails.
    pub fn normalize(&self, x: &Floats, adjusted: &Adjusted) -> Result<Floats> {
        let out = self.floats(x.len())?;
        let arguments = [
            Argument::In(x.flat(), 0),
            Argument::In(adjusted.mean.flat(), 0),
            Argument::In(adjusted.scale.flat(), 0),
            Argument::In(adjusted.shift.flat(), 0),
            Argument::U64(x.len() as u64),
            Argument::U32(adjusted.scale.len() as u32),
            Argument::Out(out.flat()),
        ];
        self.call("normalize", x.len(), &arguments)?;
        Ok(out)
    }

    /// Turns the gradient with respect to the normalized values into that with respect to x, in place; gives
    /// those with respect to gamma and beta. `sums` are those of the scan that the gradient comes from, if it
    /// formed them.
    ///
    /// # Errors
    /// If a launch fails.
    pub fn normalize_gradient(
        &self,
        x: &Arc<Floats>,
        affine: Affine<'_>,
        adjusted: &Adjusted,
        through: Through,
        gradient: &Floats,
        sums: Option<&RowSums>,
    ) -> Result<[Floats; 2]> {
        let channels = affine.gamma.elem_count();
        let rows = x.len() / channels;
        let known = sums.and_then(|sums| Some((sums, sums.kind(x)?)));
        let computed =
            if known.is_none() { Some(self.gradient_sums(x, adjusted, gradient)?) } else { None };
        let (parts, kind, chunks) = match (known, &computed) {
            (Some((sums, kind)), _) => (&sums.parts, kind, sums.chunks),
            (None, Some((parts, chunks))) => (parts, 1, *chunks),
            (None, None) => candle_core::bail!("no sums over the rows of a gradient"),
        };
        let new = || self.floats(channels);
        let (of_gamma, of_beta, scale, slope, offset) = (new()?, new()?, new()?, new()?, new()?);
        let constants = Argument::U32(u32::from(through == Through::Constants));
        let arguments = [
            Argument::In(parts.flat(), 0),
            Argument::U32(kind as u32),
            Argument::U32(chunks as u32),
            Argument::U32(channels as u32),
            Argument::U32(rows as u32),
            Argument::In(adjusted.variance.flat(), 0),
            Argument::In(affine.gamma, 0),
            Argument::F32(affine.factor),
            Argument::F32(affine.epsilon),
            constants.clone(),
            Argument::Out(of_gamma.flat()),
            Argument::Out(of_beta.flat()),
            Argument::Out(scale.flat()),
            Argument::Out(slope.flat()),
            Argument::Out(offset.flat()),
        ];
        self.call("gradient_factors", channels, &arguments)?;
        let arguments = [
            Argument::In(x.flat(), 0),
            Argument::In(adjusted.mean.flat(), 0),
            Argument::In(scale.flat(), 0),
            Argument::In(slope.flat(), 0),
            Argument::In(offset.flat(), 0),
            Argument::U64(x.len() as u64),
            Argument::U32(channels as u32),
            constants,
            Argument::Out(gradient.flat()),
        ];
        self.call("normalize_gradient", x.len(), &arguments)?;
        Ok([of_gamma, of_beta])
    }
    /// The sums over rows that a gradient needs, `[2, chunks, channels]`, and the number of chunks.
    fn gradient_sums(
        &self,
        x: &Floats,
        adjusted: &Adjusted,
        gradient: &Floats,
    ) -> Result<(Doubles, usize)> {
        let channels = adjusted.scale.len();
        let rows = x.len() / channels;
        let (span, chunks) = Self::parts(rows);
        let parts = self.doubles(2 * chunks * channels)?;
        let arguments = [
            Argument::In(x.flat(), 0),
            Argument::In(gradient.flat(), 0),
            Argument::In(adjusted.mean.flat(), 0),
            Argument::U32(rows as u32),
            Argument::U32(channels as u32),
            Argument::U32(span),
            Argument::Out(parts.flat()),
        ];
        self.call("gradient_sums", chunks * channels, &arguments)?;
        Ok((parts, chunks))
    }
}
