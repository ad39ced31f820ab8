//! Figures as SVG text: line charts with bands, bars, histograms, heat maps, paired values and spike rasters.
//!
//! A figure takes its colors from the style sheet [`STYLE`], light or dark as the reader's system wishes, so that the
//! same figure stands in a page ([`Figure::inline`]) and in a file of its own ([`Figure::standalone`]).
//! Figures are 420 units wide, which keeps their text readable on a phone. Equal input gives equal bytes.

mod bars;
mod canvas;
mod heatmap;
mod histogram;
mod interval;
mod lines;
mod pairs;
mod raster;
mod ticks;

pub use bars::{Bar, BarChart};
pub use heatmap::{ColorScale, HeatCell, HeatPanel, Heatmap};
pub use histogram::{Histogram, Mark, Shade};
pub use interval::interval;
pub use lines::{LineChart, Point, Series};
pub use pairs::PairChart;
pub use raster::Raster;

/// Width of every figure in its own units.
pub const WIDTH: f64 = 420.0;

/// Number of colors that series are told apart by; further series begin again with the first.
pub const COLORS: usize = 6;

/// The style sheet that every figure needs, once per page.
pub const STYLE: &str = include_str!("svg/style.css");

/// A drawn figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// What it shows, in words, for readers who cannot see it.
    pub title: String,
    /// Height in units; the width is [`WIDTH`].
    pub height: f64,
    /// The elements inside `<svg>`.
    pub body: String,
}

impl Figure {
    /// An `<svg>` element for a page that contains [`STYLE`].
    pub fn inline(&self) -> String {
        let view = format!("0 0 {} {}", canvas::number(WIDTH), canvas::number(self.height));
        self.element("", &view, "")
    }

    /// The text of an `.svg` file, with a margin around the figure.
    pub fn standalone(&self) -> String {
        let (width, height) = (canvas::number(WIDTH + 24.0), canvas::number(self.height + 16.0));
        let view = format!("-12 -8 {width} {height}");
        let paper = format!(
            "<style>{STYLE}</style><rect class=\"cw-paper\" x=\"-12\" y=\"-8\" width=\"{width}\" height=\"{height}\"/>"
        );
        self.element(" xmlns=\"http://www.w3.org/2000/svg\"", &view, &paper) + "\n"
    }

    fn element(&self, attributes: &str, view: &str, before: &str) -> String {
        format!(
            "<svg class=\"cw\"{attributes} viewBox=\"{view}\" role=\"img\"><title>{}</title>{before}{}</svg>",
            escape(&self.title),
            self.body
        )
    }
}

/// Takes the meaning from the characters that SVG and HTML give one, in text and in quoted attributes.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_titles_stays_text() {
        let figure =
            Figure { title: "a < b & \"c\"".to_owned(), height: 10.0, body: String::new() };
        assert_eq!(
            figure.inline(),
            "<svg class=\"cw\" viewBox=\"0 0 420 10\" role=\"img\"><title>a &lt; b &amp; &quot;c&quot;</title></svg>"
        );
    }

    #[test]
    fn a_file_of_its_own_brings_style_and_name_space() {
        let figure = Figure { title: "t".to_owned(), height: 10.0, body: String::new() };
        let text = figure.standalone();
        assert!(text.starts_with("<svg class=\"cw\" xmlns=\"http://www.w3.org/2000/svg\""));
        assert!(text.contains("prefers-color-scheme"));
    }
}
