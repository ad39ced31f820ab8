//! A linear layer with LIF neurons over many time steps.

use std::time::Duration;

use candle_core::{Device, Tensor};
use candle_nn::ModuleT;
use candlewick_core::Key;
use candlewick_core::parameters::seeded;
use candlewick_network::{Block, Features, LinearSettings, Parts};
use candlewick_neuron::Preset;
use candlewick_run::{CheckCell, CheckTable};

use super::Anchor;
use crate::check::Result;
use crate::check::target::{Repetitions, Target, Timed};

const PLAN: Repetitions = Repetitions { warm_up: 3, timed: 20, at_most: Duration::from_secs(6) };

/// Features, time steps, samples.
const SIZE: [usize; 3] = [4096, 500, 16];

pub(super) fn measure(anchor: &mut Anchor<'_>) {
    let target = anchor.check.target.clone();
    let size = match (target.is_timed(), anchor.check.quick) {
        (true, false) => SIZE,
        (true, true) => [1024, 100, 16],
        (false, _) => [16, 10, 2],
    };
    let [features, time_steps, samples] = size;
    let headers = ["Linear(n, n) + LIF", "n", "T", "batch", "ms", "TFLOP/s"];
    let mut table = CheckTable::new(&headers);
    // Products of the forward pass, and those of both gradients.
    for (pass, backward, products) in [("forward", false, 1), ("forward and backward", true, 3)] {
        let before = anchor.failures.len();
        let over = anchor.check.is_over();
        let outcome = if over { Ok(None) } else { time(&target, size, backward) };
        let what = format!("Linear({features}, {features}) + LIF, {pass}");
        let seconds = anchor.time(&what, "the number of time steps", outcome);
        let operations = 2 * products * features * features * time_steps * samples;
        let rate = seconds.map(|seconds| CheckCell::number(operations as f64 / seconds / 1e12, 1));
        let mut row: Vec<CheckCell> = vec![format!("{pass}, f32, synchronized").into()];
        row.extend(size.map(|count| CheckCell::count(count as u64)));
        row.push(anchor.cell(seconds, before));
        row.push(rate.unwrap_or_else(|| "–".into()));
        table.rows.push(row);
    }
    let published = ["published, forward, f32, not synchronized", "4,096 to 16,384", "500", "16"];
    let mut row: Vec<CheckCell> = published.map(CheckCell::from).into();
    row.extend(["no time of a device".into(), CheckCell::number(224.0, 0)]);
    table.rows.push(row);
    anchor.tables.push(table);
    anchor.notes.push(
        "The script of the open-neuromorphic benchmark does not wait for the device, so that its forward times are not those of the device: they imply 224 TFLOP/s in f32 on a card that has 83.".to_owned(),
    );
}

fn time(target: &Target, size: [usize; 3], backward: bool) -> Result<Option<Timed>> {
    let [features, time_steps, samples] = size;
    let device = target.device();
    let preset = Preset::named("spikingjelly")?;
    let mut parts = Parts::new(preset.neuron.model(), preset.surrogate.shared());
    parts.normalization = None;
    let input = Features::Vector { size: features };
    let builder = seeded(&device, Key::new(1));
    let block = Block::linear(input, LinearSettings::new(features), &parts, builder)?;
    let mut stream = Key::new(1).named("input").stream();
    let values: Vec<f32> = (0..samples * features).map(|_| stream.normal()).collect();
    let step = Tensor::from_vec(values, (1, samples, features), &Device::Cpu)?;
    let x = step.to_device(&device)?.repeat((time_steps, 1, 1))?;
    // Both gradients are computed where the input has one.
    let x = candle_core::Var::from_tensor(&x)?;
    target.time(PLAN, || {
        let spikes = block.forward_t(&x, true)?;
        if backward {
            spikes.sum_all()?.backward()?;
        }
        Ok(())
    })
}
