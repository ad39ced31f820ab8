//! `cargo xtask new KIND NAME`: the file of a component and its lines in the registry.
//!
//! The file is a copy of an existing component under the new name, so that it compiles from the first minute
//! on; `tidy` objects until its citation is written.

mod kinds;
mod text;

use std::collections::BTreeMap;
use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::tidy::Tree;
use crate::workspace::Workspace;
use crate::{lists, results};
use kinds::{KINDS, Kind, Start};
use text::{component, inserted, registered, row, with_module};

/// How a comment begins that its author has still to write.
pub(crate) const TO_BE_WRITTEN: &str = "To be written:";

/// What to make, and like what.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Request {
    kind: &'static Kind,
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
        let kind = KINDS.iter().find(|known| known.name == kind).ok_or_else(|| {
            let known = KINDS.map(|kind| kind.name).join(", ");
            format!("there is no kind `{kind}` of component; known are {known}")
        })?;
        let like = match (kind.start, like) {
            (Start::Text(_), Some(_)) => {
                return Err(format!("a {} begins as a text, not like another", kind.name));
            }
            (Start::Text(_), None) => name.as_str(),
            (Start::Like(usual), like) => like.map_or(usual, String::as_str),
        };
        for name in [name.as_str(), like] {
            let is_name = if kind.name == "table" { is_table } else { is_snake_case };
            if !is_name(name) {
                return Err(format!("`{name}` is not a file name here: use lower_case_words"));
            }
        }
        Ok(Self { kind, name: name.clone(), like: like.to_owned() })
    }
}

/// The names of all kinds.
pub(crate) fn kinds() -> impl Iterator<Item = &'static str> {
    KINDS.iter().map(|kind| kind.name)
}

/// Writes the file and every line that belongs to it.
pub(crate) fn run(workspace: &Workspace, request: &Request) -> Result<ExitCode> {
    let target = target(request);
    if workspace.root.join(&target).exists() {
        bail!("{target} is there already");
    }
    let tree = Tree::read(&workspace.root)?;
    for (path, text) in files(&tree, request)? {
        let place = workspace.root.join(&path);
        fs::create_dir_all(place.parent().context("a folder")?)?;
        fs::write(place, text).with_context(|| format!("cannot write {path}"))?;
        println!("{path}");
    }
    // The lists of what there is have one more.
    results::fill(&Tree::read(&workspace.root)?, workspace)?;
    let package = match request.kind.folder.split('/').collect::<Vec<_>>()[..] {
        ["crates", name, ..] => format!("candlewick-{name}"),
        _ => "candlewick-datasets".to_owned(),
    };
    println!("{}", what_is_left(request.kind.name));
    println!("then: cargo fmt, cargo test --package {package}, cargo xtask tidy");
    Ok(ExitCode::SUCCESS)
}

/// What the author has to write.
fn what_is_left(kind: &str) -> &'static str {
    match kind {
        "table" => "write its rows, its protocol and its sources",
        "data-set" => "write what its files are, its licence, its citation and its reader",
        _ => "write its citation, its equations and its cases",
    }
}

fn target(request: &Request) -> String {
    let extension = if request.kind.name == "table" { "toml" } else { "rs" };
    format!("{}/{}.{extension}", request.kind.folder, request.name)
}

/// The files that are new or changed, by their paths.
fn files(tree: &Tree, request: &Request) -> Result<BTreeMap<String, String>> {
    let Request { kind, name, like } = request;
    let read = |path: &str| -> Result<String> {
        Ok(tree.text(path).with_context(|| format!("there is no {path}"))?.to_owned())
    };
    let mut files = BTreeMap::new();
    if kind.name == "table" {
        files.insert(target(request), read(&format!("{}/{like}.toml", kind.folder))?);
        let line = format!("    table!(\"{name}\"),");
        files.insert(kind.library.to_owned(), inserted(&read(kind.library)?, "\n];", &line)?);
        return Ok(files);
    }
    let text = match kind.start {
        Start::Text(text) => filled(text, name),
        Start::Like(_) => component(&read(&format!("{}/{like}.rs", kind.folder))?, like, name),
    };
    files.insert(kind.library.to_owned(), with_module(&read(kind.library)?, name, &text)?);
    files.insert(target(request), text);
    let mut change = |path: &str, change: &dyn Fn(&str) -> Result<String>| -> Result<()> {
        let text = match files.get(path) {
            Some(text) => text.clone(),
            None => read(path)?,
        };
        files.insert(path.to_owned(), change(&text)?);
        Ok(())
    };
    let known_as = match kind.name {
        "network" | "data-set" => kebab_case(name),
        _ => name.clone(),
    };
    if let Some((path, registry)) = kind.registry {
        change(path, &|text| registered(text, &camel_case(name), &known_as, registry))?;
    }
    for (path, anchor, lines) in kind.lines {
        change(path, &|text| inserted(text, anchor, &filled(lines, name)))?;
    }
    for (path, heading) in kind.rows {
        change(path, &|text| row(text, heading, &known_as))?;
    }
    if kind.name == "data-set" {
        let line = format!("        crate::image::{name}::{},", name.to_uppercase());
        let registry = read(DATASETS)?;
        let sets = lists::constants(&registry, tree).map_err(anyhow::Error::msg)?;
        let next = sets.iter().find(|(_, set)| *set > known_as);
        let anchor = next.map_or("\n    ];", |(line, _)| line);
        change(DATASETS, &|text| inserted(text, anchor, &line))?;
    }
    Ok(files)
}

/// Where data sets are listed, in the order of their names.
const DATASETS: &str = "datasets/src/registry.rs";

/// A text with the name in it.
fn filled(text: &str, name: &str) -> String {
    text.replace("CamelName", &camel_case(name))
        .replace("snake_name", name)
        .replace("kebab-name", &kebab_case(name))
        .replace("CONSTANT_NAME", &name.to_uppercase())
}

/// `table-1` or `tet/cifar-10`.
fn is_table(name: &str) -> bool {
    name.split('/').all(|part| is_snake_case(&part.replace('-', "_")))
}

fn is_snake_case(name: &str) -> bool {
    let letters =
        |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
    name.starts_with(|first: char| first.is_ascii_lowercase()) && name.chars().all(letters)
}

fn kebab_case(name: &str) -> String {
    name.replace('_', "-")
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
mod tests;
