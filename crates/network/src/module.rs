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
pub(crate) fn apply<L: Layer + ?Sized>(layer: &L, x: &Tensor, context: Context) -> Result<Tensor> {
    let features = match x.dims() {
        &[_, _, height, width, channels] => Features::Map { height, width, channels },
        &[_, _, size] => Features::Vector { size },
        dims => candle_core::bail!(
            "input of a layer: expected [T, B, H, W, C] or [T, B, N], got {dims:?}"
        ),
    };
    let pass = Pass::new(context, POOL.clone(), x.device());
    let signal = Signal::input(x, features, &pass)?;
    let (out, backward) = pass.through(layer.kind(), layer, signal)?;
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
            let of_input = backward(Array::of(gradient, &pass)?, found)?;
            of_input.map(|of_input| of_input.tensor(&dims, pass.device())).transpose()
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

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Var};
    use candle_nn::{VarBuilder, VarMap};

    use super::*;
    use crate::laws::normal;
    use crate::network_laws::parts;
    use crate::{ConvolutionSettings, LinearSettings};

    /// Blocks in somebody's candle model: parameters in a `VarMap` under the paths of candle, gradients
    /// with respect to all of them and to the input, statistics of the batch in training alone.
    #[test]
    fn blocks_are_modules_over_a_var_map() -> candlewick_core::Result<()> {
        let variables = VarMap::new();
        let vb = VarBuilder::from_varmap(&variables, DType::F32, &Device::Cpu);
        let map = Features::Map { height: 6, width: 5, channels: 3 };
        let settings = ConvolutionSettings::same(16, 3);
        let parts = parts()?;
        let first = Block::convolution(map, settings, &parts, vb.pp("first"))?;
        let pixels = Features::Vector { size: 16 };
        let last = Block::linear(pixels, LinearSettings::new(4), &parts, vb.pp("last"))?;
        let x = Var::from_tensor(&normal("x", &[3, 2, 6, 5, 3])?)?;
        let spikes = first.forward_t(&x, true)?;
        assert_eq!(spikes.dims(), [3, 2, 6, 5, 16]);
        // Operations of candle stand between: the sum over space.
        let out = last.forward_t(&spikes.sum(3)?.sum(2)?, true)?;
        let gradients = out.sqr()?.sum_all()?.backward()?;
        assert!(gradients.get(&x).is_some());
        let names = ["first.weight", "first.normalization.gamma", "first.normalization.beta"];
        let data = variables.data().lock().expect("no panic");
        let mut visited = 0;
        for name in names.into_iter().chain(["last.weight", "last.bias"]) {
            assert!(gradients.get(&data[name]).is_some(), "{name}");
            visited += 1;
        }
        assert_eq!((visited, data.len()), (5, 7));
        drop(data);
        let evaluated = first.forward_t(&x, false)?;
        assert!(crate::laws::largest(&evaluated, &spikes)? > 0.0);
        Ok(())
    }
}
