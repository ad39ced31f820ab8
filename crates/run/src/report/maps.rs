//! A map as the heat map that every form of report shows: means, colors, and marks where a difference is told from zero.

use crate::claim::words::{counted, paper_name};
use crate::claim::{LEVEL, Pair, Quantity, Unit};
use crate::format::short;
use crate::map::{MapAxis, MapCell, MapReport};
use crate::report::figures::slug;
use crate::statistics::holm;
use crate::svg::{ColorScale, Figure, HeatCell, HeatPanel, Heatmap};
use crate::table::TableReport;

/// The map as rows and columns; a single column lies down as a row.
pub(crate) fn heatmap(map: &MapReport) -> Heatmap {
    let axis = |index: usize| map.axes.get(index);
    let length = |index: usize| axis(index).map_or(1, |axis| axis.values.len());
    let (down, across) = if length(1) == 1 && length(0) > 1 { (1, 0) } else { (0, 1) };
    let marks = marks(map);
    let panels = (0..length(2))
        .map(|panel| {
            let cell = |row: usize, column: usize| {
                let mut at = vec![0; map.axes.len()];
                for (axis, value) in [(down, row), (across, column), (2, panel)] {
                    if let Some(place) = at.get_mut(axis) {
                        *place = value;
                    }
                }
                cell(map, &at, &marks)
            };
            let rows = 0..length(down);
            let cells: Vec<Vec<HeatCell>> = rows
                .map(|row| (0..length(across)).map(|column| cell(row, column)).collect())
                .collect();
            HeatPanel {
                label: axis(2).map_or_else(String::new, |axis| {
                    format!("{} {}", axis.label, label(axis, panel)).trim().to_owned()
                }),
                scale: scale(map, quantity(map, panel)),
                rows: labels(axis(down)),
                columns: labels(axis(across)),
                cells,
            }
        })
        .collect();
    let name = |index| axis(index).map_or_else(String::new, |axis| axis.label.clone());
    Heatmap {
        title: map.title.clone(),
        down: name(down),
        across: name(across),
        panels,
        note: note(map, &marks),
    }
}

/// The map with its paper: `TET: Accuracy after fewer steps`.
pub(crate) fn heading(map: &MapReport) -> String {
    format!("{}: {}", paper_name(&map.paper), map.title)
}

/// The name of the map's file: `map-tet-steps.svg`.
pub(crate) fn file_name(map: &MapReport) -> String {
    format!("map-{}.svg", slug(&map.id))
}

/// The maps of a report as files: a name, and the figure.
pub fn map_figures(report: &TableReport) -> Vec<(String, Figure)> {
    report.maps.iter().map(|map| (file_name(map), heatmap(map).draw())).collect()
}

fn labels(axis: Option<&MapAxis>) -> Vec<String> {
    axis.map_or_else(
        || vec![String::new()],
        |axis| axis.values.iter().map(|value| value.label.clone()).collect(),
    )
}

fn label(axis: &MapAxis, index: usize) -> &str {
    axis.values.get(index).map_or("", |value| &value.label)
}

/// What the cells of a panel show.
fn quantity(map: &MapReport, panel: usize) -> &Quantity {
    let own = map.axes.get(2).and_then(|axis| axis.values.get(panel)?.quantity.as_ref());
    own.unwrap_or(&map.quantity)
}

/// What a point of the map shows.
fn quantity_at<'a>(map: &'a MapReport, at: &[usize]) -> &'a Quantity {
    quantity(map, at.get(2).copied().unwrap_or(0))
}

/// Mean over the runs of a cell; `None` without runs, or if one of them has no value.
fn mean(map: &MapReport, cell: &MapCell) -> Option<f64> {
    let values: Vec<f64> = cell.values.iter().map(|(_, value)| *value).collect();
    let mean = quantity_at(map, &cell.at).unit.mean(&values)?;
    mean.is_finite().then_some(mean)
}

/// One scale for all panels that show the same quantity, so that their colors compare.
fn scale(map: &MapReport, quantity: &Quantity) -> ColorScale {
    let shown: Vec<f64> = map
        .cells
        .iter()
        .filter(|cell| quantity_at(map, &cell.at) == quantity)
        .filter_map(|cell| mean(map, cell))
        .collect();
    let logarithmic = quantity.unit == Unit::Ratio;
    let placed = shown.iter().copied().filter(|value| !logarithmic || *value > 0.0);
    let low = placed.clone().fold(f64::INFINITY, f64::min);
    let high = placed.fold(f64::NEG_INFINITY, f64::max);
    let unit = if quantity.unit == Unit::Fraction { ", %" } else { "" };
    let text =
        |value: f64| if value.is_finite() { in_cell(quantity.unit, value) } else { String::new() };
    ColorScale {
        label: format!("{}{unit}", quantity.words),
        low,
        high,
        low_text: text(low),
        high_text: text(high),
        logarithmic,
    }
}

/// A value as short as a cell: percent with one decimal, else two digits.
fn in_cell(unit: Unit, value: f64) -> String {
    match unit {
        Unit::Fraction => format!("{:.1}", 100.0 * value),
        Unit::Ratio | Unit::Plain => short(value),
    }
}

