//! A model of one's own: layers of candle, with spiking neurons between them.
//!
//! Currents have the time in front, `[T, …]`; everything else is candle's, from the `VarBuilder` that
//! makes the parameters to the `VarMap` that saves them.

use candlewick::candle::{Result, Tensor};
use candlewick::neuron::{Lif, Neurons};
use candlewick::nn::{self, Conv2d, Conv2dConfig, Linear, Module, VarBuilder};
use candlewick::surrogate::Triangle;

/// A convolution, LIF neurons, and a linear readout, for images of 8×8.
#[derive(Debug)]
pub struct Classifier {
    convolution: Conv2d,
    lif: Neurons,
    readout: Linear,
    time_steps: usize,
}

impl Classifier {
    /// Creates the parameters at `vb`.
    ///
    /// # Errors
    /// If the builder has others there.
    pub fn new(classes: usize, time_steps: usize, vb: VarBuilder<'_>) -> Result<Self> {
        let halved = Conv2dConfig { padding: 1, stride: 2, ..Conv2dConfig::default() };
        Ok(Self {
            convolution: nn::conv2d(1, 32, 3, halved, vb.pp("convolution"))?,
            lif: Neurons::new(Lif::default(), Triangle::default(), vb.pp("lif"))?,
            readout: nn::linear(32 * 4 * 4, classes, vb.pp("readout"))?,
            time_steps,
        })
    }
}

/// Images `[B, 1, 8, 8]` to logits `[T, B, K]`.
impl Module for Classifier {
    fn forward(&self, images: &Tensor) -> Result<Tensor> {
        let currents = self.convolution.forward(images)?.flatten_from(1)?;
        let currents = currents.unsqueeze(0)?.repeat((self.time_steps, 1, 1))?; // [T, B, N]
        self.readout.forward(&self.lif.forward(&currents)?)
    }
}

#[cfg(test)]
mod tests {
    use candlewick::candle::{DType, Device};
    use candlewick::nn::loss::cross_entropy;
    use candlewick::nn::{AdamW, Optimizer, VarMap};

    use super::*;
    use crate::digits::{LEARNED, accuracy, digits};

    fn model() -> Result<(VarMap, Classifier)> {
        let variables = VarMap::new();
        let builder = VarBuilder::from_varmap(&variables, DType::F32, &Device::Cpu);
        let model = Classifier::new(10, 4, builder)?;
        Ok((variables, model))
    }

    #[test]
    fn a_model_learns_and_is_the_same_when_it_is_loaded() -> crate::Result<()> {
        let data = digits()?;
        // [1, B, 8, 8, 1] to [B, 1, 8, 8].
        let images = |input: &Tensor| input.squeeze(0)?.permute((0, 3, 1, 2))?.contiguous();
        let (variables, model) = model()?;
        let mut optimizer = AdamW::new_lr(variables.all_vars(), 1e-2)?;
        for batch in (0..6).flat_map(|epoch| data.batches(epoch).into_iter().flatten()) {
            let batch = batch?;
            let logits = model.forward(&images(&batch.input)?)?.mean(0)?;
            optimizer.backward_step(&cross_entropy(&logits, &batch.labels)?)?;
        }
        let accuracy = accuracy(&data, |x| model.forward(&images(x)?))?;
        assert!(accuracy >= LEARNED, "{accuracy}");

        let file = std::env::temp_dir().join(format!("outside-{}.safetensors", std::process::id()));
        variables.save(&file)?;
        let (mut others, loaded) = self::model()?;
        let batch = data.test_batches()?.next().expect("a batch")?;
        let bits = |model: &Classifier| -> Result<Vec<u32>> {
            let logits = model.forward(&images(&batch.input)?)?.flatten_all()?.to_vec1::<f32>()?;
            Ok(logits.into_iter().map(f32::to_bits).collect())
        };
        assert_ne!(bits(&loaded)?, bits(&model)?);
        others.load(&file)?;
        std::fs::remove_file(&file)?;
        assert_eq!(bits(&loaded)?, bits(&model)?);
        Ok(())
    }
}
