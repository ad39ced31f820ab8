//! Every number of every setting has a range: 0, -1, NaN, infinity and a huge number are refused, or
//! stand in the table below with the reason.

use std::collections::BTreeSet;

use candlewick_encode::{AnyAugment, AnyEncoder, AnyMix, AnyRepresentation};
use candlewick_methods::{AnyLoss, AnyMethod, MethodSettings};
use candlewick_network::AnyNetwork;
use candlewick_neuron::AnyNeuron;
use candlewick_surrogate::AnySurrogate;
use candlewick_train::AnyOptimizer;
use candlewick_train::schedule::AnyCurve;
use toml::{Table, Value};

use crate::laws::blank;
use crate::{Experiment, Machine, Recipe};

const ZERO: &[f64] = &[0.0];
const ANY_SIGN: &[f64] = &[0.0, -1.0];
const HUGE: f64 = 1e30;

/// Ends of paths, the values that are allowed there besides those of the default's kind, and why.
const ALLOWED: &[(&str, &[f64], &str)] = &[
    ("seed", &[0.0, HUGE], "every number is a seed"),
    ("data.validation_per_class", ZERO, "nothing is held out"),
    // A term, a share or a mechanism that is off.
    ("crop.padding", ZERO, "the frame itself is cut"),
    (".probability", ZERO, "never"),
    ("methods.masked_surrogate.p", ZERO, "nothing is masked"),
    ("methods.gradient_scaling.alpha", ZERO, "plain gradients"),
    (".lambda", ZERO, "the term has no weight"),
    ("methods.spike_penalty.l1", ZERO, "the term has no weight"),
    ("methods.spike_penalty.l2", ZERO, "the term has no weight"),
    ("methods.firing_rate_target.target", ZERO, "silence is a target"),
    ("label_smoothing", ZERO, "hard labels"),
    (".weight_decay", ZERO, "no decay"),
    ("sgd.momentum", ZERO, "plain gradient descent"),
    ("beta1", ZERO, "no first moment"),
    ("beta2", ZERO, "the squared gradient itself"),
    ("temporally_weighted_output.momentum", ZERO, "the weights stay"),
    ("temporally_weighted_output.start_epoch", ZERO, "from the first epoch on"),
    ("learning_rate", ZERO, "nothing learns: a network with random weights, to compare with"),
    ("learning_rate_factor", ZERO, "nothing learns in this stage"),
    ("warm_up_epochs", ZERO, "no warm-up"),
    ("warm_up_start", ZERO, "from nothing on"),
    ("cosine.floor", ZERO, "down to nothing"),
    ("resnet-19.hidden", ZERO, "without this layer"),
    // Bytes and magnitudes count from 0.
    (".fill", ZERO, "black"),
    ("rand_augment.magnitude", ZERO, "the weakest"),
    ("latency.threshold", ZERO, "every value fires"),
    // Numbers of any sign.
    ("firing.v_reset", ANY_SIGN, "a potential below the threshold"),
    ("neuron.izhikevich.v_rest", ANY_SIGN, "a potential"),
    ("neuron.izhikevich.v_critical", ANY_SIGN, "a potential"),
    ("neuron.izhikevich.a", ANY_SIGN, "a coupling may be absent or negative"),
    ("neuron.izhikevich.b", ANY_SIGN, "a jump may be absent or negative"),
    ("loss.tet.phi", ANY_SIGN, "a logit"),
    ("methods.potential_distribution.mu", ANY_SIGN, "a potential"),
    ("normalize.mean.0", ANY_SIGN, "a mean"),
    // Limits of neurons and surrogates.
    ("leak.decay", ZERO, "no memory"),
    ("current_decay", ZERO, "no memory"),
    ("neuron.adaptive_lif.beta", ZERO, "a constant threshold"),
    ("surrogate.leaky_k_relu.leak", ZERO, "no gradient below the threshold"),
    ("surrogate.leaky_k_relu.k", ZERO, "no gradient above the threshold"),
    ("surrogate.leaky_spike_operator.slope", ZERO, "no gradient below the threshold"),
    ("surrogate.log_tailed_relu.alpha", ZERO, "no gradient below the threshold"),
    ("surrogate.piecewise_leaky_relu.c", ZERO, "no gradient outside of the window"),
    ("surrogate.sparse_fast_sigmoid.b", ANY_SIGN, "a shift"),
];

