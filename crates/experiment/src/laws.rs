//! What every table must fulfill, at every scale.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use candlewick_core::Key;
use candlewick_core::parameters::Parameter;
use candlewick_datasets::{Dataset, Error as DataError, Info, Sample, Shape, Split, find};
use candlewick_device::{Precision, pretend};
use candlewick_train::{Optimizer, Silent, StepSettings, step};

use crate::experiment::Experiment;
use crate::index::FILES;
use crate::{Machine, Recipe, Scale, Table, tables};

/// As many samples as a recipe may ask for, of which only the shape is known.
#[derive(Debug)]
struct Blank {
    info: Info,
    labels: Vec<u32>,
}

impl Dataset for Blank {
    fn info(&self) -> &Info {
        &self.info
    }

    fn labels(&self) -> &[u32] {
        &self.labels
    }

    fn read(&self, _: usize) -> Result<Sample<'_>, DataError> {
        unreachable!("building reads no sample")
    }
}

/// Sets of the shape and the classes of a recipe's data, as the registry knows them.
pub(crate) fn blank(recipe: &Recipe) -> [Arc<dyn Dataset>; 2] {
    let (entry, _) = find(&recipe.data.name_for(recipe.seed)).unwrap();
    let classes: Vec<String> = (0..entry.classes).map(|class| class.to_string()).collect();
    let data = &recipe.data;
    let per_class = data.train_per_class.unwrap_or(0).max(data.validation_per_class + 1);
    let batches = recipe.input.batch_size.div_ceil(entry.classes);
    let labels = |per_class: usize| {
        (0..entry.classes as u32).flat_map(|class| vec![class; per_class]).collect::<Vec<_>>()
    };
    Split::ALL.map(|split| {
        let mut info = Info::new(entry.name, split, entry.shape, classes.clone());
        if let (Shape::Image { height: 0, .. }, Some(_)) = (entry.shape, &recipe.input.images) {
            info.shape = Shape::Image { channels: 3, height: 0, width: 0 };
        }
        let labels = labels(per_class.max(batches + data.validation_per_class));
        Arc::new(Blank { info, labels }) as Arc<dyn Dataset>
    })
}

/// The recipe with its network as narrow as the networks that know a width can be.
fn narrow(recipe: &Recipe) -> Recipe {
    let mut recipe = recipe.clone();
    let mut text = toml::Value::try_from(&recipe.network).unwrap();
    for (_, settings) in text.as_table_mut().unwrap() {
        if let Some(width) = settings.get_mut("width") {
            *width = toml::Value::Float(0.03);
        }
    }
    recipe.network = text.try_into().unwrap();
    recipe
}

#[test]
fn every_row_of_every_table_resolves_and_builds_at_every_scale() {
    let machine = Machine { workers: 0, ..Machine::default() };
    let (mut files, mut scales, mut rows, mut built) = (0, 0, 0, Vec::<Recipe>::new());
    for listed in tables().unwrap() {
        // A condition of a claim may be one on real data alone.
        let is_condition = listed.id.starts_with("claims/");
        assert!(is_condition || listed.scales.contains(&Scale::Demo), "{} has no demo", listed.id);
        for scale in listed.scales {
            let table = Table::open(listed.id, scale).unwrap();
            let names: BTreeSet<&str> = table.rows.iter().map(|row| row.id.as_str()).collect();
            assert_eq!(names.len(), table.rows.len(), "{}: rows of the same name", table.id);
            let labels: BTreeSet<&str> = table.rows.iter().map(|row| row.label.as_str()).collect();
            assert_eq!(labels.len(), table.rows.len(), "{}: rows of the same label", table.id);
            for row in &table.rows {
                let name = format!("{} {} {scale}", table.id, row.id);
                let text = row.recipe.to_toml().unwrap();
                assert_eq!(Recipe::parse(&text, "resolved").unwrap(), row.recipe, "{name}");
                let of = table.rows.iter().find(|other| other.id == row.baseline).unwrap();
                assert_eq!(of.baseline, of.id, "{name}: its baseline has one of its own");
                let recipe = narrow(&row.recipe);
                if !built.contains(&recipe) {
                    let sets = blank(&recipe);
                    let experiment =
                        Experiment::assemble(recipe.clone(), &name, &machine, &sets).unwrap();
                    assert!(experiment.network().parameters().count() > 0, "{name}");
                    built.push(recipe);
                }
                rows += 1;
            }
            scales += 1;
        }
        files += 1;
    }
    assert_eq!(files, FILES.len());
    assert!(scales > files && rows > scales && built.len() > files, "{scales} {rows}");
}

/// What a baseline and its rows are compared by must be the same but for the method.
#[test]
fn rows_are_compared_on_the_same_data() {
    let mut visited = 0;
    for listed in tables().unwrap() {
        for &scale in &listed.scales {
            let table = Table::open(listed.id, scale).unwrap();
            for row in &table.rows {
                let of = table.rows.iter().find(|other| other.id == row.baseline).unwrap();
                let name = format!("{} {} {scale}", table.id, row.id);
                assert_eq!(row.recipe.data, of.recipe.data, "{name}");
                assert_eq!(row.recipe.input, of.recipe.input, "{name}");
                assert_eq!(row.recipe.network, of.recipe.network, "{name}");
                visited += 1;
            }
        }
    }
    assert!(visited > 2 * FILES.len());
}

