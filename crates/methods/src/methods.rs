//! Training methods in any combination.

use std::sync::Arc;

use candle_core::Tensor;
use candlewick_core::parameters::{Parameters, Scope};
use candlewick_core::weight_rule::WeightGradientRule;
use candlewick_core::{Error, Result};
use candlewick_neuron::{ActivityPenalty, Model};
use candlewick_surrogate::{Surrogate, SurrogateRule};

use crate::{CrossEntropy, Loss, Method, Moment, Outputs, Scores, SpikingSite, Trials};

/// Methods in the order in which they are applied; give the same to the network and to the trainer.
///
/// ```
/// use candlewick_methods::{Methods, Shortcut, Tet};
/// use candlewick_neuron::{Lif, Settings};
/// use candlewick_surrogate::Triangle;
///
/// let methods = Methods::new().with(Shortcut::default()).with(Tet { lambda: 2.0, ..Tet::default() });
/// let problem = methods.problem(&Triangle::default(), &*Lif::default().model());
/// let (path, expected) = problem.expect("lambda is out of its range");
/// assert_eq!((&path[..], &expected[..]), ("tet.lambda", "a number in [0, 1]"));
/// ```
#[derive(Debug, Default)]
pub struct Methods(Vec<Box<dyn Method>>);

impl Methods {
    /// No method: the cross-entropy of the mean output is minimized.
    pub fn new() -> Self {
        Self::default()
    }

    /// These methods, and then `method`.
    #[must_use]
    pub fn with(mut self, method: impl Method + 'static) -> Self {
        self.push(Box::new(method));
        self
    }

    /// Adds `method` at the end.
    pub fn push(&mut self, method: Box<dyn Method>) {
        self.0.push(method);
    }

    /// The methods in their order.
    pub fn iter(&self) -> impl Iterator<Item = &dyn Method> {
        self.0.iter().map(|method| &**method)
    }

    /// Why the methods cannot be used, alone, together or on layers of `neuron` with `surrogate`, as
    /// (path such as `masked_surrogate.p`, expected); `None` if they can.
    pub fn problem(
        &self,
        surrogate: &dyn Surrogate,
        neuron: &dyn Model,
    ) -> Option<(String, String)> {
        let of_settings = |method: &dyn Method| {
            let (field, expected) = method.problem()?;
            Some((path(method.name(), field), expected.to_owned()))
        };
        let of_fit = |method: &dyn Method| {
            let (field, expected) = method.misfit(surrogate, neuron)?;
            Some((path(method.name(), field), expected))
        };
        self.iter()
            .find_map(of_settings)
            .or_else(|| self.iter().find_map(of_fit))
            .or_else(|| self.doubled_name())
            .or_else(|| self.at_most_one("computes the loss", |method| method.loss().is_some()))
            .or_else(|| {
                let has_rule = |method: &dyn Method| method.weight_rule().is_some();
                self.at_most_one("computes the weight gradients", has_rule)
            })
    }

    /// The rules for the surrogate of a spiking layer, in the order in which they are applied; what
    /// they learn or save is created in `scope`, the layer's place.
    ///
    /// # Errors
    /// If a parameter cannot be created.
    pub fn surrogate_rules(
        &self,
        site: &SpikingSite<'_>,
        scope: &Scope<'_>,
    ) -> Result<Vec<Arc<dyn SurrogateRule>>> {
        self.iter().filter_map(|method| method.surrogate_rule(site, scope).transpose()).collect()
    }

    /// The rule for the weight gradients, if a method has one.
    pub fn weight_rule(&self) -> Option<Arc<dyn WeightGradientRule>> {
        self.iter().find_map(Method::weight_rule)
    }

    /// The penalties on the activity of layers of `neuron`.
    pub fn penalties(&self, neuron: &dyn Model) -> Vec<Arc<dyn ActivityPenalty>> {
        self.iter().filter_map(|method| method.penalty(neuron)).collect()
    }

    /// Whether the network must have side heads.
    pub fn need_side_heads(&self) -> bool {
        self.iter().any(Method::needs_side_heads)
    }

    /// The logits `[T, B, K]` that the methods make of those of the network, one after the other.
    ///
    /// # Errors
    /// If candle fails.
    pub fn logits(&self, outputs: &Outputs, moment: &Moment) -> Result<Tensor> {
        let logits = outputs.logits.clone();
        self.iter().try_fold(logits, |logits, method| method.logits(logits, outputs, moment))
    }

