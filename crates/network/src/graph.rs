//! A run through layers as one operation of candle's graph.
//!
//! The layers have run before the operation is made: it hands out their result, and its backward pass
//! runs theirs. Candle's operations have three inputs at most, and a network has many parameters, so
//! that a chain of small operations stands before it:
//!
//! ```text
//! token ─▶ parameter 1 ─▶ parameter 2 ─▶ … ─▶ network ─▶ logits
//! ```
//!
//! Candle walks the graph from the loss: it meets the network first, whose backward pass computes the
//! gradients with respect to all parameters and the input, and then each parameter, which gets its own.

use std::sync::{Arc, Mutex};

use candle_core::backend::BackendStorage;
use candle_core::{
    CpuStorage, CudaStorage, CustomOp2, CustomOp3, DType, Layout, MetalStorage, Result, Shape,
    Tensor, Var,
};

use crate::gradients::{ParameterGradients, Slot, set_apart};
use crate::pass::lock;

/// A backward pass from a result to the input: takes the gradient with respect to the result.
pub(crate) type BackwardOfResult = Box<
    dyn FnOnce(&Tensor, &mut ParameterGradients) -> candlewick_core::Result<Option<Tensor>> + Send,
>;

/// Puts `result`, which was computed from `x` and `parameters`, into candle's graph.
pub(crate) fn connect(
    result: &Tensor,
    x: &Tensor,
    parameters: &[Tensor],
    backward: BackwardOfResult,
) -> Result<Tensor> {
    let found = Arc::<Mutex<ParameterGradients>>::default();
    let mut token = Tensor::zeros(1, DType::F32, x.device())?;
    for (slot, parameter) in parameters.iter().enumerate() {
        let parameter_of = Parameter { slot: Slot(slot), found: found.clone() };
        token = token.apply_op2(parameter, parameter_of)?;
    }
    let network = Network { backward: Mutex::new(Some(backward)), found };
    result.apply_op3(&token, x, network)
}

/// Puts `result`, which was computed without gradients, into candle's graph such that a backward pass
/// from it fails.
pub(crate) fn refuse(result: &Tensor) -> Result<Tensor> {
    let anything = Var::zeros(1, DType::F32, result.device())?;
    result.apply_op2(&anything, WithoutGradients)
}

/// The chain before the network, at one parameter.
struct Parameter {
    slot: Slot,
    found: Arc<Mutex<ParameterGradients>>,
}

/// The layers.
struct Network {
    backward: Mutex<Option<BackwardOfResult>>,
    found: Arc<Mutex<ParameterGradients>>,
}

/// What stands in for layers that kept nothing.
struct WithoutGradients;

/// Forward passes that hand out their first argument, on every device.
macro_rules! first {
    ($($other:pat_param => $layout:pat_param),+) => {
        fn cpu_fwd(
            &self, first: &CpuStorage, layout: &Layout, $($other: &CpuStorage, $layout: &Layout),+
        ) -> Result<(CpuStorage, Shape)> {
            Ok((first.try_clone(layout)?, layout.shape().clone()))
        }

        fn cuda_fwd(
            &self, first: &CudaStorage, layout: &Layout, $($other: &CudaStorage, $layout: &Layout),+
        ) -> Result<(CudaStorage, Shape)> {
            Ok((first.try_clone(layout)?, layout.shape().clone()))
        }

        fn metal_fwd(
            &self, first: &MetalStorage, layout: &Layout, $($other: &MetalStorage, $layout: &Layout),+
        ) -> Result<(MetalStorage, Shape)> {
            Ok((first.try_clone(layout)?, layout.shape().clone()))
        }
    };
}

impl CustomOp2 for Parameter {
    fn name(&self) -> &'static str {
        "a parameter of a network"
    }

    first!(_ => _);

    fn bwd(
        &self,
        token: &Tensor,
        parameter: &Tensor,
        _: &Tensor,
        _: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let gradient = passed_on(lock(&self.found).take(self.slot), parameter)?;
        Ok((passed_on(None, token)?, set_apart(parameter, gradient)))
    }
}

impl CustomOp3 for Network {
    fn name(&self) -> &'static str {
        "a network"
    }

    first!(_ => _, _ => _);

    fn bwd(
        &self,
        _: &Tensor,
        token: &Tensor,
        x: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let Some(backward) = lock(&self.backward).take() else {
            candle_core::bail!(
                "a second backward pass through one forward pass of a network: run it forward again"
            );
        };
        let with_respect_to_x = backward(gradient, &mut lock(&self.found))?;
        Ok((None, passed_on(None, token)?, passed_on(with_respect_to_x, x)?))
    }
}

impl CustomOp2 for WithoutGradients {
    fn name(&self) -> &'static str {
        "a network without gradients"
    }

    first!(_ => _);

    fn bwd(
        &self,
        _: &Tensor,
        _: &Tensor,
        _: &Tensor,
        _: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        candle_core::bail!(
            "a backward pass through a network that ran without gradients: run it with \
             `Context::training` or `forward_t(x, true)`, or detach its output"
        )
    }
}

/// The gradient that candle gets for an argument. Whatever lies in its graph and is no variable must
/// have one.
fn passed_on(gradient: Option<Tensor>, argument: &Tensor) -> Result<Option<Tensor>> {
    match gradient {
        None if argument.track_op() && !argument.is_variable() => argument.zeros_like().map(Some),
        Some(gradient) if argument.track_op() => Ok(Some(gradient.reshape(argument.shape())?)),
        _ => Ok(None),
    }
}
