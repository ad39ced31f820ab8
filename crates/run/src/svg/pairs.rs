//! Two small charts side by side: the values of baseline and method, joined seed by seed, and the interval of their
//! difference against zero and a margin.

use crate::svg::canvas::{Canvas, fitted, width_of};
use crate::svg::ticks::Ticks;
use crate::svg::{COLORS, Figure, WIDTH};

/// Paired values and their difference, in coordinates in which equal steps look equal.
#[derive(Debug, Clone)]
pub struct PairChart {
    /// What it shows, in words.
    pub title: String,
    /// Name of the values at the left.
    pub baseline: String,
    /// Name of the values at the right.
    pub method: String,
    /// Seed, baseline and method of each pair.
    pub pairs: Vec<(u64, f64, f64)>,
    /// The mean difference and the ends of its interval.
    pub difference: f64,
    /// Half the width of the interval; `None` if it is not known.
    pub half: Option<f64>,
    /// Differences up to this size are shaded.
    pub margin: f64,
    /// A value in words.
    pub value_text: fn(f64) -> String,
    /// A difference in words, short enough for a tick.
    pub difference_text: fn(f64) -> String,
    /// The unit of differences, or what kind of number they are.
    pub difference_label: String,
    /// Which of the [`COLORS`] the interval has; gray if `None`.
    pub color: Option<usize>,
}

/// How much wider text is here than elsewhere, since the charts stand in narrow cards.
const LARGE: f64 = 1.2;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 104.0;

impl PairChart {
    /// Draws the charts.
    pub fn draw(&self) -> Figure {
        let mut canvas = Canvas::default();
        self.values(&mut canvas);
        self.interval(&mut canvas);
        canvas.finish(&self.title, BOTTOM + 42.0)
    }

    /// The left chart: a line per seed from baseline to method.
    fn values(&self, canvas: &mut Canvas) {
        let all = || self.pairs.iter().flat_map(|&(_, baseline, method)| [baseline, method]);
        let low = all().fold(f64::INFINITY, f64::min);
        let high = all().fold(f64::NEG_INFINITY, f64::max);
        let ticks = Ticks::covering(low, high, 3, false);
        let labels: Vec<(f64, String)> =
            ticks.labels().into_iter().map(|(at, _)| (at, (self.value_text)(at))).collect();
        let left =
            labels.iter().map(|(_, label)| LARGE * width_of(label)).fold(0.0, f64::max) + 8.0;
        let right = 196.0;
        let y = |value: f64| BOTTOM - (BOTTOM - TOP) * ticks.place(value);
        for (at, label) in &labels {
            canvas.line("cw-grid", (left, y(*at)), (right, y(*at)));
            canvas.text("cw-large cw-soft cw-end", left - 6.0, y(*at) + 4.0, label);
        }
        let inset = (right - left) / 4.0;
        let (from, to) = (left + inset, right - inset);
        for &(seed, baseline, method) in &self.pairs {
            canvas.line("cw-line cw-thin cw-km", (from, y(baseline)), (to, y(method)));
            for (name, x, value) in [(&self.baseline, from, baseline), (&self.method, to, method)] {
                let tooltip = format!("{name}, seed {seed}: {}", (self.value_text)(value));
                let class = if x == from { "cw-dot cw-km" } else { "cw-dot cw-k0" };
                canvas.dot(class, (x, y(value)), 4.0, &tooltip);
            }
        }
        for (x, name) in [(from, &self.baseline), (to, &self.method)] {
            canvas.text("cw-large cw-middle", x, BOTTOM + 19.0, &fitted(name, 2.0 * inset / LARGE));
        }
    }

