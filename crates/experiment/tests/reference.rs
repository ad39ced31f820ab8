//! The page of recipes holds what the types say.

use candlewick_experiment::{reference, schema};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/recipes.md");

/// With `UPDATE_GOLDEN` in the environment, writes the page instead.
#[test]
fn the_page_of_recipes_is_made_of_their_types() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let (head, rest) = page.split_once("<!-- keys -->\n").unwrap();
    let (_, tail) = rest.split_once("<!-- end of keys -->").unwrap();
    let expected = format!("{head}<!-- keys -->\n\n{}<!-- end of keys -->{tail}", reference());
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(PAGE, &expected).unwrap();
    }
    let now = std::fs::read_to_string(PAGE).unwrap();
    assert!(now == expected, "docs/recipes.md: make it again with UPDATE_GOLDEN=1");
}

/// Every key has a meaning: a doc comment on its field.
#[test]
fn every_key_is_explained() {
    let text = reference();
    let mut visited = 0;
    for line in text.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").collect();
        let [key, kind, _, meaning] = cells[..] else { panic!("{line}") };
        assert!(!kind.trim().is_empty() && kind.trim() != "value", "{key} has no type: {line}");
        assert!(meaning.trim().len() > 5, "{key} has no meaning: {line}");
        visited += 1;
    }
    assert!(visited > 150, "{visited} keys");
    let schema = schema().to_value();
    assert_eq!(schema["title"], "candlewick recipe");
    assert_eq!(schema["additionalProperties"], false);
}
