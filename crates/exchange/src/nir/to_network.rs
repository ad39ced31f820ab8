//! From a graph to what a network is built from.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::path::Path;

use candle_core::{Device, Tensor};
use candlewick_network::{Features, Spec};
use candlewick_neuron::{AnyNeuron, Firing, FiringRule, IntegrateAndFire, Leak, Lif, Reset};

use super::{Array, DT, Graph, Node};
use crate::{Error, Result};
use crate::{StateDict, fault};

/// A graph as candlewick builds networks: without a normalization, and with one neuron for all layers.
#[derive(Clone, Debug)]
pub struct Model {
    /// The shape of a sample at one time step.
    pub input: Features,
    /// Number of outputs.
    pub classes: usize,
    /// The network.
    pub network: Spec,
    /// The neuron of all spiking layers.
    pub neuron: AnyNeuron,
    /// The weights, for [`import`](crate::import) without a map.
    pub weights: StateDict,
    /// Whether the graph ends in neurons: the classifier is then an identity, and logits are spikes.
    pub ends_in_neurons: bool,
}

impl Graph {
    /// What a network is built from that does what the graph does, in the discretization that
    /// [`nir`](super) states, with the `dt` of the metadata or else [`DT`].
    ///
    /// `firing` says what NIR leaves open: whether a neuron fires at its threshold (unless the metadata say
    /// it), and how gradients pass its reset. `path` is named in errors.
    ///
    /// # Errors
    /// If the graph is not a chain, has a node that candlewick has no layer for, or neurons that differ; the
    /// node is named.
    pub fn model(&self, firing: &Firing, path: &Path) -> Result<Model> {
        let mut reader = Reader {
            graph: self,
            path,
            dt: self.number("dt").unwrap_or(DT),
            firing: self.firing(firing),
            tokens: Vec::new(),
            weights: Vec::new(),
            counts: [0; 2],
            pending: None,
            neuron: None,
        };
        if !(reader.dt.is_finite() && reader.dt > 0.0) {
            return Err(
                reader.fault(format!("dt: expected a time in seconds, found {}", reader.dt))
            );
        }
        let chain = reader.chain()?;
        let [(first, Node::Input { shape }), inner @ .., (_, Node::Output { .. })] = &chain[..]
        else {
            return Err(reader.fault("the chain of nodes does not lead from an Input to an Output"));
        };
        let input = match shape[..] {
            [channels, height, width] => Features::Map { height, width, channels },
            [size] => Features::Vector { size },
            _ => {
                let what = format!("`{first}`: expected a shape [C, H, W] or [N], found {shape:?}");
                return Err(reader.fault(what));
            }
        };
        for (name, node) in inner {
            reader.node(name, node)?;
        }
        let (classes, ends_in_neurons) = reader.readout()?;
        let neuron = reader.neuron.take().map_or_else(
            || Lif { firing: reader.firing, ..Lif::default() }.into(),
            |(_, neuron)| neuron,
        );
        let network = Spec { layers: reader.tokens.join("-"), bias: true };
        let weights = StateDict::of(path, std::mem::take(&mut reader.weights), true);
        Ok(Model { input, classes, network, neuron, weights, ends_in_neurons })
    }

    fn firing(&self, firing: &Firing) -> Firing {
        let rule = match self.text("firing") {
            Some(">=") => FiringRule::AtOrAbove,
            Some(">") => FiringRule::Above,
            _ => firing.rule,
        };
        Firing { rule, reset: Reset::Hard, ..*firing }
    }
}

/// The most neurons at the end of a graph, for which a classifier is made whose weights are their square.
const MOST_OUTPUTS: usize = 4096;

/// A synaptic layer before it is known what follows it.
struct Pending {
    name: String,
    /// For [`Spec`].
    token: String,
    weight: Array,
    bias: Vec<f64>,
}

