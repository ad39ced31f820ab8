//! One training step and one inference, timed: the step that other libraries are compared by.
//!
//! A step is forward over T, the TET loss with λ = 0, backward, and SGD (learning rate 0.01, momentum
//! 0.9, weight decay 5e-4), in f32, for LIF neurons with `v ← 0.5 v + x`, threshold 1, hard reset that
//! is not detached, and the triangular surrogate. The batch is made beforehand.

use std::path::{Path, PathBuf};
use std::time::Instant;

use candle_core::backprop::GradStore;
use candle_core::{Device, Tensor};
use candlewick_core::{Key, Result as CoreResult};
use candlewick_kernels::convolution::{Algorithm, Conv2d};
use candlewick_kernels::simd;
pub use candlewick_kernels::simd::Level as Instructions;
use candlewick_kernels::spikes::Spikes;
use candlewick_network::{Algorithms, Context, Features, Network};
use candlewick_train::{Checkpoint, Gradients, Optimizer};
use serde::Serialize;

use crate::experiment::parts;
use crate::{Error, Experiment, Place, RawRecipe, Recipe, Result};

/// The networks that have such a step, with the recipe that trains them.
const STEPS: [(&str, &str); 3] = [
    ("convnet", include_str!("../steps/convnet.toml")),
    ("resnet-19", include_str!("../steps/resnet-19.toml")),
    ("vggsnn", include_str!("../steps/vggsnn.toml")),
];

/// What to measure.
#[derive(Clone, Debug)]
pub struct StepBench {
    /// `convnet`, `resnet-19` or `vggsnn`.
    pub net: String,
    /// Samples per batch; that of the recipe if absent (32, 8, 8).
    pub batch: Option<usize>,
    /// Number of time steps; that of the recipe if absent (4, 4, 10).
    pub time_steps: Option<usize>,
    /// Timed repetitions of each phase, after two that are not.
    pub steps: usize,
    /// Whether to time inference.
    pub infer: bool,
    /// Whether to time training.
    pub train: bool,
    /// Whether the backward pass computes the currents once more, for less memory.
    pub recompute: bool,
    /// A checkpoint of the network: firing rates of a trained one instead of a fresh one.
    pub weights: Option<PathBuf>,
    /// Real images instead of random numbers: the folder of the data sets (`vggsnn` uses an embedded
    /// one).
    pub data: Option<PathBuf>,
    /// The instructions that may be used; changes those of the whole process.
    pub instructions: Instructions,
}

/// What was measured. Times are in seconds, sizes in MiB.
#[derive(Clone, Debug, Serialize)]
pub struct StepReport {
    /// Name of the network.
    pub net: String,
    /// Samples per batch.
    pub batch: usize,
    /// Number of time steps.
    pub time_steps: usize,
    /// Compute threads.
    pub threads: usize,
    /// Parameters that are learned.
    pub parameters: usize,
    /// Median time of a training step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub train_s: Option<f64>,
    /// Shortest training step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub train_min_s: Option<f64>,
    /// Median time of an inference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub infer_s: Option<f64>,
    /// Shortest inference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub infer_min_s: Option<f64>,
    /// Samples per second: of training if it was timed, else of inference.
    pub images_per_s: f64,
    /// Resident memory before the network was built.
    pub rss_base_mib: Option<f64>,
    /// Peak of the resident memory.
    pub rss_peak_mib: Option<f64>,
    /// The most that activations and gradients by them took at once, without the bits of spikes.
    pub buffers_peak_mib: f64,
    /// Loss of the first training step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss: Option<f64>,
    /// The synaptic layers in order.
    pub layers: Vec<StepLayer>,
}

/// What a synaptic layer did in the last step.
#[derive(Clone, Debug, Serialize)]
pub struct StepLayer {
    /// Path of the layer.
    pub name: String,
    /// Share of its inputs that are not 0; 1 for an input that is not made of spikes.
    pub density: f64,
    /// Firing rate of the neurons of the same name; absent for a branch that shares its neurons.
    pub firing_rate: Option<f64>,
    /// Kernels of the forward pass, the weight gradient and the input gradient.
    pub algorithms: String,
}

/// Median, minimum.
fn summary(mut seconds: Vec<f64>) -> Option<(f64, f64)> {
    seconds.sort_by(f64::total_cmp);
    let middle = seconds.len() / 2;
    let median = if seconds.len() % 2 == 1 {
        *seconds.get(middle)?
    } else {
        f64::midpoint(*seconds.get(middle)?, *seconds.get(middle.checked_sub(1)?)?)
    };
    Some((median, seconds[0]))
}

/// A line of the status of this process, in MiB.
fn memory(line: &str) -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|text| text.strip_prefix(line))?;
    Some(line.split_whitespace().next()?.parse::<f64>().ok()? / 1024.0)
}

