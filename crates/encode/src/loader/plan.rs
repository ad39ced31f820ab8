//! From a sample number to its part of a batch.

use std::path::Path;
use std::sync::Arc;

use candlewick_core::Key;
use candlewick_datasets::Dataset;
use candlewick_ranks::Shards;

use super::order::Chosen;
use super::{Settings, Source};
use crate::cache::Cache;
use crate::{AnyAugment, AnyEncoder, AnyMix, Augmentation, Error, FrameShape, Frames, Result};

/// Everything that a worker needs, checked.
#[derive(Debug)]
pub(super) struct Plan {
    source: Source,
    /// The frames of all samples on disk.
    cache: Option<Cache>,
    encoder: AnyEncoder,
    augmentation: Augmentation,
    mix: Option<AnyMix>,
    key: Key,
    /// Partners for mixing are found among the samples of a shard.
    shards: Shards,
    /// Size of the frames that are encoded.
    shape: FrameShape,
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
    /// Places of the partners in the batch, and the share of the samples themselves.
    pub(super) partners: Option<(Vec<usize>, f32)>,
    /// Samples of the batch over all ranks.
    pub(super) total: usize,
}

/// Working memory of a thread.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    frames: Frames,
    originals: Vec<f32>,
    bytes: Vec<u8>,
}

impl Plan {
    pub(super) fn new(dataset: Arc<dyn Dataset>, settings: Settings) -> Result<Self> {
        let Settings {
            events,
            images,
            cache,
            encoder,
            augmentation,
            mix,
            time_steps,
            key,
            shards,
            workers,
            ..
        } = settings;
        encoder.check().map_err(|error| error.within("encoder"))?;
        let source = Source::new(dataset, &events, images.as_ref(), time_steps)?;
        let shape = augmentation.check(source.shape())?;
        let flat = source.is_flat();
        let of_images = |step: &&AnyAugment| !matches!(step, AnyAugment::Normalize(_));
        if let (true, Some(step)) = (flat, augmentation.steps.iter().find(of_images)) {
            let expected = "nothing but `normalize` for samples without rows and columns";
            return Err(Error::setting("augment", expected, step.name()));
        }
        let dims = if flat {
            vec![shape.channels]
        } else {
            vec![shape.height, shape.width, shape.channels]
        };
        if shape.frame() == 0 {
            return Err(Error::setting("data set", "samples with a size", shape));
        }
        if let Some(mix) = &mix {
            mix.check(shape).map_err(|error| error.within("mix"))?;
            if !matches!(encoder, AnyEncoder::Direct(_)) {
                let expected = "direct encoding";
                return Err(Error::setting(mix.name(), expected, encoder.name()).within("mix"));
            }
        }
        let cache = match cache {
            Some(folder) if source.eventizer().is_some() => {
                Some(Cache::open(&folder, &source, workers)?)
            }
            _ => None,
        };
        Ok(Self {
            source,
            cache,
            mix,
            shards,
            shape,
            steps: encoder.steps(shape.time, time_steps),
            dims,
            encoder,
            augmentation,
            key,
        })
    }

    pub(super) fn dataset(&self) -> &dyn Dataset {
        self.source.dataset()
    }

    pub(super) fn cache(&self) -> Option<&Path> {
        self.cache.as_ref().map(Cache::path)
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

    /// Prepares batch `number` of `epoch`, which is made of `chosen`, in the memory of `values`.
    pub(super) fn prepare(
        &self,
        epoch: u64,
        number: usize,
        chosen: Chosen,
        mut values: Vec<f32>,
        scratch: &mut Scratch,
    ) -> Result<Prepared> {
        let Chosen { own: indices, total } = chosen;
        let size = self.shape.frame();
        let count = self.steps * indices.len() * size;
        if values.capacity() < count {
            // Zero pages of the system cost nothing until they are written.
            values = vec![0.0; count];
        } else {
            // What is left from another batch is written over: encoders write every value.
            values.resize(count, 0.0);
        }
        let key = self.key.named("sample").at(epoch);
        let frames = &mut scratch.frames;
        for (place, &index) in indices.iter().enumerate() {
            let key = key.at(index as u64);
            match &self.cache {
                None => self.source.read(index, frames, key.named("size"))?,
                Some(cache) => {
                    frames.reset(self.source.shape());
                    cache.read(index, frames, &mut scratch.bytes)?;
                }
            }
            self.augmentation.apply(frames, key.named("augment"));
            let mut steps = values.chunks_exact_mut(size).skip(place).step_by(indices.len());
            self.encoder.encode(frames, key.named("encode"), &mut steps);
        }
        let mix = self.mix.as_ref().filter(|_| !indices.is_empty());
        let partners = mix.and_then(|mix| {
            let key = self.key.named("mix").at(epoch).at(number as u64);
            let mut partners: Vec<usize> = (0..indices.len()).collect();
            for (shard, range) in self.shards.own_parts(total) {
                key.named("partners").at(shard as u64).stream().shuffle(&mut partners[range]);
            }
            scratch.originals.clone_from(&values);
            let mut stream = key.stream();
            let share =
                mix.mix(&mut values, &scratch.originals, &partners, self.shape, &mut stream);
            (share < 1.0).then_some((partners, share))
        });
        Ok(Prepared {
            labels: indices.iter().map(|&index| self.source.dataset().label(index)).collect(),
            values,
            indices,
            partners,
            total,
        })
    }
}

#[cfg(test)]
mod tests {
    use candlewick_datasets::{Split, open};

    use super::*;
    use crate::encoder::{Latency, Poisson};

    /// Memory that held another, larger batch gives the same values as fresh memory.
    #[test]
    fn used_memory_is_written_over() -> Result<(), Box<dyn std::error::Error>> {
        let mut visited = 0;
        for encoder in [AnyEncoder::from(Poisson::default()), Latency::default().into()] {
            let settings = Settings { encoder, time_steps: 3, ..Settings::new(Key::new(4)) };
            let plan = Plan::new(Arc::from(open("digits", Split::Test, None)?), settings)?;
            let mut scratch = Scratch::default();
            let mut prepare = |memory| {
                plan.prepare(0, 0, Chosen { own: vec![5, 6], total: 2 }, memory, &mut scratch)
            };
            let (fresh, used) = (prepare(Vec::new())?, prepare(vec![f32::NAN; 10_000])?);
            assert_eq!(fresh.values.len(), 3 * 2 * 64);
            assert_eq!(fresh.values, used.values);
            visited += 1;
        }
        assert_eq!(visited, 2);
        Ok(())
    }
}
