//! A part of a report as Markdown, for pages that quote measured numbers instead of copying them.

use crate::claim::sentence::sentence;
use crate::report::claims::{Found, found};
use crate::report::markdown::{accuracies, claims, escape, maps};
use crate::table::{RowReport, TableReport};

/// Why there is no such part.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExcerptError {
    /// No kind of part is called so.
    #[error("`{0}` is none of `table`, `claims`, `claim`, `map` and `paragraph`")]
    Kind(String),
    /// The report has nothing of this name.
    #[error("{report} has no {what} `{name}`")]
    Missing {
        /// The report's id.
        report: String,
        /// What was looked for: `row`, `claim`, `map`.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// The report has no claims to say anything of.
    #[error("{0} has no claims")]
    NoClaims(String),
}

/// The part that `kind` asks for, as Markdown that ends with a line break:
///
/// | kind | part |
/// |---|---|
/// | `table ROW…` | the table of accuracies, of the named rows or of all |
/// | `claims PAPER…` | the table of claims, of the named papers or of all; verdicts are corrected over all |
/// | `claim ID` | one claim and what was found of it, as a sentence |
/// | `map ID` | the numbers of a map |
/// | `paragraph` | what was found of all claims, in words |
///
/// # Errors
/// If no kind is called so, or the report has nothing of that name.
pub fn excerpt(report: &TableReport, kind: &str) -> Result<String, ExcerptError> {
    let mut words = kind.split_whitespace();
    let part = words.next().unwrap_or_default();
    let names: Vec<&str> = words.collect();
    match part {
        "table" => {
            let mut rows: Vec<&RowReport> = report.rows.iter().collect();
            if !names.is_empty() {
                let named = |name: &&str| {
                    let row = report.rows.iter().find(|row| row.id == *name);
                    row.ok_or_else(|| missing(report, "row", name))
                };
                rows = names.iter().map(named).collect::<Result<_, _>>()?;
            }
            Ok(accuracies(report, &rows))
        }
        "claims" => {
            let all = found(&report.claims);
            let of_paper = |found: &Found<'_>, name: &str| found.0.paper_id() == name;
            if all.is_empty() {
                return Err(ExcerptError::NoClaims(report.id.clone()));
            }
            if let Some(name) =
                names.iter().find(|name| !all.iter().any(|found| of_paper(found, name)))
            {
                return Err(missing(report, "claim of", name));
            }
            let wanted = |found: &Found<'_>| {
                names.is_empty() || names.iter().any(|name| of_paper(found, name))
            };
            Ok(claims::table(&all.into_iter().filter(wanted).collect::<Vec<_>>()))
        }
        "claim" => {
            let name = names.join(" ");
            let (claim, finding) = found(&report.claims)
                .into_iter()
                .find(|(claim, _)| claim.id == name)
                .ok_or_else(|| missing(report, "claim", &name))?;
            Ok(escape(&sentence(claim, &finding)) + "\n")
        }
        "map" => {
            let name = names.join(" ");
            let map = report.maps.iter().find(|map| map.id == name);
            Ok(maps::tables(map.ok_or_else(|| missing(report, "map", &name))?))
        }
        "paragraph" if names.is_empty() => {
            if report.claims.is_empty() {
                return Err(ExcerptError::NoClaims(report.id.clone()));
            }
            Ok(claims::found(report))
        }
        _ => Err(ExcerptError::Kind(kind.to_owned())),
    }
}

fn missing(report: &TableReport, what: &'static str, name: &str) -> ExcerptError {
    ExcerptError::Missing { report: report.id.clone(), what, name: name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{example, markdown};

    /// What a page quotes stands in the report with the same words.
    #[test]
    fn parts_are_those_of_the_whole() {
        let report = example::claims::report();
        let whole = markdown(&report);
        let kinds = ["table", "claims tet", "claims psg-pda", "map tet/steps", "paragraph"];
        for kind in kinds {
            let part = excerpt(&report, kind).unwrap();
            assert!(whole.contains(&part), "{kind}: {part}");
            assert!(part.ends_with('\n') && part.len() > 100, "{kind}: {part}");
        }
        assert_eq!(kinds.len(), 5);
        let sentence = excerpt(&report, "claim tet/early-accuracy").unwrap();
        assert!(
            sentence.starts_with("“TET is right after fewer steps than SDT” holds"),
            "{sentence}"
        );
    }

    #[test]
    fn rows_and_papers_are_chosen_by_name() {
        let report = example::claims::report();
        let rows = excerpt(&report, "table tet sdt").unwrap();
        assert_eq!(rows.lines().count(), 4);
        assert!(rows.find("| TET").unwrap() < rows.find("| SDT").unwrap());
        let claims = excerpt(&report, "claims shortcut psg-pda").unwrap();
        assert_eq!(claims.lines().count(), 2 + 5);
    }

    #[test]
    fn what_is_not_there_is_named() {
        let (with, without) = (example::claims::report(), example::report());
        let cases = [
            (&with, "table tte", "table-0 has no row `tte`"),
            (&with, "claims tte", "table-0 has no claim of `tte`"),
            (&with, "claim tet/x", "table-0 has no claim `tet/x`"),
            (&with, "map", "table-0 has no map ``"),
            (
                &with,
                "chart",
                "`chart` is none of `table`, `claims`, `claim`, `map` and `paragraph`",
            ),
            (&without, "paragraph", "table-0 has no claims"),
            (&without, "claims", "table-0 has no claims"),
        ];
        for (report, kind, expected) in cases {
            assert_eq!(excerpt(report, kind).unwrap_err().to_string(), expected);
        }
        assert_eq!(cases.len(), 7);
    }
}
