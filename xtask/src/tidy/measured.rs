//! The page of measured tables is what the committed files give.

use crate::results::{FOLDER, PAGE, page};
use crate::tidy::{Tree, Violation};

pub(crate) fn check(tree: &Tree) -> Vec<Violation> {
    let message = match page(tree) {
        Err(error) => format!("{error:#}"),
        Ok((page, count)) => match tree.text(PAGE) {
            Some(text) if text == page => return Vec::new(),
            None if count == 0 => return Vec::new(),
            _ => format!("not what the files in {FOLDER} give: run `cargo xtask results`"),
        },
    };
    vec![Violation::new(PAGE, 1, message)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_page_than_that_of_the_files_is_found() {
        let (empty, _) = page(&Tree::of(&[])).unwrap();
        assert_eq!(check(&Tree::of(&[(PAGE, &empty)])), []);
        assert_eq!(check(&Tree::of(&[])), []);
        let stale = check(&Tree::of(&[(PAGE, "by hand")]));
        assert!(stale[0].message.contains("run `cargo xtask results`"), "{stale:?}");
        let damaged = check(&Tree::of(&[(PAGE, &empty), ("docs/results/a/demo.json", "{")]));
        assert!(damaged[0].message.contains("docs/results/a/demo.json"), "{damaged:?}");
    }
}
