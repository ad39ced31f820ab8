//! Laws of the mathematics of losses and methods, and the pitfalls of the papers.

use std::ops::Range;
use std::sync::Arc;

use candle_core::{Device, Tensor, Var};
use candlewick_core::gradient_check::largest_difference;
use candlewick_core::parameters::{Scope, seeded};
use candlewick_core::weight_rule::{Shares, Side, WeightGradientRule, WeightSite};
use candlewick_core::{Key, Result};
use candlewick_kernels::simd::{Level, limit};
use candlewick_neuron::{Lif, Settings};
use candlewick_surrogate::{AnySurrogate, Effective, Site, Surrogate, SurrogateRule};

use crate::{
    AnyLoss, CrossEntropy, GradientScaling, Loss, MaskSite, MaskedSurrogate, Method,
    ParametricSurrogate, PostSource, SpikingSite, Tet, TraceTime,
};

mod registered;

fn logits(seed: u64, dims: (usize, usize, usize)) -> Result<Tensor> {
    let mut stream = Key::new(seed).stream();
    let values: Vec<f32> = (0..dims.0 * dims.1 * dims.2).map(|_| 2.0 * stream.normal()).collect();
    Ok(Tensor::from_vec(values, dims, &Device::Cpu)?)
}

#[test]
fn the_gradient_of_every_loss_is_that_of_finite_differences() -> Result<()> {
    let labels = Tensor::new(&[0_u32, 2, 1], &Device::Cpu)?;
    let mut visited = 0;
    for loss in AnyLoss::all() {
        assert_eq!(Loss::problem(&*loss), None);
        let worst = largest_difference(&[logits(1, (2, 3, 4))?], 1e-2, |x| {
            // The check weights what it is given: a scalar gets a weight of its own.
            Ok((Loss::loss(&*loss, &x[0], &labels)? * 4.0)?)
        })?;
        assert!(worst < 1e-3, "{loss:?}: {worst}");
        visited += 1;
    }
    assert_eq!(visited, AnyLoss::NAMES.len());
    Ok(())
}

#[test]
fn every_loss_refuses_other_shapes_and_names_the_expected_one() -> Result<()> {
    let labels = Tensor::new(&[0_u32, 2, 1], &Device::Cpu)?;
    let fitting = logits(1, (2, 3, 4))?;
    let mut visited = 0;
    for loss in AnyLoss::all() {
        assert!(Loss::loss(&*loss, &fitting, &labels)?.dims().is_empty(), "{loss:?}: a scalar");
        for dims in [&[24][..], &[6, 4], &[1, 2, 3, 4]] {
            let refused = Loss::loss(&*loss, &fitting.reshape(dims)?, &labels).unwrap_err();
            let expected = format!("logits: expected [T, B, K], got {dims:?}");
            assert_eq!(refused.to_string(), expected, "{loss:?}");
            visited += 1;
        }
        for labels in [labels.narrow(0, 0, 2)?, labels.repeat(2)?, labels.unsqueeze(1)?] {
            let refused = Loss::loss(&*loss, &fitting, &labels).unwrap_err().to_string();
            let got = format!("got {:?}", labels.dims());
            let expected = format!("labels: expected [3], one per sample of the logits, {got}");
            assert_eq!(refused, expected, "{loss:?}");
            visited += 1;
        }
    }
    assert_eq!(visited, 6 * AnyLoss::NAMES.len());
    Ok(())
}

/// TET, lemma 4.1: the loss of the mean is at most the mean of the losses; they meet at T = 1.
#[test]
fn sdt_is_at_most_tet_and_equal_at_one_step() -> Result<()> {
    let labels = Tensor::new(&[0_u32, 3, 1, 1, 2], &Device::Cpu)?;
    let tet = Tet { lambda: 0.0, ..Tet::default() };
    let mut visited = 0;
    for seed in 0..40 {
        let time_steps = 1 + seed as usize % 5;
        let x = logits(seed, (time_steps, 5, 4))?;
        let of_the_mean = Loss::loss(&CrossEntropy::default(), &x, &labels)?.to_scalar::<f32>()?;
        let of_each = Loss::loss(&tet, &x, &labels)?.to_scalar::<f32>()?;
        assert!(of_the_mean <= of_each + 1e-6, "{of_the_mean} {of_each}");
        if time_steps == 1 {
            assert!((of_the_mean - of_each).abs() < 1e-6);
        } else {
            assert!(of_each - of_the_mean > 1e-4);
        }
        visited += 1;
    }
    assert_eq!(visited, 40);
    Ok(())
}

