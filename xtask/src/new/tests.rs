//! New components: their texts, and the places of their lines.

use super::text::{DOCS, quoted, renamed_type};
use super::*;

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn a_component_begins_as_a_copy_of_another() {
    let text = "//! The triangle.\n//! More.\n\n/// sg(x), cited.\n#[derive(Debug)]\npub struct Triangle;\n// A triangle.\nuse other::triangle;\n";
    let copy = component(text, "triangle", "flat_top");
    let opening = "//! To be written: what it is, in one sentence.\n\n";
    let rest = "\n#[derive(Debug)]\npub struct FlatTop;\n// A flat top.\nuse other::triangle;\n";
    assert_eq!(copy, format!("{opening}{}{rest}", DOCS.join("\n")));
    // An example in the docs is copied with them.
    let example = |name: &str, word: &str| {
        format!("///\n/// ```\n/// {name} {{}} == named(\"{word}\");\n/// ```\n")
    };
    let cited = "/// sg(x), cited.\n";
    let text = text.replace(cited, &format!("{cited}{}", example("Triangle", "triangle")));
    let copy = component(&text, "triangle", "flat_top");
    let docs = format!("{}\n{}", DOCS.join("\n"), example("FlatTop", "flat_top").trim_end());
    assert_eq!(copy, format!("{opening}{docs}{rest}"));
    assert_eq!(renamed_type("Sgd: kernel::Sgd", "Sgd", "New"), "New: kernel::Sgd");
    assert_eq!(quoted("x(\"a.sgd.b\", sgd)", "sgd", "new"), "x(\"a.new.b\", sgd)");
}

#[test]
fn its_lines_go_into_library_and_registry() {
    let library =
        "mod arctan;\nmod triangle;\n\npub use triangle::Triangle;\n\n#[cfg(test)]\nmod laws;\n";
    let expected = "mod arctan;\nmod triangle;\nmod flat_top;\n\npub use triangle::Triangle;\npub use flat_top::{FlatTop, Edge};\n\n#[cfg(test)]\nmod laws;\n";
    let file = "pub struct FlatTop {\n}\nstruct Inner;\npub enum Edge {\n}\n";
    assert_eq!(with_module(library, "flat_top", file).unwrap(), expected);
    assert!(with_module("//! Nothing.\n", "x", file).is_err());
    let private = with_module("pub(crate) mod a;\n", "b", "const X: u8 = 1;\n").unwrap();
    assert_eq!(private, "pub(crate) mod a;\npub(crate) mod b;\n");

    let registries = "registry! {\n    pub enum Any: dyn S, kind \"s\" {\n        /// t\n        Triangle = \"triangle\" | \"zif\",\n    }\n}\n\nregistry! {\n    pub enum Other: dyn S, kind \"o\" {\n        /// t\n        Last = \"last\",\n    }\n}\n";
    let expected = registries.replacen(
        "    }\n",
        "        /// To be written: what it is.\n        FlatTop = \"flat-top\",\n    }\n",
        1,
    );
    assert_eq!(registered(registries, "FlatTop", "flat-top", "Any").unwrap(), expected);
    assert!(registered(registries, "FlatTop", "flat-top", "None").is_err());
}

#[test]
fn lines_and_rows_find_their_places() {
    let index = "&[\n    table!(\"table-1\"),\n];\n";
    let expected = "&[\n    table!(\"table-1\"),\n    table!(\"own\"),\n];\n";
    assert_eq!(inserted(index, "\n];", "    table!(\"own\"),").unwrap(), expected);
    assert_eq!(inserted("a\nb\n", "b", "x").unwrap(), "a\nx\nb\n");
    assert!(inserted("a\n", "b", "x").is_err());
    let page = "## A\n\n| x | y |\n|---|---|\n| `a` | 1 |\n\n## B\n\n| x |\n|---|\n";
    let expected = page.replace("| 1 |\n", "| 1 |\n| `new` | |\n");
    assert_eq!(row(page, "## A", "new").unwrap(), expected);
    assert!(row(page, "## C", "new").is_err());
}

/// Every kind finds the places of its lines in the workspace, and each changes.
#[test]
fn every_kind_knows_its_places() {
    let workspace = Workspace::find().unwrap();
    let tree = Tree::read(&workspace.root).unwrap();
    let mut visited = 0;
    for kind in &KINDS {
        let request = Request::parse(&words(&format!("{} brand_new", kind.name))).unwrap();
        let files = files(&tree, &request).unwrap();
        assert!(files.len() >= 2, "{}", kind.name);
        for (path, text) in &files {
            assert_ne!(tree.text(path), Some(text.as_str()), "{path}");
        }
        visited += 1;
    }
    assert_eq!(visited, KINDS.len());
    let request = Request::parse(&words("data-set lamps")).unwrap();
    let registry = &files(&tree, &request).unwrap()[DATASETS];
    assert!(registry.contains("        crate::image::lamps::LAMPS,\n        mnist::MNIST,\n"));
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
    assert_eq!(Request::parse(&words("network deep_net")).unwrap().like, "deep_net");
    let error = Request::parse(&words("network deep --like vgg")).unwrap_err();
    assert_eq!(error, "a network begins as a text, not like another");
}
