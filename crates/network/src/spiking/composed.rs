//! Neurons as candle operations, on any device.

use std::sync::Arc;

use candle_core::{D, DType, Tensor, Var};
use candlewick_core::Result;
use candlewick_device::Floats;
use candlewick_kernels::neuron::scan::ForwardSums;
use candlewick_neuron::{Potentials, Trace, composed, measure};
use candlewick_surrogate::Effective;

use super::currents::Summand;
use super::{NeuronBackward, Spiking};
use crate::pass::lock;
use crate::signal::Values;
use crate::{Array, Pass, Signal};

impl Spiking {
    pub(super) fn by_composition(
        &self,
        currents: &[Summand],
        pass: &Pass,
    ) -> Result<(Signal, Option<NeuronBackward>)> {
        let context = &pass.context;
        let (steps, batch) = (context.time_steps, currents[0].batch);
        let elements = steps * batch * self.features.count();
        let Effective { surrogate, parameter } = self.effective(context, elements)?;
        let mut sum = currents[0].tensor(self.features, pass)?;
        for current in &currents[1..] {
            sum = sum.broadcast_add(&current.tensor(self.features, pass)?)?;
        }
        let before = pass.states.as_ref().and_then(|states| lock(states).remove(&self.name));
        let mut dims = sum.dims().to_vec();
        dims[0] = self.model.states();
        let before = before.map(|state| state.reshape(dims)).transpose()?;
        let input = if pass.is_kept() { Var::from_tensor(&sum)?.into_inner() } else { sum };
        // The sub-graph of this layer ends at leaves of its own. A scalar may itself be a function of
        // a variable, such as a logarithm: the gradient of the leaf goes to the scalar's slot, and
        // candle continues from there.
        let leaf = |scalar: &Tensor| Var::from_tensor(&scalar.detach()).map(Var::into_inner);
        let scalars = self.parameters.iter().map(leaf).collect::<candle_core::Result<Vec<_>>>()?;
        let width = parameter.as_ref().map(leaf).transpose()?;
        let learned = if scalars.is_empty() { None } else { Some(Tensor::cat(&scalars, 0)?) };
        let trace = composed(
            &*self.model,
            &*surrogate,
            &input,
            steps,
            learned.as_ref(),
            width.as_ref(),
            before.as_ref(),
        )?;
        if let Some(states) = &pass.states {
            lock(states).insert(self.name.clone(), trace.state.detach());
        }
        let penalties = self.active_penalties(context);
        let sums = self.sums(&trace, &input)?;
        let activity =
            measure(penalties, self.penalty_scale(), sums, elements as u64, Some(&self.probe()));
        let features = self.features;
        let values = match pass.queue() {
            Some(_) => Values::Device(Arc::new(Floats::of(&trace.output)?)),
            None => Values::Tensor(trace.output.detach()),
        };
        let signal = Signal { time: steps, batch, features, values, support: None, gradient: true };
        if !pass.is_kept() {
            return Ok((signal, None));
        }
        let leaves = scalars.into_iter().chain(width);
        let slots: Vec<_> = leaves
            .zip(self.parameters.iter().chain(&parameter))
            .filter_map(|(leaf, scalar)| Some((pass.learn(scalar)?, leaf)))
            .collect();
        let (probe, fires, pass) = (self.probe(), self.model.fires(), pass.clone());
        let backward: NeuronBackward = Box::new(move |gradient, found| {
            let Trace { output, potentials, distances, .. } = trace;
            let mut loss =
                (&output * gradient.tensor(output.dims(), output.device())?)?.sum_all()?;
            // Terms that have the gradients of the penalties.
            let mut add = |factor: f32, term: Tensor| -> Result<()> {
                if factor != 0.0 {
                    loss = (&loss + (term.sum_all()? * f64::from(factor))?)?;
                }
                Ok(())
            };
            add(activity.constant, potentials.clone())?;
            add(0.5 * activity.linear, potentials.sqr()?)?;
            if fires {
                add(activity.spike, output.clone())?;
                add(0.5 * activity.error, (&potentials - &output)?.sqr()?)?;
            }
            let mut store = loss.backward()?;
            let mut zeros = 0.0;
            if let Some(distances) = distances {
                let derivative = surrogate.derivative_tensor(0, &distances.detach())?;
                zeros = total(&derivative.eq(0.0)?.to_dtype(DType::F32)?)?;
            }
            probe.went_back(elements as u64, zeros as u64);
            for (slot, leaf) in slots {
                if let Some(gradient) = store.remove(&leaf) {
                    found.add(slot, gradient.detach())?;
                }
            }
            match store.remove(&input) {
                Some(gradient) => Array::of(&gradient.detach(), &pass),
                None => Array::of(&input.zeros_like()?, &pass),
            }
        });
        Ok((signal, Some(backward)))
    }

    /// The sums that the fused scan of the CPU forms.
    fn sums(&self, trace: &Trace, input: &Tensor) -> Result<ForwardSums> {
        let moments = |x: &Tensor, repeats: usize| -> Result<Potentials> {
            let (x, repeated) = (x.detach(), repeats as f64);
            Ok(Potentials {
                count: (x.elem_count() * repeats) as u64,
                sum: repeated * total(&x)?,
                sum_of_squares: repeated * total(&x.sqr()?)?,
            })
        };
        let output = trace.output.detach();
        let fires = self.model.fires();
        Ok(ForwardSums {
            spikes: if fires { total(&output)? as u64 } else { 0 },
            potentials: moments(&trace.potentials, 1)?,
            currents: moments(input, output.dim(0)? / input.dim(0)?)?,
            products: total(&(trace.potentials.detach() * output)?)?,
        })
    }
}

/// The sum of all values, whose parts along the last axis are exact for spikes.
fn total(x: &Tensor) -> Result<f64> {
    Ok(x.sum(D::Minus1)?.to_dtype(DType::F64)?.sum_all()?.to_scalar()?)
}
