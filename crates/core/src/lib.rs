//! Common vocabulary on top of candle: time and batch axes, seeded random streams, ordered parameters.
//!
//! Activations are channels-last and lead with time and batch: `[T, B, H, W, C]` or `[T, B, N]`.

pub mod allocator;
pub mod axes;
pub mod component;
pub mod device;
mod error;
pub mod gradient_check;
pub mod host;
pub mod initializer;
pub mod own;
pub mod parameters;
mod registry;
pub mod value;
pub mod weight_rule;

pub use candlewick_kernels::{random, simd};
pub use error::{Error, Result};
pub use random::Key;
#[doc(hidden)]
pub use schemars;
