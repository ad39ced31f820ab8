//! The sums that a scan forms on its way (spikes, potentials, currents, and their products), and the
//! gradient of a loss that depends on them.

use crate::simd::{self, Kernel};

/// What a forward scan sums up beside the spikes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measure {
    /// The pre-reset potentials and their squares.
    pub potentials: bool,
    /// The input currents and their squares.
    pub currents: bool,
    /// The pre-reset potentials of the neurons that fire, which are products of potential and spike.
    pub products: bool,
}

impl Measure {
    /// What either of the two asks for.
    pub fn or(self, other: Self) -> Self {
        Self {
            potentials: self.potentials || other.potentials,
            currents: self.currents || other.currents,
            products: self.products || other.products,
        }
    }
}

/// What a forward scan found.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ForwardSums {
    /// Number of spikes.
    pub spikes: u64,
    /// Sums over the pre-reset potentials, if they were asked for.
    pub potentials: Potentials,
    /// Sums over the input currents, if they were asked for.
    pub currents: Potentials,
    /// Sum of potential times spike, if it was asked for.
    pub products: f64,
}

impl ForwardSums {
    /// The sums of both.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            spikes: self.spikes + other.spikes,
            potentials: self.potentials.and(other.potentials),
            currents: self.currents.and(other.currents),
            products: self.products + other.products,
        }
    }
}

/// What a layer's potentials, or its currents, look like: sums over all steps and neurons.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Potentials {
    /// Number of values.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    /// Sum of their squares.
    pub sum_of_squares: f64,
}

impl Potentials {
    /// Mean of the values; 0 if there are none.
    pub fn mean(&self) -> f64 {
        self.sum / self.count.max(1) as f64
    }

    /// Biased variance of the values, at least 0.
    pub fn variance(&self) -> f64 {
        (self.sum_of_squares / self.count.max(1) as f64 - self.mean().powi(2)).max(0.0)
    }

    /// The sums of both.
    pub fn and(self, other: Self) -> Self {
        Self {
            count: self.count + other.count,
            sum: self.sum + other.sum,
            sum_of_squares: self.sum_of_squares + other.sum_of_squares,
        }
    }

    pub(super) fn add(&mut self, values: &[f32]) {
        let (sum, squares) = simd::dispatch(Moments(values));
        self.count += values.len() as u64;
        self.sum += f64::from(sum);
        self.sum_of_squares += f64::from(squares);
    }
}

/// The gradient of a term of the loss that depends on a layer's activity as a whole: on the mean and
/// the variance of its pre-reset potentials, and on its number of spikes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ActivityGradient {
    /// Added to the gradient with respect to every potential.
    pub constant: f32,
    /// Added to the gradient with respect to every potential, times the potential.
    pub linear: f32,
    /// Added to the gradient with respect to every spike.
    pub spike: f32,
    /// Times the difference `u - s` of a potential and its spike: added to the gradient with respect
    /// to the potential, and subtracted from that with respect to the spike.
    pub error: f32,
}

/// Counts the values that are not 0.
pub(super) struct Count<'a>(pub(super) &'a [f32]);

impl Kernel for Count<'_> {
    type Output = u64;

    #[inline(always)]
    fn call(self) -> u64 {
        u64::from(self.0.iter().map(|&value| u32::from(value != 0.0)).sum::<u32>())
    }
}

/// Independent partial sums: enough for the widest registers, and one fixed order of additions on
/// every instruction set.
const PARTIAL: usize = 16;

/// Sum and sum of squares.
pub(super) struct Moments<'a>(pub(super) &'a [f32]);

impl Kernel for Moments<'_> {
    type Output = (f32, f32);

    #[inline(always)]
    fn call(self) -> (f32, f32) {
        let (mut sums, mut squares) = ([0.0_f32; PARTIAL], [0.0_f32; PARTIAL]);
        let (blocks, rest) = self.0.as_chunks::<PARTIAL>();
        for block in blocks {
            for i in 0..PARTIAL {
                sums[i] += block[i];
                squares[i] += block[i] * block[i];
            }
        }
        for (i, value) in rest.iter().enumerate() {
            sums[i] += value;
            squares[i] += value * value;
        }
        (sums.iter().sum(), squares.iter().sum())
    }
}

/// Inner product.
pub(super) struct Dot<'a>(pub(super) &'a [f32], pub(super) &'a [f32]);

impl Kernel for Dot<'_> {
    type Output = f32;

    #[inline(always)]
    fn call(self) -> f32 {
        let mut sums = [0.0_f32; PARTIAL];
        let (a, a_rest) = self.0.as_chunks::<PARTIAL>();
        let (b, b_rest) = self.1.as_chunks::<PARTIAL>();
        for (a, b) in a.iter().zip(b) {
            for i in 0..PARTIAL {
                sums[i] += a[i] * b[i];
            }
        }
        for (i, (a, b)) in a_rest.iter().zip(b_rest).enumerate() {
            sums[i] += a * b;
        }
        sums.iter().sum()
    }
}
