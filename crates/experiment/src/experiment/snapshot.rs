//! A look into the network of a finished run.

use std::sync::Arc;

use candlewick_core::Key;
use candlewick_methods::Moment;
use candlewick_network::Context;
use candlewick_run::Snapshot;
use candlewick_train::Checkpoint;

use super::{Experiment, network};
use crate::watch::{Watch, Watching};
use crate::{Error, Result};

/// Samples of a snapshot.
const SNAPSHOT_SAMPLES: usize = 32;

impl Experiment {
    /// Looks into the network of a checkpoint: potentials and spikes in one training pass over the
    /// first test samples, at the time steps of the last stage. Nothing is changed.
    ///
    /// # Errors
    /// If the checkpoint is of another network, or the data cannot be read.
    pub fn snapshot(&self, checkpoint: &Checkpoint) -> Result<Snapshot> {
        let time_steps = self.recipe.train.time_steps();
        let loader = self.test_loader()?;
        let watch = Arc::new(Watch::default());
        let device = self.network.parameters().device();
        let mut methods = self.recipe.training_methods();
        checkpoint.load_methods(&mut methods)?;
        methods.push(Box::new(Watching(watch.clone())));
        let failed = |source| Error::Network { name: "snapshot".into(), source };
        let network = network(&self.recipe, &methods, loader, self.network.classes(), device)
            .map_err(failed)?;
        checkpoint.load_parameters(network.parameters())?;
        let Some(batch) = loader.epoch(0, 0)?.next() else {
            return Ok(watch.snapshot(&[], Key::new(0), [time_steps, 0], false));
        };
        let batch = batch?;
        let samples = batch.indices.len().min(SNAPSHOT_SAMPLES);
        let key = Key::new(self.recipe.seed).named("snapshot");
        let run = || -> candlewick_core::Result<()> {
            let input = batch.input.narrow(1, 0, samples)?.contiguous()?;
            let labels = batch.labels.narrow(0, 0, samples)?;
            let outputs = network.forward(&input, &Context::training(time_steps, key))?;
            let moment = Moment { epoch: 0, step: 0, progress: 1.0, training: true };
            let loss = methods.loss(&outputs, &labels, &moment)?;
            // Some surrogates are asked for their derivative only on the way back.
            loss.backward()?;
            Ok(())
        };
        run().map_err(failed)?;
        let inclusive = self.recipe.neuron.model().firing().inclusive();
        Ok(watch.snapshot(&network.layer_names(), key, [time_steps, samples], inclusive))
    }
}

#[cfg(test)]
mod tests {
    use candlewick_train::checkpoint;

    use super::*;
    use crate::{Machine, Recipe};

    fn snapshot(extra: &str) -> Result<(Experiment, Snapshot), Box<dyn std::error::Error>> {
        let text = format!(
            "[data]\nname = \"digits\"\n[network.spec]\nlayers = \"4C3-AP2-6C3-FC10\"\n\
             [train]\nstages = [{{ epochs = 1, time_steps = 3 }}]\n{extra}"
        );
        let machine = Machine { workers: 0, ..Machine::default() };
        let experiment = Experiment::prepare(Recipe::parse(&text, "test")?, "test", &machine)?;
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("checkpoint.safetensors");
        let parameters = experiment.network.parameters();
        checkpoint::save(&path, parameters, None, &experiment.methods, &0, None)?;
        let snapshot = experiment.snapshot(&Checkpoint::open(&path)?)?;
        Ok((experiment, snapshot))
    }

    /// All potentials of all layers are there; masks and learned widths of the surrogate change none.
    #[test]
    fn a_snapshot_holds_every_potential_of_every_layer() -> Result<(), Box<dyn std::error::Error>> {
        let (experiment, plain) = snapshot("")?;
        let names: Vec<&String> = plain.layers.iter().map(|layer| &layer.name).collect();
        let expected = experiment.network().layer_names();
        assert_eq!(names, expected.iter().collect::<Vec<_>>());
        let neurons = [8 * 8 * 4, 4 * 4 * 6];
        let mut visited = 0;
        for (layer, neurons) in plain.layers.iter().zip(neurons) {
            assert_eq!(layer.counts.iter().sum::<u64>(), 3 * 32 * neurons, "{}", layer.name);
            assert_eq!((layer.support, layer.exact_support), ((-1.0, 1.0), true));
            assert!(layer.low < 0.0 && layer.high > 0.0 && !layer.spikes.is_empty());
            visited += 1;
        }
        assert_eq!(visited, 2);
        let rules = "[methods.masked_surrogate]\n[methods.parametric_surrogate]\n\
                     [methods.gradient_scaling]\n[methods.shortcut]";
        assert_eq!(snapshot(rules)?.1, plain);
        let (_, wide) = snapshot("[surrogate.arctan]")?;
        assert!(!wide.layers[0].exact_support && wide.layers[0].support.1 > 2.0);
        Ok(())
    }
}
