//! A builder of networks.

use std::sync::Arc;

use candlewick_core::Result;
use candlewick_core::parameters::Scope;
use candlewick_methods::Methods;
use candlewick_neuron::{Lif, Settings};
use candlewick_surrogate::{Surrogate, Triangle};

use crate::{Architecture, Features, Network, Parts, Spec, ThresholdBatchNorm};

/// Builds a [`Network`]; see [`Network::spec`] and [`Network::of`].
///
/// ```
/// use candle_core::Device;
/// use candlewick_core::{Key, parameters::seeded};
/// use candlewick_network::{Features, Network, ResNet19};
/// use candlewick_neuron::ParametricLif;
/// use candlewick_surrogate::Arctan;
///
/// let image = Features::Map { height: 32, width: 32, channels: 3 };
/// let network = Network::of(ResNet19::default())
///     .neuron(ParametricLif::default())
///     .surrogate(Arctan::default())
///     .time_steps(4)
///     .build(image, 10, seeded(&Device::Cpu, Key::new(1)))?;
/// // Those of the networks of the papers, and a time constant for each of the 18 spiking layers.
/// assert_eq!((network.parameters().count(), network.spiking().len()), (12_630_858 + 18, 18));
/// # Ok::<(), candlewick_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Blueprint<'a> {
    architecture: Arc<dyn Architecture>,
    parts: Parts,
    methods: Option<&'a Methods>,
}

impl Network {
    /// A network as the papers write it, such as `16C3-AP2-FC10` (see [`Spec`]): of LIF neurons with
    /// the triangular surrogate and batch normalization, unless set otherwise.
    pub fn spec(layers: &str) -> Blueprint<'static> {
        Self::of(Spec { layers: layers.into(), bias: false })
    }

    /// A network of any architecture, with the same defaults.
    pub fn of(architecture: impl Architecture + 'static) -> Blueprint<'static> {
        let parts = Parts::new(Lif::default().model(), Triangle::default().shared());
        Blueprint { architecture: Arc::new(architecture), parts, methods: None }
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "settings are passed by value, as everywhere in candle"
)]
impl Blueprint<'_> {
    /// The neuron of all spiking layers.
    #[must_use]
    pub fn neuron(mut self, neuron: impl Settings) -> Self {
        self.parts.neuron = neuron.model();
        self
    }

    /// The surrogate of all spiking layers.
    #[must_use]
    pub fn surrogate(mut self, surrogate: impl Surrogate) -> Self {
        self.parts.surrogate = surrogate.shared();
        self
    }

    /// The normalization of the currents; `None` for none.
    #[must_use]
    pub fn normalization(mut self, normalization: Option<ThresholdBatchNorm>) -> Self {
        self.parts.normalization = normalization;
        self
    }

    /// Time steps of an input that is given once, where the call does not state them. Default 4.
    #[must_use]
    pub fn time_steps(mut self, time_steps: usize) -> Self {
        self.parts.time_steps = time_steps;
        self
    }

    /// The training methods, some of which act inside the network; give the same to the trainer.
    #[must_use]
    pub fn methods(self, methods: &Methods) -> Blueprint<'_> {
        Blueprint { methods: Some(methods), ..self }
    }

    /// Builds the network for samples of the shape `input` and `classes` classes; its parameters are
    /// created at `scope`, which a `VarBuilder` converts into.
    ///
    /// # Errors
    /// As [`Network::new`].
    pub fn build<'b>(
        &self,
        input: Features,
        classes: usize,
        scope: impl Into<Scope<'b>>,
    ) -> Result<Network> {
        let none = Methods::new();
        let methods = self.methods.unwrap_or(&none);
        Network::new(&*self.architecture, &self.parts, methods, input, classes, scope)
    }
}
