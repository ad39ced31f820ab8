//! Throughput of the fused scan of every registered neuron over T = 4 steps, forward and backward,
//! in neuron steps per second; and a copy of the same number of bytes, the limit of the machine.

use std::hint::black_box;

use candlewick_core::Key;
use candlewick_kernels::neuron::current::Source;
use candlewick_kernels::neuron::scan::{ActivityGradient, Backward, Forward, Measure, Output};
use candlewick_neuron::{AnyNeuron, Model};
use candlewick_surrogate::{AnySurrogate, Surrogate};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const STEPS: usize = 4;
/// Neurons of a layer: 32 samples × 32 × 32 pixels × 128 channels.
const NEURONS: usize = 32 * 32 * 32 * 128;

/// Buffers of one layer, written and read by every bench.
struct Layer {
    input: Vec<f32>,
    output: Vec<f32>,
    /// The gradient with respect to the output becomes that with respect to the input, and so on from call to call.
    gradient: Vec<f32>,
}

impl Layer {
    fn new() -> Self {
        let mut stream = Key::new(1).stream();
        let mut values = || (0..STEPS * NEURONS).map(|_| 0.6 * stream.uniform() + 0.1).collect();
        let (input, gradient) = (values(), values());
        Self { input, gradient, output: vec![0.0; STEPS * NEURONS] }
    }

    fn forward(&mut self, model: &dyn Model) {
        model.forward(Forward {
            steps: STEPS,
            input: &[Source::Values(black_box(&self.input))],
            state: None,
            parameters: &model.initial_parameters(),
            output: Output::Values(&mut self.output),
            final_state: None,
            potentials: None,
            measure: Measure::default(),
        });
    }

    fn backward(&mut self, model: &dyn Model, surrogate: &dyn Surrogate) {
        model.backward(Backward {
            steps: STEPS,
            input: &[Source::Values(black_box(&self.input))],
            state: None,
            parameters: &model.initial_parameters(),
            gradient: &mut self.gradient,
            grad_final_state: None,
            derivative: &surrogate,
            surrogate_gradient: false,
            activity: ActivityGradient::default(),
            grad_state: None,
        });
    }
}

fn neuron(criterion: &mut Criterion) {
    let mut layer = Layer::new();
    let mut group = criterion.benchmark_group("kernels/neuron");
    group.throughput(Throughput::Elements((STEPS * NEURONS) as u64)).sample_size(10);
    group.bench_function("copy", |bencher| {
        bencher.iter(|| layer.output.copy_from_slice(black_box(&layer.input)));
    });
    let triangle = AnySurrogate::named("triangle").expect("a surrogate").shared();
    for neuron in AnyNeuron::all() {
        let model = neuron.model();
        group.bench_function(BenchmarkId::new("forward", neuron.name()), |bencher| {
            bencher.iter(|| layer.forward(&*model));
        });
        group.bench_function(BenchmarkId::new("backward", neuron.name()), |bencher| {
            bencher.iter(|| layer.backward(&*model, &*triangle));
        });
    }
    let lif = AnyNeuron::named("lif").expect("a neuron").model();
    for surrogate in AnySurrogate::all() {
        group.bench_function(BenchmarkId::new("backward lif", surrogate.name()), |bencher| {
            bencher.iter(|| layer.backward(&*lif, &*surrogate));
        });
    }
    group.finish();
}

criterion_group!(benches, neuron);
criterion_main!(benches);
