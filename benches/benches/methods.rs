//! What each training method costs: one training step of the convnet with the method against the
//! plain step, measured alternately, as a ratio.
//!
//! The network is 64C3-128C3-AP2-256C3-AP2-256C3-GAP-FC10 on 32×32 images, batch 32, T = 4. Weights are
//! trained by SGD from the start on random images, so that firing rates are those of a young network.
//! Arguments: names of methods to measure (default all), and `--rounds=N` (default 7).

use std::error::Error;
use std::time::Instant;

use candle_core::{Device, Tensor};
use candlewick_core::Key;
use candlewick_core::parameters::seeded;
use candlewick_encode::Batch;
use candlewick_methods::{AnyMethod, Methods, Shortcut, ShortcutSchedule, Tet};
use candlewick_network::{Features, Network, Spec};
use candlewick_train::optimizer::Sgd;
use candlewick_train::{Groups, Optimizer, StepSettings, step};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const BATCH: usize = 32;
const TIME_STEPS: usize = 4;
const CLASSES: usize = 10;

/// A network in training with its methods.
struct Training {
    name: String,
    network: Network,
    methods: Methods,
    optimizer: Optimizer,
    batch: Batch,
    steps: u64,
}

impl Training {
    fn new(name: &str, methods: Methods) -> Result<Self> {
        let size = Features::Map { height: 32, width: 32, channels: 3 };
        let network = Network::of(Spec::default()).methods(&methods).build(
            size,
            CLASSES,
            seeded(&Device::Cpu, Key::new(1)),
        )?;
        let sgd = Sgd { learning_rate: 0.01, momentum: 0.9, weight_decay: 5e-4, ..Sgd::default() };
        let optimizer = Optimizer::new(&sgd.into(), Groups::default(), network.parameters())?;
        let mut stream = Key::new(2).stream();
        let pixels = (0..BATCH * 32 * 32 * 3).map(|_| stream.normal()).collect();
        let labels: Vec<u32> = (0..BATCH).map(|_| stream.below(CLASSES as u32)).collect();
        let batch = Batch {
            input: Tensor::from_vec(pixels, (1, BATCH, 32, 32, 3), &Device::Cpu)?,
            labels: Tensor::new(labels, &Device::Cpu)?,
            indices: (0..BATCH).collect(),
            mixed: None,
            total: BATCH,
        };
        Ok(Self { name: name.to_owned(), network, methods, optimizer, batch, steps: 0 })
    }

    /// One step as the training loop makes it, in seconds.
    fn step(&mut self) -> Result<f64> {
        let start = Instant::now();
        self.steps += 1;
        let settings = StepSettings::new(TIME_STEPS, Key::new(3).at(self.steps));
        let Self { network, methods, optimizer, batch, .. } = self;
        step(network, methods, optimizer, batch, &settings)?;
        self.network.take_observations();
        Ok(start.elapsed().as_secs_f64())
    }
}

/// Each method alone, by its key in recipes, with the recipe's defaults.
fn trainings(wanted: &[String]) -> Result<Vec<Training>> {
    let evolutionary = Shortcut { schedule: ShortcutSchedule::Evolutionary, ..Shortcut::default() };
    let mut all = vec![
        ("tet".to_owned(), Methods::new().with(Tet::default())),
        ("shortcut, evolutionary".to_owned(), Methods::new().with(evolutionary)),
    ];
    for method in AnyMethod::all() {
        let name = method.name().to_owned();
        let mut methods = Methods::new();
        methods.push(method.boxed());
        all.push((name, methods));
    }
    all.into_iter()
        .filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name))
        .map(|(name, methods)| Training::new(&name, methods))
        .collect()
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[expect(clippy::print_stdout, reason = "this is where the bench speaks")]
fn main() -> Result<()> {
    let mut rounds = 7;
    let mut wanted = Vec::new();
    for argument in std::env::args().skip(1) {
        match argument.strip_prefix("--rounds=") {
            Some(number) => rounds = number.parse()?,
            // cargo passes --bench to every bench.
            None if argument.starts_with("--") => {}
            None => wanted.push(argument),
        }
    }
    let mut baseline = Training::new("baseline", Methods::new())?;
    println!("{:28} {:>9} {:>9} {:>9}  ratio to the plain step", "method", "ms", "plain ms", "");
    for mut method in trainings(&wanted)? {
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
