//! Neurons and surrogate derivatives as recorded functions, and the text of their scan for devices.

use std::array;
use std::fmt::Write;
use std::sync::Arc;

use super::{Neuron, derived};
use crate::cuda::PRELUDE;
use crate::random::bernoulli::Bernoulli;
use crate::trace::{Function, Traced};

/// The functions of a neuron, and those of its derivatives.
#[derive(Clone, Debug, PartialEq)]
pub struct NeuronTrace {
    states: usize,
    parameters: usize,
    fires: bool,
    inclusive: bool,
    detach_reset: bool,
    initial_state: Vec<f32>,
    /// By the names that the scan calls them.
    functions: Vec<(&'static str, Function)>,
}

impl NeuronTrace {
    /// Number of state variables S.
    pub fn states(&self) -> usize {
        self.states
    }

    /// Number of learnable scalars P.
    pub fn parameters(&self) -> usize {
        self.parameters
    }

    /// Whether the neuron fires.
    pub fn fires(&self) -> bool {
        self.fires
    }
}

fn take<const N: usize>(values: &[Traced], start: usize) -> [Traced; N] {
    array::from_fn(|i| values[start + i])
}

impl NeuronTrace {
    pub(super) fn new<N: Neuron<S, P>, const S: usize, const P: usize>(neuron: &N) -> Self {
        let charge = |v: &[Traced]| neuron.charge(&take::<P>(v, 0), take(v, P), v[P + S]).to_vec();
        let charge_backward = |v: &[Traced]| {
            let (at, from) = (take::<P>(v, 0), take::<S>(v, P));
            let found = derived::charge(neuron, &at, &from, &v[P + S], &take(v, P + S + 1));
            [&found.state[..], &[found.input], &found.parameters].concat()
        };
        let distance = |v: &[Traced]| vec![neuron.distance(&take::<P>(v, 0), take(v, P))];
        let distance_backward = |v: &[Traced]| {
            let found = derived::distance(neuron, &take::<P>(v, 0), &take(v, P), &v[P + S]);
            [&found.state[..], &found.parameters].concat()
        };
        let reset = |v: &[Traced]| neuron.reset(&take::<P>(v, 0), take(v, P), v[P + S]).to_vec();
        let reset_backward = |v: &[Traced]| {
            let (at, from) = (take::<P>(v, 0), take::<S>(v, P));
            let found = derived::reset(neuron, &at, &from, &v[P + S], &take(v, P + S + 1));
            [&found.state[..], &[found.spike], &found.parameters].concat()
        };
        let effective = |v: &[Traced]| neuron.effective(take::<P>(v, 0)).to_vec();
        let effective_backward =
            |v: &[Traced]| derived::effective(neuron, &take::<P>(v, 0), &take(v, P)).to_vec();
        let firing = neuron.firing();
        Self {
            states: S,
            parameters: P,
            fires: neuron.fires(),
            inclusive: firing.inclusive(),
            detach_reset: firing.detach_reset,
            initial_state: neuron.initial_state().to_vec(),
            functions: vec![
                ("charge", Function::record(P + S + 1, charge)),
                ("charge_backward", Function::record(P + 2 * S + 1, charge_backward)),
                ("distance", Function::record(P + S, distance)),
                ("distance_backward", Function::record(P + S + 1, distance_backward)),
                ("reset", Function::record(P + S + 1, reset)),
                ("reset_backward", Function::record(P + 2 * S + 1, reset_backward)),
                ("effective", Function::record(P, effective)),
                ("effective_backward", Function::record(2 * P, effective_backward)),
            ],
        }
    }
}

/// The stand-in for the derivative of the spike.
#[derive(Clone, Debug)]
pub struct DerivativeTrace {
    /// From the distance to the derivative.
    pub derivative: Function,
    /// From the distance to the derivative with respect to the surrogate's parameter.
    pub parameter_derivative: Function,
    /// What sets derivatives to 0.
    pub mask: Option<Mask>,
}

/// Sets derivatives to 0 at random elements of a layer's `[T, N]` array, and multiplies the others.
#[derive(Clone, Copy, Debug)]
pub struct Mask {
    /// The elements.
    pub masked: Bernoulli,
    /// The factor of the others.
    pub scale: f32,
}

/// What a scan for devices depends on beside the neuron and the derivative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanSettings {
    /// Number of time steps T, at least 1.
    pub steps: usize,
    /// Whether potentials and currents are summed up.
    pub measure: bool,
    /// Whether the surrogate's parameter learns.
    pub learns: bool,
}

