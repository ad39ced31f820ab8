//! Which tensor of a file each parameter takes.

use std::collections::BTreeSet;

use candlewick_datasets::visible;

use super::NameMap;
use super::layout::{Slot, split};
use super::state::StateDict;
use crate::Result;

/// Number of the array that each slot takes, and the names of arrays that the map ignores.
pub(crate) fn assign(
    slots: &[Slot<'_>],
    state: &StateDict,
    map: &NameMap,
) -> Result<(Vec<usize>, Vec<String>)> {
    let mut matching = Matching::new(slots, state);
    let ignored = matching.ignore(map)?;
    matching.by_map(map)?;
    if !matching.by_names() {
        matching.by_layers()?;
    }
    matching.leave_nothing()?;
    let taken = matching.taken.into_iter().flatten().collect();
    Ok((taken, ignored))
}

/// A name map to start from.
pub(crate) fn template(slots: &[Slot<'_>], state: &StateDict) -> String {
    let matching = Matching::new(slots, state);
    let mut found = Matching::new(slots, state);
    let known = found.by_names() || found.by_layers().is_ok();
    let mut lines = vec!["[names]".to_owned()];
    let theirs = matching.layers_of_the_file();
    let mut used = BTreeSet::new();
    for layer in matching.layers_of_the_network() {
        let candidates: Vec<&Layer> = theirs.iter().filter(|other| other.fits(&layer)).collect();
        let free = candidates.iter().find(|other| !used.contains(&other.name));
        let name = match (known, found.taken[layer.entries[0]]) {
            (true, Some(array)) => split(state.arrays[array].name()).0.to_owned(),
            _ => free.map_or_else(|| "?".to_owned(), |layer| layer.name.clone()),
        };
        let others: Vec<&str> = candidates.iter().map(|layer| layer.name.as_str()).collect();
        let comment = match others.len() {
            0 => format!("  # nothing fits {}", layer.shapes()),
            1 => String::new(),
            count if count > 6 => format!("  # or {} others", count - 1),
            _ => format!("  # of {}", visible(others.join(", "))),
        };
        // As TOML has it, whatever letters a file may have in its names.
        let [ours, theirs] = [&layer.name, &name].map(|name| toml::Value::from(name.as_str()));
        lines.push(format!("{ours} = {theirs}{comment}"));
        used.insert(name);
    }
    lines.join("\n") + "\n"
}

/// Parameters that share the path before their last name.
#[derive(Debug)]
struct Layer {
    name: String,
    /// Last names and shapes, by name.
    shapes: Vec<(String, Vec<usize>)>,
    /// Numbers of its slots or arrays, in the order of `shapes`.
    entries: Vec<usize>,
}

impl Layer {
    /// The layers of tensors given by name and shape, in the order of their first tensors.
    fn all(tensors: impl Iterator<Item = (usize, String, Vec<usize>)>) -> Vec<Self> {
        let mut layers: Vec<Self> = Vec::new();
        for (number, name, dims) in tensors {
            let (module, leaf) = split(&name);
            let at = layers.iter().position(|layer| layer.name == module).unwrap_or_else(|| {
                let (shapes, entries) = Default::default();
                layers.push(Self { name: module.to_owned(), shapes, entries });
                layers.len() - 1
            });
            let layer = &mut layers[at];
            let place = layer.shapes.partition_point(|(other, _)| other.as_str() < leaf);
            layer.shapes.insert(place, (leaf.to_owned(), dims));
            layer.entries.insert(place, number);
        }
        layers
    }

    fn fits(&self, other: &Self) -> bool {
        self.shapes.len() == other.shapes.len()
            && self
                .shapes
                .iter()
                .zip(&other.shapes)
                .all(|((name, dims), (other, wanted))| name == other && fits(dims, wanted))
    }

    fn shapes(&self) -> String {
        let shapes: Vec<String> =
            self.shapes.iter().map(|(name, dims)| format!("{name} {dims:?}")).collect();
        shapes.join(", ")
    }
}

/// Whether a tensor of the shape `found` can be that of the shape `wanted`: a scalar is a vector of one.
fn fits(found: &[usize], wanted: &[usize]) -> bool {
    found == wanted || (found.is_empty() && wanted == [1])
}

struct Matching<'a> {
    slots: &'a [Slot<'a>],
    state: &'a StateDict,
    taken: Vec<Option<usize>>,
    used: Vec<bool>,
}