const BASE: &str = r#"
[data]
name = "digits"
train_per_class = 9
test_per_class = 9
[network.spec]
layers = "2C3-AP2-2C3-FC10"
[train]
clip_norm = 1.0
stages = [{ epochs = 1, time_steps = 2 }]
"#;

/// Settings that no default has: those that are optional, and the other forms of those that have two.
const EXTRAS: &[&str] = &[
    "neuron.lif.leak = { tau = 2.0 }",
    "methods.potential_distribution.sigma = 1.0",
    "methods.shortcut.lambda = 1.0",
    "methods.parametric_surrogate.update.search = {}",
    "input.augment = [{ normalize = { mean = [0.5], std = [0.5] } }]",
    "input.augment = [{ crop = { padding = 1, size = 4 } }]",
];

/// Recipes for other data than images of one size.
const OTHER_DATA: &[&str] = &[
    "network.spec.layers = \"2C3-FC1000\"\ndata.name = \"imagenet\"\n\
     input.images.resize_crop = { resize = 9, crop = 8 }",
    "network.spec.layers = \"2C3-FC1000\"\ndata.name = \"imagenet\"\n\
     input.images.random_resized_crop = { size = 8 }",
    "data.name = \"nmnist-small\"\ndata.folds = 5\ninput.mix.eventmix = {}\n\
     input.events.resize = { way = \"area\", height = 8, width = 9 }",
    "data.name = \"nmnist-small\"\ninput.events.representation.voxel_grid = {}",
    "data.name = \"nmnist-small\"\ninput.events.representation.time_surface = {}",
    "network.spec.layers = \"FC4-FC20\"\ndata.name = \"shd\"\n\
     input.events.representation.spike_train = {}",
];

/// The base with `extra` in it.
fn with(extra: &str) -> Table {
    fn merge(into: &mut Table, from: Table) {
        for (key, value) in from {
            match (into.get_mut(&key), value) {
                (Some(Value::Table(into)), Value::Table(from)) => merge(into, from),
                (_, value) => drop(into.insert(key, value)),
            }
        }
    }
    let mut table: Table = toml::from_str(BASE).unwrap();
    merge(&mut table, toml::from_str(extra).unwrap());
    table
}

/// The base with a component at `path`.
fn having(path: &str, component: impl serde::Serialize) -> Table {
    let mut value = Value::try_from(component).unwrap();
    for key in path.rsplit('.') {
        value = Value::Table(Table::from_iter([(key.to_owned(), value)]));
    }
    with(&toml::to_string(&value).unwrap())
}

/// Recipes that hold every registered component, each at least once.
fn recipes() -> Vec<Table> {
    let mut all = vec![with("")];
    all.extend(AnyNeuron::all().iter().map(|neuron| having("neuron", neuron)));
    all.extend(AnySurrogate::all().iter().map(|surrogate| having("surrogate", surrogate)));
    all.extend(AnyLoss::all().iter().map(|loss| having("loss", loss)));
    let methods = AnyMethod::all().into_iter().map(|method| MethodSettings(vec![method]));
    all.extend(methods.map(|methods| having("methods", methods)));
    all.extend(AnyOptimizer::all().iter().map(|rule| having("train.optimizer", rule)));
    all.extend(AnyCurve::all().iter().map(|curve| having("train.schedule.curve", curve)));
    all.extend(AnyEncoder::all().iter().map(|encoder| having("input.encoder", encoder)));
    all.extend(AnyAugment::all().iter().map(|step| having("input.augment", [step])));
    all.extend(AnyMix::all().iter().map(|mix| having("input.mix", mix)));
    all.extend(EXTRAS.iter().chain(OTHER_DATA).map(|extra| with(extra)));
    // Names of representations, which `OTHER_DATA` holds with data that they fit.
    assert_eq!(AnyRepresentation::NAMES.len(), 4);
    for network in AnyNetwork::all() {
        let mut recipe = having("network", &network);
        let networks = recipe.get_mut("network").and_then(Value::as_table_mut).unwrap();
        if network.name() == "spec" {
            continue;
        }
        networks.remove("spec");
        for (_, settings) in networks {
            settings.as_table_mut().unwrap().insert("width".into(), Value::Float(0.03));
        }
        // Sides of 32, which the networks of the papers halve up to five times.
        recipe.insert(
            "data".into(),
            Value::Table(Table::from_iter([("name".into(), "cifar10".into())])),
        );
        all.push(recipe);
    }
    all
}

