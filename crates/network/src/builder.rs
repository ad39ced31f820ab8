//! The layers of a network while an architecture is built.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use candle_core::Tensor;
use candlewick_core::parameters::Scope;
use candlewick_core::weight_rule::WeightGradientRule;
use candlewick_core::{Error, Result};
use candlewick_methods::Methods;
use candlewick_neuron::Model;
use candlewick_surrogate::Surrogate;

use crate::block::Currents;
use crate::side_head::SideHead;
use crate::synapse::Synapse;
use crate::{
    Architecture, Block, Convolution, ConvolutionSettings, Features, Layer, Linear, LinearSettings,
    Normalization, Spiking, ThresholdBatchNorm,
};

/// What a network is made of besides its architecture.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The neuron of all spiking layers.
    pub neuron: Arc<dyn Model>,
    /// The surrogate of all spiking layers.
    pub surrogate: Arc<dyn Surrogate>,
    /// The normalization after every convolution, and after the linear layers that ask for it; `None`
    /// for none.
    pub normalization: Option<ThresholdBatchNorm>,
    /// Time steps of an input that is given once, where the call does not state them. Default 4.
    pub time_steps: usize,
}

impl Parts {
    /// `neuron` and `surrogate` with batch normalization.
    pub fn new(neuron: Arc<dyn Model>, surrogate: Arc<dyn Surrogate>) -> Self {
        let normalization = Some(ThresholdBatchNorm::default());
        Self { neuron, surrogate, normalization, time_steps: 4 }
    }
}

/// Collects the layers of a network while an architecture is built.
#[derive(Debug)]
pub struct NetworkBuilder<'a> {
    scope: Scope<'a>,
    parts: &'a Parts,
    methods: &'a Methods,
    classes: usize,
    layers: Vec<Box<dyn Layer>>,
    /// Number of layers, and features, at the end of each stage but the last.
    stage_ends: Vec<(usize, Features)>,
    classifier: Option<Linear>,
    /// The rule for weight gradients, and the synaptic layers so far.
    weight_rule: Option<Arc<dyn WeightGradientRule>>,
    synapses: usize,
    /// Spiking layers of the whole network.
    spiking_layers: Arc<AtomicUsize>,
}

/// What an architecture made.
pub(crate) struct Built {
    pub(crate) layers: Vec<Box<dyn Layer>>,
    pub(crate) classifier: Linear,
    pub(crate) side_heads: Vec<SideHead>,
}

impl<'a> NetworkBuilder<'a> {
    pub(crate) fn new(
        scope: &Scope<'a>,
        parts: &'a Parts,
        methods: &'a Methods,
        classes: usize,
    ) -> Self {
        Self {
            scope: scope.clone(),
            parts,
            methods,
            classes,
            layers: Vec::new(),
            stage_ends: Vec::new(),
            classifier: None,
            weight_rule: methods.weight_rule(),
            synapses: 0,
            spiking_layers: Arc::default(),
        }
    }

    /// Appends a layer.
    pub fn push(&mut self, layer: impl Layer + 'static) {
        self.layers.push(Box::new(layer));
    }

