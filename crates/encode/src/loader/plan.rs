//! From a sample number to its part of a batch.

use std::sync::Arc;

use candlewick_core::Key;
use candlewick_datasets::{Dataset, Sample, Shape};

use crate::{AnyEncoder, Augmentation, Error, FrameShape, Frames, Result};

/// Everything that a worker needs, checked.
#[derive(Debug)]
pub(super) struct Plan {
    dataset: Arc<dyn Dataset>,
    encoder: AnyEncoder,
    augmentation: Augmentation,
    key: Key,
    /// Steps of the input.
    steps: usize,
    /// Shape of one step of one sample.
    dims: Vec<usize>,
}

/// A batch on the host.
#[derive(Debug)]
pub(super) struct Prepared {
    /// `[steps, samples, …]`.
    pub(super) values: Vec<f32>,
    pub(super) labels: Vec<u32>,
    pub(super) indices: Vec<usize>,
}

impl Plan {
    pub(super) fn new(
        dataset: Arc<dyn Dataset>,
        encoder: AnyEncoder,
        augmentation: Augmentation,
        time_steps: usize,
        key: Key,
    ) -> Result<Self> {
        encoder.check()?;
        let before = match dataset.info().shape {
            Shape::Image { channels, height, width } => {
                FrameShape { time: 1, height, width, channels }
            }
            Shape::Events { .. } => {
                let name = dataset.info().name;
                return Err(Error::setting("data set", "images", name));
            }
        };
        let shape = augmentation.check(before)?;
        Ok(Self {
            steps: encoder.steps(shape.time, time_steps),
            dims: vec![shape.height, shape.width, shape.channels],
            dataset,
            encoder,
            augmentation,
            key,
        })
    }

    pub(super) fn dataset(&self) -> &dyn Dataset {
        &*self.dataset
    }

    pub(super) fn key(&self) -> Key {
        self.key
    }

    pub(super) fn steps(&self) -> usize {
        self.steps
    }

    pub(super) fn dims(&self) -> &[usize] {
        &self.dims
    }

    /// Prepares the batch of `indices` in the memory of `values`; `frames` is working memory.
    pub(super) fn prepare(
        &self,
        epoch: u64,
        indices: Vec<usize>,
        mut values: Vec<f32>,
        frames: &mut Frames,
    ) -> Result<Prepared> {
        let size: usize = self.dims.iter().product();
        values.clear();
        values.resize(self.steps * indices.len() * size, 0.0);
        let key = self.key.named("sample").at(epoch);
        for (place, &index) in indices.iter().enumerate() {
            let key = key.at(index as u64);
            self.read(index, frames)?;
            self.augmentation.apply(frames, key.named("augment"));
            let mut steps = values.chunks_exact_mut(size).skip(place).step_by(indices.len());
            self.encoder.encode(frames, key.named("encode"), &mut steps);
        }
        Ok(Prepared {
            labels: indices.iter().map(|&i| self.dataset.label(i)).collect(),
            values,
            indices,
        })
    }

    fn read(&self, index: usize, frames: &mut Frames) -> Result<()> {
        let info = self.dataset.info();
        let sample = self.dataset.read(index).map_err(|source| Error::Sample {
            dataset: info.name,
            index,
            source,
        })?;
        if sample.shape() != info.shape {
            return Err(Error::Unexpected {
                dataset: info.name,
                index,
                expected: format!("{:?}", info.shape),
                found: format!("{:?}", sample.shape()),
            });
        }
        match sample {
            Sample::Image(image) => frames.set_image(&image),
            Sample::Events(_) => unreachable!("refused by `Plan::new`"),
        }
        Ok(())
    }
}
