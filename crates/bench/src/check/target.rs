//! Where the kernels of a check run.

use std::time::{Duration, Instant};

use candle_core::Device;
use candlewick_device::pretend;

use super::Result;
use crate::timing::summary;

/// Where the kernels of a check run.
#[derive(Clone, Debug)]
pub enum Target {
    /// On the host, as if it were a device: compiled by the machine's C compiler. Exact, and too slow to be timed.
    Host,
    /// On this device.
    Device(Device),
}

impl Target {
    /// Where the tensors are.
    pub fn device(&self) -> Device {
        match self {
            Self::Host => Device::Cpu,
            Self::Device(device) => device.clone(),
        }
    }

    /// Whether times are worth anything.
    pub fn is_timed(&self) -> bool {
        matches!(self, Self::Device(_))
    }

    /// Runs `f`, whose kernels are those of the target.
    pub fn run<R>(&self, f: impl FnOnce() -> R) -> R {
        match self {
            Self::Host => pretend(f),
            Self::Device(_) => f(),
        }
    }

    /// The median time of `call`, over at most so many repetitions after so many that are not timed, and how many
    /// there were; each is waited for. On the host, one call and no time.
    pub(crate) fn time(
        &self,
        plan: Repetitions,
        mut call: impl FnMut() -> Result<()>,
    ) -> Result<Option<Timed>> {
        let Self::Device(device) = self else {
            self.run(call)?;
            return Ok(None);
        };
        let start = Instant::now();
        let mut seconds = Vec::new();
        for number in 0..plan.warm_up + plan.timed {
            let before = Instant::now();
            call()?;
            device.synchronize()?;
            if number >= plan.warm_up {
                seconds.push(before.elapsed().as_secs_f64());
            }
            // Three are the fewest of which a median says anything.
            if seconds.len() >= 3 && start.elapsed() > plan.at_most {
                break;
            }
        }
        let repetitions = seconds.len();
        let median = summary(seconds).map(|(median, _)| median);
        Ok(median.map(|seconds| Timed { seconds, repetitions }))
    }
}

/// How often something is timed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Repetitions {
    /// Calls before those that are timed.
    pub(crate) warm_up: usize,
    /// Calls that are timed.
    pub(crate) timed: usize,
    /// After so long, no more calls are made.
    pub(crate) at_most: Duration,
}

/// A time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timed {
    /// The median.
    pub(crate) seconds: f64,
    /// Of so many.
    pub(crate) repetitions: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_timed_and_the_host_is_not() -> Result<()> {
        let plan = Repetitions { warm_up: 2, timed: 5, at_most: Duration::from_mins(1) };
        let mut calls = 0;
        let mut call = || {
            calls += 1;
            Ok(())
        };
        assert!(Target::Host.time(plan, &mut call)?.is_none());
        let timed = Target::Device(Device::Cpu).time(plan, &mut call)?;
        assert_eq!(timed.map(|timed| timed.repetitions), Some(5));
        let hurried = Repetitions { at_most: Duration::ZERO, ..plan };
        let timed = Target::Device(Device::Cpu).time(hurried, &mut call)?;
        assert_eq!(timed.map(|timed| timed.repetitions), Some(3));
        assert_eq!(calls, 1 + 7 + 5);
        Ok(())
    }
}