    /// The scalar loss of a batch with `labels` `[B]` (u32): that of the method that has one, or the
    /// cross-entropy of the mean output, of the [`logits`](Self::logits).
    ///
    /// # Errors
    /// If the logits are not `[T, B, K]`, or candle fails.
    pub fn loss(&self, outputs: &Outputs, labels: &Tensor, moment: &Moment) -> Result<Tensor> {
        let logits = self.logits(outputs, moment)?;
        match self.iter().find_map(Method::loss) {
            Some(loss) => loss.loss(&logits, labels),
            None => Loss::loss(&CrossEntropy::default(), &logits, labels),
        }
    }

    /// The weight of each of `time_steps` steps in the output by which samples are classified; 1
    /// unless a method has others.
    pub fn output_weights(&self, time_steps: usize) -> Vec<f32> {
        self.iter()
            .find_map(|method| method.output_weights(time_steps))
            .unwrap_or_else(|| vec![1.0; time_steps])
    }

    /// Shows the scores of a training batch to every method, after the batch's step.
    pub fn observe(&mut self, scores: &Scores, labels: &[u32], moment: &Moment) {
        for method in &mut self.0 {
            method.observe(scores, labels, moment);
        }
    }

    /// Ends an epoch for every method, after its last step.
    pub fn end_epoch(&mut self, moment: &Moment) {
        for method in &mut self.0 {
            method.end_epoch(moment);
        }
    }

    /// Runs the search of every method, after an epoch's last step.
    ///
    /// # Errors
    /// If a trial fails.
    pub fn search(&self, moment: &Moment, trials: &mut dyn Trials) -> Result<()> {
        self.iter().try_for_each(|method| method.search(moment, trials))
    }

    /// The state that a checkpoint must hold besides parameters, by names such as
    /// `temporally_weighted_output.weights`.
    pub fn state(&self) -> Vec<(String, Vec<f64>)> {
        let state = |method: &dyn Method| with_paths(method.name(), method.state());
        self.iter().flat_map(state).collect()
    }

    /// Restores a [`state`](Self::state).
    ///
    /// # Errors
    /// If an entry is of none of these methods.
    pub fn restore(&mut self, state: &[(String, Vec<f64>)]) -> Result<()> {
        for (entry, values) in state {
            let taken = self.0.iter_mut().any(|method| {
                let name =
                    entry.strip_prefix(method.name()).and_then(|rest| rest.strip_prefix('.'));
                name.is_some_and(|name| method.restore(name, values))
            });
            if !taken {
                let known: Vec<String> = self.state().into_iter().map(|(name, _)| name).collect();
                return Err(Error::Setting {
                    field: "state of the methods".into(),
                    expected: if known.is_empty() { "none".into() } else { known.join(" or ") },
                    got: entry.clone(),
                });
            }
        }
        Ok(())
    }

    /// The quantities that the methods report at `moment`, by names such as `shortcut.coefficient`.
    pub fn report(&self, parameters: &Parameters, moment: &Moment) -> Vec<(String, Vec<f32>)> {
        let report =
            |method: &dyn Method| with_paths(method.name(), method.report(parameters, moment));
        self.iter().flat_map(report).collect()
    }

    fn doubled_name(&self) -> Option<(String, String)> {
        let name = self.iter().enumerate().find_map(|(number, method)| {
            let before = || self.iter().take(number);
            before().any(|other| other.name() == method.name()).then(|| method.name())
        })?;
        Some((name.to_owned(), "one method of this name".to_owned()))
    }

    /// The problem of two methods that both do what `does` says.
    fn at_most_one(
        &self,
        does: &str,
        is_one: impl Fn(&dyn Method) -> bool,
    ) -> Option<(String, String)> {
        let mut names = self.iter().filter(|&method| is_one(method)).map(Method::name);
        let (first, second) = (names.next()?, names.next()?);
        Some((second.to_owned(), format!("at most one method that {does}; {first} does")))
    }
}

fn path(method: &str, field: &str) -> String {
    if field.is_empty() { method.to_owned() } else { format!("{method}.{field}") }
}

fn with_paths<T>(method: &str, values: Vec<(&'static str, T)>) -> Vec<(String, T)> {
    values.into_iter().map(|(name, values)| (path(method, name), values)).collect()
}
