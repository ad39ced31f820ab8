//! Data sets of images.

pub(crate) mod cifar;
pub(crate) mod folder;
pub mod idx;
mod in_memory;
mod jpeg;
pub(crate) mod mnist;
pub mod picture_file;
pub(crate) mod png;

pub use in_memory::InMemory;
