//! `cargo xtask new KIND NAME`: the file of a component and its lines in the registry.
//!
//! The file is a copy of an existing component under the new name, so that it compiles from the first minute
//! on; `tidy` objects until its citation is written.

use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::workspace::Workspace;

/// How a comment begins that its author has still to write.
pub(crate) const TO_BE_WRITTEN: &str = "To be written:";

/// A kind of component.
#[derive(Debug, PartialEq, Eq)]
struct Kind {
    name: &'static str,
    /// Where its files are.
    folder: &'static str,
    /// The file with its modules and its registry.
    library: &'static str,
    /// The enum of its registry; layers have none.
    registry: Option<&'static str>,
    /// The component that new ones are copied from by default.
    like: &'static str,
}

const KINDS: [Kind; 10] = [
    Kind {
        name: "surrogate",
        folder: "crates/surrogate/src",
        library: "crates/surrogate/src/lib.rs",
        registry: Some("AnySurrogate"),
        like: "triangle",
    },
    Kind {
        name: "neuron",
        folder: "crates/neuron/src",
        library: "crates/neuron/src/lib.rs",
        registry: Some("AnyNeuron"),
        like: "integrate_and_fire",
    },
    Kind {
        name: "loss",
        folder: "crates/methods/src",
        library: "crates/methods/src/lib.rs",
        registry: Some("AnyLoss"),
        like: "cross_entropy",
    },
    Kind {
        name: "method",
        folder: "crates/methods/src",
        library: "crates/methods/src/lib.rs",
        registry: Some("AnyMethod"),
        like: "shortcut",
    },
    Kind {
        name: "layer",
        folder: "crates/network/src",
        library: "crates/network/src/lib.rs",
        registry: None,
        like: "dropout",
    },
    Kind {
        name: "encoder",
        folder: "crates/encode/src/encoder",
        library: "crates/encode/src/encoder.rs",
        registry: Some("AnyEncoder"),
        like: "poisson",
    },
    Kind {
        name: "augmentation",
        folder: "crates/encode/src/augment",
        library: "crates/encode/src/augment.rs",
        registry: Some("AnyAugment"),
        like: "roll",
    },
    Kind {
        name: "optimizer",
        folder: "crates/train/src/optimizer",
        library: "crates/train/src/optimizer.rs",
        registry: Some("AnyOptimizer"),
        like: "sgd",
    },
    Kind {
        name: "schedule",
        folder: "crates/train/src/schedule",
        library: "crates/train/src/schedule.rs",
        registry: Some("AnyCurve"),
        like: "cosine",
    },
    Kind {
        name: "table",
        folder: "crates/experiment/recipes",
        library: "crates/experiment/src/index.rs",
        registry: None,
        like: "table-1",
    },
];

/// The docs of a new type.
const DOCS: [&str; 5] = [
    "/// To be written: what it is, and its equation.",
    "///",
    "/// To be written: the citation with its equation number.",
    "///",
    "/// To be written: the names that other libraries use for it.",
];

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
        let like = like.map_or(kind.like, String::as_str);
        for name in [name.as_str(), like] {
            let is_name = if kind.name == "table" { is_table } else { is_snake_case };
            if !is_name(name) {
                return Err(format!("`{name}` is not a file name here: use lower_case_words"));
            }
        }
        Ok(Self { kind, name: name.clone(), like: like.to_owned() })
    }
}

/// Writes the file and registers it.
pub(crate) fn run(workspace: &Workspace, request: &Request) -> Result<ExitCode> {
    let Request { kind, name, like } = request;
    let read = |path: &str| {
        fs::read_to_string(workspace.root.join(path)).with_context(|| format!("cannot read {path}"))
    };
    let is_table = kind.name == "table";
    let extension = if is_table { "toml" } else { "rs" };
    let target = format!("{}/{name}.{extension}", kind.folder);
    if workspace.root.join(&target).exists() {
        bail!("{target} is there already");
    }
    let like_text = read(&format!("{}/{like}.{extension}", kind.folder))?;
    let library = read(kind.library)?;
    let (file, library) = if is_table {
        (like_text, listed(&library, name)?)
    } else {
        let file = component(&like_text, like, name);
        let library = registered(&library, name, &public_types(&file), kind.registry)?;
        (file, library)
    };
    let path = workspace.root.join(&target);
    fs::create_dir_all(path.parent().context("a folder")?)?;
    fs::write(path, file)?;
    fs::write(workspace.root.join(kind.library), library)?;
    if is_table {
        println!("{target}: write its rows, its protocol and its sources");
    } else {
        println!("{target}: write its citation, its equations and its cases");
    }
    if kind.registry.is_some() {
        println!("{}: say in one line what {} is", kind.library, camel_case(name));
    }
    let package = kind.folder.split('/').nth(1).unwrap_or_default();
    println!("then: cargo fmt, cargo test --package candlewick-{package}, cargo xtask tidy");
    Ok(ExitCode::SUCCESS)
}

