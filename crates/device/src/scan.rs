//! The scan of neurons over time on devices.

use std::sync::Arc;

use candle_core::{Result, Tensor};
use candlewick_kernels::neuron::scan::{ActivityGradient, ForwardSums, Potentials};
use candlewick_kernels::neuron::traced::{
    DerivativeTrace, Mask, NeuronTrace, ScanProgram, ScanSettings,
};

use crate::{Adjusted, Argument, Counter, Doubles, Floats, Queue};

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
    pub values: &'a Arc<Floats>,
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
    /// What the gradients of normalizations need, if a summand is normalized.
    pub row_sums: Option<RowSums>,
}

/// Sums over rows of the gradient with respect to a current, and of its products with the summands less their
/// means: what the gradients of their normalizations need.
#[derive(Debug)]
pub struct RowSums {
    pub(crate) parts: Doubles,
    pub(crate) chunks: usize,
    /// The normalized summands.
    summands: [Option<Arc<Floats>>; SUMMANDS],
}

impl RowSums {
    /// The number of the kind of sums that has the products with x.
    pub(crate) fn kind(&self, x: &Arc<Floats>) -> Option<usize> {
        let is_x = |summand: &Option<Arc<Floats>>| {
            summand.as_ref().is_some_and(|summand| Arc::ptr_eq(summand, x))
        };
        self.summands.iter().position(is_x).map(|number| 1 + number)
    }
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

    /// The scan of the same neuron under another derivative, if its text is the same.
    pub fn with(
        &self,
        derivative: Option<&DerivativeTrace>,
        settings: ScanSettings,
    ) -> Option<Self> {
        let program = self.program.with(derivative, settings)?;
        let mask = derivative.and_then(|derivative| derivative.mask);
        Some(Self { program, mask, ..self.clone() })
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
        let mut arguments = scan.arguments(start);
        arguments.push(Argument::U32(span));
        arguments.push(Argument::Out(output.flat()));
        arguments.push(Argument::optional_out(state.as_ref().map(Floats::flat)));
        let counter = spikes.filter(|_| !scan.settings.measure);
        let shape = [scan.kinds(), chunks, channels];
        let parts = counter.is_none().then(|| self.doubles(shape.iter().product())).transpose()?;
        let onto = parts.as_ref().map(Doubles::flat).or(counter.map(|counter| &counter.parts));
        arguments.push(Argument::U32(u32::from(counter.is_some())));
        arguments.push(Argument::optional_out(onto));
        self.launch(scan.text(), "scan_forward", chunks * channels, &arguments)?;
        let mut sums = None;
        if let Some(parts) = parts {
            let found = self.doubles(scan.kinds() * channels)?;
            self.fold(&parts, shape, &found)?;
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
        let shape = [scan.scalars(), chunks, channels];
        let sums =
            (scan.scalars() > 0).then(|| self.doubles(shape.iter().product())).transpose()?;
        let row_sums = self.row_sums(start, once, chunks)?;
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
        arguments.push(Argument::optional_out(zeros.map(|zeros| &zeros.parts)));
        arguments.push(Argument::optional_out(sums.as_ref().map(Doubles::flat)));
        let of_rows = row_sums.as_ref().map(|sums| sums.parts.flat());
        arguments.push(Argument::optional_out(of_rows));
        self.launch(scan.text(), "scan_backward", chunks * channels, &arguments)?;
        let mut of_scalars = None;
        if let Some(parts) = sums {
            let sums = self.doubles(scan.scalars() * channels)?;
            self.fold(&parts, shape, &sums)?;
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
        Ok(ScanBackward { of_input, of_state, of_scalars, row_sums })
    }

    /// Room for the sums over rows, if a summand is normalized and all are given at as many steps.
    fn row_sums(&self, start: &Start<'_>, once: bool, chunks: usize) -> Result<Option<RowSums>> {
        let alike = start.currents.iter().all(|current| current.once == once);
        if !alike || start.currents.iter().all(|current| current.normalization.is_none()) {
            return Ok(None);
        }
        let parts = self.doubles((1 + SUMMANDS) * chunks * start.channels)?;
        let normalized =
            |current: &Current<'_>| current.normalization.map(|_| current.values.clone());
        let summands =
            std::array::from_fn(|number| start.currents.get(number).and_then(normalized));
        Ok(Some(RowSums { parts, chunks, summands }))
    }
}
