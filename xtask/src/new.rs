//! `cargo xtask new KIND NAME`: the file of a component and its lines in the registry.
//!
//! The file is a copy of an existing component under the new name, so that it compiles and passes the laws from the
//! first minute on; `tidy` objects until its citation is written.

use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::workspace::Workspace;

/// How a line begins that its author has still to write.
pub(crate) const TO_BE_WRITTEN: &str = "//! To be written:";

/// Kind, source folder, and the component that new ones are copied from by default.
const KINDS: [(&str, &str, &str); 3] = [
    ("surrogate", "crates/surrogate/src", "triangle"),
    ("neuron", "crates/neuron/src", "integrate_and_fire"),
    ("loss", "crates/methods/src", "cross_entropy"),
];

/// What to make, and like what.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Request {
    folder: &'static str,
    name: String,
    like: String,
}

impl Request {
    /// Reads the arguments; an error says which one is wrong.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, String> {
        let (kind, name, like) = match arguments {
            [kind, name] => (kind, name, None),
            [kind, name, flag, like] if flag == "--like" => (kind, name, Some(like)),
            _ => return Err("new needs a kind and a name".to_owned()),
        };
        let (_, folder, default) = KINDS
            .iter()
            .find(|(known, _, _)| known == kind)
            .ok_or_else(|| format!("there is no kind `{kind}` of component"))?;
        let like = like.map_or(*default, String::as_str);
        for name in [name.as_str(), like] {
            if !is_snake_case(name) {
                return Err(format!("`{name}` is no name of a file: use lower_case_words"));
            }
        }
        Ok(Self { folder, name: name.clone(), like: like.to_owned() })
    }
}

/// Writes the file and registers it.
pub(crate) fn run(workspace: &Workspace, request: &Request) -> Result<ExitCode> {
    let Request { folder, name, like } = request;
    let folder = workspace.root.join(folder);
    let read = |name: &str| {
        let path = folder.join(format!("{name}.rs"));
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    };
    let target = folder.join(format!("{name}.rs"));
    if target.exists() {
        bail!("{} is there already", target.display());
    }
    let file = component(&read(like)?, like, name);
    let library = registered(&read("lib")?, name)?;
    fs::write(&target, file)?;
    fs::write(folder.join("lib.rs"), library)?;
    println!("{}/{name}.rs: write its citation, its equations and its cases", request.folder);
    println!("{}/lib.rs: say in one line what {} is", request.folder, camel_case(name));
    println!(
        "then: cargo fmt, and cargo test --package candlewick-{}",
        request.folder.split('/').nth(1).unwrap_or_default()
    );
    Ok(ExitCode::SUCCESS)
}

/// The text of `like` under another name, with its opening and the docs of its type replaced by what is
/// to be written.
fn component(text: &str, like: &str, name: &str) -> String {
    let rest: Vec<&str> = text.lines().skip_while(|line| line.starts_with("//!")).collect();
    let opening = [
        "what it is, in one sentence.",
        "the citation with its equation number, and the equation.",
        "the names that other libraries use for it.",
    ];
    let opening: Vec<String> =
        opening.iter().map(|line| format!("{TO_BE_WRITTEN} {line}")).collect();
    // In code only the type has the name; a function of the same name belongs to another file.
    let renamed = rest.iter().map(|line| {
        let line = line.replace(&camel_case(like), &camel_case(name));
        let is_prose = line.trim_start().starts_with("//");
        if is_prose { line.replace(like, &name.replace('_', " ")) } else { line }
    });
    let body: Vec<String> = renamed.collect();
    format!("{}\n{}\n", opening.join("\n"), body.join("\n").trim_end())
}

/// `lib.rs` with the module, its re-export and its registry line, each behind the last of its kind.
fn registered(library: &str, name: &str) -> Result<String> {
    let lines: Vec<&str> = library.lines().collect();
    let last = |what: &str, test: fn(&str) -> bool| {
        let found = lines.iter().rposition(|line| test(line));
        found.with_context(|| format!("lib.rs has no {what}"))
    };
    let camel = camel_case(name);
    let mut added = [
        (
            last("module", |line| line.starts_with("mod ") && line != "mod laws;")?,
            format!("mod {name};"),
        ),
        (
            last("re-export", |line| line.starts_with("pub use "))?,
            format!("pub use {name}::{camel};"),
        ),
        (
            last("registry", |line| line.starts_with("        ") && line.contains(" = \""))?,
            format!("        /// To be written: its equation.\n        {camel} = \"{name}\","),
        ),
    ];
    added.sort_by_key(|(after, _)| *after);
    let mut out = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        out.push((*line).to_owned());
        out.extend(added.iter().filter(|(after, _)| *after == index).map(|(_, line)| line.clone()));
    }
    Ok(out.join("\n") + "\n")
}

fn is_snake_case(name: &str) -> bool {
    let letters =
        |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
    name.starts_with(|first: char| first.is_ascii_lowercase()) && name.chars().all(letters)
}

/// `integrate_and_fire` as `IntegrateAndFire`.
fn camel_case(name: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str())
    };
    name.split('_').filter_map(word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn a_component_begins_as_a_copy_of_another() {
        let text = "//! The triangle.\n//! Cited.\n\n/// Settings of the triangle.\nstruct Triangle;\nuse other::triangle;\n";
        let copy = component(text, "triangle", "flat_top");
        let (opening, rest) = copy.split_once("\n\n").unwrap();
        assert_eq!(opening.lines().filter(|line| line.starts_with(TO_BE_WRITTEN)).count(), 3);
        assert_eq!(opening.lines().count(), 3);
        assert_eq!(rest, "/// Settings of the flat top.\nstruct FlatTop;\nuse other::triangle;\n");
    }

    #[test]
    fn its_three_lines_go_into_the_library() {
        let library = "//! S.\n\nmod arctan;\nmod triangle;\n\npub use triangle::Triangle;\n\nregistry! {\n    pub enum Any: dyn S, kind \"s\" {\n        /// t\n        Triangle = \"triangle\" | \"zif\",\n    }\n}\n\n#[cfg(test)]\nmod laws;\n";
        let expected = "//! S.\n\nmod arctan;\nmod triangle;\nmod flat_top;\n\npub use triangle::Triangle;\npub use flat_top::FlatTop;\n\nregistry! {\n    pub enum Any: dyn S, kind \"s\" {\n        /// t\n        Triangle = \"triangle\" | \"zif\",\n        /// To be written: its equation.\n        FlatTop = \"flat_top\",\n    }\n}\n\n#[cfg(test)]\nmod laws;\n";
        assert_eq!(registered(library, "flat_top").unwrap(), expected);
        assert!(registered("//! Nothing.\n", "x").is_err());
    }

    #[test]
    fn arguments_are_read_or_refused() {
        let request = Request::parse(&words("neuron adaptive --like lif")).unwrap();
        assert_eq!((request.folder, request.like.as_str()), ("crates/neuron/src", "lif"));
        let request = Request::parse(&words("surrogate flat_top")).unwrap();
        assert_eq!(request.like, "triangle");
        assert!(Request::parse(&words("surrogate FlatTop")).unwrap_err().contains("lower_case"));
        assert!(Request::parse(&words("sauce x")).unwrap_err().contains("no kind `sauce`"));
        assert!(Request::parse(&words("surrogate")).is_err());
    }
}
