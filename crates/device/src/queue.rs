//! Where the layers of a network launch their kernels.

use std::sync::Arc;

use candle_core::{Device, Result, Tensor};
use candlewick_kernels::cuda::LIBRARY;

use crate::arena::Tally;
use crate::argument::{bytes, with_values};
use crate::engine::BLOCK;
use crate::{Arena, Argument, Counts, Doubles, Engine, Floats, Matrix, Precision, product};

/// An engine with the arrays of a network.
#[derive(Clone, Debug)]
pub struct Queue {
    engine: Arc<Engine>,
    arena: Arc<Arena>,
    precision: Precision,
}

impl Queue {
    /// A queue whose matrix products have this precision.
    pub fn new(engine: Arc<Engine>, arena: Arc<Arena>, precision: Precision) -> Self {
        Self { engine, arena, precision }
    }

    /// The queue of whatever stands outside of a network; `None` for devices that have no [engine](Engine::of).
    pub fn of(device: &Device) -> Option<Self> {
        let engine = Engine::of(device)?;
        let arena = engine.arena.clone();
        Some(Self::new(engine, arena, Precision::F32))
    }

    /// The device.
    pub fn device(&self) -> &Device {
        self.engine.device()
    }

    /// An array of unspecified content.
    ///
    /// # Errors
    /// If the device has no memory for it.
    pub fn floats(&self, length: usize) -> Result<Floats> {
        self.arena.floats(length, self.device())
    }

    /// An array of sums of unspecified content.
    ///
    /// # Errors
    /// If the device has no memory for it.
    pub fn doubles(&self, length: usize) -> Result<Doubles> {
        self.arena.doubles(length, self.device())
    }

    /// An array of sums, all 0, that no arena takes back.
    ///
    /// # Errors
    /// If the device has no memory for it.
    pub fn sums(&self, length: usize) -> Result<Tensor> {
        Tally::add(&self.arena.tally.allocations, 1);
        Tensor::zeros(length, candle_core::DType::F64, self.device())
    }

    /// Launches so many threads of a kernel of `text`; blocks are whole, so that a kernel must expect more.
    ///
    /// # Errors
    /// If the text cannot be compiled, it has no such kernel, or a tensor does not fit.
    pub fn launch(
        &self,
        text: &str,
        kernel: &str,
        threads: usize,
        arguments: &[Argument<'_>],
    ) -> Result<()> {
        if threads == 0 {
            return Ok(());
        }
        let module = self.engine.module(text)?;
        let Ok(blocks) = u32::try_from(threads.div_ceil(BLOCK as usize)) else {
            candle_core::bail!("{kernel}: {threads} threads are more than a launch has");
        };
        Tally::add(&self.arena.tally.launches, 1);
        Tally::add(&self.arena.tally.bytes, bytes(arguments));
        with_values(arguments, &mut Vec::new(), &mut |values| module.launch(kernel, blocks, values))
    }

    /// Launches a kernel of the library, `candlewick_kernels::cuda::LIBRARY`.
    ///
    /// # Errors
    /// As [`launch`](Self::launch).
    pub fn call(&self, kernel: &str, threads: usize, arguments: &[Argument<'_>]) -> Result<()> {
        self.launch(LIBRARY, kernel, threads, arguments)
    }

    /// `out = a · b`, or `out += a · b`.
    ///
    /// # Errors
    /// If the sizes do not fit.
    pub fn product(
        &self,
        a: Matrix<'_>,
        b: Matrix<'_>,
        accumulate: bool,
        out: &Tensor,
    ) -> Result<()> {
        product::sizes(&a, &b, out.elem_count())?;
        let operands = [a, b].map(|matrix| matrix.stored[0] * matrix.stored[1]);
        Tally::add(&self.arena.tally.products, 1);
        Tally::add(&self.arena.tally.bytes, 4 * (operands[0] + operands[1] + out.elem_count()));
        self.engine.backend().product(a, b, accumulate, self.precision, out)
    }

    /// Waits for sums of `f64`, and reads them, one array after the other.
    ///
    /// # Errors
    /// If the device fails.
    pub fn read(&self, sums: &[&Tensor]) -> Result<Vec<f64>> {
        Tally::add(&self.arena.tally.reads, 1);
        match sums {
            [one] => one.to_vec1(),
            several => Tensor::cat(several, 0)?.to_vec1(),
        }
    }

    /// What was launched since the arena was made.
    pub fn counts(&self) -> Counts {
        self.arena.counts()
    }
}
