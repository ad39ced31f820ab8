//! `candlewick list KIND`.

use std::process::ExitCode;

use candlewick::encode::{AnyAugment, AnyEncoder};
use candlewick::methods::{AnyLoss, AnyMethod};
use candlewick::network::AnyNetwork;
use candlewick::neuron::{AnyNeuron, Preset};
use candlewick::surrogate::AnySurrogate;
use candlewick::train::AnyOptimizer;
use candlewick::train::schedule::AnyCurve;
use serde_json::json;

use crate::arguments::{Format, Kind, ListArguments};

/// Name, synonyms, summary.
type Entry = (String, Vec<String>, String);

/// The entries of a registry.
macro_rules! entries {
    ($registry:ident) => {
        $registry::all()
            .iter()
            .zip($registry::SUMMARIES)
            .map(|(component, summary)| {
                let synonyms = component.synonyms().iter().map(|&name| name.to_owned()).collect();
                (component.name().to_owned(), synonyms, summary.trim().to_owned())
            })
            .collect()
    };
}

fn entries(kind: Kind) -> Vec<Entry> {
    match kind {
        Kind::Surrogates => entries!(AnySurrogate),
        Kind::Neurons => entries!(AnyNeuron),
        Kind::Presets => Preset::all()
            .into_iter()
            .map(|preset| {
                let (neuron, surrogate) = (preset.neuron.name(), preset.surrogate.name());
                let summary = format!("{neuron} with {surrogate}, as in {}", preset.source);
                (preset.name.to_owned(), Vec::new(), summary)
            })
            .collect(),
        Kind::Losses => entries!(AnyLoss),
        Kind::Networks => entries!(AnyNetwork),
        Kind::Encoders => entries!(AnyEncoder),
        Kind::Augmentations => entries!(AnyAugment),
        Kind::Optimizers => entries!(AnyOptimizer),
        Kind::Schedules => entries!(AnyCurve),
        Kind::Methods => entries!(AnyMethod),
        Kind::Datasets => candlewick::datasets::registry()
            .iter()
            .map(|entry| (entry.name.to_owned(), Vec::new(), entry.description.to_owned()))
            .collect(),
    }
}

pub(crate) fn run(arguments: &ListArguments) -> ExitCode {
    let entries = entries(arguments.kind);
    match arguments.format {
        Format::Json => {
            let all: Vec<_> = entries
                .iter()
                .map(|(name, synonyms, summary)| {
                    json!({ "name": name, "synonyms": synonyms, "summary": summary })
                })
                .collect();
            outln!("{}", json!(all));
        }
        Format::Text => {
            let width = entries.iter().map(|(name, ..)| name.len()).max().unwrap_or(0);
            for (name, synonyms, summary) in entries {
                let also = if synonyms.is_empty() {
                    String::new()
                } else {
                    format!("  (also {})", synonyms.join(", "))
                };
                outln!("{name:width$}  {summary}{also}");
            }
        }
    }
    ExitCode::SUCCESS
}
