//! Ranks that train one network together: how they exchange values, and how a batch is divided among them.
//!
//! A batch consists of [`Shards`], whose number is a setting of the training. Each is computed by itself, as
//! a batch of its own, and what is summed over them is summed in an order that depends on their number alone
//! ([`Fold`]). So one process, or any number of ranks that divides the number of shards, computes the same
//! bits.

mod communicator;
mod error;
mod fold;
mod meeting;
mod shards;
mod threads;

pub use communicator::{Alone, Communicator};
pub use error::{Error, Result};
pub use fold::Fold;
pub use meeting::Seat;
pub use shards::{Shards, numbers};
pub use threads::ThreadRank;
