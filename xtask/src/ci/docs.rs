//! Builds the reference from nothing and follows every link in it.
//!
//! rustdoc drops a link to a crate that has no pages, or none yet, without a warning: its text stays in
//! square brackets. That is why the libraries of the workspace have their pages in the façade, and why only
//! pages that were built from nothing show what a reader's first `cargo doc` shows.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::HDF5;
use crate::process::{cargo, check};
use crate::workspace::Workspace;

/// What rustdoc leaves of a link that it drops.
const DROPPED: &str = "[<code>";

/// Where the text of other people's crates begins on the page of a type: traits that all types have.
const FOREIGN: &str = "id=\"blanket-implementations\"";

/// Pages that rustdoc writes for itself, with a link to an index of all crates, which it does not write.
const RUSTDOCS_OWN: [&str; 2] = ["help.html", "settings.html"];

/// The list of all items that rustdoc promises on the page of every crate, and writes for the façade alone.
const PROMISED: &str = "all.html";

pub(super) fn run(workspace: &Workspace) -> Result<()> {
    let folder = workspace.target.join("doc");
    if folder.exists() {
        fs::remove_dir_all(&folder)
            .with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    let mut command = cargo();
    command.args(["doc", "--workspace", "--no-deps", "--features", HDF5]);
    command.env("RUSTDOCFLAGS", "-D warnings");
    check(command.current_dir(&workspace.root))?;
    let site = Site::read(&folder)?;
    for module in modules(workspace)? {
        let page = Path::new("candlewick").join(&module).join("index.html");
        if !site.pages.contains_key(&page) {
            bail!("the module `{module}` has no pages");
        }
    }
    let (links, broken) = site.follow();
    for line in &broken {
        eprintln!("{line}");
    }
    eprintln!("{links} links on {} pages", site.pages.len());
    if !broken.is_empty() {
        bail!("{} links lead nowhere", broken.len());
    }
    Ok(())
}

/// The modules of the façade: the libraries that it depends on.
fn modules(workspace: &Workspace) -> Result<Vec<String>> {
    let facade = workspace.packages.iter().find(|package| package.name == "candlewick");
    let dependencies = facade.context("there is no package `candlewick`")?.dependencies.iter();
    let modules = dependencies.filter(|dependency| dependency.kind == "normal");
    Ok(modules.map(|library| library.name.replace("candlewick-", "")).collect())
}

/// The files below a folder, and the text of those that are pages.
#[derive(Debug, Default)]
struct Site {
    files: BTreeSet<PathBuf>,
    pages: BTreeMap<PathBuf, String>,
}

impl Site {
    fn read(root: &Path) -> Result<Self> {
        let mut site = Self::default();
        let mut open = vec![root.to_path_buf()];
        while let Some(folder) = open.pop() {
            let entries = fs::read_dir(&folder)
                .with_context(|| format!("cannot read {}", folder.display()))?;
            for entry in entries {
                let path = entry?.path();
                if path.is_dir() {
                    open.push(path);
                    continue;
                }
                let name = path.strip_prefix(root).unwrap_or(&path).to_path_buf();
                if path.extension().is_some_and(|extension| extension == "html") {
                    let text = fs::read_to_string(&path)
                        .with_context(|| format!("cannot read {}", path.display()))?;
                    site.pages.insert(name.clone(), text);
                }
                site.files.insert(name);
            }
        }
        Ok(site)
    }

    /// The number of links within the site, and what is wrong with them, a line each.
    fn follow(&self) -> (usize, Vec<String>) {
        let anchors: BTreeMap<&Path, BTreeSet<&str>> =
            self.pages.iter().map(|(page, text)| (page.as_path(), values(text, " id"))).collect();
        let (mut links, mut broken) = (0, Vec::new());
        let written =
            |page: &Path| !page.starts_with("src") && !RUSTDOCS_OWN.map(Path::new).contains(&page);
        for (page, text) in self.pages.iter().filter(|(page, _)| written(page)) {
            let text = text.split(FOREIGN).next().unwrap_or(text);
            for target in values(text, " href").into_iter().filter(|target| is_inside(target)) {
                links += 1;
                let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
                let file = file.split('?').next().unwrap_or_default();
                let there = if file.is_empty() { page.clone() } else { beside(page, file) };
                // The lines of a source page have no names of their own.
                let named = anchor.is_empty() || there.starts_with("src");
                let names = || anchors.get(there.as_path()).is_some_and(|ids| ids.contains(anchor));
                if !(self.files.contains(&there) && (named || names())) {
                    broken.push(format!("{}: the link to `{target}`", page.display()));
                }
            }
            for (at, _) in text.match_indices(DROPPED) {
                let link = &text[at + DROPPED.len()..];
                let link = link.split('<').next().unwrap_or_default();
                broken.push(format!("{}: the dropped link to `{link}`", page.display()));
            }
        }
        (links, broken)
    }
}

/// The values of an attribute on a page.
fn values<'a>(text: &'a str, attribute: &str) -> BTreeSet<&'a str> {
    let start = format!("{attribute}=\"");
    text.match_indices(&start)
        .filter_map(|(at, _)| text[at + start.len()..].split('"').next())
        .collect()
}

/// Whether a link has its target among the pages, rather than on a server or in a script.
fn is_inside(target: &str) -> bool {
    let scheme = target.split_once(':').is_some_and(|(scheme, rest)| {
        // A path of Rust is no address.
        !rest.starts_with(':')
            && scheme.chars().all(|letter| letter.is_ascii_alphanumeric() || "+.-".contains(letter))
    });
    !scheme && target != "#" && target != PROMISED
}

/// The file that `link` names on the page `page`.
fn beside(page: &Path, link: &str) -> PathBuf {
    let mut path = page.parent().unwrap_or(Path::new("")).to_path_buf();
    for part in Path::new(link).components() {
        match part {
            Component::ParentDir => {
                path.pop();
            }
            Component::Normal(name) => path.push(name),
            _ => {}
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The complaints about a site of two pages, of which one is given.
    fn complaints(text: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("one/index.html", text);
        write("two/struct.Lif.html", r#"<section id="method.new">new</section>"#);
        write("static/style.css", "");
        let site = Site::read(folder.path()).unwrap();
        assert_eq!((site.pages.len(), site.files.len()), (2, 3));
        site.follow().1
    }

    #[test]
    fn whole_links_pass() {
        let text = r##"<link href="../static/style.css"><h2 id="map">Map</h2><a href="#map">map</a>
            <a href="../two/struct.Lif.html#method.new">new</a><a href="https://doc.rust-lang.org/x">x</a>
            <a href="../two/struct.Lif.html">Lif</a> <code>[T, B]</code>
            <h2 id="blanket-implementations">of others: [<code>WithDispatch</code>]</h2>"##;
        assert_eq!(complaints(text), Vec::<String>::new());
    }

    #[test]
    fn planted_broken_links_are_found() {
        for (planted, expected) in [
            (r#"<a href="../two/struct.Fil.html">Fil</a>"#, "the link to `../two/struct.Fil.html`"),
            (r#"<a href="../two/struct.Lif.html#new">new</a>"#, "#new`"),
            (r##"<a href="#none">none</a>"##, "the link to `#none`"),
            (r#"<a href="crate::Lif">Lif</a>"#, "the link to `crate::Lif`"),
            ("see [<code>Lif</code>]", "the dropped link to `Lif`"),
        ] {
            let found = complaints(planted);
            assert!(found.len() == 1 && found[0].starts_with("one/index.html: "), "{found:?}");
            assert!(found[0].ends_with(expected), "{found:?}");
        }
    }
}
