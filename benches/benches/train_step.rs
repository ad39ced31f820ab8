//! Throughput of a training step and of an inference of the networks that peers are compared by, in
//! images per second, at random initialization and a batch of 4.
//!
//! `candlewick bench step` measures the same step at the batch of the comparison, with firing rates and
//! memory, also of trained weights.

use std::error::Error;

use candle_core::{Device, Tensor};
use candlewick_core::Key;
use candlewick_core::allocator::keep_freed_memory;
use candlewick_core::parameters::seeded;
use candlewick_encode::Batch;
use candlewick_methods::{Methods, Tet};
use candlewick_network::{Architecture, Context, Features, Network, Parts, ResNet19, Spec, VggSnn};
use candlewick_neuron::{AnyNeuron, Leak, Lif};
use candlewick_surrogate::{Surrogate, Triangle};
use candlewick_train::optimizer::Sgd;
use candlewick_train::{Groups, Optimizer, StepSettings, step};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const BATCH: usize = 4;
const CLASSES: usize = 10;

/// A network with what it is trained on.
struct Step {
    network: Network,
    methods: Methods,
    optimizer: Optimizer,
    batch: Batch,
    time_steps: usize,
    steps: u64,
}

impl Step {
    /// Images that are the same at every step, or event frames.
    fn new(
        architecture: &dyn Architecture,
        [height, width, channels]: [usize; 3],
        time_steps: usize,
        events: bool,
    ) -> Result<Self> {
        let neuron = AnyNeuron::from(Lif { leak: Leak::Decay(0.5), ..Lif::default() }).model();
        let parts = Parts::new(neuron, Triangle::default().shared());
        let size = Features::Map { height, width, channels };
        let methods = Methods::new().with(Tet { lambda: 0.0, ..Tet::default() });
        let builder = seeded(&Device::Cpu, Key::new(1));
        let network = Network::new(architecture, &parts, &methods, size, CLASSES, builder)?;
        let sgd = Sgd { learning_rate: 0.01, momentum: 0.9, weight_decay: 5e-4, ..Sgd::default() };
        let optimizer = Optimizer::new(&sgd.into(), Groups::default(), network.parameters())?;
        let time = if events { time_steps } else { 1 };
        let mut stream = Key::new(2).stream();
        let value =
            || if events { f32::from(u8::from(stream.bernoulli(0.2))) } else { stream.normal() };
        let values: Vec<f32> =
            std::iter::repeat_with(value).take(time * BATCH * size.count()).collect();
        let input = Tensor::from_vec(values, (time, BATCH, height, width, channels), &Device::Cpu)?;
        let labels: Vec<u32> = (0..BATCH as u32).collect();
        let labels = Tensor::new(labels, &Device::Cpu)?;
        let batch =
            Batch { input, labels, indices: (0..BATCH).collect(), mixed: None, total: BATCH };
        Ok(Self { network, methods, optimizer, batch, time_steps, steps: 0 })
    }

    /// A step as the training loop makes it.
    fn train(&mut self) -> Result<()> {
        self.steps += 1;
        let settings = StepSettings::new(self.time_steps, Key::new(3).at(self.steps));
        step(&self.network, &mut self.methods, &mut self.optimizer, &self.batch, &settings)?;
        Ok(())
    }

    fn infer(&self) -> Result<Tensor> {
        let context = Context::evaluation(self.time_steps);
        Ok(self.network.forward(&self.batch.input, &context)?.logits.mean(0)?)
    }
}

fn train_step(criterion: &mut Criterion) {
    keep_freed_memory();
    let mut group = criterion.benchmark_group("train_step");
    group.throughput(Throughput::Elements(BATCH as u64)).sample_size(10);
    let (convnet, resnet_19, vggsnn) = (Spec::default(), ResNet19::default(), VggSnn::default());
    let nets: [(&str, &dyn Architecture, _, _, _); 3] = [
        ("convnet", &convnet, [32, 32, 3], 4, false),
        ("resnet-19", &resnet_19, [32, 32, 3], 4, false),
        ("vggsnn", &vggsnn, [48, 48, 2], 10, true),
    ];
    for (name, architecture, input, time_steps, events) in nets {
        let mut step = Step::new(architecture, input, time_steps, events).expect("a network");
        // Inference first: the weights are those of the start.
        group.bench_function(BenchmarkId::new("infer", name), |bencher| {
            bencher.iter(|| step.infer().expect("logits"));
        });
        group.bench_function(BenchmarkId::new("train", name), |bencher| {
            bencher.iter(|| step.train().expect("a step"));
        });
    }
    group.finish();
}

criterion_group!(benches, train_step);
criterion_main!(benches);