/// The recipe of a step.
fn recipe(bench: &StepBench) -> Result<Recipe> {
    let Some((name, text)) = STEPS.iter().find(|(name, _)| *name == bench.net) else {
        return Err(Error::Field {
            name: "bench step".into(),
            field: "net".into(),
            expected: format!("one of {}", STEPS.map(|(name, _)| name).join(", ")),
        });
    };
    let mut recipe = RawRecipe::parse(text, name)?.resolve(name)?;
    if let Some(batch) = bench.batch {
        recipe.input.batch_size = batch;
    }
    if let Some(time_steps) = bench.time_steps {
        for stage in &mut recipe.train.stages {
            stage.time_steps = time_steps;
        }
    }
    recipe.train.recompute = bench.recompute;
    recipe.check(name)?;
    Ok(recipe)
}

/// Random numbers in place of data: normal for images, counts of events for frames.
fn random_batch(recipe: &Recipe, net: &str) -> CoreResult<(Features, Tensor, Tensor)> {
    let (batch, steps) = (recipe.input.batch_size, recipe.train.stages[0].time_steps);
    let events = net == "vggsnn";
    let (side, channels, time) = if events { (48, 2, steps) } else { (32, 3, 1) };
    let mut stream = Key::new(recipe.seed).named("batch").stream();
    let count = time * batch * side * side * channels;
    let values: Vec<f32> = if events {
        // Poisson numbers of mean 0.3, by Knuth's product of uniform ones.
        let limit = (-0.3_f32).exp();
        let mut events = || {
            let (mut count, mut product) = (0.0, stream.uniform());
            while product > limit {
                count += 1.0;
                product *= stream.uniform();
            }
            count
        };
        (0..count).map(|_| events()).collect()
    } else {
        (0..count).map(|_| stream.normal()).collect()
    };
    let labels: Vec<u32> = (0..batch).map(|sample| (sample % 10) as u32).collect();
    let features = Features::Map { height: side, width: side, channels };
    let input = Tensor::from_vec(values, (time, batch, side, side, channels), &Device::Cpu)?;
    let labels = Tensor::from_vec(labels, batch, &Device::Cpu)?;
    Ok((features, input, labels))
}

/// Times the step.
///
/// # Errors
/// If there is no such network, data or checkpoint.
pub fn measure(bench: &StepBench) -> Result<StepReport> {
    simd::limit(bench.instructions);
    let base = memory("VmRSS:");
    let recipe = recipe(bench)?;
    let (batch, time_steps) = (recipe.input.batch_size, recipe.train.stages[0].time_steps);
    let failed = |source| Error::Network { name: bench.net.clone(), source };
    let built;
    let prepared;
    let (network, input, labels): (&Network, _, _) = if let Some(data) = &bench.data {
        let place =
            Place { device: Device::Cpu, data: Some(data.clone()), cache: None, workers: 1 };
        prepared = Experiment::prepare(recipe.clone(), &bench.net, &place)?;
        let (input, labels) = prepared.first_batch()?;
        (prepared.network(), input, labels)
    } else {
        let (features, input, labels) = random_batch(&recipe, &bench.net).map_err(failed)?;
        let key = Key::new(recipe.seed);
        let parts = parts(&recipe);
        built = Network::new(&*recipe.network, &parts, features, 10, &Device::Cpu, key)
            .map_err(failed)?;
        (&built, input, labels)
    };
    if let Some(path) = &bench.weights {
        load(network, path)?;
    }
    let mut report = StepReport {
        net: bench.net.clone(),
        batch,
        time_steps,
        threads: rayon::current_num_threads(),
        parameters: network.parameters().learned().map(|p| p.variable.elem_count()).sum(),
        train_s: None,
        train_min_s: None,
        infer_s: None,
        infer_min_s: None,
        images_per_s: 0.0,
        rss_base_mib: base,
        rss_peak_mib: None,
        buffers_peak_mib: 0.0,
        loss: None,
        layers: Vec::new(),
    };
    let repetitions = || (0..bench.steps + WARM_UP).map(|number| number >= WARM_UP);
    if bench.infer {
        let mut seconds = Vec::new();
        for timed in repetitions() {
            let start = Instant::now();
            infer(network, &input, time_steps).map_err(failed)?;
            seconds.extend(timed.then(|| start.elapsed().as_secs_f64()));
        }
        (report.infer_s, report.infer_min_s) = summary(seconds).unzip();
        report.layers = layers(network);
    }
    if bench.train {
        let mut optimizer =
            Optimizer::new(&recipe.train.optimizer, recipe.train.groups, network.parameters())?;
        let mut seconds = Vec::new();
        for (number, timed) in repetitions().enumerate() {
            let start = Instant::now();
            let key = Key::new(recipe.seed).named("step").at(number as u64);
            let recompute = recipe.train.recompute;
            let context = Context { recompute, ..Context::training(time_steps, key) };
            let (loss, store) =
                forward_and_back(network, &recipe, &input, &labels, &context).map_err(failed)?;
            let gradients = Gradients::take(network.parameters(), store)?;
            optimizer.step(1.0, network.parameters(), &gradients)?;
            seconds.extend(timed.then(|| start.elapsed().as_secs_f64()));
            report.loss = report.loss.or(Some(loss));
        }
        (report.train_s, report.train_min_s) = summary(seconds).unzip();
        report.layers = layers(network);
    }
    let median = report.train_s.or(report.infer_s).unwrap_or(f64::INFINITY);
    report.images_per_s = batch as f64 / median;
    report.rss_peak_mib = memory("VmHWM:");
    report.buffers_peak_mib = network.most_buffered() as f64 / f64::from(1 << 20);
    Ok(report)
}

