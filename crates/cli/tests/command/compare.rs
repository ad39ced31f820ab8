//! Runs, rows and tables side by side.

use std::fs;

use crate::{Place, RECIPE};

/// Two recipes with two seeds each.
fn trained() -> Place {
    let place = Place::with(RECIPE);
    fs::write(place.path("tet.toml"), format!("{RECIPE}[loss.tet]\n")).unwrap();
    for recipe in ["r.toml", "tet.toml"] {
        assert_eq!(place.code(&["train", recipe, "--seeds", "2"]).0, 0);
    }
    place
}

fn text(place: &Place, arguments: &[&str]) -> String {
    let output = place.output(&[&["compare"], arguments].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn rows_and_tables_are_paired_by_seed() {
    let place = trained();
    let rows = text(&place, &["runs/train/r", "runs/train/tet"]);
    assert!(rows.contains("2 rows compared") && rows.contains("Difference to r"), "{rows}");
    assert_eq!(rows.matches("2 seeds").count(), 2, "{rows}");
    assert!(!rows.contains("demo scale") && !rows.contains("To make"), "{rows}");
    // All rows below a folder are the same table.
    assert_eq!(
        text(&place, &["runs/train", "--html", "rows.html"]).trim_end().lines().last(),
        Some("rows.html")
    );
    let page = fs::read_to_string(place.path("rows.html")).unwrap();
    for heading in ["Learning curves", "Training and test accuracy", "Confusion matrix"] {
        assert!(page.contains(&format!("<h2>{heading}</h2>")), "{heading}");
    }
    // Two runs are compared setting by setting, and one is described.
    let run = |row: &str| {
        let folder = place.path(format!("runs/train/{row}"));
        fs::read_dir(folder).unwrap().next().unwrap().unwrap().path().display().to_string()
    };
    let (r, tet) = (run("r"), run("tet"));
    assert!(text(&place, &[&r, &tet]).contains("Settings that differ"));
    assert!(text(&place, &[&r]).contains("1 seed"));

    let (code, error) = place.code(&["compare", "runs/nothing"]);
    assert!(code == 1 && error.contains("runs/nothing"), "{code} {error}");
    fs::create_dir(place.path("empty")).unwrap();
    let (code, error) = place.code(&["compare", "runs/train/r", "empty"]);
    assert!(code == 1 && error.contains("empty: there is no complete run in it"), "{code} {error}");
}
