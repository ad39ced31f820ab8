//! Gradients with respect to parameters, as the backward passes of layers find them.

use std::cell::RefCell;
use std::rc::Rc;

use candle_core::Tensor;
use candle_core::backprop::GradStore;
use candlewick_core::Result;

/// Sees a parameter and the gradient with respect to it.
type Watcher = Rc<dyn Fn(&Tensor, &Tensor)>;

thread_local! {
    static WATCHER: RefCell<Option<Watcher>> = const { RefCell::new(None) };
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

/// Runs `backward`, and shows to `watcher` each parameter of a network with its gradient as soon as the layer has
/// found it, before the layers in front of it run. A parameter that several layers share is shown once, with
/// what the first of them has found.
pub fn watch_gradients<R>(
    watcher: impl Fn(&Tensor, &Tensor) + 'static,
    backward: impl FnOnce() -> R,
) -> R {
    /// Ends the watch, also after a panic.
    struct End;
    impl Drop for End {
        fn drop(&mut self) {
            WATCHER.take();
        }
    }
    WATCHER.set(Some(Rc::new(watcher)));
    let _end = End;
    backward()
}

/// The place of a parameter among those that a pass has met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot(pub(crate) usize);

/// The gradients with respect to the parameters that a pass has met.
#[derive(Debug, Default)]
pub struct ParameterGradients {
    found: Vec<Option<Tensor>>,
    /// Whether each was shown to the watcher.
    shown: Vec<bool>,
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

    /// Shows what is new to the watcher, if there is one; `parameters` are those of the slots.
    pub(crate) fn show(&mut self, parameters: &[Tensor]) {
        let Some(watcher) = WATCHER.with_borrow(Clone::clone) else { return };
        self.shown.resize(self.found.len(), false);
        let found = self.found.iter().zip(&mut self.shown).zip(parameters);
        for ((gradient, shown), parameter) in found {
            if let Some(gradient) = gradient.as_ref().filter(|_| !*shown) {
                watcher(parameter, gradient);
                *shown = true;
            }
        }
    }

    /// Takes out what was added for `slot`.
    pub(crate) fn take(&mut self, slot: Slot) -> Option<Tensor> {
        self.found.get_mut(slot.0)?.take()
    }
}

#[cfg(test)]
mod tests {
    use candlewick_core::Key;

    use super::*;
    use crate::Context;
    use crate::laws::normal;
    use crate::network_laws::{all_reduced, build, parts, side_heads};

    /// In every registered network, side heads included, each gradient is shown once, as it is in the end.
    #[test]
    fn every_gradient_is_shown_once_and_complete() -> Result<()> {
        let all = all_reduced();
        let mut visited = 0;
        for (architecture, input) in &all {
            let methods = side_heads(architecture);
            let network = build(&**architecture, &parts()?, &methods, *input)?;
            let x = normal("x", &[&[1, 2], &input[..]].concat())?;
            let out = network.forward(&x, &Context::training(2, Key::new(1)))?;
            let mut loss = out.logits.sqr()?.sum_all()?;
            for side in &out.side {
                loss = (loss + side.sqr()?.sum_all()?)?;
            }
            let shown = Rc::new(RefCell::new(Vec::new()));
            let seen = shown.clone();
            let watcher = move |parameter: &Tensor, gradient: &Tensor| {
                seen.borrow_mut().push((parameter.id(), gradient.clone()));
            };
            let gradients = watch_gradients(watcher, || loss.backward())?;
            let shown = shown.borrow();
            assert_eq!(shown.len(), network.parameters().learned().count(), "{architecture:?}");
            for parameter in network.parameters().learned() {
                let id = parameter.variable.as_tensor().id();
                let (_, early) = shown.iter().find(|(shown, _)| *shown == id).expect("shown");
                let last = gradients.get(&parameter.variable).expect("a gradient");
                let distance = (early - last)?.abs()?.max_all()?.to_scalar::<f32>()?;
                assert_eq!(distance, 0.0, "{}", parameter.name);
            }
            visited += 1;
        }
        assert_eq!(visited, all.len());
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
    fn nobody_watches_after_the_backward_pass() {
        watch_gradients(|_, _| (), || assert!(WATCHER.with_borrow(Option::is_some)));
        assert!(WATCHER.with_borrow(Option::is_none));
    }
}
