//! The surrogates against SpikingJelly, snnTorch and Norse: `golden/surrogates.py` made the values.

use std::collections::BTreeMap;

use candlewick_surrogate::AnySurrogate;
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    x: Vec<f32>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    library: String,
    name: String,
    settings: BTreeMap<String, serde_json::Number>,
    derivative: Vec<f32>,
    #[serde(default)]
    primitive: Vec<f32>,
}

impl Case {
    fn surrogate(&self) -> AnySurrogate {
        let fields: Vec<String> =
            self.settings.iter().map(|(field, value)| format!("{field} = {value}")).collect();
        toml::from_str(&format!("[{}]\n{}", self.name, fields.join("\n"))).expect("a surrogate")
    }
}

fn assert_close(got: f32, expected: f32, tolerance: f32, what: &str) {
    assert!((got - expected).abs() <= tolerance, "{what}: {got}, expected {expected}");
}

#[test]
fn derivatives_and_primitives_are_those_of_the_libraries() {
    let golden: Golden =
        serde_json::from_str(include_str!("../golden/surrogates.json")).expect("golden values");
    let (mut defaults, mut others, mut primitives) = (0, 0, 0);
    for case in &golden.cases {
        let surrogate = case.surrogate();
        let what = format!("{} of {} {:?}", case.name, case.library, case.settings);
        let mut derivative = vec![0.0; golden.x.len()];
        surrogate.derivative(0, &golden.x, &mut derivative);
        for ((x, got), expected) in golden.x.iter().zip(derivative).zip(&case.derivative) {
            assert_close(got, *expected, 1e-5 * (1.0 + expected.abs()), &format!("{what} at {x}"));
        }
        if !case.primitive.is_empty() {
            for (x, expected) in golden.x.iter().zip(&case.primitive) {
                // SpikingJelly adds 1e-5 inside the logarithm of S2NN.
                assert_close(surrogate.primitive(*x), *expected, 3e-5, &format!("{what} at {x}"));
            }
            primitives += 1;
        }
        if case.settings.is_empty() {
            assert_eq!(surrogate, AnySurrogate::named(&case.name).expect("a name"));
            defaults += 1;
        } else {
            others += 1;
        }
    }
    assert_eq!((golden.x.len(), defaults, others, primitives), (45, 27, 21, 28));
}
