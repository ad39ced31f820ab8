//! Normalization by the kernels of a device.

use std::sync::Arc;

use candlewick_core::Result;
use candlewick_device::{Adjusted, Affine, Floats, Queue, Through};

use super::{Normalization, refuse_seats};
use crate::gradients::ParameterGradients;
use crate::kept::Kept;
use crate::layer::Backward;
use crate::{Array, OnDevice, Pass, Signal};

/// A backward pass through a normalization on a device.
pub(crate) type DeviceBackward =
    Box<dyn FnOnce(OnDevice, &mut ParameterGradients) -> Result<OnDevice> + Send>;

impl Normalization {
    fn affine(&self) -> Affine<'_> {
        Affine {
            gamma: &self.gamma,
            beta: &self.beta,
            factor: self.factor,
            epsilon: self.settings.epsilon,
        }
    }

    /// What the neurons behind it need to normalize `x`, which has `time` steps; gives its backward pass.
    pub(crate) fn prepare_on_device(
        &self,
        x: &Arc<Kept<Floats>>,
        time: usize,
        queue: &Queue,
        pass: &Pass,
    ) -> Result<(Arc<Adjusted>, Option<DeviceBackward>)> {
        let running = [self.running_mean.as_tensor(), self.running_variance.as_tensor()];
        let of_the_batch = pass.context.training;
        let adjusted = if of_the_batch {
            refuse_seats()?;
            let repeats = Self::repeats(time, pass);
            let momentum = self.settings.momentum;
            queue.statistics(&*x.values()?, self.affine(), running, momentum, repeats)?
        } else {
            queue.given_statistics(self.affine(), running)?
        };
        let adjusted = Arc::new(adjusted);
        if !pass.is_kept() {
            return Ok((adjusted, None));
        }
        let slots = [&self.gamma, &self.beta].map(|parameter| pass.learn(parameter));
        let (layer, x, queue, kept) = (self.clone(), x.clone(), queue.clone(), adjusted.clone());
        let backward: DeviceBackward = Box::new(move |gradient, found| {
            let OnDevice { values, sums, .. } = gradient;
            let gradient = queue.unique(values)?;
            let through = if of_the_batch { Through::Rows } else { Through::Constants };
            let (x, affine) = (x.values()?, layer.affine());
            let sums = sums.as_deref();
            let of_both = queue.normalize_gradient(&x, affine, &kept, through, &gradient, sums)?;
            for (slot, of_parameter) in slots.into_iter().zip(of_both) {
                if let Some(slot) = slot {
                    found.add(slot, of_parameter.tensor(&[of_parameter.len()])?)?;
                }
            }
            Ok(OnDevice::new(gradient, queue))
        });
        Ok((adjusted, Some(backward)))
    }

    /// The layer by itself.
    pub(super) fn by_device(
        &self,
        x: &Signal,
        queue: &Queue,
        pass: &Pass,
    ) -> Result<(Signal, Option<Backward>)> {
        let values = x.on_device()?.clone();
        let kept = Kept::new(values.clone(), None);
        let (adjusted, backward) = self.prepare_on_device(&kept, x.time, queue, pass)?;
        let out = x.made_from_device(self.features, queue.normalize(&values, &adjusted)?)?;
        let backward = backward.map(|backward| -> Backward {
            Box::new(move |gradient, found| {
                Ok(Some(Array::Device(backward(gradient.on_device()?, found)?)))
            })
        });
        let learns = backward.is_some();
        Ok((out.behind(learns), backward))
    }
}
