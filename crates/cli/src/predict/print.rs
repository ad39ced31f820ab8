//! Predictions as text, JSON or CSV.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use candlewick::experiment::Prediction;
use serde_json::{Value, json};

use super::{shown, width};
use crate::arguments::{PredictArguments, PredictFormat};
use crate::exit;

/// Prints predictions as they come, those in JSON at the end.
pub(super) struct Printer<'a> {
    format: PredictFormat,
    top: usize,
    classes: &'a [String],
    width: usize,
    json: Vec<Value>,
    files: usize,
    bad: usize,
}

impl<'a> Printer<'a> {
    pub(super) fn new(
        arguments: &PredictArguments,
        classes: &'a [String],
        files: &[PathBuf],
    ) -> Self {
        if arguments.format == PredictFormat::Csv {
            outln!("file,rank,class,name,probability");
        }
        Self {
            format: arguments.format,
            top: usize::from(arguments.top),
            classes,
            width: width(files),
            json: Vec::new(),
            files: files.len(),
            bad: 0,
        }
    }

    /// Prints what the network says of a file.
    pub(super) fn add(&mut self, path: &Path, prediction: &Prediction) {
        let top = prediction.top(self.top);
        let name = |class: usize| self.classes.get(class).map_or("", String::as_str);
        match self.format {
            PredictFormat::Text => {
                let words: Vec<_> = top
                    .iter()
                    .map(|&(class, share)| format!("{} {:.1} %", name(class), 100.0 * share))
                    .collect();
                outln!("{:<width$}  {}", shown(path), words.join(", "), width = self.width);
            }
            PredictFormat::Csv => {
                for (rank, &(class, share)) in top.iter().enumerate() {
                    let [file, name] = [&shown(path), name(class)].map(field);
                    outln!("{file},{},{class},{name},{share}", rank + 1);
                }
            }
            PredictFormat::Json => {
                let top: Vec<_> = top
                    .iter()
                    .map(|&(class, share)| {
                        json!({ "class": class, "name": name(class), "probability": share })
                    })
                    .collect();
                self.json.push(json!({
                    "file": shown(path),
                    "class": prediction.class,
                    "name": name(prediction.class),
                    "top": top,
                    "scores": prediction.scores,
                }));
            }
        }
    }

    /// Says why a file has no prediction.
    pub(super) fn bad(&mut self, path: &Path, error: &anyhow::Error) {
        self.bad += 1;
        let words = exit::in_words(error);
        noteln!("error: {words}");
        if self.format == PredictFormat::Json {
            self.json.push(json!({ "file": shown(path), "error": words }));
        }
    }

    /// The exit code, after what is left to print.
    pub(super) fn finish(self, run: &Path) -> ExitCode {
        if self.format == PredictFormat::Json {
            outln!("{}", json!({ "run": shown(run), "predictions": self.json }));
        }
        if self.bad == 0 {
            return ExitCode::SUCCESS;
        }
        noteln!("error: {} of {} files have no prediction", self.bad, self.files);
        ExitCode::from(exit::DATA)
    }
}

/// A field of CSV (RFC 4180, section 2).
fn field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::field;

    #[test]
    fn fields_are_quoted_where_they_must_be() {
        assert_eq!(field("a b"), "a b");
        assert_eq!(field("a,\"b\""), "\"a,\"\"b\"\"\"");
    }
}
