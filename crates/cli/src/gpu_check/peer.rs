//! The same training steps by SpikingJelly, on the same device.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use candlewick::run::{CheckCell, CheckTable};
use candlewick_bench::check::{DeviceCheck, Findings, StepTime};

use super::child;
use crate::arguments::GpuCheckArguments;

/// The script that measures it, which is also that of the comparison on the CPU.
const SCRIPT: &str = include_str!("../../../../benches/peers/bench.py");

/// Names of the networks here and in the script.
const NETS: [(&str, &str); 4] = [
    ("convnet", "convnet"),
    ("resnet-19", "resnet19"),
    ("sew-resnet-18", "sew18"),
    ("vggsnn", "vgg9"),
];

/// Precisions and back ends that are measured: the default of PyTorch's convolutions, and bf16.
const WAYS: [(&str, &str); 4] =
    [("tf32", "torch"), ("tf32", "triton"), ("bf16", "torch"), ("bf16", "triton")];

/// What is missing, in a sentence; `None` if the script can run.
pub(super) fn missing(python: &Path) -> Option<String> {
    let probe = "import torch, spikingjelly; print(torch.cuda.is_available())";
    let mut command = Command::new(python);
    let shown = python.display();
    let install = format!(
        "`pip install torch spikingjelly` installs what is needed, and `--python PROGRAM` names another Python than {shown}."
    );
    let done = match child::run(command.args(["-c", probe]), soon()) {
        Ok(done) => done,
        Err(error) => return Some(format!("{shown} cannot be started ({error}); {install}")),
    };
    match (done.code, done.output.trim()) {
        (Some(0), "True") => None,
        (Some(0), _) => Some(format!("the torch of {shown} sees no CUDA device; {install}")),
        _ => Some(format!("{shown} lacks torch or spikingjelly ({}); {install}", done.last_line())),
    }
}

/// When a program that does nothing but import has to be done.
fn soon() -> Instant {
    Instant::now() + Duration::from_mins(1)
}

/// Measures SpikingJelly's steps beside `ours`.
pub(super) fn check(
    arguments: &GpuCheckArguments,
    check: &DeviceCheck,
    ours: &[StepTime],
) -> Result<Findings, String> {
    // Under the name of a package, the script would import itself.
    let script = arguments.out.join("peer-step.py");
    fs::write(&script, SCRIPT)
        .map_err(|error| format!("cannot write {}: {error}", script.display()))?;
    let headers = [
        "network",
        "batch",
        "precision",
        "back end",
        "SpikingJelly, ms",
        "candlewick, ms",
        "times as fast",
    ];
    let mut table = CheckTable::new(&headers);
    let (mut notes, mut versions, mut late) = (Vec::new(), None, 0);
    for time in ours {
        for (_, backend) in WAYS.iter().filter(|(precision, _)| *precision == time.precision) {
            if Instant::now() >= check.until {
                late += 1;
                continue;
            }
            let theirs = measure(arguments, check, &script, time, backend);
            let theirs = theirs.map(|measured| {
                versions = Some(measured.versions);
                measured.seconds
            });
            if let Err(words) = &theirs {
                notes.push(format!("{}, {backend}: SpikingJelly failed: {words}.", name(time)));
            }
            let ours = time.outcome.as_ref().map(|(seconds, _)| *seconds);
            table.rows.push(row(time, backend, theirs.ok(), ours.ok()));
        }
    }
    if late > 0 {
        notes.push(format!("{late} further measurements were left out, since the time was up."));
    }
    notes.push(format!(
        "The script that ran SpikingJelly is {}; its layers see all time steps at once, in NCHW, and its bf16 is autocast, which holds activations in bf16 too.",
        script.display()
    ));
    let measured = table.rows.iter().any(|row| matches!(row[4], CheckCell::Number { .. }));
    if !measured {
        return Err(notes.remove(0).trim_end_matches('.').to_owned());
    }
    let sentence = format!("{}.", versions.unwrap_or_default());
    Ok(Findings { sentence, notes, tables: vec![table], ..Findings::default() })
}

