//! The kinds of components, and the places that a new one is written into.

/// A kind of component.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    /// Where its files are.
    pub(super) folder: &'static str,
    /// The file with its modules.
    pub(super) library: &'static str,
    /// The file and the enum of its registry; layers have none.
    pub(super) registry: Option<(&'static str, &'static str)>,
    pub(super) start: Start,
    /// Tables of pages that have a row for each: the page, and what stands before the table.
    pub(super) rows: &'static [(&'static str, &'static str)],
    /// Lines before an anchor in a file: the file, the anchor, and the lines.
    pub(super) lines: &'static [(&'static str, &'static str, &'static str)],
}

/// What the file of a new component begins as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// A copy of this component, unless another one is named.
    Like(&'static str),
    /// This text, with `CamelName`, `snake_name`, `kebab-name` and `CONSTANT_NAME` in the place of the name.
    Text(&'static str),
}

const PLAIN: Kind = Kind {
    name: "",
    folder: "",
    library: "",
    registry: None,
    start: Start::Like(""),
    rows: &[],
    lines: &[],
};

pub(super) const KINDS: [Kind; 12] = [
    Kind {
        name: "surrogate",
        folder: "crates/surrogate/src",
        library: "crates/surrogate/src/lib.rs",
        registry: Some(("crates/surrogate/src/lib.rs", "AnySurrogate")),
        start: Start::Like("triangle"),
        rows: &[("docs/glossary.md", "## Surrogates")],
        ..PLAIN
    },
    Kind {
        name: "neuron",
        folder: "crates/neuron/src",
        library: "crates/neuron/src/lib.rs",
        registry: Some(("crates/neuron/src/lib.rs", "AnyNeuron")),
        start: Start::Like("integrate_and_fire"),
        rows: &[("docs/glossary.md", "## Neurons")],
        ..PLAIN
    },
    Kind {
        name: "loss",
        folder: "crates/methods/src",
        library: "crates/methods/src/lib.rs",
        registry: Some(("crates/methods/src/lib.rs", "AnyLoss")),
        start: Start::Like("cross_entropy"),
        ..PLAIN
    },
    Kind {
        name: "method",
        folder: "crates/methods/src",
        library: "crates/methods/src/lib.rs",
        registry: Some(("crates/methods/src/lib.rs", "AnyMethod")),
        start: Start::Like("shortcut"),
        ..PLAIN
    },
    Kind {
        name: "layer",
        folder: "crates/network/src",
        library: "crates/network/src/lib.rs",
        start: Start::Like("dropout"),
        ..PLAIN
    },
    Kind {
        name: "network",
        folder: "crates/network/src",
        library: "crates/network/src/lib.rs",
        registry: Some(("crates/network/src/registry.rs", "AnyNetwork")),
        start: Start::Text(include_str!("network.txt")),
        rows: &[("docs/networks.md", "# Networks")],
        lines: &[
            ("crates/network/src/registry.rs", "use crate::{", "use crate::CamelName;"),
            (
                "crates/network/src/network_laws.rs",
                "    ];\n    let mut visited = Vec::new();",
                "        // c(3, 3, 64) + c(3, 64, 128) + f(128 · 8 · 8, 10).\n        \
                 (crate::CamelName::default().into(), [32, 32, 3], 10, 157_770),",
            ),
        ],
    },
    Kind {
        name: "data-set",
        folder: "datasets/src/image",
        library: "datasets/src/image.rs",
        start: Start::Text(include_str!("data_set.txt")),
        ..PLAIN
    },
    Kind {
        name: "encoder",
        folder: "crates/encode/src/encoder",
        library: "crates/encode/src/encoder.rs",
        registry: Some(("crates/encode/src/encoder.rs", "AnyEncoder")),
        start: Start::Like("poisson"),
        ..PLAIN
    },
    Kind {
        name: "augmentation",
        folder: "crates/encode/src/augment",
        library: "crates/encode/src/augment.rs",
        registry: Some(("crates/encode/src/augment.rs", "AnyAugment")),
        start: Start::Like("roll"),
        ..PLAIN
    },
    Kind {
        name: "optimizer",
        folder: "crates/train/src/optimizer",
        library: "crates/train/src/optimizer.rs",
        registry: Some(("crates/train/src/optimizer.rs", "AnyOptimizer")),
        start: Start::Like("sgd"),
        ..PLAIN
    },
    Kind {
        name: "schedule",
        folder: "crates/train/src/schedule",
        library: "crates/train/src/schedule.rs",
        registry: Some(("crates/train/src/schedule.rs", "AnyCurve")),
        start: Start::Like("cosine"),
        ..PLAIN
    },
    Kind {
        name: "table",
        folder: "crates/experiment/recipes",
        library: "crates/experiment/src/index.rs",
        start: Start::Like("table-1"),
        ..PLAIN
    },
];