/// Two steps of every row of table 1 by the kernels for devices, which are compiled for the host, beside two
/// steps by those of the CPU.
#[test]
fn every_row_of_table_1_trains_on_a_device() {
    let machine = Machine { workers: 0, ..Machine::default() };
    let table = Table::open("table-1", Scale::Demo).unwrap();
    let mut visited = 0;
    for row in &table.rows {
        let run = || -> Vec<f64> {
            let mut recipe = row.recipe.clone();
            recipe.input.batch_size = 8;
            let mut experiment = Experiment::prepare(recipe.clone(), &row.id, &machine).unwrap();
            let batch = experiment.first_batch().unwrap();
            let (network, methods) = experiment.parts();
            let train = &recipe.train;
            let mut optimizer =
                Optimizer::new(&train.optimizer, train.groups, network.parameters()).unwrap();
            let steps = (0..2).map(|number| {
                let key = Key::new(5).at(number);
                let mut settings = StepSettings::new(train.stages[0].time_steps, key);
                settings.clip_norm = train.clip_norm;
                settings.context.recompute = train.recompute;
                settings.context.precision = train.precision;
                step(network, methods, &mut optimizer, &batch, &settings).unwrap().loss
            });
            steps.collect()
        };
        let (host, device) = (run(), pretend(run));
        for (a, b) in host.iter().zip(&device) {
            assert!((a - b).abs() < 1e-5 * a.abs().max(1.0), "{}: {host:?} {device:?}", row.id);
        }
        visited += 1;
    }
    assert_eq!(visited, table.rows.len());
    assert!(visited >= 13, "{visited} rows");
}

#[test]
fn a_device_rounds_products_as_the_recipe_says_and_the_cpu_refuses_to() {
    let machine = Machine { workers: 0, ..Machine::default() };
    let prepared = |precision: &str| {
        let text = format!(
            "[data]\nname = \"digits\"\ntrain_per_class = 2\ntest_per_class = 1\n\
             [network.spec]\nlayers = \"4C3-AP2-FC10\"\n[input]\nbatch_size = 10\n\
             [train]\nprecision = \"{precision}\"\nstages = [{{ epochs = 1, time_steps = 2 }}]"
        );
        let recipe = Recipe::parse(&text, "precision").unwrap();
        Experiment::prepare(recipe, "precision", &machine)
    };
    let trained = |precision: &str| -> Vec<Vec<f32>> {
        let mut experiment = prepared(precision).unwrap();
        experiment.train(None, &mut Silent, &AtomicBool::new(false)).unwrap();
        let learned = experiment.network().parameters().learned();
        let values = |entry: &Parameter| entry.variable.flatten_all().unwrap().to_vec1().unwrap();
        learned.map(values).collect()
    };
    let [f32, again, tf32, bf16] = ["f32", "f32", "tf32", "bf16"].map(|p| pretend(|| trained(p)));
    assert_eq!(f32, again);
    assert!(f32 != tf32 && f32 != bf16 && tf32 != bf16);
    for refused in ["tf32", "bf16"] {
        let words = prepared(refused).unwrap_err().to_string();
        assert!(words.contains("train.precision") && words.contains("f32"), "{words}");
    }
}

#[test]
fn every_row_of_table_1_is_valid_on_a_device_that_is_not_there() {
    let machine = Machine { workers: 0, ..Machine::default() };
    let table = Table::open("table-1", Scale::Demo).unwrap();
    let mut visited = 0;
    for row in &table.rows {
        let mut recipe = row.recipe.clone();
        recipe.train.precision = Precision::Bf16;
        Experiment::check_for_device(recipe.clone(), &row.id, &machine).unwrap();
        recipe.train.synchronize_normalization = true;
        let refused = Experiment::check_for_device(recipe, &row.id, &machine).unwrap_err();
        assert!(refused.to_string().contains("train.synchronize_normalization"), "{refused}");
        visited += 1;
    }
    assert_eq!(visited, table.rows.len());
    assert!(visited >= 13, "{visited} rows");
}

#[test]
fn unknown_names_list_the_known_ones() {
    let table = Table::open("table-9", Scale::Demo).unwrap_err().to_string();
    assert!(table.contains("unknown table `table-9` (near: `table-1`"), "{table}");
    assert!(table.contains("); known are table-1, "), "{table}");
    let scale = "huge".parse::<Scale>().unwrap_err().to_string();
    assert!(scale.contains("demo, reduced, full"), "{scale}");
    let mut table = Table::open("table-1", Scale::Demo).unwrap();
    let row = table.keep_rows(&["sdtt".into()]).unwrap_err().to_string();
    assert!(row.contains("unknown row `sdtt` (near: `sdt`); known are sdt, tet"), "{row}");
}
