//! Initial values of parameters.

use candle_core::Shape;
use candle_nn::Init;
use candle_nn::init::NormalOrUniform;
use candlewick_kernels::random::Stream;

/// A distribution of initial values; fans are those of the parameter's shape.
///
/// Shapes are `[…, in, out]`: `[in, out]` of a linear layer, `[kernel_h, kernel_w, in, out]` of a
/// convolution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Initializer {
    /// The same value everywhere.
    Constant(f32),
    /// N(0, 2 / `fan_in`): He et al., ICCV 2015, arXiv:1502.01852, eq. 10.
    KaimingNormalFanIn,
    /// N(0, 2 / `fan_out`), as the networks of TET start.
    KaimingNormalFanOut,
    /// U(±√(6 / `fan_in`)).
    KaimingUniform,
    /// N(0, 2 / (`fan_in` + `fan_out`)): Glorot and Bengio, AISTATS 2010.
    XavierNormal,
    /// U(±√(6 / (`fan_in` + `fan_out`))).
    XavierUniform,
    /// U(±1 / √`fan_in`), PyTorch's default for linear and convolution layers.
    FanInUniform,
    /// U(±bound).
    Uniform(f32),
}

impl Initializer {
    /// The distribution of a parameter of shape `dims`, as candle's `VarBuilder` takes it.
    pub fn init(self, dims: &[usize]) -> Init {
        let (fan_in, fan_out) = fans(dims);
        let normal = |variance: f32| Init::Randn { mean: 0.0, stdev: f64::from(variance.sqrt()) };
        let uniform = |bound: f32| Init::Uniform { lo: -f64::from(bound), up: f64::from(bound) };
        match self {
            Self::Constant(value) => Init::Const(f64::from(value)),
            Self::KaimingNormalFanIn => normal(2.0 / fan_in),
            Self::KaimingNormalFanOut => normal(2.0 / fan_out),
            Self::XavierNormal => normal(2.0 / (fan_in + fan_out)),
            Self::KaimingUniform => uniform((6.0 / fan_in).sqrt()),
            Self::XavierUniform => uniform((6.0 / (fan_in + fan_out)).sqrt()),
            Self::FanInUniform => uniform(1.0 / fan_in.sqrt()),
            Self::Uniform(bound) => uniform(bound),
        }
    }
}

/// Draws the values of a parameter of shape `dims` from `stream`.
pub(crate) fn draw(init: Init, dims: &[usize], mut stream: Stream) -> Vec<f32> {
    let count = dims.iter().product();
    let mut normal = |mean: f64, deviation: f64| {
        let values = (0..count).map(|_| deviation as f32 * stream.normal());
        values.map(|value| mean as f32 + value).collect()
    };
    match init {
        Init::Const(value) => vec![value as f32; count],
        Init::Randn { mean, stdev } => normal(mean, stdev),
        Init::Uniform { lo, up } => {
            (0..count).map(|_| stream.range(lo as f32, up as f32)).collect()
        }
        Init::Kaiming { dist, fan, non_linearity } => {
            let fan = fan.for_shape(&Shape::from_dims(dims)) as f64;
            let deviation = non_linearity.gain() / fan.sqrt();
            match dist {
                NormalOrUniform::Normal => normal(0.0, deviation),
                NormalOrUniform::Uniform => {
                    let bound = (3.0_f64.sqrt() * deviation) as f32;
                    (0..count).map(|_| stream.range(-bound, bound)).collect()
                }
            }
        }
    }
}

/// `(fan_in, fan_out)` of `[…, in, out]`: the kernel's area times the number of channels.
fn fans(dims: &[usize]) -> (f32, f32) {
    match *dims {
        [ref area @ .., input, output] => {
            let fan = |channels: usize| {
                // A shape may be too large for all memory, and is then refused where it is made.
                area.iter().copied().fold(channels, usize::saturating_mul) as f32
            };
            (fan(input), fan(output))
        }
        [count] => (count as f32, count as f32),
        [] => (1.0, 1.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Key;

    /// Shape [3, 3, 8, 16]: `fan_in` 72, `fan_out` 144.
    #[test]
    fn variances_follow_the_fans() {
        let cases = [
            (Initializer::KaimingNormalFanIn, 2.0 / 72.0),
            (Initializer::KaimingNormalFanOut, 2.0 / 144.0),
            (Initializer::KaimingUniform, 2.0 / 72.0),
            (Initializer::XavierNormal, 2.0 / 216.0),
            (Initializer::XavierUniform, 2.0 / 216.0),
            (Initializer::FanInUniform, 1.0 / 216.0),
            (Initializer::Uniform(0.3), 0.03),
            (Initializer::Constant(0.5), 0.25),
        ];
        let mut visited = 0;
        for (initializer, expected) in cases {
            let dims = [3, 3, 8, 16];
            let values = draw(initializer.init(&dims), &dims, Key::new(5).stream());
            assert_eq!(values.len(), 1152);
            let square = values.iter().map(|v| v * v).sum::<f32>() / 1152.0;
            // The relative deviation of a mean of 1152 squares is at most √(2 / 1152) = 4.2 %.
            assert!((square / expected - 1.0).abs() < 0.17, "{initializer:?}: {square}");
            visited += 1;
        }
        assert_eq!(visited, 8);
    }
}
