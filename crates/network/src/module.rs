//! Single layers as modules of candle.

use std::sync::{Arc, LazyLock};

use candle_core::{Result, Tensor};
use candle_nn::ModuleT;
use candlewick_core::Key;

use crate::buffer::Pool;
use crate::graph::connect;
use crate::{
    Array, Block, Context, Convolution, Features, Layer, Linear, Normalization, Pass, Signal,
    Spiking,
};

/// The buffers of layers that stand outside of a network.
static POOL: LazyLock<Arc<Pool>> = LazyLock::new(Arc::default);

/// Runs a layer on `[T, B, …]` as an operation of candle's graph.
pub(crate) fn apply(layer: &dyn Layer, x: &Tensor, context: Context) -> Result<Tensor> {
    let features = match x.dims() {
        &[_, _, height, width, channels] => Features::Map { height, width, channels },
        &[_, _, size] => Features::Vector { size },
        dims => candle_core::bail!(
            "input of a layer: expected [T, B, H, W, C] or [T, B, N], got {dims:?}"
        ),
    };
    let pass = Pass::new(context, POOL.clone(), x.device());
    let signal = Signal::input(x, features, &pass)?;
    let (out, backward) = layer.run(signal, &pass)?;
    let (out, learned) = (out.tensor(&pass)?, pass.learned());
    let Some(backward) = backward.filter(|_| x.track_op() || !learned.is_empty()) else {
        return Ok(out);
    };
    let dims = x.dims().to_vec();
    connect(
        &out,
        x,
        &learned,
        Box::new(move |gradient, found| {
            let of_input = backward(Array::of(gradient, &pass.pool)?, found)?;
            of_input.map(|of_input| of_input.tensor(&dims)).transpose()
        }),
    )
}

macro_rules! modules {
    ($($layer:ident),+) => { $(
        impl ModuleT for $layer {
            fn forward_t(&self, x: &Tensor, train: bool) -> Result<Tensor> {
                // Nothing in these layers is random.
                let context = Context::training(x.dim(0)?, Key::new(0));
                apply(self, x, Context { training: train, ..context })
            }
        }
    )+ };
}

modules!(Block, Convolution, Linear, Normalization, Spiking);
