//! Event recordings: decoders, writers, and data sets made of them.
//!
//! [`decode`] turns the bytes of a file into [`Events`], [`Chunks`] does it piece by piece, and
//! [`encode`] writes the formats in which fixtures and other programs' input are made.
//! [`detect`] tells the [`Format`] of a file from its first bytes and its name.

mod aedat1;
mod aedat2;
mod aedat3;
mod aedat4;
mod atis;
mod chunks;
pub(crate) mod cifar10_dvs;
mod clock;
mod decoder;
pub(crate) mod dvs128_gesture;
mod dvs_model;
mod event_stream;
pub(crate) mod fashion_mnist_dvs;
pub(crate) mod folder;
mod format;
#[cfg(feature = "hdf5")]
mod hdf5;
mod header;
pub(crate) mod n_caltech101;
pub(crate) mod nmnist;
mod numpy;
mod prophesee;
pub(crate) mod recordings;
pub(crate) mod shd;
mod summary;
mod view;
mod zip;

pub use chunks::Chunks;
pub(crate) use decoder::Fault;
pub use dvs_model::DvsModel;
pub use format::{
    Decoded, EXTENSIONS, Format, Options, decode, decode_with, detect, encode, stated_sensor,
};
pub(crate) use format::{detect_in, read_recording};
pub use recordings::Recordings;
pub use summary::Summary;
pub use view::View;

use crate::Events;
