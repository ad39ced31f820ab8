//! The sections of the check: their order, their headings, their shares of the time.

use clap::ValueEnum;

use crate::arguments::Section;

/// The sections that were asked for, in order; all if none was.
pub(super) fn chosen(only: &[Section]) -> Vec<Section> {
    let all = Section::value_variants().iter().copied();
    all.filter(|section| only.is_empty() || only.contains(section)).collect()
}

/// The name on the command line.
pub(super) fn id(section: Section) -> String {
    section.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

/// The heading in the report.
pub(super) fn heading(section: Section) -> &'static str {
    match section {
        Section::Machine => "Machine",
        Section::Laws => "Laws on the device",
        Section::Memory => "Memory checker",
        Section::Counts => "What a step launches",
        Section::Times => "Times of a step",
        Section::Anchors => "Beside published times",
        Section::Spikingjelly => "Beside SpikingJelly",
        Section::Recipes => "An epoch of the papers' experiments",
    }
}

/// What the section does, for the report.
pub(super) fn about(section: Section) -> &'static str {
    match section {
        Section::Machine => "The device as its driver names it, and this build of candlewick.",
        Section::Laws => {
            "The kernels of the device are compared with the operations of the CPU, which are tested against plain compositions."
        }
        Section::Memory => "The laws run once more, in a process that compute-sanitizer watches.",
        Section::Counts => {
            "What the kernels of the device cost in one training step of the three networks of `candlewick bench step`."
        }
        Section::Times => {
            "One training step of the three networks of `candlewick bench step`, in each precision of products."
        }
        Section::Anchors => {
            "What others published of the same work, each with its source; their devices are other ones."
        }
        Section::Spikingjelly => {
            "The same training steps by SpikingJelly on the same device, one after the other."
        }
        Section::Recipes => {
            "Experiments of the papers at their full scale: an epoch, or as much of it as a minute allows, and the time of the whole training that follows from it."
        }
    }
}

/// The share of the whole time that the section may take.
pub(super) fn share(section: Section) -> f64 {
    match section {
        Section::Machine => 0.05,
        Section::Laws | Section::Memory => 0.2,
        Section::Spikingjelly => 0.3,
        Section::Counts => 0.1,
        Section::Times | Section::Anchors => 0.15,
        // What the others left.
        Section::Recipes => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_in_order_whatever_was_typed() {
        assert_eq!(chosen(&[]).len(), 8);
        let chosen = chosen(&[Section::Times, Section::Laws]);
        assert_eq!(chosen, [Section::Laws, Section::Times]);
        assert_eq!(id(Section::Spikingjelly), "spikingjelly");
    }
}
