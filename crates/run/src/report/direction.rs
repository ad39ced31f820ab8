//! Which rows are above their baseline, which below, and of which the runs cannot tell.

use crate::report::cells::difference_words;
use crate::statistics::Direction;
use crate::table::{RowReport, TableReport};

/// The rows that are compared, by what the interval of their difference lets one say.
#[derive(Debug, Default)]
pub(crate) struct Directions<'a> {
    /// The whole interval lies above zero.
    pub(crate) higher: Vec<&'a RowReport>,
    /// The whole interval lies below zero.
    pub(crate) lower: Vec<&'a RowReport>,
    /// The interval holds zero.
    pub(crate) open: Vec<&'a RowReport>,
    /// Fewer than two seeds are shared with the baseline.
    pub(crate) alone: Vec<&'a RowReport>,
}

impl<'a> Directions<'a> {
    pub(crate) fn of(report: &'a TableReport) -> Self {
        let mut directions = Self::default();
        for row in report.rows.iter().filter(|row| !report.is_baseline(row)) {
            let rows = match report.difference(row).map(|difference| difference.direction()) {
                Some(Direction::Higher) => &mut directions.higher,
                Some(Direction::Lower) => &mut directions.lower,
                Some(Direction::NoMeasurableDifference) => &mut directions.open,
                None => &mut directions.alone,
            };
            rows.push(row);
        }
        directions
    }

    /// One sentence for each group that has rows.
    pub(crate) fn sentences(&self, report: &TableReport) -> Vec<String> {
        let groups = [
            ("Holds in direction, the whole interval above zero", &self.higher),
            ("Does not hold, the whole interval below zero", &self.lower),
            ("Cannot be told from chance at this scale", &self.open),
            ("Not compared, for want of two seeds that the baseline has too", &self.alone),
        ];
        let sentence = |(words, rows): (&str, &Vec<&RowReport>)| {
            let names: Vec<String> = rows
                .iter()
                .map(|row| match report.difference(row) {
                    Some(difference) => format!("{} {}", row.label, difference_words(&difference)),
                    None => row.label.clone(),
                })
                .collect();
            format!("{words}: {}.", names.join(", "))
        };
        groups.into_iter().filter(|(_, rows)| !rows.is_empty()).map(sentence).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example;

    #[test]
    fn every_row_but_baselines_is_in_one_group() {
        let mut report = example::report();
        report.rows.push(example::row("up", "Up", &[0.90, 0.91, 0.92]));
        report.rows.push(example::row("down", "Down", &[0.70, 0.71, 0.725]));
        // Compared with `up`, not with the table's baseline.
        report.rows.push(RowReport {
            baseline: Some("up".to_owned()),
            ..example::row("other", "Other", &[0.85, 0.86, 0.875])
        });
        report.rows[3].baseline = Some("up".to_owned());
        let directions = Directions::of(&report);
        let ids = |rows: &[&RowReport]| rows.iter().map(|row| row.id.clone()).collect::<Vec<_>>();
        assert_eq!(ids(&directions.higher), Vec::<String>::new());
        assert_eq!(ids(&directions.lower), ["down", "other"]);
        assert_eq!(ids(&directions.open), ["tet"]);
        assert_eq!(ids(&directions.alone), ["pda"]);
        let sentences = directions.sentences(&report);
        assert_eq!(sentences.len(), 3);
        assert!(sentences[0].contains("Other −4.83 [−5.55, −4.12]"), "{}", sentences[0]);
        assert!(report.only_baseline().is_none());
        assert_eq!(example::report().only_baseline().map(|row| row.id.as_str()), Some("sdt"));
    }
}
