//! A loss or gradient that is not finite, or that leads nowhere, stops the training and says where.

use std::sync::atomic::AtomicBool;

use candle_core::{Device, Tensor};
use candlewick_core::Key;
use candlewick_core::initializer::Initializer;
use candlewick_core::parameters::{Parameters, Role, Scope, seeded};
use candlewick_methods::{CrossEntropy, Loss, Method, Methods, Outputs};
use candlewick_network::Context;
use candlewick_run::Status;
use candlewick_train::optimizer::Sgd;
use candlewick_train::schedule::Constant;
use candlewick_train::{AnyOptimizer, Error, Model, Settings, Silent, Stage, Trainer};

use crate::bench::{Result, Training, network_with, run_directory, settings};

#[test]
fn a_step_too_large_is_found_with_its_parameter_epoch_and_step() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let mut run = run_directory(&directory.path().join("run"))?;
    let sgd = AnyOptimizer::Sgd(Sgd { learning_rate: f64::from(f32::MAX), ..Sgd::default() });
    let training =
        Training::small(Settings { optimizer: sgd, ..settings(vec![Stage::new(2, 2)]) })?;
    let outcome = training.run(Some(&mut run), &mut Silent, &AtomicBool::new(false));
    let error = outcome.err().ok_or("it did not stop")?;
    let Error::Diverged { epoch: 1, step, .. } = error else {
        return Err(error.into());
    };
    assert!((2..10).contains(&step), "{error}");
    let Status::Diverged { reason } = &run.manifest().status else {
        return Err(format!("{:?}", run.manifest().status).into());
    };
    assert_eq!(*reason, error.to_string());
    Ok(())
}

/// Two weights; the root of one of them gives an infinite gradient at 0, the other one has a
/// value that is not a number.
struct Broken(Parameters);

impl Broken {
    fn new(root_of: f32, plain: f32) -> candlewick_core::Result<Self> {
        let root = Scope::from(seeded(&Device::Cpu, Key::new(1)));
        root.create("plain", Role::Weight, &[1], Initializer::Constant(plain))?;
        root.create("rooted", Role::Weight, &[1], Initializer::Constant(root_of))?;
        Ok(Self(root.parameters()))
    }
}

impl Model for Broken {
    fn parameters(&self) -> &Parameters {
        &self.0
    }

    fn forward(&self, input: &Tensor, context: &Context) -> candlewick_core::Result<Outputs> {
        let mut sum = Tensor::zeros(1, candle_core::DType::F32, &Device::Cpu)?;
        for (index, parameter) in self.0.iter().enumerate() {
            let value = parameter.variable.as_tensor();
            sum = (sum + if index == 1 { value.sqrt()? } else { value.clone() })?;
        }
        let shape = (context.time_steps, input.dim(1)?, 10);
        Ok(Outputs { logits: sum.broadcast_as(shape)?.contiguous()?, side: Vec::new() })
    }
}

/// The sum of all logits.
#[derive(Debug)]
struct Sum;

impl Loss for Sum {
    fn loss(&self, logits: &Tensor, _labels: &Tensor) -> candlewick_core::Result<Tensor> {
        Ok(logits.sum_all()?)
    }

    fn problem(&self) -> Option<(&'static str, &'static str)> {
        None
    }
}

impl Method for Sum {
    fn name(&self) -> &'static str {
        "sum"
    }

    fn loss(&self) -> Option<&dyn Loss> {
        Some(self)
    }
}

#[test]
fn the_guard_names_the_quantity_and_the_parameter() -> Result<()> {
    let training = Training::small(settings(vec![Stage::new(1, 2)]))?;
    let cases = [
        (0.0, 1.0, "epoch 1, step 1: the gradient is not finite in rooted"),
        (1.0, f32::NAN, "epoch 1, step 1: the loss is not finite in plain"),
        (-1.0, 1.0, "epoch 1, step 1: the loss is not finite"),
    ];
    let mut visited = 0;
    for (root_of, plain, expected) in cases {
        let model = Broken::new(root_of, plain)?;
        let mut methods = Methods::new().with(Sum);
        let outcome = Trainer::new(&model, &mut methods)
            .settings(training.settings.clone())
            .fit_loaders(&training.loaders);
        let error = outcome.err().ok_or("it did not stop")?;
        assert_eq!(error.to_string(), expected);
        visited += 1;
    }
    assert_eq!(visited, 3);
    Ok(())
}

