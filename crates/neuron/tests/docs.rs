//! The tables of `docs/` name everything that is registered.

use candlewick_neuron::{AnyNeuron, Preset};
use candlewick_surrogate::AnySurrogate;

const GLOSSARY: &str = include_str!("../../../docs/glossary.md");
const SEMANTICS: &str = include_str!("../../../docs/semantics.md");

#[test]
fn every_component_has_its_row() {
    let mut visited = 0;
    for name in AnyNeuron::NAMES.iter().chain(AnySurrogate::NAMES) {
        let rows = GLOSSARY.lines().filter(|line| line.starts_with(&format!("| `{name}`"))).count();
        assert_eq!(rows, 1, "rows of {name} in docs/glossary.md");
        visited += 1;
    }
    assert_eq!(visited, AnyNeuron::NAMES.len() + AnySurrogate::NAMES.len());
    let mut visited = 0;
    for preset in Preset::all() {
        let start = format!("| `{}` |", preset.name);
        let row = SEMANTICS.lines().find(|line| line.starts_with(&start)).expect(preset.name);
        assert!(row.contains(&format!("`{}`", preset.surrogate.name())), "{row}");
        visited += 1;
    }
    assert_eq!(visited, Preset::NAMES.len());
}
