//! What a reproduction trains and tests.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;
use candlewick::experiment::claims::RowOf;
use candlewick::experiment::{Row, Scale, Table, Tests};
use candlewick::train::Stage;

use crate::arguments::ReproduceArguments;
use crate::exit;
use crate::runs::Planned;

/// The name under which all claims and maps are reproduced, without a table of their own.
pub(super) const CLAIMS: &str = "claims";

/// The table of that id, or in that file.
pub(super) fn open(id: &str, scale: Scale) -> Result<Table> {
    let path = Path::new(id);
    Ok(match id {
        CLAIMS => Table::of_claims(scale),
        _ if path.extension().is_some_and(|extension| extension == "toml") => {
            Table::read(path, scale)?
        }
        _ => Table::open(id, scale)?,
    })
}

/// The runs of a table and of the claims that are tested with it.
pub(super) struct Plan {
    pub(super) table: Table,
    /// Seeds 1 to this number of every row.
    pub(super) seeds: u64,
    /// The runs of each row, one per seed.
    pub(super) rows: Vec<Vec<Planned>>,
    pub(super) tests: Tests,
    /// The runs that decide the claims, by table, row and seed.
    pub(super) tested: BTreeMap<(String, String, u64), Planned>,
    /// Whether less than the whole table was asked for.
    part: bool,
}

impl Plan {
    pub(super) fn new(id: &str, arguments: &ReproduceArguments) -> Result<Self> {
        let scale: Scale = arguments.scale.parse()?;
        let mut table = open(id, scale)?;
        table.keep_rows(&arguments.rows)?;
        if let Some(epochs) = arguments.epochs {
            shorten(&mut table, epochs);
        }
        if let Some(shards) = arguments.shards {
            divide(&mut table, shards);
        }
        let changed = arguments.epochs.is_some() || arguments.shards.is_some();
        let look = !arguments.rows.is_empty() || changed;
        let tests = tests(&table, look, arguments)?;
        if !arguments.claims.is_empty() {
            table.rows.clear();
        }
        let seeds = arguments.seeds.unwrap_or(table.seeds);
        let planned = |table: &str, row: &Row, seed: u64| {
            let mut recipe = row.recipe.clone();
            recipe.seed = seed;
            let name = format!("{table}, row {}", row.id);
            let scaled = format!("{table}/{scale}");
            let root = &arguments.machine.runs_dir;
            Planned::new(root, &scaled, &row.id, name, None, recipe)
        };
        let runs = |row: &Row| (1..=seeds).map(|seed| planned(&row.table, row, seed)).collect();
        let rows = table.rows.iter().map(runs).collect::<Result<_>>()?;
        let mut tested = BTreeMap::new();
        for (RowOf { table, row }, seeds) in tests.rows() {
            for seed in 1..=seeds {
                let key = (table.clone(), row.id.clone(), seed);
                tested.insert(key, planned(table, row, seed)?);
            }
        }
        let part = look || arguments.seeds.is_some() || !arguments.claims.is_empty();
        Ok(Self { table, seeds, rows, tests, tested, part })
    }

    /// Every run once: seed by seed, so that every row has a run early on and method and baseline are trained in
    /// alternation, and then what only claims need.
    pub(super) fn runs(&self) -> Vec<&Planned> {
        let seeds = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let of_rows =
            (0..seeds).flat_map(|seed| self.rows.iter().filter_map(move |row| row.get(seed)));
        let mut runs: Vec<&Planned> = of_rows.collect();
        let mut tested: Vec<_> = self.tested.iter().collect();
        tested.sort_by_key(|((_, _, seed), _)| *seed);
        for (_, run) in tested {
            if !runs.iter().any(|known| known.path == run.path) {
                runs.push(run);
            }
        }
        runs
    }

    /// What is about to happen, of which so many runs are open and so many complete.
    pub(super) fn words(&self, open: usize, complete: usize) -> String {
        let mut what = Vec::new();
        if !self.rows.is_empty() {
            let seeds =
                if self.seeds == 1 { "1 seed".into() } else { format!("{} seeds", self.seeds) };
            what.push(format!("{} rows × {seeds}", self.rows.len()));
        }
        if !self.tests.claims.is_empty() {
            what.push(format!("{} claims", self.tests.claims.len()));
        }
        if !self.tests.maps.is_empty() {
            what.push(format!("{} maps", self.tests.maps.len()));
        }
        let Table { id, title, scale, .. } = &self.table;
        let what = what.join(", ");
        format!("{id}: {title} ({what}, {scale} scale: {open} runs to train, {complete} complete)")
    }

    /// The run in that directory.
    pub(super) fn run(&self, path: &Path) -> Result<&Planned> {
        self.runs().into_iter().find(|run| run.path == path).ok_or_else(|| {
            let (path, table) = (path.display(), &self.table.id);
            exit::usage(format!(
                "{path}: {table} as it is now has no run there; its recipes or its options are others than \
                 those that were submitted"
            ))
        })
    }

    /// Where the report is written: that of a part of the table, or of some of its runs, never over that of the
    /// whole.
    pub(super) fn folder(&self, arguments: &ReproduceArguments, partial: bool) -> PathBuf {
        let whole = arguments.machine.runs_dir.join(&self.table.id).join(self.table.scale.name());
        if self.part || partial { whole.join("partial") } else { whole }
    }
}

/// The claims that are tested with the table: none in a `look` at some rows, or at other trainings.
fn tests(table: &Table, look: bool, arguments: &ReproduceArguments) -> Result<Tests> {
    if !table.tests_claims || look {
        if !arguments.claims.is_empty() {
            let words = format!(
                "--claim goes with table-1 or {CLAIMS}, without --row, --epochs and --shards"
            );
            return Err(exit::usage(words));
        }
        return Ok(Tests::default());
    }
    let mut tests = Tests::at(table.scale)?;
    if !arguments.claims.is_empty() {
        tests.keep(&arguments.claims)?;
    } else if table.id != CLAIMS {
        // Grids take longer than the table itself.
        tests.maps.clear();
    }
    if let Some(seeds) = arguments.seeds {
        tests.use_seeds(seeds);
    }
    Ok(tests)
}

/// Divides every batch into shards.
fn divide(table: &mut Table, shards: u32) {
    for row in &mut table.rows {
        row.recipe.train.shards = shards as usize;
    }
    table.protocol.push(format!(
        "Every batch is divided into {shards} shards on request: not the table's own protocol."
    ));
}

/// Trains only `epochs` epochs, with the time steps of the last stage.
fn shorten(table: &mut Table, epochs: u32) {
    for row in &mut table.rows {
        let time_steps = row.recipe.train.time_steps();
        row.recipe.train.stages = vec![Stage::new(epochs, time_steps)];
    }
    let epochs = if epochs == 1 { "1 epoch".into() } else { format!("{epochs} epochs") };
    table.protocol.push(format!("Shortened to {epochs} on request: not the table's own protocol."));
}
