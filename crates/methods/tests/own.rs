//! A loss that a program registers.

use candle_core::{Device, Tensor};
use candlewick_core::Result;
use candlewick_methods::{AnyLoss, CrossEntropy, Loss, Method};
use serde::{Deserialize, Serialize};

/// A loss of one's own in recipes.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Scaled {
    by: f64,
}

impl Default for Scaled {
    fn default() -> Self {
        Self { by: 2.0 }
    }
}

impl Loss for Scaled {
    fn loss(&self, logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
        Ok((Loss::loss(&CrossEntropy::default(), logits, labels)? * self.by)?)
    }

    fn problem(&self) -> Option<(&'static str, &'static str)> {
        (self.by <= 0.0).then_some(("by", "a number above 0"))
    }
}

/// What a program registers is read, written, checked and computed like what is built in.
#[test]
fn a_loss_of_ones_own_is_one_of_the_registry() -> Result<()> {
    AnyLoss::register::<Scaled>("scaled")?;
    let read = |text: &str| toml::from_str::<AnyLoss>(text);
    let scaled = read("[scaled]\nby = 3.0").expect("its settings");
    assert_eq!((scaled.name(), Method::name(&scaled)), ("scaled", "scaled"));
    let logits = Tensor::new(&[[[1.0_f32, 0.5]]], &Device::Cpu)?;
    let labels = Tensor::new(&[1_u32], &Device::Cpu)?;
    let value = |loss: &AnyLoss| Loss::loss(&**loss, &logits, &labels)?.to_scalar::<f32>();
    let plain = value(&CrossEntropy::default().into()).expect("a number");
    assert_eq!(value(&scaled).expect("a number"), 3.0 * plain);
    // The defaults are written out.
    let text = toml::to_string(&AnyLoss::named("scaled")?).expect("a table");
    assert_eq!(text, "[scaled]\nby = 2.0\n");
    assert_eq!(read(&text).expect(&text), AnyLoss::named("scaled")?);
    assert_ne!(scaled.clone(), AnyLoss::named("scaled")?);
    let zero = read("[scaled]\nby = 0.0").expect("a number");
    assert_eq!(Method::problem(&zero), Some(("by", "a number above 0")));
    let wrong = read("[scaled]\nnonsense = 1").unwrap_err().to_string();
    assert!(wrong.contains("settings of `scaled`") && wrong.contains("nonsense"), "{wrong}");
    let unknown = AnyLoss::named("scalde").unwrap_err().to_string();
    assert!(unknown.contains("cross_entropy, tet, scaled"), "{unknown}");
    let mut visited = 0;
    for taken in ["scaled", "tet"] {
        let error = AnyLoss::register::<Scaled>(taken).unwrap_err().to_string();
        assert!(error.contains(taken) && error.contains("not taken"), "{error}");
        visited += 1;
    }
    assert_eq!(visited, 2);
    Ok(())
}
