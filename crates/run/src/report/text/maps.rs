//! Maps as framed tables, one per panel, parted where they are wider than a terminal.

use std::fmt::Write;

use crate::map::MapReport;
use crate::report::maps::heatmap;
use crate::report::text::layout::{Column, WIDTH, framed, push_paragraph};
use crate::svg::HeatPanel;

/// The greatest width of the names at the left.
const NAMES: usize = 20;

pub(super) fn push(out: &mut String, maps: &[MapReport]) {
    for map in maps {
        let _ = writeln!(out, "\n{} ({})", map.title, map.id);
        push_paragraph(out, "", &map.caption);
        let heatmap = heatmap(map);
        for panel in &heatmap.panels {
            push_paragraph(out, "", &panel.heading());
            push_panel(out, &heatmap.corner(), panel);
        }
        if let Some(note) = &heatmap.note {
            push_paragraph(out, "", note);
        }
    }
}

fn push_panel(out: &mut String, corner: &str, panel: &HeatPanel) {
    let width = |column: usize| {
        let cells = panel.cells.iter().map(|row| row[column].text.chars().count());
        cells.chain([panel.columns[column].chars().count()]).max().unwrap_or(0) + 3
    };
    let mut start = 0;
    while start < panel.columns.len() {
        let (mut end, mut taken) = (start, NAMES + 4);
        while end < panel.columns.len() && (end == start || taken + width(end) <= WIDTH) {
            taken += width(end);
            end += 1;
        }
        let mut columns = vec![Column::new(corner, NAMES, false)];
        columns.extend(
            panel.columns[start..end].iter().map(|name| Column::new(name.as_str(), WIDTH, true)),
        );
        let rows = panel.rows.iter().zip(&panel.cells).map(|(name, cells)| {
            let values = cells[start..end].iter().map(|cell| vec![cell.text.clone()]);
            [vec![name.clone()]].into_iter().chain(values).collect()
        });
        out.push_str(&framed(&columns, &rows.collect::<Vec<_>>()));
        start = end;
    }
}
