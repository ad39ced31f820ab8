//! Times of 32 bits that start again from 0.

/// Adds what the 32-bit times of a recording have lost by starting again.
#[derive(Debug)]
pub(crate) struct Clock {
    offset: i64,
    last: i64,
}

const PERIOD: i64 = 1 << 32;

impl Default for Clock {
    fn default() -> Self {
        Self { offset: 0, last: i64::MIN / 2 }
    }
}

impl Clock {
    /// Corrects the next times in place.
    ///
    /// A step back by more than half of the period is a new round; a smaller one is kept, as a file
    /// whose times are out of order.
    pub(crate) fn correct(&mut self, times: &mut [i64]) {
        let Some((&first, &end)) = times.first().zip(times.last()) else {
            return;
        };
        let back = |before: i64, after: i64| before - after > PERIOD / 2;
        // Without an early exit, so that the loop runs in vectors.
        let within = times.windows(2).fold(false, |any, pair| any | back(pair[0], pair[1]));
        if within || back(self.last, first) {
            for time in times {
                if back(self.last, *time) {
                    self.offset += PERIOD;
                }
                self.last = *time;
                *time += self.offset;
            }
            return;
        }
        self.last = end;
        if self.offset != 0 {
            for time in times {
                *time += self.offset;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_round_is_added_and_disorder_is_kept() {
        let mut clock = Clock::default();
        let mut times = [10, 5, PERIOD - 1, 3];
        clock.correct(&mut times);
        assert_eq!(times, [10, 5, PERIOD - 1, PERIOD + 3]);
        let mut times = [4, 9];
        clock.correct(&mut times);
        assert_eq!(times, [PERIOD + 4, PERIOD + 9]);
        let mut times = [PERIOD - 5, 0];
        clock.correct(&mut times);
        assert_eq!(times, [2 * PERIOD - 5, 2 * PERIOD]);
    }
}
