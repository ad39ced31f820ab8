//! Records potentials and spikes of one batch in a trained network, for figures.
//!
//! Surrogates see the distance of every potential from its threshold, so that a surrogate rule that
//! only records needs no access to the layers.

use std::sync::{Arc, Mutex, PoisonError};

use candle_core::Tensor;
use candlewick_core::parameters::Scope;
use candlewick_core::{Key, Result};
use candlewick_methods::{Method, SpikingSite};
use candlewick_run::{LayerSnapshot, Snapshot, manifest};
use candlewick_surrogate::{Effective, Site, Surrogate, SurrogateRule};

/// Bins of a histogram of potentials.
const BINS: usize = 48;
/// Neurons in a raster.
const SHOWN: usize = 48;
/// Share of the potentials that may lie beyond each edge of a histogram.
const BEYOND: f64 = 0.005;

/// The distances of all potentials from their thresholds.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    layers: Mutex<Vec<Arc<Heard>>>,
}

/// The record of one layer.
#[derive(Debug)]
struct Heard {
    key: Key,
    support: Option<f32>,
    peak: Arc<dyn Surrogate>,
    /// `[T, B·N]`; the same element is written with the same value however often it is asked for.
    distances: Mutex<Vec<f32>>,
}

impl Heard {
    fn hear(&self, first: u64, x: &[f32]) {
        let mut distances = self.distances.lock().unwrap_or_else(PoisonError::into_inner);
        let first = first as usize;
        if let Some(part) = distances.get_mut(first..first + x.len()) {
            part.copy_from_slice(x);
        }
    }
}

/// A surrogate that records the distances it sees.
#[derive(Debug)]
struct Listening {
    inner: Arc<dyn Surrogate>,
    heard: Arc<Heard>,
}

impl Surrogate for Listening {
    fn derivative(&self, first: u64, x: &[f32], out: &mut [f32]) {
        self.heard.hear(first, x);
        self.inner.derivative(first, x, out);
    }

    fn parameter_derivative(&self, first: u64, x: &[f32], out: &mut [f32]) {
        self.inner.parameter_derivative(first, x, out);
    }

    fn primitive(&self, x: f32) -> f32 {
        self.inner.primitive(x)
    }

    fn parameter(&self) -> Option<f32> {
        self.inner.parameter()
    }

    fn with_parameter(&self, parameter: f32) -> Arc<dyn Surrogate> {
        let inner = self.inner.with_parameter(parameter);
        Arc::new(Self { inner, heard: self.heard.clone() })
    }

    fn support(&self) -> Option<f32> {
        self.inner.support()
    }

    fn problem(&self) -> Option<(&'static str, &'static str)> {
        self.inner.problem()
    }

    fn shared(&self) -> Arc<dyn Surrogate> {
        Arc::new(Self { inner: self.inner.clone(), heard: self.heard.clone() })
    }

    fn derivative_tensor(&self, first: u64, x: &Tensor) -> candle_core::Result<Tensor> {
        self.heard.hear(first, &x.flatten_all()?.to_vec1::<f32>()?);
        self.inner.derivative_tensor(first, x)
    }

    fn parameter_derivative_tensor(&self, first: u64, x: &Tensor) -> candle_core::Result<Tensor> {
        self.inner.parameter_derivative_tensor(first, x)
    }
}

/// The watch as a method: a recording rule for every layer.
#[derive(Debug)]
pub(crate) struct Watching(pub(crate) Arc<Watch>);

/// The recording rule of a layer.
#[derive(Debug)]
struct Ear {
    watch: Arc<Watch>,
    base: Arc<dyn Surrogate>,
}

impl Method for Watching {
    fn name(&self) -> &'static str {
        "watch"
    }

    fn surrogate_rule(
        &self,
        site: &SpikingSite<'_>,
        _scope: &Scope<'_>,
    ) -> Result<Option<Arc<dyn SurrogateRule>>> {
        Ok(Some(Arc::new(Ear { watch: self.0.clone(), base: site.surrogate.clone() })))
    }
}

impl SurrogateRule for Ear {
    fn apply(&self, current: Effective, site: Site) -> candle_core::Result<Effective> {
        // The width that was learned, without the mask that may lie over it.
        let peak = match current.surrogate.parameter() {
            Some(parameter) => self.base.with_parameter(parameter),
            None => self.base.clone(),
        };
        let heard = Arc::new(Heard {
            key: site.key,
            support: current.surrogate.support(),
            peak,
            distances: Mutex::new(vec![f32::NAN; site.elements]),
        });
        self.watch.layers.lock().unwrap_or_else(PoisonError::into_inner).push(heard.clone());
        let inner = current.surrogate;
        Ok(Effective {
            surrogate: Arc::new(Listening { inner, heard }),
            parameter: current.parameter,
        })
    }
}

