//! The multi-step neuron by the kernels of a device.

use std::sync::Arc;

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CudaStorage, CustomOp3, Layout, Result, Shape, Tensor};
use candlewick_device::{Current, Floats, Queue, Scan, Start};
use candlewick_kernels::neuron::scan::ActivityGradient;
use candlewick_kernels::neuron::traced::{DerivativeTrace, ScanSettings};

use super::{MultiStep, Output};

/// Runs all time steps.
pub(super) fn run(
    call: &MultiStep<'_>,
    queue: Queue,
    derivative: &DerivativeTrace,
) -> Result<Output> {
    let neuron = call.model.trace();
    let settings = ScanSettings {
        steps: call.time_steps,
        measure: false,
        learns: call.surrogate_parameter.is_some() && neuron.fires(),
    };
    let x = call.input.contiguous()?;
    let neurons = x.elem_count() / x.dim(0)?;
    let learned = call.parameters.map(flat).transpose()?;
    let before = call.state.map(flat).transpose()?;
    let op = Op {
        scan: Scan::new(&neuron, Some(derivative), settings),
        queue,
        once: x.dim(0)? == 1,
        neurons,
        learned,
        before,
        state: call.state.is_some(),
        returns_state: call.return_state,
    };
    let forward = {
        let values = Arc::new(Floats::of(&x)?);
        let currents = [op.current(&values)];
        op.queue.scan_forward(&op.scan, &op.start(&currents), call.return_state, None)?
    };
    let mut dims = x.dims().to_vec();
    dims[0] = call.time_steps;
    let output = forward.output.tensor(&dims)?;
    let result = match &forward.state {
        None => output,
        Some(state) => {
            dims[0] = neuron.states();
            Tensor::cat(&[&output, &state.tensor(&dims)?], 0)?
        }
    };
    // What the result depends on: the input, all scalars in one, the state.
    let scalars: Vec<Tensor> = call
        .parameters
        .into_iter()
        .chain(call.surrogate_parameter)
        .map(Tensor::flatten_all)
        .collect::<Result<_>>()?;
    let nothing = || Tensor::zeros(1, x.dtype(), x.device());
    let scalars = if scalars.is_empty() { nothing()? } else { Tensor::cat(&scalars, 0)? };
    let state = call.state.cloned().map_or_else(nothing, Ok)?;
    let op = Connect { op, result };
    let result = x.apply_op3(&scalars, &state, op)?;
    let steps = call.time_steps;
    if !call.return_state {
        return Ok(Output { output: result, state: None });
    }
    let state = result.narrow(0, steps, neuron.states())?;
    Ok(Output { output: result.narrow(0, 0, steps)?, state: Some(state) })
}

fn flat(tensor: &Tensor) -> Result<Tensor> {
    tensor.detach().flatten_all()?.contiguous()
}

struct Op {
    scan: Scan,
    queue: Queue,
    once: bool,
    neurons: usize,
    learned: Option<Tensor>,
    before: Option<Tensor>,
    state: bool,
    returns_state: bool,
}

impl Op {
    fn current<'a>(&self, values: &'a Arc<Floats>) -> Current<'a> {
        Current { values, normalization: None, once: self.once }
    }

    fn start<'a>(&'a self, currents: &'a [Current<'a>]) -> Start<'a> {
        // How neurons are cut into channels does not matter to their values.
        let channels = (1..=self.neurons.min(64)).rev().find(|&c| self.neurons.is_multiple_of(c));
        let channels = channels.unwrap_or(1);
        Start {
            currents,
            learned: self.learned.as_ref(),
            state: self.before.as_ref(),
            rows: self.neurons / channels,
            channels,
        }
    }
}

/// Puts a result that was computed into candle's graph.
struct Connect {
    op: Op,
    result: Tensor,
}

impl CustomOp3 for Connect {
    fn name(&self) -> &'static str {
        "multi-step neuron on a device"
    }

    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (storage, layout) = self.result.storage_and_layout();
        match &*storage {
            candle_core::Storage::Cpu(storage) => {
                Ok((storage.try_clone(layout)?, layout.shape().clone()))
            }
            _ => candle_core::bail!("a result on another device"),
        }
    }

    fn cuda_fwd(
        &self,
        _: &CudaStorage,
        _: &Layout,
        _: &CudaStorage,
        _: &Layout,
        _: &CudaStorage,
        _: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        let (storage, layout) = self.result.storage_and_layout();
        match &*storage {
            candle_core::Storage::Cuda(storage) => {
                Ok((storage.try_clone(layout)?, layout.shape().clone()))
            }
            _ => candle_core::bail!("a result on another device"),
        }
    }

    fn bwd(
        &self,
        x: &Tensor,
        scalars: &Tensor,
        state: &Tensor,
        _result: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let op = &self.op;
        let values = Arc::new(Floats::of(x)?);
        let currents = [op.current(&values)];
        let gradient = gradient.contiguous()?;
        let steps = gradient.dim(0)? - if op.returns_state { op.scan.states() } else { 0 };
        let of_output = Floats::of(&gradient.narrow(0, 0, steps)?)?;
        let of_final = op
            .returns_state
            .then(|| flat(&gradient.narrow(0, steps, op.scan.states())?))
            .transpose()?;
        let start = op.start(&currents);
        let activity = ActivityGradient::default();
        let found = op.queue.scan_backward(
            &op.scan,
            &start,
            activity,
            &of_output,
            of_final.as_ref(),
            None,
        )?;
        let of_scalars =
            found.of_scalars.map(|gradient| gradient.tensor(scalars.dims())).transpose()?;
        let of_state = found
            .of_state
            .filter(|_| op.state)
            .map(|gradient| gradient.tensor(state.dims()))
            .transpose()?;
        Ok((Some(found.of_input.tensor(x.dims())?), of_scalars, of_state))
    }
}
