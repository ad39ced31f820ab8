//! Maps as figures, with their numbers folded away below.

use std::fmt::Write;

use crate::claim::words::paper_name;
use crate::map::MapReport;
use crate::report::html::prose;
use crate::report::maps::heatmap;
use crate::svg::Heatmap;

pub(super) fn push(out: &mut String, maps: &[MapReport]) {
    if maps.is_empty() {
        return;
    }
    out.push_str("<section>\n<h2>Maps</h2>\n<div class=\"figures\">\n");
    for map in maps {
        let heatmap = heatmap(map);
        let _ = write!(
            out,
            "<figure id=\"map/{}\">{}\n<figcaption>{}: {}</figcaption>\n",
            prose(&map.id),
            heatmap.draw().inline(),
            prose(paper_name(&map.paper)),
            prose(&map.caption)
        );
        out.push_str("<details><summary>The numbers</summary>\n");
        push_tables(out, &heatmap);
        out.push_str("</details>\n</figure>\n");
    }
    out.push_str("</div>\n</section>\n");
}

fn push_tables(out: &mut String, heatmap: &Heatmap) {
    for panel in &heatmap.panels {
        let _ = write!(
            out,
            "<p>{}</p>\n<div class=\"scroll\"><table class=\"plain\"><thead><tr><th scope=\"col\">{}</th>",
            prose(&panel.heading()),
            prose(&heatmap.corner())
        );
        for column in &panel.columns {
            let _ = write!(out, "<th scope=\"col\">{}</th>", prose(column));
        }
        out.push_str("</tr></thead><tbody>\n");
        for (name, cells) in panel.rows.iter().zip(&panel.cells) {
            let _ = write!(out, "<tr><th scope=\"row\">{}</th>", prose(name));
            for cell in cells {
                let _ = write!(out, "<td>{}</td>", prose(&cell.text));
            }
            out.push_str("</tr>\n");
        }
        out.push_str("</tbody></table></div>\n");
    }
    if let Some(note) = &heatmap.note {
        let _ = writeln!(out, "<p>{}</p>", prose(note));
    }
}
