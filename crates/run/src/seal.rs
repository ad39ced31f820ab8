//! The seal of a document: a checksum of its text, and hashes that tie it to the other files of its run.
//!
//! ```text
//! {
//!   "sha256": "…",   of all that follows this line
//!   "recipe": "…",   a tie: the recipe hash of the run
//!   "schema": 2,     the document itself
//! ```
//!
//! A sealed document is still JSON, and one can read what it is tied to.

use std::path::Path;

use crate::error::{Result, RunError};
use crate::hash::sha256_hex;

/// What precedes the checksum.
const START: &str = "{\n  \"sha256\": \"";

/// A hash that ties a document to something else, under the name of what that is.
pub(crate) type Tie = (&'static str, String);

/// Puts the seal into an indented JSON object.
pub(crate) fn seal(text: &str, ties: &[Tie]) -> String {
    let ties: String = ties.iter().map(|(name, hash)| line(name, hash)).collect();
    let sealed = format!("{ties}{}", text.strip_prefix("{\n").unwrap_or(text));
    format!("{START}{}\",\n{sealed}", sha256_hex(sealed.as_bytes()))
}

/// Checks the seal of a text and gives the document without it, each line where it was; `None` if the text
/// is not sealed.
///
/// # Errors
///
/// [`RunError::Damaged`] if the checksum is of another text, [`RunError::Foreign`] if a tie is another one.
pub(crate) fn unseal(text: &str, ties: &[Tie], path: &Path) -> Result<Option<String>> {
    let Some((expected, mut rest)) =
        text.strip_prefix(START).and_then(|text| text.split_once("\",\n"))
    else {
        return Ok(None);
    };
    let found = sha256_hex(rest.as_bytes());
    if found != expected {
        return Err(RunError::Damaged { path: path.into(), expected: expected.to_owned(), found });
    }
    for (name, expected) in ties {
        let (tie, below) = rest.split_once('\n').unwrap_or((rest, ""));
        if format!("{tie}\n") != line(name, expected) {
            let found = tie.rsplit('"').nth(1).unwrap_or("missing").to_owned();
            let expected = expected.clone();
            return Err(RunError::Foreign { path: path.into(), what: name, expected, found });
        }
        rest = below;
    }
    Ok(Some(format!("{{\n{}{rest}", "\n".repeat(1 + ties.len()))))
}

fn line(name: &str, hash: &str) -> String {
    format!("  \"{name}\": \"{hash}\",\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "{\n  \"schema\": 2,\n  \"loss\": 0.5\n}\n";

    fn tie(hash: &str) -> [Tie; 1] {
        [("recipe", hash.to_owned())]
    }

    #[test]
    fn a_sealed_document_is_json_and_loses_its_seal_again() {
        let sealed = seal(TEXT, &tie("ab"));
        let value: serde_json::Value = serde_json::from_str(&sealed).unwrap();
        assert_eq!((&value["recipe"], &value["loss"]), (&"ab".into(), &0.5.into()));
        let path = Path::new("summary.json");
        let text = unseal(&sealed, &tie("ab"), path).unwrap().unwrap();
        assert_eq!(text.replace("{\n\n\n", "{\n"), TEXT);
        assert_eq!(text.lines().count(), sealed.lines().count());
        assert_eq!(unseal(TEXT, &[], path).unwrap(), None);
    }

    #[test]
    fn another_character_anywhere_or_another_run_is_noticed() {
        let path = Path::new("summary.json");
        let sealed = seal(TEXT, &tie("ab"));
        let mut visited = 0;
        for at in 0..sealed.len() {
            let mut bytes = sealed.clone().into_bytes();
            bytes[at] ^= 1;
            let damaged = String::from_utf8(bytes).unwrap();
            let outcome = unseal(&damaged, &tie("ab"), path);
            assert!(!matches!(outcome, Ok(Some(_))), "at {at}");
            visited += 1;
        }
        assert_eq!(visited, sealed.len());
        let message = unseal(&sealed, &tie("cd"), path).unwrap_err().to_string();
        assert_eq!(message, "summary.json: written with another recipe: expected cd, found ab");
    }
}