struct Reader<'a> {
    graph: &'a Graph,
    path: &'a Path,
    dt: f64,
    firing: Firing,
    tokens: Vec<String>,
    weights: Vec<(String, Tensor)>,
    /// Convolutions and hidden linear layers so far.
    counts: [usize; 2],
    pending: Option<Pending>,
    /// The first neurons and their name, which all others must equal.
    neuron: Option<(String, AnyNeuron)>,
}

impl<'a> Reader<'a> {
    fn fault(&self, what: impl Display) -> Error {
        fault(self.path, what)
    }

    /// The nodes from the input on, each with one before and one behind.
    fn chain(&self) -> Result<Vec<(&'a str, &'a Node)>> {
        let graph = self.graph;
        let inputs: Vec<&String> = graph
            .nodes
            .iter()
            .filter(|(_, node)| matches!(node, Node::Input { .. }))
            .map(|(name, _)| name)
            .collect();
        let [input] = inputs[..] else {
            return Err(self.fault(format!("expected one Input, found {}", inputs.len())));
        };
        let (mut chain, mut seen) = (Vec::new(), BTreeSet::new());
        let mut name = input;
        loop {
            let Some((name_of, node)) = graph.nodes.get_key_value(name) else {
                return Err(self.fault(format!("an edge leads to `{name}`, which is no node")));
            };
            if !seen.insert(name) {
                return Err(
                    self.fault(format!("`{name}` is part of a loop, which no network here has"))
                );
            }
            chain.push((name_of.as_str(), node));
            let before = graph.edges.iter().filter(|(_, to)| to == name).count();
            let mut behind = graph.edges.iter().filter(|(from, _)| from == name).map(|(_, to)| to);
            match (behind.next(), behind.next(), before) {
                (_, _, 2..) | (_, Some(_), _) => {
                    return Err(self.fault(format!(
                        "`{name}` has {before} nodes before it and {} after it: only chains become networks",
                        graph.edges.iter().filter(|(from, _)| from == name).count(),
                    )));
                }
                (Some(next), None, _) => name = next,
                (None, _, _) => break,
            }
        }
        if let Some(other) = graph.nodes.keys().find(|name| !seen.contains(name)) {
            return Err(self.fault(format!("`{other}` does not follow from the input `{input}`")));
        }
        Ok(chain)
    }

