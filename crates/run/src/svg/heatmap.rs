//! A heat map: the cells of a grid, each with its value, colored from low to high; several grids may be stacked.
//!
//! The ramp is viridis, whose lightness rises evenly, so that it reads on light and dark paper and in gray.

use crate::svg::canvas::{Canvas, fitted, width_of};
use crate::svg::{Figure, WIDTH};

/// A heat map.
#[derive(Debug, Clone, PartialEq)]
pub struct Heatmap {
    /// Stands above the map.
    pub title: String,
    /// What varies from row to row.
    pub down: String,
    /// What varies from column to column.
    pub across: String,
    /// The grids from top to bottom.
    pub panels: Vec<HeatPanel>,
    /// A line below: what the marks in the cells mean.
    pub note: Option<String>,
}

/// One grid.
#[derive(Debug, Clone, PartialEq)]
pub struct HeatPanel {
    /// Which of several grids it is; empty if it is the only one.
    pub label: String,
    /// How its values are colored; adjacent grids with equal scales share a legend.
    pub scale: ColorScale,
    /// Names of the rows.
    pub rows: Vec<String>,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// The cells, row by row.
    pub cells: Vec<Vec<HeatCell>>,
}

/// A cell.
#[derive(Debug, Clone, PartialEq)]
pub struct HeatCell {
    /// What its color stands for; without one it is gray.
    pub value: Option<f64>,
    /// What is written in it where there is room.
    pub text: String,
    /// All there is to say of it.
    pub tooltip: String,
}

/// From values to colors.
#[derive(Debug, Clone, PartialEq)]
pub struct ColorScale {
    /// What the values are, with their unit.
    pub label: String,
    /// The value of the darkest color.
    pub low: f64,
    /// The value of the lightest color.
    pub high: f64,
    /// `low` in words.
    pub low_text: String,
    /// `high` in words.
    pub high_text: String,
    /// Whether equal ratios, instead of equal differences, are equal steps of color.
    pub logarithmic: bool,
}

/// Colors at equal steps along viridis.
const RAMP: [[u8; 3]; 9] = [
    [0x44, 0x01, 0x54],
    [0x47, 0x2d, 0x7b],
    [0x3b, 0x52, 0x8b],
    [0x2c, 0x72, 0x8e],
    [0x21, 0x91, 0x8c],
    [0x28, 0xae, 0x80],
    [0x5e, 0xc9, 0x62],
    [0xad, 0xdc, 0x30],
    [0xfd, 0xe7, 0x25],
];

const ROW: f64 = 27.0;
/// Columns are at most this wide, so that a map of few columns is no wall of color.
const COLUMN: f64 = 84.0;

impl Heatmap {
    /// Draws the map.
    pub fn draw(&self) -> Figure {
        let mut canvas = Canvas::titled(&self.title);
        let mut y = 38.0;
        for (index, panel) in self.panels.iter().enumerate() {
            y = self.grid(&mut canvas, panel, y);
            let shared = self.panels.get(index + 1).is_some_and(|next| next.scale == panel.scale);
            y = if shared { y + 14.0 } else { legend(&mut canvas, &panel.scale, y + 18.0) + 26.0 };
        }
        if let Some(note) = &self.note {
            canvas.text("cw-soft", 0.0, y, &fitted(note, WIDTH));
            y += 20.0;
        }
        canvas.finish(&self.title, y - 14.0)
    }

    /// What stands in the corner of the map as a table: what varies down and across.
    pub(crate) fn corner(&self) -> String {
        let names: Vec<&str> = [self.down.as_str(), &self.across]
            .into_iter()
            .filter(|name| !name.is_empty())
            .collect();
        names.join(" by ")
    }

    /// Draws a grid whose first line of text stands at `top`; returns where it ends.
    fn grid(&self, canvas: &mut Canvas, panel: &HeatPanel, top: f64) -> f64 {
        let mut y = top;
        if !panel.label.is_empty() {
            canvas.text("cw-strong", 0.0, y, &fitted(&panel.label, WIDTH));
            y += 17.0;
        }
        let names = panel.rows.iter().map(|name| width_of(name)).fold(0.0, f64::max);
        let left = names.max(width_of(&self.down)).min(120.0) + 10.0;
        let column = ((WIDTH - left) / panel.columns.len().max(1) as f64).min(COLUMN);
        canvas.text("cw-soft", left, y, &fitted(&self.across, WIDTH - left));
        canvas.text("cw-soft", 0.0, y + 17.0, &fitted(&self.down, left));
        for (index, name) in panel.columns.iter().enumerate() {
            let x = left + column * (index as f64 + 0.5);
            canvas.text("cw-middle", x, y + 17.0, &fitted(name, column));
        }
        y += 24.0;
        for (name, cells) in panel.rows.iter().zip(&panel.cells) {
            canvas.text("", 0.0, y + 17.5, &fitted(name, left - 6.0));
            for (index, cell) in cells.iter().enumerate() {
                let corner = (left + column * index as f64, y);
                draw_cell(canvas, panel, cell, corner, (column - 1.5, ROW - 1.5));
            }
            y += ROW;
        }
        y
    }
}

fn draw_cell(
    canvas: &mut Canvas,
    panel: &HeatPanel,
    cell: &HeatCell,
    corner: (f64, f64),
    size: (f64, f64),
) {
    let color = cell.value.and_then(|value| panel.scale.color(value));
    match color {
        Some(color) => canvas.filled(color, corner, size, &cell.tooltip),
        None => canvas.rectangle("cw-track", corner, size, &cell.tooltip),
    }
    if width_of(&cell.text) <= size.0 + 4.0 {
        let class = match color {
            Some(color) if is_dark(color) => "cw-middle cw-light",
            Some(_) => "cw-middle cw-dark",
            None => "cw-middle cw-soft",
        };
        canvas.text(class, corner.0 + size.0 / 2.0, corner.1 + 17.5, &cell.text);
    }
}

