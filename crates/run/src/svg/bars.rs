//! Horizontal bars, one per name, such as firing rates per layer.

use crate::format::significant;
use crate::svg::canvas::{Canvas, fitted, width_of};
use crate::svg::{COLORS, Figure, WIDTH};

/// One bar.
#[derive(Debug, Clone, PartialEq)]
pub struct Bar {
    /// Its name, at the left.
    pub label: String,
    /// Its length, not negative.
    pub value: f64,
    /// Lowest and highest of the values that it is the mean of, drawn as a thin line along the bar.
    pub range: Option<(f64, f64)>,
    /// A value to compare with, drawn as a line across the bar.
    pub reference: Option<f64>,
}

/// A chart of horizontal bars.
#[derive(Debug, Clone, PartialEq)]
pub struct BarChart {
    /// Stands above the chart.
    pub title: String,
    /// What the values are, with their unit.
    pub value_label: String,
    /// What the line across a bar means, if there is one.
    pub reference_label: Option<String>,
    /// The value of a bar of full length; the greatest value or reference if `None`.
    pub full: Option<f64>,
    /// Which of the [`COLORS`] the bars have.
    pub color: usize,
    /// The bars from top to bottom.
    pub bars: Vec<Bar>,
}

const ROW: f64 = 22.0;

impl BarChart {
    /// Draws the chart; values that are not finite have no bar.
    pub fn draw(&self) -> Figure {
        let mut canvas = Canvas::titled(&self.title);
        let mut caption = self.value_label.clone();
        if let Some(reference) = &self.reference_label {
            caption.push_str("; line: ");
            caption.push_str(reference);
        }
        canvas.text("cw-soft", 0.0, 38.0, &caption);

        let values = self.bars.iter().flat_map(|bar| [Some(bar.value), bar.reference]).flatten();
        let greatest = values.filter(|value| value.is_finite()).fold(0.0, f64::max);
        let full = self.full.unwrap_or(greatest);
        let widest = self.bars.iter().map(|bar| width_of(&bar.label)).fold(0.0, f64::max);
        let label_width = widest.min(168.0);
        let (left, right) = (label_width + 10.0, WIDTH - 62.0);
        let length = |value: f64| {
            let share = if full > 0.0 { (value / full).clamp(0.0, 1.0) } else { 0.0 };
            (right - left) * share
        };
        for (index, bar) in self.bars.iter().enumerate() {
            let y = 50.0 + ROW * index as f64;
            canvas.text("", 0.0, y + 12.0, &fitted(&bar.label, label_width));
            canvas.rectangle("cw-track", (left, y + 2.0), (right - left, 13.0), "");
            if bar.value.is_finite() {
                let class = format!("cw-bar cw-k{}", self.color % COLORS);
                let tooltip = format!("{}: {}", bar.label, significant(bar.value));
                canvas.rectangle(&class, (left, y + 2.0), (length(bar.value), 13.0), &tooltip);
                canvas.text("cw-end", WIDTH - 4.0, y + 12.0, &significant(bar.value));
            } else {
                canvas.text("cw-soft cw-end", WIDTH - 4.0, y + 12.0, "–");
            }
            if let Some((low, high)) = bar.range.filter(|(low, high)| (high - low).is_finite()) {
                let (from, to) = (left + length(low), left + length(high));
                canvas.line("cw-range", (from, y + 8.5), (to, y + 8.5));
            }
            if let Some(reference) = bar.reference.filter(|value| value.is_finite()) {
                let x = left + length(reference);
                canvas.line("cw-mark", (x, y - 1.0), (x, y + 18.0));
            }
        }
        canvas.finish(&self.title, 50.0 + ROW * self.bars.len() as f64 + 4.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Labels of 5 characters take 32 + 10 units; from there to 358 a full bar is 316 long.
    #[test]
    fn lengths_are_in_proportion() {
        let bar = |label: &str, value, reference| Bar {
            label: label.to_owned(),
            value,
            range: None,
            reference,
        };
        let chart = BarChart {
            title: "Firing rate".to_owned(),
            value_label: "spikes".to_owned(),
            reference_label: Some("SDT".to_owned()),
            full: Some(0.5),
            color: 0,
            bars: vec![
                bar("conv1", 0.25, Some(0.5)),
                bar("conv2", f64::NAN, None),
                bar("conv3", 0.5, None),
            ],
        };
        let body = chart.draw().body;
        assert!(body.contains("width=\"158\" height=\"13\"><title>conv1: 0.250</title>"), "{body}");
        assert!(body.contains("width=\"316\" height=\"13\"><title>conv3: 0.500</title>"), "{body}");
        assert!(body.contains("d=\"M358 49L358 68\""), "{body}");
        assert!(body.contains("spikes; line: SDT"));
        assert_eq!(body.matches("cw-bar").count(), 2);
    }
}
