//! What `cargo metadata` says of the workspace.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::process::cargo;

/// The workspace: its root, its packages, and who depends on whom.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// Directory of the root manifest.
    pub(crate) root: PathBuf,
    /// Where cargo puts what it builds.
    pub(crate) target: PathBuf,
    /// The members, by name.
    pub(crate) packages: Vec<Package>,
    /// Name of each package, ours and others', with the names of those that it depends on.
    pub(crate) resolved: BTreeMap<String, BTreeSet<String>>,
}

/// A member of the workspace.
#[derive(Debug, Clone)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// Its directory, relative to the root: `crates/run`.
    pub(crate) directory: String,
    /// The members of the workspace among its dependencies.
    pub(crate) dependencies: Vec<Dependency>,
    /// The source files that cargo compiles as roots, relative to the root.
    pub(crate) roots: Vec<String>,
    /// Its features with what each turns on.
    pub(crate) features: BTreeMap<String, Vec<String>>,
}

/// An arrow to another member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// `normal`, `build` or `dev`.
    pub(crate) kind: String,
}

impl Workspace {
    /// Asks cargo about the workspace that this program was built in.
    pub(crate) fn find() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .context("xtask lies in the workspace")?;
        let mut command = cargo();
        command.args(["metadata", "--format-version", "1", "--filter-platform", &host()?]);
        let output = command.current_dir(root).output().context("cannot start cargo")?;
        if !output.status.success() {
            bail!("cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Self::parse(&serde_json::from_slice(&output.stdout)?)
    }

    /// Reads the answer of `cargo metadata --format-version 1`.
    fn parse(metadata: &Value) -> Result<Self> {
        let root = PathBuf::from(text(metadata, "workspace_root")?);
        let members: BTreeSet<&str> =
            array(metadata, "workspace_members")?.iter().filter_map(Value::as_str).collect();
        let all = array(metadata, "packages")?;
        let mut names = BTreeMap::new();
        for package in all {
            names.insert(text(package, "id")?, text(package, "name")?);
        }
        let ours: BTreeSet<&str> = members.iter().filter_map(|id| names.get(id).copied()).collect();
        let mut packages = Vec::new();
        for package in all {
            if members.contains(text(package, "id")?) {
                packages.push(member(package, &root, &ours)?);
            }
        }
        packages.sort_by(|left, right| left.name.cmp(&right.name));
        let mut resolved: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for node in array(&metadata["resolve"], "nodes")? {
            let name = names.get(text(node, "id")?).context("a resolved package has a name")?;
            let dependencies = array(node, "deps")?.iter().filter_map(|dependency| {
                names.get(dependency["pkg"].as_str()?).map(|name| (*name).to_owned())
            });
            resolved.entry((*name).to_owned()).or_default().extend(dependencies);
        }
        let target = PathBuf::from(text(metadata, "target_directory")?);
        Ok(Self { root, target, packages, resolved })
    }
}

fn member(package: &Value, root: &Path, ours: &BTreeSet<&str>) -> Result<Package> {
    let relative = |path: &str| -> String {
        let path = Path::new(path);
        let path = path.strip_prefix(root).unwrap_or(path);
        path.to_string_lossy().replace('\\', "/")
    };
    let manifest = relative(text(package, "manifest_path")?);
    let mut dependencies = Vec::new();
    for dependency in array(package, "dependencies")? {
        let name = text(dependency, "name")?;
        if ours.contains(name) {
            let kind = dependency["kind"].as_str().unwrap_or("normal").to_owned();
            dependencies.push(Dependency { name: name.to_owned(), kind });
        }
    }
    let mut features = BTreeMap::new();
    for (name, turned_on) in package["features"].as_object().into_iter().flatten() {
        let turned_on = turned_on.as_array().into_iter().flatten().filter_map(Value::as_str);
        features.insert(name.clone(), turned_on.map(str::to_owned).collect());
    }
    let roots = array(package, "targets")?.iter().filter_map(|target| target["src_path"].as_str());
    Ok(Package {
        name: text(package, "name")?.to_owned(),
        directory: manifest.trim_end_matches("Cargo.toml").trim_end_matches('/').to_owned(),
        dependencies,
        roots: roots.map(relative).collect(),
        features,
    })
}

/// The target triple that rustc compiles for here.
fn host() -> Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output =
        std::process::Command::new(rustc).arg("-vV").output().context("cannot start rustc")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(line.context("rustc does not say what it compiles for")?.to_owned())
}

fn text<'a>(value: &'a Value, key: &str) -> Result<&'a str> {
    value[key].as_str().with_context(|| format!("cargo metadata has no `{key}`"))
}

fn array<'a>(value: &'a Value, key: &str) -> Result<&'a [Value]> {
    let array = value[key].as_array().with_context(|| format!("cargo metadata has no `{key}`"))?;
    Ok(array)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_of_cargo_is_read() {
        let metadata = serde_json::json!({
            "workspace_root": "/w",
            "target_directory": "/w/target",
            "workspace_members": ["id-a", "id-b"],
            "packages": [
                {"id": "id-b", "name": "b", "manifest_path": "/w/crates/b/Cargo.toml",
                 "features": {"cuda": ["a/cuda"]},
                 "targets": [{"src_path": "/w/crates/b/src/lib.rs"}],
                 "dependencies": [
                     {"name": "a", "kind": null}, {"name": "a", "kind": "dev"}, {"name": "serde", "kind": null}]},
                {"id": "id-a", "name": "a", "manifest_path": "/w/a/Cargo.toml", "targets": [], "dependencies": []},
                {"id": "id-s", "name": "serde", "manifest_path": "/r/serde/Cargo.toml", "targets": [], "dependencies": []},
            ],
            "resolve": {"nodes": [
                {"id": "id-b", "deps": [{"pkg": "id-a"}, {"pkg": "id-s"}]},
                {"id": "id-a", "deps": []},
                {"id": "id-s", "deps": []},
            ]},
        });
        let workspace = Workspace::parse(&metadata).unwrap();
        let names: Vec<&str> =
            workspace.packages.iter().map(|package| package.name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        let b = &workspace.packages[1];
        assert_eq!(b.directory, "crates/b");
        assert_eq!(b.roots, ["crates/b/src/lib.rs"]);
        let arrow = |kind: &str| Dependency { name: "a".to_owned(), kind: kind.to_owned() };
        assert_eq!(b.dependencies, [arrow("normal"), arrow("dev")]);
        assert_eq!(b.features["cuda"], ["a/cuda"]);
        assert!(workspace.resolved["b"].contains("serde"));
        assert_eq!(workspace.target, Path::new("/w/target"));
    }

    #[test]
    fn what_is_missing_is_named() {
        let message = Workspace::parse(&serde_json::json!({})).unwrap_err().to_string();
        assert_eq!(message, "cargo metadata has no `workspace_root`");
    }
}
