//! Tests of the normalization.

use candle_core::Device;
use candlewick_core::Key;
use candlewick_core::parameters::seeded;
use candlewick_device::pretend;
use candlewick_ranks::{Alone, Shards};

use super::*;
use crate::module::apply;
use crate::{Context, synchronized};

/// An input given once, for four steps, moves the statistics as if it had been given four times.
#[test]
fn a_constant_input_counts_once_per_time_step() -> Result<()> {
    let mut variances = Vec::new();
    for repeats in [1, 4] {
        let features = Features::Vector { size: 1 };
        let settings = ThresholdBatchNorm::default();
        let scope = seeded(&Device::Cpu, Key::new(1));
        let layer = Normalization::new(features, settings, false, scope)?;
        let x = Tensor::new(&[[[1.0_f32], [3.0]]], &Device::Cpu)?.repeat((repeats, 1, 1))?;
        apply(&layer, &x, Context::training(4, Key::new(1)))?;
        variances.push(layer.running_variance.to_vec1::<f32>()?[0]);
    }
    // 0.9 · 1 + 0.1 · 8/7 · 1
    assert_eq!(variances, [variances[0]; 2]);
    assert!((variances[0] - (0.9 + 0.8 / 7.0)).abs() < 1e-6);
    Ok(())
}

/// tdBN is batch normalization whose weight starts at `alpha · v_threshold`, and starts as such: in
/// training, and with the running statistics that the training leaves.
#[test]
fn tdbn_is_batch_normalization_with_a_weight_of_alpha_v_threshold() -> Result<()> {
    let features = Features::Map { height: 3, width: 3, channels: 4 };
    let mut stream = Key::new(2).stream();
    let values: Vec<f32> = (0..5 * 2 * 36).map(|_| 0.5 + 2.0 * stream.normal()).collect();
    let x = Tensor::from_vec(values, (5, 2, 3, 3, 4), &Device::Cpu)?;
    let mut visited = 0;
    for (alpha, v_threshold, in_branch) in
        [(1.0, 0.5, false), (0.5_f32.sqrt(), 0.5, true), (0.5_f32.sqrt(), 1.5, true)]
    {
        let mut outputs = Vec::new();
        for weight_has_it in [false, true] {
            let scope = Scope::from(seeded(&Device::Cpu, Key::new(1)));
            let settings = if weight_has_it {
                ThresholdBatchNorm::default()
            } else {
                ThresholdBatchNorm {
                    factor: v_threshold,
                    branch_factor: 0.5_f32.sqrt(),
                    ..ThresholdBatchNorm::default()
                }
            };
            let layer = Normalization::new(features, settings, in_branch, scope.clone())?;
            if weight_has_it {
                let parameters = scope.parameters();
                let gamma = &parameters.get("gamma").expect("a weight").variable;
                gamma.set(&gamma.ones_like()?.affine(f64::from(alpha * v_threshold), 0.0)?)?;
            }
            for context in [Context::training(5, Key::new(1)), Context::evaluation(5)] {
                let run = || apply(&layer, &x, context);
                outputs.push([host::forbid(run)?, pretend(run)?, run()?]);
            }
        }
        let [tdbn_training, tdbn, training, evaluation] = &outputs[..] else {
            unreachable!("two layers, two passes")
        };
        for (tdbn, plain) in [(tdbn_training, training), (tdbn, evaluation)] {
            for (tdbn, plain) in tdbn.iter().zip(plain) {
                let distance = (tdbn - plain)?.abs()?.max_all()?.to_scalar::<f32>()?;
                assert!(distance < 1e-6, "{alpha} · {v_threshold}: {distance}");
                assert!(plain.abs()?.max_all()?.to_scalar::<f32>()? > 0.5);
                visited += 1;
            }
        }
    }
    assert_eq!(visited, 18);
    Ok(())
}

