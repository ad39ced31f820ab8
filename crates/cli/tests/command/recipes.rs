//! Recipes that ask for what no machine has, or mean nothing.

use std::fs::File;

use crate::{Place, RECIPE};

#[test]
fn what_no_memory_holds_is_refused_before_it_is_taken() {
    let network = |layers: &str| RECIPE.replace("2C3-AP2-FC10", layers);
    let of_paper = |width: &str| {
        RECIPE.replace(
            "[network.spec]\nlayers = \"2C3-AP2-FC10\"",
            &format!("[network.cifarnet]\nwidth = {width}"),
        )
    };
    let steps = RECIPE.replace("time_steps = 2", "time_steps = 1000000000");
    let cases = [
        (network("999999999C3-FC10"), "r.toml: the network needs about "),
        (network("4C3-999999999C3-FC10"), "r.toml: the network needs about "),
        (network("4C3-FC999999999-FC10"), "r.toml: the network needs about "),
        (network("4C3-FC4294967296-FC10"), "linear1: outputs: expected 1 to 2147483647"),
        (network("4C3-FC18446744073709551615-FC10"), "expected 1 to 2147483647"),
        (network("4C18446744073709551615-FC10"), "kernel: expected 1 to 1024"),
        (of_paper("1e9"), "expected 1 to 2147483647"),
        (of_paper("1e5"), "r.toml: the network needs about "),
        (steps, "r.toml: a training of T = 1000000000, batches of 50, needs about "),
    ];
    for (recipe, words) in &cases {
        let place = Place::with(recipe);
        for command in [&["recipe", "check", "r.toml"][..], &["train", "r.toml"]] {
            let (code, error) = place.code(command);
            assert_eq!(code, 2, "{command:?}: {error}\n{recipe}");
            assert!(error.contains(words), "{command:?}: {error}");
            let has_sizes =
                !words.contains("needs") || error.contains(" GiB, ") && error.contains(" are free");
            assert!(has_sizes, "{error}");
        }
        assert!(!place.path("runs").exists(), "{recipe}");
    }
    assert_eq!(cases.len(), 9);
}

#[test]
fn what_cannot_train_is_no_recipe() {
    let network = |layers: &str| RECIPE.replace("2C3-AP2-FC10", layers);
    let and = |extra: &str| format!("{RECIPE}{extra}");
    let input = |augment: &str| and(&format!("[input]\naugment = [{augment}]"));
    let cases = [
        (network("FC10"), "r.toml: layers of neurons: expected at least one, got none"),
        (network("AP2-FC10"), "layers of neurons: expected at least one"),
        (network("4C3S18446744073709551615-FC10"), "convolution1: stride: expected 1 to 1024"),
        (and("[neuron.lif.firing]\nv_threshold = -1"), "r.toml: neuron.lif.firing.v_threshold: "),
        (and("[neuron.lif.firing]\nv_reset = 1.5"), "r.toml: neuron.lif.firing.v_reset: "),
        (and("[normalization]\nepsilon = -1"), "r.toml: normalization.epsilon: "),
        (and("[normalization]\nmomentum = 5"), "r.toml: normalization.momentum: "),
        (and("[normalization]\nfactor = nan"), "r.toml: normalization.factor: "),
        (
            input("{ crop = { padding = 1000 } }"),
            "r.toml: input.augment.0.crop.padding: expected at most 7",
        ),
        (
            input("{ cutout = { holes = 1000000000 } }"),
            "r.toml: input.augment.0.cutout.holes: expected 1 to 1000",
        ),
        (
            input("{ flip = {} }, { flip = { probability = 2 } }"),
            "r.toml: input.augment.1.flip.probability: expected 0 to 1, got 2",
        ),
        (input("{ shear = { degrees = 90 } }"), "r.toml: input.augment.0.shear.degrees: "),
        (
            input("{ flip = { probability = \"x\" } }"),
            "r.toml: TOML parse error at line 11, column ",
        ),
        (
            input("{ one_of = { of = [{ shear = { degree = 1 } }] } }"),
            "r.toml: TOML parse error at line 11, column ",
        ),
        (and("[loss.tet]\n[loss.cross_entropy]"), "expected one loss, found `"),
        (and("[loss]"), "expected one loss, found none"),
        (
            RECIPE.replace("[{ epochs = 2, time_steps = 2 }]", "[]"),
            "r.toml: train.stages: expected at least one stage",
        ),
        (RECIPE.replace("digits", "mnist"), "--data-dir"),
    ];
    for (recipe, words) in &cases {
        let (code, error) = Place::with(recipe).code(&["recipe", "check", "r.toml"]);
        let expected = if words.starts_with("--") { 3 } else { 2 };
        assert_eq!(code, expected, "{error}\n{recipe}");
        assert!(error.contains(words), "{words}: {error}");
    }
    assert_eq!(cases.len(), 18);
}

#[test]
fn every_recipe_of_every_table_is_listed() {
    let said = Place::with("").output(&["recipe", "list"]);
    assert!(said.status.success());
    let lines = String::from_utf8_lossy(&said.stdout).into_owned();
    for table in candlewick::experiment::tables().unwrap() {
        let of_table = format!("{}/", table.id);
        assert!(lines.lines().any(|line| line.starts_with(&of_table)), "{}", table.id);
    }
    assert!(lines.lines().count() > 200, "{lines}");
}

#[test]
fn a_recipe_is_checked_for_the_device_that_it_is_to_run_on() {
    let place = Place::with(RECIPE);
    let said = place.output(&["recipe", "check", "table-1/tet", "--device", "cpu"]);
    assert!(said.status.success());
    assert!(String::from_utf8_lossy(&said.stdout).starts_with("table-1/tet is valid: "));
    let (code, error) = place.code(&["recipe", "check", "nowhere/r.toml"]);
    assert!(code != 0 && error.contains("nowhere/r.toml: No such file"), "{code}: {error}");
    let (code, error) = place.code(&["recipe", "check", "r.toml", "--device", "gpu"]);
    assert!(code == 2 && error.contains("expected cpu, cuda, cuda:N or metal"), "{code}: {error}");
    if cfg!(not(feature = "cuda")) {
        let (code, error) = place.code(&["recipe", "check", "r.toml", "--device", "cuda:0"]);
        assert!(code == 2 && error.contains("--features cuda"), "{code}: {error}");
    }
}

/// A hole of a terabyte: a command that read on would not end.
#[test]
fn a_recipe_of_a_terabyte_is_refused_unread() {
    let place = Place::with("");
    File::options().write(true).open(place.path("r.toml")).unwrap().set_len(1 << 40).unwrap();
    let commands = [
        &["recipe", "check", "r.toml"][..],
        &["recipe", "show", "r.toml"],
        &["train", "r.toml"],
        &["import", "w.pth", "--recipe", "r.toml", "--out", "run"],
    ];
    for command in commands {
        let (code, error) = place.code(command);
        assert_eq!(code, 2, "{error}");
        assert!(error.ends_with("size: expected at most 1000000 bytes of TOML\n"), "{error}");
    }
    assert_eq!(commands.len(), 4);
}
