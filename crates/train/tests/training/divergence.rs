//! A loss or gradient that is not finite stops the training and says where.

use std::sync::atomic::AtomicBool;

use candle_core::{Device, Tensor};
use candlewick_core::Key;
use candlewick_core::initializer::Initializer;
use candlewick_core::parameters::{Parameters, Role};
use candlewick_network::{Context, Outputs};
use candlewick_run::Status;
use candlewick_train::optimizer::Sgd;
use candlewick_train::{
    AnyOptimizer, Cadence, Error, Model, Objective, Settings, Silent, Stage, Task,
};

use crate::bench::{Result, Training, Weighted, run_directory, settings};

#[test]
fn a_step_too_large_is_found_with_its_parameter_epoch_and_step() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let mut run = run_directory(&directory.path().join("run"))?;
    let sgd = AnyOptimizer::Sgd(Sgd { learning_rate: f64::from(f32::MAX), ..Sgd::default() });
    let training =
        Training::small(Settings { optimizer: sgd, ..settings(vec![Stage::new(2, 2)]) })?;
    let outcome = training.run(Some(&mut run), &mut Silent, &AtomicBool::new(false));
    let error = outcome.err().ok_or("it went on")?;
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
        let mut parameters = Parameters::new(&Device::Cpu, Key::new(1));
        let mut root = parameters.root();
        root.create("plain", Role::Weight, &[1], Initializer::Constant(plain))?;
        root.create("rooted", Role::Weight, &[1], Initializer::Constant(root_of))?;
        Ok(Self(parameters))
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
        Ok(Outputs::new(sum.broadcast_as(shape)?.contiguous()?, Vec::new()))
    }
}

/// The sum of all logits.
struct Sum;

impl Objective for Sum {
    fn loss(
        &self,
        outputs: &Outputs,
        _labels: &Tensor,
        _moment: &candlewick_train::Moment,
    ) -> candlewick_core::Result<Tensor> {
        Ok(outputs.logits.sum_all()?)
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
        let outcome = candlewick_train::train(Task {
            model: &model,
            objective: &mut Sum,
            settings: &training.settings,
            key: Key::new(1),
            train: &training.train,
            validation: &[],
            test: &training.test,
            dataset: "digits",
            run: None,
            cadence: Cadence::default(),
            progress: &mut Silent,
            stop: &AtomicBool::new(false),
        });
        let error = outcome.err().ok_or("it went on")?;
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
        let network = crate::bench::network(training.layers, 5)?;
        let values = |parameters: &Parameters| -> Result<Vec<f32>> {
            let mut values = Vec::new();
            for parameter in parameters.learned() {
                values.extend(parameter.variable.flatten_all()?.to_vec1::<f32>()?);
            }
            Ok(values)
        };
        let before = values(network.parameters())?;
        candlewick_train::train(Task {
            model: &network,
            objective: &mut Weighted::default(),
            settings: &training.settings,
            key: Key::new(1),
            train: &training.train,
            validation: &[],
            test: &training.test,
            dataset: "digits",
            run: None,
            cadence: Cadence::default(),
            progress: &mut Silent,
            stop: &AtomicBool::new(false),
        })?;
        let after = values(network.parameters())?;
        Ok(before.iter().zip(&after).map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt())
    };
    let clipped = distance(&training)?;
    assert!(clipped > 1e-4 && clipped <= 1.01e-2, "{clipped}");
    training.settings.clip_norm = None;
    assert!(distance(&training)? > 0.1);
    Ok(())
}
