//! Times of training steps on a device, in each precision.

use std::time::Duration;

use candlewick_device::Precision;
use candlewick_methods::MethodSettings;
use candlewick_run::{CheckCell, CheckTable};

use super::networks::{SMALL, Size, recipe_of, trainee};
use super::target::{Repetitions, Timed};
use super::{DeviceCheck, Findings, NOT_MEASURED, Result, in_words};

/// The networks and the sizes of their batches.
const STEPS: [(&str, usize); 4] =
    [("convnet", 32), ("resnet-19", 8), ("resnet-19", 64), ("vggsnn", 8)];

/// The precisions, with their names in tables.
pub(crate) const PRECISIONS: [(Precision, &str); 3] =
    [(Precision::F32, "f32"), (Precision::Tf32, "tf32"), (Precision::Bf16, "bf16")];

/// Steps of one network in one precision.
pub(crate) const PLAN: Repetitions =
    Repetitions { warm_up: 3, timed: 20, at_most: Duration::from_secs(8) };

/// The training step of a network in one precision.
#[derive(Clone, Debug)]
pub struct StepTime {
    /// `convnet`, `resnet-19`, `vggsnn` or `sew-resnet-18`.
    pub net: &'static str,
    /// Samples per batch.
    pub batch: usize,
    /// Number of time steps.
    pub time_steps: usize,
    /// `f32`, `tf32` or `bf16`.
    pub precision: &'static str,
    /// Median time in seconds and the number of repetitions, or why there is none.
    pub outcome: std::result::Result<(f64, usize), Unmeasured>,
}

/// Why there is no time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unmeasured {
    /// The step ran on the host.
    Host,
    /// The time of the section was up.
    Late,
    /// The step failed.
    Failed(String),
}

impl Unmeasured {
    /// What stands in the place of the time.
    pub fn words(&self) -> &str {
        match self {
            Self::Host => NOT_MEASURED,
            Self::Late => "not measured: the time of the section was up",
            Self::Failed(words) => words,
        }
    }
}

/// Times the training steps of all networks in each precision; with `quick`, the small batches alone.
pub fn measure_steps(check: &DeviceCheck) -> Vec<StepTime> {
    let mut times = Vec::new();
    for (net, batch) in STEPS {
        if check.quick && batch > 32 {
            continue;
        }
        let size = if check.target.is_timed() {
            Size { batch: Some(batch), ..Size::default() }
        } else {
            SMALL
        };
        let time_steps = recipe_of(net, size).map_or(0, |recipe| recipe.train.time_steps());
        let batch = size.batch.unwrap_or(batch);
        for (precision, name) in PRECISIONS {
            let outcome = if check.is_over() {
                Err(Unmeasured::Late)
            } else {
                unmeasured(measure(check, net, size, precision))
            };
            times.push(StepTime { net, batch, time_steps, precision: name, outcome });
        }
    }
    times
}

/// The outcome of a measurement whose step is as large as its batch.
pub(crate) fn unmeasured(
    outcome: Result<Option<Timed>>,
) -> std::result::Result<(f64, usize), Unmeasured> {
    match outcome {
        Ok(Some(timed)) => Ok((timed.seconds, timed.repetitions)),
        Ok(None) => Err(Unmeasured::Host),
        Err(error) => Err(Unmeasured::Failed(in_words(&error, "the batch size"))),
    }
}

fn measure(
    check: &DeviceCheck,
    net: &str,
    size: Size,
    precision: Precision,
) -> Result<Option<Timed>> {
    let target = &check.target;
    let mut trainee =
        target.run(|| trainee(net, size, &MethodSettings::default(), &target.device()))?;
    trainee.precision = precision;
    target.time(PLAN, || trainee.step().map(drop))
}

/// The times as a section.
pub fn check_times(check: &DeviceCheck, times: &[StepTime]) -> Findings {
    let headers = ["network", "batch", "T", "precision", "ms per step", "images/s", "steps"];
    let mut table = CheckTable::new(&headers);
    let mut failures = Vec::new();
    for time in times {
        let StepTime { net, batch, time_steps, precision, .. } = time;
        let mut row: Vec<CheckCell> = vec![
            (*net).into(),
            CheckCell::count(*batch as u64),
            CheckCell::count(*time_steps as u64),
            (*precision).into(),
        ];
        match &time.outcome {
            Ok((seconds, repetitions)) => row.extend([
                CheckCell::number(1e3 * seconds, 2),
                CheckCell::number(*batch as f64 / seconds, 0),
                CheckCell::count(*repetitions as u64),
            ]),
            Err(reason) => {
                let words = reason.words();
                row.extend([words, "–", "–"].map(CheckCell::from));
                if matches!(reason, Unmeasured::Failed(_)) {
                    failures.push(format!("{net}, batch {batch}, {precision}: {words}."));
                }
            }
        }
        table.rows.push(row);
    }
    let mut notes = vec!["A step is forward over T, loss, backward and SGD.".to_owned()];
    let sentence = if check.target.is_timed() {
        notes.push(format!(
            "{} steps are made before those that are timed, and each is waited for.",
            PLAN.warm_up
        ));
        format!("medians of at most {} steps.", PLAN.timed)
    } else {
        notes.push("One step of each ran; the networks are narrow here, with a sixteenth of their channels.".to_owned());
        format!("every step ran; {NOT_MEASURED}.")
    };
    Findings { sentence, failures, notes, tables: vec![table], ..Findings::default() }
}