/// Paths of all numbers at and below `path`.
fn numbers(path: &str, value: &Value, found: &mut Vec<String>) {
    let below = |key: &str| if path.is_empty() { key.into() } else { format!("{path}.{key}") };
    match value {
        Value::Table(table) => {
            table.iter().for_each(|(key, value)| numbers(&below(key), value, found));
        }
        Value::Array(values) => {
            let values = values.iter().enumerate();
            values.for_each(|(place, value)| numbers(&below(&place.to_string()), value, found));
        }
        Value::Integer(_) | Value::Float(_) => found.push(path.to_owned()),
        _ => {}
    }
}

/// The place of `path`.
fn at<'a>(table: &'a mut Table, path: &str) -> &'a mut Value {
    let (first, rest) = path.split_once('.').unwrap_or((path, ""));
    let mut value = &mut table[first];
    for key in rest.split('.').filter(|key| !key.is_empty()) {
        value = match value {
            Value::Array(values) => &mut values[key.parse::<usize>().unwrap()],
            other => &mut other[key],
        };
    }
    value
}

/// Whether `recipe check` passes a recipe.
fn passes(recipe: &Table) -> Result<(), String> {
    let machine = Machine { workers: 0, ..Machine::default() };
    let text = toml::to_string(recipe).unwrap();
    let recipe = Recipe::parse(&text, "law").map_err(|error| error.to_string())?;
    let sets = blank(&recipe);
    Experiment::assemble(recipe, "law", &machine, &sets)
        .and_then(|experiment| experiment.check_memory())
        .map_err(|error| error.to_string())
}

#[test]
fn every_number_has_a_range() {
    let (mut seen, mut wrong, mut used) = (BTreeSet::new(), Vec::new(), BTreeSet::new());
    let (mut tried, mut refused) = (0, 0);
    for written in recipes() {
        let text = toml::to_string(&written).unwrap();
        let recipe = Recipe::parse(&text, "law").unwrap_or_else(|error| panic!("{error}\n{text}"));
        let mut resolved: Table = toml::from_str(&recipe.to_toml().unwrap()).unwrap();
        passes(&resolved).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let mut paths = Vec::new();
        numbers("", &Value::Table(resolved.clone()), &mut paths);
        for path in paths {
            if !seen.insert(path.clone()) {
                continue;
            }
            let own = at(&mut resolved, &path).clone();
            for value in [0.0, -1.0, f64::NAN, f64::INFINITY, HUGE] {
                *at(&mut resolved, &path) = match own {
                    // A float at an integer would be refused for its type.
                    Value::Integer(_) if value == HUGE => Value::Integer(i64::MAX),
                    Value::Integer(_) if value.is_finite() => Value::Integer(value as i64),
                    _ => Value::Float(value),
                };
                let outcome = passes(&resolved);
                let entry = ALLOWED
                    .iter()
                    .position(|(end, values, _)| path.ends_with(end) && values.contains(&value));
                used.extend(entry);
                if outcome.is_ok() != entry.is_some() {
                    wrong.push(format!("{path} = {value}: {outcome:?}"));
                }
                tried += 1;
                refused += usize::from(outcome.is_err());
            }
            *at(&mut resolved, &path) = own;
        }
    }
    assert!(wrong.is_empty(), "{} of {tried}:\n{}", wrong.len(), wrong.join("\n"));
    let stale = (0..ALLOWED.len()).filter(|entry| !used.contains(entry));
    let stale: Vec<_> = stale.map(|entry| ALLOWED[entry].0).collect();
    assert!(stale.is_empty(), "{stale:?} are allowed and never tried");
    assert!(seen.len() > 150 && tried == 5 * seen.len() && refused > 4 * seen.len());
}
