//! Convolution of spikes, dense and by the matrix unit against sparse, over their density: 128 → 128
//! channels, 3×3, 32×32 pixels, batch 8, T = 4; throughput in multiply-adds of the dense layer.
//!
//! The spikes come from leaky neurons whose currents are the same at every step (`steady`, as
//! behind a static image) or drawn anew at each (`changing`, the worst case); the masks of the input
//! gradient mark potentials within 0.5 and 1 of the threshold, as surrogates do.

use std::hint::black_box;
use std::time::Duration;

use candlewick_core::allocator::keep_freed_memory;
use candlewick_kernels::convolution::Conv2d;
use candlewick_kernels::random::Key;
use candlewick_kernels::simd::has_matrix_unit;
use candlewick_kernels::spikes::Spikes;
use criterion::measurement::WallTime;
use criterion::{
    BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
};

const STEPS: usize = 4;
const BATCH: usize = 8;
const SHAPE: Conv2d = Conv2d {
    images: STEPS * BATCH,
    height: 32,
    width: 32,
    in_channels: 128,
    out_channels: 128,
    kernel: [3, 3],
    stride: [1, 1],
    padding: [1, 1],
};
const DECAY: f32 = 0.5;
const DENSITIES: [f32; 5] = [0.02, 0.05, 0.1, 0.2, 0.4];

/// Spikes `[time, pixels, channels]` and the potentials that made them.
struct Activity {
    spikes: Vec<f32>,
    potentials: Vec<f32>,
}

/// Leaky neurons with hard reset at 1, whose currents are normal around `mean`.
fn fire(neurons: usize, mean: f32, changing: bool) -> Activity {
    let mut stream = Key::new(3).stream();
    let steady: Vec<f32> = (0..neurons).map(|_| stream.normal()).collect();
    let mut membrane = vec![0.0; neurons];
    let mut activity = Activity { spikes: Vec::new(), potentials: Vec::new() };
    for _ in 0..STEPS {
        for (membrane, steady) in membrane.iter_mut().zip(&steady) {
            let current = mean + if changing { stream.normal() } else { *steady };
            *membrane = DECAY * *membrane + current;
            activity.potentials.push(*membrane);
            activity.spikes.push(f32::from(*membrane > 1.0));
            *membrane *= f32::from(*membrane <= 1.0);
        }
    }
    activity
}

/// The same with the mean current that gives this density.
fn fire_at(density: f32, changing: bool) -> Activity {
    const SAMPLE: usize = 1 << 14;
    let rate = |mean| {
        let spikes = fire(SAMPLE, mean, changing).spikes;
        spikes.iter().sum::<f32>() / spikes.len() as f32
    };
    let (mut low, mut high) = (-6.0, 6.0);
    for _ in 0..20 {
        let middle = f32::midpoint(low, high);
        if rate(middle) < density {
            low = middle;
        } else {
            high = middle;
        }
    }
    fire(SHAPE.input_len() / STEPS, low, changing)
}

fn values(length: usize) -> Vec<f32> {
    let mut stream = Key::new(4).stream();
    (0..length).map(|_| stream.uniform() - 0.5).collect()
}

/// What all passes read and write.
struct Layer {
    weight: Vec<f32>,
    grad_output: Vec<f32>,
    output: Vec<f32>,
    grad_input: Vec<f32>,
    grad_weight: Vec<f32>,
}

fn dense(group: &mut BenchmarkGroup<'_, WallTime>, layer: &mut Layer) {
    let Layer { weight, grad_output, output, grad_input, grad_weight } = layer;
    let input = fire_at(0.1, false).spikes;
    group.bench_function("forward/dense", |bencher| {
        bencher.iter(|| SHAPE.forward(black_box(&input), weight, None, output));
    });
    group.bench_function("weight_gradient/dense", |bencher| {
        bencher.iter(|| SHAPE.weight_gradient(black_box(&input), grad_output, grad_weight));
    });
    group.bench_function("input_gradient/dense", |bencher| {
        bencher.iter(|| SHAPE.input_gradient(black_box(grad_output), weight, grad_input));
    });
}

