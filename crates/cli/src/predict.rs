//! `candlewick predict RUN FILE…`: the classes of images and event recordings by a trained network.

mod print;
mod read;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use candlewick::datasets::Sample;
use candlewick::experiment::Trained;
use candlewick::train::trainer::BEST;

use crate::arguments::{CheckpointChoice, PredictArguments};
use crate::{machine, output};
use print::Printer;
use read::{Reader, listed};

/// Files that are classified together at most.
const TOGETHER: usize = 256;

pub(crate) fn run(arguments: &PredictArguments) -> Result<ExitCode> {
    let threads = machine::threads(arguments.threads);
    machine::limit(threads)?;
    machine::pool(threads)?.install(|| predict(arguments))
}

fn predict(arguments: &PredictArguments) -> Result<ExitCode> {
    let trained = match arguments.checkpoint {
        CheckpointChoice::Best => Trained::open_checkpoint(&arguments.run, BEST)?,
        CheckpointChoice::Last => Trained::open(&arguments.run)?,
    };
    let mut reader = Reader::new(&trained, arguments)?;
    let files = listed(&arguments.files, trained.shape());
    let mut printer = Printer::new(arguments, trained.classes(), &files);
    // Samples of one shape that wait to be classified.
    let mut waiting: Vec<(&Path, Sample<'static>)> = Vec::new();
    for path in &files {
        let sample = reader.read(path);
        let joins = sample.as_ref().is_ok_and(|sample| {
            waiting.len() < TOGETHER
                && waiting.last().is_none_or(|(_, last)| last.shape() == sample.shape())
        });
        if !joins {
            classify(&mut reader, &mut printer, &mut waiting);
        }
        match sample {
            Ok(sample) => waiting.push((path, sample)),
            Err(error) => printer.bad(path, &error),
        }
        if output::is_lost() {
            break;
        }
    }
    classify(&mut reader, &mut printer, &mut waiting);
    Ok(printer.finish(&arguments.run))
}

/// Classifies what waits, and prints it.
fn classify(
    reader: &mut Reader<'_>,
    printer: &mut Printer<'_>,
    waiting: &mut Vec<(&Path, Sample<'static>)>,
) {
    let (paths, samples): (Vec<&Path>, Vec<_>) = waiting.drain(..).unzip();
    let Some(first) = samples.first() else { return };
    let network = match reader.network(first.shape()) {
        Ok(network) => network,
        Err(words) => {
            for path in paths {
                printer.bad(path, &anyhow::anyhow!("{}: {words}", path.display()));
            }
            return;
        }
    };
    if let Ok(predictions) = network.classify(&samples) {
        paths.iter().zip(&predictions).for_each(|(path, prediction)| printer.add(path, prediction));
        return;
    }
    // One of them cannot be prepared.
    for (path, sample) in paths.iter().zip(&samples) {
        match network.classify(std::slice::from_ref(sample)) {
            Ok(predictions) => printer.add(path, &predictions[0]),
            Err(error) => printer.bad(path, &anyhow::anyhow!("{}: {error}", path.display())),
        }
    }
}

/// A path as it is printed.
fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// The widest of the paths.
fn width(files: &[PathBuf]) -> usize {
    files.iter().map(|path| shown(path).chars().count()).max().unwrap_or(0)
}
