//! From samples to `[T, B, …]`: encoders, augmentation and the prefetching loader.
//!
//! A sample becomes [`Frames`] in the order time, row, column, channel (for event recordings as an
//! [`EventInput`] says); an [`Augmentation`] changes
//! them, the same way for all frames of a sample; an [`Encoder`] turns them into the input of the
//! network; a [`Loader`] does so on worker threads and hands out [`Batch`]es in a fixed order.
//!
//! ```
//! use std::sync::Arc;
//! use candlewick_core::Key;
//! use candlewick_datasets::{Split, open};
//! use candlewick_encode::{Device, Loader, Settings};
//!
//! let digits = Arc::from(open("digits", Split::Train, None)?);
//! let settings = Settings { batch_size: 32, shuffle: true, ..Settings::new(Key::new(7)) };
//! let loader = Loader::new(digits, settings, Device::Cpu)?;
//! for batch in loader.epoch(0, 0)?.take(2) {
//!     let batch = batch?;
//!     assert_eq!(batch.input.dims(), [1, 32, 8, 8, 1]);
//!     assert_eq!(batch.labels.dims(), [32]);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod augment;
mod cache;
pub mod encoder;
mod error;
pub mod event;
mod frames;
mod image_input;
pub mod loader;
pub mod mix;

pub use augment::{AnyAugment, Augment, Augmentation};
pub use candle_core::Device;
pub use encoder::{AnyEncoder, Encoder};
pub use error::{Error, Result};
pub use event::{AnyRepresentation, EventInput, Eventizer, Outside, Represent};
pub use frames::{FrameShape, Frames};
pub use image_input::{ImageInput, resized};
pub use loader::{Batch, Batches, Loader, Mixed, Settings};
pub use mix::{AnyMix, Mix};
