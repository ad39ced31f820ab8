//! Factors on the widths of networks.

use candlewick_core::{Error, Result};

/// The function that scales a number of channels of `network` by `width`, to 1 at least; 0 stays 0,
/// which no layer takes.
///
/// # Errors
/// If `width` is not a number above 0.
pub(crate) fn scaling(network: &str, width: f32) -> Result<impl Fn(usize) -> usize> {
    if !(width.is_finite() && width > 0.0) {
        return Err(Error::Setting {
            field: format!("network.{network}.width"),
            expected: "a number above 0".into(),
            got: width.to_string(),
        });
    }
    Ok(move |channels: usize| {
        ((channels as f32 * width).round() as usize).max(usize::from(channels > 0))
    })
}
