//! The floats of a gradient with respect to an activation, where the activation is.

use std::sync::Arc;

use candle_core::{Device, Tensor};
use candlewick_core::{Result, host};
use candlewick_device::{Floats, Queue};

use crate::Pass;
use crate::buffer::{Buffer, Pool, add};

/// A gradient with respect to an activation, `[T, B, …]` or `[1, B, …]` as the activation is.
#[derive(Debug)]
pub enum Array {
    /// In the memory of the CPU.
    Host(Buffer),
    /// On a device that has kernels.
    Device(Arc<Floats>, Queue),
    /// On another device.
    Tensor(Tensor),
}

impl Array {
    /// The values of `tensor`, where kernels may work on them.
    ///
    /// # Errors
    /// If the tensor does not hold `f32`.
    pub(crate) fn of(tensor: &Tensor, pass: &Pass) -> Result<Self> {
        if let Some(queue) = pass.queue() {
            return Ok(Self::Device(Arc::new(Floats::of(tensor)?), queue.clone()));
        }
        if !host::is_reachable(tensor.device()) {
            return Ok(Self::Tensor(tensor.clone()));
        }
        let tensor = tensor.contiguous()?;
        Ok(Self::Host(pass.pool.filled(&host::values(&tensor)?)))
    }

    /// Number of elements.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Host(values) => values.len(),
            Self::Device(values, _) => values.len(),
            Self::Tensor(tensor) => tensor.elem_count(),
        }
    }

    /// The values as a tensor of the shape `dims` on `device`, which is that of the activation.
    ///
    /// # Errors
    /// If the shape has another number of elements.
    pub fn tensor(&self, dims: &[usize], device: &Device) -> Result<Tensor> {
        Ok(match self {
            Self::Host(values) => Tensor::from_vec(values.to_vec(), dims, device)?,
            Self::Device(values, _) => values.tensor(dims)?,
            Self::Tensor(tensor) => tensor.reshape(dims)?,
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
            Self::Device(values, _) => Ok(pool.filled(&values.flat().to_vec1::<f32>()?)),
            Self::Tensor(tensor) => Ok(pool.filled(&tensor.flatten_all()?.to_vec1::<f32>()?)),
        }
    }

    /// The values on a device that has kernels.
    ///
    /// # Errors
    /// If they are elsewhere.
    pub(crate) fn into_device(self) -> Result<Arc<Floats>> {
        match self {
            Self::Device(values, _) => Ok(values),
            Self::Tensor(tensor) => Ok(Arc::new(Floats::of(&tensor)?)),
            Self::Host(_) => Err(candlewick_core::Error::Shape {
                what: "a gradient".into(),
                expected: "one on the device of its activation".into(),
                got: "one in memory".into(),
            }),
        }
    }

    /// The same values once more.
    pub(crate) fn copy(&self) -> Self {
        match self {
            Self::Host(values) => Self::Host(values.copy()),
            Self::Device(values, queue) => Self::Device(values.clone(), queue.clone()),
            Self::Tensor(tensor) => Self::Tensor(tensor.clone()),
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
            (Self::Device(one, queue), Self::Device(other, _)) => {
                let sum = queue.unique(one)?;
                queue.add(&sum, other)?;
                Ok(Self::Device(Arc::new(sum), queue))
            }
            (Self::Tensor(one), other) => {
                let other = other.tensor(one.dims(), one.device())?;
                Ok(Self::Tensor((one + other)?))
            }
            (one, Self::Tensor(other)) => {
                let one = one.tensor(other.dims(), other.device())?;
                Ok(Self::Tensor((one + other)?))
            }
            (Self::Host(_), Self::Device(..)) | (Self::Device(..), Self::Host(_)) => {
                Err(candlewick_core::Error::Shape {
                    what: "gradients that are added".into(),
                    expected: "gradients on one device".into(),
                    got: "one in memory and one on a device".into(),
                })
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
            Self::Device(values, queue) => {
                let sum = queue.sum_steps(&values, steps)?;
                Ok(Self::Device(Arc::new(sum), queue))
            }
            Self::Tensor(tensor) => Ok(Self::Tensor(tensor.reshape((steps, ()))?.sum_keepdim(0)?)),
        }
    }
}
