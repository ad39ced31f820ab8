//! Laws of the layers: each equals its composition of candle operations, and its gradient the
//! finite differences.

use std::sync::{Arc, Mutex};

use candle_core::{CpuStorage, CustomOp1, Device, Layout, Shape, Tensor, Var};
use candlewick_core::gradient_check::largest_difference;
use candlewick_core::initializer::Initializer;
use candlewick_core::parameters::Parameters;
use candlewick_core::{Key, Result, host};
use candlewick_kernels::convolution::{Activity, Algorithm, Conv2d};
use candlewick_kernels::simd::has_matrix_unit;

use crate::buffer::Pool;
use crate::signal::Values;
use crate::{
    AveragePool, Context, Convolution, ConvolutionSettings, Dropout, Features, Filed, Flatten,
    GlobalAveragePool, Layer, Linear, LinearSettings, MaxPool, Normalization, Pass, Pull, Signal,
    ThresholdBatchNorm,
};

pub(crate) fn normal(purpose: &str, dims: &[usize]) -> Result<Tensor> {
    let mut stream = Key::new(4).named(purpose).stream();
    let values: Vec<f32> = (0..dims.iter().product()).map(|_| stream.normal()).collect();
    Ok(Tensor::from_vec(values, dims, &Device::Cpu)?)
}

pub(crate) fn largest(a: &Tensor, b: &Tensor) -> Result<f32> {
    assert_eq!(a.dims(), b.dims());
    Ok((a - b)?.abs()?.flatten_all()?.max(0)?.to_scalar()?)
}

pub(crate) fn assert_same(a: &[Tensor], b: &[Tensor], what: &str) -> Result<()> {
    assert_within(1e-4, a, b, what)
}

pub(crate) fn assert_within(tolerance: f32, a: &[Tensor], b: &[Tensor], what: &str) -> Result<()> {
    for (a, b) in a.iter().zip(b) {
        let scale = b.abs()?.flatten_all()?.max(0)?.to_scalar::<f32>()?;
        let difference = largest(&a.flatten_all()?, &b.flatten_all()?)?;
        assert!(difference <= tolerance * (1.0 + scale), "{what}: {difference} of {scale}");
    }
    Ok(())
}

/// The same order of values, 0.03 apart: farther than a finite difference changes them, so that no
/// maximum changes hands.
fn spread(x: &Tensor) -> Result<Tensor> {
    let values = x.flatten_all()?.to_vec1::<f32>()?;
    let below = |value: &f32| values.iter().filter(|&other| other < value).count();
    let middle = values.len() as f32 / 2.0;
    let spread = values.iter().map(|value| 0.03 * (below(value) as f32 - middle)).collect();
    Ok(Tensor::from_vec(spread, x.shape(), x.device())?)
}

/// Output, gradient by the input and gradients by all parameters, on the CPU and as candle operations.
fn both_ways(
    layer: &dyn Layer,
    store: &Parameters,
    x: &Tensor,
    context: &Context,
) -> Result<[Vec<Tensor>; 2]> {
    let (pool, weighting) = (Arc::<Pool>::default(), |out: &Tensor| normal("weights", out.dims()));
    // By the kernels.
    let pass = Pass::new(*context, pool.clone());
    let features = match x.dims()[2..] {
        [height, width, channels] => Features::Map { height, width, channels },
        _ => Features::Vector { size: x.dims()[2] },
    };
    let signal = Signal { gradient: true, ..Signal::input(x, features, &pass)? };
    let (out, pull) = layer.run(signal, &pass)?;
    let out = out.tensor(&pool)?;
    let by_output = weighting(&out)?.flatten_all()?.to_vec1::<f32>()?;
    let mut gradient = pool.take(by_output.len());
    gradient.copy_from_slice(&by_output);
    let mut filed = Filed::default();
    let by_input = pull.expect("a backward pass")(gradient, &mut filed)?.expect("a gradient");
    let by_input = Tensor::from_vec(by_input.to_vec(), x.shape(), &Device::Cpu)?;
    let mut found = Tensor::zeros(1, candle_core::DType::F32, &Device::Cpu)?.backward()?;
    filed.merge(&mut found)?;
    let mut kernels = vec![out, by_input];
    // By candle.
    let x = Var::from_tensor(x)?;
    let out = layer.forward(&x, context)?;
    let gradients = (&out * weighting(&out)?)?.sum_all()?.backward()?;
    let mut composed = vec![out, gradients.get(&x).expect("a gradient").clone()];
    for parameter in store.learned() {
        kernels.extend(found.get(&parameter.variable).cloned());
        composed.extend(gradients.get(&parameter.variable).cloned());
    }
    assert_eq!(kernels.len(), composed.len(), "gradients of {layer:?}");
    Ok([kernels, composed])
}

