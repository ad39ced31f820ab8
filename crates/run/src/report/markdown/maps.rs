//! Maps as Markdown tables, one per panel.

use std::fmt::Write;

use crate::map::MapReport;
use crate::report::maps::{file_name, heading, heatmap};
use crate::report::markdown::escape;

pub(super) fn push(out: &mut String, level: &str, maps: &[MapReport], figures: &str) {
    for map in maps {
        let _ = writeln!(out, "\n{level} {}\n", escape(&heading(map)));
        let _ = writeln!(out, "Map `{}`.\n{}\n", map.id, escape(&map.caption));
        let _ = writeln!(out, "![{}]({figures}{})\n", escape(&map.title), file_name(map));
        out.push_str(&tables(map));
    }
}

/// The numbers of a map.
pub(crate) fn tables(map: &MapReport) -> String {
    let mut out = String::new();
    let heatmap = heatmap(map);
    for (index, panel) in heatmap.panels.iter().enumerate() {
        let gap = if index == 0 { "" } else { "\n" };
        let _ = writeln!(out, "{gap}{}\n", escape(&panel.heading()));
        let _ = write!(out, "| {} |", escape(&heatmap.corner()));
        for column in &panel.columns {
            let _ = write!(out, " {} |", escape(column));
        }
        let _ = writeln!(out, "\n|---|{}", "---:|".repeat(panel.columns.len()));
        for (name, cells) in panel.rows.iter().zip(&panel.cells) {
            let _ = write!(out, "| {} |", escape(name));
            for cell in cells {
                let _ = write!(out, " {} |", escape(&cell.text));
            }
            out.push('\n');
        }
    }
    if let Some(note) = &heatmap.note {
        let _ = writeln!(out, "\n{}", escape(note));
    }
    out
}