    /// The right chart: each seed's difference above the interval of their mean.
    fn interval(&self, canvas: &mut Canvas) {
        let (left, right) = (226.0, WIDTH - 26.0);
        let half = self.half.unwrap_or(0.0);
        let differences = || self.pairs.iter().map(|&(_, baseline, method)| method - baseline);
        let reach = differences()
            .chain([self.margin, self.difference - half, self.difference + half])
            .map(f64::abs)
            .fold(0.0, f64::max);
        let reach = if reach > 0.0 { reach } else { 1.0 };
        let ticks = Ticks::between(-1.08 * reach, 1.08 * reach, 5, false);
        let x = |value: f64| left + (right - left) * ticks.place(value);
        let shaded = (x(self.margin) - x(-self.margin), BOTTOM - TOP);
        let margin = format!("within {} of no change", (self.difference_text)(self.margin));
        canvas.rectangle("cw-track", (x(-self.margin), TOP), shaded, &margin);
        canvas.line("cw-mark", (x(0.0), TOP - 6.0), (x(0.0), BOTTOM));
        canvas.line("cw-axis", (left, BOTTOM), (right, BOTTOM));
        let labels: Vec<(f64, String)> =
            ticks.labels().into_iter().map(|(at, _)| (at, (self.difference_text)(at))).collect();
        let widest = labels.iter().map(|(_, label)| LARGE * width_of(label)).fold(0.0, f64::max);
        let room = (right - left) / labels.len() as f64;
        for (index, (at, label)) in labels.iter().enumerate() {
            canvas.line("cw-axis", (x(*at), BOTTOM), (x(*at), BOTTOM + 4.0));
            // Ends and middle are enough where not all labels fit.
            if widest < room || index % (labels.len() / 2).max(1) == 0 {
                canvas.text("cw-large cw-soft cw-middle", x(*at), BOTTOM + 19.0, label);
            }
        }
        let upper = TOP + 0.3 * (BOTTOM - TOP);
        for ((seed, ..), difference) in self.pairs.iter().zip(differences()) {
            let tooltip = format!("seed {seed}: {}", (self.difference_text)(difference));
            canvas.dot("cw-dot cw-km", (x(difference), upper), 3.5, &tooltip);
        }
        let lower = TOP + 0.68 * (BOTTOM - TOP);
        let class = self
            .color
            .map_or_else(|| "cw-ki".to_owned(), |color| format!("cw-k{}", color % COLORS));
        let mean = (self.difference_text)(self.difference);
        if let Some(half) = self.half {
            let ends = (x(self.difference - half), x(self.difference + half));
            canvas.rectangle(
                &format!("cw-bar {class}"),
                (ends.0, lower - 2.5),
                ((ends.1 - ends.0).max(1.0), 5.0),
                &format!("95 % interval of the mean difference, {mean}"),
            );
        }
        canvas.dot(&format!("cw-dot {class}"), (x(self.difference), lower), 6.0, &mean);
        let caption = format!("{}: each seed, and mean with 95 %", self.difference_label);
        canvas.text("cw-large cw-soft cw-end", WIDTH - 2.0, BOTTOM + 38.0, &caption);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From −1.08 to 1.08 over 226 to 394: zero lies at 310, one at 387.78, the margin of 0.5 from 271.11 on.
    #[test]
    fn pairs_interval_and_margin_lie_where_they_should() {
        let chart = PairChart {
            title: "t".to_owned(),
            baseline: "SDT".to_owned(),
            method: "TET".to_owned(),
            pairs: vec![(1, 2.0, 2.5), (2, 2.0, 3.0)],
            difference: 0.75,
            half: Some(0.25),
            margin: 0.5,
            value_text: |value| format!("{value:.1}"),
            difference_text: |value| format!("{value:.2}"),
            difference_label: "points".to_owned(),
            color: Some(2),
        };
        let body = chart.draw().body;
        assert!(body.contains("d=\"M310 4L310 104\""), "{body}");
        assert!(body.contains("cx=\"387.78\""), "{body}");
        assert!(body.contains("x=\"271.11\" y=\"10\" width=\"77.78\" height=\"94\""), "{body}");
        assert!(body.contains("cw-bar cw-k2\" x=\"348.89\""), "{body}");
        assert_eq!(body.matches("cw-thin").count(), 2);
        let unknown = PairChart { half: None, ..chart }.draw().body;
        assert_eq!(unknown.matches("cw-bar").count(), 0);
    }
}