fn as_settings(geometry: &Conv2d) -> (Features, ConvolutionSettings) {
    let Conv2d { height, width, in_channels: channels, .. } = *geometry;
    let settings = ConvolutionSettings {
        channels: geometry.out_channels,
        kernel: geometry.kernel[0],
        stride: geometry.stride[0],
        padding: geometry.padding[0],
        bias: true,
        initializer: Initializer::FanInUniform,
    };
    (Features::Map { height, width, channels }, settings)
}

#[test]
fn a_convolution_is_that_of_candle() -> Result<()> {
    let mut visited = 0;
    for (height, width, kernel, stride, padding) in [
        (5, 5, 3, 1, 1),
        (7, 7, 3, 2, 1),
        (6, 6, 1, 1, 0),
        (6, 6, 1, 2, 0),
        (5, 7, 3, 1, 0),
        (1, 1, 1, 1, 0),
        (9, 9, 5, 2, 2),
    ] {
        for (inputs, outputs) in [(1, 3), (4, 1), (5, 6)] {
            let geometry = Conv2d {
                images: 6,
                height,
                width,
                in_channels: inputs,
                out_channels: outputs,
                kernel: [kernel; 2],
                stride: [stride; 2],
                padding: [padding; 2],
            };
            let (features, settings) = as_settings(&geometry);
            let mut store = Parameters::new(&Device::Cpu, Key::new(3));
            let layer = Convolution::new(&mut store.root(), features, settings)?;
            let x = normal("x", &[2, 3, height, width, inputs])?;
            let context = Context::training(2, Key::new(1));
            let [kernels, composed] = both_ways(&layer, &store, &x, &context)?;
            assert_eq!(kernels.len(), 4);
            assert_same(&kernels, &composed, &format!("{geometry:?}"))?;
            visited += 1;
        }
    }
    assert_eq!(visited, 21);
    Ok(())
}

/// Inputs of spikes and of counts, from silent to full, take the sparse kernels and the matrix unit
/// where those are faster, and give what candle gives.
#[test]
fn a_convolution_of_spikes_is_that_of_candle() -> Result<()> {
    let narrow = Conv2d {
        images: 8,
        height: 9,
        width: 7,
        in_channels: 37,
        out_channels: 40,
        kernel: [3; 2],
        stride: [1; 2],
        padding: [1; 2],
    };
    // Both sparse kernels are in play at least for few spikes.
    let few = Activity { time_steps: 4, planes: 1, union_density: 0.03 };
    assert_eq!(narrow.forward_algorithm(few), Algorithm::Sparse);
    assert_eq!(narrow.weight_gradient_algorithm(few), Algorithm::Sparse);
    // All passes take the matrix unit of many spikes, if the machine has one.
    let wide = Conv2d { in_channels: 128, out_channels: 96, ..narrow };
    let many = Activity { union_density: 1.0, ..few };
    for algorithm in [
        wide.forward_algorithm(many),
        wide.weight_gradient_algorithm(many),
        wide.input_gradient_algorithm(Some(many)),
    ] {
        assert_eq!(algorithm == Algorithm::Tiles, has_matrix_unit(), "{algorithm}");
    }
    let mut visited = 0;
    for (geometry, density) in [
        (narrow, 0.0),
        (narrow, 0.01),
        (narrow, 0.1),
        (narrow, 0.5),
        (narrow, 1.0),
        (wide, 0.02),
        (wide, 0.5),
    ] {
        for draws in [1, 4] {
            let mut stream = Key::new(8).stream();
            let values: Vec<f32> = (0..geometry.input_len())
                .map(|_| (0..draws).filter(|_| stream.bernoulli(density)).count() as f32)
                .collect();
            let x = Tensor::from_vec(values, (4, 2, 9, 7, geometry.in_channels), &Device::Cpu)?;
            let (features, settings) = as_settings(&geometry);
            let mut store = Parameters::new(&Device::Cpu, Key::new(3));
            let layer = Convolution::new(&mut store.root(), features, settings)?;
            let context = Context::training(4, Key::new(1));
            let [kernels, composed] = both_ways(&layer, &store, &x, &context)?;
            let name = format!("{geometry:?}, density {density}, draws {draws}");
            assert_same(&kernels, &composed, &name)?;
            visited += 1;
        }
    }
    assert_eq!(visited, 14);
    Ok(())
}

