//! The spike-element-wise residual block, whose branches join spikes instead of currents
//! (SEW: Fang et al., `NeurIPS` 2021, arXiv:2102.04159, eq. 3 and table 1).

use std::sync::Arc;

use candle_core::Tensor;
use candlewick_core::Result;
use candlewick_device::Queue;
use candlewick_kernels::spikes::Spikes;
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::compose::BackwardAll;
use crate::layer::Backward;
use crate::signal::{LEVELS, Values};
use crate::{
    Array, Block, Features, Layer, NetworkBuilder, OnDevice, Pass, ResidualSettings, Signal,
    Spiking, SynapseObservation,
};

/// Values per task.
const TASK: usize = 1 << 14;

/// How the spikes `x` of the shortcut and `a` of the residual branch are joined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Connect {
    /// x + a: small integers, one larger with each block.
    #[default]
    Add,
    /// x · a.
    And,
    /// x · (1 - a).
    Iand,
}

impl Connect {
    fn value(self, x: f32, a: f32) -> f32 {
        match self {
            Self::Add => x + a,
            Self::And => x * a,
            Self::Iand => x * (1.0 - a),
        }
    }

    /// The derivatives with respect to `x` and `a`.
    fn partials(self, x: f32, a: f32) -> [f32; 2] {
        match self {
            Self::Add => [1.0; 2],
            Self::And => [a, x],
            Self::Iand => [1.0 - a, -x],
        }
    }

    /// The plain reference in candle operations.
    fn composed(self, x: &Tensor, a: &Tensor) -> Result<Tensor> {
        Ok(match self {
            Self::Add => a.broadcast_add(x)?,
            Self::And => a.broadcast_mul(x)?,
            Self::Iand => a.affine(-1.0, 1.0)?.broadcast_mul(x)?,
        })
    }

    /// Joins activations of one shape; gives the backward pass, which turns the gradient with respect
    /// to the result into those with respect to `x` and `a`.
    fn run(self, x: &Signal, a: &Signal, pass: &Pass) -> Result<(Signal, Option<BackwardAll>)> {
        if let Some(queue) = pass.queue() {
            return self.on_device(x, a, queue, pass);
        }
        if !pass.is_on_host() {
            return pass
                .compose_all(&[x, a], a.features, move |both| self.composed(&both[0], &both[1]));
        }
        let (from_x, from_a) = (x.dense(&pass.pool)?, a.dense(&pass.pool)?);
        let mut joined = pass.take(from_x.len());
        joined
            .par_chunks_mut(TASK)
            .zip(from_x.par_chunks(TASK).zip(from_a.par_chunks(TASK)))
            .for_each(|(joined, (x, a))| {
                for ((joined, &x), &a) in joined.iter_mut().zip(x).zip(a) {
                    *joined = self.value(x, a);
                }
            });
        let spikes = match (&x.values, &a.values) {
            (Values::Spikes(_), Values::Spikes(_)) => as_bits(a, &joined, pass),
            _ => None,
        };
        let values = match spikes {
            Some(spikes) => Values::Spikes(Arc::new(spikes)),
            None => Values::Dense(Arc::new(joined)),
        };
        let out = Signal { gradient: x.gradient || a.gradient, ..a.with(a.features, values) };
        if !pass.is_kept() {
            return Ok((out, None));
        }
        let pool = pass.pool.clone();
        // The partial derivatives of a sum need neither.
        let kept = (self != Self::Add).then(|| (x.clone(), a.clone()));
        let backward: BackwardAll = Box::new(move |gradient, _| {
            let mut of_x = gradient.into_host(&pool)?;
            let mut of_a = of_x.copy();
            if let Some((x, a)) = kept {
                let (x, a) = (x.dense(&pool)?, a.dense(&pool)?);
                of_x.par_chunks_mut(TASK)
                    .zip(of_a.par_chunks_mut(TASK))
                    .zip(x.par_chunks(TASK).zip(a.par_chunks(TASK)))
                    .for_each(|((of_x, of_a), (x, a))| {
                        for (((of_x, of_a), &x), &a) in of_x.iter_mut().zip(of_a).zip(x).zip(a) {
                            let [partial_x, partial_a] = self.partials(x, a);
                            *of_x *= partial_x;
                            *of_a *= partial_a;
                        }
                    });
            }
            Ok(vec![Some(Array::Host(of_x)), Some(Array::Host(of_a))])
        });
        Ok((out, Some(backward)))
    }
}

