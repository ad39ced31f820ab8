//! LIF neurons alone, forward and backward of the sum of their spikes.

use std::time::Duration;

use candle_core::{Device, Tensor, Var};
use candlewick_core::Key;
use candlewick_neuron::{MultiStep, Preset};
use candlewick_run::{CheckCell, CheckTable};

use super::Anchor;
use crate::check::Result;
use crate::check::target::{Repetitions, Target, Timed};

/// Time steps, and published times in milliseconds by `PyTorch`, `CuPy` and Triton: SpikingJelly's own, on an RTX 4090
/// in fp16.
const PUBLISHED: [(usize, [f64; 3]); 3] =
    [(4, [0.99, 0.67, 0.77]), (16, [11.7, 2.63, 1.70]), (32, [41.9, 5.19, 3.37])];

/// The shape of a time step.
const SHAPE: [usize; 2] = [64, 65_536];

const PLAN: Repetitions = Repetitions { warm_up: 5, timed: 20, at_most: Duration::from_secs(5) };

pub(super) fn measure(anchor: &mut Anchor<'_>) {
    let target = anchor.check.target.clone();
    let shape = match (target.is_timed(), anchor.check.quick) {
        (true, false) => SHAPE,
        (true, true) => [8, SHAPE[1]],
        (false, _) => [2, 64],
    };
    let headers = [
        "LIF alone, T",
        "PyTorch, ms",
        "CuPy, ms",
        "Triton, ms",
        "candlewick here, ms",
        "GB/s at least",
    ];
    let mut table = CheckTable::new(&headers);
    for (time_steps, published) in PUBLISHED {
        let before = anchor.failures.len();
        let over = anchor.check.is_over();
        let outcome = if over { Ok(None) } else { time(&target, time_steps, shape) };
        let what = format!("LIF alone, T = {time_steps}");
        let seconds = anchor.time(&what, "nothing: it is the published size", outcome);
        // The current is read twice; spikes, their gradient and that of the current are moved once.
        let bytes = 5 * 4 * time_steps * shape[0] * shape[1];
        let rate = seconds.map(|seconds| CheckCell::number(bytes as f64 / seconds / 1e9, 0));
        let mut row = vec![CheckCell::count(time_steps as u64)];
        row.extend(published.map(|milliseconds| CheckCell::number(milliseconds, 2)));
        row.push(anchor.cell(seconds, before));
        row.push(rate.unwrap_or_else(|| "–".into()));
        table.rows.push(row);
    }
    anchor.tables.push(table);
    anchor.notes.push(format!(
        "LIF alone is x = rand[T, {}, {}], forward and backward of the sum of all spikes, with the neuron and surrogate of SpikingJelly's defaults; the published shape is [T, {}, {}].",
        shape[0], shape[1], SHAPE[0], SHAPE[1]
    ));
    anchor.notes.push(
        "The published times of LIF alone are of SpikingJelly's tutorial on Triton, on an RTX 4090 in fp16, which moves half the bytes of the f32 here.".to_owned(),
    );
}

fn time(target: &Target, time_steps: usize, [rows, columns]: [usize; 2]) -> Result<Option<Timed>> {
    let preset = Preset::named("spikingjelly")?;
    let mut stream = Key::new(1).named("currents").stream();
    let device = target.device();
    // One step of random numbers, moved on by one element from step to step.
    let step: Vec<f32> = (0..rows * columns + time_steps).map(|_| stream.uniform()).collect();
    let step = Tensor::from_vec(step, rows * columns + time_steps, &Device::Cpu)?;
    let step = step.to_device(&device)?;
    let steps = (0..time_steps).map(|at| step.narrow(0, at, rows * columns));
    let steps = steps.collect::<candle_core::Result<Vec<_>>>()?;
    let input = Tensor::stack(&steps, 0)?.reshape((time_steps, rows, columns))?;
    let input = Var::from_tensor(&input)?;
    drop((step, steps));
    target.time(PLAN, || {
        let (model, surrogate) = (preset.neuron.model(), preset.surrogate.shared());
        let out = MultiStep::new(model, surrogate, &input, time_steps).run()?;
        out.output.sum_all()?.backward()?;
        Ok(())
    })
}