#[test]
fn a_linear_layer_is_that_of_candle() -> Result<()> {
    let mut visited = 0;
    for (inputs, outputs) in [(1, 1), (3, 7), (65, 33)] {
        let mut store = Parameters::new(&Device::Cpu, Key::new(3));
        let features = Features::Vector { size: inputs };
        let layer = Linear::new(&mut store.root(), features, LinearSettings::new(outputs))?;
        let x = normal("x", &[2, 3, inputs])?;
        let context = Context::training(2, Key::new(1));
        let [kernels, composed] = both_ways(&layer, &store, &x, &context)?;
        assert_same(&kernels, &composed, &format!("{inputs} to {outputs}"))?;
        visited += 1;
    }
    assert_eq!(visited, 3);
    Ok(())
}

/// Layers that learn nothing, or whose statistics learn, in training and evaluation.
#[test]
fn other_layers_are_those_of_candle() -> Result<()> {
    let map = Features::Map { height: 5, width: 4, channels: 3 };
    let norm = ThresholdBatchNorm { factor: 0.5, branch_factor: 0.7, ..Default::default() };
    let mut visited = 0;
    for training in [true, false] {
        let mut store = Parameters::new(&Device::Cpu, Key::new(2));
        let mut reference = Parameters::new(&Device::Cpu, Key::new(2));
        let layers: Vec<Box<dyn Layer>> = vec![
            Box::new(Normalization::new(&mut store.root(), map, norm, true)?),
            Box::new(AveragePool::new(map, 2)?),
            Box::new(AveragePool::strided(map, 3, 2, 1)?),
            Box::new(MaxPool::new(map, 2)?),
            Box::new(MaxPool::strided(map, 3, 2, 1)?),
            Box::new(GlobalAveragePool::new(map)?),
            Box::new(Dropout::new("dropout", map, 0.3)?),
            Box::new(Flatten::new(map)),
        ];
        let context = Context { training, ..Context::training(2, Key::new(9)) };
        for layer in &layers {
            let x = normal("x", &[2, 3, 5, 4, 3])?;
            let [kernels, composed] = both_ways(&**layer, &store, &x, &context)?;
            assert_same(&kernels, &composed, &format!("{layer:?}, training: {training}"))?;
            visited += 1;
        }
        // Both ways moved the running statistics: two steps are those of two steps.
        let layer = Normalization::new(&mut reference.root(), map, norm, true)?;
        for _ in 0..2 {
            layer.forward(&normal("x", &[2, 3, 5, 4, 3])?, &context)?;
        }
        for (a, b) in store.iter().zip(reference.iter()) {
            assert!(largest(&a.variable, &b.variable)? < 1e-6, "{}", a.name);
        }
    }
    assert_eq!(visited, 16);
    Ok(())
}

/// The run of a layer on the CPU as an operation of candle's.
struct Run {
    layer: Arc<dyn Layer>,
    features: Features,
    context: Context,
    pull: Mutex<Option<Pull>>,
}

