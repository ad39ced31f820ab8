//! NIR graphs: the Neuromorphic Intermediate Representation (Pedersen et al., Nature Communications 2024),
//! which other simulators and chips read and write.
//!
//! [`Graph::of`] makes a graph of a network, [`Graph::model`] what a network is built from;
//! `Graph::write` and `Graph::read`, with the feature `hdf5`, are the files of the Python package `nir`.
//!
//! NIR states neurons by differential equations, `τ dv/dt = (v_leak - v) + r·x`, and leaves their
//! discretization open. Here it is the forward Euler step of the length `dt`:
//!
//! ```text
//! v ← v + dt/τ · ((v_leak - v) + r·x)
//! leak = { decay = d }    τ = dt / (1 - d), r = τ / dt, v_leak = 0        v ← d·v + x
//! leak = { tau = t }      τ = t · dt,       r = 1,      v_leak = v_reset  v ← v + (x - (v - v_reset)) / t
//! without a leak          IF with r = 1 / dt                              v ← v + x
//! ```
//!
//! These are the choices of SpikingJelly and snnTorch as well.

#[cfg(feature = "hdf5")]
mod file;
mod from_network;
mod to_network;

use std::collections::BTreeMap;

pub use to_network::Model;

/// The step of time in seconds that SpikingJelly and snnTorch write.
pub const DT: f64 = 1e-4;

/// Numbers with a shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Sizes of the axes; none for a scalar.
    pub dims: Vec<usize>,
    /// The numbers, last axis first.
    pub values: Vec<f64>,
}

impl Array {
    /// The same number everywhere.
    pub(crate) fn full(dims: &[usize], value: f64) -> Self {
        Self { dims: dims.to_vec(), values: vec![value; dims.iter().product()] }
    }
}

/// A node of a graph. Shapes are without time and batch; maps are `[C, H, W]`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Node {
    /// Where the input comes in.
    Input {
        /// Its shape.
        shape: Vec<usize>,
    },
    /// Where the output leaves.
    Output {
        /// Its shape.
        shape: Vec<usize>,
    },
    /// A convolution of a map.
    Conv2d {
        /// Height and width of the input.
        input_shape: Option<[usize; 2]>,
        /// `[out, in, kernel_h, kernel_w]`.
        weight: Array,
        /// A value per output channel.
        bias: Array,
        /// Rows and columns between outputs.
        stride: [usize; 2],
        /// Rows and columns of zeros around.
        padding: [usize; 2],
        /// Rows and columns between the taps of the kernel.
        dilation: [usize; 2],
        /// Number of groups of channels.
        groups: usize,
    },
    /// A linear layer.
    Affine {
        /// `[out, in]`.
        weight: Array,
        /// A value per output; `Linear` in NIR if there is none.
        bias: Option<Array>,
    },
    /// The mean of windows.
    AvgPool2d {
        /// Rows and columns of a window.
        kernel_size: [usize; 2],
        /// Rows and columns between windows.
        stride: [usize; 2],
        /// Rows and columns of zeros around.
        padding: [usize; 2],
    },
    /// Axes become one.
    Flatten {
        /// The shape of the input.
        input_type: Vec<usize>,
        /// The first axis.
        start_dim: i64,
        /// The last axis; -1 for the last that there is.
        end_dim: i64,
    },
    /// Leaky integrate-and-fire neurons.
    Lif {
        /// Time constant in seconds.
        tau: Array,
        /// Factor of the input.
        r: Array,
        /// Where the potential leaks to.
        v_leak: Array,
        /// Above it they fire.
        v_threshold: Array,
        /// The potential after firing.
        v_reset: Array,
    },
    /// Integrate-and-fire neurons.
    If {
        /// Factor of the input per second.
        r: Array,
        /// Above it they fire.
        v_threshold: Array,
        /// The potential after firing.
        v_reset: Array,
    },
    /// Another node of NIR.
    Other {
        /// Its type.
        kind: String,
    },
}

/// An entry of the metadata of a graph.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
}

/// A graph: its nodes by name, and which follows which.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graph {
    /// The nodes.
    pub nodes: BTreeMap<String, Node>,
    /// From node to node.
    pub edges: Vec<(String, String)>,
    /// What NIR does not say itself. Ours says `dt`, `discretization`, `firing` and `v_initial`.
    pub metadata: BTreeMap<String, Entry>,
}

impl Graph {
    /// The number of that name in the metadata.
    pub(crate) fn number(&self, name: &str) -> Option<f64> {
        match self.metadata.get(name) {
            Some(Entry::Number(number)) => Some(*number),
            _ => None,
        }
    }

    /// The text of that name in the metadata.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        match self.metadata.get(name) {
            Some(Entry::Text(text)) => Some(text),
            _ => None,
        }
    }
}
