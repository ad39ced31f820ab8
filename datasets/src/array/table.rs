//! Tables in text: a line of names, then a line per sample, with commas between.

use std::path::Path;

use crate::{Error, Result, file};

/// The column of the labels; all others are inputs.
const LABEL: &str = "label";

/// The number of input columns, their numbers line by line, and the labels.
///
/// # Errors
/// If the file cannot be read, has no column of labels, or a field is no number.
pub(super) fn read(path: &Path) -> Result<(usize, Vec<f32>, Vec<String>)> {
    let text = file::read_text(path)?;
    let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let names: Vec<&str> = fields(lines.next().map_or("", |(_, line)| line)).collect();
    let mut of_labels = names.iter().enumerate().filter(|(_, name)| **name == LABEL);
    let (Some((column, _)), None) = (of_labels.next(), of_labels.next()) else {
        let expected = format!("one column `{LABEL}`");
        return Err(Error::format(path, "line 1", expected, names.join(",")));
    };
    let (mut values, mut labels) = (Vec::new(), Vec::new());
    for (number, line) in lines {
        let wrong = |expected: String, found: &str| {
            let found = format!("`{found}` in line {}", number + 1);
            Error::format(path, "table", expected, found)
        };
        let mut count = 0;
        for (place, field) in fields(line).enumerate() {
            count += 1;
            if place == column {
                labels.push(field.to_owned());
                continue;
            }
            let name = names.get(place).copied().unwrap_or("");
            let value = field.parse::<f32>().ok().filter(|value| value.is_finite());
            values.push(value.ok_or_else(|| wrong(format!("a number for `{name}`"), field))?);
        }
        if count != names.len() {
            return Err(wrong(format!("{} fields", names.len()), line));
        }
    }
    if labels.is_empty() {
        return Err(Error::format(path, "table", "at least one line below the names", "none"));
    }
    Ok((names.len() - 1, values, labels))
}

fn fields(line: &str) -> impl Iterator<Item = &str> {
    line.split(',').map(|field| field.trim().trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<(usize, Vec<f32>, Vec<String>)> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        std::fs::write(&path, text).unwrap();
        read(&path)
    }

    #[test]
    fn columns_are_inputs_but_for_the_labels() {
        let (columns, values, labels) = of("x,label,\"y\"\n1, cat ,-2e1\r\n\n.5,dog,4\n").unwrap();
        assert_eq!((columns, values), (2, vec![1.0, -20.0, 0.5, 4.0]));
        assert_eq!(labels, ["cat", "dog"]);
    }

    #[test]
    fn faults_are_named() {
        let cases = [
            ("x,y\n1,2\n", "line 1: expected one column `label`, found x,y"),
            ("label,label\n1,2\n", "expected one column `label`"),
            ("x,label\n", "expected at least one line below the names, found none"),
            ("x,label\n1,2\nz,2\n", "expected a number for `x`, found `z` in line 3"),
            ("x,label\nnan,2\n", "expected a number for `x`, found `nan` in line 2"),
            ("x,label\n1,2,3\n", "expected 2 fields, found `1,2,3` in line 2"),
            ("x,label\n1\n", "expected 2 fields, found `1` in line 2"),
            ("", "expected one column `label`"),
        ];
        let mut visited = 0;
        for (text, words) in cases {
            let found = of(text).unwrap_err().to_string();
            assert!(found.contains(words), "{found}");
            visited += 1;
        }
        assert_eq!(visited, 8);
    }
}
