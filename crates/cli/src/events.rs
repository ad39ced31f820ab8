//! `candlewick events info|view FILE`, and `candlewick data convert FILE`.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use candlewick::datasets::event::{
    Chunks, Format as FileFormat, Options, Summary, View, decode, detect, encode,
};
use candlewick::datasets::{Error, Events, Picture, file, visible};
use serde_json::{Number, Value, json};

use crate::arguments::{EventsCommand, Format, RecordingArguments};
use crate::exit;

pub(crate) fn run(command: &EventsCommand) -> Result<ExitCode> {
    match command {
        EventsCommand::Info { recording, allow_truncated, format } => {
            info(recording, *allow_truncated, *format)?;
        }
        EventsCommand::View { recording, out, frames } => {
            view(recording, out.as_deref(), usize::from(*frames))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The names of all formats.
fn known() -> String {
    FileFormat::ALL.iter().map(|format| format.name()).collect::<Vec<_>>().join(", ")
}

/// The format of a file, by its name on the command line or by its content.
pub(crate) fn format_of(arguments: &RecordingArguments) -> Result<FileFormat> {
    let path = &arguments.file;
    if let Some(name) = &arguments.decoder {
        return FileFormat::from_name(name)
            .ok_or_else(|| exit::usage(format!("unknown format `{name}`; known: {}", known())));
    }
    let mut start = Vec::new();
    file::open(path)?.take(4096).read_to_end(&mut start).map_err(io(path))?;
    detect(path, &start).with_context(|| {
        let path = visible(path.display());
        format!(
            "{path}: neither content nor name tells the format: give it with --as; known: {}",
            known()
        )
    })
}

/// An error of the file system as one of damaged or missing data.
fn io(path: &Path) -> impl Fn(std::io::Error) -> Error {
    let path = path.to_path_buf();
    move |source| Error::Io { path: path.clone(), source }
}

/// Reads `34x34`.
pub(crate) fn sensor(text: Option<&str>) -> Result<Option<(usize, usize)>> {
    let Some(text) = text else { return Ok(None) };
    let side = |text: &str| text.parse().ok().filter(|side| (1..=1 << 16).contains(side));
    match text.split_once('x').and_then(|(width, height)| side(width).zip(side(height))) {
        Some(size) => Ok(Some(size)),
        None => {
            Err(exit::usage(format!("--sensor: expected a size such as 34x34, found `{text}`")))
        }
    }
}

/// Reads a recording.
pub(crate) fn read(arguments: &RecordingArguments) -> Result<Events> {
    let path = &arguments.file;
    let (source, sensor) = (format_of(arguments)?, sensor(arguments.sensor.as_deref())?);
    Ok(decode(path, &file::read(path)?, source, sensor)?)
}

/// Reads a recording and writes it in another format.
pub(crate) fn convert(arguments: &RecordingArguments, to: &str, out: &Path) -> Result<ExitCode> {
    let target = FileFormat::from_name(to)
        .ok_or_else(|| exit::usage(format!("--to: unknown format `{to}`; known: {}", known())))?;
    let (source, events) = (format_of(arguments)?, read(arguments)?);
    std::fs::write(out, encode(&events, target)?).map_err(exit::unwritten(out))?;
    outln!("{}: {} events, {} to {}", out.display(), events.len(), source.name(), target.name());
    Ok(ExitCode::SUCCESS)
}

fn info(arguments: &RecordingArguments, allow_truncated: bool, format: Format) -> Result<()> {
    let (path, kind) = (&arguments.file, format_of(arguments)?);
    let options = Options { sensor: sensor(arguments.sensor.as_deref())?, allow_truncated };
    let mut chunks = Chunks::new(path, file::open(path)?, kind, options);
    let mut summary = Summary::new(kind);
    for piece in &mut chunks {
        summary.add(&piece?, kind);
    }
    print(&summary, chunks.truncated(), format);
    Ok(())
}

fn print(summary: &Summary, truncated: Option<&Error>, format: Format) {
    match format {
        Format::Json => outln!("{}", to_json(summary, truncated)),
        Format::Text => {
            let time =
                |time: Option<i64>| time.map_or("none".to_owned(), |time| format!("{time} µs"));
            outln!("format   {}", summary.format);
            outln!("sensor   {}×{}", summary.width, summary.height);
            outln!("events   {}", summary.count);
            outln!("time     {} to {}", time(summary.first_t), time(summary.last_t));
            outln!(
                "sums     x {}, y {}, p {}, t {}",
                summary.sum_x,
                summary.sum_y,
                summary.sum_p,
                summary.sum_t
            );
            for [x, y, t, p] in &summary.first {
                outln!("event    x {x}, y {y}, t {t}, p {p}");
            }
            if let Some(missing) = truncated {
                outln!("warning  {missing}");
            }
        }
    }
}

/// The sum of the times is a string where it does not fit into 64 bits.
fn to_json(summary: &Summary, truncated: Option<&Error>) -> Value {
    let sum_t = Number::from_i128(summary.sum_t);
    json!({
        "format": summary.format,
        "width": summary.width,
        "height": summary.height,
        "count": summary.count,
        "first_t": summary.first_t,
        "last_t": summary.last_t,
        "sum_x": summary.sum_x,
        "sum_y": summary.sum_y,
        "sum_p": summary.sum_p,
        "sum_t": sum_t.map_or_else(|| summary.sum_t.to_string().into(), Value::Number),
        "first_events": summary.first,
        "truncated": truncated.map(Error::to_string),
    })
}

fn view(arguments: &RecordingArguments, out: Option<&Path>, frames: usize) -> Result<()> {
    const CENTISECONDS: u16 = 7;
    let (path, kind) = (&arguments.file, format_of(arguments)?);
    let out = out.map_or_else(
        || {
            let mut name = PathBuf::from(path.file_name().unwrap_or_default()).into_os_string();
            name.push(".gif");
            name.into()
        },
        Path::to_path_buf,
    );
    let extension = out.extension().map(|text| text.to_string_lossy().to_ascii_lowercase());
    let moving = match extension.as_deref() {
        Some("gif") => true,
        Some("png") => false,
        _ => {
            let found = out.display();
            return Err(exit::usage(format!(
                "--out: expected a name that ends in .gif or .png, found `{found}`"
            )));
        }
    };
    let bytes = file::read(path)?;
    let events = decode(path, &bytes, kind, sensor(arguments.sensor.as_deref())?)?;
    let view = View::new(&events, frames)?;
    // Small sensors are enlarged to about 256 pixels.
    let factor = (256 / events.width.max(events.height).max(1)).max(1);
    let picture = if moving {
        view.gif(factor, CENTISECONDS)?
    } else {
        let pictures = view.pictures((factor / 2).max(1));
        Picture::grid(&pictures, frames.isqrt().max(1), [96; 3]).png()?
    };
    std::fs::write(&out, picture).map_err(exit::unwritten(&out))?;
    outln!("{}: {} events in {frames} frames", out.display(), events.len());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_are_those_that_are_documented() {
        let mut summary = Summary::new(FileFormat::Atis);
        summary.sum_t = i128::MAX;
        let json = to_json(&summary, None);
        let keys: Vec<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
        let mut expected = [
            "format",
            "width",
            "height",
            "count",
            "first_t",
            "last_t",
            "sum_x",
            "sum_y",
            "sum_p",
            "sum_t",
            "first_events",
            "truncated",
        ];
        expected.sort_unstable();
        assert_eq!(keys, expected);
        assert_eq!(json["sum_t"], i128::MAX.to_string());
        assert_eq!((&json["first_t"], &json["truncated"]), (&Value::Null, &Value::Null));
    }

    #[test]
    fn sizes_of_sensors_are_read_or_refused() {
        assert_eq!(sensor(Some("34x28")).unwrap(), Some((34, 28)));
        assert!(sensor(Some("34")).is_err() && sensor(Some("0x4")).is_err());
    }

    #[test]
    fn a_device_is_refused_by_name() {
        let file = PathBuf::from("/dev/zero");
        let arguments = RecordingArguments { file, decoder: Some("atis".into()), sensor: None };
        let text = info(&arguments, false, Format::Json).unwrap_err().to_string();
        assert_eq!(text, "/dev/zero: expected a regular file, found a device");
        let arguments = RecordingArguments { decoder: None, ..arguments };
        assert_eq!(format_of(&arguments).unwrap_err().to_string(), text);
    }

    #[test]
    fn a_cut_file_is_an_error_or_a_warning() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.bin");
        std::fs::write(&file, [18, 16, 0x80, 0x03, 0x7d, 1, 2]).unwrap();
        let arguments = RecordingArguments { file, decoder: None, sensor: None };
        let error = info(&arguments, false, Format::Text).unwrap_err();
        let text = error.to_string();
        assert!(text.ends_with("2 bytes after the last (1 events before the cut)"), "{text}");
        info(&arguments, true, Format::Text).unwrap();
        let json = to_json(&Summary::new(FileFormat::Atis), error.downcast_ref());
        assert_eq!(json["truncated"], text);
    }

    #[test]
    fn a_file_becomes_a_picture() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.bin");
        std::fs::write(&file, [18, 16, 0x80, 0x03, 0x7d, 1, 2, 0, 4, 5]).unwrap();
        let arguments = RecordingArguments { file, decoder: None, sensor: Some("34x34".into()) };
        info(&arguments, false, Format::Json).unwrap();
        let mut visited = 0;
        for (name, start) in [("a.gif", &b"GIF89a"[..]), ("a.png", b"\x89PNG")] {
            let out = folder.path().join(name);
            view(&arguments, Some(&out), 4).unwrap();
            assert!(std::fs::read(&out).unwrap().starts_with(start));
            visited += 1;
        }
        assert_eq!(visited, 2);
        assert!(view(&arguments, Some(Path::new("a.bmp")), 4).is_err());
        let out = folder.path().join("a.aedat");
        convert(&arguments, "aedat3", &out).unwrap();
        assert_eq!(
            format_of(&RecordingArguments { file: out, ..arguments }).unwrap(),
            FileFormat::Aedat3
        );
    }
}
