//! Kernels on devices: texts in CUDA C, compiled at run time, and the buffers that they work on.
//!
//! | type | what it is |
//! |---|---|
//! | [`Engine`] | compiles texts for a device, once each, and launches their kernels |
//! | [`Queue`] | an engine with an [`Arena`] of buffers: where the layers of a network launch |
//! | [`Floats`] | an array on the device, which returns to its arena when dropped |
//! | [`Precision`] | how matrix products round |
//! | [`pretend`] | runs a closure as if the CPU were such a device |
//!
//! The texts are those of `candlewick_kernels::cuda`. For a CUDA device they are compiled by NVRTC; to prove
//! them where no such device is, the machine's C compiler makes functions of them, which run on tensors of the
//! CPU, thread after thread: [`pretend`]. Both ways take the same calls with the same arguments.

mod arena;
mod argument;
#[cfg(feature = "cuda")]
mod cuda;
mod engine;
mod executed;
mod nvrtc;
mod operations;
mod precision;
mod product;
mod queue;
mod scan;

pub use arena::{Arena, Doubles, Floats};
pub use argument::Argument;
pub use engine::{Counts, Engine, pretend};
pub use executed::backwards;
pub use nvrtc::{Nvrtc, Usage};
pub use operations::{Adjusted, Affine, Counter, Through};
pub use precision::Precision;
pub use product::Matrix;
pub use queue::Queue;
pub use scan::{Current, RowSums, Scan, ScanBackward, ScanForward, Start};
