//! The device features carry candle's names, and every crate that sees tensors passes them on.

use crate::tidy::arrows::way_to_candle;
use crate::tidy::{Tree, Violation};
use crate::workspace::{Package, Workspace};

/// Candle's own names of what a build can run on.
const DEVICES: [&str; 5] = ["cuda", "cudnn", "metal", "mkl", "nccl"];

/// Never built for a device by itself.
const WITHOUT_DEVICES: [&str; 1] = ["candlewick-benches"];

pub(crate) fn check(workspace: &Workspace, tree: &Tree) -> Vec<Violation> {
    let sees_tensors = |package: &&Package| {
        !WITHOUT_DEVICES.contains(&package.name.as_str())
            && way_to_candle(&package.name, workspace).is_some()
    };
    let packages: Vec<&Package> = workspace.packages.iter().filter(sees_tensors).collect();
    packages.iter().filter_map(|package| missing(package, &packages, tree)).collect()
}

/// What a package's device features leave out.
fn missing(package: &Package, tensor_packages: &[&Package], tree: &Tree) -> Option<Violation> {
    let manifest = format!("{}/Cargo.toml", package.directory);
    let line = tree.text(&manifest).unwrap_or_default().lines();
    let line = line.take_while(|line| line.trim() != "[features]").count() + 1;
    let below: Vec<&str> = tensor_packages
        .iter()
        .map(|other| other.name.as_str())
        .filter(|name| {
            let mut arrows = package.dependencies.iter();
            arrows.any(|arrow| arrow.name == *name && arrow.kind != "dev")
        })
        .collect();
    let lacks = |device: &str, name: &str| {
        let wanted = format!("{name}/{device}");
        package.features.get(device).is_none_or(|passed_on| !passed_on.contains(&wanted))
    };
    let devices: Vec<&str> = DEVICES
        .into_iter()
        .filter(|device| {
            !package.features.contains_key(*device) || below.iter().any(|name| lacks(device, name))
        })
        .collect();
    let receivers: Vec<&str> =
        below.into_iter().filter(|name| devices.iter().any(|device| lacks(device, name))).collect();
    if devices.is_empty() {
        return None;
    }
    let message = format!(
        "{} sees tensors, so it needs the features [{}], each passed on to [{}]: add what is missing",
        package.name,
        devices.join(", "),
        receivers.join(", ")
    );
    Some(Violation::new(&manifest, line, message))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::workspace::Dependency;

    fn package(name: &str, below: &[&str], forwarded: &[&str]) -> Package {
        let arrow =
            |name: &&str| Dependency { name: (*name).to_owned(), kind: "normal".to_owned() };
        let features = DEVICES.map(|device| {
            let passed_on = forwarded.iter().map(|name| format!("{name}/{device}")).collect();
            (device.to_owned(), passed_on)
        });
        Package {
            name: name.to_owned(),
            directory: name.to_owned(),
            dependencies: below.iter().map(arrow).collect(),
            roots: Vec::new(),
            features: BTreeMap::from(features),
        }
    }

    #[test]
    fn a_feature_that_stops_halfway_is_found() {
        let core = package("core", &[], &[]);
        let net = package("net", &["core"], &["core"]);
        let good = package("train", &["core", "net"], &["core", "net"]);
        let bad = package("train", &["core", "net"], &["core"]);
        let packages = [&core, &net];
        assert_eq!(missing(&good, &packages, &Tree::default()), None);
        let manifest = "[package]\nname = \"train\"\n[features]\n";
        let found = missing(&bad, &packages, &Tree::of(&[("train/Cargo.toml", manifest)])).unwrap();
        assert_eq!(
            found.to_string(),
            "train/Cargo.toml:3: train sees tensors, so it needs the features \
             [cuda, cudnn, metal, mkl, nccl], each passed on to [net]: add what is missing"
        );
    }

    #[test]
    fn a_feature_that_is_not_there_is_found() {
        let mut core = package("core", &[], &[]);
        core.features.remove("mkl");
        let found = missing(&core, &[], &Tree::default()).unwrap().to_string();
        assert!(found.contains("needs the features [mkl], each passed on to []"), "{found}");
    }
}
