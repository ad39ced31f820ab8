//! Progress bars: one per run, with loss, accuracy, images per second and time left.

use std::io::IsTerminal;
use std::time::Duration;

use candlewick::train::{Event, Progress, StepProgress, health};
use indicatif::{HumanDuration, MultiProgress, ProgressBar, ProgressStyle};

use crate::{output, ranks};

/// The bars of all runs; lines of text where standard error is not a terminal.
#[derive(Clone, Debug)]
pub(crate) struct Bars {
    all: MultiProgress,
    terminal: bool,
}

impl Bars {
    pub(crate) fn new() -> Self {
        Self { all: MultiProgress::new(), terminal: std::io::stderr().is_terminal() }
    }

    /// The bar of a run that begins, or resumes.
    pub(crate) fn run(&self, label: String, resumes: bool) -> Bar {
        let bar = (self.terminal && ranks::is_first()).then(|| {
            let style = ProgressStyle::with_template("{prefix:19!} {bar:8} {pos:>3}% {msg}")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            let bar = self.all.add(ProgressBar::new(100).with_style(style));
            bar.set_prefix(label.clone());
            bar
        });
        Bar { label, resumes, drawn: bar, all: self.all.clone() }
    }

    /// A line above the bars.
    pub(crate) fn say(&self, line: &str) {
        say(&self.all, self.terminal, line);
    }
}

fn say(all: &MultiProgress, terminal: bool, line: &str) {
    if !ranks::is_first() {
        return;
    }
    // A line above the bars is drawn by them, and goes to a terminal for sure.
    if !terminal || all.println(output::shown(format_args!("{line}"))).is_err() {
        noteln!("{line}");
    }
}

/// The progress of one run.
#[derive(Debug)]
pub(crate) struct Bar {
    label: String,
    resumes: bool,
    drawn: Option<ProgressBar>,
    all: MultiProgress,
}

impl Progress for Bar {
    fn event(&mut self, event: &Event<'_>) {
        match (event, &self.drawn) {
            (Event::Started { epoch, step, .. }, _) if epoch + *step as u32 > 0 => {
                let line = format!("{}: resumes after epoch {epoch}, step {step}", self.label);
                say(&self.all, self.drawn.is_some(), &line);
            }
            (Event::Started { .. }, _) if self.resumes => {
                let line = format!("{}: has no checkpoint yet and starts over", self.label);
                say(&self.all, self.drawn.is_some(), &line);
            }
            (Event::Step(report), Some(bar)) => {
                let steps = report.steps.max(1) as f64;
                let epochs = f64::from(report.epoch - 1) + report.step as f64 / steps;
                bar.set_position((100.0 * epochs / f64::from(report.epochs.max(1))) as u64);
                bar.set_message(message(report));
            }
            (Event::Epoch { metrics, timing }, bar) => {
                for warning in health::warnings(metrics) {
                    say(&self.all, bar.is_some(), &format!("{}: {warning}", self.label));
                }
                if bar.is_some() {
                    return;
                }
                let test = metrics.test.as_ref().map_or_else(String::new, |test| {
                    format!(", test accuracy {:.2} %", 100.0 * test.accuracy)
                });
                let line = format!(
                    "{}: epoch {}: loss {:.4}, accuracy {:.2} %{test}, {:.1} s",
                    self.label,
                    metrics.epoch,
                    metrics.train.loss,
                    100.0 * metrics.train.accuracy,
                    timing.train_seconds,
                );
                say(&self.all, false, &line);
            }
            _ => {}
        }
    }
}

/// What a bar says beside itself, so that both fit into 80 columns.
fn message(report: &StepProgress) -> String {
    let StepProgress { epoch, epochs, loss, accuracy, images_per_second, seconds_left, .. } =
        report;
    let left = HumanDuration(Duration::from_secs_f64(seconds_left.clamp(0.0, 1e9)));
    format!(
        "{epoch}/{epochs} loss {loss:.3} {:.1} % {images_per_second:.0} img/s {left:#} left",
        100.0 * accuracy
    )
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Some(bar) = &self.drawn {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The label of 19 columns, the bar of 8, the share of 4 and three spaces leave 46.
    #[test]
    fn a_bar_and_its_message_fit_into_80_columns() {
        let report = StepProgress {
            epoch: 300,
            epochs: 300,
            step: 1,
            steps: 2,
            loss: 2.3456,
            accuracy: 0.9876,
            learning_rate: 0.1,
            images_per_second: 12_345.6,
            seconds_left: 86_399.0,
        };
        let message = message(&report);
        assert_eq!(message, "300/300 loss 2.346 98.8 % 12346 img/s 24h left");
        assert!(message.chars().count() <= 46, "{message}");
    }
}