impl Connect {
    /// [`run`](Self::run) by the kernels of a device.
    fn on_device(
        self,
        x: &Signal,
        a: &Signal,
        queue: &Queue,
        pass: &Pass,
    ) -> Result<(Signal, Option<BackwardAll>)> {
        let (from_x, from_a) = (x.on_device()?.clone(), a.on_device()?.clone());
        let inverted = self == Self::Iand;
        let joined = if self == Self::Add {
            let sum = queue.unique(from_a.clone())?;
            queue.add(&sum, &from_x)?;
            sum
        } else {
            queue.multiply(&from_x, &from_a, inverted)?
        };
        let out = a.made_from_device(a.features, joined)?;
        let out = Signal { gradient: x.gradient || a.gradient, ..out };
        if !pass.is_kept() {
            return Ok((out, None));
        }
        let queue = queue.clone();
        let backward: BackwardAll = Box::new(move |gradient, _| {
            if self == Self::Add {
                return Ok(vec![Some(gradient.copy()), Some(gradient)]);
            }
            let gradient = gradient.into_device()?;
            let gradients = queue.multiply_gradient(&from_x, &from_a, &gradient, inverted)?;
            let array = |gradient| Some(Array::Device(OnDevice::new(gradient, queue.clone())));
            Ok(gradients.map(array).into_iter().collect())
        });
        Ok((out, Some(backward)))
    }
}

/// Small integers as bits; `None` if the values are none.
fn as_bits(like: &Signal, values: &[f32], pass: &Pass) -> Option<Spikes> {
    // How a step is written must not depend on the other steps of a stream.
    let least = if pass.context.stepwise { LEVELS as f32 } else { 1.0 };
    let most = values
        .par_chunks(TASK)
        .map(|values| values.iter().copied().fold(least, f32::max))
        .reduce(|| least, f32::max);
    if most > LEVELS as f32 {
        return None;
    }
    let channels = like.features.channels();
    let shape = [like.time, like.batch * like.features.pixels(), channels];
    Spikes::multiples(shape, values, 1.0, most as u32).ok()
}

/// The spike-element-wise block (SEW: Fang et al., NeurIPS 2021, arXiv:2102.04159, eq. 3 and table 1):
///
/// ```text
/// a = SN(BN(conv(SN(BN(conv(x)))))),   y = x + a, x · a or x · (1 - a)
/// ```
///
/// where `x` is `SN(BN(conv1×1(x)))` if the shape changes: `[T, B, H, W, C]` to `[T, B, H', W', C']`, spikes, or
/// small integers with [`Connect::Add`]. [`SewResNet`](crate::SewResNet) is made of it.
#[derive(Debug)]
pub struct SewBlock {
    first: Block,
    second: Block,
    shortcut: Option<Block>,
    connect: Connect,
}

impl SewBlock {
    /// A block at `path`.
    ///
    /// # Errors
    /// If `input` is not a map.
    pub fn new(
        builder: &mut NetworkBuilder<'_>,
        path: &str,
        input: Features,
        settings: ResidualSettings,
        connect: Connect,
    ) -> Result<Self> {
        let (_, _, in_channels) = input.map(path)?;
        let first = builder.convolution_block(&format!("{path}.first"), input, settings.first())?;
        let second = builder.convolution_block(
            &format!("{path}.second"),
            first.output(),
            settings.second(),
        )?;
        let shortcut = settings
            .shortcut(in_channels)
            .map(|settings| builder.convolution_block(&format!("{path}.shortcut"), input, settings))
            .transpose()?;
        Ok(Self { first, second, shortcut, connect })
    }
}

impl Layer for SewBlock {
    fn run(&self, x: Signal, pass: &Pass) -> Result<(Signal, Option<Backward>)> {
        // The branches meet at every step.
        let (x, repeated) = x.at_every_step(pass)?;
        let (needed, steps) = (x.gradient, pass.context.time_steps);
        let (inner, first) = self.first.run(x.clone(), pass)?;
        let (branch, second) = self.second.run(inner, pass)?;
        let (around, shortcut) = match &self.shortcut {
            None => (x, None),
            Some(shortcut) => shortcut.run(x, pass)?,
        };
        let (out, joined) = self.connect.run(&around, &branch, pass)?;
        let (Some(first), Some(second), Some(joined)) = (first, second, joined) else {
            return Ok((out, None));
        };
        let backward: Backward = Box::new(move |gradient, found| {
            let mut parts = joined(gradient, found)?.into_iter();
            let (of_around, of_branch) = (parts.next().flatten(), parts.next().flatten());
            let around = match (shortcut, of_around) {
                (None, gradient) => gradient.filter(|_| needed),
                (Some(shortcut), Some(gradient)) => shortcut(gradient, found)?,
                (Some(_), None) => None,
            };
            let of_inner = match of_branch {
                Some(gradient) => second(gradient, found)?,
                None => None,
            };
            let through = match of_inner {
                Some(gradient) => first(gradient, found)?,
                None => None,
            };
            let sum = Array::sum(through, around)?;
            sum.map(|sum| if repeated { sum.over_time(steps) } else { Ok(sum) }).transpose()
        });
        Ok((out, Some(backward)))
    }

    fn output(&self) -> Features {
        self.second.output()
    }