    /// Makes and appends a layer, and returns the shape of its output.
    ///
    /// # Errors
    /// If the layer cannot be made.
    pub fn add<L: Layer + 'static>(
        &mut self,
        make: impl FnOnce(&mut Self) -> Result<L>,
    ) -> Result<Features> {
        let layer = make(self)?;
        let features = layer.output();
        self.push(layer);
        Ok(features)
    }

    /// The place at which the layer `path` creates its parameters.
    pub fn scope(&self, path: &str) -> Scope<'a> {
        if path.is_empty() { self.scope.clone() } else { self.scope.pp(path) }
    }

    /// Marks the end of a stage that another stage follows; its output has the shape `features`.
    pub fn end_stage(&mut self, features: Features) {
        self.stage_ends.push((self.layers.len(), features));
    }

    /// A convolution with its normalization and neurons.
    ///
    /// # Errors
    /// If the kernel does not fit the input.
    pub fn convolution_block(
        &mut self,
        path: &str,
        input: Features,
        settings: ConvolutionSettings,
    ) -> Result<Block> {
        let currents = self.convolution(path, input, settings, false)?;
        self.block(path, currents)
    }

    /// A linear layer with its neurons, and its normalization if it has one.
    ///
    /// # Errors
    /// If the input is a map.
    pub fn linear_block(
        &mut self,
        path: &str,
        input: Features,
        settings: LinearSettings,
    ) -> Result<Block> {
        let Linear(synapse) = Linear::new(input, settings, self.scope(path))?;
        let normalization = self.parts.normalization.filter(|_| settings.normalize);
        let currents = self.currents(path, synapse, normalization, false)?;
        self.block(path, currents)
    }

    /// A convolution with its normalization, as one of two branches that meet before a neuron.
    pub(crate) fn branch(
        &mut self,
        path: &str,
        input: Features,
        settings: ConvolutionSettings,
    ) -> Result<Currents> {
        self.convolution(path, input, settings, true)
    }

    /// Neurons behind normalizations of the weights `gammas`, with the scalars that they and the
    /// methods learn.
    pub(crate) fn spiking(
        &mut self,
        path: &str,
        features: Features,
        gammas: &[Tensor],
    ) -> Result<Spiking> {
        let Parts { neuron, surrogate, .. } = self.parts;
        let scope = self.scope(path).pp("neuron");
        let layer = Spiking::new(features, neuron.clone(), surrogate.clone(), scope.clone())?;
        layer.with_methods(path, self.methods, gammas, &self.spiking_layers, &scope)
    }

    /// The linear layer that gives the logits.
    ///
    /// # Errors
    /// If the input is a map.
    pub fn classifier(&mut self, input: Features, classes: usize) -> Result<()> {
        let scope = self.scope("classifier");
        self.classifier = Some(Linear::new(input, LinearSettings::new(classes), scope)?);
        Ok(())
    }

    fn block(&mut self, path: &str, currents: Currents) -> Result<Block> {
        let gammas: Vec<_> = currents.gamma().into_iter().collect();
        let spiking = self.spiking(path, currents.output(), &gammas)?;
        Ok(Block { currents, spiking })
    }

    fn convolution(
        &mut self,
        path: &str,
        input: Features,
        settings: ConvolutionSettings,
        in_branch: bool,
    ) -> Result<Currents> {
        let Convolution(synapse) = Convolution::new(input, settings, self.scope(path))?;
        self.currents(path, synapse, self.parts.normalization, in_branch)
    }

    fn currents(
        &mut self,
        path: &str,
        synapse: Synapse,
        normalization: Option<ThresholdBatchNorm>,
        in_branch: bool,
    ) -> Result<Currents> {
        let scope = self.scope(path).pp("normalization");
        let normalization = normalization
            .map(|settings| Normalization::new(synapse.output(), settings, in_branch, scope))
            .transpose()?;
        self.synapses += 1;
        // The first synaptic layer sees the input, not spikes.
        let rule = self.weight_rule.clone().filter(|_| self.synapses > 1);
        Ok(Currents::new(path, synapse, normalization, rule))
    }

    pub(crate) fn finish(self, architecture: &dyn Architecture) -> Result<Built> {
        let side_heads = self.side_heads()?;
        let classifier = self.classifier.ok_or_else(|| Error::Setting {
            field: "network".into(),
            expected: "an architecture that ends in a classifier".into(),
            got: format!("{architecture:?}"),
        })?;
        Ok(Built { layers: self.layers, classifier, side_heads })
    }

    fn side_heads(&self) -> Result<Vec<SideHead>> {
        if !self.methods.need_side_heads() {
            return Ok(Vec::new());
        }
        if self.stage_ends.is_empty() {
            return Err(Error::Setting {
                field: "side heads".into(),
                expected: "a network of at least two stages".into(),
                got: "one stage".into(),
            });
        }
        let heads = self.stage_ends.iter().enumerate().map(|(number, &(after, features))| {
            let scope = self.scope(&format!("side{}", number + 1));
            SideHead::new(after, features, self.classes, &scope)
        });
        heads.collect()
    }
}
