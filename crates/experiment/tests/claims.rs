//! Metrics and claims on real runs.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use candlewick_experiment::claims::{RowOf, Side};
use candlewick_experiment::metric::{AnyMetric, Finished};
use candlewick_experiment::{Experiment, Machine, Recipe, Scale, Table, Tests};
use candlewick_run::claim::{Verdict, findings};
use candlewick_run::manifest::SCHEMA;
use candlewick_run::{Manifest, RunDirectory, Status, Unit};
use candlewick_train::trainer::LAST;
use candlewick_train::{Checkpoint, Silent};

type Checked<T = ()> = Result<T, Box<dyn Error>>;

fn machine() -> Machine {
    Machine { workers: 0, ..Machine::default() }
}

/// Trains the recipe in a directory below `folder`.
fn train(folder: &Path, name: &str, recipe: &Recipe) -> Checked<PathBuf> {
    let path = folder.join(format!("{name}-s{}", recipe.seed));
    if path.exists() {
        return Ok(path);
    }
    let resolved = recipe.to_toml()?;
    let manifest = Manifest {
        schema: SCHEMA,
        status: Status::Running,
        version: "0".into(),
        recipe_hash: String::new(),
        source_hash: String::new(),
        git_commit: None,
        git_dirty: None,
        features: Vec::new(),
        target: "test".into(),
        device: "cpu".into(),
        threads: 1,
        processor: None,
        instructions: None,
        seed: recipe.seed,
        data: Vec::new(),
        samples: None,
        command_line: Vec::new(),
        started_at: None,
    };
    let mut run = RunDirectory::create(&path, manifest, &resolved, &resolved)?;
    let mut experiment = Experiment::prepare(recipe.clone(), name, &machine())?;
    experiment.train(Some(&mut run), &mut Silent, &AtomicBool::new(false))?;
    let snapshot = experiment.snapshot(&Checkpoint::open_in(&run, LAST)?)?;
    run.write_snapshot(&snapshot)?;
    Ok(path)
}

fn measure(metric: &AnyMetric, path: &Path, recipe: &Recipe) -> Checked<f64> {
    let machine = machine();
    let run = Finished::read(path, recipe, &machine)?.ok_or("not complete")?;
    Ok(metric.measure(&run)?)
}

/// A small network trained with every method at once.
#[test]
fn every_metric_measures_a_finished_run() -> Checked {
    let text = "[data]\nname = \"digits\"\ntrain_per_class = 20\ntest_per_class = 5\n\
                [network.spec]\nlayers = \"6C3-AP2-8C3-AP2-FC10\"\n[loss.tet]\n\
                [methods.masked_surrogate]\n[methods.gradient_scaling]\n[methods.shortcut]\n\
                [methods.parametric_surrogate]\n[methods.potential_distribution]\n\
                [methods.temporally_weighted_output]\nstart_epoch = 0\n\
                [train]\nstages = [{ epochs = 2, time_steps = 3 }]\n";
    let recipe = Recipe::parse(text, "test")?;
    let folder = tempfile::tempdir()?;
    let path = train(folder.path(), "all", &recipe)?;
    let mut visited = 0;
    for metric in AnyMetric::all() {
        let name = metric.name();
        assert_eq!(metric.problem(&recipe), None, "{name}");
        assert!(!metric.words(&recipe).is_empty());
        let value = measure(&metric, &path, &recipe)?;
        match metric.unit() {
            Unit::Fraction => assert!((0.0..=1.0).contains(&value), "{name}: {value}"),
            Unit::Ratio => assert!(value > 0.0 && value.is_finite(), "{name}: {value}"),
            Unit::Plain => assert!(value.is_finite(), "{name}: {value}"),
        }
        assert_eq!(measure(&metric, &path, &recipe)?, value, "{name} does not repeat");
        visited += 1;
    }
    assert_eq!(visited, AnyMetric::NAMES.len());
    Ok(())
}

/// The first accuracy that is asked for, the last of the curve, and the one of the evaluation agree.
#[test]
fn accuracies_at_the_trained_time_steps_are_those_of_the_run() -> Checked {
    let table = Table::open("claims/controls", Scale::Demo)?;
    let recipe = &table.rows[0].recipe;
    let folder = tempfile::tempdir()?;
    let path = train(folder.path(), "sdt", recipe)?;
    let metric = |text: &str| toml::from_str::<AnyMetric>(text);
    let accuracy = measure(&metric("[accuracy]")?, &path, recipe)?;
    let at = measure(&metric("[accuracy_at]\ntime_steps = 3")?, &path, recipe)?;
    let after = measure(&metric("[accuracy_after]\nstep = 3")?, &path, recipe)?;
    assert!((accuracy - at).abs() < 1e-9 && (accuracy - after).abs() < 1e-6);
    let rise = |distance: f64| -> Checked<f64> {
        measure(&metric(&format!("[loss_rise]\ndistance = {distance}"))?, &path, recipe)
    };
    assert!(rise(1.0)? > rise(0.01)?, "the loss rises with the distance");
    Ok(())
}

/// Every claim of four papers, with the method switched off in the place of the method: none holds.
#[test]
fn a_method_that_is_switched_off_has_no_effect() -> Checked {
    let table = Table::open("claims/controls", Scale::Demo)?;
    let row = |id: &str| -> Checked<RowOf> {
        let row = table.rows.iter().find(|row| row.id == id).ok_or(id.to_owned())?;
        Ok(RowOf { table: table.id.clone(), row: row.clone() })
    };
    let off = [
        ("tet", "sdt-t1", "tet-t1"),
        ("msg", "sdt", "msg-0"),
        ("shortcut", "sdt", "shortcut-0"),
        ("gradient-scaling", "sdt", "gradient-scaling-0"),
    ];
    let folder = tempfile::tempdir()?;
    let mut value = |row: &RowOf, metric: &AnyMetric, seed| {
        let recipe = Recipe { seed, ..row.row.recipe.clone() };
        let measured = train(folder.path(), &row.row.id, &recipe)
            .and_then(|path| measure(metric, &path, &recipe));
        Ok(Some(measured.expect("a finished run")))
    };
    let mut visited = 0;
    for (paper, baseline, method) in off {
        let mut claims = Vec::new();
        for mut claim in Tests::at(Scale::Demo)?.claims {
            let identity = claim.metric.name() == "bits";
            // Values that differ although the trainings are the same.
            let fits = claim.metric.name() != "seconds_per_sample";
            if !claim.id.starts_with(&format!("{paper}/")) || identity || !fits {
                continue;
            }
            let side = |id: &str| -> Checked<Side> { Ok(Side { rows: vec![row(id)?] }) };
            (claim.baseline, claim.method) = (side(baseline)?, side(method)?);
            if claim.metric.problem(&claim.method.rows[0].row.recipe).is_none() {
                claims.push(claim.report(&mut value)?);
            }
        }
        assert!(claims.len() >= 2, "{paper}: {} claims", claims.len());
        for (claim, finding) in claims.iter().zip(findings(&claims)) {
            let none = matches!(finding.verdict, Verdict::NoEffect | Verdict::Contradicted);
            assert!(none, "{}: {:?} of {:?}", claim.id, finding.verdict, claim.pairs);
            visited += 1;
        }
    }
    assert!(visited >= 10, "{visited}");
    Ok(())
}
