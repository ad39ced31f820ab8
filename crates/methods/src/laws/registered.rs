//! Laws of everything registered, alone and together.

use std::collections::BTreeSet;

use candle_core::{Device, Tensor};
use candlewick_core::parameters::{Parameters, Scope, seeded};
use candlewick_core::{Key, Result};
use candlewick_neuron::{Firing, Lif, Settings};
use candlewick_surrogate::AnySurrogate;

use crate::{
    AnyLoss, AnyMethod, CrossEntropy, GradientScaling, Loss, MaskSite, MaskedSurrogate, Method,
    MethodSettings, Methods, Moment, Outputs, ParametricSurrogate, PotentialDistribution, Scores,
    Shortcut, TemporallyWeightedOutput, Tet,
};

const MOMENT: Moment = Moment { epoch: 7, step: 3, progress: 0.25, training: true };

/// Every method has a table in recipes, is off by default, and refuses unknown settings.
#[test]
fn every_method_is_a_table_of_the_recipe() {
    let surrogate = AnySurrogate::named("triangle").expect("registered");
    let neuron = Lif::default().model();
    let mut visited = 0;
    for method in AnyMethod::all() {
        let name = method.name();
        assert_eq!(Method::name(&*method), name);
        let on: MethodSettings = toml::from_str(&format!("[{name}]")).expect("the defaults");
        assert_eq!(on, MethodSettings(vec![method.clone()]));
        let methods = on.methods(&CrossEntropy::default().into());
        assert_eq!(methods.problem(&*surrogate, &*neuron), None, "{name}");
        let wrong = toml::from_str::<MethodSettings>(&format!("[{name}]\nnonsense = 1"));
        let wrong = wrong.unwrap_err().to_string();
        assert!(wrong.contains("line 2") && wrong.contains("nonsense"), "{wrong}");
        visited += 1;
    }
    assert_eq!(visited, AnyMethod::NAMES.len());
    assert!(AnyMethod::NAMES.is_sorted());
}

#[test]
fn every_loss_is_a_method() {
    let mut visited = 0;
    for loss in AnyLoss::all() {
        assert_eq!(Method::name(&loss), loss.name());
        assert_eq!(Method::problem(&loss), None);
        assert!(Method::loss(&loss).is_some());
        visited += 1;
    }
    assert_eq!(visited, AnyLoss::NAMES.len());
    assert_eq!(Method::name(&Tet::default()), "tet");
    assert_eq!(Method::name(&CrossEntropy::default()), "cross_entropy");
}

#[test]
fn settings_are_read_as_they_were_written() {
    let mut visited = 0;
    let all = AnyMethod::all();
    let alone = all.iter().map(|method| vec![method.clone()]);
    let by_search = "[parametric_surrogate]\nrange = 3.0\nupdate.search.period = 2";
    let by_search: MethodSettings = toml::from_str(by_search).expect("a search");
    for methods in alone.chain([all.clone(), by_search.0, Vec::new()]) {
        let settings = MethodSettings(methods);
        let text = toml::to_string(&settings).expect("it can be written");
        let read: MethodSettings = toml::from_str(&text).expect(&text);
        assert_eq!(read, settings, "{text}");
        visited += 1;
    }
    assert_eq!(visited, AnyMethod::NAMES.len() + 3);
    // In whatever order they are written.
    let tables: Vec<String> =
        AnyMethod::NAMES.iter().rev().map(|name| format!("[{name}]")).collect();
    let text = tables.join("\n");
    assert_eq!(toml::from_str::<MethodSettings>(&text).expect(&text), MethodSettings(all));
}

#[test]
fn an_unknown_method_and_a_wrong_setting_are_found_at_their_line() {
    let error = |text: &str| toml::from_str::<MethodSettings>(text).unwrap_err().to_string();
    let unknown = error("[shortcut]\n[nonsense]\nx = 1");
    assert!(unknown.contains("line 2") && unknown.contains("`nonsense`"), "{unknown}");
    let mut visited = 0;
    for name in AnyMethod::NAMES {
        assert!(unknown.contains(name), "{unknown}");
        visited += 1;
    }
    assert_eq!(visited, AnyMethod::NAMES.len());
    let wrong = error("[shortcut]\nlambda = 1\n[masked_surrogate]\nrescale = true\np = \"x\"");
    assert!(wrong.contains("line 5") && wrong.contains("p = \"x\""), "{wrong}");
}

#[test]
fn problems_say_which_method_and_why() {
    let problem = |methods: Methods, surrogate: &str, v_threshold: f32| {
        let neuron = Lif { firing: Firing { v_threshold, ..Firing::default() }, ..Lif::default() };
        let surrogate = AnySurrogate::named(surrogate).expect("registered");
        methods.problem(&*surrogate, &*neuron.model()).expect("a problem")
    };
    let with = |method: AnyMethod| MethodSettings(vec![method]).methods(&Tet::default().into());
    let masks = |site| MaskedSurrogate { site, ..MaskedSurrogate::default() };
    let scaled = || Methods::new().with(GradientScaling::default());
    let cases = [
        (
            with(MaskedSurrogate { p: 2.0, ..Default::default() }.into()),
            "masked_surrogate.p",
            "[0, 1]",
        ),
        (
            with(PotentialDistribution::default().into()),
            "potential_distribution.sigma",
            "threshold, 0",
        ),
        (
            with(ParametricSurrogate::default().into()),
            "parametric_surrogate",
            "a surrogate with a parameter to learn; StraightThrough",
        ),
        (
            scaled().with(masks(MaskSite::Weight)),
            "masked_surrogate",
            "at most one method that computes the weight gradients; gradient_scaling does",
        ),
        (
            Methods::new().with(Tet::default()).with(CrossEntropy::default()),
            "cross_entropy",
            "at most one method that computes the loss; tet does",
        ),
        (
            Methods::new().with(Shortcut::default()).with(Shortcut::default()),
            "shortcut",
            "one method of this name",
        ),
    ];
    let mut visited = 0;
    for (methods, path, expected) in cases {
        let (found, text) = problem(methods, "straight_through", 0.0);
        assert_eq!(found, path, "{text}");
        assert!(text.contains(expected), "{text}");
        visited += 1;
    }
    assert_eq!(visited, 6);
    let surrogate = AnySurrogate::named("triangle").expect("registered");
    let both = scaled().with(masks(MaskSite::Membrane));
    assert_eq!(both.problem(&*surrogate, &*Lif::default().model()), None);
}

