//! What ends a section of a check.

/// Result of the sections.
pub type Result<T, E = CheckError> = std::result::Result<T, E>;

/// What ended a section.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// The device, or an operation on it.
    #[error(transparent)]
    Device(#[from] candle_core::Error),
    /// A layer or a network.
    #[error(transparent)]
    Network(#[from] candlewick_core::Error),
    /// A recipe, or what it needs.
    #[error(transparent)]
    Experiment(#[from] candlewick_experiment::Error),
    /// A training step.
    #[error(transparent)]
    Step(#[from] candlewick_train::Error),
    /// The batches of a loader.
    #[error(transparent)]
    Loader(#[from] candlewick_encode::Error),
}
