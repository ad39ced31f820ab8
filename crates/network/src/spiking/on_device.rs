//! Neurons by the scan of a device.

use std::sync::{Arc, Once};

use candle_core::Tensor;
use candlewick_core::Result;
use candlewick_device::{Adjusted, Counter, Current, Floats, Queue, Scan, Start};
use candlewick_kernels::neuron::scan::ForwardSums;
use candlewick_kernels::neuron::traced::{DerivativeTrace, ScanSettings};
use candlewick_neuron::{Measure, measure, needs};
use candlewick_surrogate::Effective;

use super::currents::Summand;
use super::{NeuronBackward, Spiking};
use crate::pass::lock;
use crate::signal::Values;
use crate::{Array, OnDevice, Pass, Signal};

/// The counters of a layer on a device, until the host reads them.
#[derive(Clone, Debug)]
pub(crate) struct Unread {
    pub(crate) queue: Queue,
    pub(crate) spikes: Counter,
    pub(crate) zero_derivatives: Counter,
}

/// A summand of the current as the scan takes it.
struct Read {
    values: Arc<Floats>,
    normalization: Option<Arc<Adjusted>>,
    once: bool,
}

/// The summands as arrays that are in memory from now on; the scan takes two.
fn read(currents: &[Summand], neurons: usize, queue: &Queue) -> Result<Vec<Read>> {
    let one = |current: &Summand| -> Result<Read> {
        let (values, normalization) = current.on_its_device()?;
        Ok(Read { values, normalization, once: current.time == 1 })
    };
    let mut all = currents.iter().map(one).collect::<Result<Vec<_>>>()?;
    while all.len() > 2 {
        let (Some(last), Some(before)) = (all.pop(), all.pop()) else { break };
        let [longer, shorter] = if last.once { [before, last] } else { [last, before] };
        let plain = |read: Read| -> Result<Floats> {
            Ok(match read.normalization {
                Some(adjusted) => queue.normalize(&read.values, &adjusted)?,
                None => queue.unique(read.values)?,
            })
        };
        let once = longer.values.len() == neurons;
        let sum = plain(longer)?;
        queue.add(&sum, &plain(shorter)?)?;
        all.push(Read { values: Arc::new(sum), normalization: None, once });
    }
    Ok(all)
}

fn summands(read: &[Read]) -> Vec<Current<'_>> {
    read.iter()
        .map(|read| Current {
            values: &read.values,
            normalization: read.normalization.as_deref(),
            once: read.once,
        })
        .collect()
}

