//! Semantics presets: the neuron and the surrogate that a library uses by default.
//!
//! Libraries differ silently in when a neuron fires, how it leaks and when it resets; the presets
//! name these sets of choices, and `golden/presets.py` tests each against its library.

use candlewick_core::{Error, Result};
use candlewick_surrogate::{AnySurrogate, Arctan, Sigmoid, SuperSpike, Triangle};

use crate::{AnyNeuron, DelayedResetLif, Firing, FiringRule, Leak, Lif, SynapticLif};

/// A neuron and a surrogate that belong together: the defaults of a library, or of a paper's code.
///
/// | name | update | spike | reset | surrogate |
/// |---|---|---|---|---|
/// | `msg` | `v ← v + (x - v)/2` | `v >= 0.5` | hard to 0 | [`Triangle`], γ = 0.5 |
/// | `norse` | `i ← 0.8·i + x`, `v ← v + (i - v)/10` | `v > 1` | hard to 0 | [`SuperSpike`], α = 1 |
/// | `snntorch` | `v ← 0.5·v + x - s[t-1]` | `v > 1` | by subtraction, one step late, detached | [`Arctan`], α = 2 |
/// | `spikingjelly` | `v ← v + (x - v)/2` | `v >= 1` | hard to 0 | [`Sigmoid`], α = 4 |
/// | `tet` | `v ← 0.5·v + x` | `v > 1` | hard to 0 | [`Triangle`], γ = 1 |
///
/// Each is compared with its library, or with the equations of the paper's code, forward and backward.
///
/// ```
/// use candlewick_neuron::Preset;
///
/// let preset = Preset::named("spikingjelly")?;
/// assert_eq!((preset.neuron.name(), preset.surrogate.name()), ("lif", "sigmoid"));
/// # Ok::<(), candlewick_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Preset {
    /// The name that recipes use.
    pub name: &'static str,
    /// Whose semantics these are.
    pub source: &'static str,
    /// The neuron.
    pub neuron: AnyNeuron,
    /// The derivative used in place of that of its spike.
    pub surrogate: AnySurrogate,
}

impl Preset {
    /// The names of the presets, in their order.
    pub const NAMES: &'static [&'static str] = &["msg", "norse", "snntorch", "spikingjelly", "tet"];

    /// All presets.
    pub fn all() -> Vec<Self> {
        vec![msg(), norse(), snntorch(), spikingjelly(), tet()]
    }

    /// The preset of that name.
    ///
    /// # Errors
    /// If there is none; the error lists the names.
    pub fn named(name: &str) -> Result<Self> {
        Self::all().into_iter().find(|preset| preset.name == name).ok_or_else(|| Error::Unknown {
            kind: "preset",
            name: name.into(),
            known: Self::NAMES.join(", "),
        })
    }
}

/// `m ← m + (x - m)/2`, threshold 0.5, `>=`, hard reset, reset not detached; "PL" with α = 2.
fn msg() -> Preset {
    let firing = Firing { v_threshold: 0.5, rule: FiringRule::AtOrAbove, ..Firing::default() };
    Preset {
        name: "msg",
        source: "the code of MSG (Brain-Cog-Lab/msg)",
        neuron: Lif { leak: Leak::Tau(2.0), firing }.into(),
        surrogate: Triangle { gamma: 0.5 }.into(),
    }
}

/// `i ← 0.8·i + x`, `v ← v + (i - v)/10`: rates of 200/s and 100/s in steps of 1 ms.
fn norse() -> Preset {
    let firing = Firing::default();
    Preset {
        name: "norse",
        source: "LIFCell() of Norse 1.1",
        neuron: SynapticLif { current_decay: 0.8, leak: Leak::Tau(10.0), firing }.into(),
        surrogate: SuperSpike::default().into(),
    }
}

/// `v ← beta·v + x - v_threshold·s[t-1]`, detached; `beta` has no default, 0.5 is its manual's.
fn snntorch() -> Preset {
    Preset {
        name: "snntorch",
        source: "Leaky(beta=0.5) of snnTorch 1.0",
        neuron: DelayedResetLif::default().into(),
        surrogate: Arctan { alpha: 2.0 }.into(),
    }
}

/// `v ← v + (x - v)/2`, `>=`, hard reset, not detached.
fn spikingjelly() -> Preset {
    let firing = Firing { rule: FiringRule::AtOrAbove, ..Firing::default() };
    Preset {
        name: "spikingjelly",
        source: "LIFNode() of SpikingJelly 2.0",
        neuron: Lif { leak: Leak::Tau(2.0), firing }.into(),
        surrogate: Sigmoid { alpha: 4.0 }.into(),
    }
}

/// `v ← 0.5·v + x`, `>`, hard reset, not detached.
fn tet() -> Preset {
    Preset {
        name: "tet",
        source: "the code of TET (Gus-Lab/temporal_efficient_training)",
        neuron: Lif { leak: Leak::Decay(0.5), firing: Firing::default() }.into(),
        surrogate: Triangle { gamma: 1.0 }.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_gives_its_preset_and_another_none() {
        let names: Vec<&str> = Preset::all().iter().map(|preset| preset.name).collect();
        assert_eq!(names, Preset::NAMES);
        let mut visited = 0;
        for preset in Preset::all() {
            assert_eq!(preset.neuron.problem(), None);
            assert_eq!(preset.surrogate.problem(), None);
            assert_eq!(Preset::named(preset.name).expect("a preset"), preset);
            visited += 1;
        }
        assert_eq!(visited, 5);
        let error = Preset::named("nengo").unwrap_err().to_string();
        assert!(error.contains("nengo") && error.contains("spikingjelly"), "{error}");
    }
}
