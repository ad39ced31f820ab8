//! A training loop of one's own: a network of candlewick, trained by `backward` and by an optimizer
//! of candle.
//!
//! The network is an operation of candle's graph; nothing else of candlewick is needed to train it.

use candlewick::network::Network;
use candlewick::nn::loss::cross_entropy;
use candlewick::nn::{AdamW, ModuleT, Optimizer, VarMap};
use candlewick::train::Data;

use crate::Result;

/// Trains `network`, whose parameters are in `variables`, for some epochs.
///
/// # Errors
/// If the data do not fit the network.
pub fn train(network: &Network, variables: &VarMap, data: &Data, epochs: u64) -> Result<()> {
    let mut optimizer = AdamW::new_lr(variables.all_vars(), 5e-3)?;
    for epoch in 0..epochs {
        for batch in data.batches(epoch)? {
            let batch = batch?;
            let logits = network.forward_t(&batch.input, true)?; // [T, B, K]
            let loss = cross_entropy(&logits.mean(0)?, &batch.labels)?;
            let gradients = loss.backward()?;
            optimizer.step(&gradients)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use candlewick::candle::{DType, Device};
    use candlewick::nn::VarBuilder;

    use super::*;
    use crate::digits::{LEARNED, accuracy, digits};

    #[test]
    fn a_network_learns_in_a_loop_of_ones_own() -> Result<()> {
        let data = digits()?;
        let variables = VarMap::new();
        let builder = VarBuilder::from_varmap(&variables, DType::F32, &Device::Cpu);
        let network =
            Network::spec("16C3-AP2-FC10").build(data.features()?, data.classes(), builder)?;
        train(&network, &variables, &data, 6)?;
        let accuracy = accuracy(&data, |x| network.forward_t(x, false))?;
        assert!(accuracy >= LEARNED, "{accuracy}");
        Ok(())
    }
}