    fn synapses(&self) -> Vec<SynapseObservation> {
        let blocks = [&self.first, &self.second].into_iter().chain(&self.shortcut);
        blocks.flat_map(Layer::synapses).collect()
    }

    fn spiking(&self) -> Vec<&Spiking> {
        let blocks = [&self.first, &self.second].into_iter().chain(&self.shortcut);
        blocks.flat_map(Layer::spiking).collect()
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use candlewick_core::gradient_check::largest_difference;
    use candlewick_core::{Key, host};

    use super::*;
    use crate::Context;
    use crate::laws::normal;

    /// Table 1 of the paper: x of the shortcut, a of the residual branch.
    #[test]
    fn spikes_are_joined_as_in_the_table() {
        let mut visited = 0;
        for (x, a, [sum, and, iand]) in [
            (0.0, 0.0, [0.0, 0.0, 0.0]),
            (0.0, 1.0, [1.0, 0.0, 0.0]),
            (1.0, 0.0, [1.0, 0.0, 1.0]),
            (1.0, 1.0, [2.0, 1.0, 0.0]),
            // What earlier blocks have added up.
            (3.0, 1.0, [4.0, 3.0, 0.0]),
        ] {
            assert_eq!(Connect::Add.value(x, a), sum);
            assert_eq!(Connect::And.value(x, a), and);
            assert_eq!(Connect::Iand.value(x, a), iand);
            visited += 1;
        }
        assert_eq!(visited, 5);
    }

    /// A pass on `[2, 3, 4, 5, 16]`, as the network runs it: output, gradients with respect to x and a
    /// of a weighting.
    fn joined(connect: Connect, x: &Tensor, a: &Tensor) -> Result<(Signal, Vec<Tensor>)> {
        let features = Features::Map { height: 4, width: 5, channels: 16 };
        let pass = Pass::new(Context::training(2, Key::new(1)), Arc::default(), &Device::Cpu);
        let signal = |x: &Tensor| -> Result<Signal> {
            Ok(Signal { gradient: true, ..Signal::input(x, features, &pass)? })
        };
        let (out, backward) = connect.run(&signal(x)?, &signal(a)?, &pass)?;
        let gradient = Array::of(&normal("weights", x.dims())?, &pass)?;
        let gradients =
            backward.expect("it is kept")(gradient, &mut crate::ParameterGradients::default())?;
        let gradients = gradients.iter().flatten().map(|array| array.tensor(x.dims(), x.device()));
        Ok((out, gradients.collect::<Result<_>>()?))
    }

    /// Kernels and candle operations agree, spikes stay bits, and gradients are finite differences.
    #[test]
    fn joined_spikes_are_bits_and_their_gradients_finite_differences() -> Result<()> {
        let dims = [2, 3, 4, 5, 16];
        let at_least = |purpose: &str, least: f64| -> Result<Tensor> {
            Ok(normal(purpose, &dims)?.gt(least)?.to_dtype(candle_core::DType::F32)?)
        };
        let spikes = at_least("a", 0.5)?;
        let sums = (at_least("x", 0.5)? + at_least("y", 0.8)?)?;
        let inputs = [normal("x", &dims)?, normal("a", &dims)?];
        let mut visited = 0;
        for connect in [Connect::Add, Connect::And, Connect::Iand] {
            let (out, _) = joined(connect, &sums, &spikes)?;
            let Values::Spikes(bits) = &out.values else {
                panic!("{connect:?}: sums of spikes are bits")
            };
            // Sums reach 3, products 2.
            assert!(!bits.is_binary() && bits.density() > 0.05);
            for (x, a) in [(&sums, &spikes), (&inputs[0], &inputs[1])] {
                let (out, gradients) = joined(connect, x, a)?;
                let (composed, expected) = host::forbid(|| joined(connect, x, a))?;
                assert!(matches!(composed.values, Values::Tensor(_)));
                let floats =
                    |out: &Signal| -> Result<Vec<f32>> { Ok(out.dense(&Arc::default())?.to_vec()) };
                assert_eq!(floats(&out)?, floats(&composed)?);
                for (found, expected) in gradients.iter().zip(&expected) {
                    let difference = (found - expected)?.abs()?.flatten_all()?.max(0)?;
                    assert!(difference.to_scalar::<f32>()? < 1e-6, "{connect:?}");
                    visited += 1;
                }
            }
            let small = |x: &Tensor| x.narrow(4, 0, 1)?.narrow(3, 0, 2)?.contiguous();
            let worst =
                largest_difference(&[small(&inputs[0])?, small(&inputs[1])?], 1e-2, |inputs| {
                    connect.composed(&inputs[0], &inputs[1])
                })?;
            assert!(worst < 5e-3, "{connect:?}: {worst}");
        }
        assert_eq!(visited, 12);
        Ok(())
    }
}
