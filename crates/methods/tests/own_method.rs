//! A method that is defined outside of this crate takes part in a training as any other.

use candle_core::{Device, Tensor};
use candlewick_core::Result;
use candlewick_methods::{Loss, Method, Methods, Moment, Outputs, Scores, Shortcut};
use candlewick_neuron::{Lif, Settings};
use candlewick_surrogate::AnySurrogate;

/// A method that is not registered: it halves the logits, and counts the samples that it saw.
#[derive(Debug, Default)]
struct Own {
    seen: usize,
}

impl Method for Own {
    fn name(&self) -> &'static str {
        "own"
    }

    fn loss(&self) -> Option<&dyn Loss> {
        Some(self)
    }

    fn logits(&self, logits: Tensor, _outputs: &Outputs, _moment: &Moment) -> Result<Tensor> {
        Ok((logits * 0.5)?)
    }

    fn observe(&mut self, scores: &Scores, _labels: &[u32], _moment: &Moment) {
        self.seen += scores.samples();
    }

    fn state(&self) -> Vec<(&'static str, Vec<f64>)> {
        vec![("seen", vec![self.seen as f64])]
    }

    fn restore(&mut self, name: &str, values: &[f64]) -> bool {
        if let ("seen", [seen]) = (name, values) {
            self.seen = *seen as usize;
        }
        name == "seen"
    }
}

/// The sum of the logits.
impl Loss for Own {
    fn loss(&self, logits: &Tensor, _labels: &Tensor) -> Result<Tensor> {
        Ok(logits.sum_all()?)
    }
}

#[test]
fn a_method_from_elsewhere_works_as_a_registered_one() -> Result<()> {
    let logits = Tensor::new(&[[[1.0_f32, 0.0], [2.0, 4.0]]], &Device::Cpu)?;
    let labels = Tensor::new(&[0_u32, 0], &Device::Cpu)?;
    let scores = Scores::new(&logits)?;
    let outputs = Outputs { side: vec![logits.ones_like()?], logits };
    let moment = Moment { epoch: 0, step: 0, progress: 0.0, training: true };
    let mut methods = Methods::new().with(Shortcut::default()).with(Own::default());
    let surrogate = AnySurrogate::named("triangle")?;
    assert_eq!(methods.problem(&*surrogate, &*Lif::default().model()), None);
    // The logits have the sum 7, and the side head adds 4.
    let loss = methods.loss(&outputs, &labels, &moment)?.to_scalar::<f32>()?;
    assert_eq!(loss, 5.5);
    methods.observe(&scores, &[0, 0], &moment);
    methods.observe(&scores, &[0, 0], &moment);
    let state = methods.state();
    assert_eq!(state, [("own.seen".to_owned(), vec![4.0])]);
    let mut resumed = Methods::new().with(Own::default());
    resumed.restore(&state)?;
    assert_eq!(resumed.state(), state);
    Ok(())
}
