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
