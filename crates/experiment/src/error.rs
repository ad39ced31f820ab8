//! Errors of recipes, tables and trainings.

use std::path::PathBuf;

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text is not TOML, or has a key or type that does not belong there.
    #[error("{name}: {source}")]
    Parse {
        /// The file or table.
        name: String,
        /// Line, column and reason.
        source: Box<toml::de::Error>,
    },
    /// A file could not be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// A field has a value that makes no sense, or is missing.
    #[error("{name}: {field}: expected {expected}")]
    Field {
        /// The file or table.
        name: String,
        /// Path of the field in the recipe.
        field: String,
        /// What it should be.
        expected: String,
    },
    /// A name is not among the known ones.
    #[error("unknown {kind} `{name}`{near}; known are {known}")]
    Unknown {
        /// `table`, `row` or `scale`.
        kind: &'static str,
        /// What was asked for.
        name: String,
        /// Known names that are close to it, as ` (near: ...)`; empty if there are none.
        near: String,
        /// What there is.
        known: String,
    },
    /// The recipe that a run directory holds is damaged.
    #[error(transparent)]
    Resolved(Box<Error>),
    /// A setting of the input is out of range, or does not fit the samples.
    #[error("{name}: input.{source}")]
    Input {
        /// The file or table.
        name: String,
        /// Which setting, and its range.
        source: candlewick_core::Error,
    },
    /// The machine has too little memory.
    #[error("{name}: {what} needs about {}, {} are free", size(*needed), size(*free))]
    Memory {
        /// The file or table.
        name: String,
        /// What needs it.
        what: String,
        /// Bytes, at least.
        needed: u64,
        /// Bytes that the machine has to give.
        free: u64,
    },
    /// The data could not be opened or read.
    #[error(transparent)]
    Data(#[from] candlewick_datasets::Error),
    /// The data could not be prepared for the network.
    #[error(transparent)]
    Encode(Box<candlewick_encode::Error>),
    /// A graph of another library is no network, or its weights do not fit.
    #[error(transparent)]
    Exchange(#[from] candlewick_exchange::Error),
    /// The network does not fit together.
    #[error("{name}: {source}")]
    Network {
        /// The file or table.
        name: String,
        /// What does not fit.
        source: candlewick_core::Error,
    },
    /// The training failed.
    #[error(transparent)]
    Train(#[from] candlewick_train::Error),
    /// The run directory could not be read or written.
    #[error(transparent)]
    Run(#[from] candlewick_run::RunError),
}

impl From<candlewick_encode::Error> for Error {
    fn from(error: candlewick_encode::Error) -> Self {
        Self::Encode(Box::new(error))
    }
}

impl Error {
    /// An error of a name that is not among `known`, with the nearest of those.
    pub(crate) fn unknown<'a>(
        kind: &'static str,
        name: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let known: Vec<&str> = known.into_iter().collect();
        let near: Vec<String> =
            nearest(name, &known).into_iter().map(|known| format!("`{known}`")).collect();
        let near =
            if near.is_empty() { near.concat() } else { format!(" (near: {})", near.join(", ")) };
        Self::Unknown { kind, name: name.into(), near, known: known.join(", ") }
    }
}

/// A number of bytes for people: kB would be too fine, and a recipe may ask for more than there is.
fn size(bytes: u64) -> String {
    let mib = bytes as f64 / f64::from(1 << 20);
    if mib < 1024.0 { format!("{mib:.0} MiB") } else { format!("{:.1} GiB", mib / 1024.0) }
}

/// Up to three names that are close to `name` or hold it, the closest first.
fn nearest<'a>(name: &str, known: &[&'a str]) -> Vec<&'a str> {
    let likeness = |known: &str| {
        let holds = !name.is_empty() && known.contains(name);
        strsim::normalized_damerau_levenshtein(name, known).max(if holds { 0.9 } else { 0.0 })
    };
    let mut near: Vec<(f64, &str)> = known
        .iter()
        .map(|known| (likeness(known), *known))
        .filter(|(like, _)| *like > 0.6)
        .collect();
    near.sort_by(|(left, _), (right, _)| right.total_cmp(left));
    near.into_iter().take(3).map(|(_, known)| known).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_come_first() {
        let known = ["table-1", "table-2", "tet/cifar-10", "tet/cifar-100", "msg/cifar-10"];
        assert_eq!(
            nearest("tet/cifar10", &known),
            ["tet/cifar-10", "tet/cifar-100", "msg/cifar-10"]
        );
        assert_eq!(nearest("table1", &known), ["table-1", "table-2"]);
        assert_eq!(nearest("msg", &known), ["msg/cifar-10"]);
        assert!(nearest("nothing of this", &known).is_empty() && nearest("", &known).is_empty());
        let error = Error::unknown("table", "msg", known).to_string();
        assert!(
            error.starts_with("unknown table `msg` (near: `msg/cifar-10`); known are table-1, ")
        );
    }
}