impl Watch {
    /// The record of the layers `names` in a pass with `key` over `samples` samples.
    ///
    /// Layers that do not fire are left out. `inclusive` is whether a distance of 0 fires.
    pub(crate) fn snapshot(
        &self,
        names: &[String],
        key: Key,
        [time_steps, samples]: [usize; 2],
        inclusive: bool,
    ) -> Snapshot {
        let heard = self.layers.lock().unwrap_or_else(PoisonError::into_inner);
        let layers = names.iter().filter_map(|name| {
            let layer = heard.iter().find(|layer| layer.key == key.named(name))?;
            let distances = layer.distances.lock().unwrap_or_else(PoisonError::into_inner);
            if distances.is_empty() || distances.iter().any(|distance| distance.is_nan()) {
                return None;
            }
            let (support, exact_support) = support(layer);
            let (low, high, counts) = histogram(&distances, support);
            let of_a_step = distances.len() / time_steps;
            let shown = shown(of_a_step / samples);
            let mut spikes = Vec::new();
            for (t, step) in distances.chunks(of_a_step).enumerate() {
                for (line, &neuron) in shown.iter().enumerate() {
                    if step[neuron] > 0.0 || (inclusive && step[neuron] == 0.0) {
                        spikes.push((t, line));
                    }
                }
            }
            Some(LayerSnapshot {
                name: name.clone(),
                low,
                high,
                counts,
                support,
                exact_support,
                neurons: shown.len(),
                spikes,
            })
        });
        Snapshot { schema: manifest::SCHEMA, samples, time_steps, layers: layers.collect() }
    }
}

/// A fixed random choice of neurons, in their order.
fn shown(neurons: usize) -> Vec<usize> {
    let mut all: Vec<usize> = (0..neurons).collect();
    Key::new(0).named("raster").stream().shuffle(&mut all);
    all.truncate(SHOWN);
    all.sort_unstable();
    all
}

/// Where the derivative is not 0, and whether that is exact; otherwise where it is above 1 % of its
/// largest value, as far as 8 away from the threshold.
fn support(layer: &Heard) -> ((f32, f32), bool) {
    if let Some(support) = layer.support {
        return ((-support, support), true);
    }
    let x: Vec<f32> = (-800..=800).map(|hundredth| hundredth as f32 / 100.0).collect();
    let mut derivative = vec![0.0; x.len()];
    layer.peak.derivative(0, &x, &mut derivative);
    let largest = derivative.iter().fold(0.0, |most: f32, value| most.max(value.abs()));
    let above = |value: &f32| value.abs() >= 0.01 * largest;
    let low = derivative.iter().position(above).map_or(0.0, |index| x[index]);
    let high = derivative.iter().rposition(above).map_or(0.0, |index| x[index]);
    ((low, high), false)
}

/// Edges and counts of equal bins that hold the support of the gradient up to a width of 2, and all
/// but a few of the distances.
fn histogram(distances: &[f32], (from, to): (f32, f32)) -> (f32, f32, Vec<u64>) {
    let mut sorted = distances.to_vec();
    sorted.sort_unstable_by(f32::total_cmp);
    let beyond = (BEYOND * sorted.len() as f64) as usize;
    let low = sorted[beyond].min(from.max(-2.0));
    let high = sorted[sorted.len() - 1 - beyond].max(to.min(2.0));
    let width = (high - low) / BINS as f32;
    let mut counts = vec![0; BINS];
    for distance in distances {
        // A number below the first bin is 0 as an unsigned one.
        counts[(((distance - low) / width) as usize).min(BINS - 1)] += 1;
    }
    (low, high, counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_distance_is_counted_once() {
        let distances: Vec<f32> = (0..1000).map(|i| i as f32 / 100.0 - 5.0).collect();
        let (low, high, counts) = histogram(&distances, (-1.0, 1.0));
        assert!((low + 4.95).abs() < 1e-5 && (high - 4.94).abs() < 1e-5, "{low} {high}");
        assert_eq!(counts.iter().sum::<u64>(), 1000);
        // Five distances lie below the lowest edge, in the bin that is as wide as 20.6 of them.
        assert!((24..=27).contains(&counts[0]), "{counts:?}");
    }

    #[test]
    fn a_constant_layer_has_a_histogram_as_wide_as_the_support() {
        let (low, high, counts) = histogram(&[-1.0; 10], (-0.5, 0.5));
        assert_eq!((low, high), (-1.0, 0.5));
        assert_eq!(counts[0], 10);
    }

    #[test]
    fn a_raster_shows_each_neuron_once() {
        assert_eq!(shown(3), [0, 1, 2]);
        let many = shown(10_000);
        assert_eq!(many.len(), SHOWN);
        assert!(many.is_sorted() && many.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(many, shown(10_000));
    }
}
