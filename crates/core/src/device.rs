//! Where tensors live: `cpu`, `cuda:N` or `metal`.

use candle_core::{Device, DeviceLocation};

use crate::{Error, Result};

/// The device of that name: `"cpu"`, `"cuda"`, `"cuda:N"` or `"metal"`.
///
/// # Errors
/// If this build lacks the feature that the device needs, which is named, or the machine cannot use
/// the device, with the driver's message.
pub fn parse(name: &str) -> Result<Device> {
    let (kind, ordinal) = check(name)?;
    let device = match kind {
        "cuda" => Device::new_cuda(ordinal),
        "metal" => Device::new_metal(ordinal),
        _ => Ok(Device::Cpu),
    };
    device.map_err(|error| {
        // candle puts a backtrace behind the message of the driver.
        let reason = error.to_string().lines().next().unwrap_or_default().to_owned();
        Error::Device { device: name.into(), reason }
    })
}

/// The kind and the number of the device of that name, if this build can compute on it; this machine may lack it.
///
/// # Errors
/// If there is no device of such a name, or this build lacks the feature that it needs.
pub fn check(name: &str) -> Result<(&str, usize)> {
    let fail = |reason: String| Error::Device { device: name.into(), reason };
    let (kind, ordinal) = match name.split_once(':') {
        None => (name, 0),
        Some((kind, number)) => {
            (kind, number.parse().map_err(|_| fail(format!("`{number}` is not a device number")))?)
        }
    };
    match kind {
        "cuda" if !cfg!(feature = "cuda") => {
            Err(fail("this build has no CUDA; rebuild with `--features cuda`".into()))
        }
        "metal" if !cfg!(feature = "metal") => {
            Err(fail("this build has no Metal; rebuild with `--features metal`".into()))
        }
        "cpu" | "cuda" | "metal" => Ok((kind, ordinal)),
        _ => Err(fail("expected cpu, cuda, cuda:N or metal".into())),
    }
}

/// The devices that runs may be spread over: all of a machine for `"cuda"`, else the one of that name.
///
/// # Errors
/// As [`parse`].
pub fn all(name: &str) -> Result<Vec<Device>> {
    #[cfg(feature = "cuda")]
    if name == "cuda" {
        use candle_core::cuda_backend::cudarc::driver::CudaContext;

        let count = CudaContext::device_count().unwrap_or_default();
        return (0..count.max(1)).map(|ordinal| parse(&format!("cuda:{ordinal}"))).collect();
    }
    Ok(vec![parse(name)?])
}

/// The name of a device, from which [`parse`] makes the same.
pub fn name(device: &Device) -> String {
    match device.location() {
        DeviceLocation::Cpu => "cpu".to_owned(),
        DeviceLocation::Cuda { gpu_id } => format!("cuda:{gpu_id}"),
        DeviceLocation::Metal { .. } => "metal".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        assert!(parse("cpu").is_ok_and(|device| device.is_cpu() && name(&device) == "cpu"));
        assert!(all("cpu").is_ok_and(|devices| devices.len() == 1) && all("gpu").is_err());
        let mut refused = 0;
        for (name, reason) in [("gpu", "expected cpu"), ("cuda:x", "not a device number")] {
            assert!(parse(name).unwrap_err().to_string().contains(reason));
            assert!(check(name).unwrap_err().to_string().contains(reason));
            refused += 1;
        }
        assert_eq!(refused, 2);
        if cfg!(not(feature = "cuda")) {
            assert!(parse("cuda:0").unwrap_err().to_string().contains("--features cuda"));
        }
    }
}
