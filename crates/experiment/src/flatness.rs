//! How flat the minimum is that a run ended in: the loss along random directions from its weights
//! (Li et al., "Visualizing the Loss Landscape of Neural Nets", NeurIPS 2018, sec. 4).
//!
//! A direction is normal noise in every synaptic weight, scaled filter by filter to the norm of the
//! filter, and 0 in all else. Without that scale a network with larger weights would look flatter,
//! though behind a normalization it computes the same.

use std::sync::atomic::AtomicBool;

use candle_core::Tensor;
use candlewick_core::Key;
use candlewick_core::parameters::{Parameters, Role};
use candlewick_run::{Flatness, FlatnessPoint, manifest};
use candlewick_train::{Checkpoint, evaluate};

use crate::experiment::{loaders, network, open};
use crate::samples::{first_of_each_class, hold_out};
use crate::{Error, Machine, Recipe, Result};

/// Training samples that are measured on, evenly spread over the set.
const SAMPLES: usize = 512;
/// Points on each side of the weights; the farthest is at a distance of 1.
const POINTS: i32 = 10;

/// Measures the loss of a checkpoint of `recipe` along `directions` directions, on training samples as
/// they are prepared for an evaluation. `heard` receives the number of points done, and of all points.
///
/// # Errors
/// If the checkpoint is of another network, or the data cannot be read.
pub fn flatness(
    recipe: &Recipe,
    machine: &Machine,
    checkpoint: &Checkpoint,
    directions: usize,
    heard: impl FnMut(usize, usize),
) -> Result<Flatness> {
    let distances: Vec<f64> =
        (-POINTS..=POINTS).map(|point| f64::from(point) / f64::from(POINTS)).collect();
    let (samples, points) = along(recipe, machine, checkpoint, directions, &distances, heard)?;
    let finite = |point: &FlatnessPoint| point.loss.iter().all(|loss| loss.is_finite());
    let points = points.into_iter().filter(finite).collect();
    Ok(Flatness { schema: manifest::SCHEMA, samples, directions, points })
}

/// How much the loss of a checkpoint of `recipe` is higher at `distance` than at its weights, mean over
/// both senses of `directions` directions; measured as by [`flatness`].
///
/// # Errors
/// As [`flatness`].
pub(crate) fn loss_rise(
    recipe: &Recipe,
    machine: &Machine,
    checkpoint: &Checkpoint,
    distance: f64,
    directions: usize,
) -> Result<f64> {
    let distances = [-distance, 0.0, distance];
    let (_, points) = along(recipe, machine, checkpoint, directions, &distances, |_, _| {})?;
    let mean = |point: &FlatnessPoint| point.loss.iter().sum::<f64>() / directions as f64;
    let means: Vec<f64> = points.iter().map(mean).collect();
    Ok(f64::midpoint(means[0], means[2]) - means[1])
}

/// The number of samples, and the loss at each of `distances` along each direction.
fn along(
    recipe: &Recipe,
    machine: &Machine,
    checkpoint: &Checkpoint,
    directions: usize,
    distances: &[f64],
    mut heard: impl FnMut(usize, usize),
) -> Result<(usize, Vec<FlatnessPoint>)> {
    let [training, _] = open(recipe, machine)?;
    let mut chosen = first_of_each_class(training.labels(), recipe.data.train_per_class);
    hold_out(&mut chosen, training.labels(), recipe.data.validation_per_class);
    let samples = spread(&chosen, SAMPLES);
    let name = checkpoint.path().display().to_string();
    let loaders = loaders(recipe, &name, &training, &samples, false, machine)?;
    let failed = |source| Error::Network { name: name.clone(), source };
    let classes = training.info().classes.len();
    let mut methods = recipe.training_methods();
    let network =
        network(recipe, &methods, &loaders[0], classes, &machine.device).map_err(failed)?;
    let parameters = network.parameters();
    checkpoint.load_parameters(parameters)?;
    checkpoint.load_methods(&mut methods)?;

    let (never, time_steps) = (AtomicBool::new(false), recipe.train.time_steps());
    let measure = || -> Result<[f64; 2]> {
        let found = evaluate(&network, &methods, &loaders, time_steps, &never, |_, _| {})?;
        // Nothing stops it.
        Ok(found.map_or([f64::NAN; 2], |found| [found.metrics.loss, found.metrics.accuracy]))
    };
    let start: Vec<Tensor> = parameters
        .iter()
        .map(|entry| entry.variable.as_detached_tensor().copy())
        .collect::<candle_core::Result<_>>()
        .map_err(|error| failed(error.into()))?;
    let center = measure()?;
    let all = directions * distances.iter().filter(|distance| **distance != 0.0).count() + 1;
    let mut done = 1;
    heard(done, all);
    let point =
        |&distance: &f64| FlatnessPoint { distance, loss: Vec::new(), accuracy: Vec::new() };
    let mut points: Vec<FlatnessPoint> = distances.iter().map(point).collect();
    for number in 0..directions {
        let key = Key::new(recipe.seed).named("flatness").at(number as u64);
        let direction = direction(parameters, key).map_err(failed)?;
        for point in &mut points {
            let [loss, accuracy] = if point.distance == 0.0 {
                center
            } else {
                step(parameters, &start, &direction, point.distance).map_err(failed)?;
                done += 1;
                heard(done, all);
                measure()?
            };
            point.loss.push(loss);
            point.accuracy.push(accuracy);
        }
        step(parameters, &start, &direction, 0.0).map_err(failed)?;
    }
    Ok((samples.len(), points))
}

