//! What convolution and linear layers share: one differentiable operation over a kernel, whose
//! spikes they cause, and how their weight learns.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{CpuStorage, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor};
use candlewick_core::weight_rule::{Correlate, WeightGradientRule, WeightSite};
use candlewick_core::{Key, host};
use candlewick_kernels::choice::Path;
use candlewick_kernels::convolution::Conv2d;
use candlewick_kernels::spikes::Spikes;

/// The spikes that a synaptic layer causes, known only after the neuron behind it has run.
#[derive(Clone, Default)]
pub(crate) struct PostSpikes(Arc<Mutex<Option<Tensor>>>);

impl PostSpikes {
    pub(crate) fn set(&self, spikes: &Tensor) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(spikes.detach());
    }

    pub(crate) fn take(&self) -> Option<Tensor> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl fmt::Debug for PostSpikes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PostSpikes")
    }
}

/// How the weight gradient of one pass is computed by a method.
#[derive(Clone, Debug)]
pub(crate) struct Plasticity {
    pub(crate) rule: Arc<dyn WeightGradientRule>,
    pub(crate) post: PostSpikes,
    pub(crate) time_steps: usize,
    pub(crate) key: Key,
}

impl Plasticity {
    /// Computes the weight gradient by the rule.
    ///
    /// # Errors
    /// If no neuron has run behind the layer, or its spikes are not of the shape of its input.
    pub(crate) fn apply(
        &self,
        pre: &[f32],
        grad_output: &[f32],
        correlate: Correlate<'_>,
        gradient: &mut [f32],
    ) -> Result<()> {
        let Some(post) = self.post.take() else {
            candle_core::bail!("a rule for the weight gradient needs a neuron behind the layer");
        };
        let post = host::values(&post)?;
        if post.len() != grad_output.len() {
            candle_core::bail!(
                "post-synaptic spikes: expected {} values, got {}",
                grad_output.len(),
                post.len()
            );
        }
        let time_steps = self.time_steps;
        let site =
            WeightSite { time_steps, pre, post: &post, grad_output, correlate, key: self.key };
        self.rule.weight_gradient(site, gradient);
        Ok(())
    }
}

/// A bilinear map of input and weight, plus a bias, on slices.
pub(crate) trait Kernel: Copy + Send + Sync + 'static {
    const NAME: &'static str;
    fn input_len(&self) -> usize;
    fn weight_len(&self) -> usize;
    /// Shape of the output, rows first, channels last.
    fn output_dims(&self) -> Vec<usize>;
    /// The same map for one of `time_steps` steps.
    fn one_step(&self, time_steps: usize) -> Self;
    fn forward(&self, input: &[f32], weight: &[f32], bias: Option<&[f32]>, output: &mut [f32]);
    fn input_gradient(&self, grad_output: &[f32], weight: &[f32], grad_input: &mut [f32]);
    fn weight_gradient(&self, input: &[f32], grad_output: &[f32], grad_weight: &mut [f32]);
    fn bias_gradient(&self, grad_output: &[f32], grad_bias: &mut [f32]);
    /// The same map as a convolution: the form that the kernels for spikes know.
    fn as_convolution(&self) -> Conv2d;
}

/// Applies a kernel to `x`, of which `time_steps` steps are known apart, with `weight` and `bias`, as
/// one operation with its gradients.
///
/// An input of spikes, or of spikes pooled by fours, goes to the sparse kernels wherever they are
/// the faster ones; that changes a result by rounding only.
pub(crate) fn apply<K: Kernel>(
    kernel: K,
    time_steps: usize,
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    plasticity: Option<Plasticity>,
) -> Result<Tensor> {
    let op = Op { kernel, time_steps, plasticity, spikes: Mutex::default() };
    let x = x.contiguous()?;
    match bias {
        None => x.apply_op2(weight, op),
        Some(bias) => x.apply_op3(weight, bias, op),
    }
}

struct Op<K> {
    kernel: K,
    time_steps: usize,
    plasticity: Option<Plasticity>,
    /// The input as bits, from forward to backward, where the sparse weight gradient is the faster.
    spikes: Mutex<Option<Spikes>>,
}

/// What average pooling of 2×2 makes of spikes: quarters, up to four.
const POOLED: (f32, u32) = (0.25, 4);