fn name(time: &StepTime) -> String {
    format!("{}, batch {}, {}", time.net, time.batch, time.precision)
}

fn row(time: &StepTime, backend: &str, theirs: Option<f64>, ours: Option<f64>) -> Vec<CheckCell> {
    let cell = |seconds: Option<f64>| match seconds {
        Some(seconds) => CheckCell::number(1e3 * seconds, 2),
        None => "–".into(),
    };
    let ratio = theirs.zip(ours).map(|(theirs, ours)| CheckCell::number(theirs / ours, 2));
    vec![
        time.net.into(),
        CheckCell::count(time.batch as u64),
        time.precision.into(),
        backend.into(),
        cell(theirs),
        cell(ours),
        ratio.unwrap_or_else(|| "–".into()),
    ]
}

/// What the script measured.
struct Measured {
    seconds: f64,
    versions: String,
}

fn measure(
    arguments: &GpuCheckArguments,
    check: &DeviceCheck,
    script: &Path,
    time: &StepTime,
    backend: &str,
) -> Result<Measured, String> {
    let net = NETS.iter().find(|(ours, _)| *ours == time.net).map_or(time.net, |(_, net)| net);
    let mut command = Command::new(&arguments.python);
    command
        .arg(script)
        .args(["--lib", "spikingjelly", "--phase", "train", "--net", net])
        .args(["--batch", &time.batch.to_string(), "--timesteps", &time.time_steps.to_string()])
        .args(["--device", &arguments.device, "--backend", backend])
        .args(["--warmup", "11", "--steps", "20", "--max-seconds", "8"])
        .arg(format!("--{}", time.precision));
    if time.net == "sew-resnet-18" {
        command.args(["--classes", "1000", "--loss", "mean"]);
    }
    let done = child::run(&mut command, check.until).map_err(|error| error.to_string())?;
    if done.late {
        return Err("it was not done in time".to_owned());
    }
    let last = done.output.lines().last().unwrap_or_default();
    let value: serde_json::Value = serde_json::from_str(last).unwrap_or_default();
    let seconds = value["train_s"].as_f64().filter(|_| done.code == Some(0));
    let seconds = seconds.ok_or_else(|| done.last_line().trim_end_matches('.').to_owned())?;
    let text = |key: &str| value[key].as_str().unwrap_or("of an unknown version").to_owned();
    let versions = format!("SpikingJelly {} on torch {}", text("version"), text("torch"));
    Ok(Measured { seconds, versions })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_python_that_is_not_there_is_named() {
        let words = missing(Path::new("no-such-python")).unwrap_or_default();
        assert!(words.starts_with("no-such-python cannot be started"), "{words}");
        assert!(words.contains("pip install torch spikingjelly"), "{words}");
    }

    #[test]
    fn a_ratio_needs_both_times() {
        let time = StepTime {
            net: "convnet",
            batch: 32,
            time_steps: 4,
            precision: "tf32",
            outcome: Ok((0.002, 20)),
        };
        let shown = |row: Vec<CheckCell>| {
            row.iter().map(|cell| cell.shown().to_owned()).collect::<Vec<_>>().join(" ")
        };
        let both = shown(row(&time, "torch", Some(0.005), Some(0.002)));
        assert_eq!(both, "convnet 32 tf32 torch 5.00 2.00 2.50");
        let one = shown(row(&time, "triton", None, Some(0.002)));
        assert_eq!(one, "convnet 32 tf32 triton – 2.00 –");
    }

    #[test]
    fn the_script_knows_the_options() {
        let options = ["--device", "--backend", "--tf32", "--bf16", "--max-seconds"];
        for option in options {
            assert!(SCRIPT.contains(&format!("\"{option}\"")), "{option}");
        }
        assert_eq!(options.len(), 5);
    }
}
