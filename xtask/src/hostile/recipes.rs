//! Recipes with extreme numbers, foreign words, and damaged bytes.

use std::fs;
use std::path::Path;

use anyhow::Result;
use fastrand::Rng;

use super::attack::Attack;
use super::damage::damage;
use super::ground::Ground;

/// What a number is replaced by.
const NUMBERS: [&str; 16] = [
    "0",
    "-1",
    "1",
    "0.5",
    "-0.0",
    "1e-320",
    "1e9",
    "1e308",
    "-1e308",
    "nan",
    "inf",
    "-inf",
    "999999999",
    "4294967296",
    "9223372036854775807",
    "-9223372036854775808",
];
/// What a word is replaced by.
const WORDS: [&str; 7] =
    ["''", r#""\u001b[2J""#, "'no such thing'", "true", "[]", "{}", "'999999999C3-FC10'"];

pub(crate) fn attack(ground: &Ground, random: &mut Rng, folder: &Path) -> Result<Attack> {
    // Every default is written out there.
    let text = fs::read_to_string(ground.runs[0].join("resolved.toml"))?;
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let mut changes = Vec::new();
    for _ in 0..random.usize(1..=3) {
        let at = random.usize(..lines.len());
        let Some((key, value)) = lines[at].split_once(" = ") else { continue };
        let number = value.starts_with(|c: char| c == '-' || c.is_ascii_digit());
        let choice = if number { random.choice(NUMBERS) } else { random.choice(WORDS) };
        lines[at] = format!("{key} = {}", choice.unwrap_or_default());
        changes.push(lines[at].clone());
    }
    let mut bytes = lines.join("\n").into_bytes();
    if changes.is_empty() || random.u8(..8) == 0 {
        changes.push(damage(random, &mut bytes));
    }
    fs::write(folder.join("recipe.toml"), bytes)?;
    Ok(Attack {
        what: changes.join(", "),
        words: "recipe check recipe.toml".to_owned(),
        must_fail: false,
    })
}
