//! Puts the commit and the target of the build into the binary, for the manifests of runs.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=../../.git/HEAD");
    println!("cargo::rerun-if-changed=../../.git/index");
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    };
    // A source archive has no commit: the manifest then leaves it out.
    let commit = git(&["rev-parse", "HEAD"]).unwrap_or_default();
    let dirty = git(&["status", "--porcelain", "--untracked-files=no"])
        .is_some_and(|changes| !changes.is_empty());
    println!("cargo::rustc-env=CANDLEWICK_COMMIT={commit}");
    println!("cargo::rustc-env=CANDLEWICK_DIRTY={dirty}");
    let target = std::env::var("TARGET").unwrap_or_default();
    println!("cargo::rustc-env=CANDLEWICK_TARGET={target}");
}
