//! Throughput of every registered surrogate: the derivative with respect to the distance and to the parameter.

use std::hint::black_box;

use candlewick_surrogate::AnySurrogate;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// Distances per call: they stay in the second-level cache.
const ELEMENTS: usize = 1 << 16;

fn surrogate(criterion: &mut Criterion) {
    let x: Vec<f32> = (0..ELEMENTS).map(|i| (i % 1999) as f32 / 333.0 - 3.0).collect();
    let mut out = vec![0.0; ELEMENTS];
    for (group, by_parameter) in
        [("kernels/surrogate", false), ("kernels/surrogate parameter", true)]
    {
        let mut group = criterion.benchmark_group(group);
        group.throughput(Throughput::Elements(ELEMENTS as u64));
        for surrogate in AnySurrogate::all() {
            if by_parameter && surrogate.parameter().is_none() {
                continue;
            }
            group.bench_function(surrogate.name(), |bencher| {
                bencher.iter(|| {
                    if by_parameter {
                        surrogate.parameter_derivative(0, black_box(&x), &mut out);
                    } else {
                        surrogate.derivative(0, black_box(&x), &mut out);
                    }
                    black_box(&out);
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, surrogate);
criterion_main!(benches);
