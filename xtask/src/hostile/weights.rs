//! Weights of other libraries, damaged: `.pth`, safetensors, NIR, and files of candlewick's own.

use std::fs;
use std::path::Path;

use anyhow::Result;
use fastrand::Rng;

use super::attack::Attack;
use super::damage::{cut, damage};
use super::ground::Ground;

/// The recipe of the weights in `resnet-19.pth`.
const RESNET: &str = "\
[data]
name = \"cifar10\"

[network.resnet-19]
width = 0.0625

[train]
stages = [{ epochs = 1, time_steps = 2 }]
";
/// A recipe that leaves the network to a graph.
const GRAPH: &str = "\
[data]
name = \"digits\"

[train]
stages = [{ epochs = 1, time_steps = 2 }]
";

/// Files with their recipes.
const FILES: [(&str, &str); 3] = [
    ("weights.pth", RESNET),
    ("weights.safetensors", super::ground::RECIPE),
    ("weights.nir", GRAPH),
];

pub(crate) fn attack(ground: &Ground, random: &mut Rng, folder: &Path) -> Result<Attack> {
    let (name, recipe) = FILES[random.usize(..FILES.len())];
    let mut bytes = fs::read(ground.good(name))?;
    let truncates = random.u8(..4) == 0;
    let how = if truncates { cut(random, &mut bytes) } else { damage(random, &mut bytes) };
    fs::write(folder.join(name), bytes)?;
    fs::write(folder.join("recipe.toml"), recipe)?;
    Ok(Attack { what: format!("{name}, {how}"), words: import(name), must_fail: truncates })
}

/// Makes the good files from a run, and sees that they are imported while they are good.
pub(crate) fn prepare(ground: &Ground) -> Result<()> {
    let run = ground.runs[0].strip_prefix(ground.good(""))?.display();
    let golden = ground.fixture("crates/exchange/golden/exchange/resnet-19.pth");
    fs::copy(golden, ground.good("weights.pth"))?;
    for (format, file) in [("pytorch", "weights.safetensors"), ("nir", "weights.nir")] {
        ground.succeed(&format!("export {run} --format {format} --out {file}"))?;
    }
    for (name, recipe) in FILES {
        fs::write(ground.good("recipe.toml"), recipe)?;
        ground.succeed(&import(name))?;
        fs::remove_dir_all(ground.good("imported"))?;
    }
    Ok(())
}

fn import(name: &str) -> String {
    let key = if name == "weights.pth" { " --key state_dict" } else { "" };
    format!("import {name} --recipe recipe.toml --out imported{key}")
}