/// The input `[T, …, channels]` as bits; `None` if it is not made of spikes.
fn encode(x: &[f32], time_steps: usize, channels: usize) -> Option<Spikes> {
    // A few values tell most analog inputs.
    let (unit, levels) = POOLED;
    let analog = |&value: &f32| (value / unit).fract() != 0.0 || value > unit * levels as f32;
    if x.is_empty() || x.iter().take(256).any(analog) {
        return None;
    }
    let shape = [time_steps, x.len() / (time_steps * channels), channels];
    Spikes::binary(shape, x).or_else(|_| Spikes::multiples(shape, x, unit, levels)).ok()
}

impl<K: Kernel> Op<K> {
    fn forward(&self, x: &[f32], weight: &[f32], bias: Option<&[f32]>) -> (CpuStorage, Shape) {
        let shape = Shape::from_dims(&self.kernel.output_dims());
        let mut output = vec![0.0; shape.elem_count()];
        let sparse = self.kernel.as_convolution();
        match encode(x, self.time_steps, sparse.in_channels) {
            None => self.kernel.forward(x, weight, bias, &mut output),
            Some(spikes) => {
                let activity = spikes.activity();
                let paths = [sparse.forward_path(activity), sparse.weight_gradient_path(activity)];
                tracing::debug!(
                    kernel = K::NAME,
                    density = spikes.density(),
                    forward = %paths[0],
                    weight_gradient = %paths[1],
                );
                match paths[0] {
                    Path::Dense => self.kernel.forward(x, weight, bias, &mut output),
                    Path::Sparse => sparse.sparse_forward(&spikes, weight, bias, &mut output),
                }
                if paths[1] == Path::Sparse && self.plasticity.is_none() {
                    *self.spikes.lock().unwrap_or_else(PoisonError::into_inner) = Some(spikes);
                }
            }
        }
        (CpuStorage::F32(output), shape)
    }

    fn backward(
        &self,
        x: &Tensor,
        weight: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let kernel = &self.kernel;
        let (values, w, grad) = (host::values(x)?, host::values(weight)?, host::values(grad)?);
        // Nobody asks for the gradient by the images.
        let grad_x = if x.track_op() {
            let mut grad_x = vec![0.0; kernel.input_len()];
            kernel.input_gradient(&grad, &w, &mut grad_x);
            Some(Tensor::from_vec(grad_x, x.shape(), x.device())?)
        } else {
            None
        };
        let mut grad_weight = vec![0.0; kernel.weight_len()];
        let spikes = self.spikes.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (&self.plasticity, spikes) {
            (None, None) => kernel.weight_gradient(&values, &grad, &mut grad_weight),
            (None, Some(spikes)) => {
                kernel.as_convolution().sparse_weight_gradient(&spikes, &grad, &mut grad_weight);
            }
            (Some(plasticity), _) => {
                let step = kernel.one_step(plasticity.time_steps);
                let correlate = |pre: &[f32], post: &[f32], out: &mut [f32]| {
                    step.weight_gradient(pre, post, out);
                };
                plasticity.apply(&values, &grad, &correlate, &mut grad_weight)?;
            }
        }
        Ok((grad_x, Some(Tensor::from_vec(grad_weight, weight.shape(), weight.device())?)))
    }
}

impl<K: Kernel> CustomOp2 for Op<K> {
    fn name(&self) -> &'static str {
        K::NAME
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        Ok(self.forward(host::slice(x, x_layout)?, host::slice(weight, weight_layout)?, None))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        _result: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        self.backward(x, weight, &grad.contiguous()?)
    }
}

impl<K: Kernel> CustomOp3 for Op<K> {
    fn name(&self) -> &'static str {
        K::NAME
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let bias = host::slice(bias, bias_layout)?;
        Ok(self.forward(host::slice(x, x_layout)?, host::slice(weight, weight_layout)?, Some(bias)))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        _result: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let grad = grad.contiguous()?;
        let (grad_x, grad_weight) = self.backward(x, weight, &grad)?;
        let mut grad_bias = vec![0.0; bias.elem_count()];
        self.kernel.bias_gradient(&host::values(&grad)?, &mut grad_bias);
        Ok((grad_x, grad_weight, Some(Tensor::from_vec(grad_bias, bias.shape(), bias.device())?)))
    }
}
