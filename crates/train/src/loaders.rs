//! The choice of a loader by its time steps, and what can be wrong with it.

use candlewick_core::Error as CoreError;
use candlewick_encode::{Batch, Loader};

use crate::error::{Error, Result};

/// The first loader whose input fits to T time steps: it has T of them, or one for all.
pub(crate) fn fitting(loaders: &[Loader], time_steps: usize) -> Result<&Loader> {
    let fits = |loader: &&Loader| [1, time_steps].contains(&loader.input_steps());
    loaders.iter().find(fits).ok_or_else(|| {
        let steps: Vec<String> =
            loaders.iter().map(|loader| loader.input_steps().to_string()).collect();
        Error::Core(CoreError::Setting {
            field: "time steps of the input".into(),
            expected: format!("{time_steps}, or 1 for all steps"),
            got: if steps.is_empty() { "no data".into() } else { steps.join(", ") },
        })
    })
}

/// An error of the loader.
pub(crate) fn failed(error: candlewick_encode::Error) -> Error {
    Error::Data(Box::new(error))
}

/// The labels `[B]` by which training accuracy is counted: of mixed samples those of the larger
/// share.
pub(crate) fn main_labels(batch: &Batch) -> Result<Vec<u32>> {
    let labels = match &batch.mixed {
        Some(mixed) if mixed.share < 0.5 => &mixed.labels,
        _ => &batch.labels,
    };
    Ok(labels.to_vec1()?)
}

/// Refuses logits of another number of time steps than the network was asked for.
pub(crate) fn same_time_steps(got: usize, expected: usize) -> Result<()> {
    if got == expected {
        return Ok(());
    }
    Err(Error::Core(CoreError::Shape {
        what: "time steps of the network's output".into(),
        expected: expected.to_string(),
        got: got.to_string(),
    }))
}
