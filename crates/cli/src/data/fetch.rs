//! `candlewick data fetch NAME`.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use candlewick::datasets::find;

#[cfg(feature = "download")]
pub(super) fn run(name: &str, root: &Path) -> Result<ExitCode> {
    use candlewick::datasets::fetch::{Patience, Step, fetch};

    let (entry, _) = find(name)?;
    let bar = indicatif::ProgressBar::no_length();
    let folder = fetch(entry, root, Patience::default(), &mut |step| match step {
        Step::Complete => bar.println(format!("{name}: everything is there")),
        Step::Transfer { file, done, size } => {
            if let Some(size) = size {
                bar.set_length(size);
            }
            bar.set_message(file.to_owned());
            bar.set_position(done);
        }
        Step::Retry { file, reason } => bar.println(format!("{file}: {reason}; again")),
        Step::Check(file) => bar.println(format!("{file}: comparing the checksum")),
        Step::Unpack(file) => bar.println(format!("{file}: unpacking")),
        _ => {}
    })?;
    bar.finish_and_clear();
    outln!("{name} is in {}", folder.display());
    Ok(ExitCode::SUCCESS)
}

#[cfg(not(feature = "download"))]
pub(super) fn run(name: &str, root: &Path) -> Result<ExitCode> {
    let (entry, _) = find(name)?;
    anyhow::bail!(
        "this program was built without the feature `download`; `candlewick data info {}` says what \
         to fetch, which belongs in {}",
        entry.name,
        root.display()
    )
}
