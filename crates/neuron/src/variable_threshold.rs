//! The reset of neurons whose threshold is not a constant of the layer.

use crate::{Firing, Real, Reset};

/// The potential after firing; a subtractive reset takes `threshold` away.
#[inline(always)]
pub(crate) fn reset<V: Real>(firing: &Firing, u: V, spike: V, threshold: V) -> V {
    match firing.reset {
        Reset::Hard => u * (-spike.clone() + 1.0) + spike * firing.v_reset,
        Reset::Subtract => u - spike * threshold,
        Reset::None => u,
    }
}

/// Derivatives of [`reset`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Partials {
    pub(crate) potential: f32,
    pub(crate) spike: f32,
    pub(crate) threshold: f32,
}

/// Derivatives of [`reset`] with respect to its arguments.
#[inline(always)]
pub(crate) fn reset_partials(firing: &Firing, u: f32, spike: f32, threshold: f32) -> Partials {
    match firing.reset {
        Reset::Hard => {
            Partials { potential: 1.0 - spike, spike: firing.v_reset - u, threshold: 0.0 }
        }
        Reset::Subtract => Partials { potential: 1.0, spike: -threshold, threshold: -spike },
        Reset::None => Partials { potential: 1.0, spike: 0.0, threshold: 0.0 },
    }
}
