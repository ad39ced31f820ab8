//! Steps made of candle operations, as on a device, are the steps of the kernels.

use candle_core::Device;
use candlewick_core::parameters::seeded;
use candlewick_core::{Key, host};
use candlewick_datasets::Split;
use candlewick_device::pretend;
use candlewick_encode::Batch;
use candlewick_methods::{AnyLoss, AnyMethod, CrossEntropy, MethodSettings, Methods};
use candlewick_network::{Features, Network};
use candlewick_train::optimizer::{AdamW, Sgd};
use candlewick_train::{AnyOptimizer, Groups, Optimizer, StepSettings, step};

use crate::bench::{Result, digits};

/// The loss of each of three steps with clipped gradients, and all parameters and statistics after
/// them, by name.
type Course = (Vec<f64>, Vec<(String, Vec<f32>)>);

fn three_steps(rule: &AnyOptimizer, mut methods: Methods, batches: &[Batch; 3]) -> Result<Course> {
    let image = Features::Map { height: 8, width: 8, channels: 1 };
    // Without biases before the normalizations: the gradients of such ones are rounding errors, of
    // which Adam makes whole steps.
    let network = Network::spec("6C3-AP2-8C3-FC10").methods(&methods).build(
        image,
        10,
        seeded(&Device::Cpu, Key::new(5)),
    )?;
    let parameters = network.parameters();
    let mut optimizer = Optimizer::new(rule, Groups::default(), parameters)?;
    let mut losses = Vec::new();
    for (number, batch) in batches.iter().enumerate() {
        let key = Key::new(1).at(number as u64);
        let settings = StepSettings { clip_norm: Some(0.5), ..StepSettings::new(4, key) };
        losses.push(step(&network, &mut methods, &mut optimizer, batch, &settings)?.loss);
    }
    let mut after = Vec::new();
    for entry in parameters.iter() {
        after.push((entry.name.clone(), entry.variable.flatten_all()?.to_vec1()?));
    }
    Ok((losses, after))
}

/// Every registered optimizer, with everything that it remembers.
fn optimizers() -> Vec<AnyOptimizer> {
    let mut all = AnyOptimizer::all();
    for rule in &mut all {
        // Others remember everything by their defaults.
        if let AnyOptimizer::Sgd(sgd) = rule {
            *sgd = Sgd { learning_rate: 0.1, momentum: 0.9, nesterov: true, weight_decay: 0.01 };
        } else if let AnyOptimizer::AdamW(adam) = rule {
            *adam = AdamW { weight_decay: 0.1, ..*adam };
        }
    }
    all
}

#[test]
fn steps_on_a_device_are_those_of_the_kernels() -> Result<()> {
    let batches: Vec<Batch> = digits(Split::Train, 96)?[0]
        .epoch(0, 0)?
        .collect::<Result<_, candlewick_encode::Error>>()?;
    let batches: [Batch; 3] = batches.try_into().map_err(|_| "three batches of 32")?;
    let with = |methods, loss: AnyLoss| (MethodSettings(methods), loss);
    let losses = AnyLoss::all().into_iter().map(|loss| with(Vec::new(), loss));
    let methods = AnyMethod::all().into_iter();
    let methods = methods.map(|method| with(vec![method], CrossEntropy::default().into()));
    let cases: Vec<_> = losses.chain(methods).collect();
    let mut visited = 0;
    for rule in optimizers() {
        for (settings, loss) in &cases {
            let run = || three_steps(&rule, settings.methods(loss), &batches);
            let (losses, kernels) = run()?;
            for (path, device) in [("composed", host::forbid(run)?), ("kernels", pretend(run)?)] {
                let (on_device, composed) = device;
                let what = format!("{rule:?}, {loss:?}, {settings:?}, {path}");
                for (a, b) in losses.iter().zip(&on_device) {
                    assert!((a - b).abs() < 1e-5, "{what}: {losses:?} {on_device:?}");
                }
                assert_eq!(kernels.len(), composed.len());
                for ((name, a), (_, b)) in kernels.iter().zip(&composed) {
                    let largest = a.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
                    let differences = a.iter().zip(b).map(|(a, b)| (a - b).abs());
                    let difference = differences.fold(0.0_f32, f32::max);
                    assert!(
                        difference <= 1e-4 * largest,
                        "{what}, {name}: {difference} of {largest}"
                    );
                }
            }
            visited += 1;
        }
    }
    let combinations = AnyLoss::NAMES.len() + AnyMethod::NAMES.len();
    assert_eq!(visited, AnyOptimizer::NAMES.len() * combinations);
    Ok(())
}
