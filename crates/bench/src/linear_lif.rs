//! A linear layer with LIF neurons, forward and backward, timed: the benchmark by which Open Neuromorphic compares
//! libraries (batch 16, 500 time steps).
//!
//! Input `[T, B, N]` of normal numbers, a weight `[N, N]` without bias, PyTorch's initial values, the neurons of
//! [`measure`](crate::measure); the gradient is that of the sum of all spikes with respect to the weight.

use std::time::Instant;

use candle_core::{Device, Tensor};
use candle_nn::ModuleT;
use candlewick_core::parameters::seeded;
use candlewick_core::{Key, Result as CoreResult};
use candlewick_network::{Block, Features, LinearSettings, Parts, backward};
use candlewick_neuron::{AnyNeuron, Lif};
use candlewick_surrogate::{AnySurrogate, Triangle};
use serde::Serialize;

use crate::timing::{memory, summary};

/// What to measure.
#[derive(Clone, Copy, Debug)]
pub struct LinearLifBench {
    /// Inputs, and neurons.
    pub neurons: usize,
    /// Samples per batch.
    pub batch: usize,
    /// Number of time steps.
    pub time_steps: usize,
    /// Timed repetitions, after one that is not.
    pub steps: usize,
}

/// What was measured: medians in seconds, sizes in MiB.
#[derive(Clone, Debug, Serialize)]
pub struct LinearLifReport {
    /// Inputs, and neurons.
    pub neurons: usize,
    /// Samples per batch.
    pub batch: usize,
    /// Number of time steps.
    pub time_steps: usize,
    /// Compute threads.
    pub threads: usize,
    /// Share of neurons and time steps with a spike.
    pub firing_rate: f64,
    /// The forward pass, with the sum.
    pub forward_s: f64,
    /// The backward pass.
    pub backward_s: f64,
    /// Resident memory before the layer was built.
    pub rss_base_mib: Option<f64>,
    /// Peak of the resident memory.
    pub rss_peak_mib: Option<f64>,
}

/// Times both passes.
///
/// # Errors
/// If candle fails.
pub fn measure_linear_lif(bench: &LinearLifBench) -> CoreResult<LinearLifReport> {
    let &LinearLifBench { neurons, batch, time_steps, steps } = bench;
    let rss_base_mib = memory("VmRSS:");
    let mut stream = Key::new(1).named("input").stream();
    let values: Vec<f32> = (0..time_steps * batch * neurons).map(|_| stream.normal()).collect();
    let input = Tensor::from_vec(values, (time_steps, batch, neurons), &Device::Cpu)?;
    let neuron = AnyNeuron::from(Lif::default()).model();
    let parts = Parts::new(neuron, AnySurrogate::from(Triangle::default()).shared());
    let settings = LinearSettings { bias: false, ..LinearSettings::new(neurons) };
    let features = Features::Vector { size: neurons };
    let layer = Block::linear(features, settings, &parts, seeded(&Device::Cpu, Key::new(1)))?;
    let (mut forward_s, mut backward_s, mut spikes) = (Vec::new(), Vec::new(), 0.0);
    for step in 0..=steps {
        let start = Instant::now();
        let out = layer.forward_t(&input, true)?;
        let loss = out.sum_all()?;
        let forth = start.elapsed().as_secs_f64();
        spikes = f64::from(loss.to_scalar::<f32>()?);
        let start = Instant::now();
        let gradients = backward(&loss)?;
        let back = start.elapsed().as_secs_f64();
        drop((out, loss, gradients));
        if step > 0 {
            forward_s.push(forth);
            backward_s.push(back);
        }
    }
    let median = |seconds| summary(seconds).map_or(0.0, |(median, _)| median);
    Ok(LinearLifReport {
        neurons,
        batch,
        time_steps,
        threads: rayon::current_num_threads(),
        firing_rate: spikes / (time_steps * batch * neurons) as f64,
        forward_s: median(forward_s),
        backward_s: median(backward_s),
        rss_base_mib,
        rss_peak_mib: memory("VmHWM:"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layer_fires_and_both_passes_take_time() -> CoreResult<()> {
        let bench = LinearLifBench { neurons: 64, batch: 2, time_steps: 20, steps: 2 };
        let report = measure_linear_lif(&bench)?;
        assert!(report.forward_s > 0.0 && report.backward_s > 0.0);
        assert!((0.01..0.5).contains(&report.firing_rate), "{}", report.firing_rate);
        Ok(())
    }
}
