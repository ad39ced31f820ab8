//! A line chart whose lines may carry a band, such as the range over seeds.

use crate::format::significant;
use crate::svg::canvas::{Canvas, width_of};
use crate::svg::ticks::Ticks;
use crate::svg::{COLORS, Figure, WIDTH};

/// One measured point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Position.
    pub x: f64,
    /// Value.
    pub y: f64,
    /// Lowest and highest value that the band covers.
    pub band: Option<(f64, f64)>,
}

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Its name in the legend.
    pub label: String,
    /// Its points in the order of x; points that are not finite are left out.
    pub points: Vec<Point>,
    /// Which of the [`COLORS`] it has; `None` draws it gray and dashed, as something to compare with.
    pub color: Option<usize>,
}

/// A line chart.
#[derive(Debug, Clone, PartialEq)]
pub struct LineChart {
    /// Stands above the chart.
    pub title: String,
    /// What x is, with its unit.
    pub x_label: String,
    /// What y is, with its unit.
    pub y_label: String,
    /// Whether x counts something, so that it is marked at whole numbers only.
    pub whole_x: bool,
    /// The lines, drawn in this order.
    pub series: Vec<Series>,
}

const PLOT_HEIGHT: f64 = 170.0;
const LEGEND_LINE: f64 = 18.0;

impl LineChart {
    /// Draws the chart.
    pub fn draw(&self) -> Figure {
        let mut canvas = Canvas::titled(&self.title);
        let legend_end = self.legend(&mut canvas, 40.0);
        let points = || self.series.iter().flat_map(Series::finite_points);
        if points().next().is_none() {
            canvas.text("cw-soft", 0.0, legend_end, "nothing was measured");
            return canvas.finish(&self.title, legend_end + 10.0);
        }
        let extent = |values: &mut dyn Iterator<Item = f64>| {
            values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
                (low.min(value), high.max(value))
            })
        };
        let (x_low, x_high) = extent(&mut points().map(|point| point.x));
        let (y_low, y_high) = extent(&mut points().flat_map(|point| {
            let (low, high) = point.band.unwrap_or((point.y, point.y));
            [low, point.y, high]
        }));
        let x_ticks = Ticks::between(x_low, x_high, 6, self.whole_x);
        let y_ticks = Ticks::covering(y_low, y_high, 4, false);
        let y_labels = y_ticks.labels();
        let widest = y_labels.iter().map(|(_, label)| width_of(label)).fold(0.0, f64::max);

        canvas.text("cw-soft", 0.0, legend_end, &self.y_label);
        let (left, right) = (widest + 8.0, WIDTH - 8.0);
        let (top, bottom) = (legend_end + 12.0, legend_end + 12.0 + PLOT_HEIGHT);
        let at_x = |x: f64| left + (right - left) * x_ticks.place(x);
        let at_y = |y: f64| bottom - (bottom - top) * y_ticks.place(y);
        for (value, label) in &y_labels {
            canvas.line("cw-grid", (left, at_y(*value)), (right, at_y(*value)));
            canvas.text("cw-soft cw-end", left - 6.0, at_y(*value) + 4.0, label);
        }
        canvas.line("cw-axis", (left, bottom), (right, bottom));
        for (value, label) in x_ticks.labels() {
            canvas.line("cw-axis", (at_x(value), bottom), (at_x(value), bottom + 4.0));
            canvas.text("cw-soft cw-middle", at_x(value), bottom + 18.0, &label);
        }
        canvas.text("cw-soft cw-end", right, bottom + 34.0, &self.x_label);

        for series in &self.series {
            let banded: Vec<(f64, (f64, f64))> =
                series.finite_points().filter_map(|point| Some((point.x, point.band?))).collect();
            if banded.len() > 1 {
                let upper = banded.iter().map(|(x, (_, high))| (at_x(*x), at_y(*high)));
                let lower = banded.iter().rev().map(|(x, (low, _))| (at_x(*x), at_y(*low)));
                canvas.path(&format!("cw-band {}", series.class()), upper.chain(lower), true);
            }
        }
        for series in &self.series {
            let dash = if series.color.is_none() { " cw-dash" } else { "" };
            let line = series.finite_points().map(|point| (at_x(point.x), at_y(point.y)));
            canvas.path(&format!("cw-line{dash} {}", series.class()), line, false);
            for point in series.finite_points() {
                let tooltip = format!("{}: {}", series.label, tooltip(&point));
                let place = (at_x(point.x), at_y(point.y));
                canvas.dot(&format!("cw-dot {}", series.class()), place, 2.5, &tooltip);
            }
        }
        canvas.finish(&self.title, bottom + 40.0)
    }

    /// Names and colors, in as many lines as they need; returns where the text below begins.
    fn legend(&self, canvas: &mut Canvas, top: f64) -> f64 {
        if self.series.len() < 2 {
            return top;
        }
        let (mut x, mut y) = (0.0, top);
        for series in &self.series {
            let width = 22.0 + width_of(&series.label) + 20.0;
            if x > 0.0 && x + width > WIDTH {
                x = 0.0;
                y += LEGEND_LINE;
            }
            let dash = if series.color.is_none() { " cw-dash" } else { "" };
            let class = format!("cw-line{dash} {}", series.class());
            canvas.line(&class, (x + 1.0, y - 4.0), (x + 16.0, y - 4.0));
            canvas.text("", x + 22.0, y, &series.label);
            x += width;
        }
        y + LEGEND_LINE + 2.0
    }
}

