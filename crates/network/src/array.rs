//! The floats of a gradient with respect to an activation, where the activation is.

use candle_core::Tensor;
use candlewick_core::{Result, host};
use std::sync::Arc;

use crate::buffer::{Buffer, Pool, add};

/// A gradient with respect to an activation, `[T, B, …]` or `[1, B, …]` as the activation is.
#[derive(Debug)]
pub enum Array {
    /// In the memory of the CPU.
    Host(Buffer),
    /// On a device.
    Device(Tensor),
}

impl Array {
    /// The values of `tensor`, in a buffer of `pool` where kernels may read it.
    ///
    /// # Errors
    /// If the tensor does not hold `f32`.
    pub(crate) fn of(tensor: &Tensor, pool: &Arc<Pool>) -> Result<Self> {
        if !host::is_reachable(tensor.device()) {
            return Ok(Self::Device(tensor.clone()));
        }
        let tensor = tensor.contiguous()?;
        Ok(Self::Host(pool.filled(&host::values(&tensor)?)))
    }

    /// The values as a tensor of the shape `dims`.
    ///
    /// # Errors
    /// If the shape has another number of elements.
    pub fn tensor(&self, dims: &[usize]) -> Result<Tensor> {
        Ok(match self {
            Self::Host(values) => {
                Tensor::from_vec(values.to_vec(), dims, &candle_core::Device::Cpu)?
            }
            Self::Device(tensor) => tensor.reshape(dims)?,
        })
    }

    /// The values in memory; those of a device are copied.
    ///
    /// # Errors
    /// If the copy fails.
    pub(crate) fn into_host(self, pool: &Arc<Pool>) -> Result<Buffer> {
        match self {
            Self::Host(values) => Ok(values),
            Self::Device(tensor) => Ok(pool.filled(&tensor.flatten_all()?.to_vec1::<f32>()?)),
        }
    }

    /// The same values once more.
    pub(crate) fn copy(&self) -> Self {
        match self {
            Self::Host(values) => Self::Host(values.copy()),
            Self::Device(tensor) => Self::Device(tensor.clone()),
        }
    }

    /// The sum with another gradient with respect to the same activation.
    ///
    /// # Errors
    /// If the other has another size or is elsewhere.
    pub(crate) fn plus(self, other: &Self) -> Result<Self> {
        match (self, other) {
            (Self::Host(mut sum), Self::Host(other)) => {
                add(&mut sum, other);
                Ok(Self::Host(sum))
            }
            (Self::Device(one), Self::Device(other)) => {
                Ok(Self::Device((&one + other.reshape(one.shape())?)?))
            }
            _ => Err(candlewick_core::Error::Shape {
                what: "gradients that meet".into(),
                expected: "gradients on one device".into(),
                got: "one in memory and one on a device".into(),
            }),
        }
    }

    /// The sum of those that are there.
    ///
    /// # Errors
    /// As [`plus`](Self::plus).
    pub(crate) fn sum(one: Option<Self>, other: Option<Self>) -> Result<Option<Self>> {
        match (one, other) {
            (Some(one), Some(other)) => one.plus(&other).map(Some),
            (one, other) => Ok(one.or(other)),
        }
    }

    /// The gradient with respect to an activation that was repeated at each of `steps` steps.
    ///
    /// # Errors
    /// If candle fails.
    pub(crate) fn over_time(self, steps: usize) -> Result<Self> {
        match self {
            Self::Host(mut sum) => {
                let length = sum.len() / steps;
                let (first, others) = sum.split_at_mut(length);
                others.chunks_exact(length.max(1)).for_each(|step| add(first, step));
                sum.truncate(length);
                Ok(Self::Host(sum))
            }
            Self::Device(tensor) => Ok(Self::Device(tensor.reshape((steps, ()))?.sum_keepdim(0)?)),
        }
    }
}
