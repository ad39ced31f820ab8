//! What a newcomer types: the smallest recipe, several seeds, a table of one's own, another instruction set.

use std::fs;

use crate::{Place, RECIPE};

const PAGE: &str = include_str!("../../../../docs/recipes.md");

/// The first recipe of the page of recipes, by the defaults alone.
#[test]
fn the_smallest_recipe_learns() {
    let (_, rest) = PAGE.split_once("```toml\n").unwrap();
    let (recipe, _) = rest.split_once("```").unwrap();
    let place = Place::with(recipe);
    let output = place.output(&["train", "r.toml"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let accuracy = text.strip_prefix("test accuracy ").and_then(|rest| rest.split_once(" %"));
    let accuracy: f64 = accuracy.unwrap().0.parse().unwrap();
    assert!(accuracy >= 92.0, "{text}");
}

#[test]
fn several_seeds_are_several_runs_with_mean_and_deviation() {
    let place = Place::with(RECIPE);
    let output = place.output(&["train", "r.toml", "--seeds", "3", "--jobs", "2"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.matches("after 2 epochs").count(), 3, "{text}");
    assert!(text.contains("mean test accuracy") && text.contains("over 3 seeds"), "{text}");
    let again = place.output(&["train", "r.toml", "--seeds", "2"]);
    let said = String::from_utf8(again.stderr).unwrap();
    assert_eq!(said.matches("is already complete").count(), 2, "{said}");
    let (code, error) = place.code(&["train", "r.toml", "--seeds", "2", "--seed", "1"]);
    assert!(code == 2 && error.contains("cannot be used with"), "{code} {error}");
}

#[test]
fn a_table_in_a_file_is_reproduced() {
    let place = Place::with(RECIPE);
    let rows =
        "[[rows]]\nid = \"plain\"\n[[rows]]\nid = \"tet\"\nrecipe = { loss = { tet = {} } }\n";
    let base = RECIPE.replace("[data]", "[base.data]").replace("[network", "[base.network");
    let base = base.replace("[train]", "[base.train]");
    fs::write(place.path("mine.toml"), format!("{base}{rows}")).unwrap();
    let output = place.output(&["reproduce", "mine.toml", "--seeds", "2"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("Difference to plain") && text.contains("2 seeds"), "{text}");
    let again = String::from_utf8(place.output(&["reproduce", "mine.toml"]).stderr).unwrap();
    assert!(again.contains("2 runs to train, 4 complete"), "{again}");
    let listed = place.output(&["reproduce", "mine.toml", "--list"]).stdout;
    assert!(String::from_utf8(listed).unwrap().contains("--row tet"));
    let (code, error) = place.code(&["reproduce", "yours.toml"]);
    assert!(code == 2 || code == 1, "{code}");
    assert!(error.contains("yours.toml"), "{error}");
}

/// Runs under other instructions lie apart, and say which they were.
#[test]
fn instructions_are_limited_and_recorded() {
    let (place, best) = Place::trained();
    let level = |run: &std::path::Path| {
        let manifest = fs::read(run.join("manifest.json")).unwrap();
        let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
        manifest["instructions"].as_str().unwrap().to_owned()
    };
    assert_ne!(level(&best), "portable");
    let output = place.output(&["--instructions", "portable", "train", "r.toml"]);
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let portable = place.path(text.lines().last().unwrap());
    assert_ne!(portable, best);
    assert_eq!(level(&portable), "portable");
    // Also behind the command.
    let again = place.output(&["train", "r.toml", "--instructions", "portable"]);
    assert!(String::from_utf8(again.stderr).unwrap().contains("is already complete"));
}
