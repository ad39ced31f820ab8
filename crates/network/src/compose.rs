//! Layers composed of candle operations: they run on every device, are the reference of the layers with
//! kernels, and are the easy way to write your own.

use candle_core::{Tensor, Var};
use candlewick_core::Result;

use crate::gradients::{ParameterGradients, Slot};
use crate::layer::Backward;
use crate::{Array, Features, Pass, Signal};

impl Pass {
    /// Applies candle operations to an activation `[T, B, …]`; the result has the shape `features` per
    /// sample and as many time steps. The gradients, also those with respect to variables that `f`
    /// uses, are candle's.
    ///
    /// `f` is called again in the backward pass if the context asks to recompute, and must then give
    /// the same.
    ///
    /// # Errors
    /// If `f` fails, or its result has another shape.
    pub fn compose(
        &self,
        x: &Signal,
        features: Features,
        f: impl Fn(&Tensor) -> Result<Tensor> + Send + 'static,
    ) -> Result<(Signal, Option<Backward>)> {
        let (out, backward) = self.compose_all(&[x], features, move |x| f(&x[0]))?;
        let backward = backward.map(|backward| -> Backward {
            Box::new(move |gradient, found| Ok(backward(gradient, found)?.swap_remove(0)))
        });
        Ok((out, backward))
    }

    /// As [`compose`](Self::compose), of several activations of as many time steps.
    pub(crate) fn compose_all(
        &self,
        inputs: &[&Signal],
        features: Features,
        f: impl Fn(&[Tensor]) -> Result<Tensor> + Send + 'static,
    ) -> Result<(Signal, Option<BackwardAll>)> {
        let like = inputs[0];
        let values = inputs.iter().map(|x| x.tensor(self)).collect::<Result<Vec<_>>>()?;
        if !self.is_kept() {
            let out = f(&values)?;
            return Ok((like.made_from_tensor(features, &out, self)?, None));
        }
        let needed: Vec<bool> = inputs.iter().map(|x| x.gradient).collect();
        let graph = Graph::new(&values, &needed, &f)?;
        let slots: Vec<(Slot, Tensor)> = graph
            .parameters()
            .into_iter()
            .filter_map(|parameter| Some((self.learn(&parameter)?, parameter)))
            .collect();
        let learns = needed.contains(&true) || !slots.is_empty();
        let out = like.made_from_tensor(features, &graph.out, self)?.behind(learns);
        let kept = (!self.context.recompute).then_some(graph);
        let pass = self.clone();
        let backward: BackwardAll = Box::new(move |gradient, found| {
            let graph = match kept {
                Some(graph) => graph,
                None => Graph::new(&values, &needed, &f)?,
            };
            let gradient = gradient.tensor(graph.out.dims(), graph.out.device())?;
            let mut store = (&graph.out * gradient)?.sum_all()?.backward()?;
            for (slot, parameter) in slots {
                if let Some(gradient) = store.remove(&parameter) {
                    found.add(slot, gradient.detach())?;
                }
            }
            let with_respect_to = |variable: &Option<Var>| -> Result<Option<Array>> {
                let Some(variable) = variable else { return Ok(None) };
                let gradient = match store.remove(variable) {
                    Some(gradient) => gradient.detach(),
                    None => variable.zeros_like()?,
                };
                Array::of(&gradient, &pass).map(Some)
            };
            graph.inputs.iter().map(with_respect_to).collect()
        });
        Ok((out, Some(backward)))
    }
}

/// A backward pass with a gradient with respect to each of several inputs, where it is needed.
pub(crate) type BackwardAll =
    Box<dyn FnOnce(Array, &mut ParameterGradients) -> Result<Vec<Option<Array>>> + Send>;

/// A part of a network in candle's graph.
struct Graph {
    /// The inputs whose gradients are needed.
    inputs: Vec<Option<Var>>,
    out: Tensor,
}

impl Graph {
    fn new(
        values: &[Tensor],
        needed: &[bool],
        f: impl Fn(&[Tensor]) -> Result<Tensor>,
    ) -> Result<Self> {
        let inputs = values
            .iter()
            .zip(needed)
            .map(|(value, needed)| needed.then(|| Var::from_tensor(value)).transpose())
            .collect::<candle_core::Result<Vec<_>>>()?;
        let given: Vec<Tensor> = inputs
            .iter()
            .zip(values)
            .map(|(variable, value)| match variable {
                Some(variable) => variable.as_tensor().clone(),
                None => value.clone(),
            })
            .collect();
        let out = f(&given)?;
        Ok(Self { inputs, out })
    }

    /// The variables in the graph besides the inputs.
    fn parameters(&self) -> Vec<Tensor> {
        let is_input =
            |node: &Tensor| self.inputs.iter().flatten().any(|input| input.id() == node.id());
        let nodes = self.out.sorted_nodes().into_iter();
        nodes.filter(|node| node.is_variable() && !is_input(node)).cloned().collect()
    }
}
