//! Exit codes, and errors in words.

use std::path::Path;
use std::process::ExitCode;

use candlewick::datasets::visible;
use candlewick::{core, datasets, encode, exchange, experiment, ranks, run, train};

/// Anything else, such as a file that cannot be written.
const OTHER: u8 = 1;
/// A recipe, a name or an argument is wrong (also clap's own code).
const USAGE: u8 = 2;
/// Data is missing or damaged.
pub(crate) const DATA: u8 = 3;
/// A loss or a gradient was not finite.
const DIVERGED: u8 = 4;
/// A checkpoint or a run directory is damaged or of something else.
const CHECKPOINT: u8 = 5;
/// Not started after a question; the code of Ctrl-C.
pub(crate) const INTERRUPTED: u8 = 130;

/// Prints what went wrong as one line and gives the exit code for it.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    noteln!("error: {}", in_words(error));
    ExitCode::from(code(error))
}

/// What helps where a GPU has no memory left.
const OUT_OF_MEMORY: &str = "; the memory of the device is used up: lower `input.batch_size`, divide batches by \
                             `train.shards`, or set `train.recompute = true`";

/// The causes of an error from the outermost on, without those that a message before quotes.
pub(crate) fn in_words(error: &anyhow::Error) -> String {
    let mut words = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if words.is_empty() {
            words = cause;
        } else if !words.contains(cause.trim_end()) {
            words = format!("{words}: {cause}");
        }
    }
    let used_up = words.contains("CUDA_ERROR_OUT_OF_MEMORY");
    words.trim_end().to_owned() + if used_up { OUT_OF_MEMORY } else { "" }
}

/// An argument that is wrong in itself or next to the others.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Usage(String);

/// The error of an argument that is wrong.
pub(crate) fn usage(what: impl Into<String>) -> anyhow::Error {
    Usage(what.into()).into()
}

/// The error of a file that cannot be written; neither data nor arguments are to blame.
pub(crate) fn unwritten(path: &Path) -> impl FnOnce(std::io::Error) -> anyhow::Error {
    let what = format!("cannot write {}", visible(path.display()));
    move |source| anyhow::Error::new(source).context(what)
}

pub(crate) fn code(error: &anyhow::Error) -> u8 {
    error.chain().find_map(code_of).unwrap_or(OTHER)
}

fn code_of(cause: &(dyn std::error::Error + 'static)) -> Option<u8> {
    if cause.is::<Usage>() {
        return Some(USAGE);
    }
    if let Some(error) = cause.downcast_ref::<ranks::Error>() {
        return matches!(error, ranks::Error::Division { .. } | ranks::Error::Differs { .. })
            .then_some(USAGE);
    }
    if let Some(error) = cause.downcast_ref::<train::Error>() {
        return match error {
            train::Error::Ranks(error) => code_of(error),
            train::Error::Diverged { .. } => Some(DIVERGED),
            train::Error::Checkpoint { .. } => Some(CHECKPOINT),
            train::Error::Run(error) => code_of(error),
            train::Error::Data(_) => Some(DATA),
            _ => None,
        };
    }
    if let Some(error) = cause.downcast_ref::<experiment::Error>() {
        return match error {
            experiment::Error::Parse { .. }
            | experiment::Error::Read { .. }
            | experiment::Error::Field { .. }
            | experiment::Error::Unknown { .. }
            | experiment::Error::Input { .. }
            | experiment::Error::Memory { .. }
            | experiment::Error::Network { .. } => Some(USAGE),
            experiment::Error::Resolved(_) => Some(CHECKPOINT),
            experiment::Error::Data(error) => code_of(error),
            experiment::Error::Encode(error) => code_of(&**error),
            experiment::Error::Exchange(error) => code_of(error),
            experiment::Error::Train(error) => code_of(error),
            experiment::Error::Run(error) => code_of(error),
            _ => None,
        };
    }
    if let Some(error) = cause.downcast_ref::<exchange::Error>() {
        let unwritten = matches!(error, exchange::Error::Write(_));
        return Some(if unwritten { OTHER } else { USAGE });
    }
    if let Some(error) = cause.downcast_ref::<datasets::Error>() {
        return Some(match error {
            datasets::Error::UnknownDataset { .. } | datasets::Error::UnknownPartition { .. } => {
                USAGE
            }
            _ => DATA,
        });
    }
    if let Some(error) = cause.downcast_ref::<encode::Error>() {
        return Some(if matches!(error, encode::Error::Core(_)) { USAGE } else { DATA });
    }
    if let Some(error) = cause.downcast_ref::<core::Error>() {
        return match error {
            core::Error::Unknown { .. }
            | core::Error::Setting { .. }
            | core::Error::Device { .. } => Some(USAGE),
            core::Error::Parameters { .. } => Some(CHECKPOINT),
            _ => None,
        };
    }
    let error = cause.downcast_ref::<run::RunError>()?;
    // The system refuses to write what is not there yet; what it refuses to read is damaged.
    let unwritten = matches!(error, run::RunError::Io { action, .. } if !READING.contains(action));
    Some(if unwritten { OTHER } else { CHECKPOINT })
}

/// What a run directory was asked for when it is to be read.
const READING: [&str; 2] = ["open", "read"];

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn a_file_of_another_library_is_an_argument_until_it_is_written() {
        let path = || PathBuf::from("net.pth");
        let cases = [
            (exchange::Error::File { path: path(), what: "damaged".into() }, USAGE),
            (exchange::Error::Write(run::RunError::Locked { path: path() }), OTHER),
        ];
        let visited = cases.len();
        for (error, expected) in cases {
            let words = error.to_string();
            assert_eq!(code(&experiment::Error::from(error).into()), expected, "{words}");
        }
        assert_eq!(visited, 2);
    }

    #[test]
    fn a_device_without_memory_says_what_to_lower() {
        let text = "DriverError(CUDA_ERROR_OUT_OF_MEMORY, \"out of memory\")";
        let words = |text: &str| {
            let source = core::Error::Candle(candlewick::candle::Error::Msg(text.to_owned()));
            in_words(&anyhow::Error::new(source.in_layer("block2")))
        };
        let used_up = words(text);
        assert!(used_up.starts_with("layer block2: ") && used_up.contains("lower `input.batch"));
        assert_eq!(words("shape mismatch"), "layer block2: shape mismatch");
    }

    /// A full disk leaves nothing damaged.
    #[test]
    fn a_run_that_cannot_be_written_is_not_damaged() {
        let cases = [
            ("append to", OTHER),
            ("create", OTHER),
            ("replace", OTHER),
            ("write", OTHER),
            ("open", CHECKPOINT),
            ("read", CHECKPOINT),
        ];
        for (action, expected) in cases {
            let (path, source) = ("run".into(), std::io::ErrorKind::StorageFull.into());
            let error = train::Error::from(run::RunError::Io { action, path, source });
            assert_eq!(code(&experiment::Error::from(error).into()), expected, "{action}");
        }
        assert_eq!(cases.len(), 6);
    }
}