impl Spiking {
    /// Runs the neurons by the kernels of the device, or as candle operations if their surrogate cannot be written
    /// down.
    pub(super) fn by_device(
        &self,
        currents: Vec<Summand>,
        queue: &Queue,
        pass: &Pass,
    ) -> Result<(Signal, Option<NeuronBackward>)> {
        let context = &pass.context;
        let (steps, batch) = (context.time_steps, currents[0].batch);
        let neurons = batch * self.features.count();
        let Effective { surrogate, parameter } = self.effective(context, steps * neurons)?;
        let derivative = surrogate.trace();
        if self.model.fires() && derivative.is_none() {
            static ONCE: Once = Once::new();
            ONCE.call_once(|| {
                tracing::info!(
                    ?surrogate,
                    "no kernel for this surrogate: composing candle operations"
                );
            });
            return self.by_composition(&currents, pass);
        }
        let penalties = self.active_penalties(context);
        let width = parameter.as_ref().and_then(|width| pass.learn(width));
        let settings = ScanSettings {
            steps,
            measure: needs(penalties) != Measure::default(),
            learns: width.is_some() && self.model.fires(),
        };
        let scan = self.scan(derivative.as_ref(), settings);
        let learned = match &self.parameters[..] {
            [] => None,
            scalars => {
                let scalars: Vec<Tensor> = scalars.iter().map(Tensor::detach).collect();
                Some(Tensor::cat(&scalars, 0)?.contiguous()?)
            }
        };
        let before = pass.states.as_ref().and_then(|states| lock(states).remove(&self.name));
        let before = before.map(|state| state.flatten_all()?.contiguous()).transpose()?;
        let channels = self.features.channels();
        let rows = neurons / channels;
        let start = |currents| Start {
            currents,
            learned: learned.as_ref(),
            state: before.as_ref(),
            rows,
            channels,
        };
        let elements = (steps * neurons) as u64;
        // Without penalties nobody needs the counts before the end of the step.
        let unread = self.counters(queue)?;
        let counter = penalties.is_empty().then_some(&unread.spikes);
        let forward = {
            let read = read(&currents, neurons, queue)?;
            let (summands, keep) = (summands(&read), pass.states.is_some());
            queue.scan_forward(&scan, &start(&summands), keep, counter)?
        };
        currents.iter().for_each(Summand::let_go);
        if let (Some(all), Some(after)) = (&pass.states, &forward.state) {
            let after = after.tensor(&[scan.states(), neurons])?;
            lock(all).insert(self.name.clone(), after);
        }
        let sums = match &forward.sums {
            Some(sums) => scan.sums(&queue.read(&[sums.flat()])?, steps * neurons),
            None => ForwardSums::default(),
        };
        let activity =
            measure(penalties, self.penalty_scale(), sums, elements, Some(&self.probe()));
        let values = Values::Device(Arc::new(forward.output));
        let features = self.features;
        let signal = Signal { time: steps, batch, features, values, support: None, gradient: true };
        if !pass.is_kept() {
            return Ok((signal, None));
        }
        let slots: Vec<_> = self.parameters.iter().map(|scalar| pass.learn(scalar)).collect();
        let (probe, queue) = (self.probe(), queue.clone());
        let zeros = unread.zero_derivatives;
        let backward: NeuronBackward = Box::new(move |gradient, found| {
            let gradient = gradient.into_device()?;
            let read = read(&currents, neurons, &queue)?;
            let currents = summands(&read);
            let start = Start {
                currents: &currents,
                learned: learned.as_ref(),
                state: None,
                rows,
                channels,
            };
            let back =
                queue.scan_backward(&scan, &start, activity, &gradient, None, Some(&zeros))?;
            probe.went_back(elements, 0);
            if let Some(of_scalars) = back.of_scalars {
                let of_scalars = of_scalars.tensor(&[of_scalars.len()])?;
                for (index, slot) in slots.into_iter().chain([width]).enumerate() {
                    if let Some(slot) = slot {
                        found.add(slot, of_scalars.narrow(0, index, 1)?)?;
                    }
                }
            }
            let sums = back.row_sums.map(Arc::new);
            Ok(Array::Device(OnDevice { sums, ..OnDevice::new(back.of_input, queue) }))
        });
        Ok((signal, Some(backward)))
    }

    /// The scan under a derivative, whose text is written once.
    fn scan(&self, derivative: Option<&DerivativeTrace>, settings: ScanSettings) -> Scan {
        let mut known = lock(&self.scan);
        let same = known.as_ref().and_then(|known| known.with(derivative, settings));
        let scan = same.unwrap_or_else(|| Scan::new(&self.model.trace(), derivative, settings));
        known.insert(scan).clone()
    }

    /// The counters on the device.
    fn counters(&self, queue: &Queue) -> Result<Unread> {
        let mut unread = lock(&self.unread);
        if unread.is_none() {
            let channels = self.features.channels();
            let [spikes, zero_derivatives] = [queue.counter(channels)?, queue.counter(channels)?];
            *unread = Some(Unread { queue: queue.clone(), spikes, zero_derivatives });
        }
        Ok(unread.clone().expect("made above"))
    }

    /// The counters on a device, if there are any.
    pub(crate) fn unread(&self) -> Option<Unread> {
        lock(&self.unread).clone()
    }

    /// Adds what was read of a device's counters.
    pub(crate) fn was_read(&self, spikes: f64, zero_derivatives: f64) {
        self.probe().counted_later(spikes as u64, zero_derivatives as u64);
    }
}
