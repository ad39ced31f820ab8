//! Measures the quantities of claims and maps on finished runs.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use candlewick::experiment::claims::RowOf;
use candlewick::experiment::metric::{AnyMetric, Finished};
use candlewick::experiment::{self, Tests};
use candlewick::run::{ClaimReport, MapReport};
use rayon::prelude::*;

use super::plan::Plan;
use crate::arguments::ReproduceArguments;
use crate::bars::Bars;
use crate::machine;

/// A quantity of a run: table, row, seed, and the metric.
type Key = (String, String, u64, String);

/// The reports of all claims and maps of the plan.
pub(super) fn measure(
    plan: &Plan,
    arguments: &ReproduceArguments,
    bars: &Bars,
) -> Result<(Vec<ClaimReport>, Vec<MapReport>)> {
    let Tests { claims, maps } = &plan.tests;
    let mut wanted: BTreeMap<Key, &AnyMetric> = BTreeMap::new();
    let of_claims = claims
        .iter()
        .flat_map(|claim| claim.rows().map(move |row| (row, &claim.metric, claim.seeds)));
    let of_maps = maps
        .iter()
        .flat_map(|map| map.points.iter().map(|point| (&point.row, &point.metric, map.seeds)));
    for (row, metric, seeds) in of_claims.chain(of_maps) {
        for seed in 1..=seeds {
            wanted.insert(key(row, metric, seed), metric);
        }
    }
    if wanted.is_empty() {
        return Ok(Default::default());
    }
    bars.say(&format!("measuring {} values", wanted.len()));
    let machine = &machine::wanted(&arguments.machine)?;
    let value = |(key, metric): (Key, &AnyMetric)| -> Result<Option<(Key, f64)>> {
        let (table, row, seed, _) = &key;
        let Some(run) = plan.tested.get(&(table.clone(), row.clone(), *seed)) else {
            return Ok(None);
        };
        let measured = Finished::read(&run.path, &run.recipe, machine)?
            .map(|run| metric.measure(&run))
            .transpose()
            .with_context(|| format!("{} of {table}, row {row}, seed {seed}", metric.name()))?;
        Ok(measured.map(|measured| (key, measured)))
    };
    let pool = machine::pool(machine::threads(arguments.machine.threads))?;
    let wanted: Vec<_> = wanted.into_iter().collect();
    let values: Vec<Option<(Key, f64)>> =
        pool.install(|| wanted.into_par_iter().map(value).collect::<Result<_>>())?;
    let values: BTreeMap<Key, f64> = values.into_iter().flatten().collect();
    let mut known = |row: &RowOf, metric: &AnyMetric, seed| -> experiment::Result<Option<f64>> {
        Ok(values.get(&key(row, metric, seed)).copied())
    };
    let claims = claims.iter().map(|claim| claim.report(&mut known)).collect::<Result<_, _>>()?;
    let maps = maps.iter().map(|map| map.report(&mut known)).collect::<Result<_, _>>()?;
    Ok((claims, maps))
}

fn key(RowOf { table, row }: &RowOf, metric: &AnyMetric, seed: u64) -> Key {
    // A metric with its settings.
    (table.clone(), row.id.clone(), seed, format!("{metric:?}"))
}
