//! `cargo xtask results`: takes in measured tables, and writes the page that is made of all of them, its figures, and what
//! other pages quote.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, ensure};
use candlewick_run::TableReport;
use candlewick_run::report::{map_figures, read_results, results, results_page};

use crate::excerpts::filled;
use crate::tidy::Tree;
use crate::workspace::Workspace;

/// Where measured tables are kept, as `TABLE/SCALE.json`.
pub(crate) const FOLDER: &str = "docs/results/";
/// The page that is made of them.
pub(crate) const PAGE: &str = "docs/results.md";

/// Copies `files`, each a `results.json`, to where tables are kept, and writes the page and what others quote.
pub(crate) fn run(workspace: &Workspace, files: &[String]) -> Result<ExitCode> {
    for file in files {
        let place = take(&workspace.root, Path::new(file))?;
        println!("{file} is now {place}");
    }
    let tree = Tree::read(&workspace.root)?;
    let (page, count) = page(&tree)?;
    fs::write(workspace.root.join(PAGE), page).with_context(|| format!("cannot write {PAGE}"))?;
    println!("{PAGE}: {count} tables");
    for (path, figure) in figures(&tree)? {
        fs::write(workspace.root.join(&path), figure)
            .with_context(|| format!("cannot write {path}"))?;
    }
    fill(&tree, workspace)?;
    Ok(ExitCode::SUCCESS)
}

/// Writes what pages quote of the results and the registries.
pub(crate) fn fill(tree: &Tree, workspace: &Workspace) -> Result<()> {
    for (path, text) in tree.markdown().filter(|(path, _)| *path != PAGE) {
        let filled = filled(text, tree)
            .map_err(|mistake| anyhow!("{path}:{}: {}", mistake.line, mistake.message))?;
        if filled != text {
            fs::write(workspace.root.join(path), filled)
                .with_context(|| format!("cannot write {path}"))?;
            println!("{path}: what it quotes");
        }
    }
    Ok(())
}

/// Copies a file to where its table and scale belong, and says where that is.
fn take(root: &Path, file: &Path) -> Result<String> {
    let text =
        fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let report = read_results(&text, file)?;
    let plain = |name: &str| {
        let known = |letter: char| letter.is_ascii_alphanumeric() || "-/".contains(letter);
        !name.is_empty() && !name.starts_with('/') && name.chars().all(known)
    };
    ensure!(
        plain(&report.id) && plain(&report.scale),
        "{}: `{}` at scale `{}` is no name of a table",
        file.display(),
        report.id,
        report.scale
    );
    let place = format!("{FOLDER}{}/{}.json", report.id, report.scale);
    let path: PathBuf = root.join(&place);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
    }
    fs::write(&path, results(&report)).with_context(|| format!("cannot write {place}"))?;
    Ok(place)
}

/// All committed tables.
fn reports(tree: &Tree) -> Result<Vec<TableReport>> {
    let is_one = |path: &str| {
        path.starts_with(FOLDER) && Path::new(path).extension().is_some_and(|end| end == "json")
    };
    tree.texts()
        .filter(|(path, _)| is_one(path))
        .map(|(path, text)| Ok(read_results(text, Path::new(path))?))
        .collect()
}

/// The page of all tables in the tree, and how many there are.
pub(crate) fn page(tree: &Tree) -> Result<(String, usize)> {
    let reports = reports(tree)?;
    Ok((results_page(&reports), reports.len()))
}

/// The figures that the page shows, by their paths.
pub(crate) fn figures(tree: &Tree) -> Result<BTreeMap<String, String>> {
    let mut figures = BTreeMap::new();
    for report in reports(tree)? {
        for (name, figure) in map_figures(&report) {
            let path = format!("{FOLDER}{}/{}-{name}", report.id, report.scale);
            figures.insert(path, figure.standalone());
        }
    }
    Ok(figures)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = r#"{ "id": "paper/table", "title": "A table", "scale": "reduced",
        "dataset": "digits", "selection": "final",
        "rows": [{ "id": "sdt", "label": "SDT", "runs": [] }] }"#;

    #[test]
    fn a_file_goes_where_its_table_belongs_and_into_the_page() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("results.json");
        fs::write(&file, REPORT)?;
        let place = take(folder.path(), &file)?;
        assert_eq!(place, "docs/results/paper/table/reduced.json");
        let text = fs::read_to_string(folder.path().join(&place))?;
        let (page, count) = page(&Tree::of(&[(&place, &text), ("docs/other.json", "{}")]))?;
        assert_eq!(count, 1);
        assert!(page.contains("\n## A table\n") && page.contains("| `paper/table` | reduced |"));
        fs::write(&file, REPORT.replace("paper/table", "../../outside"))?;
        assert!(take(folder.path(), &file).is_err());
        Ok(())
    }
}
