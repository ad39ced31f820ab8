//! Lists of what there is, for pages, read from the registries in the sources.
//!
//! A part of a page may be one of these instead of results:
//!
//! ```text
//! <!-- from crates/surrogate/src/lib.rs: names AnySurrogate -->
//! <!-- from crates/methods/src/lib.rs: keys AnyMethod methods -->
//! <!-- from datasets/src/registry.rs: data sets in folders -->
//! ```

use crate::tidy::Tree;

/// Where data sets have their entries.
const DATASETS: &str = "datasets/src/";

/// The text of a list by the source file and the words behind the colon.
pub(crate) fn list(file: &str, kind: &str, tree: &Tree) -> Result<String, String> {
    let text = tree.text(file).ok_or_else(|| format!("there is no `{file}`: name another file"))?;
    match kind.split(' ').collect::<Vec<_>>()[..] {
        ["names", registry] => {
            let names: Vec<_> =
                components(text, registry)?.iter().map(|(name, _)| format!("`{name}`")).collect();
            Ok(format!("{}.\n", names.join(", ")))
        }
        ["keys", registry, table] => {
            let rows = components(text, registry)?.into_iter().map(|(name, words)| {
                format!("| `[{table}.{name}]` | {} |\n", words.replace('|', "\\|"))
            });
            Ok(format!("| in a recipe | what it is |\n|---|---|\n{}", rows.collect::<String>()))
        }
        ["data", "sets", "in", place @ ("folders" | "memory")] => {
            let mut sets = data_sets(text, tree)?;
            sets.retain(|set| set.embedded == (place == "memory"));
            let row = |set: &DataSet| {
                format!("| `{}` | {} | {} |\n", set.name, set.description, set.license)
            };
            let rows: String = sets.iter().map(row).collect();
            Ok(format!("| name | content | licence |\n|---|---|---|\n{rows}"))
        }
        _ => Err(format!("`{kind}` is no list: names, keys, or data sets in folders or memory")),
    }
}

/// Name and words of each component of a registry, in the order of their names.
fn components(text: &str, registry: &str) -> Result<Vec<(String, String)>, String> {
    let start = format!("    pub enum {registry}: ");
    let lines = text.lines().skip_while(|line| !line.starts_with(&start)).skip(1);
    let (mut words, mut found) = (String::new(), Vec::new());
    for line in lines.take_while(|line| *line != "    }") {
        let line = line.trim();
        if let Some(doc) = line.strip_prefix("/// ") {
            doc.clone_into(&mut words);
        } else if let Some((_, rest)) = line.split_once(" = \"")
            && let Some((name, _)) = rest.split_once('"')
        {
            found.push((name.to_owned(), words.clone()));
        }
    }
    if found.is_empty() {
        return Err(format!("there is no registry `{registry}`"));
    }
    found.sort();
    Ok(found)
}

/// What the entry of a data set says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct DataSet {
    name: String,
    description: String,
    license: String,
    embedded: bool,
}

/// The lines of the data sets in the registry, with the name of each, in their order.
pub(crate) fn constants<'a>(
    registry: &'a str,
    tree: &Tree,
) -> Result<Vec<(&'a str, String)>, String> {
    let sets = data_sets(registry, tree)?;
    Ok(lines_of_sets(registry).zip(sets).map(|(line, set)| (line, set.name)).collect())
}

fn lines_of_sets(registry: &str) -> impl Iterator<Item = &str> {
    let lines = registry.lines().skip_while(|line| !line.contains("REGISTRY: &[Entry] = &["));
    lines.skip(1).take_while(|line| line.trim() != "];")
}

/// The data sets in the order of the registry.
fn data_sets(registry: &str, tree: &Tree) -> Result<Vec<DataSet>, String> {
    lines_of_sets(registry)
        .map(|line| {
            let path = line.trim().trim_end_matches(',');
            let constant = path.rsplit("::").next().unwrap_or(path);
            entry(constant, tree, 0).ok_or_else(|| format!("there is no entry `{constant}`"))
        })
        .collect()
}