/// The ramp from its least to its greatest value, and what it stands for; returns where it ends.
fn legend(canvas: &mut Canvas, scale: &ColorScale, y: f64) -> f64 {
    /// Units from color to color.
    const STEP: f64 = 3.0;
    const STEPS: usize = 32;
    let start = width_of(&scale.low_text) + 6.0;
    canvas.text("cw-soft", 0.0, y, &scale.low_text);
    for step in 0..STEPS {
        let color = ramp(step as f64 / (STEPS - 1) as f64);
        canvas.filled(color, (start + STEP * step as f64, y - 9.0), (STEP + 0.3, 10.0), "");
    }
    let end = start + STEP * STEPS as f64 + 6.0;
    canvas.text("cw-soft", end, y, &scale.high_text);
    let rest = end + width_of(&scale.high_text) + 12.0;
    // What does not fit beside the ramp stands below.
    if width_of(&scale.label) <= WIDTH - rest {
        canvas.text("cw-soft", rest, y, &scale.label);
        return y;
    }
    canvas.text("cw-soft", 0.0, y + 17.0, &fitted(&scale.label, WIDTH));
    y + 17.0
}

impl HeatPanel {
    /// What stands above the panel as a table: which it is, and what its values are.
    pub(crate) fn heading(&self) -> String {
        let parts: Vec<&str> = [self.label.as_str(), &self.scale.label]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect();
        parts.join(": ")
    }
}

impl ColorScale {
    /// The color of a value; `None` of one that is not on the scale.
    fn color(&self, value: f64) -> Option<[u8; 3]> {
        let place = |value: f64| if self.logarithmic { value.log10() } else { value };
        let (low, high) = (place(self.low), place(self.high));
        let share = if high > low { (place(value) - low) / (high - low) } else { 0.5 };
        share.is_finite().then(|| ramp(share))
    }
}

/// The color at a place from 0 to 1 along the ramp.
fn ramp(share: f64) -> [u8; 3] {
    let along = share.clamp(0.0, 1.0) * (RAMP.len() - 1) as f64;
    let first = (along as usize).min(RAMP.len() - 2);
    let rest = along - first as f64;
    std::array::from_fn(|channel| {
        let (from, to) = (f64::from(RAMP[first][channel]), f64::from(RAMP[first + 1][channel]));
        (from + rest * (to - from)).round() as u8
    })
}

/// Whether white text has the greater contrast on a color: its luminance is below 0.18 (WCAG 2, relative luminance).
fn is_dark(color: [u8; 3]) -> bool {
    let linear = color.map(|channel| {
        let channel = f64::from(channel) / 255.0;
        if channel <= 0.040_45 { channel / 12.92 } else { ((channel + 0.055) / 1.055).powf(2.4) }
    });
    0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] < 0.18
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panel(values: &[f64], logarithmic: bool) -> HeatPanel {
        let cell = |value: &f64| HeatCell {
            value: value.is_finite().then_some(*value),
            text: value.to_string(),
            tooltip: String::new(),
        };
        let scale = ColorScale {
            label: "norm".to_owned(),
            low: 1.0,
            high: 100.0,
            low_text: "1".to_owned(),
            high_text: "100".to_owned(),
            logarithmic,
        };
        HeatPanel {
            label: String::new(),
            scale,
            rows: vec!["9".to_owned()],
            columns: values.iter().map(ToString::to_string).collect(),
            cells: vec![values.iter().map(cell).collect()],
        }
    }

    fn map(panels: Vec<HeatPanel>) -> String {
        let (down, across) = ("layers".to_owned(), "width".to_owned());
        Heatmap { title: "Map".to_owned(), down, across, panels, note: None }.draw().body
    }

    /// 10 is the middle of 1 to 100 by ratio, and near the low end by difference.
    #[test]
    fn colors_go_by_ratio_or_by_difference() {
        assert_eq!(panel(&[], true).scale.color(10.0), Some(RAMP[4]));
        assert_eq!(panel(&[], true).scale.color(0.0), None);
        assert_eq!(panel(&[], false).scale.color(50.5), Some(RAMP[4]));
        assert_eq!(panel(&[], false).scale.color(1e9), Some(RAMP[8]));
    }

    #[test]
    fn lightness_rises_along_the_ramp_and_text_changes_once() {
        let dark: Vec<bool> = RAMP.iter().map(|&color| is_dark(color)).collect();
        assert_eq!(dark, [true, true, true, true, false, false, false, false, false]);
    }

    #[test]
    fn every_cell_has_color_and_text_and_equal_scales_share_a_legend() {
        let body = map(vec![panel(&[1.0, 10.0, f64::NAN], true), panel(&[5.0], true)]);
        // Three colored cells and 32 steps of one legend; the fourth cell is gray.
        assert_eq!(body.matches("fill=\"#").count(), 3 + 32);
        assert_eq!(body.matches("cw-track").count(), 1);
        assert!(body.contains("cw-light") && body.contains(">NaN<"), "{body}");
        let apart = map(vec![panel(&[1.0], true), panel(&[5.0], false)]);
        assert_eq!(apart.matches("fill=\"#").count(), 2 + 2 * 32);
    }
}
