//! Throughput of the loader in samples per second, from data in memory: images of the size of CIFAR
//! with crop, flip and normalization, and event frames of 48×48, without workers and with two.

use std::borrow::Cow;
use std::sync::Arc;

use candlewick_core::Key;
use candlewick_core::allocator::keep_freed_memory;
use candlewick_datasets::{Dataset, Error as DataError, Image, Info, Sample, Shape, Split, open};
use candlewick_encode::augment::{Crop, Flip, Normalize, Statistics};
use candlewick_encode::event::{Resize, Way};
use candlewick_encode::{Device, EventInput, Loader, Settings};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const SAMPLES: usize = 1024;
const PIXELS: usize = 3 * 32 * 32;

/// Random images.
#[derive(Debug)]
struct Memory {
    info: Info,
    labels: Vec<u32>,
    pixels: Vec<u8>,
}

impl Memory {
    fn new() -> Self {
        let mut stream = Key::new(1).stream();
        let classes = (0..10).map(|class| class.to_string()).collect();
        let shape = Shape::Image { channels: 3, height: 32, width: 32 };
        let info = Info::new("memory", Split::Train, shape, classes);
        let labels = (0..SAMPLES as u32).map(|sample| sample % 10).collect();
        let pixels = (0..SAMPLES * PIXELS).map(|_| stream.below(256) as u8).collect();
        Self { info, labels, pixels }
    }
}

impl Dataset for Memory {
    fn info(&self) -> &Info {
        &self.info
    }

    fn labels(&self) -> &[u32] {
        &self.labels
    }

    fn read(&self, index: usize) -> Result<Sample<'_>, DataError> {
        let pixels = Cow::Borrowed(&self.pixels[index * PIXELS..(index + 1) * PIXELS]);
        Ok(Sample::Image(Image { channels: 3, height: 32, width: 32, pixels }))
    }
}

/// Passes over one epoch.
fn epoch(loader: &Loader) -> usize {
    let batches = loader.epoch(0, 0).expect("an epoch");
    batches.map(|batch| batch.expect("a batch").indices.len()).sum()
}

fn loader(criterion: &mut Criterion) {
    keep_freed_memory();
    let mut group = criterion.benchmark_group("loader");
    group.throughput(Throughput::Elements(SAMPLES as u64)).sample_size(10);
    let augment =
        [Crop::default().into(), Flip::default().into(), Normalize::by(Statistics::Cifar10).into()];
    let images = Settings {
        batch_size: 64,
        shuffle: true,
        augmentation: augment.into_iter().collect(),
        ..Settings::new(Key::new(2))
    };
    let frames = Settings {
        batch_size: 8,
        shuffle: true,
        time_steps: 10,
        subset: Some((0..SAMPLES).collect()),
        events: EventInput {
            resize: Some(Resize { way: Way::Bilinear, height: 48, width: 48 }),
            ..EventInput::default()
        },
        ..Settings::new(Key::new(2))
    };
    let memory: Arc<dyn Dataset> = Arc::new(Memory::new());
    let events: Arc<dyn Dataset> =
        Arc::from(open("fashion-mnist-dvs", Split::Train, None).expect("the embedded recordings"));
    for (name, set, settings) in
        [("crop, flip, normalize", &memory, &images), ("event frames", &events, &frames)]
    {
        for workers in [0, 2] {
            let settings = Settings { workers, ..settings.clone() };
            let loader = Loader::new(set.clone(), settings, Device::Cpu).expect("a loader");
            assert_eq!(epoch(&loader), SAMPLES);
            let id = BenchmarkId::new(name, format!("{workers} workers"));
            group.bench_function(id, |bencher| bencher.iter(|| epoch(&loader)));
        }
    }
    group.finish();
}

criterion_group!(benches, loader);
criterion_main!(benches);
