//! Surrogate derivatives of the spike, one file each, and the spike as an operation on tensors.
//!
//! A spike is `s = H(x)` with the distance `x = v - v_threshold`; its derivative is 0 or infinite.
//! Training puts `sg(x)`, the derivative of a smooth step, in its place.
//!
//! To add one: write its file (an `impl Shape`), and add it to the registry below.

mod arctan;
mod rectangle;
mod rule;
mod shape;
mod sigmoid;
mod spike;
mod triangle;

use candlewick_core::registry;

pub use arctan::Arctan;
pub use rectangle::Rectangle;
pub use rule::{Effective, Site, SurrogateRule};
pub use shape::{Shape, Surrogate};
pub use sigmoid::Sigmoid;
pub use spike::{spike, spike_with_rule};
pub use triangle::Triangle;

registry! {
    /// A surrogate by name, as recipes hold it: `[surrogate.triangle]`.
    pub enum AnySurrogate: dyn Surrogate, kind "surrogate" {
        /// (α/2) / (1 + (π α x / 2)²)
        Arctan = "arctan" | "atan" | "ATan",
        /// 1/a for |x| < a/2
        Rectangle = "rectangle" | "rect" | "boxcar",
        /// α σ(αx) (1 - σ(αx))
        Sigmoid = "sigmoid",
        /// max(0, γ - |x|) / γ²
        Triangle = "triangle" | "piecewise_quadratic" | "zif",
    }
}

#[cfg(test)]
mod laws;
