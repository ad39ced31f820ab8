//! The digits that nearly everything here learns, and how the tests train and count.

use candlewick::candle::{D, DType, Device, Tensor};
use candlewick::core::{Key, parameters::seeded};
use candlewick::methods::Methods;
use candlewick::network::{Blueprint, Network};
use candlewick::nn::VarBuilder;
use candlewick::train::{Data, Trainer, optimizer::AdamW};

use crate::Result;

/// The share of right answers that counts as learned.
pub const LEARNED: f64 = 0.9;

/// Handwritten digits of 8×8 pixels in 10 classes, at T = 4.
pub fn digits() -> Result<Data> {
    Ok(Data::open("digits")?.batch_size(32).time_steps(4))
}

/// Where a network's parameters start.
pub fn start() -> VarBuilder<'static> {
    seeded(&Device::Cpu, Key::new(1))
}

/// Builds a network for the digits, trains it without methods, and gives its accuracy on the test data.
pub fn trained(blueprint: &Blueprint<'_>) -> Result<(Network, f64)> {
    let data = digits()?;
    let network = blueprint.build(data.features()?, data.classes(), start())?;
    let accuracy = train(&network, &mut Methods::new(), &data)?;
    Ok((network, accuracy))
}

/// Trains a network for six epochs, and gives its accuracy on the test data.
pub fn train(network: &Network, methods: &mut Methods, data: &Data) -> Result<f64> {
    let optimizer = AdamW { learning_rate: 5e-3, ..AdamW::default() };
    let ended = Trainer::new(network, methods).optimizer(optimizer).epochs(6).fit(data)?;
    Ok(ended.summary().expect("nobody stops it").accuracy.final_epoch)
}

/// The share of the test data that a model of logits `[T, B, K]` gets right.
pub fn accuracy(
    data: &Data,
    model: impl Fn(&Tensor) -> candlewick::candle::Result<Tensor>,
) -> Result<f64> {
    let (mut right, mut samples) = (0.0, 0);
    for batch in data.test_batches()? {
        let batch = batch?;
        let classes = model(&batch.input)?.mean(0)?.argmax(D::Minus1)?;
        let of_batch = classes.eq(&batch.labels)?.to_dtype(DType::F32)?.sum_all()?;
        right += f64::from(of_batch.to_scalar::<f32>()?);
        samples += batch.labels.elem_count();
    }
    Ok(right / samples as f64)
}

/// The largest difference of two tensors, as a share of the largest value of the first.
pub fn difference(one: &Tensor, other: &Tensor) -> Result<f32> {
    let largest = |x: &Tensor| x.abs()?.max_all()?.to_scalar::<f32>();
    Ok(largest(&(one - other)?)? / largest(one)?)
}
