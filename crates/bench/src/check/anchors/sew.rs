//! A training step of SEW-ResNet-18 on images of `ImageNet`'s size.

use std::time::Duration;

use candle_core::{Device, Tensor};
use candlewick_core::Key;
use candlewick_core::parameters::seeded;
use candlewick_encode::Batch;
use candlewick_methods::{CrossEntropy, Methods};
use candlewick_network::{Features, Network, Parts, SewResNet};
use candlewick_neuron::Preset;
use candlewick_run::{CheckCell, CheckTable};
use candlewick_train::optimizer::Sgd;
use candlewick_train::{Settings, Stage};

use super::Anchor;
use crate::check::target::Repetitions;
use crate::check::times::{PRECISIONS, Unmeasured, unmeasured};
use crate::check::trainee::Trainee;
use crate::check::{DeviceCheck, Result, StepTime};

/// Published times in milliseconds: SpikingJelly's own, on an RTX 4090 under bf16 autocast.
const PUBLISHED: [(&str, f64); 3] = [
    ("SpikingJelly, PyTorch eager", 232.0),
    ("SpikingJelly, PyTorch compiled", 145.0),
    ("SpikingJelly, Triton", 129.0),
];

const SOURCE: &str = "pull request 740 of fangwei123456/spikingjelly";

/// As in the published measurement, of which it is also the number of repetitions.
const PLAN: Repetitions = Repetitions { warm_up: 11, timed: 20, at_most: Duration::from_secs(20) };

/// What a step has.
#[derive(Clone, Copy)]
struct Size {
    batch: usize,
    time_steps: usize,
    side: usize,
    classes: usize,
    width: f32,
}

const PUBLISHED_SIZE: Size =
    Size { batch: 112, time_steps: 4, side: 224, classes: 1000, width: 1.0 };

/// For the host, and for a quick look.
const SMALL: Size = Size { batch: 2, time_steps: 2, side: 32, classes: 10, width: 1.0 / 16.0 };

/// Times the training step in each precision.
pub fn measure_sew(check: &DeviceCheck) -> Vec<StepTime> {
    let (target, size) = (&check.target, size(check));
    let measure = |(precision, name)| {
        let outcome = if check.is_over() {
            Err(Unmeasured::Late)
        } else {
            let made = target.run(|| trainee(size, &target.device()));
            unmeasured(made.and_then(|mut trainee| {
                trainee.precision = precision;
                target.time(PLAN, || trainee.step().map(drop))
            }))
        };
        let Size { batch, time_steps, .. } = size;
        StepTime { net: "sew-resnet-18", batch, time_steps, precision: name, outcome }
    };
    PRECISIONS.into_iter().rev().map(measure).collect()
}

fn size(check: &DeviceCheck) -> Size {
    match (check.target.is_timed(), check.quick) {
        (true, false) => PUBLISHED_SIZE,
        (true, true) => Size { batch: 8, ..PUBLISHED_SIZE },
        (false, _) => SMALL,
    }
}

/// The times beside the published ones.
pub(super) fn show(anchor: &mut Anchor<'_>, times: &[StepTime]) {
    let size = size(anchor.check);
    let headers =
        ["SEW-ResNet-18, training step", "on", "precision", "batch", "ms", "images/s", "source"];
    let mut table = CheckTable::new(&headers);
    for (name, milliseconds) in PUBLISHED {
        table.rows.push(vec![
            name.into(),
            "RTX 4090".into(),
            "bf16 autocast".into(),
            CheckCell::count(PUBLISHED_SIZE.batch as u64),
            CheckCell::number(milliseconds, 0),
            CheckCell::number(1e3 * PUBLISHED_SIZE.batch as f64 / milliseconds, 0),
            SOURCE.into(),
        ]);
    }
    for time in times {
        let (name, batch) = (time.precision, time.batch);
        let (cell, images) = match &time.outcome {
            Ok((seconds, _)) => {
                (CheckCell::number(1e3 * seconds, 1), CheckCell::number(batch as f64 / seconds, 0))
            }
            Err(reason) => {
                let words = reason.words();
                if matches!(reason, Unmeasured::Failed(_)) {
                    let what = format!("SEW-ResNet-18, batch {batch}, {name}");
                    anchor.failures.push(format!("{what}: {words}."));
                }
                (words.into(), "–".into())
            }
        };
        table.rows.push(vec![
            "candlewick".into(),
            "this device".into(),
            name.into(),
            CheckCell::count(batch as u64),
            cell,
            images,
            "here".into(),
        ]);
    }
    anchor.tables.push(table);
    anchor.notes.push(format!(
        "SEW-ResNet-18 here has the neuron and surrogate of SpikingJelly's defaults, {0}×{0} pixels, T = {1}, classes: {2}; published are 224×224, T = 4, classes: 1000.",
        size.side, size.time_steps, size.classes
    ));
    anchor.notes.push(format!(
        "A step is forward, loss, backward and SGD; {} steps come before those that are timed, and the median is that of at most {}, as published.",
        PLAN.warm_up, PLAN.timed
    ));
    anchor.notes.push(
        "The published step holds activations in bf16 too; here they are f32, and bf16 and tf32 are how products round.".to_owned(),
    );
}

fn trainee(size: Size, device: &Device) -> Result<Trainee> {
    let Size { batch, time_steps, side, classes, width } = size;
    let preset = Preset::named("spikingjelly")?;
    let mut parts = Parts::new(preset.neuron.model(), preset.surrogate.shared());
    parts.time_steps = time_steps;
    let methods = Methods::new().with(CrossEntropy::default());
    let image = Features::Map { height: side, width: side, channels: 3 };
    let builder = seeded(device, Key::new(1));
    let plan = SewResNet { width, ..SewResNet::default() };
    let network = Network::new(&plan, &parts, &methods, image, classes, builder)?;
    let mut stream = Key::new(1).named("batch").stream();
    let values: Vec<f32> = (0..batch * side * side * 3).map(|_| stream.normal()).collect();
    let labels: Vec<u32> = (0..batch).map(|sample| (sample % classes) as u32).collect();
    let batch = Batch {
        input: Tensor::from_vec(values, (1, batch, side, side, 3), &Device::Cpu)?,
        labels: Tensor::from_vec(labels, batch, &Device::Cpu)?,
        indices: (0..batch).collect(),
        mixed: None,
        total: batch,
    };
    let rule = Sgd { learning_rate: 0.01, momentum: 0.9, ..Sgd::default() };
    let settings = Settings {
        stages: vec![Stage::new(1, time_steps)],
        optimizer: rule.into(),
        ..Settings::default()
    };
    Trainee::new(network, methods, batch, &settings, device)
}
