//! A neuron of one's own: a potential that saturates, `v ← decay·v + x·(1 - v²)`, with a learned decay.
//!
//! One neuron and one step are stated; the fused scan over all neurons and steps, forward and
//! backward, follows. [`composed`](candlewick::neuron::composed) runs the same equations as candle
//! operations, against which the test holds the derivatives.

use std::sync::Arc;

use candlewick::neuron::{Firing, Fused, Model, Neuron, Real, Settings};

/// The settings, which are the neuron.
#[derive(Clone, Copy, Debug, Default)]
pub struct Saturating {
    /// Threshold and reset.
    pub firing: Firing,
}

impl Neuron<1, 1> for Saturating {
    #[inline(always)]
    fn firing(&self) -> &Firing {
        &self.firing
    }

    fn parameter_names(&self) -> [&'static str; 1] {
        ["decay"]
    }

    fn initial_parameters(&self) -> [f32; 1] {
        [0.5]
    }

    #[inline(always)]
    fn charge<V: Real>(&self, [decay]: &[V; 1], [v]: [V; 1], x: V) -> [V; 1] {
        let room = -(v.clone() * v.clone()) + 1.0;
        [v * decay.clone() + x * room]
    }
}

impl Settings for Saturating {
    fn model(&self) -> Arc<dyn Model> {
        Arc::new(Fused(*self))
    }
}

#[cfg(test)]
mod tests {
    use candlewick::candle::backprop::GradStore;
    use candlewick::candle::{Device, Tensor, Var};
    use candlewick::network::Network;
    use candlewick::neuron::{MultiStep, composed};
    use candlewick::surrogate::{Surrogate, Triangle};

    use super::*;
    use crate::Result;
    use crate::digits::{LEARNED, difference, trained};
    use crate::own_surrogate::Parabola;

    #[test]
    fn the_derivatives_are_those_of_candle() -> Result<()> {
        let (model, surrogate) = (Saturating::default().model(), Triangle::default().shared());
        let x = Var::from_tensor(&Tensor::randn(0.5_f32, 1.0, (4, 1, 50), &Device::Cpu)?)?;
        let decay = Var::new(&[0.5_f32], &Device::Cpu)?;
        let reference = composed(&*model, &*surrogate, &x, 4, Some(&decay), None, None)?;
        let fused = MultiStep::new(model, surrogate, &x, 4);
        let fused = MultiStep { parameters: Some(&decay), ..fused }.run()?;
        let fused = fused.output.sqr()?.backward()?;
        let reference = reference.output.sqr()?.backward()?;
        for variable in [&x, &decay] {
            let of = |gradients: &GradStore| gradients.get(variable).expect("a gradient").clone();
            let difference = difference(&of(&reference), &of(&fused))?;
            assert!(difference < 1e-5, "{difference}");
        }
        Ok(())
    }

    /// On devices the same lines run as kernels, here compiled for the host and with a surrogate of one's own.
    #[test]
    fn the_kernels_of_a_device_give_the_same_bits() -> Result<()> {
        use candlewick::device::pretend;

        let (model, surrogate) = (Saturating::default().model(), Parabola { width: 0.8 }.shared());
        let x = Var::from_tensor(&Tensor::randn(0.5_f32, 1.0, (4, 1, 50), &Device::Cpu)?)?;
        let decay = Var::new(&[0.5_f32], &Device::Cpu)?;
        let run = || -> Result<[Vec<f32>; 3]> {
            let call = MultiStep::new(model.clone(), surrogate.clone(), &x, 4);
            let spikes = MultiStep { parameters: Some(&decay), ..call }.run()?.output;
            let gradients = spikes.sqr()?.backward()?;
            let flat = |tensor: &Tensor| tensor.flatten_all()?.to_vec1::<f32>();
            let of = |variable: &Var| flat(gradients.get(variable).expect("a gradient"));
            Ok([flat(&spikes)?, of(&x)?, of(&decay)?])
        };
        let ([spikes, of_x, of_decay], on_device) = (run()?, pretend(run)?);
        assert_eq!([spikes, of_x], on_device[..2]);
        // A sum over all neurons rounds in another order.
        assert!((of_decay[0] - on_device[2][0]).abs() < 1e-5 * of_decay[0].abs().max(1.0));
        Ok(())
    }

    #[test]
    fn a_network_of_it_learns() -> Result<()> {
        let (network, accuracy) =
            trained(&Network::spec("16C3-AP2-FC10").neuron(Saturating::default()))?;
        let decay = network.parameters().get("convolution1.neuron.decay").expect("is learned");
        assert_ne!(decay.variable.to_vec1::<f32>()?, [0.5]);
        assert!(accuracy >= LEARNED, "{accuracy}");
        Ok(())
    }
}
