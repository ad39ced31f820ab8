//! A pass through the layers of a network.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use candle_core::{Device, Tensor};
use candlewick_core::host;
use candlewick_device::{Engine, Queue};

use crate::buffer::{Buffer, Pool};
use crate::gradients::Slot;
use crate::{Context, Operations};

/// A pass through the layers of a network: its [`Context`], the parameters it meets, and its buffers.
#[derive(Clone, Debug)]
pub struct Pass {
    pub(crate) context: Context,
    pub(crate) pool: Arc<Pool>,
    device: Device,
    /// Whether kernels read the memory of the activations.
    on_host: bool,
    /// Where kernels of the device are launched; activations are tensors of candle where there is neither.
    queue: Option<Queue>,
    /// Counted where the context asks for a census.
    pub(crate) operations: Arc<Mutex<Operations>>,
    /// The parameters that the result depends on.
    learned: Arc<Mutex<Vec<Tensor>>>,
    /// State of each spiking layer, by its path, before the pass and then after it.
    pub(crate) states: Option<Arc<Mutex<States>>>,
}

/// State `[S, B, …]` of spiking layers by their paths.
pub(crate) type States = BTreeMap<String, Tensor>;

/// The value behind a mutex; a panic elsewhere leaves what is still valid.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pass {
    pub(crate) fn new(context: Context, pool: Arc<Pool>, device: &Device) -> Self {
        let queue = Engine::of(device)
            .map(|engine| Queue::new(engine, pool.arena.clone(), context.precision));
        Self {
            context,
            pool,
            device: device.clone(),
            on_host: host::is_reachable(device),
            queue,
            operations: Arc::default(),
            learned: Arc::default(),
            states: None,
        }
    }

    /// Time steps, training or evaluation, random stream, and what the pass has to keep.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// The device of the activations.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Whether activations are in memory that kernels may read.
    pub fn is_on_host(&self) -> bool {
        self.on_host
    }

    /// Where the kernels of the device are launched, if it has any.
    pub fn queue(&self) -> Option<&Queue> {
        self.queue.as_ref()
    }

    /// Whether a backward pass will follow, so that layers must keep what theirs reads.
    pub fn is_kept(&self) -> bool {
        self.context.gradients
    }

    /// A buffer of `length` floats of unspecified content, which returns to the network when dropped.
    pub fn take(&self, length: usize) -> Buffer {
        self.pool.take(length)
    }

    /// Declares that the result depends on `parameter`, and returns the slot of its gradient; `None`
    /// if the pass has no backward pass or the parameter does not learn.
    pub fn learn(&self, parameter: &Tensor) -> Option<Slot> {
        if !(self.is_kept() && parameter.track_op()) {
            return None;
        }
        let mut learned = lock(&self.learned);
        let known = learned.iter().position(|known| known.id() == parameter.id());
        Some(Slot(known.unwrap_or_else(|| {
            learned.push(parameter.clone());
            learned.len() - 1
        })))
    }

    /// Whether the pass has met a parameter that learns.
    pub(crate) fn learns(&self) -> bool {
        !lock(&self.learned).is_empty()
    }

    /// The parameters that the result depends on, by their slots.
    pub(crate) fn learned(&self) -> Vec<Tensor> {
        lock(&self.learned).clone()
    }

    /// The same pass for computing again what it has computed: nothing is kept or counted.
    pub(crate) fn again(&self) -> Self {
        let context = Context { gradients: false, census: false, ..self.context };
        Self { context, ..self.clone() }
    }
}