/// TET, eq. 9: `(softmax(O(t)) - onehot) / T`, here per sample of the batch.
#[test]
fn the_gradient_of_tet_is_the_published_one() -> Result<()> {
    let x = Var::from_tensor(&logits(3, (2, 3, 4))?)?;
    let labels = Tensor::new(&[0_u32, 2, 1], &Device::Cpu)?;
    let loss = Loss::loss(&Tet { lambda: 0.0, ..Tet::default() }, &x, &labels)?;
    let gradient = loss.backward()?.get(&x).expect("a gradient").to_vec3::<f32>()?;
    let softmax = candle_nn::ops::softmax(&x, 2)?.to_vec3::<f32>()?;
    let mut visited = 0;
    for t in 0..2 {
        for (sample, label) in [0, 2, 1].into_iter().enumerate() {
            for class in 0..4 {
                let onehot = f32::from(u8::from(class == label));
                let expected = (softmax[t][sample][class] - onehot) / (2.0 * 3.0);
                assert!((gradient[t][sample][class] - expected).abs() < 1e-6);
                visited += 1;
            }
        }
    }
    assert_eq!(visited, 24);
    Ok(())
}

fn masked(method: &MaskedSurrogate, key: Key, n: usize) -> Result<Vec<f32>> {
    let mut out = vec![0.0; n];
    mask(method, key, n)?.derivative(0, &vec![0.1; n], &mut out);
    Ok(out)
}

/// A sigmoid behind the mask of `n` elements.
fn mask(method: &MaskedSurrogate, key: Key, n: usize) -> Result<Arc<dyn Surrogate>> {
    let surrogate = AnySurrogate::named("sigmoid")?.shared();
    let current = Effective { surrogate: surrogate.clone(), parameter: None };
    let root = Scope::from(seeded(&Device::Cpu, Key::new(1)));
    Ok(match rule(method, &surrogate, &root)? {
        Some(rule) => rule.apply(current, Site { key, elements: n, time_steps: 1 })?.surrogate,
        None => surrogate,
    })
}

/// The rule of `method` for a layer with this surrogate.
fn rule(
    method: &dyn Method,
    surrogate: &Arc<dyn Surrogate>,
    scope: &Scope<'_>,
) -> Result<Option<Arc<dyn SurrogateRule>>> {
    let neuron = Lif::default().model();
    let site = SpikingSite { surrogate, neuron: &neuron, learned: &[], gammas: &[] };
    method.surrogate_rule(&site, scope)
}

/// The share of zeros is p, within three standard deviations; what is left is the surrogate's own
/// derivative, or scaled by what the mask really leaves, in steps of 2⁻¹⁶.
#[test]
fn a_mask_zeroes_its_share() -> Result<()> {
    let n = 100_000;
    let mut visited = 0;
    for p in [0.0, 0.1, 0.5, 0.9, 1.0] {
        for rescale in [false, true] {
            if rescale && p == 1.0 {
                continue;
            }
            let method = MaskedSurrogate { p, rescale, ..MaskedSurrogate::default() };
            assert_eq!(method.problem(), None);
            let derivative = masked(&method, Key::new(7), n)?;
            let zeros = derivative.iter().filter(|&&d| d == 0.0).count() as f64 / n as f64;
            let deviation = (f64::from(p) * f64::from(1.0 - p) / n as f64).sqrt();
            assert!((zeros - f64::from(p)).abs() <= 3.0 * deviation + 1e-5, "p {p}: {zeros}");
            let plain = masked(&MaskedSurrogate { p: 0.0, ..method.clone() }, Key::new(7), 1)?[0];
            let kept = 1.0 - (p * 65_536.0_f32).round() / 65_536.0;
            let scale = if rescale { 1.0 / kept } else { 1.0 };
            for kept in derivative.iter().filter(|&&d| d != 0.0) {
                assert!((kept - plain * scale).abs() < 1e-6);
            }
            visited += 1;
        }
    }
    assert_eq!(visited, 9);
    Ok(())
}

