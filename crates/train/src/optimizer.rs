//! Optimizers: rules that update parameters in place, with their state in parameter order.
//!
//! On the CPU a step is one fused pass over each parameter, without a graph and without memory of
//! its own; elsewhere it is composed of candle operations.

mod adam;
mod adamw;
mod groups;
mod sgd;
mod state;

use candle_core::{CpuStorage, InplaceOp2, Layout, Tensor};
use candlewick_core::parameters::{Parameter, Parameters};
use candlewick_core::{host, registry};
use candlewick_device::Queue;

pub use adam::Adam;
pub use adamw::AdamW;
pub use groups::{Decay, Groups};
pub(crate) use groups::{in_range, non_negative};
pub use sgd::Sgd;
use state::State;

use crate::Gradients;
use crate::error::Result;

/// The rule by which a parameter follows its gradient.
pub trait UpdateRule: std::fmt::Debug + Send + Sync {
    /// Size of a step before schedule and groups.
    fn learning_rate(&self) -> f64;

    /// Checks the ranges of the settings.
    ///
    /// # Errors
    /// Names the field.
    fn check(&self) -> candlewick_core::Result<()>;

    /// Names of the state that belongs to each parameter: at most two buffers of its size, at
    /// first 0.
    fn state_names(&self) -> &'static [&'static str];

    /// Updates `parameter` and `state` in place; the buffers that the rule does not name are empty.
    fn update(&self, step: &Step, parameter: &mut [f32], gradient: &[f32], state: [&mut [f32]; 2]);

    /// The same update made of candle operations: replaces `state` and returns the new parameter.
    ///
    /// # Errors
    /// If candle fails.
    fn compose(
        &self,
        step: &Step,
        parameter: &Tensor,
        gradient: &Tensor,
        state: &mut [Tensor],
    ) -> candle_core::Result<Tensor>;

    /// The same update in place by a kernel of the parameter's device.
    ///
    /// # Errors
    /// If the launch fails.
    fn launch(
        &self,
        step: &Step,
        queue: &Queue,
        parameter: &Tensor,
        gradient: &Tensor,
        state: &[Tensor],
    ) -> candle_core::Result<()>;
}

/// One step of one parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// Number of the parameter's step, from 1; steps in which it has no gradient do not count.
    pub number: u64,
    /// Size of the step: the rule's, times those of the schedule and the parameter's group.
    pub learning_rate: f64,
    /// Whether the rule's weight decay applies.
    pub decays: bool,
}

registry! {
    /// An optimizer by name.
    pub enum AnyOptimizer: dyn UpdateRule, kind "optimizer" {
        /// Stochastic gradient descent with momentum, Nesterov's on request.
        Sgd = "sgd",
        /// Adam without weight decay.
        Adam = "adam",
        /// Adam with decoupled weight decay.
        AdamW = "adamw" | "adam_w",
    }
}

/// An optimizer of the learned parameters of a network, with its state; [`step`](fn@crate::step) has an example.
#[derive(Debug)]
pub struct Optimizer {
    rule: AnyOptimizer,
    groups: Groups,
    /// Steps of each learned parameter.
    steps: Vec<u64>,
    state: State,
}

/// Name of the state that counts the steps of a parameter.
const STEPS: &str = "steps";

impl Optimizer {
    /// Starts `rule` on the learned entries of `parameters`.
    ///
    /// # Errors
    /// If a setting is out of its range.
    pub fn new(rule: &AnyOptimizer, groups: Groups, parameters: &Parameters) -> Result<Self> {
        Self::start(rule, groups, parameters, host::is_reachable(parameters.device()))
    }

    fn start(
        rule: &AnyOptimizer,
        groups: Groups,
        parameters: &Parameters,
        fused: bool,
    ) -> Result<Self> {
        rule.check()?;
        groups.check()?;
        let state = State::new(rule.state_names(), parameters, fused)?;
        let steps = vec![0; parameters.learned().count()];
        Ok(Self { rule: rule.clone(), groups, steps, state })
    }

    /// Takes it out, and leaves one without parameters behind.
    pub(crate) fn take(&mut self) -> Self {
        let (steps, state) = (std::mem::take(&mut self.steps), self.state.take());
        Self { rule: self.rule.clone(), groups: self.groups, steps, state }
    }

    /// One step of all parameters that have a gradient, with the rule's learning rate times
    /// `factor`.
    ///
    /// A parameter without a gradient stays as it is, without decay and momentum, and the step does
    /// not count for it.
    ///
    /// # Errors
    /// If `gradients` were taken from another network.
    pub fn step(
        &mut self,
        factor: f64,
        parameters: &Parameters,
        gradients: &Gradients,
    ) -> Result<()> {
        for (index, parameter) in parameters.learned().enumerate() {
            if let Some(gradient) = gradients.get(index) {
                self.update(index, parameter, gradient, factor)?;
            }
        }
        Ok(())
    }

