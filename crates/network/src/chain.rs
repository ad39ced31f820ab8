//! Layers one after the other, whose errors name the layer.

use candlewick_core::{Error, Result};

use crate::layer::Backward;
use crate::{Layer, Pass, Signal};

impl Pass {
    /// Applies a layer of a chain, and checks its output and its backward pass; errors give the layer
    /// this name. What follows depends on all parameters that the pass has met so far.
    pub(crate) fn through<L: Layer + ?Sized>(
        &self,
        name: &str,
        layer: &L,
        x: Signal,
    ) -> Result<(Signal, Option<Backward>)> {
        let elements = x.len();
        let (out, backward) = layer.run(x, self).map_err(|error| named(error, name))?;
        let out = out.behind(self.learns());
        if out.features != layer.output() {
            let [expected, got] = [layer.output(), out.features].map(|shape| shape.to_string());
            return Err(Error::Shape { what: "output".into(), expected, got }.in_layer(name));
        }
        if backward.is_none() && self.is_kept() && out.gradient {
            let error = Error::Setting {
                field: "backward pass".into(),
                expected: "one, as something learns in the layer or in front of it".into(),
                got: "none".into(),
            };
            return Err(error.in_layer(name));
        }
        Ok((out, backward.map(|backward| checked(backward, name.to_owned(), elements))))
    }
}

/// The backward pass of the layer `name`, whose input has so many elements.
fn checked(backward: Backward, name: String, elements: usize) -> Backward {
    Box::new(move |gradient, found| {
        let of_input = backward(gradient, found).map_err(|error| named(error, &name))?;
        found.hand_over_all();
        if let Some(got) = of_input.as_ref().map(crate::Array::len)
            && got != elements
        {
            let error = Error::Shape {
                what: "elements of the gradient with respect to the input".into(),
                expected: elements.to_string(),
                got: got.to_string(),
            };
            return Err(error.in_layer(&name));
        }
        Ok(of_input)
    })
}

/// The error with `name` as its layer, unless it names one already.
fn named(error: Error, name: &str) -> Error {
    match error {
        Error::Layer { .. } => error,
        other => other.in_layer(name),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use candle_core::Device;
    use candlewick_core::Key;
    use candlewick_core::parameters::{Scope, seeded};

    use super::*;
    use crate::side_head::SideHead;
    use crate::{Context, Features, Linear, LinearSettings};

    /// What a network calls its classifier and its heads stands in their errors.
    #[test]
    fn an_error_of_a_head_has_its_name() -> Result<()> {
        let scope: Scope<'_> = seeded(&Device::Cpu, Key::new(1)).into();
        let (four, three) = (Features::Vector { size: 4 }, Features::Vector { size: 3 });
        let classifier = Linear::new(four, LinearSettings::new(2), scope.pp("classifier"))?;
        let head = SideHead::new(1, four, 2, &scope.pp("side1"))?;
        let pass = Pass::new(Context::training(2, Key::new(1)), Arc::default(), &Device::Cpu);
        let x = candle_core::Tensor::ones((2, 1, 3), candle_core::DType::F32, &Device::Cpu)?;
        let x = Signal::input(&x, three, &pass)?;
        let errors = [
            pass.through("classifier", &classifier, x.clone()).err(),
            head.through(&x, &pass).err(),
        ];
        let expected = "expected a vector of 4, got a vector of 3";
        for (name, error) in ["classifier", "side1"].into_iter().zip(errors) {
            let error = error.expect("another shape").to_string();
            assert!(error.starts_with(&format!("layer {name}: ")), "{error}");
            assert!(error.ends_with(expected), "{error}");
        }
        Ok(())
    }
}
