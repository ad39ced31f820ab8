//! Asks whether a long scale is to start.

use std::io::{BufRead, IsTerminal, Write};

use anyhow::Result;
use candlewick::experiment::Table;

/// Asks before hours of work.
pub(super) fn confirmed(table: &Table) -> Result<bool> {
    if !std::io::stdin().is_terminal() {
        anyhow::bail!("the {} scale takes long: confirm it with --yes", table.scale);
    }
    let mut out = std::io::stderr();
    write!(out, "Start the {} scale of {}? [y/N] ", table.scale, table.id)?;
    out.flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(answer.trim().eq_ignore_ascii_case("y"))
}
