//! Tables, those of the papers and one's own: rows of recipes, what was published, and under which protocol
//! they compare.

mod raw;

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use candlewick_run::{Published, Selection};

use crate::grid::Grid;
use crate::index::{FILES, paper};
use crate::{Error, Recipe, Result, read_toml};
use raw::RawTable;

/// How large an experiment is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scale {
    /// Embedded data, minutes on two cores: shows that the whole path works and learns.
    #[default]
    Demo,
    /// A fixed subset of a paper's own data set, hours on two cores: tests the direction of claims.
    Reduced,
    /// The data, network and epochs of the paper.
    Full,
}

impl Scale {
    /// All scales, from small to large.
    pub const ALL: [Self; 3] = [Self::Demo, Self::Reduced, Self::Full];

    /// The name in tables and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Demo => "demo",
            Self::Reduced => "reduced",
            Self::Full => "full",
        }
    }
}

impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Scale {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|scale| scale.name() == name)
            .ok_or_else(|| Error::unknown("scale", name, Self::ALL.map(Self::name)))
    }
}

/// A table at one scale, all of whose rows are resolved.
///
/// ```
/// use candlewick_experiment::{Scale, Table};
///
/// let mut table = Table::open("table-1", Scale::Demo)?;
/// table.keep_rows(&["sdt".into(), "tet".into()])?;
/// assert_eq!((table.rows.len(), &table.baseline[..]), (2, "sdt"));
/// # Ok::<(), candlewick_experiment::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Table {
    /// Name by which it is reproduced, such as `table-1`.
    pub id: String,
    /// One line for people.
    pub title: String,
    /// How large its experiments are.
    pub scale: Scale,
    /// What is measured on, in words.
    pub dataset: String,
    /// The network, in words.
    pub network: String,
    /// Seeds 1 to this number by default.
    pub seeds: u64,
    /// Id of the row that the others are compared with.
    pub baseline: String,
    /// Which accuracy of a run is quoted.
    pub selection: Selection,
    /// How the runs are made, one sentence each.
    pub protocol: Vec<String>,
    /// Known deviations from the papers, one sentence each.
    pub deviations: Vec<String>,
    /// Whether the claims of the papers are tested with it.
    pub tests_claims: bool,
    /// The rows, in order, those of the grids at the end.
    pub rows: Vec<Row>,
    /// The grids whose points are rows.
    pub grids: Vec<Grid>,
}

/// A row of a table.
#[derive(Clone, Debug)]
pub struct Row {
    /// Name by which it is chosen.
    pub id: String,
    /// Id of the table under which its runs are kept: this one, or the one that this one extends.
    pub table: String,
    /// Name as readers of the papers know it.
    pub label: String,
    /// The method in a few words.
    pub note: Option<String>,
    /// Shown wherever the row appears.
    pub provenance: Option<String>,
    /// Id of the row that this one is compared with; its own if others are compared with it.
    pub baseline: String,
    /// What was published of the method.
    pub published: Option<Published>,
    /// Why no number is quoted, where that is worth a word.
    pub unpublished: Option<String>,
    /// What is trained.
    pub recipe: Recipe,
}

/// What a list of tables says of one.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Name by which it is reproduced.
    pub id: &'static str,
    /// Whose table it is, in words.
    pub paper: &'static str,
    /// One line for people.
    pub title: String,
    /// The scales that it has, from small to large.
    pub scales: Vec<Scale>,
}

/// All tables; those of one paper stand together.
///
/// # Errors
/// If a table's file is damaged.
pub fn tables() -> Result<Vec<Listed>> {
    FILES
        .iter()
        .map(|&(id, text)| {
            let raw = RawTable::parse(id, text, id)?;
            let (scales, title) = (raw.scales(), raw.title.unwrap_or_else(|| id.into()));
            Ok(Listed { id, paper: paper(id), title, scales })
        })
        .collect()
}

impl Table {
    /// The table of that id at that scale.
    ///
    /// # Errors
    /// If there is none; the known ones are listed.
    pub fn open(id: &str, scale: Scale) -> Result<Self> {
        let Some((id, text)) = FILES.iter().find(|(known, _)| *known == id) else {
            return Err(Error::unknown("table", id, FILES.iter().map(|(id, _)| *id)));
        };
        RawTable::parse(id, text, id)?.resolve(id, id, scale)
    }

    /// The table in a file of one's own at that scale; its id is the name of the file.
    ///
    /// # Errors
    /// If the file cannot be read or is no table, or has the name of a table that there is already.
    pub fn read(path: &Path, scale: Scale) -> Result<Self> {
        let name = path.display().to_string();
        let id = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or("table");
        if FILES.iter().any(|(known, _)| *known == id) {
            return Err(Error::Field {
                name,
                field: "name of the file".into(),
                expected: "one that is not that of a table of candlewick".into(),
            });
        }
        RawTable::parse(id, &read_toml(path)?, &name)?.resolve(id, &name, scale)
    }

    /// A table without rows, of all claims at that scale.
    pub fn of_claims(scale: Scale) -> Self {
        let protocol = "Each claim is tested under its own condition, which was chosen by the behavior of the baseline alone.";
        Self {
            id: "claims".into(),
            title: "Claims of five papers".into(),
            scale,
            dataset: "the data of each condition".into(),
            network: "the network of each condition".into(),
            seeds: 0,
            baseline: String::new(),
            selection: Selection::Final,
            protocol: vec![protocol.into()],
            deviations: Vec::new(),
            tests_claims: true,
            rows: Vec::new(),
            grids: Vec::new(),
        }
    }

    /// Keeps only the rows of these ids, in the table's order; all if there are none.
    ///
    /// # Errors
    /// If an id is unknown; the known ones are listed.
    pub fn keep_rows(&mut self, ids: &[String]) -> Result<()> {
        for id in ids {
            if !self.rows.iter().any(|row| row.id == *id) {
                let known = self.rows.iter().map(|row| row.id.as_str());
                return Err(Error::unknown("row", id, known));
            }
        }
        if !ids.is_empty() {
            self.rows.retain(|row| ids.contains(&row.id));
        }
        Ok(())
    }
}
