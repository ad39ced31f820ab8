//! Synaptic operations: what a pass would cost hardware that adds once per spike and synapse.
//!
//! Counted for the energy estimates that SNN papers print (TET, figure 4B): a layer whose input is
//! spikes, or spikes pooled by fours, costs an addition per synapse that a spike arrives at, any other
//! layer a multiply-add per synapse and time step.
//! A constant input counts once, since its currents do not change.
//! Normalization is folded into the weights at inference and costs nothing.

use candlewick_kernels::convolution::Conv2d;

use crate::signal::{Signal, Values};

/// Operations of the synapses, summed over passes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Operations {
    /// One per arriving spike and synapse: the share of the inputs that are not 0 times all synapses,
    /// as if activity were the same everywhere in a map.
    pub additions: f64,
    /// One per synapse of layers whose input is not made of spikes.
    pub multiply_adds: f64,
}

impl Operations {
    /// Adds those of a layer with input `x`.
    pub(crate) fn count(&mut self, convolution: &Conv2d, x: &Signal) {
        let synapses = convolution.multiplications() as f64;
        match &x.values {
            Values::Spikes(spikes) => self.additions += spikes.density() * synapses,
            Values::Dense(values) if values.iter().all(|&value| is_pooled_spike(value)) => {
                let active = values.iter().filter(|&&value| value != 0.0).count();
                self.additions += active as f64 / values.len().max(1) as f64 * synapses;
            }
            Values::Dense(_) => self.multiply_adds += synapses,
        }
    }
}

/// Whether a float is a spike, a count of spikes, or their mean over four pixels: a layer in between,
/// such as a flattening, may have made floats of them.
fn is_pooled_spike(value: f32) -> bool {
    let quarters = 4.0 * value;
    quarters >= 0.0 && quarters == quarters.round()
}

#[cfg(test)]
mod tests {
    use candlewick_core::{Key, Result};

    use crate::laws::normal;
    use crate::network_laws::{build, parts};
    use crate::{Context, Operations, Spec};

    /// A 3×3 kernel reaches 2 + 3 + 2 of 3 rows, and as many columns: 49 synapses from one channel to
    /// each of 2, once per image of a constant input; then 10 additions per spike.
    #[test]
    fn operations_by_hand() -> Result<()> {
        let spec = Spec { layers: "2C3-FC10".into(), bias: false };
        let network = build(&spec, &parts()?, [3, 3, 1])?;
        let x = normal("x", &[1, 5, 3, 3, 1])?;
        let census = Context { census: true, ..Context::evaluation(4) };
        network.forward(&x, &Context::training(4, Key::new(1)))?;
        assert_eq!(network.take_operations(), None);
        network.take_observations();
        network.forward(&x, &census)?;
        network.forward(&x, &census)?;
        let spikes = network.take_observations()[0].counts.spikes as f64;
        assert!(spikes > 0.0);
        let counted = network.take_operations();
        assert_eq!(
            counted.map(|Operations { additions, multiply_adds }| (
                (additions * 1e6).round() / 1e6,
                multiply_adds
            )),
            Some((10.0 * spikes, 2.0 * 5.0 * 98.0))
        );
        assert_eq!(network.take_operations(), None);
        Ok(())
    }
}
