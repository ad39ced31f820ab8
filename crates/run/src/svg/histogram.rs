//! A histogram over equal bins, such as membrane potentials with the support of the surrogate shaded.

use crate::format::significant;
use crate::svg::canvas::Canvas;
use crate::svg::ticks::Ticks;
use crate::svg::{COLORS, Figure, WIDTH};

/// A vertical line with a name, such as the threshold.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// Where it stands.
    pub at: f64,
    /// Its name.
    pub label: String,
}

/// A shaded range with a name, such as where a surrogate gradient is not zero.
#[derive(Debug, Clone, PartialEq)]
pub struct Shade {
    /// Where it begins.
    pub low: f64,
    /// Where it ends.
    pub high: f64,
    /// Its name.
    pub label: String,
}

/// A histogram.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    /// Stands above the chart.
    pub title: String,
    /// What is counted, with its unit.
    pub x_label: String,
    /// Left edge of the first bin.
    pub low: f64,
    /// Right edge of the last bin.
    pub high: f64,
    /// How many values fell into each bin.
    pub counts: Vec<u64>,
    /// Lines to read the bins by.
    pub marks: Vec<Mark>,
    /// A range to read the bins by.
    pub shade: Option<Shade>,
    /// Which of the [`COLORS`] the bins have.
    pub color: usize,
}

const PLOT_HEIGHT: f64 = 120.0;

impl Histogram {
    /// Draws the histogram; the height of a bin is its share of all counts.
    pub fn draw(&self) -> Figure {
        let mut canvas = Canvas::titled(&self.title);
        let total: u64 = self.counts.iter().sum();
        if total == 0 || !self.low.is_finite() || !self.high.is_finite() || self.low >= self.high {
            canvas.text("cw-soft", 0.0, 40.0, "nothing was counted");
            return canvas.finish(&self.title, 50.0);
        }
        let mut names: Vec<String> =
            self.marks.iter().map(|mark| format!("line: {}", mark.label)).collect();
        names.extend(self.shade.iter().map(|shade| format!("shaded: {}", shade.label)));
        canvas.text("cw-soft", 0.0, 38.0, &names.join("; "));

        let ticks = Ticks::between(self.low, self.high, 6, false);
        let (left, right) = (12.0, WIDTH - 12.0);
        let (top, bottom) = (50.0, 50.0 + PLOT_HEIGHT);
        let at = |x: f64| left + (right - left) * ticks.place(x.clamp(self.low, self.high));
        if let Some(shade) = &self.shade {
            let class = format!("cw-band cw-k{}", (self.color + 1) % COLORS);
            let size = (at(shade.high) - at(shade.low), PLOT_HEIGHT);
            canvas.rectangle(&class, (at(shade.low), top), size, &shade.label);
        }
        let greatest = self.counts.iter().copied().max().unwrap_or(1).max(1);
        let bin = (self.high - self.low) / self.counts.len() as f64;
        let class = format!("cw-bar cw-k{}", self.color % COLORS);
        for (index, &count) in self.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let start = self.low + bin * index as f64;
            let height = PLOT_HEIGHT * count as f64 / greatest as f64;
            let width = (at(start + bin) - at(start) - 0.5).max(0.5);
            let share = significant(100.0 * count as f64 / total as f64);
            let tooltip =
                format!("{} to {}: {share} %", significant(start), significant(start + bin));
            canvas.rectangle(&class, (at(start), bottom - height), (width, height), &tooltip);
        }
        for mark in &self.marks {
            canvas.line("cw-mark", (at(mark.at), top - 4.0), (at(mark.at), bottom));
        }
        canvas.line("cw-axis", (left, bottom), (right, bottom));
        for (value, label) in ticks.labels() {
            canvas.line("cw-axis", (at(value), bottom), (at(value), bottom + 4.0));
            canvas.text("cw-soft cw-middle", at(value), bottom + 18.0, &label);
        }
        canvas.text("cw-soft cw-end", right, bottom + 34.0, &self.x_label);
        canvas.finish(&self.title, bottom + 40.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(counts: Vec<u64>) -> Histogram {
        Histogram {
            title: "Potential".to_owned(),
            x_label: "v".to_owned(),
            low: 0.0,
            high: 2.0,
            counts,
            marks: vec![Mark { at: 1.0, label: "threshold".to_owned() }],
            shade: Some(Shade { low: 0.5, high: 1.5, label: "gradient".to_owned() }),
            color: 0,
        }
    }

    /// From 12 to 408 over 0 to 2: the threshold stands at 210, the shade from 111 on, 198 wide; the fullest bin is 120 high.
    #[test]
    fn bins_mark_and_shade_lie_where_they_should() {
        let body = histogram(vec![10, 0, 20, 10]).draw().body;
        assert_eq!(body.matches("cw-bar").count(), 3);
        assert!(body.contains("d=\"M210 46L210 170\""), "{body}");
        assert!(body.contains("x=\"111\" y=\"50\" width=\"198\" height=\"120\""), "{body}");
        assert!(body.contains("<title>1.00 to 1.50: 50.0 %</title>"), "{body}");
        assert!(body.contains("line: threshold; shaded: gradient"));
    }

    #[test]
    fn nothing_counted_is_said() {
        assert!(histogram(vec![0, 0]).draw().body.contains("nothing was counted"));
    }
}