/// At most `most` of `all`, evenly spread.
fn spread(all: &[usize], most: usize) -> Vec<usize> {
    let count = all.len().min(most);
    (0..count).map(|index| all[index * all.len() / count]).collect()
}

/// One entry per entry of the parameters; none where the direction is 0.
fn direction(parameters: &Parameters, key: Key) -> candlewick_core::Result<Vec<Option<Tensor>>> {
    let mut all = Vec::new();
    for entry in parameters.iter() {
        if entry.role != Role::Weight {
            all.push(None);
            continue;
        }
        let variable = &entry.variable;
        let mut stream = key.named(&entry.name).stream();
        let mut noise: Vec<f32> = (0..variable.elem_count()).map(|_| stream.normal()).collect();
        let values = variable.flatten_all()?.to_vec1::<f32>()?;
        // The last axis is that of the outputs, one filter each.
        let outputs = variable.dim(candle_core::D::Minus1)?;
        for output in 0..outputs {
            let norm = |values: &[f32]| {
                let squares = values.iter().skip(output).step_by(outputs);
                squares.map(|value| value * value).sum::<f32>().sqrt()
            };
            let factor = norm(&values) / norm(&noise).max(f32::MIN_POSITIVE);
            noise.iter_mut().skip(output).step_by(outputs).for_each(|value| *value *= factor);
        }
        all.push(Some(Tensor::from_vec(noise, variable.shape(), variable.device())?));
    }
    Ok(all)
}

/// Puts the parameters where they started, moved along the direction.
fn step(
    parameters: &Parameters,
    start: &[Tensor],
    direction: &[Option<Tensor>],
    distance: f64,
) -> candlewick_core::Result<()> {
    for ((entry, start), direction) in parameters.iter().zip(start).zip(direction) {
        if let Some(direction) = direction {
            entry.variable.set(&(start + (direction * distance)?)?)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use candlewick_core::initializer::Initializer;
    use candlewick_core::parameters::{Scope, seeded};
    use candlewick_train::checkpoint;

    use super::*;
    use crate::Experiment;

    type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

    #[test]
    fn samples_are_spread() {
        assert_eq!(spread(&[3, 4, 5], 7), [3, 4, 5]);
        assert_eq!(spread(&[0, 1, 2, 3, 4, 5, 6], 3), [0, 2, 4]);
        assert!(spread(&[], 3).is_empty());
    }

    /// Every filter of the direction is as long as that of the weights, and nothing else moves.
    #[test]
    fn a_direction_has_the_norm_of_every_filter() -> Result<()> {
        let root = Scope::from(seeded(&Device::Cpu, Key::new(1)));
        root.create("weight", Role::Weight, &[3, 3, 2, 4], Initializer::Uniform(0.5))?;
        root.create("gamma", Role::Normalization, &[4], Initializer::Constant(1.0))?;
        let parameters = root.parameters();
        let found = direction(&parameters, Key::new(2))?;
        let [Some(moved), None] = &found[..] else { return Err("one direction".into()) };
        let norms = |tensor: &Tensor| tensor.sqr()?.reshape((18, 4))?.sum(0)?.to_vec1::<f32>();
        let weight = parameters.get("weight").ok_or("a weight")?.variable.as_tensor().clone();
        let (of_weights, of_direction) = (norms(&weight)?, norms(moved)?);
        let mut visited = 0;
        for (expected, found) in of_weights.iter().zip(of_direction) {
            assert!((found / expected - 1.0).abs() < 1e-5, "{found} {expected}");
            visited += 1;
        }
        assert_eq!(visited, 4);
        let again = direction(&parameters, Key::new(2))?[0].as_ref().map(Tensor::flatten_all);
        let again = again.ok_or("a direction")??.to_vec1::<f32>()?;
        assert_eq!(again, moved.flatten_all()?.to_vec1::<f32>()?);
        Ok(())
    }

    /// In the middle is what an evaluation gives, for every direction, and the measurement repeats.
    #[test]
    fn the_middle_is_the_checkpoint() -> Result<()> {
        let text = "[data]\nname = \"digits\"\ntrain_per_class = 8\ntest_per_class = 2\n\
                    [network.spec]\nlayers = \"4C3-AP2-6C3-FC10\"\n\
                    [train]\nstages = [{ epochs = 1, time_steps = 2 }]\n";
        let recipe = Recipe::parse(text, "test")?;
        let machine = Machine { workers: 0, ..Machine::default() };
        let experiment = Experiment::prepare(recipe.clone(), "test", &machine)?;
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("checkpoint.safetensors");
        let methods = recipe.training_methods();
        checkpoint::save(&path, experiment.network().parameters(), None, &methods, &0, None)?;
        let checkpoint = Checkpoint::open(&path)?;
        let mut heard = Vec::new();
        let measure = |heard: &mut Vec<_>| {
            flatness(&recipe, &machine, &checkpoint, 2, |done, all| heard.push((done, all)))
        };
        let found = measure(&mut heard)?;
        assert_eq!((found.samples, found.directions, found.points.len()), (80, 2, 21));
        assert_eq!(heard, (1..=41).map(|done| (done, 41)).collect::<Vec<_>>());
        let middle = &found.points[10];
        assert_eq!((middle.distance, middle.loss[0]), (0.0, middle.loss[1]));
        // The loss of an untrained network with ten classes; far from it, another one.
        assert!((middle.loss[0] - 10.0_f64.ln()).abs() < 1.0, "{middle:?}");
        let farthest = &found.points[20];
        assert_eq!(farthest.distance, 1.0);
        assert!(farthest.loss[0] != middle.loss[0] && farthest.loss[0] != farthest.loss[1]);
        assert_eq!(measure(&mut Vec::new())?, found);
        Ok(())
    }
}
