//! How matrix products round.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the products of convolutions and linear layers round their operands; sums, potentials and statistics
/// are `f32` or finer with each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// Not at all: 24 significant bits (default).
    #[default]
    F32,
    /// To 11 significant bits, as the tensor cores of Ampere GPUs and later ones do; the default of PyTorch's
    /// convolutions there.
    Tf32,
    /// To 8 significant bits.
    Bf16,
}

impl Precision {
    /// The number that a product sees in the place of `x`.
    pub fn round(self, x: f32) -> f32 {
        let dropped = match self {
            Self::F32 => return x,
            Self::Tf32 => 13,
            Self::Bf16 => 16,
        };
        if !x.is_finite() {
            return x;
        }
        // To the nearest, ties to even.
        let bits = x.to_bits();
        let half = (1 << (dropped - 1)) - 1 + (bits >> dropped & 1);
        f32::from_bits(bits.wrapping_add(half) >> dropped << dropped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_round_to_the_nearest() {
        assert_eq!(Precision::F32.round(1.0 + f32::EPSILON), 1.0 + f32::EPSILON);
        let step = 2.0_f32.powi(-10);
        assert_eq!(Precision::Tf32.round(1.0 + 0.4 * step), 1.0);
        assert_eq!(Precision::Tf32.round(1.0 + 0.6 * step), 1.0 + step);
        assert_eq!(Precision::Tf32.round(-1.0 - 1.5 * step), -1.0 - 2.0 * step);
        let step = 2.0_f32.powi(-7);
        assert_eq!(Precision::Bf16.round(1.0 + 0.5 * step), 1.0);
        assert_eq!(Precision::Bf16.round(1.0 + 1.5 * step), 1.0 + 2.0 * step);
        assert_eq!(Precision::Bf16.round(f32::INFINITY), f32::INFINITY);
        // Spikes are exact.
        assert_eq!(Precision::Bf16.round(1.0), 1.0);
    }
}