#[test]
fn clipping_limits_the_step() -> Result<()> {
    // With plain SGD of learning rate 1 and gradients clipped to a norm of 1e-3, ten steps cannot
    // change the weights by more than 1e-2.
    let mut training = Training::small(settings(vec![Stage::new(1, 2)]))?;
    training.settings.optimizer = Sgd { learning_rate: 1.0, ..Sgd::default() }.into();
    training.settings.clip_norm = Some(1e-3);
    let distance = |training: &Training| -> Result<f32> {
        let mut methods = training.methods();
        let network = network_with(training.layers, 5, &methods)?;
        let values = |parameters: &Parameters| -> Result<Vec<f32>> {
            let mut values = Vec::new();
            for parameter in parameters.learned() {
                values.extend(parameter.variable.flatten_all()?.to_vec1::<f32>()?);
            }
            Ok(values)
        };
        let before = values(network.parameters())?;
        Trainer::new(&network, &mut methods)
            .settings(training.settings.clone())
            .key(Key::new(1))
            .fit_loaders(&training.loaders)?;
        let after = values(network.parameters())?;
        Ok(before.iter().zip(&after).map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt())
    };
    let clipped = distance(&training)?;
    assert!(clipped > 1e-4 && clipped <= 1.01e-2, "{clipped}");
    training.settings.clip_norm = None;
    assert!(distance(&training)? > 0.1);
    Ok(())
}

#[test]
fn a_learning_rate_that_explodes_ends_the_training_unless_it_shall_go_on() -> Result<()> {
    let mut visited = 0;
    for learning_rate in [1e6, 1e35] {
        let directory = tempfile::tempdir()?;
        let mut run = run_directory(&directory.path().join("run"))?;
        let mut training = Training::small(settings(vec![Stage::new(2, 2)]))?;
        training.settings.optimizer = Sgd { learning_rate, ..Sgd::default() }.into();
        training.settings.schedule.curve = Constant {}.into();
        let outcome = training.run(Some(&mut run), &mut Silent, &AtomicBool::new(false));
        let error = outcome.err().ok_or_else(|| format!("{learning_rate:e} went on"))?;
        assert!(matches!(error, Error::Diverged { epoch: 1, .. }), "{error}");
        let Status::Diverged { reason } = &run.manifest().status else {
            return Err(format!("{:?}", run.manifest().status).into());
        };
        assert_eq!(*reason, error.to_string());
        if learning_rate == 1e6 {
            let words = "where a constant answer has 2.30; with `stop_when_diverged = false`";
            assert!(reason.contains(words), "{reason}");
            training.settings.stop_when_diverged = false;
            let ended = training.run(None, &mut Silent, &AtomicBool::new(false))?;
            assert!(ended.summary().is_some_and(|summary| summary.epochs == 2), "{ended:?}");
        }
        visited += 1;
    }
    assert_eq!(visited, 2);
    Ok(())
}

/// A constant answer, which does not depend on its parameter.
struct Deaf(Parameters);

impl Model for Deaf {
    fn parameters(&self) -> &Parameters {
        &self.0
    }

    fn forward(&self, input: &Tensor, context: &Context) -> candlewick_core::Result<Outputs> {
        let [Some(weight)] = [self.0.get("weight")] else { unreachable!("one parameter") };
        let shape = (context.time_steps, input.dim(1)?, 10);
        let logits = (weight.variable.as_tensor() * 0.0)?.broadcast_as(shape)?.contiguous()?;
        Ok(Outputs { logits, side: Vec::new() })
    }
}

#[test]
fn an_epoch_without_any_gradient_ends_the_training() -> Result<()> {
    let root = Scope::from(seeded(&Device::Cpu, Key::new(1)));
    root.create("weight", Role::Weight, &[1], Initializer::Constant(1.0))?;
    let model = Deaf(root.parameters());
    let mut training = Training::small(settings(vec![Stage::new(1, 2)]))?;
    let run = |training: &Training| {
        Trainer::new(&model, &mut Methods::new())
            .settings(training.settings.clone())
            .fit_loaders(&training.loaders)
    };
    let error = run(&training).err().ok_or("it went on")?.to_string();
    let expected = "epoch 1, step 10: all gradients are 0, so nothing is learned; with \
                    `stop_when_diverged = false` the training continues";
    assert_eq!(error, expected);
    training.settings.stop_when_diverged = false;
    assert!(run(&training)?.summary().is_some());
    Ok(())
}

/// What is compared is the cross-entropy of the scores: a loss of any size, such as one with a penalty or of a
/// side head, ends nothing.
#[test]
fn a_large_loss_of_another_kind_is_no_divergence() -> Result<()> {
    let training = Training::small(settings(vec![Stage::new(1, 2)]))?;
    let mut methods = Methods::new().with(Large);
    let network = network_with(training.layers, 5, &methods)?;
    let ended = Trainer::new(&network, &mut methods)
        .settings(training.settings.clone())
        .fit_loaders(&training.loaders)?;
    assert!(ended.summary().is_some_and(|summary| summary.loss > 1e6), "{ended:?}");
    Ok(())
}

/// A cross-entropy far from its zero.
#[derive(Debug)]
struct Large;

impl Loss for Large {
    fn loss(&self, logits: &Tensor, labels: &Tensor) -> candlewick_core::Result<Tensor> {
        Ok((Loss::loss(&CrossEntropy::default(), logits, labels)? + 1e7)?)
    }

    fn problem(&self) -> Option<(&'static str, &'static str)> {
        None
    }
}

impl Method for Large {
    fn name(&self) -> &'static str {
        "large"
    }

    fn loss(&self) -> Option<&dyn Loss> {
        Some(self)
    }
}
