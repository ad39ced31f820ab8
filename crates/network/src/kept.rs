//! Arrays that a backward pass reads: kept since the forward pass, or recomputed.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use candlewick_core::Result;

/// Recomputes an array of the forward pass, to the bit.
pub(crate) type Again<T> = Box<dyn Fn() -> Result<Arc<T>> + Send + Sync>;

/// An array that can be asked for at any time.
pub(crate) enum Kept<T> {
    /// In memory from the forward pass to the end of the backward pass.
    Held(Arc<T>),
    /// In memory from the first use until they are released.
    Remade { held: Mutex<Option<Arc<T>>>, again: Again<T> },
}

impl<T> Kept<T> {
    /// `values`, which `again` recomputes; without it they stay in memory.
    pub(crate) fn new(values: Arc<T>, again: Option<Again<T>>) -> Arc<Self> {
        Arc::new(match again {
            None => Self::Held(values),
            Some(again) => Self::Remade { held: Mutex::new(Some(values)), again },
        })
    }

    /// The array, which is in memory from now on.
    pub(crate) fn values(&self) -> Result<Arc<T>> {
        match self {
            Self::Held(values) => Ok(values.clone()),
            Self::Remade { held, again } => {
                let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
                let values = match held.take() {
                    Some(values) => values,
                    None => again()?,
                };
                Ok(held.insert(values).clone())
            }
        }
    }

    /// Releases the memory, if the array can be recomputed.
    pub(crate) fn let_go(&self) {
        if let Self::Remade { held, .. } = self {
            held.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
    }
}

impl<T> fmt::Debug for Kept<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Held(_) => "Held",
            Self::Remade { .. } => "Remade",
        })
    }
}
