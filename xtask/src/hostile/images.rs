//! A folder of images, one of which is damaged.

use std::fs;
use std::path::Path;

use anyhow::Result;
use fastrand::Rng;

use super::attack::Attack;
use super::damage::{cut, damage};
use super::ground::Ground;

pub(crate) fn attack(ground: &Ground, random: &mut Rng, folder: &Path) -> Result<Attack> {
    let png = ground.good("image.png");
    let jpeg = ground.fixture("datasets/tests/fixtures/progressive.jpg");
    for (part, class) in [("train", "a"), ("train", "b"), ("test", "a"), ("test", "b")] {
        let place = folder.join("images").join(part).join(class);
        fs::create_dir_all(&place)?;
        fs::copy(&png, place.join("good.png"))?;
    }
    let (source, name) = if random.bool() { (jpeg, "bad.jpg") } else { (png, "bad.png") };
    let mut bytes = fs::read(source)?;
    let truncates = random.bool();
    let how = if truncates { cut(random, &mut bytes) } else { damage(random, &mut bytes) };
    fs::write(folder.join("images/train/b").join(name), bytes)?;
    let run = ground.runs[0].display();
    let words = if random.bool() {
        "data check images --name image-folder".to_owned()
    } else {
        format!("predict {run} images --resize")
    };
    Ok(Attack { what: format!("{name}, {how}"), words, must_fail: truncates })
}
