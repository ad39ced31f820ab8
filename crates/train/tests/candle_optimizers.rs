//! A network trains in candle's own way: variables in a `VarMap`, an optimizer of `candle_nn`,
//! `loss.backward()`.

use std::path::Path;

use candle_core::{DType, Device};
use candle_nn::{AdamW, ModuleT, Optimizer, SGD, VarBuilder, VarMap, loss};
use candlewick_core::Key;
use candlewick_core::parameters::seeded;
use candlewick_network::Network;
use candlewick_train::Data;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// A network for `data` whose parameters live in `variables`.
///
/// It starts as a seeded one does, because candle's own generator cannot be seeded on the CPU.
fn network(data: &Data, variables: &VarMap, seed: u64) -> Result<Network> {
    let build = |builder: VarBuilder<'_>| -> Result<Network> {
        let blueprint = Network::spec("16C3-AP2-FC10").time_steps(4);
        Ok(blueprint.build(data.features()?, data.classes(), builder)?)
    };
    let network = build(VarBuilder::from_varmap(variables, DType::F32, &Device::Cpu))?;
    let start = build(seeded(&Device::Cpu, Key::new(seed)))?.parameters().to_safetensors()?;
    network.parameters().load_safetensors(&start, Path::new("the start"))?;
    Ok(network)
}

/// Trains by the cross-entropy of the mean output; the share of the test data that the network then
/// classifies rightly.
fn train(
    network: &Network,
    mut optimizer: impl Optimizer,
    data: &Data,
    epochs: u64,
) -> Result<f64> {
    for epoch in 0..epochs {
        for batch in data.batches(epoch)? {
            let batch = batch?;
            let logits = network.forward_t(&batch.input, true)?.mean(0)?;
            let loss = loss::cross_entropy(&logits, &batch.labels)?;
            optimizer.step(&loss.backward()?)?;
        }
    }
    let (mut right, mut samples) = (0.0, 0.0);
    for batch in data.test_batches()? {
        let batch = batch?;
        let classes = network.forward_t(&batch.input, false)?.mean(0)?.argmax(1)?;
        let hits = classes.eq(&batch.labels)?.to_dtype(DType::F32)?.sum_all()?;
        right += f64::from(hits.to_scalar::<f32>()?);
        samples += batch.indices.len() as f64;
    }
    Ok(right / samples)
}

#[test]
fn adamw_of_candle_trains_a_network_that_a_var_map_saves_and_loads_to_the_bit() -> Result<()> {
    let data = Data::open("digits")?.time_steps(4);
    let (variables, mut others) = (VarMap::new(), VarMap::new());
    let (trained, loaded) = (network(&data, &variables, 1)?, network(&data, &others, 2)?);
    let accuracy = train(&trained, AdamW::new_lr(variables.all_vars(), 0.02)?, &data, 4)?;
    // Chance is 0.1.
    assert!(accuracy >= 0.9, "{accuracy}");

    let batch = data.test_batches()?.next().ok_or("no test data")??;
    let logits = |network: &Network| -> Result<Vec<f32>> {
        Ok(network.forward_t(&batch.input, false)?.flatten_all()?.to_vec1()?)
    };
    let expected = logits(&trained)?;
    assert_ne!(logits(&loaded)?, expected);
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("network.safetensors");
    variables.save(&path)?;
    others.load(&path)?;
    assert_eq!(logits(&loaded)?, expected);

    let saved = candle_core::safetensors::load(&path, &Device::Cpu)?;
    let parameters = trained.parameters();
    assert_eq!(parameters.iter().filter(|entry| saved.contains_key(&entry.name)).count(), 7);
    assert_eq!((saved.len(), parameters.iter().count()), (7, 7));
    Ok(())
}

#[test]
fn sgd_of_candle_trains_a_network() -> Result<()> {
    let data = Data::open("digits")?.time_steps(4);
    let variables = VarMap::new();
    let network = network(&data, &variables, 1)?;
    let accuracy = train(&network, SGD::new(network.parameters().variables(), 0.4)?, &data, 2)?;
    assert!(accuracy >= 0.8, "{accuracy}");
    Ok(())
}
