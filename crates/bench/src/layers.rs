//! Single layers on spikes of one density, by the chosen algorithms and by the dense ones.

use candlewick_core::Key;
use candlewick_experiment::{Error, Result};
use candlewick_kernels::convolution::{Algorithm, Conv2d};
use candlewick_kernels::spikes::Spikes;
use serde::Serialize;

use crate::StepBench;
use crate::step::{network, random_batch, recipe};
use crate::timing::time;

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
    /// Gradient with respect to the weight, computed by the chosen kernel.
    pub weight_gradient_s: f64,
    /// Gradient with respect to the weight, computed by the dense kernel.
    pub dense_weight_gradient_s: f64,
    /// Gradient with respect to the input, needed everywhere, computed by the chosen kernel.
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
    let recipe = recipe(bench)?;
    let (batch, steps) = (recipe.input.batch_size, recipe.train.stages[0].time_steps);
    let failed = |source| Error::Network { name: bench.net.clone(), source };
    let (features, _) = random_batch(&recipe, &bench.net).map_err(failed)?;
    let network = network(&recipe, &recipe.training_methods(), features).map_err(failed)?;
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
                Algorithm::Winograd => {
                    geometry.winograd_weight_gradient(&values, &grad, &mut by_weight);
                }
                Algorithm::Dense => geometry.weight_gradient(&values, &grad, &mut by_weight),
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
