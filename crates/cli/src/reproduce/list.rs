//! What can be reproduced: tables, the rows of one, the claims.

use std::process::ExitCode;

use anyhow::Result;
use candlewick::experiment::{Scale, Table, Tests, tables};

use super::plan::{self, CLAIMS};

/// All tables under the headings of their papers, the rows of one, or all claims.
pub(super) fn list(table: Option<&str>, scale: Scale) -> Result<ExitCode> {
    match table {
        None => all()?,
        Some(CLAIMS) => claims(scale)?,
        Some(id) => rows(&plan::open(id, scale)?),
    }
    Ok(ExitCode::SUCCESS)
}

fn all() -> Result<()> {
    let mut heading = "";
    for listed in tables()? {
        if listed.paper != heading {
            let gap = if heading.is_empty() { "" } else { "\n" };
            heading = listed.paper;
            outln!("{gap}{heading}");
        }
        outln!("  {}: {}", listed.id, listed.title);
        for scale in listed.scales {
            let table = Table::open(listed.id, scale)?;
            let (rows, seeds) = (table.rows.len(), table.seeds);
            outln!(
                "    {:8} {rows} rows × {seeds} seeds: {}, {}",
                scale.name(),
                table.network,
                table.dataset
            );
        }
    }
    outln!("\nThe rows of a table: candlewick reproduce TABLE --list");
    outln!("The claims of the papers: candlewick reproduce {CLAIMS} --list");
    Ok(())
}

fn rows(table: &Table) {
    outln!("{}: {}", table.id, table.title);
    let width = table.rows.iter().map(|row| row.id.len()).max().unwrap_or(0);
    for row in &table.rows {
        let note = row.note.as_ref().map_or_else(String::new, |note| format!(": {note}"));
        outln!("  --row {:width$}  {}{note}", row.id, row.label);
    }
}

fn claims(scale: Scale) -> Result<()> {
    let tests = Tests::at(scale)?;
    outln!("Claims at the {scale} scale");
    let ids =
        tests.claims.iter().map(|claim| &claim.id).chain(tests.maps.iter().map(|map| &map.id));
    let width = ids.map(String::len).max().unwrap_or(0);
    for claim in &tests.claims {
        outln!("  --claim {:width$}  {}", claim.id, claim.claim());
    }
    for map in &tests.maps {
        outln!("  --claim {:width$}  Map: {}", map.id, map.title());
    }
    Ok(())
}
