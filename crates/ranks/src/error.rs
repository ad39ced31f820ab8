//! What can go wrong between ranks.

/// An error between ranks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another rank has ended while this one waited for it.
    #[error("rank {rank} has ended")]
    Ended {
        /// Its number.
        rank: usize,
    },
    /// The ranks do not work on the same.
    #[error("{what} differs between ranks: {found} on rank {rank}, {expected} on rank 0")]
    Differs {
        /// What was compared.
        what: String,
        /// The first rank that differs.
        rank: usize,
        /// What rank 0 has.
        expected: String,
        /// What that rank has.
        found: String,
    },
    /// The shards cannot be divided evenly.
    #[error("train.shards: expected a multiple of the {ranks} ranks, got {shards}")]
    Division {
        /// Number of shards.
        shards: usize,
        /// Number of ranks.
        ranks: usize,
    },
    /// MPI cannot be used.
    #[error("{0}")]
    Mpi(String),
}

/// A result between ranks.
pub type Result<T> = std::result::Result<T, Error>;
