//! Run directories with a file that is damaged, lost, or of another run.

use std::fs;
use std::path::Path;

use anyhow::Result;
use fastrand::Rng;

use super::attack::Attack;
use super::damage::damage;
use super::ground::Ground;

const LAST: &str = "checkpoints/last.safetensors";
const FILES: [&str; 6] =
    ["manifest.json", "recipe.toml", "resolved.toml", "metrics.jsonl", "summary.json", LAST];

pub(crate) fn attack(ground: &Ground, random: &mut Rng, folder: &Path) -> Result<Attack> {
    let [run, other] = &ground.runs;
    let name = FILES[random.usize(..FILES.len())];
    // The place is that which `train` looks for.
    let place = run.strip_prefix(ground.good(""))?;
    let copy = folder.join(place);
    copy_folder(run, &copy)?;
    let file = copy.join(name);
    let how = match random.u8(..8) {
        0 => fs::remove_file(&file).map(|()| "lost".to_owned())?,
        1 => fs::copy(other.join(name), &file).map(|_| "of another run".to_owned())?,
        _ => {
            let mut bytes = fs::read(&file)?;
            let how = damage(random, &mut bytes);
            fs::write(&file, bytes).map(|()| how)?
        }
    };
    let path = place.display();
    let (words, must_fail) = match random.u8(..3) {
        // As after a kill. Recipes are mended from the one that is given, and a torn end of the records is cut off.
        0 => {
            fs::copy(ground.good("recipe-1.toml"), folder.join("recipe-1.toml"))?;
            let summary = copy.join("summary.json");
            if summary.is_file() {
                fs::remove_file(summary)?;
            }
            let words = "train recipe-1.toml --runs-dir runs".to_owned();
            (words, ["manifest.json", LAST].contains(&name))
        }
        1 if name != "summary.json" && name != "metrics.jsonl" => {
            (format!("evaluate {path}"), true)
        }
        _ => (format!("compare {path} {path}"), name != LAST),
    };
    Ok(Attack { what: format!("{name}, {how}"), words, must_fail })
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
