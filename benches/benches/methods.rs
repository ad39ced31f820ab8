//! What each training method costs: one training step with the method against the plain step, measured
//! alternately, as a ratio.
//!
//! Weights are trained by SGD from the start on random images, so that firing rates are those of a young
//! network. Arguments: names of methods to measure (default all), `--rounds=N` (default 7),
//! `--net=NAME`, `--surrogate=rectangle`, `--p=P` for the probability of `masked_surrogate`, and
//! `--instructions=avx2` or `vectors`.
//!
//! | net | layers | input | batch | T |
//! |---|---|---|---|---|
//! | `convnet` (default) | 64C3-128C3-AP2-256C3-AP2-256C3-GAP-FC10 | 32×32 images | 32 | 4 |
//! | `resnet-19` | ResNet-19 | 32×32 images | 8 | 4 |
//! | `vggsnn` | VGGSNN | 48×48 frames of events | 8 | 10 |

use std::error::Error;
use std::time::Instant;

use candle_core::{Device, Tensor};
use candlewick_core::Key;
use candlewick_core::allocator::keep_freed_memory;
use candlewick_core::parameters::seeded;
use candlewick_encode::Batch;
use candlewick_kernels::simd::{self, Level};
use candlewick_methods::{AnyMethod, MaskedSurrogate, Methods, Shortcut, ShortcutSchedule, Tet};
use candlewick_network::{Blueprint, Features, Network, ResNet19, Spec, VggSnn};
use candlewick_surrogate::{Rectangle, Triangle};
use candlewick_train::optimizer::Sgd;
use candlewick_train::{Groups, Optimizer, StepSettings, step};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const CLASSES: usize = 10;

/// What is trained.
#[derive(Clone, Debug)]
struct Task {
    net: String,
    surrogate: String,
    /// Probability of the mask.
    p: f32,
}

impl Task {
    fn network(&self) -> Result<Blueprint<'static>> {
        let network = match self.net.as_str() {
            "convnet" => Network::of(Spec::default()),
            "resnet-19" => Network::of(ResNet19::default()),
            "vggsnn" => Network::of(VggSnn::default()),
            other => return Err(format!("--net={other}: convnet, resnet-19 or vggsnn").into()),
        };
        match self.surrogate.as_str() {
            "triangle" => Ok(network.surrogate(Triangle::default())),
            "rectangle" => Ok(network.surrogate(Rectangle::default())),
            other => Err(format!("--surrogate={other}: triangle or rectangle").into()),
        }
    }

    /// Samples per batch and time steps.
    fn size(&self) -> [usize; 2] {
        match self.net.as_str() {
            "convnet" => [32, 4],
            "resnet-19" => [8, 4],
            _ => [8, 10],
        }
    }

    /// Random numbers: normal for images, counts of events for frames.
    fn batch(&self) -> Result<(Features, Batch)> {
        let [batch, time_steps] = self.size();
        let events = self.net == "vggsnn";
        let (time, side, channels) = if events { (time_steps, 48, 2) } else { (1, 32, 3) };
        let mut stream = Key::new(2).stream();
        let pixels = (0..time * batch * side * side * channels)
            .map(|_| if events { stream.below(2) as f32 } else { stream.normal() })
            .collect();
        let labels: Vec<u32> = (0..batch).map(|_| stream.below(CLASSES as u32)).collect();
        let batch = Batch {
            input: Tensor::from_vec(pixels, (time, batch, side, side, channels), &Device::Cpu)?,
            labels: Tensor::new(labels, &Device::Cpu)?,
            indices: (0..batch).collect(),
            mixed: None,
            total: batch,
        };
        Ok((Features::Map { height: side, width: side, channels }, batch))
    }
}

/// A network in training with its methods.
struct Training {
    name: String,
    network: Network,
    methods: Methods,
    optimizer: Optimizer,
    batch: Batch,
    time_steps: usize,
    steps: u64,
}

