//! The objective of a recipe: a loss and the published methods, in any combination.

use candle_core::Tensor;
use candlewick_core::parameters::{Parameters, Role};
use candlewick_core::{Error, Result};
use candlewick_methods::{AnyLoss, Methods, OutputWeights, WeightDecision};
use candlewick_network::Outputs;
use candlewick_run::MethodValues;

use crate::objective::{Moment, Objective};
use crate::scores::Scores;

/// A loss of the logits to which side heads are added (shortcut) and whose time steps are weighted
/// (temporally weighted output), as far as the methods ask for it.
///
/// The methods that act inside of the network are not here but in its parts.
#[derive(Clone, Debug)]
pub struct Combined {
    loss: AnyLoss,
    methods: Methods,
    output_weights: OutputWeights,
    /// Coefficient of the side heads in the last step.
    coefficient: f64,
}

impl Combined {
    /// Combines `loss` with `methods`.
    pub fn new(loss: AnyLoss, methods: Methods) -> Self {
        let coefficient =
            methods.shortcut.as_ref().map_or(0.0, |shortcut| shortcut.coefficient(0.0));
        Self { loss, methods, output_weights: OutputWeights::default(), coefficient }
    }
}

impl Objective for Combined {
    fn loss(&self, outputs: &Outputs, labels: &Tensor, moment: &Moment) -> Result<Tensor> {
        let mut logits = outputs.logits.clone();
        if let Some(shortcut) = &self.methods.shortcut
            && moment.training
        {
            logits = shortcut.combine(&logits, &outputs.side, moment.progress)?;
        }
        if self.methods.temporally_weighted_output.is_some() {
            let time_steps = logits.dim(0)?;
            let weights = Tensor::new(self.output_weights.get(time_steps), logits.device())?;
            logits = logits.broadcast_mul(&weights.reshape((time_steps, 1, 1))?)?;
        }
        self.loss.loss(&logits, labels)
    }

    fn output_weights(&self, time_steps: usize) -> Vec<f32> {
        self.output_weights.get(time_steps)
    }

    fn observe(&mut self, scores: &Scores, labels: &[u32], moment: &Moment) {
        if let Some(shortcut) = &self.methods.shortcut {
            self.coefficient = shortcut.coefficient(moment.progress);
        }
        let Some(settings) = &self.methods.temporally_weighted_output else {
            return;
        };
        let right = match settings.decision {
            WeightDecision::PerStep => (0..scores.time_steps())
                .map(|t| scores.right_at(t, labels).into_iter().filter(|&right| right).count())
                .map(|count| count as u64)
                .collect(),
            WeightDecision::Cumulative => {
                scores.right_up_to(&vec![1.0; scores.time_steps()], labels)
            }
        };
        self.output_weights.observe(&right);
    }

    fn end_epoch(&mut self, moment: &Moment) {
        if let Some(settings) = &self.methods.temporally_weighted_output {
            let time_steps = self.output_weights.right.len();
            self.output_weights.end_epoch(settings, moment.epoch);
            // Before the first change the weights are 1, and are reported as such.
            self.output_weights.weights = self.output_weights.get(time_steps);
        }
    }

    fn surrogate_search(&self, epoch: u32) -> Option<f32> {
        let search = self.methods.parametric_surrogate.as_ref()?.search()?;
        epoch.is_multiple_of(search.period).then_some(search.change)
    }

    fn state(&self) -> Vec<(String, Vec<f64>)> {
        let mut state = Vec::new();
        if self.methods.temporally_weighted_output.is_some() {
            let OutputWeights { weights, right } = &self.output_weights;
            let weights = weights.iter().map(|&weight| f64::from(weight)).collect();
            state.push((WEIGHTS.to_owned(), weights));
            state.push((RIGHT.to_owned(), right.iter().map(|&count| count as f64).collect()));
        }
        if self.methods.shortcut.is_some() {
            state.push((COEFFICIENT.to_owned(), vec![self.coefficient]));
        }
        state
    }

    fn restore(&mut self, state: &[(String, Vec<f64>)]) -> Result<()> {
        for (name, values) in state {
            match (name.as_str(), &values[..]) {
                (WEIGHTS, values) => {
                    self.output_weights.weights =
                        values.iter().map(|&value| value as f32).collect();
                }
                (RIGHT, values) => {
                    self.output_weights.right = values.iter().map(|&value| value as u64).collect();
                }
                (COEFFICIENT, &[coefficient]) => self.coefficient = coefficient,
                _ => {
                    return Err(Error::Setting {
                        field: "state of the methods".into(),
                        expected: format!("{WEIGHTS}, {RIGHT} or {COEFFICIENT}"),
                        got: name.clone(),
                    });
                }
            }
        }
        Ok(())
    }

    /// Output weights per time step, the last coefficient of the side heads, and the parameter of the
    /// surrogate of each layer where a method changes it.
    fn report(&self, parameters: &Parameters) -> Vec<MethodValues> {
        let mut report = Vec::new();
        let mut tell = |name: &str, values| {
            report.push(MethodValues { name: name.to_owned(), values });
        };
        if self.methods.parametric_surrogate.is_some() {
            let logarithms = parameters.iter().filter_map(|entry| {
                let of_surrogate = matches!(entry.role, Role::Surrogate | Role::SurrogateBuffer);
                let values = || entry.variable.flatten_all()?.to_vec1::<f32>();
                of_surrogate.then(|| values().ok()).flatten()
            });
            let values = logarithms.flatten().map(f32::exp).collect();
            tell("parametric_surrogate.parameter", values);
        }
        if self.methods.shortcut.is_some() {
            tell(COEFFICIENT, vec![self.coefficient as f32]);
        }
        if self.methods.temporally_weighted_output.is_some() {
            tell(WEIGHTS, self.output_weights.weights.clone());
        }
        report
    }
}

const COEFFICIENT: &str = "shortcut.coefficient";
const RIGHT: &str = "temporally_weighted_output.right";
const WEIGHTS: &str = "temporally_weighted_output.weights";
