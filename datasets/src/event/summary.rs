//! A recording in a few numbers, to compare readers and files.

use super::Format;
use crate::Events;

/// How many events [`Summary::first`] holds at most.
const FIRST: usize = 5;

/// Counts and sums of a recording, with polarity as the file stores it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Name of the format.
    pub format: &'static str,
    /// Columns of the sensor.
    pub width: usize,
    /// Rows of the sensor.
    pub height: usize,
    /// Number of events.
    pub count: u64,
    /// Time of the first event in µs; `None` without events.
    pub first_t: Option<i64>,
    /// Time of the last event in µs; `None` without events.
    pub last_t: Option<i64>,
    /// Sum of the columns.
    pub sum_x: u64,
    /// Sum of the rows.
    pub sum_y: u64,
    /// Sum of the polarities as stored: of [`Format::Aedat2`], ON counts 0 and OFF counts 1.
    pub sum_p: u64,
    /// Sum of the times.
    pub sum_t: i128,
    /// The first five events as x, y, t and the stored polarity.
    pub first: Vec<[i64; 4]>,
}

impl Summary {
    /// An empty recording.
    pub fn new(format: Format) -> Self {
        Self {
            format: format.name(),
            width: 0,
            height: 0,
            count: 0,
            first_t: None,
            last_t: None,
            sum_x: 0,
            sum_y: 0,
            sum_p: 0,
            sum_t: 0,
            first: Vec::new(),
        }
    }

    /// Adds the next events, such as a piece of [`Chunks`](super::Chunks).
    pub fn add(&mut self, events: &Events, format: Format) {
        let on = events.p.iter().filter(|&&on| on).count();
        let inverted = format.stores_on_as_zero();
        (self.width, self.height) = (self.width.max(events.width), self.height.max(events.height));
        self.count += events.len() as u64;
        self.first_t = self.first_t.or(events.t.first().copied());
        self.last_t = events.t.last().copied().or(self.last_t);
        self.sum_x += events.x.iter().map(|&x| u64::from(x)).sum::<u64>();
        self.sum_y += events.y.iter().map(|&y| u64::from(y)).sum::<u64>();
        self.sum_p += if inverted { events.len() - on } else { on } as u64;
        self.sum_t += events.t.iter().map(|&t| i128::from(t)).sum::<i128>();
        for index in 0..events.len().min(FIRST - self.first.len()) {
            let polarity = i64::from(events.p[index] != inverted);
            let [x, y] = [events.x[index], events.y[index]].map(i64::from);
            self.first.push([x, y, events.t[index], polarity]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_add_up() {
        let mut events = Events { width: 128, height: 128, ..Events::default() };
        events.push(1, 2, 30, true);
        events.push(3, 4, 50, false);
        events.push(5, 6, 70, false);
        for (format, sum_p, first) in [(Format::Aedat2, 4, 0), (Format::Aedat3, 2, 1)] {
            let mut summary = Summary::new(format);
            summary.add(&Events::default(), format);
            summary.add(&events, format);
            summary.add(&events, format);
            assert_eq!((summary.width, summary.height, summary.count), (128, 128, 6));
            assert_eq!((summary.first_t, summary.last_t), (Some(30), Some(70)));
            assert_eq!((summary.sum_x, summary.sum_y, summary.sum_t), (18, 24, 300));
            assert_eq!((summary.sum_p, summary.first.len()), (sum_p, 5));
            assert_eq!(summary.first[3], [1, 2, 30, first]);
        }
    }
}
