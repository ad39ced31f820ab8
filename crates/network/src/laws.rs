//! Laws of the layers: each equals its composition of candle operations, and its gradient the
//! finite differences.

use std::sync::Arc;

use candle_core::{Device, Tensor, Var};
use candlewick_core::gradient_check::largest_difference;
use candlewick_core::initializer::Initializer;
use candlewick_core::parameters::{Parameters, Scope, seeded};
use candlewick_core::{Key, Result, host};
use candlewick_device::pretend;
use candlewick_kernels::convolution::{Activity, Algorithm, Conv2d};
use candlewick_kernels::simd::has_matrix_unit;
use candlewick_methods::Methods;

use crate::module::apply;
use crate::network_laws::parts;
use crate::signal::Values;
use crate::{
    AveragePool, BasicBlock, Block, Connect, Context, Convolution, ConvolutionSettings, Dropout,
    Features, Flatten, GlobalAveragePool, Layer, Linear, LinearSettings, MaxPool, NetworkBuilder,
    Normalization, Parts, Pass, ResidualSettings, SewBlock, Signal, Spiking, ThresholdBatchNorm,
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

/// Output and the gradients with respect to the input and all parameters, as `layer` runs on the CPU and
/// as it runs where no kernel may read a tensor's memory.
fn both_ways(
    layer: &dyn Layer,
    parameters: &Parameters,
    x: &Tensor,
    context: Context,
) -> Result<[Vec<Tensor>; 2]> {
    let run = || -> Result<Vec<Tensor>> {
        let x = Var::from_tensor(x)?;
        let out = apply(layer, &x, context)?;
        let gradients = (&out * normal("weights", out.dims())?)?.sum_all()?.backward()?;
        let mut all = vec![out, gradients.get(&x).expect("a gradient").clone()];
        all.extend(
            parameters.learned().filter_map(|entry| gradients.get(&entry.variable).cloned()),
        );
        Ok(all)
    };
    let [kernels, composed] = [run()?, host::forbid(run)?];
    assert_eq!(kernels.len(), composed.len(), "gradients of {layer:?}");
    assert_same(&composed, &pretend(run)?, &format!("{layer:?} by the kernels of a device"))?;
    Ok([kernels, composed])
}

fn root(seed: u64) -> Scope<'static> {
    Scope::from(seeded(&Device::Cpu, Key::new(seed)))
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
            let root = root(3);
            let layer = Convolution::new(features, settings, root.clone())?;
            let x = normal("x", &[2, 3, height, width, inputs])?;
            let context = Context::training(2, Key::new(1));
            let [kernels, composed] = both_ways(&layer, &root.parameters(), &x, context)?;
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
    let few = Activity { time_steps: 4, planes: 1, density: 0.03, union_density: 0.03 };
    assert_eq!(narrow.forward_algorithm(few), Algorithm::Sparse);
    assert_eq!(narrow.weight_gradient_algorithm(few), Algorithm::Sparse);
    // All passes take the matrix unit of many spikes, if the machine has one.
    let wide = Conv2d { in_channels: 128, out_channels: 96, ..narrow };
    let many = Activity { density: 1.0, union_density: 1.0, ..few };
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
            let root = root(3);
            let layer = Convolution::new(features, settings, root.clone())?;
            let context = Context::training(4, Key::new(1));
            let [kernels, composed] = both_ways(&layer, &root.parameters(), &x, context)?;
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
        let root = root(3);
        let features = Features::Vector { size: inputs };
        let layer = Linear::new(features, LinearSettings::new(outputs), root.clone())?;
        let x = normal("x", &[2, 3, inputs])?;
        let context = Context::training(2, Key::new(1));
        let [kernels, composed] = both_ways(&layer, &root.parameters(), &x, context)?;
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
        let (scope, reference) = (root(2), root(2));
        let layers: Vec<Box<dyn Layer>> = vec![
            Box::new(Normalization::new(map, norm, true, scope.clone())?),
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
            let [kernels, composed] = both_ways(&**layer, &scope.parameters(), &x, context)?;
            assert_same(&kernels, &composed, &format!("{layer:?}, training: {training}"))?;
            visited += 1;
        }
        // All three ways moved the running statistics.
        let layer = Normalization::new(map, norm, true, reference.clone())?;
        for _ in 0..3 {
            apply(&layer, &normal("x", &[2, 3, 5, 4, 3])?, context)?;
        }
        for (a, b) in scope.parameters().iter().zip(reference.parameters().iter()) {
            assert!(largest(&a.variable, &b.variable)? < 1e-6, "{}", a.name);
        }
    }
    assert_eq!(visited, 16);
    Ok(())
}