/// The mask of an element depends on its place alone: not on the part that is asked for, nor on the
/// instruction set; and it is another one for every key.
#[test]
fn a_mask_is_a_function_of_key_and_place() -> Result<()> {
    let method = MaskedSurrogate::default();
    let mask = mask(&method, Key::new(1), 1000)?;
    let mut whole = vec![0.0; 1000];
    mask.derivative(0, &vec![0.1; 1000], &mut whole);
    let mut visited = 0;
    for (first, length) in [(0, 1), (1, 130), (127, 2), (500, 500), (999, 1)] {
        let mut part = vec![0.0; length];
        mask.derivative(first as u64, &vec![0.1; length], &mut part);
        assert_eq!(part, whole[first..first + length]);
        let tensor = Tensor::full(0.1_f32, length, &Device::Cpu)?;
        let composed = mask.derivative_tensor(first as u64, &tensor)?.to_vec1::<f32>()?;
        for (a, b) in part.iter().zip(composed) {
            assert!((a - b).abs() < 1e-6);
        }
        visited += 1;
    }
    assert_eq!(visited, 5);
    limit(Level::Portable);
    let portable = masked(&method, Key::new(1), 1000);
    limit(Level::Best);
    assert_eq!(portable?, whole);
    assert_ne!(masked(&method, Key::new(2), 1000)?, whole);
    Ok(())
}

/// A learned parameter: the value stays in its range, and the gradient is the mean.
#[test]
fn a_learned_parameter_stays_in_its_range() -> Result<()> {
    let method = || ParametricSurrogate { range: 2.0, ..ParametricSurrogate::default() };
    let mut visited = 0;
    for base in AnySurrogate::all() {
        let Some(start) = base.parameter().filter(|&parameter| parameter > 0.0) else {
            continue;
        };
        for (log, expected) in [(start.ln(), start), (100.0, 2.0 * start), (-100.0, 0.5 * start)] {
            let scope = Scope::from(seeded(&Device::Cpu, Key::new(1))).pp("neuron");
            let rule = rule(&method(), &base.shared(), &scope)?.expect("a rule");
            let parameters = scope.parameters();
            let learned = &parameters.get("neuron.surrogate").expect("a scalar").variable;
            learned.set(&Tensor::new(&[log], &Device::Cpu)?)?;
            let current = Effective { surrogate: base.shared(), parameter: None };
            let site = Site { key: Key::new(1), elements: 8, time_steps: 2 };
            let effective = rule.apply(current, site)?;
            let parameter = effective.surrogate.parameter().expect("it has one");
            assert!((parameter / expected - 1.0).abs() < 1e-5, "{base:?}: {parameter}");
            let tensor = effective.parameter.expect("it is learned");
            let gradient = tensor.sum_all()?.backward()?;
            let gradient = gradient.get(learned).expect("a gradient").to_vec1::<f32>()?[0];
            // d e^λ / dλ = e^λ, over 8 elements.
            assert!((gradient / (expected / 8.0) - 1.0).abs() < 1e-5, "{base:?}: {gradient}");
            visited += 1;
        }
    }
    assert!(visited >= 12);
    Ok(())
}

