//! Which tensor of a file belongs to which parameter, said by the user.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{Error, Result};

/// A name map, in TOML.
///
/// ```toml
/// # Names of the file that are left out: a tensor, or a layer with all of its tensors.
/// ignore = ["head"]
///
/// [names]
/// # A layer of candlewick = the layer of the file with the same tensors,
/// "stem" = "conv1"
/// "stem.normalization" = "bn1"
/// # or a single parameter = a single tensor.
/// "classifier.weight" = "fc.weight"
/// ```
///
/// ```
/// use candlewick_exchange::NameMap;
///
/// let map = NameMap::parse("ignore = ['head']\nnames.stem = 'conv1'", "map.toml")?;
/// assert_eq!((&map.names["stem"][..], &map.ignore[..]), ("conv1", &["head".to_owned()][..]));
/// # Ok::<(), candlewick_exchange::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NameMap {
    /// Layer or parameter of candlewick, and layer or tensor of the file.
    pub names: BTreeMap<String, String>,
    /// Layers and tensors of the file that are left out.
    pub ignore: Vec<String>,
}

impl NameMap {
    /// Reads a map; `name` is named in errors.
    ///
    /// # Errors
    /// With line and column, if the text is not such a map.
    pub fn parse(text: &str, name: &str) -> Result<Self> {
        toml::from_str(text)
            .map_err(|source| Error::Parse { name: name.into(), source: Box::new(source) })
    }
}
