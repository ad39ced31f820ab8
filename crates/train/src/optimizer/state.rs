//! What an optimizer remembers of each parameter.

use candle_core::Tensor;
use candlewick_core::parameters::Parameters;

use crate::error::Result;

/// The buffers of an optimizer, all at first 0.
#[derive(Debug)]
pub(super) enum State {
    /// On the CPU: flat slices for the fused update.
    Fused(Flat),
    /// On the parameters' device: tensors for the update made of candle operations.
    Composed(Tensors),
}

/// One flat vector per buffer, with the parameters one after the other.
#[derive(Debug)]
pub(super) struct Flat {
    buffers: Vec<Vec<f32>>,
    /// Where each parameter ends.
    ends: Vec<usize>,
}

/// A list of tensors per parameter, one for each buffer.
#[derive(Debug)]
pub(super) struct Tensors(Vec<Vec<Tensor>>);

impl State {
    pub(super) fn new(names: &[&str], parameters: &Parameters, fused: bool) -> Result<Self> {
        if fused {
            let mut end = 0;
            let ends: Vec<usize> = parameters
                .learned()
                .map(|parameter| {
                    end += parameter.variable.elem_count();
                    end
                })
                .collect();
            let buffers = names.iter().map(|_| vec![0.0; end]).collect();
            return Ok(Self::Fused(Flat { buffers, ends }));
        }
        let tensors = parameters
            .learned()
            .map(|parameter| {
                let zeros = || parameter.variable.zeros_like().map(|zeros| zeros.detach());
                names.iter().map(|_| zeros()).collect()
            })
            .collect::<candle_core::Result<_>>()?;
        Ok(Self::Composed(Tensors(tensors)))
    }

    /// Takes it out, and leaves one without parameters behind.
    pub(super) fn take(&mut self) -> Self {
        std::mem::replace(self, Self::Composed(Tensors(Vec::new())))
    }

    /// The values of a buffer that belong to parameter number `index`.
    pub(super) fn values(&self, buffer: usize, index: usize) -> Result<Vec<f32>> {
        match self {
            Self::Fused(flat) => Ok(flat.buffers[buffer][flat.range(index)].to_vec()),
            Self::Composed(tensors) => {
                Ok(tensors.0[index][buffer].flatten_all()?.to_vec1::<f32>()?)
            }
        }
    }

    /// Replaces the values of a buffer that belong to parameter number `index`.
    pub(super) fn set(&mut self, buffer: usize, index: usize, values: &[f32]) -> Result<()> {
        match self {
            Self::Fused(flat) => {
                let range = flat.range(index);
                flat.buffers[buffer][range].copy_from_slice(values);
            }
            Self::Composed(tensors) => {
                let old = &mut tensors.0[index][buffer];
                *old = Tensor::from_slice(values, old.dims(), old.device())?;
            }
        }
        Ok(())
    }
}

impl Flat {
    fn range(&self, index: usize) -> std::ops::Range<usize> {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        start..self.ends[index]
    }

    /// The buffers of parameter number `index`; empty slices stand for buffers that are not there.
    pub(super) fn of(&mut self, index: usize) -> [&mut [f32]; 2] {
        let range = self.range(index);
        let mut buffers = self.buffers.iter_mut();
        std::array::from_fn(|_| match buffers.next() {
            Some(buffer) => &mut buffer[range.clone()],
            None => &mut [],
        })
    }
}

impl Tensors {
    /// The buffers of parameter number `index`.
    pub(super) fn of(&mut self, index: usize) -> &mut [Tensor] {
        &mut self.0[index]
    }
}