impl<'a> Matching<'a> {
    fn new(slots: &'a [Slot<'a>], state: &'a StateDict) -> Self {
        Self { slots, state, taken: vec![None; slots.len()], used: vec![false; state.arrays.len()] }
    }

    /// The number of the array of that name.
    fn array(&self, name: &str) -> Option<usize> {
        self.state.arrays.iter().position(|array| array.names.iter().any(|other| other == name))
    }

    /// The numbers of the arrays of the layer of that name.
    fn arrays_below(&self, layer: &str) -> Vec<usize> {
        let below = |name: &String| {
            name.strip_prefix(layer).is_some_and(|rest| layer.is_empty() || rest.starts_with('.'))
        };
        let arrays = self.state.arrays.iter().enumerate();
        arrays
            .filter(|(_, array)| array.names.iter().any(below))
            .map(|(number, _)| number)
            .collect()
    }

    fn take(&mut self, slot: usize, array: usize) -> Result<()> {
        let (wanted, found) = (&self.slots[slot], &self.state.arrays[array]);
        if !fits(found.values.dims(), &wanted.dims) {
            return Err(self.state.fault(format!(
                "`{}` for `{}`: expected {:?}, found {:?}",
                found.name(),
                wanted.parameter.name,
                wanted.dims,
                found.values.dims(),
            )));
        }
        if self.used[array] {
            let what = format!("`{}` is mapped to more than one parameter", found.name());
            return Err(self.state.fault(what));
        }
        self.used[array] = true;
        self.taken[slot] = Some(array);
        Ok(())
    }

    fn ignore(&mut self, map: &NameMap) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for ignored in &map.ignore {
            let mut arrays = self.arrays_below(ignored);
            arrays.extend(self.array(ignored));
            if arrays.is_empty() {
                let what = format!("the map ignores `{ignored}`, which the file does not have");
                return Err(self.state.fault(what));
            }
            for array in arrays {
                if !std::mem::replace(&mut self.used[array], true) {
                    names.push(self.state.arrays[array].name().to_owned());
                }
            }
        }
        Ok(names)
    }

    fn by_map(&mut self, map: &NameMap) -> Result<()> {
        for (ours, theirs) in &map.names {
            let missing = |name: &str| {
                let what =
                    format!("the map has `{name}` for `{ours}`, which the file does not have");
                self.state.fault(what)
            };
            let named = |slot: &Slot<'_>| slot.parameter.name == *ours || slot.name == *ours;
            if let Some(slot) = self.slots.iter().position(named) {
                let array = self.array(theirs).ok_or_else(|| missing(theirs))?;
                self.take(slot, array)?;
                continue;
            }
            let slots: Vec<usize> = (0..self.slots.len())
                .filter(|&slot| split(&self.slots[slot].name).0 == ours)
                .collect();
            if slots.is_empty() {
                let what = format!(
                    "the map names `{ours}`, which is neither a layer nor a parameter of the network"
                );
                return Err(self.state.fault(what));
            }
            for slot in slots {
                let name = format!("{theirs}.{}", split(&self.slots[slot].name).1);
                let array = self.array(&name).ok_or_else(|| missing(&name))?;
                self.take(slot, array)?;
            }
        }
        Ok(())
    }

    /// Takes the arrays that have the names of the slots, if all that are left have one.
    fn by_names(&mut self) -> bool {
        let left: Vec<usize> =
            (0..self.slots.len()).filter(|&slot| self.taken[slot].is_none()).collect();
        let found: Vec<Option<usize>> = left
            .iter()
            .map(|&slot| self.array(&self.slots[slot].name).filter(|&array| !self.used[array]))
            .collect();
        if found.iter().any(Option::is_none) {
            return false;
        }
        left.into_iter()
            .zip(found.into_iter().flatten())
            .all(|(slot, array)| self.take(slot, array).is_ok())
    }

    fn layers_of_the_network(&self) -> Vec<Layer> {
        let left = self.slots.iter().enumerate().filter(|(slot, _)| self.taken[*slot].is_none());
        Layer::all(left.map(|(number, slot)| (number, slot.name.clone(), slot.dims.clone())))
    }

    fn layers_of_the_file(&self) -> Vec<Layer> {
        let left = self.state.arrays.iter().enumerate().filter(|(array, _)| !self.used[*array]);
        Layer::all(
            left.map(|(number, array)| {
                (number, array.name().to_owned(), array.values.dims().to_vec())
            }),
        )
    }

    /// By the order of the layers, or by shapes of which there is only one.
    fn by_layers(&mut self) -> Result<()> {
        let (ours, theirs) = (self.layers_of_the_network(), self.layers_of_the_file());
        let in_order = ours.len() == theirs.len()
            && theirs.iter().zip(&ours).all(|(found, wanted)| found.fits(wanted));
        let pairs: Vec<(&Layer, &Layer)> = if self.state.ordered && in_order {
            ours.iter().zip(&theirs).collect()
        } else {
            let mut pairs = Vec::new();
            for layer in &ours {
                let mut fitting = theirs.iter().filter(|other| other.fits(layer));
                match (fitting.next(), fitting.next()) {
                    (Some(found), None) => pairs.push((layer, found)),
                    _ => return Err(self.undecided(&ours, &theirs, layer)),
                }
            }
            pairs
        };
        for (wanted, found) in pairs {
            for (&slot, &array) in wanted.entries.iter().zip(&found.entries) {
                self.take(slot, array)?;
            }
        }
        Ok(())
    }

    /// Why `layer` cannot be found.
    fn undecided(&self, ours: &[Layer], theirs: &[Layer], layer: &Layer) -> crate::Error {
        let fitting: Vec<String> = theirs
            .iter()
            .filter(|other| other.fits(layer))
            .map(|other| format!("`{}`", other.name))
            .collect();
        let parted = ours.iter().zip(theirs).find(|(wanted, found)| !found.fits(wanted));
        self.state.fault(match parted {
            Some((wanted, found)) if self.state.ordered => format!(
                "the order of the layers differs, so that a name map has to say which is which: for `{}` \
                 expected {}, found `{}` with {}",
                wanted.name,
                wanted.shapes(),
                found.name,
                found.shapes(),
            ),
            None if self.state.ordered => {
                let (wanted, found) = (ours.len(), theirs.len());
                format!("the network has {wanted} layers that no map names, the file {found}")
            }
            _ if fitting.is_empty() => {
                format!("no layer of the file fits `{}`: expected {}", layer.name, layer.shapes())
            }
            _ => format!(
                "the file does not tell the order of its layers, and `{}` ({}) could be any of {}: a name \
                 map has to say which",
                layer.name,
                layer.shapes(),
                fitting.join(", "),
            ),
        })
    }

    /// Nothing is ignored in silence.
    fn leave_nothing(&self) -> Result<()> {
        let open = self.taken.iter().position(Option::is_none);
        if let Some(slot) = open {
            let what = format!("no tensor for `{}`", self.slots[slot].parameter.name);
            return Err(self.state.fault(what));
        }
        let arrays = self.state.arrays.iter().zip(&self.used);
        let left: Vec<String> = arrays
            .filter(|(_, used)| !**used)
            .map(|(array, _)| format!("`{}` {:?}", array.name(), array.values.dims()))
            .collect();
        if left.is_empty() {
            return Ok(());
        }
        Err(self.state.fault(format!(
            "{} belong to no parameter of the network, and no name map ignores them",
            left.join(", ")
        )))
    }
}
