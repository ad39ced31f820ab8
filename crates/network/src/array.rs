//! The floats of a gradient with respect to an activation, where the activation is.

use std::sync::Arc;

use candle_core::{Device, Tensor};
use candlewick_core::{Result, host};

use crate::Pass;
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

    /// Number of elements.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Host(values) => values.len(),
            Self::Device(tensor) => tensor.elem_count(),
        }
    }

    /// The values as a tensor of the shape `dims` on `device`, which is that of the activation.
    ///
    /// # Errors
    /// If the shape has another number of elements.
    pub fn tensor(&self, dims: &[usize], device: &Device) -> Result<Tensor> {
        Ok(match self {
            Self::Host(values) => Tensor::from_vec(values.to_vec(), dims, device)?,
            Self::Device(tensor) => tensor.reshape(dims)?,
        })
    }

    /// The values as floats in memory, to be changed; those of a device are copied.
    ///
    /// # Errors
    /// If the copy fails.
    pub fn floats(self, pass: &Pass) -> Result<Buffer> {
        self.into_host(&pass.pool)
    }

    /// As [`floats`](Self::floats).
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
    /// If the other has another size.
    pub(crate) fn plus(self, other: &Self) -> Result<Self> {
        match (self, other) {
            (Self::Host(mut sum), Self::Host(other)) => {
                add(&mut sum, other);
                Ok(Self::Host(sum))
            }
            (Self::Device(one), other) => {
                let other = other.tensor(one.dims(), one.device())?;
                Ok(Self::Device((one + other)?))
            }
            (one @ Self::Host(_), Self::Device(other)) => {
                let one = one.tensor(other.dims(), other.device())?;
                Ok(Self::Device((one + other)?))
            }
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
