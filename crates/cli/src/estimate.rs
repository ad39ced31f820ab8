//! What a long table needs before it starts: its data, its runs, its time and memory.

use std::time::Duration;

use anyhow::{Context, Result};
use candlewick::experiment::estimate::{Cost, Estimator, MEASURED_STEPS};
use candlewick::experiment::{Machine, Table};

use crate::bars::Bars;
use crate::machine;
use crate::runs::Planned;

/// Time for the measuring of all rows together.
const BUDGET: Duration = Duration::from_secs(25);

/// How runs share the machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sharing {
    /// Runs side by side.
    pub(crate) jobs: usize,
    /// Compute threads of each.
    pub(crate) threads: usize,
}

/// The runs of a row, and what each takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    pub(crate) runs: usize,
    pub(crate) cost: Cost,
}

/// Says which data the open runs need, and about how long they take.
///
/// Interrupted runs count as whole ones.
pub(crate) fn announce(
    table: &Table,
    open: &[&Planned],
    machine: &Machine,
    sharing: Sharing,
    bars: &Bars,
) -> Result<()> {
    let measured = measure(table, open, machine, sharing.threads, bars)?;
    let seconds = |row: &Measured| row.cost.seconds * row.runs as f64;
    let all: f64 = measured.iter().map(seconds).sum();
    let threads = sharing.jobs * sharing.threads;
    bars.say(&format!(
        "all of it takes about {} on {threads} threads, as far as {MEASURED_STEPS} measured steps per row can tell",
        about(all / sharing.jobs as f64)
    ));
    Ok(())
}

/// Measures a few training steps of each row of which runs are open, on so many threads.
pub(crate) fn measure(
    table: &Table,
    open: &[&Planned],
    machine: &Machine,
    threads: usize,
    bars: &Bars,
) -> Result<Vec<Measured>> {
    let mut rows: Vec<(&Planned, usize)> = Vec::new();
    for run in open {
        // Runs of a row differ in their seed.
        match rows.iter_mut().find(|(known, _)| known.name == run.name) {
            Some((_, count)) => *count += 1,
            None => rows.push((run, 1)),
        }
    }
    let mut estimator = Estimator::new(machine);
    let mut named: Vec<&str> = Vec::new();
    for (run, _) in &rows {
        let name = run.recipe.data.name.as_str();
        if named.contains(&name) {
            continue;
        }
        named.push(name);
        let sets = estimator.open(&run.recipe);
        match &sets {
            Ok([train, test]) => bars.say(&format!(
                "data: {name} is there, {} training and {} test samples",
                train.len(),
                test.len()
            )),
            Err(_) => bars.say(&format!(
                "data: {name} is missing; `candlewick data info {name}` says where to get it"
            )),
        }
        sets.with_context(|| format!("{} at the {} scale", table.id, table.scale))?;
    }
    bars.say(&format!(
        "time: measuring {MEASURED_STEPS} training steps of each row, for at most about {} s",
        BUDGET.as_secs()
    ));
    let pool = machine::pool(threads)?;
    let budget = BUDGET / rows.len().max(1) as u32;
    let mut measured = Vec::with_capacity(rows.len());
    for (run, runs) in rows {
        let cost =
            pool.install(|| anyhow::Ok(estimator.cost(&run.recipe, &run.name, budget)?))?;
        bars.say(&format!("  {}: {runs} × {}", run.row, about(cost.seconds)));
        measured.push(Measured { runs, cost });
    }
    Ok(measured)
}

/// A span of time in words, no finer than it can be known.
fn about(seconds: f64) -> String {
    let minutes = seconds / 60.0;
    if seconds < 90.0 {
        format!("{:.0} s", (seconds / 5.0).ceil() * 5.0)
    } else if minutes < 90.0 {
        format!("{minutes:.0} min")
    } else if minutes < 48.0 * 60.0 {
        let tens = (minutes / 10.0).round() as u64;
        format!("{} h {:02} min", tens / 6, tens % 6 * 10)
    } else {
        format!("{:.0} days", minutes / (24.0 * 60.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_time() {
        let cases = [
            (0.3, "5 s"),
            (61.0, "65 s"),
            (130.0, "2 min"),
            (5_000.0, "83 min"),
            (9_500.0, "2 h 40 min"),
            (47.9 * 3600.0, "47 h 50 min"),
            (20.0 * 86_400.0, "20 days"),
        ];
        for (seconds, words) in cases {
            assert_eq!(about(seconds), words);
        }
        assert_eq!(cases.len(), 7);
    }
}
