//! Data sets of images.

pub(crate) mod cifar;
pub(crate) mod folder;
pub mod idx;
mod in_memory;
mod jpeg;
pub(crate) mod mnist;

pub use in_memory::InMemory;