    /// One step of the learned parameter number `index`, as [`step`](Self::step).
    pub(crate) fn update(
        &mut self,
        index: usize,
        parameter: &Parameter,
        gradient: &Tensor,
        factor: f64,
    ) -> Result<()> {
        self.steps[index] += 1;
        let step = Step {
            number: self.steps[index],
            learning_rate: self.rule.learning_rate()
                * factor
                * self.groups.learning_rate_factor(parameter.role),
            decays: self.groups.decays(parameter.role),
        };
        let variable = &parameter.variable;
        let outcome = match &mut self.state {
            State::Fused(state) => {
                let update = Update {
                    rule: &*self.rule,
                    step,
                    state: std::cell::RefCell::new(state.of(index)),
                };
                variable.inplace_op2(gradient, &update)
            }
            State::Composed(state) => match Queue::of(variable.device()) {
                Some(queue) => {
                    let parameter = variable.as_tensor();
                    self.rule.launch(&step, &queue, parameter, gradient, state.of(index))
                }
                None => self
                    .rule
                    .compose(&step, &variable.as_detached_tensor(), gradient, state.of(index))
                    .and_then(|new| variable.set(&new)),
            },
        };
        outcome.map_err(|error| candlewick_core::Error::from(error).in_layer(&parameter.name))?;
        Ok(())
    }

    /// The state as named buffers, such as `first_moment/<parameter>`, in the order of the
    /// parameters, and as the last ones the number of steps of each: `steps/<parameter>`, one value,
    /// exact up to 2²⁴.
    ///
    /// # Errors
    /// If the state cannot be read from its device.
    pub fn state(&self, parameters: &Parameters) -> Result<Vec<(String, Vec<f32>)>> {
        let mut named = Vec::new();
        for (buffer, name) in self.rule.state_names().iter().enumerate() {
            for (index, parameter) in parameters.learned().enumerate() {
                let values = self.state.values(buffer, index)?;
                named.push((format!("{name}/{}", parameter.name), values));
            }
        }
        for (parameter, &steps) in parameters.learned().zip(&self.steps) {
            named.push((format!("{STEPS}/{}", parameter.name), vec![steps as f32]));
        }
        Ok(named)
    }

    /// Restores a saved [`state`](Self::state): `find` is asked for each buffer by its name and number
    /// of values.
    ///
    /// # Errors
    /// Those of `find`; the state is then partly replaced.
    pub fn restore(
        &mut self,
        parameters: &Parameters,
        mut find: impl FnMut(&str, usize) -> Result<Vec<f32>>,
    ) -> Result<()> {
        for (buffer, name) in self.rule.state_names().iter().enumerate() {
            for (index, parameter) in parameters.learned().enumerate() {
                let count = parameter.variable.elem_count();
                let values = find(&format!("{name}/{}", parameter.name), count)?;
                self.state.set(buffer, index, &values)?;
            }
        }
        for (parameter, steps) in parameters.learned().zip(&mut self.steps) {
            let values = find(&format!("{STEPS}/{}", parameter.name), 1)?;
            *steps = values.iter().map(|&count| count as u64).sum();
        }
        Ok(())
    }
}

/// The fused update of one parameter as an operation of candle.
struct Update<'a> {
    rule: &'a dyn UpdateRule,
    step: Step,
    /// candle hands out the operation by shared reference; it runs once.
    state: std::cell::RefCell<[&'a mut [f32]; 2]>,
}

impl InplaceOp2 for Update<'_> {
    fn name(&self) -> &'static str {
        "optimizer step"
    }

    fn cpu_fwd(
        &self,
        parameter: &mut CpuStorage,
        layout: &Layout,
        gradient: &CpuStorage,
        gradient_layout: &Layout,
    ) -> candle_core::Result<()> {
        let gradient = host::slice(gradient, gradient_layout)?;
        let (CpuStorage::F32(values), Some((start, end))) =
            (parameter, layout.contiguous_offsets())
        else {
            candle_core::bail!("an optimizer needs contiguous f32 parameters, got {layout:?}");
        };
        if gradient.len() != end - start {
            candle_core::bail!("gradient: expected {} values, got {}", end - start, gradient.len());
        }
        let [first, second] = &mut *self.state.borrow_mut();
        let parameter = &mut values[start..end];
        self.rule.update(&self.step, parameter, gradient, [first, second]);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