    fn node(&mut self, name: &str, node: &Node) -> Result<()> {
        match node {
            Node::Conv2d { weight, bias, stride, padding, dilation, groups, .. } => {
                self.no_neurons_missing(name)?;
                let &[channels, _, height, width] = &weight.dims[..] else {
                    return Err(self.fault(format!("`{name}`: expected a weight of four axes")));
                };
                let plain = height == width
                    && height % 2 == 1
                    && stride[0] == stride[1]
                    && *padding == [height / 2; 2]
                    && *dilation == [1; 2]
                    && *groups == 1;
                if !plain {
                    return Err(self.fault(format!(
                        "`{name}`: a network has square kernels of odd side, the same stride on both axes, a \
                         padding of half the kernel, no dilation and no groups; found kernel {height}×{width}, \
                         stride {stride:?}, padding {padding:?}, dilation {dilation:?}, {groups} groups"
                    )));
                }
                let strided =
                    if stride[0] == 1 { String::new() } else { format!("S{}", stride[0]) };
                let token = format!("{channels}C{height}{strided}");
                self.pending(name, token, weight, &bias.values);
            }
            Node::Affine { weight, bias } => {
                self.no_neurons_missing(name)?;
                let &[outputs, _] = &weight.dims[..] else {
                    return Err(self.fault(format!("`{name}`: expected a weight [out, in]")));
                };
                let zeros = vec![0.0; outputs];
                let bias = bias.as_ref().map_or(&zeros, |bias| &bias.values);
                self.pending(name, format!("FC{outputs}"), weight, bias);
            }
            Node::AvgPool2d { kernel_size, stride, padding } => {
                self.no_neurons_missing(name)?;
                if kernel_size[0] != kernel_size[1] || kernel_size != stride || *padding != [0; 2] {
                    return Err(self.fault(format!(
                        "`{name}`: a network has square windows that touch; found windows of {kernel_size:?} \
                         every {stride:?} with a padding of {padding:?}"
                    )));
                }
                self.tokens.push(format!("AP{}", kernel_size[0]));
            }
            Node::Flatten { input_type, start_dim, end_dim } => {
                self.no_neurons_missing(name)?;
                let last = input_type.len() as i64 - 1;
                let whole =
                    [0, -(last + 1)].contains(start_dim) && (*end_dim == -1 || *end_dim == last);
                if !whole {
                    return Err(self.fault(format!(
                        "`{name}`: a network flattens all axes; found {start_dim} to {end_dim} of {input_type:?}"
                    )));
                }
                // The spec flattens by itself before a linear layer.
            }
            Node::Lif { tau, r, v_leak, v_threshold, v_reset } => {
                let [tau, r, v_leak] = [("tau", tau), ("r", r), ("v_leak", v_leak)]
                    .map(|(field, array)| self.uniform(name, field, array));
                let firing = self.threshold(name, v_threshold, v_reset)?;
                self.leaky(name, tau?, r?, v_leak?, firing)?;
            }
            Node::If { r, v_threshold, v_reset } => {
                let r = self.uniform(name, "r", r)?;
                let firing = self.threshold(name, v_threshold, v_reset)?;
                self.neurons(name, IntegrateAndFire { firing }.into(), r * self.dt)?;
            }
            Node::Input { .. } | Node::Output { .. } => {
                return Err(self.fault(format!("`{name}` is in the middle of the chain")));
            }
            Node::Other { kind } => {
                return Err(self.fault(format!("`{name}`: there is no layer for a {kind}")));
            }
        }
        Ok(())
    }

    fn pending(&mut self, name: &str, token: String, weight: &Array, bias: &[f64]) {
        let (name, weight, bias) = (name.to_owned(), weight.clone(), bias.to_vec());
        self.pending = Some(Pending { name, token, weight, bias });
    }

    fn no_neurons_missing(&self, name: &str) -> Result<()> {
        match &self.pending {
            None => Ok(()),
            Some(pending) => Err(self
                .fault(format!("`{name}` follows `{}` without neurons in between", pending.name))),
        }
    }

    fn uniform(&self, name: &str, field: &str, array: &Array) -> Result<f64> {
        let first = array.values.first().copied().unwrap_or(f64::NAN);
        if first.is_finite() && array.values.iter().all(|&value| value == first) {
            return Ok(first);
        }
        let what = format!("`{name}`: expected the same {field} for all neurons");
        Err(self.fault(what))
    }

    fn threshold(&self, name: &str, v_threshold: &Array, v_reset: &Array) -> Result<Firing> {
        Ok(Firing {
            v_threshold: self.uniform(name, "v_threshold", v_threshold)? as f32,
            v_reset: self.uniform(name, "v_reset", v_reset)? as f32,
            ..self.firing
        })
    }

    fn leaky(&mut self, name: &str, tau: f64, r: f64, v_leak: f64, firing: Firing) -> Result<()> {
        let steps = tau / self.dt;
        if !(1.0 - 1e-6..).contains(&steps) {
            return Err(self.fault(format!(
                "`{name}`: expected a tau of at least one step of {} s, found {tau} s",
                self.dt
            )));
        }
        let steps = steps.max(1.0);
        let scales = same(r, 1.0) && same(v_leak, f64::from(firing.v_reset));
        let (leak, factor) = if scales {
            (Leak::Tau(steps as f32), 1.0)
        } else if v_leak == 0.0 {
            // v ← (1 - dt/τ) v + (r dt/τ) x
            (Leak::Decay((1.0 - 1.0 / steps) as f32), r / steps)
        } else if same(v_leak, f64::from(firing.v_reset)) {
            (Leak::Tau(steps as f32), r)
        } else {
            return Err(
                self.fault(format!("`{name}`: expected a v_leak of 0 or v_reset, found {v_leak}"))
            );
        };
        self.neurons(name, Lif { leak, firing }.into(), factor)
    }

