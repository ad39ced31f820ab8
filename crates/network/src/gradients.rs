//! Gradients with respect to parameters, as the backward passes of layers find them.

use std::cell::RefCell;
use std::rc::Rc;

use candle_core::Tensor;
use candle_core::backprop::GradStore;
use candlewick_core::Result;

/// Takes a parameter and the gradient with respect to it, which it may keep.
type Receiver = Rc<RefCell<dyn FnMut(&Tensor, Tensor) -> Option<Tensor>>>;

thread_local! {
    static RECEIVER: RefCell<Option<Receiver>> = const { RefCell::new(None) };
    static APART: RefCell<Option<Vec<(Tensor, Tensor)>>> = const { RefCell::new(None) };
}

/// The gradients of `loss`, as `loss.backward()` gives them.
///
/// For each gradient candle makes a tensor of zeros and adds both into a third one. Here the gradients with respect to
/// the parameters of networks are moved instead, which saves memory and time.
///
/// # Errors
/// As `loss.backward()`.
pub fn backward(loss: &Tensor) -> candle_core::Result<GradStore> {
    /// Ends the collection, also after a panic.
    struct End;
    impl Drop for End {
        fn drop(&mut self) {
            APART.take();
        }
    }
    APART.set(Some(Vec::new()));
    let _end = End;
    let mut store = loss.backward()?;
    for (parameter, gradient) in APART.take().into_iter().flatten() {
        // There is another one where the parameter is in the loss itself, or in two forward passes.
        let sum = match store.remove(&parameter) {
            Some(other) => (other + gradient)?.detach(),
            None => gradient,
        };
        store.insert(&parameter, sum);
    }
    Ok(store)
}

/// Keeps the gradient with respect to a variable for [`backward`], if it runs; else gives it back.
pub(crate) fn set_apart(parameter: &Tensor, gradient: Option<Tensor>) -> Option<Tensor> {
    if !parameter.is_variable() {
        return gradient;
    }
    APART.with_borrow_mut(|apart| match apart {
        Some(apart) => {
            apart.extend(gradient.map(|gradient| (parameter.clone(), gradient)));
            None
        }
        None => gradient,
    })
}

/// Runs `backward`, and hands each parameter of a network with its gradient to `receiver` as soon as the layer has found
/// it, before the layers in front of it run; the layer does not read the parameter any more. What the receiver gives
/// back is the gradient in candle's store, which has none of what it keeps. A parameter that several layers share is
/// handed over once per forward pass, with what the first of them has found. Layers that stand outside of a network hand
/// nothing over.
pub fn receive_gradients<R>(
    receiver: impl FnMut(&Tensor, Tensor) -> Option<Tensor> + 'static,
    backward: impl FnOnce() -> R,
) -> R {
    /// Goes back to the receiver before it, also after a panic.
    struct End(Option<Receiver>);
    impl Drop for End {
        fn drop(&mut self) {
            RECEIVER.set(self.0.take());
        }
    }
    let _end = End(RECEIVER.replace(Some(Rc::new(RefCell::new(receiver)))));
    backward()
}

/// The place of a parameter among those that a pass has met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot(pub(crate) usize);

/// The gradients with respect to the parameters that a pass has met.
#[derive(Debug, Default)]
pub struct ParameterGradients {
    found: Vec<Option<Tensor>>,
    /// The parameters by their slots, if gradients are handed over as they are found.
    parameters: Vec<Tensor>,
    /// Whether each was handed over.
    handed_over: Vec<bool>,
}

impl ParameterGradients {
    /// Adds a gradient with respect to the parameter of `slot`, of its shape.
    ///
    /// # Errors
    /// If an earlier gradient has another shape.
    pub fn add(&mut self, slot: Slot, gradient: Tensor) -> Result<()> {
        let sum = match self.take(slot) {
            Some(other) => (other + gradient)?,
            None => gradient,
        };
        self.set(slot, sum);
        Ok(())
    }

    /// Replaces what was added for `slot`.
    pub(crate) fn set(&mut self, slot: Slot, gradient: Tensor) {
        if self.found.len() <= slot.0 {
            self.found.resize(slot.0 + 1, None);
        }
        self.found[slot.0] = Some(gradient);
    }

    /// Sets the parameters of the slots, so that their gradients can be handed over.
    pub(crate) fn set_parameters(&mut self, parameters: &[Tensor]) {
        if RECEIVER.with_borrow(Option::is_some) {
            self.parameters = parameters.to_vec();
        }
    }

    /// Hands over all gradients that are new to the receiver, if there is one.
    pub(crate) fn hand_over_all(&mut self) {
        (0..self.found.len()).for_each(|slot| self.hand_over(Slot(slot)));
    }

    /// Hands over the gradient of a slot, if it is new and there is a receiver.
    pub(crate) fn hand_over(&mut self, slot: Slot) {
        let Some(receiver) = RECEIVER.with_borrow(Clone::clone) else { return };
        self.handed_over.resize(self.found.len(), false);
        let Some(parameter) = self.parameters.get(slot.0) else { return };
        if self.handed_over.get(slot.0) != Some(&false) {
            return;
        }
        if let Some(found) = self.found[slot.0].take() {
            self.found[slot.0] = (receiver.borrow_mut())(parameter, found);
            self.handed_over[slot.0] = true;
        }
    }

