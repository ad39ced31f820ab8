//! Every component stands in the registry of its crate, and has an example on its page.
//!
//! A component is a type with `impl T for Name` at the left margin of a source file, where `T` is the trait of a
//! `registry!` of that crate or one of [`COMPONENT_TRAITS`]. Its registry line is `Name = "name"`; a
//! registry may be a component itself.

use std::collections::BTreeMap;

use crate::tidy::{Tree, Violation};

/// Traits that make a component although the registry of the crate names another one, by source folder.
const COMPONENT_TRAITS: [(&str, &str); 1] = [("crates/surrogate/src", "Shape")];

/// Where components are not types that users write: the metrics of claims.
const WITHOUT_EXAMPLES: [&str; 1] = ["crates/experiment/src"];

/// What the registries of one source folder say.
#[derive(Debug, Default)]
struct Registry {
    traits: Vec<String>,
    names: Vec<String>,
}

pub(crate) fn check(tree: &Tree) -> Vec<Violation> {
    let mut registries: BTreeMap<&str, Registry> = BTreeMap::new();
    for (path, text) in tree.rust() {
        let Some(folder) = source_folder(path) else { continue };
        if text.lines().any(|line| line.starts_with("registry! {")) {
            read_registries(text, registries.entry(folder).or_default());
        }
    }
    for (folder, name) in COMPONENT_TRAITS {
        if let Some(registry) = registries.get_mut(folder) {
            registry.traits.push(name.to_owned());
        }
    }
    let mut violations = Vec::new();
    for (path, text) in tree.rust() {
        let Some(registry) = source_folder(path).and_then(|folder| registries.get(folder)) else {
            continue;
        };
        let folder = source_folder(path).unwrap_or_default();
        let exempt = WITHOUT_EXAMPLES.contains(&folder);
        for (index, name) in without_example(text).into_iter().filter(|_| !exempt) {
            if registry.names.iter().any(|registered| registered == name) {
                let message =
                    format!("{name} has no example: add one that compiles to its documentation");
                violations.push(Violation::new(path, index + 1, message));
            }
        }
        for (index, line) in text.lines().enumerate() {
            if let Some(name) = component(line, &registry.traits)
                && !registry.names.iter().any(|registered| registered == name)
            {
                let message = format!(
                    "{name} is in no registry: add a line `{name} = \"…\"` to `registry!` of this crate"
                );
                violations.push(Violation::new(path, index + 1, message));
            }
        }
    }
    violations
}

/// `crates/surrogate/src` of a file below it.
fn source_folder(path: &str) -> Option<&str> {
    let end = path.find("/src/")? + "/src".len();
    Some(&path[..end])
}

fn read_registries(text: &str, registry: &mut Registry) {
    let mut inside = false;
    for line in text.lines() {
        match line {
            "}" => inside = false,
            _ if line.starts_with("registry! {") => inside = true,
            _ if inside => {
                if let Some((head, rest)) = line.split_once(": dyn ") {
                    registry.names.extend(head.split_whitespace().last().map(str::to_owned));
                    let path = rest.split([',', ' ']).next().unwrap_or(rest);
                    registry.traits.push(path.rsplit("::").next().unwrap_or(path).to_owned());
                } else if let Some((name, _)) = line.trim().split_once(" = \"") {
                    registry.names.push(name.to_owned());
                }
            }
            _ => {}
        }
    }
}

/// The public structs whose documentation has no code that is compiled, with their lines.
fn without_example(text: &str) -> Vec<(usize, &str)> {
    let (mut found, mut has_example, mut inside) = (Vec::new(), false, false);
    for (index, line) in text.lines().enumerate() {
        if let Some(fence) = line.strip_prefix("/// ```") {
            has_example |= !inside && (fence.is_empty() || fence == "no_run");
            inside = !inside;
        } else if let Some(rest) = line.strip_prefix("pub struct ") {
            let name = rest.split(|character: char| !character.is_alphanumeric()).next();
            found.extend(name.filter(|_| !has_example).map(|name| (index, name)));
            has_example = false;
        } else if !(line.starts_with("///") || line.starts_with("#[")) {
            has_example = false;
        }
    }
    found
}

/// The type of an implementation of one of the traits at the left margin.
fn component<'a>(line: &'a str, traits: &[String]) -> Option<&'a str> {
    let (implemented, rest) = line.strip_prefix("impl ")?.split_once(" for ")?;
    let name = implemented.rsplit("::").next()?;
    if !traits.iter().any(|known| known == name) {
        return None;
    }
    rest.split(|character: char| !character.is_alphanumeric() && character != '_').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIB: &str = "//! s\nregistry! {\n    /// By name.\n    pub enum AnySurrogate: dyn Surrogate, kind \"surrogate\" {\n        /// t\n        Triangle = \"triangle\" | \"zif\",\n    }\n}\n";

    #[test]
    fn a_component_without_an_example_is_found() {
        let with = "//! t\n/// T.\n///\n/// ```\n/// assert!(true);\n/// ```\n#[derive(Debug)]\npub struct Triangle {}\n";
        let of = |text: &str| {
            let path = "crates/surrogate/src/triangle.rs";
            let tree = Tree::of(&[("crates/surrogate/src/lib.rs", LIB), (path, text)]);
            check(&tree).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(of(with), Vec::<String>::new());
        let message = "Triangle has no example: add one that compiles to its documentation";
        let equation = with.replacen("/// ```\n", "/// ```text\n", 1);
        assert_eq!(of(&equation), [format!("crates/surrogate/src/triangle.rs:8: {message}")]);
        let bare = "//! t\n/// T.\npub struct Triangle {}\n";
        assert_eq!(of(bare), [format!("crates/surrogate/src/triangle.rs:3: {message}")]);
        // What is not registered needs none.
        assert_eq!(of("//! t\npub struct Helper {}\n"), Vec::<String>::new());
    }

    #[test]
    fn a_component_outside_the_registry_is_found() {
        let tree = Tree::of(&[
            ("crates/surrogate/src/lib.rs", LIB),
            ("crates/surrogate/src/triangle.rs", "//! t\nimpl Shape for Triangle {\n}\n"),
            ("crates/surrogate/src/arctan.rs", "//! a\nimpl Shape for Arctan {\n}\n"),
            (
                "crates/surrogate/src/dynamic.rs",
                "//! d\nimpl crate::Surrogate for Hidden {\n}\nimpl<S: Shape> Surrogate for S {\n}\nimpl Surrogate for AnySurrogate {\n}\n",
            ),
            (
                "crates/surrogate/src/laws.rs",
                "//! l\n    impl Shape for Local {\n    }\nimpl Debug for Other {}\n",
            ),
            ("crates/other/src/lib.rs", "//! o\nimpl Shape for Elsewhere {\n}\n"),
        ]);
        let found: Vec<String> = check(&tree).iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "crates/surrogate/src/arctan.rs:2: Arctan is in no registry: add a line `Arctan = \"…\"` to `registry!` of this crate",
                "crates/surrogate/src/dynamic.rs:2: Hidden is in no registry: add a line `Hidden = \"…\"` to `registry!` of this crate",
            ]
        );
    }
}
