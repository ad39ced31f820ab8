//! A recording cut into T slices, by number of events or by time.
//!
//! Libraries differ in what becomes of the rest of an uneven division, so that is a choice of its
//! own.

use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the slices have in common.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Slices {
    /// The number of events: `⌊N / T⌋` in each.
    #[default]
    Number,
    /// The duration: `⌊(t_last - t_first) / T⌋` µs each.
    Time,
}

/// What becomes of the events after the last whole slice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Remainder {
    /// They join the last slice, as in SpikingJelly.
    #[default]
    Last,
    /// They are left out, as in TET's code (by number) and tonic's time bins (by time), which MSG
    /// uses.
    Drop,
}

impl Slices {
    /// The events of each of `count` slices, given the times of all, in ascending order.
    pub(super) fn ranges(
        self,
        remainder: Remainder,
        times: &[i64],
        count: usize,
    ) -> Vec<Range<usize>> {
        let mut ranges: Vec<Range<usize>> = match self {
            Self::Number => {
                let size = times.len() / count;
                (0..count).map(|slice| slice * size..(slice + 1) * size).collect()
            }
            Self::Time => {
                // In 128 bits, since the clock of a broken file may jump anywhere.
                let first = times.first().map_or(0, |&time| i128::from(time));
                let last = times.last().map_or(0, |&time| i128::from(time));
                let duration = (last - first) / count as i128;
                let edge = |slice: usize| {
                    let end = first + slice as i128 * duration;
                    times.partition_point(|&time| i128::from(time) < end)
                };
                (0..count).map(|slice| edge(slice)..edge(slice + 1)).collect()
            }
        };
        if let (Remainder::Last, Some(range)) = (remainder, ranges.last_mut()) {
            range.end = times.len();
        }
        ranges
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Eight events in three slices: two in each and two over.
    #[test]
    fn by_number() {
        let times: Vec<i64> = (0..8).collect();
        let ranges = |remainder| Slices::Number.ranges(remainder, &times, 3);
        assert_eq!(ranges(Remainder::Drop), [0..2, 2..4, 4..6]);
        assert_eq!(ranges(Remainder::Last), [0..2, 2..4, 4..8]);
    }

    /// From 100 to 131 in three slices of ⌊31 / 3⌋ = 10 µs: [100, 110), [110, 120), [120, 130);
    /// the event at 131 is over.
    #[test]
    fn by_time() {
        let times = [100, 109, 110, 125, 129, 131];
        let ranges = |remainder| Slices::Time.ranges(remainder, &times, 3);
        assert_eq!(ranges(Remainder::Drop), [0..2, 2..3, 3..5]);
        assert_eq!(ranges(Remainder::Last), [0..2, 2..3, 3..6]);
    }

    /// No event, one event, all at once, fewer events than slices, the whole range of the clock.
    #[test]
    fn recordings_without_extent_are_no_trouble() {
        let mut cases = 0;
        for times in [&[][..], &[5], &[5, 5, 5], &[i64::MIN, 0, i64::MAX]] {
            for slices in [Slices::Number, Slices::Time] {
                for count in [1, 2, 5] {
                    let last = slices.ranges(Remainder::Last, times, count);
                    let sum: usize = last.iter().map(ExactSizeIterator::len).sum();
                    assert_eq!((last.len(), sum), (count, times.len()), "{slices:?} {times:?}");
                    let drop = slices.ranges(Remainder::Drop, times, count);
                    assert!(drop.iter().all(|range| range.end <= times.len()));
                    cases += 1;
                }
            }
        }
        assert_eq!(cases, 24);
    }
}