impl CustomOp1 for Run {
    fn name(&self) -> &'static str {
        "run"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        let x = host::slice(x, layout)?.to_vec();
        let x = Tensor::from_vec(x, layout.shape(), &Device::Cpu)?;
        let pass = Pass::new(self.context, Arc::default());
        let run = || -> Result<Tensor> {
            let signal = Signal::input(&x, self.features, &pass)?;
            let signal = Signal { gradient: true, ..signal };
            let (out, pull) = self.layer.run(signal, &pass)?;
            *self.pull.lock().expect("no panic") = pull;
            out.tensor(&pass.pool)
        };
        let out = run().map_err(candle_core::Error::wrap)?;
        Ok((CpuStorage::F32(out.flatten_all()?.to_vec1()?), out.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, grad: &Tensor) -> candle_core::Result<Option<Tensor>> {
        let pull = self.pull.lock().expect("no panic").take().expect("one backward pass");
        let grad = grad.flatten_all()?.to_vec1::<f32>()?;
        let mut gradient = Arc::<Pool>::default().take(grad.len());
        gradient.copy_from_slice(&grad);
        let by_input = pull(gradient, &mut Filed::default()).map_err(candle_core::Error::wrap)?;
        let by_input = by_input.expect("a gradient").to_vec();
        Ok(Some(Tensor::from_vec(by_input, x.shape(), &Device::Cpu)?))
    }
}

/// Every differentiable layer without neurons, against central differences.
#[test]
fn gradients_are_finite_differences() -> Result<()> {
    let map = Features::Map { height: 5, width: 4, channels: 3 };
    let vector = Features::Vector { size: 6 };
    let mut store = Parameters::new(&Device::Cpu, Key::new(2));
    let mut root = store.root();
    let settings = ConvolutionSettings { bias: true, stride: 2, ..ConvolutionSettings::same(2, 3) };
    let norm = ThresholdBatchNorm { factor: 0.5, branch_factor: 0.7, ..Default::default() };
    let layers: Vec<(Features, Arc<dyn Layer>)> = vec![
        (map, Arc::new(Convolution::new(&mut root.child("convolution"), map, settings)?)),
        (vector, Arc::new(Linear::new(&mut root.child("linear"), vector, LinearSettings::new(4))?)),
        (map, Arc::new(Normalization::new(&mut root.child("norm"), map, norm, true)?)),
        (map, Arc::new(AveragePool::new(map, 2)?)),
        (map, Arc::new(AveragePool::strided(map, 3, 2, 1)?)),
        (map, Arc::new(MaxPool::new(map, 2)?)),
        (map, Arc::new(MaxPool::strided(map, 3, 2, 1)?)),
        (map, Arc::new(GlobalAveragePool::new(map)?)),
        (map, Arc::new(Dropout::new("dropout", map, 0.3)?)),
        (map, Arc::new(Flatten::new(map))),
    ];
    let context = Context::training(2, Key::new(9));
    let mut visited = 0;
    for (features, layer) in &layers {
        let mut dims = vec![2, 2];
        dims.extend(features.dims());
        let worst = largest_difference(&[spread(&normal("x", &dims)?)?], 1e-2, |x| {
            let pull = Mutex::default();
            let run = Run { layer: layer.clone(), features: *features, context, pull };
            let out = x[0].apply_op1(run)?;
            assert_eq!(out.dims()[2..], layer.output().dims());
            Ok(out)
        })?;
        assert!(worst < 5e-3, "{layer:?}: {worst}");
        visited += 1;
    }
    assert_eq!(visited, 10);
    Ok(())
}

/// Windows of four equal spikes: one quarter each for the average, one whole gradient for the
/// maximum. Odd sides leave the last row and column without a gradient.
#[test]
fn pooling_is_right_on_ties_and_odd_sides() -> Result<()> {
    let features = Features::Map { height: 7, width: 5, channels: 2 };
    let mut visited = 0;
    for (maximum, composed_too) in [(false, true), (true, false)] {
        let x = Tensor::ones((1, 2, 7, 5, 2), candle_core::DType::F32, &Device::Cpu)?;
        let layer: Box<dyn Layer> = if maximum {
            Box::new(MaxPool::new(features, 2)?)
        } else {
            Box::new(AveragePool::new(features, 2)?)
        };
        let pool = Arc::<Pool>::default();
        let pass = Pass::new(Context::training(1, Key::new(1)), pool.clone());
        let signal = Signal { gradient: true, ..Signal::input(&x, features, &pass)? };
        let (out, pull) = layer.run(signal, &pass)?;
        let out = out.tensor(&pool)?;
        assert_eq!(out.dims(), [1, 2, 3, 2, 2]);
        let mut ones = pool.take(24);
        ones.fill(1.0);
        let pull = pull.expect("a backward pass");
        let gradient = pull(ones, &mut Filed::default())?.expect("a gradient").to_vec();
        let gradient = Tensor::from_vec(gradient, x.shape(), &Device::Cpu)?;
        // 24 windows, each with a gradient of 1.
        assert_eq!(gradient.sum_all()?.to_scalar::<f32>()?, 24.0);
        assert_eq!(gradient.narrow(2, 6, 1)?.sum_all()?.to_scalar::<f32>()?, 0.0);
        let most = gradient.flatten_all()?.max(0)?.to_scalar::<f32>()?;
        assert_eq!(most, if composed_too { 0.25 } else { 1.0 });
        visited += 1;
    }
    assert_eq!(visited, 2);
    Ok(())
}

/// Windows that touch, leave gaps, and overlap, with and without padding, on numbers, on spikes, which
/// tie, and on counts of spikes; odd sides and even ones, channels that fill words and that do not.
#[test]
fn pooling_is_that_of_candle() -> Result<()> {
    let mut visited = 0;
    for (size, stride, padding) in
        [(2, 2, 0), (3, 2, 1), (3, 2, 0), (2, 3, 0), (3, 1, 1), (5, 4, 2)]
    {
        for (height, width, channels) in [(7, 5, 3), (6, 8, 16)] {
            let map = Features::Map { height, width, channels };
            let layers: [Box<dyn Layer>; 2] = [
                Box::new(AveragePool::strided(map, size, stride, padding)?),
                Box::new(MaxPool::strided(map, size, stride, padding)?),
            ];
            let store = Parameters::new(&Device::Cpu, Key::new(2));
            let context = Context::training(5, Key::new(9));
            let numbers = normal("x", &[5, 2, height, width, channels])?;
            let spikes = numbers.gt(0.8)?.to_dtype(candle_core::DType::F32)?;
            let counts = (&spikes + numbers.gt(1.2)?.to_dtype(candle_core::DType::F32)?)?;
            for layer in &layers {
                let side = |size_of: usize| (size_of + 2 * padding - size) / stride + 1;
                let expected = Features::Map { height: side(height), width: side(width), channels };
                assert_eq!(layer.output(), expected, "{layer:?}");
                for x in [&numbers, &spikes, &counts] {
                    let [kernels, composed] = both_ways(&**layer, &store, x, &context)?;
                    assert_eq!(kernels[0].dims()[2..], expected.dims());
                    assert_same(&kernels, &composed, &format!("{layer:?}"))?;
                    visited += 1;
                }
            }
        }
    }
    assert_eq!(visited, 6 * 2 * 2 * 3);
    Ok(())
}

#[test]
fn impossible_windows_are_refused_in_words() {
    let map = Features::Map { height: 4, width: 6, channels: 1 };
    let mut visited = 0;
    for (size, stride, padding, words) in [
        (5, 5, 0, "a side from 1 to 4"),
        (0, 1, 0, "a side from 1 to 4"),
        (7, 2, 1, "a side from 1 to 6"),
        (3, 0, 1, "a stride from 1 on"),
        (2, 2, 2, "a padding below 2"),
    ] {
        let error = MaxPool::strided(map, size, stride, padding).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
        visited += 1;
    }
    assert_eq!(visited, 5);
}

/// Averages of 3×3 spikes travel as bits, as those of 2×2 do.
#[test]
fn pooled_spikes_are_bits() -> Result<()> {
    let map = Features::Map { height: 8, width: 8, channels: 16 };
    let x = normal("x", &[4, 2, 8, 8, 16])?.gt(0.8)?.to_dtype(candle_core::DType::F32)?;
    let pass = Pass::new(Context::training(4, Key::new(1)), Arc::default());
    let mut visited = 0;
    let layers: [Box<dyn Layer>; 4] = [
        Box::new(AveragePool::new(map, 2)?),
        Box::new(AveragePool::strided(map, 3, 2, 1)?),
        Box::new(MaxPool::new(map, 2)?),
        Box::new(MaxPool::strided(map, 3, 2, 1)?),
    ];
    for layer in &layers {
        let (out, _) = layer.run(Signal::input(&x, map, &pass)?, &pass)?;
        assert!(matches!(out.values, Values::Spikes(_)), "{layer:?}");
        visited += 1;
    }
    assert_eq!(visited, 4);
    Ok(())
}
