//! The small example with claims of every verdict and unit, and two maps.

use crate::claim::{ClaimReport, Expectation, Pair, PublishedClaim, Quantity, Unit};
use crate::map::{MapAxis, MapCell, MapReport, MapValue};
use crate::table::{Source, TableReport};

/// The small example with claims and maps.
pub(crate) fn report() -> TableReport {
    TableReport { claims: claims(), maps: maps(), ..super::report() }
}

/// One claim per verdict and unit, an identity, and claims that cannot be tested.
fn claims() -> Vec<ClaimReport> {
    let early =
        claim("tet/early-accuracy", "TET is right after fewer steps than SDT.", Unit::Fraction);
    let norm = claim(
        "shortcut/first-gradient",
        "With the shortcut, the gradient of the first layer vanishes less.",
        Unit::Ratio,
    );
    vec![
        ClaimReport {
            quantity: quantity(
                "accuracy_after",
                "test accuracy after 1 of 10 steps",
                Unit::Fraction,
            ),
            pairs: pairs(&[
                (0.657, 0.504),
                (0.661, 0.529),
                (0.657, 0.576),
                (0.662, 0.541),
                (0.651, 0.532),
            ]),
            published: Some(PublishedClaim {
                text: "+3.25 points on CIFAR-100, ResNet-19, T = 4".to_owned(),
                source: Source::Paper,
            }),
            ..early.clone()
        },
        ClaimReport {
            id: "tet/final-accuracy".to_owned(),
            claim: "TET is more accurate than SDT.".to_owned(),
            pairs: pairs(&[(0.861, 0.868), (0.866, 0.861), (0.87, 0.859)]),
            ..early.clone()
        },
        ClaimReport {
            id: "tet/one-step".to_owned(),
            claim: "At T = 1 the loss of TET is that of SDT.".to_owned(),
            expected: Expectation::Identical,
            quantity: quantity("loss", "training loss after an epoch at T = 1", Unit::Plain),
            pairs: pairs(&[(0.512_345, 0.512_345), (0.498, 0.498)]),
            ..early.clone()
        },
        ClaimReport {
            id: "shortcut/deep-accuracy".to_owned(),
            paper: "Shortcut back-propagation (Guo et al., 2024)".to_owned(),
            claim: "The shortcut makes deep chains more accurate.".to_owned(),
            margin: 0.02,
            baseline: "SDT".to_owned(),
            method: "Shortcut".to_owned(),
            pairs: pairs(&[
                (0.208, 0.300),
                (0.332, 0.370),
                (0.27, 0.34),
                (0.25, 0.33),
                (0.28, 0.335),
            ]),
            ..early.clone()
        },
        ClaimReport {
            method: "Shortcut".to_owned(),
            quantity: quantity("gradient_norm", "gradient norm of the first layer", Unit::Ratio),
            margin: 0.3,
            pairs: pairs(&[(0.031, 8.7e-4), (0.029, 6.1e-4), (0.041, 9.3e-4)]),
            published: Some(PublishedClaim {
                text: "figure 2, ResNet-34, T = 4".to_owned(),
                source: Source::Paper,
            }),
            ..norm.clone()
        },
        ClaimReport {
            id: "shortcut/no-cost".to_owned(),
            paper: "Shortcut back-propagation (Guo et al., 2024)".to_owned(),
            claim: "The shortcut changes no firing rate.".to_owned(),
            provenance: Some("inferred from the abstract".to_owned()),
            expected: Expectation::Unchanged,
            quantity: quantity("firing_rate", "spikes per neuron and step", Unit::Plain),
            margin: 0.02,
            pairs: pairs(&[(0.221, 0.222), (0.219, 0.218), (0.223, 0.221), (0.220, 0.221)]),
            ..early.clone()
        },
        ClaimReport {
            id: "psg-pda/rescue".to_owned(),
            paper: "PSG and PDA (Wang et al., 2025)".to_owned(),
            claim: "A learned width makes up for a bad start <of any size>.".to_owned(),
            pairs: pairs(&[(0.548, 0.417)]),
            ..early
        },
        ClaimReport {
            id: "psg-pda/spread".to_owned(),
            paper: "PSG and PDA (Wang et al., 2025)".to_owned(),
            claim: "The width becomes the same from every start.".to_owned(),
            expected: Expectation::Lower,
            pairs: pairs(&[(0.0, 0.2), (0.1, 0.2)]),
            ..norm
        },
    ]
}

