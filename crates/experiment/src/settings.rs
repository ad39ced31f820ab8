//! A recipe as a list of settings, for comparisons.

use toml::{Table, Value};

use crate::{Error, Result};

/// Every value of a recipe in TOML with its path, such as `train.stages.0.epochs`; `name` is named in
/// errors. An empty table, which is a component with nothing to set, has the value `{}`.
///
/// # Errors
/// If the text is no TOML.
pub fn settings(recipe: &str, name: &str) -> Result<Vec<(String, String)>> {
    let table: Table = toml::from_str(recipe)
        .map_err(|source| Error::Parse { name: name.into(), source: Box::new(source) })?;
    let mut all = Vec::new();
    push(&mut all, "", &Value::Table(table));
    Ok(all)
}

fn push(all: &mut Vec<(String, String)>, path: &str, value: &Value) {
    let below =
        |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        Value::Table(table) if !table.is_empty() => {
            for (name, value) in table {
                push(all, &below(name), value);
            }
        }
        Value::Array(values) if values.iter().any(Value::is_table) => {
            for (index, value) in values.iter().enumerate() {
                push(all, &below(&index.to_string()), value);
            }
        }
        value => all.push((path.to_owned(), value.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_a_path() -> Result<()> {
        let text = "seed = 1\n[encoder.direct]\n[train]\nstages = [{ epochs = 2 }, { epochs = 3 }]\n\
                    betas = [0.5, 0.9]\n[data]\nname = \"digits\"\n";
        let found = settings(text, "test")?;
        let find = |wanted: &str| {
            found.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str())
        };
        assert_eq!(found.len(), 6);
        assert_eq!(find("seed"), Some("1"));
        assert_eq!(find("encoder.direct"), Some("{}"));
        assert_eq!(find("train.stages.1.epochs"), Some("3"));
        assert_eq!(find("train.betas"), Some("[0.5, 0.9]"));
        assert_eq!(find("data.name"), Some("\"digits\""));
        assert!(settings("= 1", "test").is_err());
        Ok(())
    }
}
