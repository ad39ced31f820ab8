//! The spike-element-wise residual block: what its branches join is spikes, not currents
//! (SEW: Fang et al., `NeurIPS` 2021, arXiv:2102.04159, eq. 3 and table 1).

use std::sync::Arc;

use candle_core::Tensor;
use candlewick_core::Result;
use candlewick_kernels::spikes::Spikes;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::buffer::{Buffer, add};
use crate::signal::{LEVELS, Pass, Pull, Signal, Values};
use crate::{
    Block, Context, Features, Layer, NetworkBuilder, ResidualSettings, Spiking, SynapseObservation,
};

/// Values per task.
const TASK: usize = 1 << 14;

/// How the spikes `x` of the shortcut and `a` of the residual branch are joined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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

    /// The derivatives by `x` and `a`.
    fn partials(self, x: f32, a: f32) -> [f32; 2] {
        match self {
            Self::Add => [1.0; 2],
            Self::And => [a, x],
            Self::Iand => [1.0 - a, -x],
        }
    }

    fn forward(self, x: &Tensor, a: &Tensor) -> Result<Tensor> {
        Ok(match self {
            Self::Add => a.broadcast_add(x)?,
            Self::And => a.broadcast_mul(x)?,
            Self::Iand => a.affine(-1.0, 1.0)?.broadcast_mul(x)?,
        })
    }

    /// Joins activations of one shape; gives the backward pass, which turns the gradient by the
    /// result into those by `x` and `a`.
    fn run(self, x: &Signal, a: &Signal, pass: &Pass) -> (Signal, Option<Parting>) {
        let (from_x, from_a) = (x.dense(&pass.pool), a.dense(&pass.pool));
        let mut joined = pass.pool.take(from_x.len());
        joined
            .par_chunks_mut(TASK)
            .zip(from_x.par_chunks(TASK).zip(from_a.par_chunks(TASK)))
            .for_each(|(joined, (x, a))| {
                for ((joined, &x), &a) in joined.iter_mut().zip(x).zip(a) {
                    *joined = self.value(x, a);
                }
            });
        let spikes = match (&x.values, &a.values) {
            (Values::Spikes(_), Values::Spikes(_)) => as_bits(a, &joined),
            _ => None,
        };
        let values = match spikes {
            Some(spikes) => Values::Spikes(Arc::new(spikes)),
            None => Values::Dense(Arc::new(joined)),
        };
        let out = a.with(a.features, values).learned();
        if !pass.is_kept() {
            return (out, None);
        }
        let pool = pass.pool.clone();
        // The partial derivatives of a sum need neither.
        let kept = (self != Self::Add).then(|| (x.clone(), a.clone()));
        let parting: Parting = Box::new(move |mut by_x: Buffer| {
            let mut by_a = pool.take(by_x.len());
            let Some((x, a)) = kept else {
                by_a.copy_from_slice(&by_x);
                return [by_x, by_a];
            };
            let (x, a) = (x.dense(&pool), a.dense(&pool));
            by_x.par_chunks_mut(TASK)
                .zip(by_a.par_chunks_mut(TASK))
                .zip(x.par_chunks(TASK).zip(a.par_chunks(TASK)))
                .for_each(|((by_x, by_a), (x, a))| {
                    for (((by_x, by_a), &x), &a) in by_x.iter_mut().zip(by_a).zip(x).zip(a) {
                        let [partial_x, partial_a] = self.partials(x, a);
                        *by_a = *by_x * partial_a;
                        *by_x *= partial_x;
                    }
                });
            [by_x, by_a]
        });
        (out, Some(parting))
    }
}

/// Turns the gradient by joined activations into those by the shortcut and the residual branch.
type Parting = Box<dyn FnOnce(Buffer) -> [Buffer; 2] + Send>;

/// Small integers as bits; `None` if the values are none.
fn as_bits(like: &Signal, values: &[f32]) -> Option<Spikes> {
    let most = values
        .par_chunks(TASK)
        .map(|values| values.iter().copied().fold(1.0, f32::max))
        .reduce(|| 1.0, f32::max);
    if most > LEVELS as f32 {
        return None;
    }
    let channels = like.features.channels();
    let shape = [like.time, like.batch * like.features.pixels(), channels];
    Spikes::multiples(shape, values, 1.0, most as u32).ok()
}

