//! The branches of shortcut back-propagation.

use candlewick_core::Result;
use candlewick_core::parameters::Scope;

use crate::layer::Backward;
use crate::{Features, GlobalAveragePool, Layer, Linear, LinearSettings, Pass, Signal};

/// Global average pooling and a linear layer at the end of a stage: the branch of shortcut
/// back-propagation (Guo et al., `NeurIPS` 2024, arXiv:2401.04486, sec. 4).
#[derive(Debug)]
pub(crate) struct SideHead {
    name: String,
    /// The head sees the output of layer number `after - 1`.
    pub(crate) after: usize,
    pool: Option<GlobalAveragePool>,
    linear: Linear,
}

impl SideHead {
    /// A head behind `after` layers, whose output has the shape `features`.
    pub(crate) fn new(
        after: usize,
        features: Features,
        classes: usize,
        scope: &Scope<'_>,
    ) -> Result<Self> {
        let pool = match features {
            Features::Map { .. } => Some(GlobalAveragePool::new(features)?),
            Features::Vector { .. } => None,
        };
        let input = pool.as_ref().map_or(features, Layer::output);
        let linear = Linear::new(input, LinearSettings::new(classes), scope.clone())?;
        Ok(Self { name: scope.path(), after, pool, linear })
    }

    /// The logits of the output `x` of a stage.
    pub(crate) fn through(&self, x: &Signal, pass: &Pass) -> Result<(Signal, Option<Backward>)> {
        let (pooled, pool) = match &self.pool {
            Some(pool) => pass.through(&self.name, pool, x.clone())?,
            None => (x.clone(), None),
        };
        let (logits, linear) = pass.through(&self.name, &self.linear, pooled)?;
        let backward = linear.map(|linear| -> Backward {
            Box::new(move |gradient, found| match (linear(gradient, found)?, pool) {
                (Some(gradient), Some(pool)) => pool(gradient, found),
                (gradient, _) => Ok(gradient),
            })
        });
        Ok((logits, backward))
    }
}