    /// Neurons whose input is multiplied by `factor`, which goes into the weights before them.
    fn neurons(&mut self, name: &str, neuron: AnyNeuron, factor: f64) -> Result<()> {
        match &self.neuron {
            None => self.neuron = Some((name.to_owned(), neuron)),
            Some((first, other)) if !alike(other, &neuron) => {
                return Err(self.fault(format!(
                    "a network has one neuron for all layers; `{first}` is {other:?}, `{name}` is {neuron:?}"
                )));
            }
            Some(_) => (),
        }
        let Some(mut pending) = self.pending.take() else {
            let what = format!("`{name}` follows neither a convolution nor a linear layer");
            return Err(self.fault(what));
        };
        if !same(factor, 1.0) {
            pending.weight.values.iter_mut().for_each(|weight| *weight *= factor);
            pending.bias.iter_mut().for_each(|bias| *bias *= factor);
        }
        let kind = usize::from(pending.token.starts_with("FC"));
        self.counts[kind] += 1;
        let path = format!("{}{}", ["convolution", "linear"][kind], self.counts[kind]);
        self.tokens.push(pending.token);
        self.keep(&path, &pending.weight, &pending.bias)
    }

    fn keep(&mut self, path: &str, weight: &Array, bias: &[f64]) -> Result<()> {
        for (leaf, dims, values) in
            [("weight", &weight.dims[..], &weight.values[..]), ("bias", &[bias.len()], bias)]
        {
            let values: Vec<f32> = values.iter().map(|&value| value as f32).collect();
            let tensor = Tensor::from_vec(values, dims, &Device::Cpu)
                .map_err(|error| self.fault(format!("{path}.{leaf}: {error}")))?;
            self.weights.push((format!("{path}.{leaf}"), tensor));
        }
        Ok(())
    }

    /// The classifier: the number of its outputs, and whether it had to be added.
    fn readout(&mut self) -> Result<(usize, bool)> {
        if let Some(pending) = self.pending.take() {
            if !pending.token.starts_with("FC") {
                let what = format!("`{}`: expected a linear layer at the end", pending.name);
                return Err(self.fault(what));
            }
            self.tokens.push(pending.token);
            self.keep("classifier", &pending.weight, &pending.bias)?;
            return Ok((pending.bias.len(), false));
        }
        let outputs = self.tokens.last().and_then(|token| token.strip_prefix("FC"));
        let Some(outputs) = outputs.and_then(|outputs| outputs.parse::<usize>().ok()) else {
            return Err(self.fault("the graph does not end in a linear layer"));
        };
        if outputs > MOST_OUTPUTS {
            let what =
                format!("expected at most {MOST_OUTPUTS} neurons at the end, found {outputs}");
            return Err(self.fault(what));
        }
        let mut identity = Array::full(&[outputs, outputs], 0.0);
        (0..outputs).for_each(|output| identity.values[output * outputs + output] = 1.0);
        self.tokens.push(format!("FC{outputs}"));
        self.keep("classifier", &identity, &vec![0.0; outputs])?;
        Ok((outputs, true))
    }
}

/// Equal but for rounding.
fn same(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-6 * a.abs().max(b.abs())
}

/// Whether two neurons differ by the rounding of their time constants at most.
fn alike(a: &AnyNeuron, b: &AnyNeuron) -> bool {
    let (AnyNeuron::Lif(a), AnyNeuron::Lif(b)) = (a, b) else { return a == b };
    let close = |a: f32, b: f32| same(f64::from(a), f64::from(b));
    a.firing == b.firing
        && match (a.leak, b.leak) {
            (Leak::Decay(a), Leak::Decay(b)) | (Leak::Tau(a), Leak::Tau(b)) => close(a, b),
            _ => false,
        }
}