impl Series {
    fn finite_points(&self) -> impl Iterator<Item = Point> {
        self.points.iter().copied().filter(|point| {
            let band = point.band.unwrap_or((0.0, 0.0));
            [point.x, point.y, band.0, band.1].iter().all(|value| value.is_finite())
        })
    }

    fn class(&self) -> String {
        self.color.map_or_else(|| "cw-km".to_owned(), |color| format!("cw-k{}", color % COLORS))
    }
}

fn tooltip(point: &Point) -> String {
    let value = format!("{} at {}", significant(point.y), significant(point.x));
    match point.band {
        Some((low, high)) => format!("{value} ({} to {})", significant(low), significant(high)),
        None => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(points: Vec<Point>) -> LineChart {
        LineChart {
            title: "Accuracy".to_owned(),
            x_label: "epoch".to_owned(),
            y_label: "%".to_owned(),
            whole_x: true,
            series: vec![Series { label: "TET".to_owned(), points, color: Some(1) }],
        }
    }

    /// The plot is 170 high; from 0 to 100 a value of 50 lies in its middle, and the band is one closed area.
    #[test]
    fn line_and_band_lie_where_they_should() {
        let point = |x, y| Point { x, y, band: Some((y - 10.0, y + 10.0)) };
        let figure = chart(vec![point(1.0, 10.0), point(2.0, 50.0), point(3.0, 90.0)]).draw();
        assert!(figure.body.contains("class=\"cw-band cw-k1\""), "{}", figure.body);
        // The axis begins at 3 characters of 6.4 plus 8 and ends at 412; the plot begins at 40 + 12.
        assert!(figure.body.contains("M27.2 205L219.6 137L412 69"), "{}", figure.body);
        assert_eq!(figure.body.matches("<circle").count(), 3);
    }

    #[test]
    fn what_is_not_finite_is_left_out() {
        let point = |x, y| Point { x, y, band: None };
        let figure = chart(vec![point(1.0, f64::NAN), point(2.0, 1.0), point(3.0, 2.0)]).draw();
        assert_eq!(figure.body.matches("<circle").count(), 2);
        assert!(!figure.body.contains("NaN"));
    }

    #[test]
    fn nothing_measured_is_said() {
        assert!(chart(Vec::new()).draw().body.contains("nothing was measured"));
    }
}
