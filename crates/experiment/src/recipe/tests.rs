//! Recipes as written, resolved and refused.

use super::*;

const SMALL: &str = r#"
[data]
name = "digits"
[network.spec]
layers = "4C3-AP2-FC10"
[train]
stages = [{ epochs = 1, time_steps = 2 }]
"#;

#[test]
fn a_resolved_recipe_resolves_to_itself() -> Result<()> {
    for recompute in [false, true] {
        let recipe = Recipe::parse(&format!("{SMALL}recompute = {recompute}"), "small")?;
        assert_eq!(recipe.train.recompute, recompute);
        let text = recipe.to_toml()?;
        assert_eq!(Recipe::parse(&text, "resolved")?, recipe);
        assert_eq!(Recipe::parse(&text, "resolved")?.to_toml()?, text);
    }
    Ok(())
}

#[test]
fn each_part_of_the_upper_recipe_replaces_that_of_the_base() -> Result<()> {
    let base = RawRecipe::parse(SMALL, "base")?;
    let row = RawRecipe::parse("[loss.tet]\nlambda = 0.5\n[surrogate.arctan]", "row")?;
    let recipe = row.over(&base).resolve("row")?;
    assert_eq!(recipe.loss.name(), "tet");
    assert_eq!(recipe.surrogate.name(), "arctan");
    assert_eq!(recipe.data.name, "digits");
    Ok(())
}

/// A preset fills what the recipe leaves open, and replaces what the recipe below it says.
#[test]
fn a_preset_names_neuron_and_surrogate() -> Result<()> {
    let mut visited = 0;
    for preset in Preset::all() {
        let text = format!("preset = \"{}\"\n{SMALL}", preset.name);
        let recipe = Recipe::parse(&text, "preset")?;
        assert_eq!((&recipe.neuron, &recipe.surrogate), (&preset.neuron, &preset.surrogate));
        let own = Recipe::parse(&format!("{text}[surrogate.arctan]"), "own surrogate")?;
        assert_eq!((&own.neuron, own.surrogate.name()), (&preset.neuron, "arctan"));
        let base = RawRecipe::parse(&format!("{SMALL}[surrogate.arctan]\n[neuron.if]"), "base")?;
        let row = RawRecipe::parse(&format!("preset = \"{}\"", preset.name), "row")?;
        assert_eq!(row.over(&base).resolve("row")?, recipe);
        visited += 1;
    }
    assert_eq!(visited, 5);
    Ok(())
}

#[test]
fn mistakes_are_named_with_their_place() {
    let cases = [
        ("[data]\nname = \"digits\"\n[netwrok.spec]", "line 3"),
        ("[surrogate.triangel]", "triangel"),
        ("[surrogate.triangle]\ngama = 1", "gama"),
        ("[neuron.lif]\nleak = { decay = \"x\" }", "line 2"),
        ("[neuron.lif]\nleak = { decay = 1.5 }", "neuron.lif.leak.decay"),
        ("[surrogate.triangle]\ngamma = 0", "surrogate.triangle.gamma"),
        ("[methods.masked_surrogate]\np = 2", "methods.masked_surrogate.p"),
        ("[loss.tet]\nlambda = -1", "loss.tet.lambda"),
        ("[surrogate.straight_through]\n[methods.parametric_surrogate]", "parametric_surrogate"),
        (
            "[methods.masked_surrogate]\nsite = \"weight\"\n[methods.gradient_scaling]",
            "gradient_scaling",
        ),
        ("[input]\nbatch_size = 0", "input.batch_size"),
        ("[train]\nrecompute = \"always\"", "line 2"),
        ("[train]\nrecomputed = true", "recomputed"),
        ("preset = \"nengo\"", "preset: expected one of msg"),
        ("[neuron.lif.firing]\nv_threshold = 0", "neuron.lif.firing.v_threshold"),
        ("[neuron.lif.firing]\nv_reset = 1", "neuron.lif.firing.v_reset"),
        ("[normalization]\nmomentum = 5", "normalization.momentum"),
        ("[normalization]\nfactor = nan", "normalization.factor"),
        ("[train]\nstages = []", "row: train.stages: expected at least one stage, got none"),
    ];
    let mut visited = 0;
    for (mistake, words) in cases {
        let base = RawRecipe::parse(SMALL, "base").expect("the base is right");
        let result =
            RawRecipe::parse(mistake, "row").and_then(|row| row.over(&base).resolve("row"));
        let error = result.expect_err(mistake).to_string();
        assert!(error.starts_with("row: ") && error.contains(words), "{mistake}: {error}");
        visited += 1;
    }
    assert_eq!(visited, 19);
    let empty = RawRecipe::default().resolve("empty").unwrap_err().to_string();
    assert_eq!(empty, "empty: data: expected a table [data] with the key `name`");
}
