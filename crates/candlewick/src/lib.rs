//! Direct training of deep spiking neural networks (SNNs) on candle: back-propagation through time with
//! surrogate gradients.
//!
//! A network of LIF neurons learns handwritten digits, with the loss of TET, in a few seconds:
//!
//! ```
//! use candlewick::candle::Device;
//! use candlewick::core::{Key, parameters::seeded};
//! use candlewick::methods::{Methods, Tet};
//! use candlewick::network::Network;
//! use candlewick::train::{Data, Trainer, optimizer::AdamW};
//!
//! // Handwritten digits of 8×8 pixels, embedded; each is shown for T = 4 steps.
//! let data = Data::open("digits")?.batch_size(32).time_steps(4);
//! let mut methods = Methods::new().with(Tet::default());
//! let network = Network::spec("16C3-AP2-FC10") // LIF neurons, a triangle as surrogate derivative
//!     .methods(&methods)
//!     .build(data.features()?, data.classes(), seeded(&Device::Cpu, Key::new(1)))?;
//! let optimizer = AdamW { learning_rate: 5e-3, ..AdamW::default() };
//! let trainer = Trainer::new(&network, &mut methods).optimizer(optimizer).epochs(4);
//! let summary = trainer.fit(&data)?.summary().cloned().expect("nobody stops it");
//! println!("test accuracy {:.1} %", 100.0 * summary.accuracy.final_epoch);
//! # assert!(summary.accuracy.final_epoch > 0.9);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Map
//!
//! Data flows from [`datasets`] through [`encode`], [`network`] (of [`neuron`] and [`surrogate`]) and [`methods`]
//! to [`train`]. Time is axis 0 and batch axis 1 throughout: inputs `[T, B, H, W, C]` or `[T, B, N]`, logits
//! `[T, B, K]`.
//!
//! | module | what it is for | start with |
//! |---|---|---|
//! | [`surrogate`] | surrogate derivatives, and the spike of any tensor | [`spike`](surrogate::spike), [`Triangle`](surrogate::Triangle), [`Arctan`](surrogate::Arctan) |
//! | [`neuron`] | neurons, and the fused operation over all time steps | [`Neurons`](neuron::Neurons), [`Lif`](neuron::Lif), [`Preset`](neuron::Preset) |
//! | [`network`] | layers, blocks, networks, streams | [`Network`](network::Network), [`Spec`](network::Spec), [`Stream`](network::Stream) |
//! | [`methods`] | losses and the published training methods | [`Methods`](methods::Methods), [`Tet`](methods::Tet), [`CrossEntropy`](methods::CrossEntropy) |
//! | [`datasets`] | data sets, and decoders of event recordings | [`open`](datasets::open), [`Events`](datasets::Events) |
//! | [`encode`] | from samples to `[T, B, …]`: encoders, event frames, augmentation, loader | [`Loader`](encode::Loader), [`EventInput`](encode::EventInput) |
//! | [`train`] | the loop, optimizers, schedules, checkpoints, evaluation | [`Data`](train::Data), [`Trainer`](train::Trainer), [`step`](fn@train::step) |
//! | [`ranks`] | several processes that train one network | [`Communicator`](ranks::Communicator), [`Shards`](ranks::Shards) |
//! | [`exchange`] | weights and graphs of other libraries: PyTorch, SpikingJelly, NIR | [`import`](exchange::import), [`nir`](exchange::nir) |
//! | [`experiment`] | recipes, tables, and trained networks to classify with | [`RawRecipe`](experiment::RawRecipe), [`Trained`](experiment::Trained) |
//! | [`run`] | what a run leaves behind: manifest, metrics, summary, reports | [`RunDirectory`](run::RunDirectory) |
//! | [`core`] | random streams, parameters, initial values, errors | [`Key`](core::Key), [`seeded`](core::parameters::seeded) |
//! | `candle`, `nn` | the `candle-core` and `candle-nn` that all of this is built on | [their pages](https://docs.rs/candle-core) |
//!
//! Each module is a crate that can be used alone: `candlewick::neuron` is `candlewick_neuron`, which is how the
//! examples on its pages name it.
//!
//! # Pages to start from
//!
//! Each has a whole program, which the tests run; they are in the folder `docs`.
//!
//! | page | what it shows |
//! |---|---|
//! | `from-snntorch.md`, `from-spikingjelly.md` | the first script of either library, side by side, and the names |
//! | `own-loop.md`, `own-neuron.md`, `own-layer.md` | a training loop, a neuron, a layer of your own |
//! | `own-method.md` | a method of your own against those of the papers |
//! | `deploy.md` | load a trained network, classify, follow a stream, export |
//!
//! # Speed of debug builds
//!
//! A debug build computes slowly unless what computes is optimized, in the manifest of the program:
//!
//! ```toml
//! # Neurons and surrogates of one's own are compiled into the scans within the program.
//! [profile.dev]
//! opt-level = 1
//!
//! [profile.dev.package]
//! candlewick-kernels.opt-level = 3
//! gemm-f32.opt-level = 3
//! ```

pub use candle_core as candle;
pub use candle_nn as nn;
#[doc(inline)]
pub use candlewick_core as core;
#[doc(inline)]
pub use candlewick_datasets as datasets;
#[doc(inline)]
pub use candlewick_device as device;
#[doc(inline)]
pub use candlewick_encode as encode;
#[doc(inline)]
pub use candlewick_exchange as exchange;
#[doc(inline)]
pub use candlewick_experiment as experiment;
#[doc(inline)]
pub use candlewick_methods as methods;
#[doc(inline)]
pub use candlewick_network as network;
#[doc(inline)]
pub use candlewick_neuron as neuron;
#[doc(inline)]
pub use candlewick_ranks as ranks;
#[doc(inline)]
pub use candlewick_run as run;
#[doc(inline)]
pub use candlewick_surrogate as surrogate;
#[doc(inline)]
pub use candlewick_train as train;

/// The programs of the README and of the pages are compiled and run as tests.
#[cfg(doctest)]
mod pages {
    #[doc = include_str!("../../../README.md")]
    struct Readme;

    #[doc = include_str!("../../../docs/deploy.md")]
    struct Deploy;

    #[doc = include_str!("../../../docs/from-snntorch.md")]
    struct FromSnntorch;

    #[doc = include_str!("../../../docs/from-spikingjelly.md")]
    struct FromSpikingjelly;

    #[doc = include_str!("../../../docs/own-layer.md")]
    struct OwnLayer;

    #[doc = include_str!("../../../docs/own-loop.md")]
    struct OwnLoop;

    #[doc = include_str!("../../../docs/own-neuron.md")]
    struct OwnNeuron;
}