fn cell(map: &MapReport, at: &[usize], marks: &[(usize, char)]) -> HeatCell {
    let found = map.cells.iter().position(|cell| cell.at == at);
    let Some((index, cell)) = found.map(|index| (index, &map.cells[index])) else {
        let (text, tooltip) = ("–".to_owned(), "not measured".to_owned());
        return HeatCell { value: None, text, tooltip };
    };
    let unit = quantity_at(map, at).unit;
    let value = mean(map, cell);
    let place: Vec<String> = map
        .axes
        .iter()
        .zip(at)
        .map(|(axis, &index)| format!("{} {}", axis.label, label(axis, index)))
        .collect();
    let written = value.map_or_else(|| "none".to_owned(), |value| unit.value(value));
    let runs = counted(cell.values.len(), "seed");
    let mark = marks.iter().find(|(marked, _)| *marked == index).map(|(_, mark)| *mark);
    let mut text = value.map_or_else(|| "none".to_owned(), |value| in_cell(unit, value));
    text.extend(mark);
    HeatCell { value, text, tooltip: format!("{}: {written}, {runs}", place.join(", ")) }
}

/// The cells that differ from the one that they are compared with, by their number, with the direction: paired t tests
/// over at least two seeds, corrected by Holm over the map.
fn marks(map: &MapReport) -> Vec<(usize, char)> {
    let tests: Vec<(usize, f64, f64)> = (0..map.cells.len())
        .filter_map(|index| {
            let test = quantity_at(map, &map.cells[index].at).unit.test(&pairs(map, index)?)?;
            Some((index, test.interval().mean, test.difference()))
        })
        .collect();
    let corrected = holm(&tests.iter().map(|(_, _, p)| *p).collect::<Vec<_>>());
    tests
        .iter()
        .zip(corrected)
        .filter(|(_, p)| *p <= LEVEL)
        .map(|((index, mean, _), _)| (*index, if *mean > 0.0 { '▲' } else { '▼' }))
        .collect()
}

/// The values of a cell with those of the cell that it is compared with, over the seeds of both; `None` where there is
/// nothing to compare, or something else.
fn pairs(map: &MapReport, index: usize) -> Option<Vec<Pair>> {
    let (axis, value) = map.against?;
    let cell = &map.cells[index];
    let mut place = cell.at.clone();
    let along = place.get_mut(axis).filter(|along| **along != value)?;
    *along = value;
    let baseline = map.cells.iter().find(|other| other.at == place)?;
    if quantity_at(map, &cell.at) != quantity_at(map, &place) {
        return None;
    }
    let paired = cell.values.iter().filter_map(|&(seed, method)| {
        let (_, baseline) = baseline.values.iter().find(|(other, _)| *other == seed)?;
        Some(Pair { seed, method, baseline: *baseline })
    });
    Some(paired.collect())
}

/// What the marks mean, if there can be any.
fn note(map: &MapReport, marks: &[(usize, char)]) -> Option<String> {
    let (axis, value) = map.against?;
    let axis = map.axes.get(axis)?;
    let against = format!("{} {}", axis.label, label(axis, value));
    Some(if marks.is_empty() {
        format!("No cell is told from {} (paired, corrected).", against.trim())
    } else {
        format!("▲ above, ▼ below {} (paired, corrected, 5 %)", against.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::map::MapValue;
    use crate::report::example;

    #[test]
    fn the_maps_of_the_small_example() {
        let files = map_figures(&example::claims::report());
        for (name, figure) in &files {
            example::assert_golden(name, &figure.standalone());
        }
        assert_eq!(files.len(), 2);
    }

    fn axis(label: &str, values: &[&str]) -> MapAxis {
        let value = |value: &&str| MapValue { label: (*value).to_owned(), quantity: None };
        MapAxis { label: label.to_owned(), values: values.iter().map(value).collect() }
    }

    #[test]
    fn a_single_column_lies_down() {
        let mut map = example::claims::report().maps.remove(1);
        map.axes = vec![axis("start", &["0.1", "1", "10"]), axis("end", &["PSG"])];
        map.cells = vec![MapCell { at: vec![1, 0], values: vec![(1, 0.5)] }];
        let heatmap = heatmap(&map);
        assert_eq!((heatmap.down.as_str(), heatmap.across.as_str()), ("end", "start"));
        let texts: Vec<&str> =
            heatmap.panels[0].cells[0].iter().map(|cell| cell.text.as_str()).collect();
        assert_eq!(texts, ["–", "50.0", "–"]);
    }

    /// Marks need two seeds of both cells, the same quantity, and a difference that outlasts the correction.
    #[test]
    fn marks_are_earned() {
        let map = example::claims::report().maps.remove(1);
        assert_eq!(marks(&map).len(), 4);
        assert!(
            marks(&map).iter().all(|(index, mark)| map.cells[*index].at[0] == 1 && *mark == '▲')
        );
        let mut single = map.clone();
        for cell in &mut single.cells {
            cell.values.truncate(1);
        }
        assert_eq!(marks(&single), []);
        assert!(heatmap(&single).note.unwrap().starts_with("No cell"));
        let mut falling = map.clone();
        falling.against = Some((0, 1));
        assert!(marks(&falling).iter().all(|(_, mark)| *mark == '▼'));
        assert_eq!(heatmap(&MapReport { against: None, ..map }).note, None);
    }

    #[test]
    fn a_failed_run_leaves_a_cell_without_color() {
        let mut map = example::claims::report().maps.remove(1);
        map.cells[0].values[2].1 = f64::NAN;
        let cell = &heatmap(&map).panels[0].cells[0][0];
        assert_eq!((cell.value, cell.text.as_str()), (None, "none"));
    }
}