fn infer(network: &Network, input: &Tensor, time_steps: usize) -> CoreResult<Tensor> {
    let outputs = network.forward(input, &Context::evaluation(time_steps))?;
    Ok(outputs.logits.mean(0)?)
}

fn forward_and_back(
    network: &Network,
    recipe: &Recipe,
    input: &Tensor,
    labels: &Tensor,
    context: &Context,
) -> CoreResult<(f64, GradStore)> {
    let outputs = network.forward(input, context)?;
    let loss = recipe.loss.loss(&outputs.logits, labels)?;
    let value = f64::from(loss.to_scalar::<f32>()?);
    Ok((value, outputs.backward(&loss)?))
}

/// Repetitions that are not timed.
const WARM_UP: usize = 2;

fn load(network: &Network, path: &Path) -> Result<()> {
    Ok(Checkpoint::open(path)?.load_parameters(network.parameters())?)
}

fn layers(network: &Network) -> Vec<StepLayer> {
    let rates: Vec<(String, f64)> = network
        .take_observations()
        .into_iter()
        .map(|layer| (layer.name, layer.counts.spikes as f64 / layer.counts.elements.max(1) as f64))
        .collect();
    network
        .synapses()
        .into_iter()
        .map(|synapse| StepLayer {
            density: synapse.algorithms.and_then(|algorithms| algorithms.density).unwrap_or(1.0),
            firing_rate: rates
                .iter()
                .find(|(name, _)| *name == synapse.name)
                .map(|(_, rate)| *rate),
            algorithms: synapse.algorithms.as_ref().map(Algorithms::to_string).unwrap_or_default(),
            name: synapse.name,
        })
        .collect()
}

/// A synaptic layer by itself, on spikes of one density.
#[derive(Clone, Debug, Serialize)]
pub struct LayerTimes {
    /// Path of the layer.
    pub name: String,
    /// Share of the inputs that are 1, independently from step to step.
    pub density: f64,
    /// Forward pass by the chosen kernel.
    pub forward_s: f64,
    /// Forward pass by the dense kernel.
    pub dense_forward_s: f64,
    /// Weight gradient by the chosen kernel.
    pub weight_gradient_s: f64,
    /// Weight gradient by the dense kernel.
    pub dense_weight_gradient_s: f64,
    /// Gradient by the input, needed everywhere, by the chosen kernel.
    pub input_gradient_s: f64,
    /// The same by the dense kernel.
    pub dense_input_gradient_s: f64,
    /// The chosen kernels.
    pub algorithms: String,
}

