//! A spike raster: time steps from left to right, neurons from top to bottom, a mark for each spike.

use crate::svg::canvas::Canvas;
use crate::svg::{COLORS, Figure, WIDTH};

/// A spike raster of one layer and one sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Raster {
    /// Stands above the raster.
    pub title: String,
    /// Number of time steps.
    pub time_steps: usize,
    /// Number of neurons shown.
    pub neurons: usize,
    /// Time step and neuron of each spike, both from 0; spikes outside are left out.
    pub spikes: Vec<(usize, usize)>,
    /// Which of the [`COLORS`] the spikes have.
    pub color: usize,
}

impl Raster {
    /// Draws the raster, at most 240 units high.
    pub fn draw(&self) -> Figure {
        let mut canvas = Canvas::titled(&self.title);
        if self.time_steps == 0 || self.neurons == 0 {
            canvas.text("cw-soft", 0.0, 40.0, "nothing to show");
            return canvas.finish(&self.title, 50.0);
        }
        let inside: Vec<(usize, usize)> = self
            .spikes
            .iter()
            .copied()
            .filter(|&(step, neuron)| step < self.time_steps && neuron < self.neurons)
            .collect();
        let share = 100.0 * inside.len() as f64 / (self.time_steps * self.neurons) as f64;
        let caption = format!("{} neurons, {share:.1} % of steps with a spike", self.neurons);
        canvas.text("cw-soft", 0.0, 38.0, &caption);

        let (left, right, top) = (4.0, WIDTH - 4.0, 48.0);
        let column = (right - left) / self.time_steps as f64;
        let row = (240.0 / self.neurons as f64).min(12.0);
        let bottom = top + row * self.neurons as f64;
        canvas.rectangle("cw-track", (left, top), (right - left, bottom - top), "");
        let class = format!("cw-bar cw-k{}", self.color % COLORS);
        for (step, neuron) in inside {
            let corner = (left + column * step as f64 + 0.1 * column, top + row * neuron as f64);
            canvas.rectangle(&class, corner, (0.8 * column, (0.85 * row).max(0.6)), "");
        }
        let every = self.time_steps.div_ceil(16);
        for step in (0..self.time_steps).step_by(every) {
            let x = left + column * (step as f64 + 0.5);
            canvas.text("cw-soft cw-middle", x, bottom + 16.0, &(step + 1).to_string());
        }
        canvas.text("cw-soft cw-end", right, bottom + 32.0, "time step");
        canvas.finish(&self.title, bottom + 38.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four steps of 103 units; the spike of step 2 begins at 4 + 206 + 10.3. One spike of five lies outside.
    #[test]
    fn one_mark_per_spike_inside() {
        let raster = Raster {
            title: "conv1".to_owned(),
            time_steps: 4,
            neurons: 2,
            spikes: vec![(0, 0), (1, 1), (2, 0), (3, 1), (4, 0)],
            color: 0,
        };
        let body = raster.draw().body;
        assert_eq!(body.matches("cw-bar").count(), 4);
        assert!(body.contains("x=\"220.3\" y=\"48\""), "{body}");
        assert!(body.contains("2 neurons, 50.0 % of steps with a spike"));
    }
}
