//! The own shards of a batch, and what is known of each after its pass.

use candlewick_encode::Batch;
use candlewick_methods::Scores;
use candlewick_network::LayerObservation;
use candlewick_ranks::Shards;

use crate::error::Result;
use crate::gradients::Gradients;

/// A shard of a batch.
pub(crate) struct Part {
    /// Its number over all ranks.
    pub(crate) shard: usize,
    /// Its share of the samples of the whole batch.
    pub(crate) weight: f64,
    /// Its samples; `None` if the batch has fewer samples than shards, and this is one without.
    pub(crate) batch: Option<Batch>,
}

/// The own shards of a batch.
pub(crate) fn parts(batch: &Batch, shards: &Shards) -> Result<Vec<Part>> {
    if shards.count() == 1 {
        return Ok(vec![Part { shard: 0, weight: 1.0, batch: Some(batch.clone()) }]);
    }
    let part = |(shard, range): (usize, std::ops::Range<usize>)| {
        let weight = range.len() as f64 / batch.total as f64;
        let samples = (!range.is_empty()).then(|| batch.part(range.start, range.end));
        Ok(Part { shard, weight, batch: samples.transpose()? })
    };
    shards.own_parts(batch.total).map(part).collect()
}

/// The first and the second half of every own shard of a batch; `None` if a shard has no two halves.
pub(crate) fn halves(batch: &Batch, shards: &Shards) -> Result<Option<[Vec<Part>; 2]>> {
    let sizes = (0..shards.count()).map(|shard| shards.samples(shard, batch.total).len());
    if sizes.clone().any(|size| size < 2) {
        return Ok(None);
    }
    let first = sizes.map(|size| size / 2).sum::<usize>();
    let mut halves = [Vec::new(), Vec::new()];
    for Part { shard, batch: samples, .. } in parts(batch, shards)? {
        let Some(samples) = samples else { continue };
        let size = samples.indices.len();
        let ends = [(0, size / 2, first), (size / 2, size, batch.total - first)];
        for (half, (start, end, of_all)) in halves.iter_mut().zip(ends) {
            let weight = (end - start) as f64 / of_all as f64;
            half.push(Part { shard, weight, batch: Some(samples.part(start, end)?) });
        }
    }
    Ok(Some(halves))
}

/// What is known of a shard after its forward and backward pass.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ShardReport {
    pub(crate) weight: f64,
    pub(crate) loss: f64,
    pub(crate) scores: Scores,
    /// By which accuracy is counted.
    pub(crate) labels: Vec<u32>,
    /// Of each spiking layer, from input to output.
    pub(crate) layers: Vec<LayerActivity>,
}

/// The activity of a spiking layer in a step.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LayerActivity {
    /// The penalty on its activity, as part of the loss.
    pub penalty: f64,
    /// Number of spikes.
    pub spikes: u64,
    /// Elements T·B·N that could have spiked.
    pub elements: u64,
    /// Elements T·B·N whose surrogate derivative was 0.
    pub zero_derivatives: u64,
    /// Elements T·B·N that the backward pass visited.
    pub backward_elements: u64,
}

impl LayerActivity {
    pub(crate) fn of(layer: &LayerObservation) -> Self {
        let counts = &layer.counts;
        Self {
            penalty: counts.penalty,
            spikes: counts.spikes,
            elements: counts.elements,
            zero_derivatives: counts.zero_derivatives,
            backward_elements: counts.backward_elements,
        }
    }
}

impl LayerActivity {
    /// The activity of all shards: penalties averaged by their samples, counts summed.
    pub(crate) fn mean(reports: &[ShardReport]) -> Vec<Self> {
        let layers = reports.iter().map(|report| report.layers.len()).max().unwrap_or(0);
        let mut all = vec![Self::default(); layers];
        for report in reports {
            for (sum, layer) in all.iter_mut().zip(&report.layers) {
                sum.penalty += report.weight * layer.penalty;
                sum.spikes += layer.spikes;
                sum.elements += layer.elements;
                sum.zero_derivatives += layer.zero_derivatives;
                sum.backward_elements += layer.backward_elements;
            }
        }
        all
    }
}

impl ShardReport {
    /// As numbers, for the other ranks.
    pub(crate) fn encode(&self) -> Vec<f64> {
        let Self { weight, loss, scores, labels, layers } = self;
        let dims = [scores.time_steps(), scores.samples(), scores.classes(), layers.len()];
        let mut all = vec![*weight, *loss];
        all.extend(dims.map(|dim| dim as f64));
        for layer in layers {
            let LayerActivity { penalty, spikes, elements, zero_derivatives, backward_elements } =
                *layer;
            all.push(penalty);
            let counts = [spikes, elements, zero_derivatives, backward_elements];
            all.extend(counts.map(|count| count as f64));
        }
        all.extend(labels.iter().map(|&label| f64::from(label)));
        all.extend(scores.values().iter().map(|&score| f64::from(score)));
        all
    }

    /// From what [`encode`](Self::encode) gives; `None` for a shard without samples.
    pub(crate) fn decode(values: &[f64]) -> Option<Self> {
        let (&[weight, loss, time_steps, samples, classes, layers], rest) =
            values.split_first_chunk()?;
        let (of_layers, rest) = rest.split_at(5 * layers as usize);
        let (labels, scores) = rest.split_at(samples as usize);
        let layers = of_layers.chunks_exact(5).map(|layer| LayerActivity {
            penalty: layer[0],
            spikes: layer[1] as u64,
            elements: layer[2] as u64,
            zero_derivatives: layer[3] as u64,
            backward_elements: layer[4] as u64,
        });
        let dims = [time_steps, samples, classes].map(|dim| dim as usize);
        let scores = scores.iter().map(|&score| score as f32).collect();
        Some(Self {
            weight,
            loss,
            scores: Scores::of(scores, dims),
            labels: labels.iter().map(|&label| label as u32).collect(),
            layers: layers.collect(),
        })
    }
}

/// What the pass of a shard found: its report, and its gradients unless its loss is not finite; `None` for a
/// shard without samples.
pub(crate) type Found = Option<(ShardReport, Option<Gradients>)>;
