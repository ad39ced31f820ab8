//! The scan of neurons over time on devices.

use candle_core::{Result, Tensor};
use candlewick_kernels::neuron::scan::{ActivityGradient, ForwardSums, Potentials};
use candlewick_kernels::neuron::traced::{
    DerivativeTrace, Mask, NeuronTrace, ScanProgram, ScanSettings,
};

use crate::{Adjusted, Argument, Doubles, Floats, Queue};

/// A neuron under a surrogate, as a text for devices.
#[derive(Clone, Debug)]
pub struct Scan {
    program: ScanProgram,
    settings: ScanSettings,
    mask: Option<Mask>,
    states: usize,
    parameters: usize,
    fires: bool,
}

/// A summand of the input current, `[T, rows, channels]` or `[1, rows, channels]`.
#[derive(Clone, Copy, Debug)]
pub struct Current<'a> {
    /// The values.
    pub values: &'a Floats,
    /// What normalizes them.
    pub normalization: Option<&'a Adjusted>,
    /// Whether they are the same at every step.
    pub once: bool,
}

/// What a scan starts from.
#[derive(Clone, Copy, Debug)]
pub struct Start<'a> {
    /// The summands of the current.
    pub currents: &'a [Current<'a>],
    /// The learned scalars `[P]`, if there are any.
    pub learned: Option<&'a Tensor>,
    /// State before the first step `[S, rows, channels]`; the neuron's initial state if absent.
    pub state: Option<&'a Tensor>,
    /// Samples and pixels.
    pub rows: usize,
    /// Channels, the last axis.
    pub channels: usize,
}

/// What a forward scan gives.
#[derive(Debug)]
pub struct ScanForward {
    /// Spikes or potentials `[T, rows, channels]`.
    pub output: Floats,
    /// State after the last step `[S, rows, channels]`, if it was asked for.
    pub state: Option<Floats>,
    /// Sums per channel, `[kinds, channels]`, unless they were counted elsewhere.
    pub sums: Option<Doubles>,
}

/// What a backward scan gives.
#[derive(Debug)]
pub struct ScanBackward {
    /// The gradient with respect to the current: `[T, rows, channels]`, or summed over time if each summand is the
    /// same at every step.
    pub of_input: Floats,
    /// The gradient with respect to the state before the first step, if it was asked for.
    pub of_state: Option<Floats>,
    /// The gradients with respect to the learned scalars and, where it learns, to the surrogate's parameter.
    pub of_scalars: Option<Floats>,
}

/// Where counts per channel go: `[channels]` of `f64`, to which they are added if there are some already.
#[derive(Clone, Debug)]
pub struct Counter {
    /// The counts.
    pub onto: Tensor,
    /// Whether there are some.
    pub add: bool,
}

/// Most summands of a current that are added up inside of the scan.
const SUMMANDS: usize = 2;

impl Scan {
    /// The scan of a neuron, which needs a derivative if it fires.
    pub fn new(
        neuron: &NeuronTrace,
        derivative: Option<&DerivativeTrace>,
        settings: ScanSettings,
    ) -> Self {
        Self {
            program: ScanProgram::new(neuron, derivative, settings),
            settings,
            mask: derivative.and_then(|derivative| derivative.mask),
            states: neuron.states(),
            parameters: neuron.parameters(),
            fires: neuron.fires(),
        }
    }

    /// The text that is compiled.
    pub fn text(&self) -> &str {
        &self.program.text
    }

    /// Number of state variables S.
    pub fn states(&self) -> usize {
        self.states
    }

    /// The sums of a layer of so many elements T·B·N, from those per channel.
    pub fn sums(&self, per_channel: &[f64], elements: usize) -> ForwardSums {
        let channels = per_channel.len() / self.kinds();
        let kind = |kind: usize| per_channel[kind * channels..][..channels].iter().sum::<f64>();
        let spikes = if self.fires { kind(0) as u64 } else { 0 };
        if !self.settings.measure {
            return ForwardSums { spikes, ..ForwardSums::default() };
        }
        let moments = |first: usize| Potentials {
            count: elements as u64,
            sum: kind(first),
            sum_of_squares: kind(first + 1),
        };
        let (potentials, currents) = (moments(1), moments(3));
        ForwardSums { spikes, potentials, currents, products: kind(5) }
    }

    /// Kinds of sums of the forward scan.
    fn kinds(&self) -> usize {
        if self.settings.measure { 6 } else { 1 }
    }

    /// Scalars that learn: those of the neuron, and the surrogate's parameter.
    fn scalars(&self) -> usize {
        self.parameters + usize::from(self.settings.learns)
    }

    /// The arguments that both kernels start with.
    fn arguments<'a>(&self, start: &Start<'a>) -> Vec<Argument<'a>> {
        let neurons = start.rows * start.channels;
        let mut arguments = Vec::new();
        for summand in 0..SUMMANDS {
            let Some(current) = start.currents.get(summand) else {
                arguments.extend(vec![Argument::Null; 4]);
                arguments.push(Argument::U64(0));
                continue;
            };
            arguments.push(Argument::In(current.values.flat(), 0));
            match current.normalization {
                None => arguments.extend(vec![Argument::Null; 3]),
                Some(adjusted) => {
                    let all = [&adjusted.mean, &adjusted.scale, &adjusted.shift];
                    arguments.extend(all.map(|values| Argument::In(values.flat(), 0)));
                }
            }
            arguments.push(Argument::U64(if current.once { 0 } else { neurons as u64 }));
        }
        arguments.push(Argument::optional(start.learned));
        arguments.push(Argument::optional(start.state));
        arguments.push(Argument::numbers(&self.program.constants));
        arguments.push(Argument::U32(start.rows as u32));
        arguments.push(Argument::U32(start.channels as u32));
        arguments
    }
}

