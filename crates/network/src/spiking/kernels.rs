//! Neurons by the fused scan of the CPU.

use std::sync::Arc;

use candle_core::{Device, Tensor};
use candlewick_core::{Result, host};
use candlewick_kernels::neuron::current::Source;
use candlewick_kernels::neuron::scan::{self, Derivative};
use candlewick_kernels::spikes::Spikes;
use candlewick_neuron::{measure, needs};
use candlewick_surrogate::{Effective, Surrogate};

use super::currents::{Read, Summand};
use super::{NeuronBackward, Spiking};
use crate::pass::lock;
use crate::signal::Values;
use crate::{Array, Pass, Signal};

impl Spiking {
    pub(super) fn by_kernels(
        &self,
        currents: Vec<Summand>,
        pass: &Pass,
    ) -> Result<(Signal, Option<NeuronBackward>)> {
        let context = &pass.context;
        let (steps, batch) = (context.time_steps, currents[0].batch);
        let neurons = batch * self.features.count();
        let Effective { surrogate, parameter } = self.effective(context, steps * neurons)?;
        let learned = self.learned()?;
        let penalties = self.active_penalties(context);
        let before = pass.states.as_ref().and_then(|states| lock(states).remove(&self.name));
        let before = before.as_ref().map(host::values).transpose()?;
        let states = self.model.states();
        let mut after = pass.states.as_ref().map(|_| vec![0.0; states * neurons]);
        let read = currents.iter().map(Summand::read).collect::<Result<Vec<_>>>()?;
        let sources: Vec<Source<'_>> = read.iter().map(Read::source).collect();
        let mut forward = |output: scan::Output<'_>| {
            self.model.forward(scan::Forward {
                steps,
                input: &sources,
                state: before.as_deref(),
                parameters: &learned,
                output,
                final_state: after.as_deref_mut(),
                potentials: None,
                measure: needs(penalties),
            })
        };
        let channels = self.features.channels();
        let shape = [steps, neurons / channels, channels];
        let mut support = None;
        let (values, sums) = if self.model.fires() && Spikes::is_seamless(channels) {
            let derivative: &dyn Surrogate = &*surrogate;
            let (spikes, sums) = if pass.is_kept() && derivative.support().is_some() {
                let (spikes, (marks, sums)) = Spikes::recorded(shape, |spikes| {
                    Spikes::recorded(shape, |marks| {
                        let support: Option<(&dyn Derivative, _)> = Some((&derivative, marks));
                        forward(scan::Output::Bits { neurons, spikes, support })
                    })
                });
                support = Some(Arc::new(marks));
                (spikes, sums)
            } else {
                Spikes::recorded(shape, |spikes| {
                    forward(scan::Output::Bits { neurons, spikes, support: None })
                })
            };
            (Values::Spikes(Arc::new(spikes)), sums)
        } else {
            let mut output = pass.take(steps * neurons);
            let sums = forward(scan::Output::Values(&mut output));
            match self.model.fires().then(|| Spikes::binary(shape, &output)) {
                Some(Ok(spikes)) => (Values::Spikes(Arc::new(spikes)), sums),
                _ => (Values::Dense(Arc::new(output)), sums),
            }
        };
        drop(sources);
        drop(read);
        currents.iter().for_each(Summand::let_go);
        if let (Some(all), Some(after)) = (&pass.states, after) {
            let after = Tensor::from_vec(after, (states, neurons), &Device::Cpu)?;
            lock(all).insert(self.name.clone(), after);
        }
        let elements = (steps * neurons) as u64;
        let activity =
            measure(penalties, self.penalty_scale(), sums, elements, Some(&self.probe()));
        let features = self.features;
        let signal = Signal { time: steps, batch, features, values, support, gradient: true };
        if !pass.is_kept() {
            return Ok((signal, None));
        }
        let slots: Vec<_> = self.parameters.iter().map(|scalar| pass.learn(scalar)).collect();
        let width = parameter.as_ref().and_then(|width| pass.learn(width));
        let (model, probe, pool) = (self.model.clone(), self.probe(), pass.pool.clone());
        let backward: NeuronBackward = Box::new(move |gradient, found| {
            let mut gradient = gradient.into_host(&pool)?;
            let derivative: &dyn Surrogate = &*surrogate;
            let read = currents.iter().map(Summand::read).collect::<Result<Vec<_>>>()?;
            let sources: Vec<Source<'_>> = read.iter().map(Read::source).collect();
            let sums = model.backward(scan::Backward {
                steps,
                input: &sources,
                state: None,
                parameters: &learned,
                gradient: &mut gradient,
                grad_final_state: None,
                derivative: &derivative,
                surrogate_gradient: width.is_some(),
                activity,
                grad_state: None,
            });
            if currents.iter().all(|current| current.time == 1) {
                gradient.truncate(neurons);
            }
            probe.went_back(elements, sums.zero_derivatives);
            let scalars = slots.into_iter().zip(sums.parameters);
            for (slot, value) in scalars.chain([(width, sums.surrogate as f32)]) {
                if let Some(slot) = slot {
                    found.add(slot, Tensor::new(&[value], &Device::Cpu)?)?;
                }
            }
            Ok(Array::Host(gradient))
        });
        Ok((signal, Some(backward)))
    }
}
