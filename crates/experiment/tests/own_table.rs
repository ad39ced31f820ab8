//! Tables in files of one's own.

use std::path::PathBuf;

use candlewick_experiment::{Scale, Table};

type Checked = Result<(), Box<dyn std::error::Error>>;

fn written(folder: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, text).expect("a temporary file");
    path
}

const SMALL: &str = r#"
[base]
data = { name = "digits" }
network = { spec = { layers = "4C3-AP2-FC10" } }
train = { stages = [{ epochs = 1, time_steps = 2 }] }

[[rows]]
id = "plain"

[[rows]]
id = "tet"
label = "TET"
recipe = { loss = { tet = {} } }
"#;

/// What a file leaves out has a default: two rows on one base are a table.
#[test]
fn a_base_and_rows_are_a_table() -> Checked {
    let folder = tempfile::tempdir()?;
    let table = Table::read(&written(&folder, "small.toml", SMALL), Scale::Demo)?;
    assert_eq!((table.id.as_str(), table.title.as_str()), ("small", "small"));
    assert_eq!((table.dataset.as_str(), table.network.as_str()), ("digits", "spec"));
    assert_eq!((table.baseline.as_str(), table.seeds), ("plain", 3));
    let labels: Vec<&str> = table.rows.iter().map(|row| row.label.as_str()).collect();
    assert_eq!(labels, ["plain", "TET"]);
    assert_eq!(table.rows[1].recipe.loss.name(), "tet");
    assert_eq!(table.rows[1].table, "small");
    let error = Table::read(&folder.path().join("small.toml"), Scale::Full).unwrap_err();
    assert!(error.to_string().contains("known are demo"), "{error}");
    Ok(())
}

/// Inherited rows are those of the other table, with its runs.
#[test]
fn a_table_extends_another() -> Checked {
    let folder = tempfile::tempdir()?;
    let text = "extends = \"table-1\"\n[[rows]]\nid = \"mine\"\nrecipe = { loss = { tet = { lambda = 0.5 } } }";
    let table = Table::read(&written(&folder, "mine.toml", text), Scale::Demo)?;
    let parent = Table::open("table-1", Scale::Demo)?;
    assert_eq!(table.rows.len(), parent.rows.len() + 1);
    let mut visited = 0;
    for (row, inherited) in table.rows.iter().zip(&parent.rows) {
        assert_eq!((&row.id, &row.table), (&inherited.id, &parent.id));
        assert_eq!(row.recipe, inherited.recipe);
        visited += 1;
    }
    assert_eq!(visited, parent.rows.len());
    let mine = &table.rows[parent.rows.len()];
    assert_eq!((mine.table.as_str(), mine.baseline.as_str()), ("mine", "sdt"));
    assert_eq!(mine.recipe.train, parent.rows[0].recipe.train);
    assert!(!table.tests_claims);
    // What it states of a scale replaces that of the other table.
    let text =
        format!("{text}\n[scales.demo]\nseeds = 7\nrecipe = {{ data = {{ name = \"digits\" }} }}");
    let other = Table::read(&written(&folder, "other.toml", &text), Scale::Demo)?;
    assert_eq!((other.seeds, other.rows[0].recipe.data.name.as_str()), (7, "digits"));
    assert_eq!(other.rows[0].recipe.network, parent.rows[0].recipe.network);
    Ok(())
}

#[test]
fn mistakes_in_a_table_are_named_with_their_file() -> Checked {
    let folder = tempfile::tempdir()?;
    let cases = [
        ("a.toml", "rows = 3", "line 1"),
        ("b.toml", "[[rows]]\nid = \"x\"\nnonsense = 1", "line 3"),
        ("c.toml", "title = \"x\"", "c.toml: rows: expected at least one"),
        ("d.toml", "extends = \"table-9\"", "unknown table `table-9`"),
        ("e.toml", "extends = \"table-1\"\n[[rows]]\nid = \"tet\"", "row `tet`: expected an id"),
        ("table-1.toml", SMALL, "expected one that is not that of a table of candlewick"),
        ("f.toml", "[[rows]]\nid = \"x\"", "f.toml, row x, scale demo: data: expected a table"),
        ("g.toml", "baseline = \"y\"\n[[rows]]\nid = \"x\"", "unknown row `y`"),
    ];
    let mut visited = 0;
    for (name, text, words) in cases {
        let error = Table::read(&written(&folder, name, text), Scale::Demo).unwrap_err();
        assert!(error.to_string().contains(words), "{name}: {error}");
        visited += 1;
    }
    assert_eq!(visited, 8);
    Ok(())
}
