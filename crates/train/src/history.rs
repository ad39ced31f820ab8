//! The completed epochs: which is the best, and their summary.

use candlewick_run::manifest::SCHEMA;
use candlewick_run::{Accuracies, EpochMetrics, RunDirectory, Selection, Summary, Timing};
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::place::BestPlace;

/// What the epochs measured and cost.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct History {
    metrics: Vec<EpochMetrics>,
    timings: Vec<Timing>,
}

impl History {
    /// The epochs that a run has recorded.
    pub(crate) fn read(run: &RunDirectory) -> Result<Self> {
        Ok(Self { metrics: run.metrics()?, timings: run.timings()? })
    }

    pub(crate) fn push(&mut self, metrics: EpochMetrics, timing: Timing) {
        self.metrics.push(metrics);
        self.timings.push(timing);
    }

    pub(crate) fn len(&self) -> usize {
        self.metrics.len()
    }

    /// Whether `metrics` is better than all epochs before: on the validation data if there is
    /// some, else on the test data.
    ///
    /// Only epochs of `time_steps` time steps, those of the last stage, are compared; of equal ones
    /// the first is the best.
    pub(crate) fn is_best(&self, metrics: &EpochMetrics, time_steps: usize) -> Option<BestPlace> {
        let (selection, accuracy) = chosen_by(metrics)?;
        let before = self.of(time_steps).filter_map(chosen_by);
        let best = before.map(|(_, accuracy)| accuracy).fold(f64::NEG_INFINITY, f64::max);
        (metrics.time_steps == time_steps && accuracy > best).then_some(BestPlace {
            selection,
            epoch: metrics.epoch,
            accuracy,
        })
    }

    /// The outcome; `None` if the last epoch was not evaluated.
    pub(crate) fn summary(
        &self,
        dataset: &str,
        seed: u64,
        recipe_hash: String,
        parameters: u64,
    ) -> Option<Summary> {
        let last = self.metrics.last()?;
        let test = last.test.as_ref()?;
        let mut accuracy = Accuracies {
            final_epoch: test.accuracy,
            best_on_test: test.accuracy,
            best_on_validation: None,
        };
        let mut best_validation = f64::NEG_INFINITY;
        for epoch in self.of(last.time_steps) {
            let Some(test) = &epoch.test else { continue };
            accuracy.best_on_test = accuracy.best_on_test.max(test.accuracy);
            if let Some(validation) = &epoch.validation
                && validation.accuracy > best_validation
            {
                best_validation = validation.accuracy;
                accuracy.best_on_validation = Some(test.accuracy);
            }
        }
        let train_seconds: f64 = self.timings.iter().map(|timing| timing.train_seconds).sum();
        let images = |timing: &Timing| timing.images_per_second * timing.train_seconds;
        let evaluation: f64 = self.timings.iter().filter_map(|t| t.evaluation_seconds).sum();
        Some(Summary {
            schema: SCHEMA,
            dataset: dataset.to_owned(),
            seed,
            recipe_hash,
            epochs: last.epoch,
            time_steps: last.time_steps,
            parameters,
            accuracy,
            loss: test.loss,
            firing_rate: last.mean_firing_rate(),
            accuracy_per_step: test.accuracy_per_step.clone(),
            synaptic_operations: test.synaptic_operations,
            layers: last.layers.clone(),
            seconds: train_seconds + evaluation,
            images_per_second: self.timings.iter().map(images).sum::<f64>()
                / train_seconds.max(1e-9),
        })
    }

    fn of(&self, time_steps: usize) -> impl Iterator<Item = &EpochMetrics> {
        self.metrics.iter().filter(move |metrics| metrics.time_steps == time_steps)
    }
}

/// The accuracy by which the best epoch is chosen.
fn chosen_by(metrics: &EpochMetrics) -> Option<(Selection, f64)> {
    let validation = metrics.validation.as_ref();
    let validation = validation.map(|found| (Selection::BestOnValidation, found.accuracy));
    validation.or_else(|| Some((Selection::BestOnTest, metrics.test.as_ref()?.accuracy)))
}

#[cfg(test)]
mod tests {
    use candlewick_run::{EvaluationMetrics, TrainMetrics};

    use super::*;

    /// Epoch `epoch` with T time steps, validation and test accuracy in tenths.
    fn epoch(epoch: u32, time_steps: usize, validation: Option<u8>, test: u8) -> EpochMetrics {
        let metrics = |tenths: u8| EvaluationMetrics {
            loss: 1.0,
            accuracy: f64::from(tenths) / 10.0,
            accuracy_per_step: Vec::new(),
            synaptic_operations: None,
            ..EvaluationMetrics::default()
        };
        EpochMetrics {
            epoch,
            time_steps,
            learning_rate: 0.1,
            train: TrainMetrics { loss: 1.0, accuracy: 0.5 },
            validation: validation.map(metrics),
            test: Some(metrics(test)),
            layers: Vec::new(),
            gradient_norms: Vec::new(),
            methods: Vec::new(),
        }
    }

    fn timing(epoch: u32) -> Timing {
        Timing {
            epoch,
            train_seconds: 2.0,
            evaluation_seconds: Some(0.5),
            images_per_second: 100.0 * f64::from(epoch),
            resident_bytes: None,
        }
    }

    #[test]
    fn the_best_epoch_is_chosen_by_validation_within_the_last_stage() {
        let mut history = History::default();
        // The first stage has other time steps: its accuracies do not count.
        let epochs = [
            (epoch(1, 2, Some(9), 9), None),
            (epoch(2, 4, Some(6), 5), Some(2)),
            (epoch(3, 4, Some(7), 4), Some(3)),
            (epoch(4, 4, Some(7), 8), None),
            (epoch(5, 4, Some(5), 7), None),
        ];
        let mut visited = 0;
        for (metrics, best) in epochs {
            let found = history.is_best(&metrics, 4);
            assert_eq!(found.as_ref().map(|found| found.epoch), best);
            assert!(found.is_none_or(|found| found.selection == Selection::BestOnValidation));
            history.push(metrics, timing(visited + 1));
            visited += 1;
        }
        assert_eq!(visited, 5);
        let summary = history.summary("digits", 1, String::new(), 10).unwrap();
        assert_eq!(summary.accuracy.final_epoch, 0.7);
        assert_eq!(summary.accuracy.best_on_test, 0.8);
        assert_eq!(summary.accuracy.best_on_validation, Some(0.4));
        // 5 · 2.5 s, and (100 + … + 500) / 5 images per second.
        assert_eq!((summary.seconds, summary.images_per_second), (12.5, 300.0));
    }

    #[test]
    fn without_validation_data_the_test_data_choose_and_the_label_says_so() {
        let mut history = History::default();
        history.push(epoch(1, 2, None, 5), timing(1));
        assert!(history.is_best(&epoch(2, 2, None, 5), 2).is_none());
        let best = history.is_best(&epoch(2, 2, None, 6), 2).unwrap();
        assert_eq!(best.selection, Selection::BestOnTest);
        let mut unevaluated = epoch(2, 2, None, 0);
        unevaluated.test = None;
        assert!(history.is_best(&unevaluated, 2).is_none());
        history.push(unevaluated, timing(2));
        assert!(history.summary("digits", 1, String::new(), 10).is_none());
    }
}
