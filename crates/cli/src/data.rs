//! `candlewick data info|verify|check|fetch|convert`.

mod check;
mod fetch;

use std::process::ExitCode;

use anyhow::{Result, bail};
use candlewick::datasets::{Source, Verdict, find, origin, verify, visible};

use crate::arguments::DataCommand;
use crate::events;

pub(crate) fn run(command: &DataCommand) -> Result<ExitCode> {
    match command {
        DataCommand::Info { name } => {
            let (entry, _) = find(name)?;
            outln!("{}: {}", entry.name, entry.description);
            outln!("samples   {}", entry.shape);
            outln!("classes   {}", entry.classes);
            outln!("license   {}", entry.license);
            outln!("cite      {}", entry.citation);
            for choice in entry.choices {
                outln!("choice    {choice}");
            }
            for partition in entry.partitions {
                outln!("split     {}:{} ({})", entry.name, partition.name, partition.source);
            }
            match entry.source {
                Source::Embedded(files) => {
                    for file in files {
                        outln!("embedded  {} ({} bytes)", file.spec.path, file.spec.bytes);
                    }
                }
                Source::Folder { layout, .. } => outln!("folder    {layout}"),
            }
            if let Some(origin) = origin(entry.name) {
                outln!("page      {}", origin.page);
                for download in origin.downloads {
                    let url = download.url.unwrap_or("to be downloaded by hand from its page");
                    outln!("file      {} (MD5 {}): {url}", download.file, download.md5);
                }
            }
            Ok(ExitCode::SUCCESS)
        }
        DataCommand::Verify { name, data_dir } => {
            let (entry, _) = find(name)?;
            let checks = verify(entry, data_dir.as_deref())?;
            let mut bad = 0;
            for check in &checks {
                outln!("{}  {}", in_words(check.verdict), visible(check.path.display()));
                bad += usize::from(!check.verdict.is_good());
            }
            if bad > 0 {
                bail!(candlewick::datasets::Error::Io {
                    path: entry.name.into(),
                    source: std::io::Error::other(format!(
                        "{bad} of {} files are missing or differ",
                        checks.len()
                    )),
                });
            }
            Ok(ExitCode::SUCCESS)
        }
        DataCommand::Fetch { name, data_dir } => fetch::run(name, data_dir),
        DataCommand::Convert { recording, to, out } => events::convert(recording, to, out),
        DataCommand::Check { folder, sheet, name, allow_truncated } => {
            check::run(folder, name.as_deref(), sheet.as_deref(), *allow_truncated)
        }
    }
}

/// How a file or a split compares with the original.
fn in_words(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Equal => "equal   ",
        Verdict::SizeEqual => "size ok ",
        Verdict::Different => "differs ",
        Verdict::Missing => "missing ",
    }
}
