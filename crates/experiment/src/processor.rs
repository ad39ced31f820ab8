//! The processor by name, for manifests and reports.

use sysinfo::{CpuRefreshKind, RefreshKind, System};

/// The name that the processor gives itself, such as `AMD EPYC 7B13`; `None` if it has none.
pub fn processor() -> Option<String> {
    let kind = RefreshKind::nothing().with_cpu(CpuRefreshKind::nothing());
    let system = System::new_with_specifics(kind).ok()?;
    let name = system.cpus().first()?.brand().trim().to_owned();
    (!name.is_empty()).then_some(name)
}
