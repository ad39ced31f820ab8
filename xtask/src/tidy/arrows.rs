//! Who may depend on whom: every package has a floor, and an arrow never goes up.

use std::collections::BTreeSet;

use crate::tidy::{Tree, Violation};
use crate::workspace::{Package, Workspace};

/// The floor of each package; `docs/architecture.md` says what lives on it.
const FLOORS: [(&str, u8); 20] = [
    ("candlewick-kernels", 0),
    ("candlewick-datasets", 0),
    ("candlewick-ranks", 0),
    ("candlewick-run", 0),
    ("xtask", 0),
    ("candlewick-core", 1),
    ("candlewick-mpi", 1),
    ("candlewick-device", 2),
    ("candlewick-surrogate", 2),
    ("candlewick-neuron", 3),
    ("candlewick-methods", 3),
    ("candlewick-encode", 3),
    ("candlewick-network", 4),
    ("candlewick-exchange", 5),
    ("candlewick-train", 5),
    ("candlewick-experiment", 6),
    ("candlewick-bench", 7),
    ("candlewick", 7),
    ("candlewick-cli", 7),
    ("candlewick-benches", 8),
];

/// Packages that stay free of candle, in what they build and in what they test with.
const WITHOUT_CANDLE: [&str; 5] =
    ["candlewick-kernels", "candlewick-datasets", "candlewick-ranks", "candlewick-run", "xtask"];

pub(crate) fn check(workspace: &Workspace, tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for package in &workspace.packages {
        violations.extend(upward_arrows(package, tree));
        if WITHOUT_CANDLE.contains(&package.name.as_str()) {
            violations.extend(path_to_candle(package, workspace));
        }
    }
    violations
}

fn floor(name: &str) -> Option<u8> {
    FLOORS.iter().find(|(package, _)| *package == name).map(|(_, floor)| *floor)
}

fn upward_arrows(package: &Package, tree: &Tree) -> Vec<Violation> {
    let manifest = format!("{}/Cargo.toml", package.directory);
    let Some(own) = floor(&package.name) else {
        let message = format!(
            "package {} has no floor: add it to FLOORS in xtask/src/tidy/arrows.rs and to docs/architecture.md",
            package.name
        );
        return vec![Violation::new(&manifest, 1, message)];
    };
    let text = tree.text(&manifest).unwrap_or_default();
    let mut violations = Vec::new();
    for dependency in &package.dependencies {
        // A package without a floor is reported once, at its own manifest.
        let Some(other) = floor(&dependency.name) else { continue };
        if other > own {
            let line = text.lines().position(|line| line.starts_with(&dependency.name));
            let message = format!(
                "{} (floor {own}) must not have a {} dependency on {} (floor {other}): move what is shared to a lower floor",
                package.name, dependency.kind, dependency.name
            );
            violations.push(Violation::new(&manifest, line.map_or(1, |line| line + 1), message));
        }
    }
    violations
}

/// The way from a package that should not know candle to candle, if there is one.
fn path_to_candle(package: &Package, workspace: &Workspace) -> Option<Violation> {
    let way = way_to_candle(&package.name, workspace)?;
    let manifest = format!("{}/Cargo.toml", package.directory);
    let message = format!(
        "{} must not depend on candle, but does through {}: remove that dependency",
        package.name,
        way.join(" → ")
    );
    Some(Violation::new(&manifest, 1, message))
}

/// A chain of dependencies from a package to a crate of candle.
pub(super) fn way_to_candle<'a>(name: &'a str, workspace: &'a Workspace) -> Option<Vec<&'a str>> {
    let mut seen = BTreeSet::from([name]);
    let mut open = vec![vec![name]];
    while let Some(way) = open.pop() {
        let here = *way.last()?;
        if here.starts_with("candle-") {
            return Some(way);
        }
        for next in workspace.resolved.get(here).into_iter().flatten() {
            if seen.insert(next) {
                let mut longer = way.clone();
                longer.push(next);
                open.push(longer);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::PathBuf;

    use super::*;
    use crate::workspace::Dependency;

    fn package(name: &str, dependencies: &[(&str, &str)]) -> Package {
        let dependency = |(name, kind): &(&str, &str)| Dependency {
            name: (*name).to_owned(),
            kind: (*kind).to_owned(),
        };
        Package {
            name: name.to_owned(),
            directory: format!("crates/{}", name.trim_start_matches("candlewick-")),
            dependencies: dependencies.iter().map(dependency).collect(),
            roots: Vec::new(),
            features: BTreeMap::new(),
        }
    }

    #[test]
    fn arrows_never_go_up() {
        let manifest = "[dependencies]\ncandlewick-train.workspace = true\n";
        let tree = Tree::of(&[("crates/neuron/Cargo.toml", manifest)]);
        let good = package(
            "candlewick-neuron",
            &[("candlewick-surrogate", "normal"), ("candlewick-encode", "normal")],
        );
        assert_eq!(upward_arrows(&good, &tree), []);

        let bad = package(
            "candlewick-neuron",
            &[("candlewick-train", "normal"), ("candlewick-network", "dev")],
        );
        let found: Vec<String> =
            upward_arrows(&bad, &tree).iter().map(ToString::to_string).collect();
        assert_eq!(found.len(), 2);
        assert_eq!(
            found[0],
            "crates/neuron/Cargo.toml:2: candlewick-neuron (floor 3) must not have a normal dependency on \
             candlewick-train (floor 5): move what is shared to a lower floor"
        );
        assert!(found[1].contains("a dev dependency on candlewick-network (floor 4)"));
    }

    #[test]
    fn a_new_package_needs_a_floor() {
        let found = upward_arrows(&package("candlewick-attic", &[]), &Tree::default());
        assert_eq!(found.len(), 1);
        assert!(found[0].to_string().contains("package candlewick-attic has no floor"));
    }

    #[test]
    fn the_way_to_candle_is_named() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let resolved = BTreeMap::from([
            ("candlewick-run".to_owned(), names(&["serde", "helper"])),
            ("helper".to_owned(), names(&["serde", "candle-core"])),
        ]);
        let run = package("candlewick-run", &[]);
        let mut workspace = Workspace {
            root: PathBuf::new(),
            target: PathBuf::new(),
            packages: vec![run.clone()],
            resolved,
        };
        let found = path_to_candle(&run, &workspace).unwrap().to_string();
        assert!(found.contains("candlewick-run → helper → candle-core"), "{found}");
        workspace.resolved.remove("helper");
        assert_eq!(path_to_candle(&run, &workspace), None);
    }

    #[test]
    fn who_stays_free_of_candle_has_a_floor() {
        let floors = WITHOUT_CANDLE.map(floor);
        assert_eq!(floors, [Some(0); 5]);
    }
}
