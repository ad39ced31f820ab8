//! Optimizer steps: `optimizer.cu`.

use candle_core::{Result, Tensor};
use candlewick_kernels::optimizer::{AdamW, Sgd};

use crate::{Argument, Doubles, Queue};

/// Columns of the sums of squares.
const WIDTH: usize = 256;

impl Queue {
    /// The sum of squares of each of several contiguous tensors, for which the host waits once.
    ///
    /// # Errors
    /// If a launch fails.
    pub fn sums_of_squares(&self, tensors: &[&Tensor]) -> Result<Vec<f64>> {
        let mut columns = Vec::with_capacity(tensors.len());
        for tensor in tensors {
            let count = tensor.elem_count();
            let (span, chunks) = Self::parts(count.div_ceil(WIDTH));
            let (parts, sums) = (self.doubles(chunks * WIDTH)?, self.doubles(WIDTH)?);
            let arguments = [
                Argument::In(tensor, 0),
                Argument::U64(count as u64),
                Argument::U32(WIDTH as u32),
                Argument::U32(span),
                Argument::Out(parts.flat()),
            ];
            self.call("squares", chunks * WIDTH, &arguments)?;
            self.fold(&parts, [1, chunks, WIDTH], &sums)?;
            columns.push(sums);
        }
        if columns.is_empty() {
            return Ok(Vec::new());
        }
        let arrays: Vec<&Tensor> = columns.iter().map(Doubles::flat).collect();
        let sums = self.read(&arrays)?;
        Ok(sums.chunks(WIDTH).map(|columns| columns.iter().sum()).collect())
    }

    /// The step of `Sgd`; the velocity is needed if there is momentum.
    ///
    /// # Errors
    /// If the launch fails.
    pub fn sgd(
        &self,
        sgd: &Sgd,
        parameters: &Tensor,
        gradient: &Tensor,
        velocity: Option<&Tensor>,
    ) -> Result<()> {
        let count = parameters.elem_count();
        let Some(velocity) = velocity else {
            let arguments = [
                Argument::In(gradient, 0),
                Argument::F32(sgd.learning_rate),
                Argument::F32(sgd.weight_decay),
                Argument::U64(count as u64),
                Argument::Out(parameters),
            ];
            return self.call("sgd", count, &arguments);
        };
        let [along_gradient, along_velocity] = sgd.directions();
        let arguments = [
            Argument::In(gradient, 0),
            Argument::F32(along_gradient),
            Argument::F32(along_velocity),
            Argument::F32(sgd.momentum),
            Argument::F32(sgd.weight_decay),
            Argument::U64(count as u64),
            Argument::Out(parameters),
            Argument::Out(velocity),
        ];
        self.call("sgd_with_momentum", count, &arguments)
    }

    /// The step of `AdamW` number `step`, with the first and the second moment.
    ///
    /// # Errors
    /// If the launch fails.
    pub fn adamw(
        &self,
        adam: &AdamW,
        step: u64,
        parameters: &Tensor,
        gradient: &Tensor,
        [first, second]: [&Tensor; 2],
    ) -> Result<()> {
        let count = parameters.elem_count();
        let [keep, size, root] = adam.factors(step);
        let arguments = [
            Argument::In(gradient, 0),
            Argument::F32(adam.beta1),
            Argument::F32(adam.beta2),
            Argument::F32(adam.epsilon),
            Argument::F32(keep),
            Argument::F32(size),
            Argument::F32(root),
            Argument::U64(count as u64),
            Argument::Out(parameters),
            Argument::Out(first),
            Argument::Out(second),
        ];
        self.call("adamw", count, &arguments)
    }
}
