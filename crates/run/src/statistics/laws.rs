//! The statistics against those of scipy, which `golden/statistics.py` wrote down.

use serde::Deserialize;

use crate::statistics::{PairedTest, holm, upper_tail};

#[derive(Deserialize)]
struct Golden {
    tails: Vec<Tail>,
    pairs: Vec<Case>,
    families: Vec<Family>,
}

#[derive(Deserialize)]
struct Tail {
    t: f64,
    degrees: u32,
    p: f64,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    method: Vec<f64>,
    baseline: Vec<f64>,
    margin: f64,
    p: f64,
    low: f64,
    high: f64,
    equivalence: f64,
}

#[derive(Deserialize)]
struct Family {
    p: Vec<f64>,
    corrected: Vec<f64>,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("../../golden/statistics.json")).unwrap()
}

#[track_caller]
fn assert_near(got: f64, expected: f64, relative: f64, what: &str) {
    let allowed = relative * expected.abs();
    assert!((got - expected).abs() <= allowed, "{what}: {got} instead of {expected}");
}

/// From the middle of the distribution to tails of 1e-40 and less.
#[test]
fn tails_are_those_of_scipy() {
    let tails = golden().tails;
    for Tail { t, degrees, p } in &tails {
        let what = format!("t {t} of {degrees} degrees");
        assert_near(upper_tail(*t, *degrees), *p, 1e-11, &what);
        assert_near(upper_tail(-t, *degrees), 1.0 - p, 1e-13, &what);
    }
    assert_eq!(tails.len(), 48);
    assert!(tails.iter().any(|tail| tail.p < 1e-40));
}

#[test]
fn tests_of_pairs_are_those_of_scipy() {
    let pairs = golden().pairs;
    for case in &pairs {
        let differences: Vec<f64> =
            case.method.iter().zip(&case.baseline).map(|(left, right)| left - right).collect();
        let test = PairedTest::of(&differences, 1e-6).unwrap();
        assert_near(test.difference(), case.p, 1e-9, &case.name);
        assert_near(test.equivalence(case.margin), case.equivalence, 1e-9, &case.name);
        assert_near(test.interval().low, case.low, 1e-9, &case.name);
        assert_near(test.interval().high, case.high, 1e-9, &case.name);
        assert_near(test.sees().unwrap(), (case.high - case.low) / 2.0, 1e-9, &case.name);
    }
    assert_eq!(pairs.len(), 6);
}

#[test]
fn families_are_corrected_as_beside() {
    let families = golden().families;
    for family in &families {
        for (got, expected) in holm(&family.p).iter().zip(&family.corrected) {
            assert_near(*got, *expected, 1e-14, &format!("{:?}", family.p));
        }
    }
    assert_eq!(families.len(), 4);
}

#[test]
fn equal_differences_tell_nothing_unless_they_are_zero() {
    let equal = PairedTest::of(&[0.860 - 0.855, 0.852 - 0.847], 1e-6).unwrap();
    assert_eq!((equal.difference(), equal.equivalence(1.0), equal.sees()), (1.0, 1.0, None));
    let zero = PairedTest::of(&[0.0, 1e-9, 0.0], 1e-6).unwrap();
    assert_eq!((zero.difference(), zero.equivalence(0.01), zero.sees()), (1.0, 0.0, Some(0.0)));
    assert_eq!(PairedTest::of(&[1.0], 0.0), None);
    assert_eq!(PairedTest::of(&[1.0, f64::NAN], 0.0), None);
    assert_eq!(PairedTest::of(&[1.0, f64::INFINITY], 0.0), None);
}