fn check(start: &Start<'_>) -> Result<()> {
    if start.currents.is_empty() || start.currents.len() > SUMMANDS {
        candle_core::bail!("a current of {} summands", start.currents.len());
    }
    Ok(())
}

impl Queue {
    /// Runs the neurons over all time steps. The spikes are counted by `spikes`, if the scan measures nothing else
    /// and it is given.
    ///
    /// # Errors
    /// If a launch fails.
    pub fn scan_forward(
        &self,
        scan: &Scan,
        start: &Start<'_>,
        keep_state: bool,
        spikes: Option<&Counter>,
    ) -> Result<ScanForward> {
        check(start)?;
        let Start { rows, channels, .. } = *start;
        let (span, chunks) = Self::parts(rows);
        let neurons = rows * channels;
        let output = self.floats(scan.settings.steps * neurons)?;
        let state = keep_state.then(|| self.floats(scan.states * neurons)).transpose()?;
        let parts = self.doubles(scan.kinds() * chunks * channels)?;
        let mut arguments = scan.arguments(start);
        arguments.push(Argument::U32(span));
        arguments.push(Argument::Out(output.flat()));
        arguments.push(Argument::optional_out(state.as_ref().map(Floats::flat)));
        arguments.push(Argument::Out(parts.flat()));
        self.launch(scan.text(), "scan_forward", chunks * channels, &arguments)?;
        let shape = [scan.kinds(), chunks, channels];
        let mut sums = None;
        if let Some(Counter { onto, add }) = spikes.filter(|_| !scan.settings.measure) {
            self.fold(&parts, 0, shape, *add, onto)?;
        } else {
            let found = self.doubles(scan.kinds() * channels)?;
            self.fold(&parts, 0, shape, false, found.flat())?;
            sums = Some(found);
        }
        Ok(ScanForward { output, state, sums })
    }

    /// Walks back through all time steps, from the gradient with respect to the output and, where it is given,
    /// that with respect to the state after the last step. Derivatives that are 0 are counted by `zeros`.
    ///
    /// # Errors
    /// If a launch fails.
    pub fn scan_backward(
        &self,
        scan: &Scan,
        start: &Start<'_>,
        activity: ActivityGradient,
        gradient: &Floats,
        of_final_state: Option<&Tensor>,
        zeros: Option<&Counter>,
    ) -> Result<ScanBackward> {
        check(start)?;
        let Start { rows, channels, .. } = *start;
        let (span, chunks) = Self::parts(rows);
        let neurons = rows * channels;
        let once = start.currents.iter().all(|current| current.once) && scan.settings.steps > 1;
        let of_input = self.floats(if once { neurons } else { scan.settings.steps * neurons })?;
        let of_state = start.state.map(|_| self.floats(scan.states * neurons)).transpose()?;
        let kinds = 1 + scan.scalars();
        let parts = self.doubles(kinds * chunks * channels)?;
        let mut arguments = scan.arguments(start);
        arguments.push(Argument::U32(span));
        let (words, scale) = match scan.mask {
            Some(mask) => (mask.masked.words(), mask.scale),
            None => ([0; 4], 1.0),
        };
        arguments.extend(words.map(Argument::U32));
        let ActivityGradient { constant, linear, spike, error } = activity;
        arguments.extend([scale, constant, linear, spike, error].map(Argument::F32));
        arguments.push(Argument::In(gradient.flat(), 0));
        arguments.push(Argument::optional(of_final_state));
        arguments.push(Argument::Out(of_input.flat()));
        arguments.push(Argument::U64(if once { 0 } else { neurons as u64 }));
        arguments.push(Argument::optional_out(of_state.as_ref().map(Floats::flat)));
        arguments.push(Argument::Out(parts.flat()));
        self.launch(scan.text(), "scan_backward", chunks * channels, &arguments)?;
        if let Some(Counter { onto, add }) = zeros {
            self.fold(&parts, 0, [1, chunks, channels], *add, onto)?;
        }
        let mut of_scalars = None;
        if scan.scalars() > 0 {
            let sums = self.doubles(scan.scalars() * channels)?;
            let shape = [scan.scalars(), chunks, channels];
            self.fold(&parts, chunks * channels, shape, false, sums.flat())?;
            let out = self.floats(scan.scalars())?;
            let arguments = [
                Argument::In(sums.flat(), 0),
                Argument::U32(channels as u32),
                Argument::optional(start.learned),
                Argument::numbers(&scan.program.constants),
                Argument::Out(out.flat()),
            ];
            self.launch(scan.text(), "scan_scalars", 1, &arguments)?;
            of_scalars = Some(out);
        }
        Ok(ScanBackward { of_input, of_state, of_scalars })
    }
}