impl Training {
    fn new(task: &Task, name: &str, methods: Methods) -> Result<Self> {
        let (size, batch) = task.batch()?;
        let network = task.network()?.methods(&methods).build(
            size,
            CLASSES,
            seeded(&Device::Cpu, Key::new(1)),
        )?;
        let sgd = Sgd { learning_rate: 0.01, momentum: 0.9, weight_decay: 5e-4, ..Sgd::default() };
        let optimizer = Optimizer::new(&sgd.into(), Groups::default(), network.parameters())?;
        let [_, time_steps] = task.size();
        let name = name.to_owned();
        Ok(Self { name, network, methods, optimizer, batch, time_steps, steps: 0 })
    }

    /// One step as the training loop makes it, in seconds.
    fn step(&mut self) -> Result<f64> {
        let start = Instant::now();
        self.steps += 1;
        let settings = StepSettings::new(self.time_steps, Key::new(3).at(self.steps));
        let Self { network, methods, optimizer, batch, .. } = self;
        step(network, methods, optimizer, batch, &settings)?;
        self.network.take_observations();
        Ok(start.elapsed().as_secs_f64())
    }
}

/// Each method alone, by its key in recipes, with the recipe's defaults.
fn trainings(task: &Task, wanted: &[String]) -> Result<Vec<Training>> {
    let evolutionary = Shortcut { schedule: ShortcutSchedule::Evolutionary, ..Shortcut::default() };
    let mut all = vec![
        ("tet".to_owned(), Methods::new().with(Tet::default())),
        ("shortcut, evolutionary".to_owned(), Methods::new().with(evolutionary)),
    ];
    for method in AnyMethod::all() {
        let name = method.name().to_owned();
        let mut methods = Methods::new();
        if name == "masked_surrogate" {
            methods = methods.with(MaskedSurrogate { p: task.p, ..MaskedSurrogate::default() });
        } else {
            methods.push(method.boxed());
        }
        all.push((name, methods));
    }
    all.into_iter()
        .filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name))
        .map(|(name, methods)| Training::new(task, &name, methods))
        .collect()
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[expect(clippy::print_stdout, reason = "this is where the bench speaks")]
fn main() -> Result<()> {
    keep_freed_memory();
    let mut rounds = 7;
    let mut wanted = Vec::new();
    let p = MaskedSurrogate::default().p;
    let mut task = Task { net: "convnet".to_owned(), surrogate: "triangle".to_owned(), p };
    for argument in std::env::args().skip(1) {
        match argument.split_once('=') {
            Some(("--rounds", number)) => rounds = number.parse()?,
            Some(("--net", net)) => net.clone_into(&mut task.net),
            Some(("--surrogate", surrogate)) => surrogate.clone_into(&mut task.surrogate),
            Some(("--p", p)) => task.p = p.parse()?,
            Some(("--instructions", "avx2")) => simd::limit(Level::Avx2),
            Some(("--instructions", "vectors")) => simd::limit(Level::Vectors),
            // cargo passes --bench to every bench.
            _ if argument == "--bench" => {}
            _ if argument.starts_with("--") => return Err(format!("{argument}?").into()),
            _ => wanted.push(argument),
        }
    }
    let mut baseline = Training::new(&task, "baseline", Methods::new())?;
    println!("{:28} {:>9} {:>9} {:>9}  ratio to the plain step", "method", "ms", "plain ms", "");
    for mut method in trainings(&task, &wanted)? {
        // The first steps fill caches and give the memory allocator its sizes.
        baseline.step()?;
        method.step()?;
        let (mut plain, mut own, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..rounds {
            // Which of the two goes first changes from round to round.
            let (a, b) = if round % 2 == 0 {
                let before = baseline.step()?;
                (before, method.step()?)
            } else {
                let before = method.step()?;
                (baseline.step()?, before)
            };
            plain.push(a);
            own.push(b);
            ratios.push(b / a);
        }
        let ratio = median(&mut ratios);
        println!(
            "{:28} {:>9.1} {:>9.1} {:>+8.1} %  {ratio:.3} ({:.3} to {:.3})",
            method.name,
            1e3 * median(&mut own),
            1e3 * median(&mut plain),
            100.0 * (ratio - 1.0),
            ratios[0],
            ratios[ratios.len() - 1],
        );
    }
    Ok(())
}
