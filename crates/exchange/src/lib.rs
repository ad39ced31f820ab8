//! Import and export of models: state dicts of PyTorch, safetensors, NIR.
//!
//! [`StateDict`] reads what another library wrote; [`import`] gives its tensors to a network, by a
//! [`NameMap`] where names and order do not decide; [`pytorch`] exports them.
//!
//! | candlewick | PyTorch |
//! |---|---|
//! | convolution `weight` `[kernel_h, kernel_w, in, out]` | `weight` `[out, in, kernel_h, kernel_w]` |
//! | linear `weight` `[in, out]` | `weight` `[out, in]` |
//! | `gamma`, `beta` of a normalization | `weight`, `bias` |
//! | `running_mean`, `running_variance` | `running_mean`, `running_var` |
//!
//! Maps are flattened as C·H·W on both sides. `docs/exchange.md` has the limits.
//!
//! ```
//! use candle_core::Device;
//! use candlewick_core::{Key, parameters::seeded};
//! use candlewick_exchange::{NameMap, StateDict, import, pytorch};
//! use candlewick_network::{Features, Network};
//!
//! let image = Features::Map { height: 8, width: 8, channels: 1 };
//! let build = |seed| Network::spec("4C3-AP2-FC10").build(image, 10, seeded(&Device::Cpu, Key::new(seed)));
//! let (from, to) = (build(1)?, build(2)?);
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("net.safetensors");
//! # let path = path.as_path();
//! std::fs::write(path, pytorch(from.parameters(), path)?)?; // for safetensors.torch.load_file
//! let imported = import(to.parameters(), &StateDict::read(path, None)?, &NameMap::default())?;
//! assert_eq!(imported.pairs[0], ("convolution1.weight".into(), "convolution1.weight".into()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod layout;
mod matching;
mod name_map;
pub mod nir;
mod pickle;
mod state;
mod torch;

use std::fmt::Display;
use std::path::Path;

use candlewick_core::parameters::Parameters;
use candlewick_datasets::visible;

use layout::Slot;

pub use error::{Error, Result};
pub use layout::pytorch;
pub use name_map::NameMap;
pub use state::StateDict;

/// What an import did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// Name of each parameter in candlewick, and that of the tensor which it took.
    pub pairs: Vec<(String, String)>,
    /// Tensors of the file that were left out: counters of batches, and what the map ignores.
    pub left_out: Vec<String>,
}

/// Gives the tensors of `state` to `parameters`, permuted to the layout of candlewick.
///
/// What `map` does not name is matched by name if the file has the names of [`pytorch`], else by order and
/// shape if it tells an order, else by shapes that occur once.
///
/// # Errors
/// If a parameter gets no tensor, a tensor no parameter, shapes differ, more than one way is possible, a
/// number is not finite or a variance is negative; nothing is changed then.
pub fn import(parameters: &Parameters, state: &StateDict, map: &NameMap) -> Result<Imported> {
    let slots = Slot::all(parameters);
    let (taken, ignored) = matching::assign(&slots, state, map)?;
    let mut values = Vec::with_capacity(slots.len());
    let mut pairs = Vec::with_capacity(slots.len());
    for (slot, &array) in slots.iter().zip(&taken) {
        let array = &state.arrays[array];
        values.push(slot.take(&array.values).map_err(|error| state.fault(error))?);
        if let Some(what) = values.last().and_then(|values| slot.unsound(values)) {
            return Err(state.fault(format!("`{}`: {what}", array.name())));
        }
        pairs.push((slot.parameter.name.clone(), array.name().to_owned()));
    }
    for (slot, values) in slots.iter().zip(&values) {
        slot.parameter.variable.set(values).map_err(|error| state.fault(error))?;
    }
    let mut left_out = state.counters.clone();
    left_out.extend(ignored);
    Ok(Imported { pairs, left_out })
}

/// An error of a file, in which text from it is fit for a terminal.
pub(crate) fn fault(path: &Path, what: impl Display) -> Error {
    Error::File { path: path.into(), what: visible(what) }
}

/// A name map to start from: every layer of `parameters` with the layer of `state` that it would take, or
/// with those that fit.
pub fn template(parameters: &Parameters, state: &StateDict) -> String {
    matching::template(&Slot::all(parameters), state)
}
