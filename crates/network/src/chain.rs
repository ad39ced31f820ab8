//! Layers one after the other, whose errors name the layer.

use candlewick_core::{Error, Result};

use crate::layer::Backward;
use crate::{Layer, Pass, Signal};

impl Pass {
    /// Applies a layer of a chain, and checks its output and its backward pass; errors name the
    /// layer. What follows depends on all parameters that the pass has met so far.
    pub(crate) fn through<L: Layer + ?Sized>(
        &self,
        layer: &L,
        x: Signal,
    ) -> Result<(Signal, Option<Backward>)> {
        let (kind, elements) = (layer.kind(), x.len());
        let (out, backward) = layer.run(x, self).map_err(|error| named(error, kind))?;
        let out = out.behind(self.learns());
        if out.features != layer.output() {
            let [expected, got] = [layer.output(), out.features].map(|shape| shape.to_string());
            return Err(Error::Shape { what: "output".into(), expected, got }.in_layer(kind));
        }
        if backward.is_none() && self.is_kept() && out.gradient {
            let error = Error::Setting {
                field: "backward pass".into(),
                expected: "one, as something learns in the layer or in front of it".into(),
                got: "none".into(),
            };
            return Err(error.in_layer(kind));
        }
        Ok((out, backward.map(|backward| checked(backward, kind, elements))))
    }
}

/// The backward pass of a layer of this kind, from an input of so many elements.
fn checked(backward: Backward, kind: &'static str, elements: usize) -> Backward {
    Box::new(move |gradient, found| {
        let of_input = backward(gradient, found).map_err(|error| named(error, kind))?;
        if let Some(got) = of_input.as_ref().map(crate::Array::len)
            && got != elements
        {
            let error = Error::Shape {
                what: "elements of the gradient with respect to the input".into(),
                expected: elements.to_string(),
                got: got.to_string(),
            };
            return Err(error.in_layer(kind));
        }
        Ok(of_input)
    })
}

/// The error with the name of its layer; `kind` where nobody said a path.
fn named(error: Error, kind: &str) -> Error {
    match error {
        Error::Layer { .. } => error,
        other => other.in_layer(kind),
    }
}
