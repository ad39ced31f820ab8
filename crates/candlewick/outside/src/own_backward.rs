//! A layer of one's own with a backward pass of its own: a learned gain per channel,
//! `y = gain · x`.
//!
//! The forward pass reads floats and writes floats; the backward pass, which is a closure that keeps
//! what it needs, turns the gradient with respect to `y` into that with respect to `x`, and adds that
//! with respect to the gain.

use candlewick::candle::Tensor;
use candlewick::core::Result;
use candlewick::core::initializer::Initializer;
use candlewick::core::parameters::{Role, Scope};
use candlewick::network::{Array, Backward, Features, Layer, Pass, Signal};

/// A gain per channel.
#[derive(Debug)]
pub struct Gain {
    features: Features,
    gain: Tensor,
}

impl Gain {
    /// Creates the parameter `gain` `[C]` at `scope`, for activations of the shape `features`.
    ///
    /// # Errors
    /// If it cannot be created.
    pub fn new(features: Features, scope: &Scope<'_>) -> Result<Self> {
        let (dims, start) = ([features.channels()], Initializer::Constant(1.0));
        let gain = scope.create("gain", Role::Normalization, &dims, start)?.tensor();
        Ok(Self { features, gain })
    }
}

impl Layer for Gain {
    fn run(&self, x: Signal, pass: &Pass) -> Result<(Signal, Option<Backward>)> {
        x.expect("a gain", self.features)?;
        let (input, gain) = (x.floats(pass)?, self.gain.to_vec1::<f32>()?);
        let channels = gain.len();
        let mut output = pass.take(input.len());
        output.iter_mut().enumerate().for_each(|(i, y)| *y = gain[i % channels] * input[i]);
        let (slot, pass) = (pass.learn(&self.gain), pass.clone());
        let backward: Backward = Box::new(move |gradient, found| {
            let mut gradient = gradient.floats(&pass)?;
            let mut of_gain = vec![0.0; channels];
            for (i, gradient) in gradient.iter_mut().enumerate() {
                of_gain[i % channels] += *gradient * input[i];
                *gradient *= gain[i % channels];
            }
            if let Some(slot) = slot {
                found.add(slot, Tensor::new(of_gain, pass.device())?)?;
            }
            Ok(Some(Array::Host(gradient)))
        });
        Ok((x.made_from(self.features, output)?, Some(backward)))
    }

    fn output(&self) -> Features {
        self.features
    }
}

#[cfg(test)]
mod tests {
    use candlewick::candle::{Device, Var};
    use candlewick::core::{Key, host::forbid};
    use candlewick::network::Context;

    use super::*;
    use crate::digits::{difference, start};

    /// The same layer, composed of candle operations.
    #[derive(Debug)]
    struct Composed(Gain);

    impl Layer for Composed {
        fn run(&self, x: Signal, pass: &Pass) -> Result<(Signal, Option<Backward>)> {
            let gain = self.0.gain.clone();
            pass.compose(&x, self.0.features, move |x| Ok(x.broadcast_mul(&gain)?))
        }

        fn output(&self) -> Features {
            self.0.features
        }
    }

    #[test]
    fn output_and_gradients_are_those_of_candle() -> crate::Result<()> {
        let features = Features::Map { height: 3, width: 2, channels: 5 };
        let x = Var::from_tensor(&Tensor::randn(0_f32, 1.0, (4, 2, 3, 2, 5), &Device::Cpu)?)?;
        let gain = Gain::new(features, &start().into())?;
        let composed = Composed(Gain { features, gain: gain.gain.clone() });
        let run = |layer: &dyn Layer| -> Result<Vec<Tensor>> {
            let y = layer.apply(&x, &Context::training(4, Key::new(0)))?;
            let gradients = y.sqr()?.backward()?;
            let of = |parameter| gradients.get(parameter).expect("a gradient").clone();
            Ok(vec![y, of(&x), of(&gain.gain)])
        };
        let expected = run(&composed)?;
        // In memory, and as on a device.
        for found in [run(&gain)?, forbid(|| run(&gain))?] {
            assert_eq!(found.len(), 3);
            for (found, expected) in found.iter().zip(&expected) {
                let difference = difference(expected, found)?;
                assert!(difference < 1e-6, "{difference}");
            }
        }
        Ok(())
    }
}