/// The entry with the name of a constant, with what it takes from another one.
fn entry(constant: &str, tree: &Tree, depth: usize) -> Option<DataSet> {
    let start = format!("pub(crate) const {constant}: Entry = Entry {{");
    let text = tree
        .rust()
        .filter(|(path, _)| path.starts_with(DATASETS))
        .find_map(|(_, text)| text.split_once(&start))?
        .1;
    let body = text.split_once("\n};")?.0;
    let base = body.rsplit_once("\n    ..").map(|(_, base)| base.trim_end_matches(','));
    let mut set = match base {
        Some(base) if depth < 4 => entry(base, tree, depth + 1)?,
        _ => DataSet::default(),
    };
    let field = |name: &str| string(body.split_once(&format!("\n    {name}: \""))?.1);
    if let Some(name) = field("name") {
        set.name = name;
    }
    if let Some(description) = field("description") {
        set.description = description;
    }
    if let Some(license) = field("license") {
        set.license = license;
    }
    if body.contains("\n    source: ") {
        set.embedded = body.contains("\n    source: Source::Embedded");
    }
    Some(set)
}

/// A string literal from behind its first quote, over line breaks that are escaped.
fn string(text: &str) -> Option<String> {
    let (mut out, mut letters) = (String::new(), text.chars().peekable());
    while let Some(letter) = letters.next() {
        match letter {
            '"' => return Some(out),
            '\\' => match letters.next()? {
                '\n' => while letters.next_if(|letter| letter.is_whitespace()).is_some() {},
                escaped => out.push(escaped),
            },
            letter => out.push(letter),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGISTRY: &str = "registry! {\n    /// By name.\n    pub enum AnyLoss: dyn Loss, kind \"loss\" {\n        /// a|b\n        Tet = \"tet\" | \"x\",\n        /// of the mean\n        CrossEntropy = \"cross_entropy\",\n    }\n}\n";
    const SETS: &str = "const REGISTRY: &[Entry] = &[\n        image::DIGITS,\n        image::KMNIST,\n        image::MNIST,\n    ];\n";
    const ENTRIES: &str = "pub(crate) const DIGITS: Entry = Entry {\n    name: \"digits\",\n    description: \"digits, \\\n        small\",\n    license: \"MIT\",\n    source: Source::Embedded(X),\n};\npub(crate) const MNIST: Entry = Entry {\n    name: \"mnist\",\n    description: \"\\\"MNIST\\\"\",\n    license: \"CC\",\n    source: Source::Folder {\n    },\n};\npub(crate) const KMNIST: Entry = Entry {\n    name: \"kmnist\",\n    ..MNIST\n};\n";

    #[test]
    fn lists_are_read_from_the_sources() {
        let tree = Tree::of(&[
            ("lib.rs", REGISTRY),
            ("datasets/src/registry.rs", SETS),
            ("datasets/src/image/a.rs", ENTRIES),
        ]);
        let made = |file: &str, kind: &str| list(file, kind, &tree).unwrap();
        assert_eq!(made("lib.rs", "names AnyLoss"), "`cross_entropy`, `tet`.\n");
        let keys = made("lib.rs", "keys AnyLoss loss");
        assert!(
            keys.ends_with("| `[loss.cross_entropy]` | of the mean |\n| `[loss.tet]` | a\\|b |\n")
        );
        let folders = made("datasets/src/registry.rs", "data sets in folders");
        let rows: Vec<_> = folders.lines().skip(2).collect();
        assert_eq!(rows, ["| `kmnist` | \"MNIST\" | CC |", "| `mnist` | \"MNIST\" | CC |"]);
        let memory = made("datasets/src/registry.rs", "data sets in memory");
        assert!(
            memory.ends_with("|---|---|---|\n| `digits` | digits, small | MIT |\n"),
            "{memory}"
        );
    }

    #[test]
    fn what_is_not_there_is_named() {
        let tree = Tree::of(&[("lib.rs", REGISTRY), ("datasets/src/registry.rs", SETS)]);
        let fault = |file: &str, kind: &str| list(file, kind, &tree).unwrap_err();
        assert!(fault("none.rs", "names AnyLoss").starts_with("there is no `none.rs`"));
        assert_eq!(fault("lib.rs", "names AnyNet"), "there is no registry `AnyNet`");
        assert!(fault("lib.rs", "poem").starts_with("`poem` is no list"));
        let words = fault("datasets/src/registry.rs", "data sets in memory");
        assert_eq!(words, "there is no entry `DIGITS`");
    }
}