/// Twice convolution, norm, neurons; joined with the input, or with the spikes of its 1×1
/// convolution where the shape changes.
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
    fn forward(&self, x: &Tensor, context: &Context) -> Result<Tensor> {
        let inner = self.first.forward(x, context)?;
        let branch = self.second.forward(&inner, context)?;
        match &self.shortcut {
            None => self.connect.forward(x, &branch),
            Some(shortcut) => self.connect.forward(&shortcut.forward(x, context)?, &branch),
        }
    }

    fn run(&self, x: Signal, pass: &Pass) -> Result<(Signal, Option<Pull>)> {
        // The branches meet at every step.
        let x = x.at_every_step(pass);
        let needed = x.gradient;
        let (inner, first) = self.first.run(x.clone(), pass)?;
        let (branch, second) = self.second.run(inner, pass)?;
        let (around, shortcut) = match &self.shortcut {
            None => (x, None),
            Some(shortcut) => shortcut.run(x, pass)?,
        };
        let (out, parting) = self.connect.run(&around, &branch, pass);
        let (Some(first), Some(second), Some(parting)) = (first, second, parting) else {
            return Ok((out, None));
        };
        let pull: Pull = Box::new(move |gradient, filed| {
            let [by_around, by_branch] = parting(gradient);
            let around = match shortcut {
                None => Some(by_around).filter(|_| needed),
                Some(shortcut) => shortcut(by_around, filed)?,
            };
            let Some(by_inner) = second(by_branch, filed)? else {
                return Ok(around);
            };
            Ok(match (first(by_inner, filed)?, around) {
                (Some(mut sum), Some(other)) => {
                    add(&mut sum, &other);
                    Some(sum)
                }
                (one, other) => one.or(other),
            })
        });
        Ok((out, Some(pull)))
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
    use candlewick_core::Key;
    use candlewick_core::gradient_check::largest_difference;

    use super::*;
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

    /// A pass on `[2, 3, 4, 5, 16]`, as the network runs it: output, gradients by x and a.
    fn joined(connect: Connect, x: &Tensor, a: &Tensor) -> Result<(Signal, [Tensor; 2])> {
        let features = Features::Map { height: 4, width: 5, channels: 16 };
        let pass = Pass::new(Context::training(2, Key::new(1)), Arc::default());
        let signal = |x: &Tensor| Signal::input(x, features, &pass);
        let (out, parting) = connect.run(&signal(x)?, &signal(a)?, &pass);
        let weights = normal("weights", x.dims())?.flatten_all()?.to_vec1::<f32>()?;
        let mut gradient = pass.pool.take(weights.len());
        gradient.copy_from_slice(&weights);
        let gradients = parting.unwrap()(gradient);
        let tensor = |by: &Buffer| Tensor::from_vec(by.to_vec(), x.shape(), &Device::Cpu);
        Ok((out, [tensor(&gradients[0])?, tensor(&gradients[1])?]))
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
        let mut visited = 0;
        for connect in [Connect::Add, Connect::And, Connect::Iand] {
            let pool = Arc::default();
            let (out, _) = joined(connect, &sums, &spikes)?;
            let Values::Spikes(bits) = &out.values else {
                panic!("{connect:?}: sums of spikes are bits")
            };
            // Sums reach 3, products 2.
            assert!(!bits.is_binary() && bits.density() > 0.05);
            let composed = connect.forward(&sums, &spikes)?;
            assert_eq!(
                out.tensor(&pool)?.flatten_all()?.to_vec1::<f32>()?,
                composed.flatten_all()?.to_vec1::<f32>()?
            );
            let inputs = [normal("x", &dims)?, normal("a", &dims)?];
            let (out, gradients) = joined(connect, &inputs[0], &inputs[1])?;
            assert!(matches!(out.values, Values::Dense(_)));
            let weights = normal("weights", &dims)?;
            for (number, gradient) in gradients.iter().enumerate() {
                let x = candle_core::Var::from_tensor(&inputs[number])?;
                let mut both = inputs.clone();
                both[number] = x.as_tensor().clone();
                let loss = (connect.forward(&both[0], &both[1])? * &weights)?.sum_all()?;
                let by_candle = loss.backward()?.get(&x).unwrap().clone();
                let difference = (gradient - by_candle)?.abs()?.flatten_all()?.max(0)?;
                assert!(difference.to_scalar::<f32>()? < 1e-6, "{connect:?}");
                visited += 1;
            }
            let small =
                inputs.map(|input| input.narrow(4, 0, 1).and_then(|input| input.narrow(3, 0, 2)));
            let [x, a] = small;
            let worst =
                largest_difference(&[x?.contiguous()?, a?.contiguous()?], 1e-2, |inputs| {
                    connect.forward(&inputs[0], &inputs[1])
                })?;
            assert!(worst < 5e-3, "{connect:?}: {worst}");
        }
        assert_eq!(visited, 6);
        Ok(())
    }
}
