//! What holds for every number of a recipe, whatever it is for.

use toml::Value;

use crate::{Error, Recipe, Result};

/// The largest size of a number: nothing that a recipe counts or weighs is a billion.
const LARGEST: f64 = 1e9;

/// Checks that every number but the seed is finite and of at most a billion; `name` is named.
///
/// # Errors
/// With the path of the first that is not.
pub(crate) fn check(recipe: &Recipe, name: &str) -> Result<()> {
    let wrong =
        |field: String, expected: String| Error::Field { name: name.into(), field, expected };
    // Counts of more than 63 bits are none that TOML can hold, and the error says which.
    let table = toml::Table::try_from(recipe)
        .map_err(|error| wrong("a number".into(), format!("what TOML can hold: {error}")))?;
    let numbers = table.iter().filter(|(key, _)| *key != "seed");
    match numbers.into_iter().find_map(|(key, value)| excess(key, value)) {
        None => Ok(()),
        Some((field, number)) => {
            Err(wrong(field, format!("a finite number of at most {LARGEST:e}, got {number}")))
        }
    }
}

/// Path and value of the first number at or below `path` that is not finite, or too large.
fn excess(path: &str, value: &Value) -> Option<(String, f64)> {
    let number = match value {
        Value::Table(table) => {
            return table.iter().find_map(|(key, value)| excess(&format!("{path}.{key}"), value));
        }
        Value::Array(values) => {
            let mut values = values.iter().enumerate();
            return values.find_map(|(place, value)| excess(&format!("{path}.{place}"), value));
        }
        Value::Integer(number) => *number as f64,
        Value::Float(number) => *number,
        _ => return None,
    };
    // NaN is in no range.
    let usual = (-LARGEST..=LARGEST).contains(&number);
    (!usual).then(|| (path.to_owned(), number))
}
