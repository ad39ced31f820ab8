//! From a network to a graph.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::Tensor;
use candlewick_core::parameters::Parameters;
use candlewick_network::{Element, Features, Network};
use candlewick_neuron::{AnyNeuron, Firing, FiringRule, Leak, Reset};

use super::{Array, DT, Entry, Graph, Node};
use crate::{Error, Result};

impl Graph {
    /// The graph of `network`, whose neurons are `neuron`, for steps of [`DT`] seconds. Normalizations are
    /// folded into the layers before them; `path` is named in errors.
    ///
    /// # Errors
    /// If a layer or the neuron has no node in NIR; the layer is named.
    pub fn of(network: &Network, neuron: &AnyNeuron, path: &Path) -> Result<Self> {
        let mut writer = Writer {
            graph: Self::default(),
            last: String::new(),
            pending: None,
            parameters: network.parameters(),
            neuron,
            path,
        };
        writer.add("input", Node::Input { shape: shape(network.input()) });
        for element in network.elements() {
            writer.element(element)?;
        }
        writer.flush();
        writer.add("output", Node::Output { shape: vec![network.classes()] });
        let mut graph = writer.graph;
        let firing = firing(neuron);
        let rule = match firing.rule {
            FiringRule::Above => ">",
            FiringRule::AtOrAbove => ">=",
        };
        let text = |text: &str| Entry::Text(text.to_owned());
        graph.metadata = BTreeMap::from([
            ("dt".into(), Entry::Number(DT)),
            ("discretization".into(), text("v + dt / tau * (v_leak - v + r * input)")),
            ("firing".into(), text(rule)),
            ("v_initial".into(), Entry::Number(f64::from(firing.v_reset))),
        ]);
        Ok(graph)
    }
}

/// Threshold and reset of a neuron.
fn firing(neuron: &AnyNeuron) -> Firing {
    *neuron.model().firing()
}

/// Channels first, as in NIR.
fn shape(features: Features) -> Vec<usize> {
    match features {
        Features::Map { height, width, channels } => vec![channels, height, width],
        Features::Vector { size } => vec![size],
    }
}

struct Writer<'a> {
    graph: Graph,
    /// The node that the next one follows.
    last: String,
    /// A synaptic layer that a normalization may still be folded into.
    pending: Option<(String, Node)>,
    parameters: &'a Parameters,
    neuron: &'a AnyNeuron,
    path: &'a Path,
}

