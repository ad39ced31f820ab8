//! Warnings in words when what an epoch measured says that a network cannot learn.

use candlewick_run::{EpochMetrics, LayerMetrics};

/// Share of neurons that never fired from which a layer is called dead.
const DEAD: f32 = 0.95;
/// Share of neurons that fired at nearly every step from which a layer is called saturated.
const SATURATED: f32 = 0.5;
/// Share of non-zero surrogate derivatives below which a layer passes no gradient.
const ACTIVE: f32 = 0.001;

/// What is wrong with the layers, one sentence each, from input to output; empty if nothing is.
pub fn warnings(metrics: &EpochMetrics) -> Vec<String> {
    let mut warnings: Vec<String> = metrics.layers.iter().filter_map(warning).collect();
    for gradient in &metrics.gradient_norms {
        if gradient.norm == 0.0 {
            warnings.push(format!("{}: its gradient is 0, so it does not learn", gradient.name));
        }
    }
    warnings
}

fn warning(layer: &LayerMetrics) -> Option<String> {
    let LayerMetrics { name, firing_rate, dead, active_gradient, saturated } = layer;
    let percent = |share: f32| 100.0 * share;
    if *firing_rate == 0.0 {
        return Some(format!(
            "{name}: no neuron fires; a lower threshold or larger initial weights let it fire"
        ));
    }
    if let Some(share) = dead.filter(|&share| share >= DEAD) {
        return Some(format!("{name}: {:.0} % of its neurons never fire", percent(share)));
    }
    if let Some(share) = active_gradient.filter(|&share| share < ACTIVE) {
        return Some(format!(
            "{name}: only {:.2} % of its surrogate derivatives are not 0; a wider surrogate lets \
             gradients through",
            percent(share)
        ));
    }
    saturated.filter(|&share| share >= SATURATED).map(|share| {
        format!("{name}: {:.0} % of its neurons fire at nearly every step", percent(share))
    })
}

#[cfg(test)]
mod tests {
    use candlewick_run::{GradientNorm, TrainMetrics};

    use super::*;

    fn layer(name: &str, firing_rate: f32, dead: f32, active: f32, saturated: f32) -> LayerMetrics {
        LayerMetrics {
            name: name.into(),
            firing_rate,
            dead: Some(dead),
            active_gradient: Some(active),
            saturated: Some(saturated),
        }
    }

    #[test]
    fn each_illness_has_its_sentence_and_a_healthy_layer_none() {
        let metrics = EpochMetrics {
            epoch: 1,
            time_steps: 4,
            learning_rate: 0.1,
            train: TrainMetrics { loss: 1.0, accuracy: 0.5 },
            validation: None,
            test: None,
            layers: vec![
                layer("healthy", 0.1, 0.4, 0.3, 0.1),
                layer("silent", 0.0, 1.0, 0.3, 0.0),
                layer("dead", 0.001, 0.97, 0.3, 0.0),
                layer("blocked", 0.1, 0.1, 0.0002, 0.0),
                layer("saturated", 0.9, 0.0, 0.3, 0.8),
            ],
            gradient_norms: vec![
                GradientNorm { name: "a".into(), norm: 0.1 },
                GradientNorm { name: "b".into(), norm: 0.0 },
            ],
            methods: Vec::new(),
        };
        assert_eq!(
            warnings(&metrics),
            [
                "silent: no neuron fires; a lower threshold or larger initial weights let it fire",
                "dead: 97 % of its neurons never fire",
                "blocked: only 0.02 % of its surrogate derivatives are not 0; a wider surrogate \
                 lets gradients through",
                "saturated: 80 % of its neurons fire at nearly every step",
                "b: its gradient is 0, so it does not learn",
            ]
        );
    }
}