/// Times every layer behind the first by itself, on spikes of `density`.
///
/// # Errors
/// If there is no such network.
pub fn measure_layers(bench: &StepBench, density: f32) -> Result<Vec<LayerTimes>> {
    simd::limit(bench.instructions);
    let recipe = recipe(bench)?;
    let (batch, steps) = (recipe.input.batch_size, recipe.train.stages[0].time_steps);
    let failed = |source| Error::Network { name: bench.net.clone(), source };
    let (features, ..) = random_batch(&recipe, &bench.net).map_err(failed)?;
    let network = Network::new(
        &*recipe.network,
        &parts(&recipe),
        features,
        10,
        &Device::Cpu,
        Key::new(recipe.seed),
    )
    .map_err(failed)?;
    let mut all = Vec::new();
    for (number, synapse) in network.synapses().into_iter().enumerate().skip(1) {
        let geometry = Conv2d { images: steps * batch, ..synapse.geometry };
        let mut stream = Key::new(number as u64).named("density").stream();
        let values: Vec<f32> =
            (0..geometry.input_len()).map(|_| f32::from(stream.bernoulli(density))).collect();
        let weight: Vec<f32> = (0..geometry.weight_len()).map(|_| stream.normal()).collect();
        let grad: Vec<f32> = (0..geometry.output_len()).map(|_| stream.normal()).collect();
        let shape = [steps, values.len() / (steps * geometry.in_channels), geometry.in_channels];
        let spikes = Spikes::support(shape, &values, |value| value != 0.0);
        let mut output = vec![0.0; geometry.output_len()];
        let mut by_weight = vec![0.0; geometry.weight_len()];
        let algorithms = [
            geometry.forward_algorithm(spikes.activity()),
            geometry.weight_gradient_algorithm(spikes.activity()),
            geometry.input_gradient_algorithm(None),
        ];
        let mut times = Vec::new();
        for algorithm in [algorithms[0], Algorithm::Dense] {
            times.push(time(bench.steps, || match algorithm {
                Algorithm::Sparse => geometry.sparse_forward(&spikes, &weight, None, &mut output),
                Algorithm::Tiles => geometry.tile_forward(&spikes, &weight, None, &mut output),
                Algorithm::Winograd => {
                    geometry.winograd_forward(&values, &weight, None, &mut output);
                }
                Algorithm::Dense => geometry.forward(&values, &weight, None, &mut output),
            }));
        }
        for algorithm in [algorithms[1], Algorithm::Dense] {
            times.push(time(bench.steps, || match algorithm {
                Algorithm::Sparse => {
                    geometry.sparse_weight_gradient(&spikes, &grad, &mut by_weight);
                }
                Algorithm::Tiles => {
                    geometry.tile_weight_gradient(&spikes, &grad, &mut by_weight);
                }
                _ => geometry.weight_gradient(&values, &grad, &mut by_weight),
            }));
        }
        let mut by_input = vec![0.0; geometry.input_len()];
        for algorithm in [algorithms[2], Algorithm::Dense] {
            times.push(time(bench.steps, || match algorithm {
                Algorithm::Winograd => {
                    geometry.winograd_input_gradient(&grad, &weight, &mut by_input);
                }
                Algorithm::Tiles => geometry.tile_input_gradient(&grad, &weight, &mut by_input),
                _ => geometry.input_gradient(&grad, &weight, &mut by_input),
            }));
        }
        all.push(LayerTimes {
            name: synapse.name,
            density: spikes.density(),
            forward_s: times[0],
            dense_forward_s: times[1],
            weight_gradient_s: times[2],
            dense_weight_gradient_s: times[3],
            input_gradient_s: times[4],
            dense_input_gradient_s: times[5],
            algorithms: format!("{}/{}/{}", algorithms[0], algorithms[1], algorithms[2]),
        });
    }
    Ok(all)
}

/// The median time of `steps` calls, after one that is not timed.
fn time(steps: usize, mut call: impl FnMut()) -> f64 {
    call();
    let seconds = (0..steps.max(1))
        .map(|_| {
            let start = Instant::now();
            call();
            start.elapsed().as_secs_f64()
        })
        .collect();
    summary(seconds).map_or(0.0, |(median, _)| median)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bench(net: &str) -> StepBench {
        StepBench {
            net: net.to_owned(),
            batch: Some(1),
            time_steps: Some(1),
            steps: 1,
            infer: true,
            train: net == "convnet",
            recompute: false,
            weights: None,
            data: None,
            instructions: Instructions::Best,
        }
    }

    #[test]
    fn every_step_runs_and_names_its_layers() -> Result<()> {
        let mut visited = 0;
        for ((net, _), layers) in STEPS.iter().zip([4, 21, 8]) {
            let report = measure(&bench(net))?;
            assert_eq!(report.layers.len(), layers, "{net}");
            assert!(report.infer_s.is_some_and(|seconds| seconds > 0.0));
            assert!(report.layers.iter().all(|layer| !layer.algorithms.is_empty()));
            visited += 1;
        }
        assert_eq!(visited, 3);
        Ok(())
    }

    #[test]
    fn a_recomputed_step_has_the_same_loss_in_less_memory() -> Result<()> {
        let mut reports = Vec::new();
        for recompute in [false, true] {
            let time_steps = Some(4);
            let bench = StepBench { recompute, time_steps, infer: false, ..bench("convnet") };
            reports.push(measure(&bench)?);
        }
        assert!(reports[0].loss.is_some());
        assert_eq!(reports[0].loss, reports[1].loss);
        let [kept, again] = [0, 1].map(|index| reports[index].buffers_peak_mib);
        assert!(again > 0.0 && again < kept, "{again} MiB, {kept} MiB");
        Ok(())
    }

    #[test]
    fn the_median_is_that_of_the_middle() {
        assert_eq!(summary(vec![3.0, 1.0, 2.0]), Some((2.0, 1.0)));
        assert_eq!(summary(vec![4.0, 1.0, 2.0, 3.0]), Some((2.5, 1.0)));
        assert_eq!(summary(Vec::new()), None);
    }
}
