//! How fast a training is, how long it will take, and how much memory it has.

/// What the process has done and how long it took; work is samples times time steps.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Speed {
    samples: f64,
    train_work: f64,
    train_seconds: f64,
    evaluation_work: f64,
    evaluation_seconds: f64,
}

impl Speed {
    /// Counts training.
    pub(crate) fn trained(&mut self, samples: usize, time_steps: usize, seconds: f64) {
        self.samples += samples as f64;
        self.train_work += (samples * time_steps) as f64;
        self.train_seconds += seconds;
    }

    /// Counts evaluation.
    pub(crate) fn evaluated(&mut self, samples: usize, time_steps: usize, seconds: f64) {
        self.evaluation_work += (samples * time_steps) as f64;
        self.evaluation_seconds += seconds;
    }

    /// Training samples per second.
    pub(crate) fn images_per_second(&self) -> f64 {
        self.samples / self.train_seconds.max(1e-9)
    }

    /// Seconds that so much work will take.
    pub(crate) fn seconds(&self, train_work: f64, evaluation_work: f64) -> f64 {
        let train = self.train_seconds / self.train_work.max(1.0);
        // Before the first evaluation: a forward pass is about a third of a training step.
        let evaluation = if self.evaluation_work > 0.0 {
            self.evaluation_seconds / self.evaluation_work
        } else {
            train / 3.0
        };
        train * train_work + evaluation * evaluation_work
    }
}

/// Resident memory of this process in bytes, where the system reports it.
pub(crate) fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_follows_the_work_left() {
        let mut speed = Speed::default();
        speed.trained(10, 2, 4.0);
        assert_eq!(speed.images_per_second(), 2.5);
        // 0.2 s per sample and time step, a third of it in an evaluation.
        assert!((speed.seconds(30.0, 30.0) - 8.0).abs() < 1e-12);
        speed.evaluated(5, 2, 0.5);
        assert!((speed.seconds(30.0, 30.0) - 7.5).abs() < 1e-12);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_has_memory() {
        assert!(resident_bytes().is_some_and(|bytes| bytes > 1 << 20));
    }
}