/// By the matrix unit, if this machine has one: its time does not depend on the spikes.
fn tiles(group: &mut BenchmarkGroup<'_, WallTime>, layer: &mut Layer) {
    let Layer { weight, grad_output, output, grad_input, grad_weight } = layer;
    let shape = [STEPS, BATCH * SHAPE.height * SHAPE.width, SHAPE.in_channels];
    let spikes = Spikes::binary(shape, &fire_at(0.1, false).spikes);
    let (true, Ok(spikes)) = (has_matrix_unit(), spikes) else { return };
    group.bench_function("forward/tiles", |bencher| {
        bencher.iter(|| SHAPE.tile_forward(black_box(&spikes), weight, None, output));
    });
    group.bench_function("weight_gradient/tiles", |bencher| {
        bencher.iter(|| SHAPE.tile_weight_gradient(black_box(&spikes), grad_output, grad_weight));
    });
    group.bench_function("input_gradient/tiles", |bencher| {
        bencher.iter(|| SHAPE.tile_input_gradient(black_box(grad_output), weight, grad_input));
    });
}

fn sparse(group: &mut BenchmarkGroup<'_, WallTime>, layer: &mut Layer) {
    let Layer { weight, grad_output, output, grad_input, grad_weight } = layer;
    let shape = [STEPS, BATCH * SHAPE.height * SHAPE.width, SHAPE.in_channels];
    for changing in [false, true] {
        let currents = if changing { "changing" } else { "steady" };
        for density in DENSITIES {
            let activity = fire_at(density, changing);
            let Ok(spikes) = Spikes::binary(shape, &activity.spikes) else { continue };
            let name = format!(
                "{currents} {:.0} % (union {:.0} %)",
                100.0 * spikes.density(),
                100.0 * spikes.union_density()
            );
            group.bench_function(BenchmarkId::new("encode", &name), |bencher| {
                bencher.iter(|| Spikes::binary(shape, black_box(&activity.spikes)));
            });
            group.bench_function(BenchmarkId::new("forward", &name), |bencher| {
                bencher.iter(|| SHAPE.sparse_forward(black_box(&spikes), weight, None, output));
            });
            group.bench_function(BenchmarkId::new("weight_gradient", &name), |bencher| {
                bencher.iter(|| {
                    SHAPE.sparse_weight_gradient(black_box(&spikes), grad_output, grad_weight);
                });
            });
        }
        for width in [0.5, 1.0] {
            let potentials = fire_at(0.1, changing).potentials;
            let mask = Spikes::support(shape, &potentials, |v| (v - 1.0).abs() < width);
            let name = format!(
                "{currents} within {width}: {:.0} % (union {:.0} %)",
                100.0 * mask.density(),
                100.0 * mask.union_density()
            );
            group.bench_function(BenchmarkId::new("input_gradient", name), |bencher| {
                bencher.iter(|| {
                    SHAPE.masked_input_gradient(grad_output, weight, black_box(&mask), grad_input);
                });
            });
        }
    }
}

fn convolution(criterion: &mut Criterion) {
    keep_freed_memory();
    let mut layer = Layer {
        weight: values(SHAPE.weight_len()),
        grad_output: values(SHAPE.output_len()),
        output: vec![0.0; SHAPE.output_len()],
        grad_input: vec![0.0; SHAPE.input_len()],
        grad_weight: vec![0.0; SHAPE.weight_len()],
    };
    let mut group = criterion.benchmark_group("kernels/convolution");
    group
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .throughput(Throughput::Elements((SHAPE.output_len() * SHAPE.patch_len()) as u64));
    dense(&mut group, &mut layer);
    tiles(&mut group, &mut layer);
    sparse(&mut group, &mut layer);
    group.finish();
}

criterion_group!(benches, convolution);
criterion_main!(benches);
