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
        let kept = (self != Self::Add).then_some((from_x, from_a));
        let parting: Parting = Box::new(move |mut by_x: Buffer| {
            let mut by_a = pool.take(by_x.len());
            let Some((x, a)) = kept else {
                by_a.copy_from_slice(&by_x);
                return [by_x, by_a];
            };
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
