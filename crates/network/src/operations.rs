//! Synaptic operations: the cost of a pass on hardware that performs one addition per spike and synapse.
//!
//! Counted for the energy estimates that SNN papers print (TET, figure 4B): a layer whose input is
//! spikes, or spikes pooled by fours, costs an addition per synapse that a spike arrives at, any other
//! layer a multiply-add per synapse and time step.
//! A constant input counts once, since its currents do not change.
//! Normalization is folded into the weights at inference and costs nothing.

use std::sync::Arc;

use candlewick_core::Result;
use candlewick_kernels::convolution::Conv2d;

use crate::Signal;
use crate::buffer::Pool;
use crate::signal::Values;

/// Operations of the synapses, summed over passes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Operations {
    /// One per arriving spike and synapse: the mean number of spikes per input times all synapses, as
    /// if activity were the same everywhere in a map. A sum of spikes counts each of them; a mean of
    /// spikes, which needs one addition of a smaller weight, counts once.
    pub additions: f64,
    /// One per synapse of layers whose input is not made of spikes.
    pub multiply_adds: f64,
}

impl Operations {
    /// Adds those of a layer with input `x`.
    ///
    /// # Errors
    /// If the input cannot be copied from a device.
    pub(crate) fn count(
        &mut self,
        convolution: &Conv2d,
        x: &Signal,
        pool: &Arc<Pool>,
    ) -> Result<()> {
        let synapses = convolution.multiplications() as f64;
        if let Values::Spikes(spikes) = &x.values
            && spikes.is_binary()
        {
            self.additions += spikes.density() * synapses;
            return Ok(());
        }
        let values = x.dense(pool)?;
        if are_pooled_spikes(&values) {
            self.additions += mean_spikes(&values) * synapses;
        } else {
            self.multiply_adds += synapses;
        }
        Ok(())
    }
}

/// From 2²³ on all floats are integers: a small float that is added to it is rounded, without a call of `round`.
const INTEGERS: f32 = 8_388_608.0;
/// Values from here on do not count as spikes.
const TOO_MANY: f32 = 65_536.0;
/// Values that are examined at a time, in a loop without branches.
const CHUNK: usize = 1024;

/// The mean number of additions that a value takes.
fn mean_spikes(values: &[f32]) -> f64 {
    let rounded_up = |value: f32| {
        // A whole number may have been rounded up.
        let value = value - 1e-4;
        let nearest = value + INTEGERS;
        let below = u32::from(nearest - INTEGERS < value);
        (nearest.to_bits() - INTEGERS.to_bits()) + below
    };
    let of_chunk = |chunk: &[f32]| chunk.iter().map(|&value| rounded_up(value)).sum::<u32>();
    let sum: f64 = values.chunks(CHUNK).map(|chunk| f64::from(of_chunk(chunk))).sum();
    sum / values.len().max(1) as f64
}

/// Whether all floats are spikes, counts of spikes, or their means over 2×2 or 3×3 pixels: a layer in
/// between, such as a flattening, may have made floats of them.
fn are_pooled_spikes(values: &[f32]) -> bool {
    values.chunks(CHUNK).all(|chunk| chunk.iter().fold(true, |all, &v| all & is_pooled_spike(v)))
}

fn is_pooled_spike(value: f32) -> bool {
    let is_multiple = |of: f32| {
        let scaled = of * value;
        (scaled - (scaled + INTEGERS - INTEGERS)).abs() < 1e-5
    };
    (0.0..TOO_MANY).contains(&value) & (is_multiple(4.0) | is_multiple(9.0))
}

#[cfg(test)]
mod tests {
    use candlewick_core::{Key, Result};
    use candlewick_methods::Methods;

    use super::{is_pooled_spike, mean_spikes};
    use crate::laws::normal;
    use crate::network_laws::{build, parts};
    use crate::{Context, Operations, Spec};

    /// Nothing, a quarter, a spike, three spikes: 0 + 1 + 1 + 3 additions.
    #[test]
    fn a_sum_counts_each_spike_and_a_mean_counts_once() {
        assert_eq!(mean_spikes(&[0.0, 0.25, 1.0, 3.0]), 1.25);
        assert!([0.0, 0.25, 3.0, 7.0 / 9.0].into_iter().all(is_pooled_spike));
        assert_eq!(mean_spikes(&[vec![0.5; 3000], vec![0.0; 1000]].concat()), 0.75);
        assert!(
            [0.3, -1.0, 0.1, 1e9, f32::NAN, f32::INFINITY]
                .into_iter()
                .all(|value| !is_pooled_spike(value))
        );
    }

    /// A 3×3 kernel reaches 2 + 3 + 2 of 3 rows, and as many columns: 49 synapses from one channel to
    /// each of 2, once per image of a constant input; then 10 additions per spike.
    #[test]
    fn operations_by_hand() -> Result<()> {
        let spec = Spec { layers: "2C3-FC10".into(), bias: false };
        let network = build(&spec, &parts()?, &Methods::new(), [3, 3, 1])?;
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