/// M stays in [1 - alpha, 1]; silent neurons leave the plain gradient; alpha 0 is the identity.
#[test]
fn gradient_scaling_stays_in_its_range() {
    let (time_steps, inputs, outputs) = (4, 5, 3);
    let mut stream = Key::new(5).stream();
    let mut spikes = |n: usize| -> Vec<f32> {
        (0..time_steps * n).map(|_| f32::from(u8::from(stream.bernoulli(0.4)))).collect()
    };
    let (pre, post) = (spikes(inputs), spikes(outputs));
    let silent = vec![0.0; time_steps * outputs];
    // The gradient with respect to the output is 1 everywhere.
    let shared = |shares: Shares<'_>, out: &mut [f32]| {
        let rows = shares.scales.len();
        for (index, out) in out.iter_mut().enumerate() {
            let (input, output) = (index / outputs, index % outputs);
            let part = |t: usize| {
                let row = t.min(rows - 1);
                let value = shares.values[(input * rows + row) * outputs + output];
                pre[t * inputs + input] * (shares.scales[row][0] + shares.scales[row][1] * value)
            };
            *out = (0..time_steps).map(part).sum();
        }
    };
    let plain = |out: &mut [f32]| {
        for (sum, out) in out.chunks_mut(outputs).enumerate() {
            out.fill(pre.iter().skip(sum).step_by(inputs).sum());
        }
    };
    let mut visited = 0;
    for post_source in [PostSource::Post, PostSource::Pre] {
        for trace_time in [TraceTime::Step, TraceTime::Final] {
            let rule = GradientScaling { alpha: 0.3, post_source, trace_time };
            let run = |rule: &GradientScaling, post: &[f32]| {
                let mut gradient = vec![0.0; inputs * outputs];
                let coincide =
                    |_: Side, decay: f32, steps: Range<usize>, body: &mut dyn FnMut(&[f32])| {
                        let mut all = vec![0.0; inputs * steps.len() * outputs];
                        let trace = |spikes: &[f32], count: usize, neuron: usize, t: usize| {
                            let spikes = spikes.chunks(count).take(t + 1);
                            spikes.fold(0.0, |trace, spikes| decay * trace + spikes[neuron])
                        };
                        for (index, out) in all.iter_mut().enumerate() {
                            let (row, o) = (index / outputs, index % outputs);
                            let (i, t) = (row / steps.len(), steps.start + row % steps.len());
                            *out = trace(&pre, inputs, i, t) * trace(post, outputs, o, t);
                        }
                        body(&all);
                    };
                let site = WeightSite {
                    time_steps,
                    outputs,
                    same_shape: false,
                    coincide: &coincide,
                    shared: &shared,
                    plain: &plain,
                    key: Key::new(0),
                };
                rule.weight_gradient(site, &mut gradient);
                gradient
            };
            let plain = run(&GradientScaling { alpha: 0.0, ..rule.clone() }, &post);
            for (scaled, plain) in run(&rule, &post).iter().zip(&plain) {
                assert!(*scaled <= plain + 1e-6 && *scaled >= 0.7 * plain - 1e-6);
            }
            assert_eq!(run(&rule, &silent), plain);
            let changes = run(&rule, &post) != plain;
            assert_eq!(changes, post_source == PostSource::Post, "shapes differ: the slip is off");
            assert!(rule.weight_rule().is_some());
            visited += 1;
        }
    }
    assert_eq!(visited, 4);
}

/// On weights too, what a mask leaves is divided by the share that it really leaves, in steps of 2⁻¹⁶.
#[test]
fn a_mask_on_weights_rescales_by_its_own_probability() {
    let mut visited = 0;
    for p in [0.1_f32, 0.3, 2.2e-5, 0.9999] {
        let rule = MaskedSurrogate { p, rescale: true, site: MaskSite::Weight };
        let site = WeightSite {
            time_steps: 1,
            outputs: 1,
            same_shape: true,
            coincide: &|_, _, _, _| {},
            shared: &|_, _| {},
            plain: &|gradient| gradient.fill(1.0),
            key: Key::new(3),
        };
        let mut gradient = vec![0.0; 100_000];
        rule.weight_gradient(site, &mut gradient);
        let left = 1.0 - (p * 65_536.0).round() / 65_536.0;
        let kept = gradient.iter().filter(|&&value| value != 0.0);
        assert!(kept.clone().count() > 0 && kept.clone().all(|&value| value == 1.0 / left), "{p}");
        visited += 1;
    }
    assert_eq!(visited, 4);
}

/// Settings with which a rule would change nothing make no rule, so that the bits are those of the
/// baseline.
#[test]
fn what_changes_nothing_is_no_rule() -> Result<()> {
    let surrogate = AnySurrogate::named("sigmoid")?.shared();
    let root = Scope::from(seeded(&Device::Cpu, Key::new(1)));
    assert!(GradientScaling { alpha: 0.0, ..Default::default() }.weight_rule().is_none());
    let mut visited = 0;
    // The last is rounded to 0.
    for (p, acts) in [(0.5, true), (0.0, false), (1e-6, false)] {
        for (site, on_weights) in [(MaskSite::Membrane, false), (MaskSite::Weight, true)] {
            let method = MaskedSurrogate { p, site, rescale: false };
            assert_eq!(method.weight_rule().is_some(), acts && on_weights, "{method:?}");
            let on_surrogate = rule(&method, &surrogate, &root)?.is_some();
            assert_eq!(on_surrogate, acts && !on_weights, "{method:?}");
            visited += 1;
        }
    }
    assert_eq!(visited, 6);
    // What is rounded to 1 leaves nothing that could be scaled.
    let method = MaskedSurrogate { p: 0.999_999, rescale: true, ..Default::default() };
    assert_eq!(Method::problem(&method).map(|(field, _)| field), Some("p"));
    Ok(())
}