fn claim(id: &str, claim: &str, unit: Unit) -> ClaimReport {
    let paper = if id.starts_with("tet/") {
        "TET (Deng et al., 2022)"
    } else {
        "Shortcut back-propagation (Guo et al., 2024)"
    };
    ClaimReport {
        id: id.to_owned(),
        paper: paper.to_owned(),
        claim: claim.to_owned(),
        place: "section 4.2, figure 4A".to_owned(),
        condition: "Digits with T = 10; chosen because the baseline is wrong after one step."
            .to_owned(),
        provenance: None,
        quantity: quantity("accuracy", "test accuracy", unit),
        expected: Expectation::Higher,
        margin: 0.01,
        baseline: "SDT".to_owned(),
        method: "TET".to_owned(),
        pairs: Vec::new(),
        published: None,
    }
}

fn quantity(metric: &str, words: &str, unit: Unit) -> Quantity {
    Quantity { metric: metric.to_owned(), words: words.to_owned(), unit }
}

/// Method and baseline of seeds 1, 2, …
fn pairs(values: &[(f64, f64)]) -> Vec<Pair> {
    let seeds = (1..).zip(values);
    seeds.map(|(seed, &(method, baseline))| Pair { seed, method, baseline }).collect()
}

/// A grid in two panels whose quantities differ, and a strip that is compared with its first value.
fn maps() -> Vec<MapReport> {
    let axis = |label: &str, values: &[&str]| MapAxis {
        label: label.to_owned(),
        values: values
            .iter()
            .map(|value| MapValue { label: (*value).to_owned(), quantity: None })
            .collect(),
    };
    let mut panels = axis("", &["gradient norm", "tiny entries"]);
    panels.values[1].quantity =
        Some(quantity("tiny_share", "share of entries below 1e-6 of the largest", Unit::Fraction));
    let norms =
        [[33.0, 1.1, 0.082, 0.0084], [5.1e4, 100.0, 0.23, 8.7e-4], [1.1e8, 8.4e3, 0.79, 6.6e-5]];
    let mut cells = Vec::new();
    for (row, norms) in norms.iter().enumerate() {
        for (column, &norm) in norms.iter().enumerate() {
            cells.push(MapCell { at: vec![row, column, 0], values: vec![(1, norm)] });
            // One point of the second panel was not measured.
            if (row, column) != (2, 3) {
                let share = 0.05 + 0.1 * (row * 4 + column) as f64 / 2.0;
                cells.push(MapCell { at: vec![row, column, 1], values: vec![(1, share)] });
            }
        }
    }
    let by_step = [0.50, 0.62, 0.71, 0.74];
    let of_step = |(step, accuracy): (usize, f64)| {
        (0..2).map(move |method| {
            let gain = if method == 1 { 0.2 / (1 + step * step * 8) as f64 } else { 0.0 };
            let values = [0.0, 0.011, -0.008, 0.004].iter().zip(1..);
            MapCell {
                at: vec![method, step],
                values: values.map(|(off, seed)| (seed, accuracy + gain * (1.0 + off))).collect(),
            }
        })
    };
    vec![
        MapReport {
            id: "shortcut/first-layer".to_owned(),
            paper: "Shortcut back-propagation (Guo et al., 2024)".to_owned(),
            title: "Gradient of the first layer".to_owned(),
            caption:
                "One batch of a plain chain at initialization, by depth and width of the surrogate."
                    .to_owned(),
            quantity: quantity("gradient_norm", "norm of the first weight's gradient", Unit::Ratio),
            axes: vec![
                axis("layers", &["9", "18", "27"]),
                axis("width γ", &["0.25", "0.5", "1", "2"]),
                panels,
            ],
            against: None,
            cells,
        },
        MapReport {
            id: "tet/steps".to_owned(),
            paper: "TET (Deng et al., 2022)".to_owned(),
            title: "Accuracy after fewer steps".to_owned(),
            caption: "Trained with T = 4 and stopped early.".to_owned(),
            quantity: quantity("accuracy_after", "test accuracy", Unit::Fraction),
            axes: vec![axis("loss", &["SDT", "TET"]), axis("steps", &["1", "2", "3", "4"])],
            against: Some((0, 0)),
            cells: by_step.into_iter().enumerate().flat_map(of_step).collect(),
        },
    ]
}