/// The text of `like` under another name, with its opening and the docs of its type replaced by what is
/// to be written.
fn component(text: &str, like: &str, name: &str) -> String {
    let mut rest: Vec<&str> = text.lines().skip_while(|line| line.starts_with("//!")).collect();
    let is_type = |line: &&str| {
        let of_type =
            line.strip_prefix("pub struct ").and_then(|rest| rest.strip_prefix(&camel_case(like)));
        of_type.is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
    };
    if let Some(at) = rest.iter().position(is_type) {
        let end =
            rest[..at].iter().rposition(|line| line.starts_with("///")).map_or(0, |at| at + 1);
        let start =
            rest[..end].iter().rposition(|line| !line.starts_with("///")).map_or(0, |at| at + 1);
        rest.splice(start..end, DOCS);
    }
    // In code only the type and strings have the name; a function of the same name belongs to another file.
    let renamed = rest.iter().map(|line| {
        let line = renamed_type(line, &camel_case(like), &camel_case(name));
        let is_prose = line.trim_start().starts_with("//");
        if is_prose {
            line.replace(like, &name.replace('_', " "))
        } else {
            quoted(&line, like, name)
        }
    });
    let body: Vec<String> = renamed.collect();
    format!("//! {TO_BE_WRITTEN} what it is, in one sentence.\n{}\n", body.join("\n").trim_end())
}

/// The line with the type `like` called `name`; a type behind a path is another one.
fn renamed_type(line: &str, like: &str, name: &str) -> String {
    let mut parts = line.split(like);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out += if out.ends_with("::") { like } else { name };
        out += part;
    }
    out
}

/// The line with `like` replaced by `name` within its string literals.
fn quoted(line: &str, like: &str, name: &str) -> String {
    let parts = line.split('"').enumerate().map(|(index, part)| {
        if index % 2 == 1 { part.replace(like, name) } else { part.to_owned() }
    });
    parts.collect::<Vec<_>>().join("\"")
}

/// The public types of a file.
fn public_types(text: &str) -> Vec<&str> {
    text.lines()
        .filter_map(|line| {
            line.strip_prefix("pub struct ").or_else(|| line.strip_prefix("pub enum "))
        })
        .filter_map(|rest| rest.split([' ', '(', '<', ';']).next())
        .collect()
}

/// The library with the module, its re-export and its registry line, each behind the last of its kind.
fn registered(library: &str, name: &str, types: &[&str], registry: Option<&str>) -> Result<String> {
    let lines: Vec<&str> = library.lines().collect();
    let module = (0..lines.len()).rev().find(|&index| {
        let for_tests = index > 0 && lines[index - 1].starts_with("#[cfg(test)]");
        lines[index].starts_with("mod ") && !for_tests
    });
    let export = lines.iter().rposition(|line| line.starts_with("pub use "));
    let exported = match types {
        [one] => format!("pub use {name}::{one};"),
        several => format!("pub use {name}::{{{}}};", several.join(", ")),
    };
    let mut added = vec![
        (module.context("the library has no module")?, format!("mod {name};")),
        (export.context("the library has no re-export")?, exported),
    ];
    if let Some(registry) = registry {
        let start = format!("    pub enum {registry}:");
        let start = lines.iter().position(|line| line.starts_with(&start));
        let start = start.with_context(|| format!("the library has no registry {registry}"))?;
        let length = lines[start..].iter().position(|line| *line == "    }").context("its end")?;
        let camel = camel_case(name);
        let line =
            format!("        /// To be written: its equation.\n        {camel} = \"{name}\",");
        added.push((start + length - 1, line));
    }
    Ok(with_lines(&lines, &mut added))
}

/// The index of tables with another one at its end.
fn listed(index: &str, name: &str) -> Result<String> {
    let lines: Vec<&str> = index.lines().collect();
    let last = lines.iter().rposition(|line| line.starts_with("    table!("));
    let mut added = [(last.context("the index has no table")?, format!("    table!(\"{name}\"),"))];
    Ok(with_lines(&lines, &mut added))
}