    /// Takes out what was added for `slot`.
    pub(crate) fn take(&mut self, slot: Slot) -> Option<Tensor> {
        self.found.get_mut(slot.0)?.take()
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Var;
    use candlewick_core::Key;

    use super::*;
    use crate::Context;
    use crate::laws::normal;
    use crate::network_laws::{all_reduced, build, parts, side_heads};

    /// In every registered network, side heads included, each gradient is handed over once, as it is in the end; what the
    /// receiver keeps is nowhere else, and no layer reads a parameter whose gradient was handed over.
    #[test]
    fn every_gradient_is_handed_over_once_and_complete() -> Result<()> {
        let all = all_reduced();
        let mut visited = 0;
        for ((architecture, input), recompute) in
            all.iter().flat_map(|one| [(one, false), (one, true)])
        {
            let methods = side_heads(architecture);
            let network = build(&**architecture, &parts()?, &methods, *input)?;
            let x = normal("x", &[&[1, 2], &input[..]].concat())?;
            let loss = || -> Result<Tensor> {
                let context = Context { recompute, ..Context::training(2, Key::new(1)) };
                let out = network.forward(&x, &context)?;
                let mut loss = out.logits.sqr()?.sum_all()?;
                for side in &out.side {
                    loss = (loss + side.sqr()?.sum_all()?)?;
                }
                Ok(loss)
            };
            let variables = network.parameters().variables();
            let mut both = Vec::new();
            for keeps in [false, true] {
                let received = Rc::new(RefCell::new(Vec::new()));
                let (seen, variables) = (received.clone(), variables.clone());
                let receiver = move |parameter: &Tensor, gradient: Tensor| {
                    seen.borrow_mut().push((parameter.id(), gradient.clone()));
                    if !keeps {
                        return Some(gradient);
                    }
                    let is_it = |variable: &&Var| variable.as_tensor().id() == parameter.id();
                    let variable = variables.iter().find(is_it).expect("a variable");
                    let spoiled = parameter.affine(0.0, f64::NAN).expect("numbers");
                    variable.set(&spoiled.detach()).expect("the same shape");
                    None
                };
                let loss = loss()?;
                let store = receive_gradients(receiver, || backward(&loss))?;
                both.push((received.take(), store));
            }
            let [(given_back, store), (kept, empty)] = &both[..] else { unreachable!("two") };
            let learned: Vec<_> = network.parameters().learned().collect();
            assert_eq!([given_back.len(), kept.len()], [learned.len(); 2], "{architecture:?}");
            for parameter in learned {
                let id = parameter.variable.as_tensor().id();
                let last = store.get(&parameter.variable).expect("a gradient");
                assert!(empty.get(&parameter.variable).is_none(), "{}", parameter.name);
                for received in [given_back, kept] {
                    let (_, early) = received.iter().find(|(of, _)| *of == id).expect("received");
                    // A sum, since a maximum could miss what is no number.
                    let distance = (early - last)?.abs()?.sum_all()?.to_scalar::<f32>()?;
                    assert_eq!(distance, 0.0, "{}", parameter.name);
                }
            }
            visited += 1;
        }
        assert_eq!(visited, 2 * all.len());
        Ok(())
    }

    /// Of two forward passes over a network whose parameters are also in the loss themselves.
    #[test]
    fn backward_gives_the_gradients_of_candle() -> Result<()> {
        let all = all_reduced();
        let mut visited = 0;
        for (architecture, input) in &all {
            let methods = side_heads(architecture);
            let network = build(&**architecture, &parts()?, &methods, *input)?;
            let loss = || -> Result<Tensor> {
                let mut loss = network.parameters().learned().try_fold(
                    Tensor::zeros((), candle_core::DType::F32, &candle_core::Device::Cpu)?,
                    |loss, parameter| loss + parameter.variable.sqr()?.sum_all()?,
                )?;
                for sample in ["x", "y"] {
                    let x = normal(sample, &[&[1, 2], &input[..]].concat())?;
                    let out = network.forward(&x, &Context::training(2, Key::new(1)))?;
                    loss = (loss + out.logits.sqr()?.sum_all()?)?;
                }
                Ok(loss)
            };
            let (expected, found) = (loss()?.backward()?, backward(&loss()?)?);
            for parameter in network.parameters().learned() {
                let gradients = [&expected, &found].map(|store| store.get(&parameter.variable));
                let [expected, found] = gradients.map(|gradient| gradient.expect("a gradient"));
                let distance = (found - expected)?.abs()?.max_all()?.to_scalar::<f32>()?;
                let largest = expected.abs()?.max_all()?.to_scalar::<f32>()?;
                assert!(distance <= 1e-5 * largest, "{}: {distance}", parameter.name);
                visited += 1;
            }
        }
        assert!(visited > 10 * all.len(), "{visited} parameters");
        assert!(APART.with_borrow(Option::is_none));
        Ok(())
    }

    #[test]
    fn nothing_is_received_after_the_backward_pass() {
        receive_gradients(
            |_, gradient| Some(gradient),
            || {
                assert!(RECEIVER.with_borrow(Option::is_some));
            },
        );
        assert!(RECEIVER.with_borrow(Option::is_none));
    }
}
