//! The floats of a gradient with respect to an activation, where the activation is.

use std::sync::Arc;

use candle_core::{Device, Tensor};
use candlewick_core::{Result, host};
use candlewick_device::{Floats, Queue, RowSums};

use crate::Pass;
use crate::buffer::{Buffer, Pool, add};

/// A gradient with respect to an activation, `[T, B, …]` or `[1, B, …]` as the activation is.
#[derive(Debug)]
pub enum Array {
    /// In the memory of the CPU.
    Host(Buffer),
    /// On a device that has kernels.
    Device(OnDevice),
    /// On another device.
    Tensor(Tensor),
}

/// A gradient on a device that has kernels.
#[derive(Clone, Debug)]
pub struct OnDevice {
    pub(crate) values: Arc<Floats>,
    pub(crate) queue: Queue,
    /// Sums over its rows, which the neurons have formed on their way.
    pub(crate) sums: Option<Arc<RowSums>>,
}

impl OnDevice {
    pub(crate) fn new(values: Floats, queue: Queue) -> Self {
        Self { values: Arc::new(values), queue, sums: None }
    }
}

impl Array {
    /// The values of `tensor`, where kernels may work on them.
    ///
    /// # Errors
    /// If the tensor does not hold `f32`.
    pub(crate) fn of(tensor: &Tensor, pass: &Pass) -> Result<Self> {
        if let Some(queue) = pass.queue() {
            return Ok(Self::Device(OnDevice::new(Floats::of(tensor)?, queue.clone())));
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
            Self::Device(array) => array.values.len(),
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
            Self::Device(array) => array.values.tensor(dims)?,
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
            Self::Device(array) => Ok(pool.filled(&array.values.flat().to_vec1::<f32>()?)),
            Self::Tensor(tensor) => Ok(pool.filled(&tensor.flatten_all()?.to_vec1::<f32>()?)),
        }
    }

    /// The values on a device that has kernels.
    ///
    /// # Errors
    /// If they are elsewhere.
    pub(crate) fn into_device(self) -> Result<Arc<Floats>> {
        Ok(self.on_device()?.values)
    }

    /// As [`into_device`](Self::into_device), with what is known about them.
    pub(crate) fn on_device(self) -> Result<OnDevice> {
        match self {
            Self::Device(array) => Ok(array),
            Self::Host(_) | Self::Tensor(_) => Err(candlewick_core::Error::Shape {
                what: "a gradient".into(),
                expected: "one on the device of its activation".into(),
                got: "one elsewhere".into(),
            }),
        }
    }

    /// The same values once more.
    pub(crate) fn copy(&self) -> Self {
        match self {
            Self::Host(values) => Self::Host(values.copy()),
            Self::Device(array) => Self::Device(array.clone()),
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
            (Self::Device(OnDevice { values, queue, .. }), Self::Device(other)) => {
                let sum = queue.unique(values)?;
                queue.add(&sum, &other.values)?;
                Ok(Self::Device(OnDevice::new(sum, queue)))
            }
            (Self::Tensor(one), other) => {
                let other = other.tensor(one.dims(), one.device())?;
                Ok(Self::Tensor((one + other)?))
            }
            (one, Self::Tensor(other)) => {
                let one = one.tensor(other.dims(), other.device())?;
                Ok(Self::Tensor((one + other)?))
            }
            (Self::Host(_), Self::Device(_)) | (Self::Device(_), Self::Host(_)) => {
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
            Self::Device(OnDevice { values, queue, .. }) => {
                let sum = queue.sum_steps(&values, steps)?;
                Ok(Self::Device(OnDevice::new(sum, queue)))
            }
            Self::Tensor(tensor) => Ok(Self::Tensor(tensor.reshape((steps, ()))?.sum_keepdim(0)?)),
        }
    }
}