/// Shards of different sizes, each on a thread of its own, compute what the whole batch computes: outputs,
/// running statistics, and the gradients of a loss that is the mean over the batch.
#[test]
fn synchronized_shards_are_the_whole_batch() -> Result<()> {
    let (steps, features) = (3, Features::Map { height: 2, width: 3, channels: 4 });
    let sizes = [1, 2, 2, 2];
    let mut stream = Key::new(3).stream();
    let mut values =
        |count: usize| -> Vec<f32> { (0..count).map(|_| 0.5 + 2.0 * stream.normal()).collect() };
    let shape = (steps, 7, 2, 3, 4);
    let [x, weight] = [values(steps * 7 * 24), values(steps * 7 * 24)]
        .map(|values| Tensor::from_vec(values, shape, &Device::Cpu));
    let (x, weight) = (Var::from_tensor(&x?)?, weight?);
    let scope = || Scope::from(seeded(&Device::Cpu, Key::new(1)));
    let make = |scope: &Scope<'_>| {
        Normalization::new(features, ThresholdBatchNorm::default(), false, scope.clone())
    };
    let context = Context::training(steps, Key::new(1));
    // Output and gradients with respect to input, gamma and beta of the mean of weighted outputs.
    let run = |layer: &Normalization, x: &Tensor, weight: &Tensor| -> Result<[Tensor; 4]> {
        let x = Var::from_tensor(x)?;
        let out = apply(layer, &x, context)?;
        let gradients = (&out * weight)?.mean_all()?.backward()?;
        let of = |tensor: &Tensor| gradients.get(tensor).expect("a gradient").clone();
        Ok([out.detach(), of(&x), of(&layer.gamma), of(&layer.beta)])
    };
    let whole = make(&scope())?;
    let expected = run(&whole, &x, &weight)?;

    let shards = Shards::new(4, Arc::new(Alone)).expect("4 shards of one rank");
    let layer = make(&scope())?;
    let mut first = 0;
    let found = std::thread::scope(|scope| {
        let threads: Vec<_> = Seat::all(&shards)
            .into_iter()
            .zip(sizes)
            .map(|(seat, size)| {
                let (layer, run) = (&layer, &run);
                let part = |of: &Tensor| of.narrow(1, first, size)?.contiguous();
                let (x, weight) = (part(&x), part(&weight));
                first += size;
                scope.spawn(move || synchronized(seat, || run(layer, &x?, &weight?)))
            })
            .collect();
        let joined = threads.into_iter().map(|thread| thread.join().expect("no panic"));
        joined.collect::<Result<Vec<_>>>()
    })?;
    let shares = sizes.map(|size| f64::from(size as u32) / 7.0);
    let of_samples = |index: usize, scaled: bool| -> Result<Tensor> {
        let parts = found
            .iter()
            .zip(shares)
            .map(|(found, share)| found[index].affine(if scaled { share } else { 1.0 }, 0.0));
        Ok(Tensor::cat(&parts.collect::<candle_core::Result<Vec<_>>>()?, 1)?)
    };
    let of_parameter = |index: usize| -> Result<Tensor> {
        let sum = found
            .iter()
            .zip(shares)
            .try_fold(found[0][index].zeros_like()?, |sum, (found, share)| {
                sum + (&found[index] * share)?
            });
        Ok(sum?)
    };
    let found = [of_samples(0, false)?, of_samples(1, true)?, of_parameter(2)?, of_parameter(3)?];
    let mut visited = 0;
    let mut close = |found: &Tensor, expected: &Tensor| -> Result<()> {
        let distance = (found - expected)?.abs()?.max_all()?.to_scalar::<f32>()?;
        assert!(distance < 1e-6, "{visited}: {distance}");
        assert!(expected.abs()?.max_all()?.to_scalar::<f32>()? > 0.005);
        visited += 1;
        Ok(())
    };
    for (found, expected) in found.iter().zip(&expected) {
        close(found, expected)?;
    }
    close(&layer.running_mean, &whole.running_mean)?;
    close(&layer.running_variance, &whole.running_variance)?;
    assert_eq!(visited, 6);
    Ok(())
}
