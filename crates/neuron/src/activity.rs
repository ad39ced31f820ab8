//! The activity of a layer of neurons as a whole: counts, and terms of the loss that depend on them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use candlewick_kernels::neuron::scan::{ActivityGradient, ForwardSums, Measure, Potentials};

/// A term of the loss that depends on a layer's activity as a whole.
pub trait ActivityPenalty: std::fmt::Debug + Send + Sync {
    /// Which sums of [`Activity`] it needs beside the spikes.
    fn needs(&self) -> Measure {
        Measure::default()
    }

    /// The term's value and its gradient.
    fn penalty(&self, activity: &Activity) -> (f64, ActivityGradient);
}

/// The activity of a layer in one pass.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Activity {
    /// Number of spikes.
    pub spikes: u64,
    /// Number of elements T·B·N that could have spiked.
    pub elements: u64,
    /// Sums over the pre-reset potentials, if they were measured.
    pub potentials: Potentials,
    /// Sums over the input currents, if they were measured.
    pub currents: Potentials,
    /// Sum of pre-reset potential times spike, if it was measured.
    pub products: f64,
}

/// Which sums any of the penalties needs.
pub fn needs(penalties: &[Arc<dyn ActivityPenalty>]) -> Measure {
    penalties.iter().fold(Measure::default(), |all, penalty| all.or(penalty.needs()))
}

/// Counts the activity inside the operation, over any number of calls.
#[derive(Debug, Default)]
pub struct Probe {
    spikes: AtomicU64,
    forward_elements: AtomicU64,
    zero_derivatives: AtomicU64,
    backward_elements: AtomicU64,
    potentials: Mutex<Potentials>,
    penalty: Mutex<f64>,
}

/// The sums of a [`Probe`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counts {
    /// Number of spikes.
    pub spikes: u64,
    /// Number of elements T·B·N that could have spiked.
    pub elements: u64,
    /// Number of elements whose surrogate derivative was 0 in a backward pass.
    pub zero_derivatives: u64,
    /// Number of elements that a backward pass visited.
    pub backward_elements: u64,
    /// Sums over pre-reset potentials, where they were measured.
    pub potentials: Potentials,
    /// Sum of the potential penalty over the calls.
    pub penalty: f64,
}

/// The value behind a mutex; a panic elsewhere leaves sums that are still valid.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Probe {
    /// Counts a forward pass.
    fn went_forward(&self, activity: &Activity, penalty: f64) {
        self.spikes.fetch_add(activity.spikes, Ordering::Relaxed);
        self.forward_elements.fetch_add(activity.elements, Ordering::Relaxed);
        let mut total = lock(&self.potentials);
        *total = total.and(activity.potentials);
        *lock(&self.penalty) += penalty;
    }

    /// Counts a backward pass over so many elements, of which so many had a derivative of 0.
    pub fn went_back(&self, elements: u64, zero_derivatives: u64) {
        self.zero_derivatives.fetch_add(zero_derivatives, Ordering::Relaxed);
        self.backward_elements.fetch_add(elements, Ordering::Relaxed);
    }

    /// Counts spikes and derivatives of 0 of passes whose elements were counted before.
    pub fn counted_later(&self, spikes: u64, zero_derivatives: u64) {
        self.spikes.fetch_add(spikes, Ordering::Relaxed);
        self.zero_derivatives.fetch_add(zero_derivatives, Ordering::Relaxed);
    }

    /// Returns the sums since the last call, and resets them to 0.
    pub fn take(&self) -> Counts {
        Counts {
            spikes: self.spikes.swap(0, Ordering::Relaxed),
            elements: self.forward_elements.swap(0, Ordering::Relaxed),
            zero_derivatives: self.zero_derivatives.swap(0, Ordering::Relaxed),
            backward_elements: self.backward_elements.swap(0, Ordering::Relaxed),
            potentials: std::mem::take(&mut lock(&self.potentials)),
            penalty: std::mem::take(&mut lock(&self.penalty)),
        }
    }
}

/// Counts a forward pass of `elements` T·B·N, and gives the gradient of `scale` times the sum of the
/// penalties.
pub fn measure(
    penalties: &[Arc<dyn ActivityPenalty>],
    scale: f32,
    sums: ForwardSums,
    elements: u64,
    probe: Option<&Probe>,
) -> ActivityGradient {
    let ForwardSums { spikes, potentials, currents, products } = sums;
    let activity = Activity { spikes, elements, potentials, currents, products };
    let mut penalty = 0.0;
    let mut gradient = ActivityGradient::default();
    for term in penalties {
        let (value, part) = term.penalty(&activity);
        penalty += f64::from(scale) * value;
        gradient.constant += scale * part.constant;
        gradient.linear += scale * part.linear;
        gradient.spike += scale * part.spike;
        gradient.error += scale * part.error;
    }
    if let Some(probe) = probe {
        probe.went_forward(&activity, penalty);
    }
    gradient
}
