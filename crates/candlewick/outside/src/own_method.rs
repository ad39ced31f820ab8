//! A method of one's own that acts inside of the network: the surrogate narrows as the training goes.
//!
//! It makes a rule for each spiking layer, which asks for the width in every training pass; it sees
//! each step, from which the next width follows; and the width is its state, so that a resumed
//! training continues with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use candlewick::candle;
use candlewick::core::Result;
use candlewick::core::parameters::{Parameters, Scope};
use candlewick::methods::{Method, Moment, Scores, SpikingSite};
use candlewick::neuron::Model;
use candlewick::surrogate::{Effective, Site, Surrogate, SurrogateRule};

/// A surrogate whose width goes from `start` to `end` in the course of a training.
#[derive(Debug)]
pub struct Narrowing {
    start: f32,
    end: f32,
    width: Width,
}

/// The width now, which the layers' rules read: the bits of an `f32`.
#[derive(Clone, Debug)]
struct Width(Arc<AtomicU32>);

impl Width {
    fn get(&self) -> f32 {
        f32::from_bits(self.0.load(Ordering::Relaxed))
    }

    fn set(&self, width: f32) {
        self.0.store(width.to_bits(), Ordering::Relaxed);
    }
}

impl Narrowing {
    /// From the width `start` to `end`, both above 0.
    pub fn new(start: f32, end: f32) -> Self {
        Self { start, end, width: Width(Arc::new(AtomicU32::new(start.to_bits()))) }
    }
}

impl Method for Narrowing {
    fn name(&self) -> &'static str {
        "narrowing"
    }

    fn problem(&self) -> Option<(&'static str, &'static str)> {
        let widths = [("start", self.start), ("end", self.end)];
        let wrong = widths.into_iter().find(|(_, width)| !(width.is_finite() && *width > 0.0));
        wrong.map(|(field, _)| (field, "a width above 0"))
    }

    fn misfit(&self, surrogate: &dyn Surrogate, _: &dyn Model) -> Option<(&str, String)> {
        surrogate.parameter().is_none().then(|| ("", "a surrogate with a width".into()))
    }

    fn surrogate_rule(
        &self,
        _: &SpikingSite<'_>,
        _: &Scope<'_>,
    ) -> Result<Option<Arc<dyn SurrogateRule>>> {
        Ok(Some(Arc::new(self.width.clone())))
    }

    fn observe(&mut self, _: &Scores, _: &[u32], moment: &Moment) {
        self.width.set(self.start + (self.end - self.start) * moment.progress as f32);
    }

    fn state(&self) -> Vec<(&'static str, Vec<f64>)> {
        vec![("width", vec![f64::from(self.width.get())])]
    }

    fn restore(&mut self, name: &str, values: &[f64]) -> bool {
        let ("width", [width]) = (name, values) else { return false };
        self.width.set(*width as f32);
        true
    }

    fn report(&self, _: &Parameters, _: &Moment) -> Vec<(&'static str, Vec<f32>)> {
        vec![("width", vec![self.width.get()])]
    }
}

impl SurrogateRule for Width {
    fn apply(&self, current: Effective, _: Site) -> candle::Result<Effective> {
        Ok(Effective { surrogate: current.surrogate.with_parameter(self.get()), ..current })
    }
}

#[cfg(test)]
mod tests {
    use candlewick::methods::Methods;
    use candlewick::network::Network;
    use candlewick::surrogate::Heaviside;

    use super::*;
    use crate::digits::{LEARNED, digits, start, train};
    use crate::own_loss::SquaredError;

    #[test]
    fn a_network_learns_with_method_and_loss() -> crate::Result<()> {
        let data = digits()?;
        let mut methods = Methods::new().with(Narrowing::new(1.5, 0.5)).with(SquaredError {});
        let network = Network::spec("16C3-AP2-FC10").methods(&methods).build(
            data.features()?,
            data.classes(),
            start(),
        )?;
        let accuracy = train(&network, &mut methods, &data)?;
        let state = methods.state();
        let [(name, width)] = &state[..] else { panic!("{state:?}") };
        assert!(name == "narrowing.width" && (width[0] - 0.5).abs() < 0.02, "{name}: {width:?}");
        assert!(accuracy >= LEARNED, "{accuracy}");

        let mut resumed = Methods::new().with(Narrowing::new(1.5, 0.5));
        resumed.restore(&state)?;
        assert_eq!(resumed.state(), state);
        Ok(())
    }

    #[test]
    fn what_it_cannot_do_is_said() -> crate::Result<()> {
        let refused = |method, expected: &str| -> crate::Result<()> {
            let data = digits()?;
            let methods = Methods::new().with(method);
            let blueprint = Network::spec("4C3-FC10").surrogate(Heaviside {}).methods(&methods);
            let error = blueprint.build(data.features()?, data.classes(), start()).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
            Ok(())
        };
        refused(Narrowing::new(-1.0, 0.5), "methods.narrowing.start: expected a width above 0")?;
        refused(Narrowing::new(1.0, 0.5), "methods.narrowing: expected a surrogate with a width")
    }
}