/// The lines with others behind some of them, given by their numbers.
fn with_lines(lines: &[&str], added: &mut [(usize, String)]) -> String {
    added.sort_by_key(|(after, _)| *after);
    let mut out = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        out.push((*line).to_owned());
        out.extend(added.iter().filter(|(after, _)| *after == index).map(|(_, line)| line.clone()));
    }
    out.join("\n") + "\n"
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
        let text = "//! The triangle.\n//! More.\n\n/// sg(x), cited.\n#[derive(Debug)]\npub struct Triangle;\n// A triangle.\nuse other::triangle;\n";
        let copy = component(text, "triangle", "flat_top");
        let opening = "//! To be written: what it is, in one sentence.\n\n";
        let rest =
            "\n#[derive(Debug)]\npub struct FlatTop;\n// A flat top.\nuse other::triangle;\n";
        assert_eq!(copy, format!("{opening}{}{rest}", DOCS.join("\n")));
        assert_eq!(renamed_type("Sgd: kernel::Sgd", "Sgd", "New"), "New: kernel::Sgd");
        assert_eq!(quoted("x(\"a.sgd.b\", sgd)", "sgd", "new"), "x(\"a.new.b\", sgd)");
    }

    #[test]
    fn its_three_lines_go_into_the_library() {
        let library = "mod arctan;\nmod triangle;\n\npub use triangle::Triangle;\n\nregistry! {\n    pub enum Any: dyn S, kind \"s\" {\n        /// t\n        Triangle = \"triangle\" | \"zif\",\n    }\n}\n\nregistry! {\n    pub enum Other: dyn S, kind \"o\" {\n        /// t\n        Last = \"last\",\n    }\n}\n\n#[cfg(test)]\nmod laws;\n";
        let expected = "mod arctan;\nmod triangle;\nmod flat_top;\n\npub use triangle::Triangle;\npub use flat_top::{FlatTop, Edge};\n\nregistry! {\n    pub enum Any: dyn S, kind \"s\" {\n        /// t\n        Triangle = \"triangle\" | \"zif\",\n        /// To be written: its equation.\n        FlatTop = \"flat_top\",\n    }\n}\n\nregistry! {\n    pub enum Other: dyn S, kind \"o\" {\n        /// t\n        Last = \"last\",\n    }\n}\n\n#[cfg(test)]\nmod laws;\n";
        let types = public_types("pub struct FlatTop {\n}\nstruct Inner;\npub enum Edge {\n}\n");
        assert_eq!(registered(library, "flat_top", &types, Some("Any")).unwrap(), expected);
        assert!(registered(library, "flat_top", &types, Some("None")).is_err());
        assert!(registered("//! Nothing.\n", "x", &["X"], None).is_err());
        let index = "&[\n    table!(\"table-1\"),\n];\n";
        let expected = "&[\n    table!(\"table-1\"),\n    table!(\"own/table\"),\n];\n";
        assert_eq!(listed(index, "own/table").unwrap(), expected);
    }

    /// Every kind finds the places of its lines in the workspace.
    #[test]
    fn every_kind_knows_its_places() {
        let workspace = Workspace::find().unwrap();
        let read = |path: &str| fs::read_to_string(workspace.root.join(path)).unwrap();
        for kind in &KINDS {
            let library = read(kind.library);
            if kind.name == "table" {
                assert!(listed(&library, "new").is_ok());
                continue;
            }
            let like = read(&format!("{}/{}.rs", kind.folder, kind.like));
            let copy = component(&like, kind.like, "brand_new");
            let types = public_types(&copy);
            assert!(types.contains(&"BrandNew"), "{}: {types:?}", kind.name);
            assert!(registered(&library, "brand_new", &types, kind.registry).is_ok());
        }
    }

    #[test]
    fn arguments_are_read_or_refused() {
        let request = Request::parse(&words("neuron adaptive --like lif")).unwrap();
        assert_eq!((request.kind.folder, request.like.as_str()), ("crates/neuron/src", "lif"));
        let request = Request::parse(&words("surrogate flat_top")).unwrap();
        assert_eq!(request.like, "triangle");
        assert!(Request::parse(&words("surrogate FlatTop")).unwrap_err().contains("lower_case"));
        assert!(Request::parse(&words("sauce x")).unwrap_err().contains("no kind `sauce`"));
        assert!(Request::parse(&words("surrogate")).is_err());
        assert!(Request::parse(&words("table own/table-1")).is_ok());
    }
}