fn parameters() -> Parameters {
    Scope::from(seeded(&Device::Cpu, Key::new(1))).parameters()
}

/// Outputs of two steps, two samples and two classes; the second step is right of the second sample.
fn outputs() -> Result<Outputs> {
    let logits =
        Tensor::new(&[[[1.0_f32, 0.0], [2.0, 0.0]], [[0.0, 3.0], [0.0, 1.0]]], &Device::Cpu)?;
    Ok(Outputs { side: vec![logits.ones_like()?], logits })
}

/// Lets the methods see the end of an epoch and the start of the next one.
fn train(methods: &mut Methods) -> Result<()> {
    let scores = Scores::new(&outputs()?.logits)?;
    methods.observe(&scores, &[0, 0], &MOMENT);
    methods.end_epoch(&MOMENT);
    methods.observe(&scores, &[1, 1], &MOMENT);
    Ok(())
}

#[test]
fn every_method_takes_back_its_state() -> Result<()> {
    let mut visited = 0;
    for method in AnyMethod::all() {
        let new = || Methods::new().with(Tet::default());
        let [mut trained, mut resumed] = [(); 2].map(|()| new());
        trained.push(method.clone().boxed());
        resumed.push(method.clone().boxed());
        train(&mut trained)?;
        let state = trained.state();
        assert!(state.iter().all(|(_, values)| !values.is_empty()), "{state:?}");
        let names: BTreeSet<&str> = state.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names.len(), state.len());
        resumed.restore(&state)?;
        assert_eq!(resumed.state(), state);
        assert_eq!(resumed.output_weights(2), trained.output_weights(2));
        let report = trained.report(&parameters(), &MOMENT);
        assert!(report.iter().all(|(name, _)| name.starts_with(method.name())), "{report:?}");
        visited += 1;
    }
    assert_eq!(visited, AnyMethod::NAMES.len());
    Ok(())
}

#[test]
fn an_unknown_state_is_refused_with_what_is_known() {
    let error = |methods: Methods, name: &str| {
        let mut methods = methods;
        methods.restore(&[(name.to_owned(), vec![1.0])]).unwrap_err().to_string()
    };
    let weighted = || Methods::new().with(TemporallyWeightedOutput::default());
    let names = "temporally_weighted_output.weights or temporally_weighted_output.right";
    let expected = |got| format!("state of the methods: expected {names}, got {got}");
    for got in ["temporally_weighted_output.left", "shortcut.weights", "weights"] {
        assert_eq!(error(weighted(), got), expected(got));
    }
    let none = error(Methods::new(), "weights");
    assert_eq!(none, "state of the methods: expected none, got weights");
}

/// Step 0 is right on both samples and step 1 on none: weights 0.7 + 0.3 · 2 and 0.7. Shortcut adds 1
/// to all logits before, in training. The loss is the cross-entropy, or that of the method that
/// has one.
#[test]
fn the_logits_go_through_all_methods() -> Result<()> {
    let mut methods =
        Methods::new().with(Shortcut::default()).with(TemporallyWeightedOutput::default());
    let outputs = outputs()?;
    assert_eq!(methods.output_weights(2), [1.0, 1.0]);
    train(&mut methods)?;
    let close = |found: &[f32], expected: &[f32]| {
        assert_eq!(found.len(), expected.len());
        for (a, b) in found.iter().zip(expected) {
            assert!((a - b).abs() < 1e-6, "{found:?} {expected:?}");
        }
    };
    close(&methods.output_weights(2), &[1.3, 0.7]);
    let values = |moment: &Moment| -> Result<Vec<f32>> {
        Ok(methods.logits(&outputs, moment)?.flatten_all()?.to_vec1()?)
    };
    close(&values(&MOMENT)?, &[2.6, 1.3, 3.9, 1.3, 0.7, 2.8, 0.7, 1.4]);
    let evaluation = Moment { training: false, ..MOMENT };
    close(&values(&evaluation)?, &[1.3, 0.0, 2.6, 0.0, 0.0, 2.1, 0.0, 0.7]);
    let labels = Tensor::new(&[0_u32, 1], &Device::Cpu)?;
    let logits = methods.logits(&outputs, &MOMENT)?;
    let by = |loss: &dyn Loss| -> Result<f32> { Ok(loss.loss(&logits, &labels)?.to_scalar()?) };
    let loss = methods.loss(&outputs, &labels, &MOMENT)?.to_scalar::<f32>()?;
    assert_eq!(loss, by(&CrossEntropy::default())?);
    let mut visited = 0;
    for loss in AnyLoss::all() {
        let expected = by(&*loss)?;
        let methods = Methods::new().with(loss);
        let outputs = Outputs { logits: logits.clone(), side: Vec::new() };
        let found = methods.loss(&outputs, &labels, &MOMENT)?.to_scalar::<f32>()?;
        assert_eq!(found, expected);
        visited += 1;
    }
    assert_eq!(visited, AnyLoss::NAMES.len());
    Ok(())
}
