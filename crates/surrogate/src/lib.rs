//! Surrogate derivatives of the spike, one file each, and the spike as an operation on tensors.
//!
//! A spike is `s = H(x)` with the distance `x = v - v_threshold`; its derivative is 0 or infinite.
//! Training puts `sg(x)`, the derivative of a smooth step, in its place; the spike stays binary.
//!
//! Each is a value whose fields are its parameters, under the symbols of the paper or library that it is
//! from; `x`, and widths, are in units of the potential.
//! The page of each has its equation, height and area, source, and names elsewhere.
//!
//! | type | what it is for |
//! |---|---|
//! | [`Triangle`], [`Arctan`], [`Sigmoid`], [`Rectangle`], … | the surrogates |
//! | [`spike`] | the spike of any tensor of candle |
//! | [`AnySurrogate`] | a surrogate by name |
//! | [`Shape`] | to write another one |
//! | [`Surrogate`] | a surrogate behind a pointer, as layers hold it |
//! | [`SurrogateRule`] | what a training method does to the surrogate of a layer |
//!
//! To add one: write its file (an `impl Shape`), and add it to the registry below.
//!
//! A synonym is a name under which another library has the same function with the same default;
//! where a library uses a name for another function, that name is no synonym (`triangular` of
//! snnTorch, `triangle` of Norse, "atan" of MSG). Left out: snnTorch's `SSO`, whose gradient is
//! random, and SpikingJelly's `PoissonPass` and `MultiLevelSpikeCount`, whose spikes are not `H(x)`.

mod arctan;
mod erf;
mod fake_numerical_gradient;
mod fast_sigmoid;
mod heaviside;
mod leaky_k_relu;
mod leaky_spike_operator;
mod log_tailed_relu;
mod macros;
mod msg_arctan;
mod msg_rectangle;
mod nonzero_sign_log_abs;
mod piecewise_exp;
mod piecewise_leaky_relu;
mod q_pseudo_spike;
mod rectangle;
mod rule;
mod s2nn;
mod scaled_triangle;
mod shape;
mod sigmoid;
mod snntorch_triangular;
mod soft_sign;
mod sparse_fast_sigmoid;
mod spike;
mod spike_rate_escape;
mod squarewave_fourier_series;
mod straight_through;
mod super_spike;
mod triangle;
mod truncated_tanh;

use candlewick_core::registry;

pub use arctan::Arctan;
#[doc(inline)]
pub use candlewick_kernels::real::Real;
pub use erf::Erf;
pub use fake_numerical_gradient::FakeNumericalGradient;
pub use fast_sigmoid::FastSigmoid;
pub use heaviside::Heaviside;
pub use leaky_k_relu::LeakyKRelu;
pub use leaky_spike_operator::LeakySpikeOperator;
pub use log_tailed_relu::LogTailedRelu;
pub use msg_arctan::MsgArctan;
pub use msg_rectangle::MsgRectangle;
pub use nonzero_sign_log_abs::NonzeroSignLogAbs;
pub use piecewise_exp::PiecewiseExp;
pub use piecewise_leaky_relu::PiecewiseLeakyRelu;
pub use q_pseudo_spike::QPseudoSpike;
pub use rectangle::Rectangle;
pub use rule::{Effective, Site, SurrogateRule};
pub use s2nn::S2nn;
pub use scaled_triangle::ScaledTriangle;
pub use shape::{Shape, Surrogate};
pub use sigmoid::Sigmoid;
pub use snntorch_triangular::SnntorchTriangular;
pub use soft_sign::SoftSign;
pub use sparse_fast_sigmoid::SparseFastSigmoid;
pub use spike::{spike, spike_at};
pub use spike_rate_escape::SpikeRateEscape;
pub use squarewave_fourier_series::SquarewaveFourierSeries;
pub use straight_through::StraightThrough;
pub use super_spike::SuperSpike;
pub use triangle::Triangle;
pub use truncated_tanh::TruncatedTanh;

registry! {
    /// A surrogate by name, as recipes hold it: `[surrogate.triangle]`.
    pub enum AnySurrogate: dyn Surrogate, kind "surrogate" {
        /// (α/2) / (1 + (π α x / 2)²)
        Arctan = "arctan" | "atan" | "ATan",
        /// α/√π · e^(-α²x²)
        Erf = "erf" | "Erf",
        /// min(1/|x|, α)
        FakeNumericalGradient = "fake_numerical_gradient" | "FakeNumericalGradient",
        /// 1 / (1 + k|x|)²
        FastSigmoid = "fast_sigmoid",
        /// 1 for x > 0, else 0
        Heaviside = "heaviside",
        /// k for x >= 0, else leak
        LeakyKRelu = "leaky_k_relu" | "LeakyKReLU",
        /// 1 for x > 0, else slope
        LeakySpikeOperator = "leaky_spike_operator" | "LeakySpikeOperator",
        /// α for x <= 0, 1 up to 1, then 1/x
        LogTailedRelu = "log_tailed_relu" | "LogTailedReLU",
        /// α / (1 + (π α x / 2)²)
        MsgArctan = "msg_arctan" | "mixedatangrad",
        /// α for |x| <= 1/α
        MsgRectangle = "msg_rectangle",
        /// 1 / (1/α + |x|)
        NonzeroSignLogAbs = "nonzero_sign_log_abs" | "NonzeroSignLogAbs",
        /// (α/2) e^(-α|x|)
        PiecewiseExp = "piecewise_exp" | "PiecewiseExp",
        /// 1/(2w) for |x| < w, else c
        PiecewiseLeakyRelu = "piecewise_leaky_relu" | "PiecewiseLeakyReLU",
        /// (1 + 2|x|/(α - 1))^(-α)
        QPseudoSpike = "q_pseudo_spike" | "QPseudoSpike",
        /// 1/a for |x| < a/2
        Rectangle = "rectangle" | "rect" | "Rect" | "boxcar",
        /// α σ(αx) (1 - σ(αx)) for x < 0, else β / (x + 1)
        S2nn = "s2nn" | "S2NN",
        /// h · max(0, 1 - |x|/w)
        ScaledTriangle = "scaled_triangle" | "norse_triangle",
        /// α σ(αx) (1 - σ(αx))
        Sigmoid = "sigmoid" | "Sigmoid",
        /// h for x < 0, else -h (not a triangle)
        SnntorchTriangular = "snntorch_triangular",
        /// (α/2) / (1 + α|x|)²
        SoftSign = "soft_sign" | "SoftSign",
        /// 1 / (1 + k|x|)² for x > B
        SparseFastSigmoid = "sparse_fast_sigmoid" | "SFS",
        /// k e^(-β|x - 1|)
        SpikeRateEscape = "spike_rate_escape",
        /// 4/T · Σ cos((2i - 1) · 2π x / T)
        SquarewaveFourierSeries = "squarewave_fourier_series" | "SquarewaveFourierSeries",
        /// 1
        StraightThrough = "straight_through" | "straight_through_estimator" | "DeterministicPass",
        /// α / (1 + |x|)²
        SuperSpike = "super_spike" | "SuperSpike",
        /// max(0, γ - |x|) / γ²
        Triangle = "triangle" | "PiecewiseQuadratic" | "piecewise_quadratic" | "zif",
        /// k (1 - tanh²(kx)) / (2 tanh(kw)) for |x| < w
        TruncatedTanh = "truncated_tanh",
    }
}

#[cfg(test)]
mod laws;