/// The scan of a neuron under a surrogate as a text for devices, with the constants that it takes.
///
/// ```
/// use candlewick_kernels::neuron::scan::{Fused, Scan};
/// # use candlewick_kernels::neuron::{Firing, Neuron};
/// # use candlewick_kernels::real::Real;
/// use candlewick_kernels::neuron::traced::{ScanProgram, ScanSettings};
/// # #[derive(Clone, Copy, Debug)]
/// # struct Integrator(Firing);
/// # impl Neuron<1, 0> for Integrator {
/// #     fn firing(&self) -> &Firing { &self.0 }
/// #     fn charge<V: Real>(&self, _: &[V; 0], [v]: [V; 1], x: V) -> [V; 1] { [v + x] }
/// # }
///
/// let neuron = |v_threshold| Fused(Integrator(Firing { v_threshold, ..Firing::default() })).trace();
/// let settings = ScanSettings { steps: 4, measure: false, learns: false };
/// let [one, other] = [1.0, 2.0].map(|v| ScanProgram::new(&neuron(v), None, settings));
/// assert_eq!(one.text, other.text);
/// assert_ne!(one.constants, other.constants);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ScanProgram {
    /// The text, with the kernels `scan_forward`, `scan_backward` and `scan_scalars`; it depends on the structure
    /// of the equations, not on the constants in them.
    pub text: Arc<str>,
    /// The constants: those of the neuron, then those of the derivatives.
    pub constants: Vec<f32>,
    /// How many constants are those of the neuron.
    own: usize,
    slope: Function,
    by_parameter: Function,
    masked: bool,
    settings: ScanSettings,
}

fn is_masked(derivative: Option<&DerivativeTrace>) -> bool {
    derivative.is_some_and(|derivative| derivative.mask.is_some())
}

/// The two derivatives; any function where there is none.
fn derivatives(derivative: Option<&DerivativeTrace>) -> [Function; 2] {
    match derivative {
        Some(found) => [found.derivative.clone(), found.parameter_derivative.clone()],
        None => [Function::record(1, |x| vec![x[0]]), Function::record(1, |x| vec![x[0]])],
    }
}

impl ScanProgram {
    /// Writes the text; a neuron that does not fire needs no derivative.
    pub fn new(
        neuron: &NeuronTrace,
        derivative: Option<&DerivativeTrace>,
        settings: ScanSettings,
    ) -> Self {
        let mut constants = neuron.initial_state.clone();
        let mut text = PRELUDE.to_owned();
        let mut define = |name: &str, value: String| {
            writeln!(text, "#define {name} {value}").expect("a string");
        };
        let truth = |value: bool| u8::from(value).to_string();
        define("STEPS", settings.steps.to_string());
        define("STATES", neuron.states.to_string());
        define("PARAMETERS", neuron.parameters.to_string());
        define("FIRES", truth(neuron.fires));
        define("INCLUSIVE", truth(neuron.inclusive));
        define("THROUGH_RESET", if neuron.detach_reset { "0.0f" } else { "1.0f" }.to_owned());
        define("MEASURE", truth(settings.measure));
        define("LEARNS", truth(settings.learns));
        let masked = is_masked(derivative);
        define("MASKED", truth(masked));
        define("K_INITIAL", "0".to_owned());
        let [slope, by_parameter] = derivatives(derivative);
        let own = neuron.functions.iter().map(|(name, function)| (*name, function));
        let functions =
            || own.clone().chain([("derivative", &slope), ("parameter_derivative", &by_parameter)]);
        for (name, function) in functions() {
            define(&format!("K_{}", name.to_uppercase()), constants.len().to_string());
            constants.extend(function.constants());
        }
        let own_constants =
            constants.len() - slope.constants().len() - by_parameter.constants().len();
        define("CONSTANTS", constants.len().to_string());
        for (name, function) in functions() {
            text += &function.print(name);
        }
        text += include_str!("scan.cu");
        Self {
            text: text.into(),
            constants,
            own: own_constants,
            slope,
            by_parameter,
            masked,
            settings,
        }
    }

    /// The same text with the constants of another derivative; `None` if its structure, or a setting, is
    /// another.
    pub fn with(
        &self,
        derivative: Option<&DerivativeTrace>,
        settings: ScanSettings,
    ) -> Option<Self> {
        let [slope, by_parameter] = derivatives(derivative);
        let alike = self.settings == settings
            && self.masked == is_masked(derivative)
            && self.slope.is_like(&slope)
            && self.by_parameter.is_like(&by_parameter);
        if !alike {
            return None;
        }
        let parts = [&self.constants[..self.own], slope.constants(), by_parameter.constants()];
        Some(Self { constants: parts.concat(), slope, by_parameter, ..self.clone() })
    }
}
