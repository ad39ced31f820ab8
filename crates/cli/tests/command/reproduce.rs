//! Tables and claims through the built command.

use std::fs;

use serde_json::Value;

use super::{Place, RECIPE};

/// A quick look leaves the report of the whole table as it is.
#[test]
fn a_part_of_a_table_is_reported_beside_the_whole() {
    let place = Place::with(RECIPE);
    let whole = place.path("runs/claims/controls/demo/report.json");
    assert_eq!(place.code(&["reproduce", "claims/controls"]).0, 0);
    let before = fs::read(&whole).unwrap();
    let part = ["reproduce", "claims/controls", "--row", "sdt", "--seeds", "1", "--epochs", "1"];
    assert_eq!(place.code(&part).0, 0);
    assert_eq!(fs::read(&whole).unwrap(), before);
    let part = fs::read(whole.parent().unwrap().join("partial/report.json")).unwrap();
    let rows = |report: &[u8]| {
        let report: Value = serde_json::from_slice(report).unwrap();
        report["rows"].as_array().unwrap().len()
    };
    assert_eq!((rows(&before), rows(&part)), (7, 1));
}

/// One claim trains only its own runs, and its verdict has the keys that programs rely on.
#[test]
fn a_claim_is_reproduced_alone_and_never_trained_twice() {
    let place = Place::with(RECIPE);
    let claims = "msg/nothing-masked,shortcut/first-layer-gradient";
    let command = ["reproduce", "claims", "--claim", claims, "--seeds", "2", "--format", "json"];
    let output = place.output(&command);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("2 claims") && said.contains("8 runs to train, 0 complete"), "{said}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["rows"].as_array().unwrap().len(), 0);
    let claims = report["claims"].as_array().unwrap();
    let identity = |claim: &Value| claim["identity"].as_bool().unwrap();
    let [control, gradient] = &claims[..] else { panic!("{} claims", claims.len()) };
    assert!(identity(control) && !identity(gradient));
    assert_eq!((&control["paper"], &control["verdict"]), (&"msg".into(), &"holds".into()));
    assert_eq!(gradient["metric"], "gradient_norm");
    assert!(gradient["difference"]["mean"].as_f64().unwrap() > 0.0, "{gradient}");
    assert!(gradient["sees"].as_f64().unwrap() > 0.0 && gradient["published"].is_object());

    let again = String::from_utf8(place.output(&command).stderr).unwrap();
    assert!(again.contains("0 runs to train, 8 complete"), "{again}");
    let (code, error) = place.code(&["reproduce", "claims", "--claim", "tet/earl-accuracy"]);
    assert!(code == 2 && error.contains("near: `tet/early-accuracy`"), "{code} {error}");
    let (code, error) = place.code(&["reproduce", "tet/tit", "--claim", "tet/accuracy"]);
    assert!(code == 2 && error.contains("--claim goes with"), "{code} {error}");
}
