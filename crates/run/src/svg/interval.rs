//! A strip that shows a mean and its interval against zero, small enough for a table cell.

use crate::svg::canvas::Canvas;
use crate::svg::{Figure, WIDTH};

/// Draws `low` to `high` with the mean as a dot, on a scale from `−reach` to `reach` with zero in the middle.
///
/// All strips of a table take the same `reach`, so that they compare by eye.
pub fn interval(title: &str, (low, mean, high): (f64, f64, f64), reach: f64) -> Figure {
    let mut canvas = Canvas::default();
    let middle = 24.0;
    let place = |value: f64| {
        let share = if reach > 0.0 { (value / reach).clamp(-1.0, 1.0) } else { 0.0 };
        WIDTH / 2.0 + share * (WIDTH / 2.0 - 12.0)
    };
    // A clear difference has the color of a series; one that may be none is gray.
    let class = if low > 0.0 || high < 0.0 { "cw-k0" } else { "cw-km" };
    canvas.line("cw-axis", (WIDTH / 2.0, 0.0), (WIDTH / 2.0, 2.0 * middle));
    let height = 10.0;
    let corner = (place(low), middle - height / 2.0);
    let size = (place(high) - place(low), height);
    canvas.rectangle(&format!("cw-bar {class}"), corner, size, "");
    canvas.dot(&format!("cw-dot {class}"), (place(mean), middle), 11.0, "");
    canvas.finish(title, 2.0 * middle)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Zero is at 210 and the ends are 198 away: 1 of 2 lies at 309.
    #[test]
    fn the_dot_stands_at_the_mean() {
        let clear = interval("d", (0.5, 1.0, 1.5), 2.0).body;
        assert!(clear.contains("cw-dot cw-k0\" cx=\"309\""), "{clear}");
        let unclear = interval("d", (-0.5, 1.0, 2.5), 2.5).body;
        assert!(unclear.contains("cw-dot cw-km"), "{unclear}");
    }
}