impl Writer<'_> {
    fn fault(&self, what: impl Into<String>) -> Error {
        Error::File { path: self.path.into(), what: what.into() }
    }

    fn add(&mut self, name: &str, node: Node) {
        // Dots separate modules in readers that make modules of nodes.
        let mut name = name.replace('.', "_");
        let plain = name.clone();
        let mut number = 1;
        while self.graph.nodes.contains_key(&name) {
            number += 1;
            name = format!("{plain}{number}");
        }
        if !self.last.is_empty() {
            self.graph.edges.push((std::mem::take(&mut self.last), name.clone()));
        }
        self.graph.nodes.insert(name.clone(), node);
        self.last = name;
    }

    fn flush(&mut self) {
        if let Some((name, node)) = self.pending.take() {
            self.add(&name, node);
        }
    }

    fn values(&self, tensor: &Tensor) -> Result<Vec<f64>> {
        let values = tensor.flatten_all().and_then(|values| values.to_vec1::<f32>());
        let values = values.map_err(|error| self.fault(error.to_string()))?;
        Ok(values.into_iter().map(f64::from).collect())
    }

    /// A weight with its axes in the order `order`.
    fn weight(&self, tensor: &Tensor, order: &[usize]) -> Result<Array> {
        let permuted = tensor.permute(order).and_then(|weight| weight.contiguous());
        let permuted = permuted.map_err(|error| self.fault(error.to_string()))?;
        Ok(Array { dims: permuted.dims().to_vec(), values: self.values(&permuted)? })
    }

    fn bias(&self, bias: Option<&Tensor>, outputs: usize) -> Result<Array> {
        let zero = Array::full(&[outputs], 0.0);
        bias.map_or(Ok(zero), |bias| Ok(Array { dims: vec![outputs], values: self.values(bias)? }))
    }

    fn element(&mut self, element: Element) -> Result<()> {
        if !matches!(element, Element::Normalization { .. }) {
            self.flush();
        }
        match element {
            Element::Convolution { name, geometry, weight, bias } => {
                let node = Node::Conv2d {
                    input_shape: Some([geometry.height, geometry.width]),
                    weight: self.weight(&weight, &[3, 2, 0, 1])?,
                    bias: self.bias(bias.as_ref(), geometry.out_channels)?,
                    stride: geometry.stride,
                    padding: geometry.padding,
                    dilation: [1; 2],
                    groups: 1,
                };
                self.pending = Some((name, node));
            }
            Element::Linear { name, weight, bias } => {
                let weight = self.weight(&weight, &[1, 0])?;
                let bias = self.bias(bias.as_ref(), weight.dims[0])?;
                self.pending = Some((name, Node::Affine { weight, bias: Some(bias) }));
            }
            Element::Normalization { mean, variance, gamma, beta, factor, epsilon } => {
                let [mean, variance, gamma, beta] =
                    [mean, variance, gamma, beta].map(|tensor| self.values(&tensor));
                let (mean, variance, gamma, beta) = (mean?, variance?, gamma?, beta?);
                let Some((
                    _,
                    Node::Conv2d { weight, bias, .. } | Node::Affine { weight, bias: Some(bias) },
                )) = &mut self.pending
                else {
                    return Err(self.fault(format!(
                        "a normalization behind `{}` follows no convolution and no linear layer, and NIR has \
                         no node for it",
                        self.last
                    )));
                };
                let rows = weight.values.len() / bias.values.len().max(1);
                for (channel, bias) in bias.values.iter_mut().enumerate() {
                    let deviation = (variance[channel] + f64::from(epsilon)).sqrt();
                    let scale = f64::from(factor) * gamma[channel] / deviation;
                    *bias = (*bias - mean[channel]) * scale + beta[channel];
                    let row = &mut weight.values[channel * rows..(channel + 1) * rows];
                    for weight in row {
                        *weight *= scale;
                    }
                }
            }
            Element::Neurons { name, features } => {
                let node = self.neurons(&name, &shape(features))?;
                self.add(&format!("{name}_neuron"), node);
            }
            Element::AveragePool { kernel, stride, padding } => {
                self.add("pool", Node::AvgPool2d { kernel_size: kernel, stride, padding });
            }
            Element::Flatten(features) => {
                let node = Node::Flatten { input_type: shape(features), start_dim: 0, end_dim: -1 };
                self.add("flatten", node);
            }
            Element::Other(what) => {
                return Err(self.fault(format!("NIR has no node for {what}")));
            }
            other => return Err(self.fault(format!("NIR has no node for {other:?}"))),
        }
        Ok(())
    }

    fn neurons(&self, name: &str, dims: &[usize]) -> Result<Node> {
        let firing = firing(self.neuron);
        if firing.reset != Reset::Hard {
            return Err(self.fault(format!(
                "`{name}`: neurons of NIR are set to a potential when they fire; this one has another reset \
                 (`{:?}`)",
                firing.reset
            )));
        }
        let full = |value: f64| Array::full(dims, value);
        let v_threshold = full(f64::from(firing.v_threshold));
        let v_reset = full(f64::from(firing.v_reset));
        let integrate = Node::If {
            r: full(1.0 / DT),
            v_threshold: v_threshold.clone(),
            v_reset: v_reset.clone(),
        };
        let leaky = |tau: f64, r: f64, v_leak: Array| Node::Lif {
            tau: full(tau),
            r: full(r),
            v_leak,
            v_threshold: v_threshold.clone(),
            v_reset: v_reset.clone(),
        };
        match self.neuron {
            AnyNeuron::IntegrateAndFire(_) => Ok(integrate),
            AnyNeuron::Lif(lif) => Ok(match lif.leak {
                Leak::Decay(1.0) => integrate,
                Leak::Decay(decay) => {
                    let steps = 1.0 / (1.0 - f64::from(decay));
                    leaky(DT * steps, steps, full(0.0))
                }
                Leak::Tau(tau) => leaky(DT * f64::from(tau), 1.0, v_reset.clone()),
            }),
            AnyNeuron::ParametricLif(_) => {
                // 1/τ = σ(w), a scalar per layer.
                let w = self.parameters.get(&format!("{name}.neuron.w"));
                let w = w.map(|w| self.values(&w.variable)).transpose()?.unwrap_or_default();
                let [w] = w[..] else {
                    return Err(self.fault(format!("`{name}.neuron.w`: expected one number")));
                };
                Ok(leaky(DT * (1.0 + (-w).exp()), 1.0, v_reset.clone()))
            }
            other => Err(self.fault(format!(
                "`{name}`: NIR has no node for the neuron `{}` that is written here; `if`, `lif` and \
                 `parametric_lif` have one",
                other.name()
            ))),
        }
    }
}
