//! A surrogate of one's own: the parabola `sg(x) = 3/(4w) · (1 - (x/w)²)` within `|x| < w`.
//!
//! The derivative is written for any `Real`, which is `f32` in the fused kernels and a tensor on
//! devices: operations in place of an `if`. `#[inline(always)]` lets the kernels vectorize it.

use candlewick::neuron::Real;
use candlewick::surrogate::Shape;

/// The parabola of half-width `width`, of area 1.
#[derive(Clone, Debug)]
pub struct Parabola {
    /// Half-width of the support, above 0.
    pub width: f32,
}

impl Shape for Parabola {
    fn primitive(&self, x: f32) -> f32 {
        let y = (x / self.width).clamp(-1.0, 1.0);
        0.5 + 0.75 * (y - y * y * y / 3.0)
    }

    #[inline(always)]
    fn derivative<V: Real>(&self, x: V) -> V {
        let y = x * (1.0 / self.width);
        (-(y.clone() * y) + 1.0).relu() * (0.75 / self.width)
    }

    fn support(&self) -> Option<f32> {
        Some(self.width)
    }
}

#[cfg(test)]
mod tests {
    use candlewick::network::Network;

    use super::*;
    use crate::digits::{LEARNED, trained};

    #[test]
    fn the_derivative_is_that_of_the_primitive() {
        let parabola = Parabola { width: 0.8 };
        for x in [-1.0_f32, -0.5, 0.0, 0.3, 0.7, 2.0] {
            let slope = (parabola.primitive(x + 1e-2) - parabola.primitive(x - 1e-2)) / 2e-2;
            assert!((slope - parabola.derivative(x)).abs() < 1e-3, "{x}: {slope}");
        }
    }

    #[test]
    fn a_network_learns_with_it() -> crate::Result<()> {
        let blueprint = Network::spec("16C3-AP2-FC10").surrogate(Parabola { width: 1.0 });
        let (network, accuracy) = trained(&blueprint)?;
        assert!(format!("{:?}", network.spiking()[0].surrogate()).contains("Parabola"));
        assert!(accuracy >= LEARNED, "{accuracy}");
        Ok(())
    }
}
