//! What each training method costs: one training step of the convnet with the method against the
//! plain step, measured alternately, as a ratio.
//!
//! The network is 64C3-128C3-AP2-256C3-AP2-256C3-GAP-FC10 on 32×32 images, batch 32, T = 4. Weights are
//! trained by SGD from the start on random images, so that firing rates are those of a young network.
//! Arguments: names of methods to measure (default all), and `--rounds=N` (default 7).

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use candle_core::{Device, Tensor};
use candlewick_core::Key;
use candlewick_methods::{AnyLoss, CrossEntropy, Methods, Shortcut, Tet};
use candlewick_network::{Context, Features, Network, Parts, Spec};
use candlewick_neuron::{AnyNeuron, Lif};
use candlewick_surrogate::Triangle;
use candlewick_train::optimizer::Sgd;
use candlewick_train::{Combined, Gradients, Groups, Moment, Objective, Optimizer};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const BATCH: usize = 32;
const TIME_STEPS: usize = 4;
const CLASSES: usize = 10;

/// A network in training with its methods.
struct Training {
    name: &'static str,
    network: Network,
    objective: Combined,
    optimizer: Optimizer,
    input: Tensor,
    labels: Tensor,
    steps: u64,
}

impl Training {
    fn new(name: &'static str, loss: AnyLoss, methods: &Methods) -> Result<Self> {
        let neuron = AnyNeuron::from(Lif::default()).model();
        let threshold = neuron.firing().v_threshold;
        let parts = Parts {
            surrogate_rules: methods.surrogate_rules(),
            weight_rule: methods.weight_rule(),
            penalties: methods.penalties(threshold),
            side_heads: methods.shortcut.is_some(),
            ..Parts::new(neuron, Arc::new(Triangle::default()))
        };
        let size = Features::Map { height: 32, width: 32, channels: 3 };
        let network =
            Network::new(&Spec::default(), &parts, size, CLASSES, &Device::Cpu, Key::new(1))?;
        let sgd = Sgd { learning_rate: 0.01, momentum: 0.9, weight_decay: 5e-4, ..Sgd::default() };
        let optimizer = Optimizer::new(&sgd.into(), Groups::default(), network.parameters())?;
        let mut stream = Key::new(2).stream();
        let pixels = (0..BATCH * 32 * 32 * 3).map(|_| stream.normal()).collect();
        let labels: Vec<u32> = (0..BATCH).map(|_| stream.below(CLASSES as u32)).collect();
        Ok(Self {
            name,
            network,
            objective: Combined::new(loss, methods.clone()),
            optimizer,
            input: Tensor::from_vec(pixels, (1, BATCH, 32, 32, 3), &Device::Cpu)?,
            labels: Tensor::new(labels, &Device::Cpu)?,
            steps: 0,
        })
    }

    /// One step as the training loop makes it, in seconds.
    fn step(&mut self) -> Result<f64> {
        let start = Instant::now();
        self.steps += 1;
        let context = Context::training(TIME_STEPS, Key::new(3).at(self.steps));
        let outputs = self.network.forward(&self.input, &context)?;
        let moment = Moment { epoch: 0, step: self.steps, progress: 0.0, training: true };
        let loss = self.objective.loss(&outputs, &self.labels, &moment)?;
        let parameters = self.network.parameters();
        let gradients = Gradients::take(parameters, outputs.backward(&loss)?)?;
        assert!(gradients.squared_norms()?.iter().all(|norm| norm.is_finite()), "{}", self.name);
        self.optimizer.step(1.0, parameters, &gradients)?;
        self.network.take_observations();
        Ok(start.elapsed().as_secs_f64())
    }
}

/// Each method alone, by its key in recipes, with the recipe's defaults.
fn trainings(wanted: &[String]) -> Result<Vec<Training>> {
    let cross_entropy = || AnyLoss::from(CrossEntropy::default());
    let mut all = vec![("tet", Tet::default().into(), Methods::default())];
    for (name, _) in Methods::SUMMARIES {
        let methods: Methods = toml::from_str(&format!("[{name}]"))?;
        all.push((name, cross_entropy(), methods));
    }
    let evolutionary = toml::from_str::<Shortcut>("schedule = \"evolutionary\"")?;
    let methods = Methods { shortcut: Some(evolutionary), ..Methods::default() };
    all.push(("shortcut, evolutionary", cross_entropy(), methods));
    all.into_iter()
        .filter(|(name, ..)| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name))
        .map(|(name, loss, methods)| Training::new(name, loss, &methods))
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
    let mut baseline =
        Training::new("baseline", CrossEntropy::default().into(), &Methods::default())?;
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
