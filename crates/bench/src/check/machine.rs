//! What the machine is that a check runs on.

use candlewick_experiment::processor;
use candlewick_run::CheckTable;

use super::{DeviceCheck, Findings, Result, Target};

/// Names the device, as far as its driver tells, and this build of candlewick.
///
/// # Errors
/// If the driver refuses an answer.
pub fn check_machine(check: &DeviceCheck, features: &[String]) -> Result<Findings> {
    let mut table = CheckTable::new(&["what", "is"]);
    let mut row = |name: &str, value: String| table.rows.push(vec![name.into(), value.into()]);
    let mut sentence = String::new();
    match &check.target {
        Target::Host => {
            row(
                "device",
                "none: the kernels are compiled by the C compiler and run on the host".into(),
            );
            sentence.push_str("no device: the kernels run on the host, and nothing is timed.");
        }
        Target::Device(device) => {
            for (name, value) in of_device(device)? {
                if name == "device" {
                    sentence = format!("{value}.");
                }
                row(name, value);
            }
        }
    }
    row("processor", processor().unwrap_or_else(|| "not told".to_owned()));
    row("system", format!("{} {}", std::env::consts::OS, std::env::consts::ARCH));
    row("candlewick", env!("CARGO_PKG_VERSION").to_owned());
    let features = if features.is_empty() { "none".to_owned() } else { features.join(", ") };
    row("features", features);
    let precision = "f32 unless a row says otherwise; tf32 and bf16 round the operands of products, and sums stay f32";
    row("precision", precision.to_owned());
    Ok(Findings { sentence, tables: vec![table], ..Findings::default() })
}

/// What CUDA tells of a device.
#[cfg(feature = "cuda")]
fn of_device(device: &candle_core::Device) -> Result<Vec<(&'static str, String)>> {
    use candle_core::cuda_backend::WrapErr;
    use candle_core::cuda_backend::cudarc::driver::sys::CUdevice_attribute;

    let candle_core::Device::Cuda(cuda) = device else {
        return Ok(vec![("device", format!("{:?}", device.location()))]);
    };
    let stream = cuda.cuda_stream();
    let context = stream.context();
    let (major, minor) = context.compute_capability().w()?;
    let (free, total) = context.mem_get_info().w()?;
    let processors = CUdevice_attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT;
    let clock = CUdevice_attribute::CU_DEVICE_ATTRIBUTE_CLOCK_RATE;
    let gib = |bytes: usize| format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30));
    Ok(vec![
        ("device", context.name().w()?),
        ("compute capability", format!("{major}.{minor}")),
        ("multiprocessors", context.attribute(processors).w()?.to_string()),
        ("clock", format!("{} MHz", context.attribute(clock).w()? / 1000)),
        ("memory", format!("{}, of which {} are free", gib(total), gib(free))),
        ("driver", driver().unwrap_or_else(|| "not told".to_owned())),
    ])
}

/// What the driver's module in the kernel says of itself.
#[cfg(feature = "cuda")]
fn driver() -> Option<String> {
    let text = std::fs::read_to_string("/proc/driver/nvidia/version").ok()?;
    let line = text.lines().next()?;
    Some(line.trim_start_matches("NVRM version:").split_whitespace().collect::<Vec<_>>().join(" "))
}

#[cfg(not(feature = "cuda"))]
#[expect(clippy::unnecessary_wraps, reason = "the same signature with every feature")]
fn of_device(device: &candle_core::Device) -> Result<Vec<(&'static str, String)>> {
    Ok(vec![("device", format!("{:?}", device.location()))])
}