/// A layer of every type that has no neurons, with the shape that it takes.
fn without_neurons(root: &Scope<'_>) -> Result<Vec<(Features, Arc<dyn Layer>)>> {
    let map = Features::Map { height: 5, width: 4, channels: 3 };
    let vector = Features::Vector { size: 6 };
    let settings = ConvolutionSettings { bias: true, stride: 2, ..ConvolutionSettings::same(2, 3) };
    let norm = ThresholdBatchNorm { factor: 0.5, branch_factor: 0.7, ..Default::default() };
    Ok(vec![
        (map, Arc::new(Convolution::new(map, settings, root.pp("convolution"))?)),
        (vector, Arc::new(Linear::new(vector, LinearSettings::new(4), root.pp("linear"))?)),
        (map, Arc::new(Normalization::new(map, norm, true, root.pp("norm"))?)),
        (map, Arc::new(AveragePool::new(map, 2)?)),
        (map, Arc::new(AveragePool::strided(map, 3, 2, 1)?)),
        (map, Arc::new(MaxPool::new(map, 2)?)),
        (map, Arc::new(MaxPool::strided(map, 3, 2, 1)?)),
        (map, Arc::new(GlobalAveragePool::new(map)?)),
        (map, Arc::new(Dropout::new("dropout", map, 0.3)?)),
        (map, Arc::new(Flatten::new(map))),
    ])
}

/// By the kernels and as on a device.
#[test]
fn every_layer_refuses_an_input_of_another_shape() -> Result<()> {
    let map = Features::Map { height: 5, width: 4, channels: 3 };
    let vector = Features::Vector { size: 6 };
    let (root, parts, methods) = (root(2), parts()?, Methods::new());
    let Parts { neuron, surrogate, .. } = &parts;
    let neurons = Spiking::new(map, neuron.clone(), surrogate.clone(), root.pp("neurons"))?;
    let settings = ConvolutionSettings::same(2, 3);
    let convolution = Block::convolution(map, settings, &parts, root.pp("block"))?;
    let linear = Block::linear(vector, LinearSettings::new(4), &parts, root.pp("hidden"))?;
    let builder = &mut NetworkBuilder::new(&root, &parts, &methods, 0);
    let residual = ResidualSettings::new(3, 1);
    let mut layers = without_neurons(&root)?;
    layers.push((map, Arc::new(neurons)));
    layers.push((map, Arc::new(convolution)));
    layers.push((vector, Arc::new(linear)));
    layers.push((map, Arc::new(BasicBlock::new(builder, "basic", map, residual)?)));
    layers.push((map, Arc::new(SewBlock::new(builder, "sew", map, residual, Connect::Add)?)));
    let mut visited = 0;
    for (features, layer) in &layers {
        let mut dims = vec![2, 2];
        dims.extend(features.dims());
        dims[2] += 1;
        let x = normal("x", &dims)?;
        let run = || apply(&**layer, &x, Context::training(2, Key::new(9)));
        for refused in [run(), host::forbid(run), pretend(run)] {
            let words = refused.unwrap_err().to_string();
            assert!(words.contains("input of "), "{layer:?}: {words}");
            assert!(words.contains(&format!("expected {features}, got ")), "{layer:?}: {words}");
            visited += 1;
        }
    }
    assert_eq!(visited, 3 * 15);
    Ok(())
}

/// Every differentiable layer without neurons, against central differences.
#[test]
fn gradients_are_finite_differences() -> Result<()> {
    let layers = without_neurons(&root(2))?;
    let context = Context::training(2, Key::new(9));
    let mut visited = 0;
    for (features, layer) in &layers {
        let mut dims = vec![2, 2];
        dims.extend(features.dims());
        let worst = largest_difference(&[spread(&normal("x", &dims)?)?], 1e-2, |x| {
            let out = apply(&**layer, &x[0], context)?;
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
        let x = Var::ones((1, 2, 7, 5, 2), candle_core::DType::F32, &Device::Cpu)?;
        let layer: Box<dyn Layer> = if maximum {
            Box::new(MaxPool::new(features, 2)?)
        } else {
            Box::new(AveragePool::new(features, 2)?)
        };
        let out = apply(&*layer, &x, Context::training(1, Key::new(1)))?;
        assert_eq!(out.dims(), [1, 2, 3, 2, 2]);
        let gradients = out.sum_all()?.backward()?;
        let gradient = gradients.get(&x).expect("a gradient");
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
            let nothing = root(2).parameters();
            let context = Context::training(5, Key::new(9));
            let numbers = normal("x", &[5, 2, height, width, channels])?;
            let spikes = numbers.gt(0.8)?.to_dtype(candle_core::DType::F32)?;
            let counts = (&spikes + numbers.gt(1.2)?.to_dtype(candle_core::DType::F32)?)?;
            for layer in &layers {
                let side = |size_of: usize| (size_of + 2 * padding - size) / stride + 1;
                let expected = Features::Map { height: side(height), width: side(width), channels };
                assert_eq!(layer.output(), expected, "{layer:?}");
                for x in [&numbers, &spikes, &counts] {
                    let [kernels, composed] = both_ways(&**layer, &nothing, x, context)?;
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
    let pass = Pass::new(Context::training(4, Key::new(1)), Arc::default(), &Device::Cpu);
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
