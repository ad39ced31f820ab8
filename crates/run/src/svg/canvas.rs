//! The few SVG elements that figures consist of, written with short numbers.

use std::fmt::Write;

use crate::svg::{Figure, WIDTH, escape};

/// Mean width of a character at the size of labels; titles and labels are placed by it.
const CHARACTER: f64 = 6.4;

/// A coordinate with at most two decimals and no trailing zeros.
pub(crate) fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// About how wide a label is.
pub(crate) fn width_of(text: &str) -> f64 {
    CHARACTER * text.chars().count() as f64
}

/// `text`, cut with an ellipsis if it is wider than `width`.
pub(crate) fn fitted(text: &str, width: f64) -> String {
    if width_of(text) <= width {
        return text.to_owned();
    }
    let keep = ((width / CHARACTER) as usize).saturating_sub(1);
    let mut short: String = text.chars().take(keep).collect();
    short.push('…');
    short
}

/// Collects elements.
#[derive(Debug, Default)]
pub(crate) struct Canvas {
    body: String,
}

impl Canvas {
    /// A canvas with the title at the top left, which takes 26 units.
    pub(crate) fn titled(title: &str) -> Self {
        let mut canvas = Self::default();
        canvas.text("cw-title", 0.0, 16.0, &fitted(title, WIDTH * 0.76));
        canvas
    }

    pub(crate) fn text(&mut self, class: &str, x: f64, y: f64, text: &str) {
        let (x, y) = (number(x), number(y));
        let _ = write!(
            self.body,
            "<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{}</text>",
            escape(text)
        );
    }

    pub(crate) fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let _ = write!(
            self.body,
            "<path class=\"{class}\" d=\"M{} {}L{} {}\"/>",
            number(from.0),
            number(from.1),
            number(to.0),
            number(to.1)
        );
    }

    /// A rectangle from its upper left corner, with a tooltip unless that is empty.
    pub(crate) fn rectangle(
        &mut self,
        class: &str,
        (x, y): (f64, f64),
        (width, height): (f64, f64),
        tooltip: &str,
    ) {
        let _ = write!(
            self.body,
            "<rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\">{}</rect>",
            number(x),
            number(y),
            number(width.max(0.0)),
            number(height.max(0.0)),
            title(tooltip)
        );
    }

    /// A rectangle as [`Canvas::rectangle`], of a color that is the same on any paper.
    pub(crate) fn filled(
        &mut self,
        [red, green, blue]: [u8; 3],
        (x, y): (f64, f64),
        (width, height): (f64, f64),
        tooltip: &str,
    ) {
        let _ = write!(
            self.body,
            "<rect fill=\"#{red:02x}{green:02x}{blue:02x}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\">{}</rect>",
            number(x),
            number(y),
            number(width),
            number(height),
            title(tooltip)
        );
    }

    pub(crate) fn dot(&mut self, class: &str, (x, y): (f64, f64), radius: f64, tooltip: &str) {
        let _ = write!(
            self.body,
            "<circle class=\"{class}\" cx=\"{}\" cy=\"{}\" r=\"{}\">{}</circle>",
            number(x),
            number(y),
            number(radius),
            title(tooltip)
        );
    }

    /// A line through points, closed to an area if `closed`.
    pub(crate) fn path(
        &mut self,
        class: &str,
        points: impl IntoIterator<Item = (f64, f64)>,
        closed: bool,
    ) {
        let mut data = String::new();
        for (index, (x, y)) in points.into_iter().enumerate() {
            let command = if index == 0 { 'M' } else { 'L' };
            let _ = write!(data, "{command}{} {}", number(x), number(y));
        }
        if closed {
            data.push('Z');
        }
        let _ = write!(self.body, "<path class=\"{class}\" d=\"{data}\"/>");
    }

    pub(crate) fn finish(self, title: &str, height: f64) -> Figure {
        Figure { title: title.to_owned(), height, body: self.body }
    }
}

fn title(tooltip: &str) -> String {
    if tooltip.is_empty() { String::new() } else { format!("<title>{}</title>", escape(tooltip)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let cases = [(0.0, "0"), (-0.001, "0"), (1.5, "1.5"), (100.0, "100"), (1.0 / 3.0, "0.33")];
        for (value, expected) in cases {
            assert_eq!(number(value), expected);
        }
        assert_eq!(cases.len(), 5);
    }

    #[test]
    fn long_labels_end_in_an_ellipsis() {
        assert_eq!(fitted("abc", 100.0), "abc");
        assert_eq!(fitted("abcdefghij", 32.0), "abcd…");
    }
}
