//! Training steps of whole networks, with every registered method.

use candle_core::Device;
use candlewick_methods::{AnyMethod, MethodSettings};

use super::Law;
use crate::check::networks::{NETS, SMALL, trainee};
use crate::check::{DeviceCheck, Result};

/// Training steps of a comparison.
const STEPS: usize = 2;

/// Compares two training steps of every network, plain and with each method.
pub(super) fn compare(check: &DeviceCheck) -> Result<Law> {
    let mut cases = vec![("no method", MethodSettings::default())];
    let all = AnyMethod::all();
    for (name, method) in AnyMethod::NAMES.iter().zip(all) {
        cases.push((name, MethodSettings(vec![method])));
    }
    // For a quick look, each method trains the first network alone.
    let chosen = cases.iter().enumerate().flat_map(|(number, case)| {
        let nets = if check.quick && number > 0 { &NETS[..1] } else { &NETS[..] };
        nets.iter().map(move |net| (case, *net))
    });
    let chosen: Vec<_> = chosen.collect();
    let mut law = Law { planned: chosen.len() as u64, ..Law::default() };
    for ((name, methods), net) in chosen {
        if check.is_over() {
            return Ok(law);
        }
        let host = course(net, methods, &Device::Cpu)?;
        let device = check.target.run(|| course(net, methods, &check.target.device()))?;
        law.comparisons += 1;
        law.values += host.numbers();
        law.spikes += host.spikes;
        let difference = difference(&host, &device);
        law.failures.extend(difference.map(|words| format!("{net} with {name}: {words}.")));
    }
    Ok(law)
}

/// What training steps left.
#[derive(Clone, Debug)]
struct Course {
    losses: Vec<f64>,
    spikes: u64,
    /// Parameters and statistics by name.
    after: Vec<(String, Vec<f32>)>,
}

impl Course {
    fn numbers(&self) -> u64 {
        self.after.iter().map(|(_, values)| values.len() as u64).sum()
    }
}

fn course(net: &str, methods: &MethodSettings, device: &Device) -> Result<Course> {
    let mut trainee = trainee(net, SMALL, methods, device)?;
    let (mut losses, mut spikes) = (Vec::new(), 0);
    for _ in 0..STEPS {
        let report = trainee.step()?;
        losses.push(report.loss);
        spikes += report.layers.iter().map(|layer| layer.spikes).sum::<u64>();
    }
    let mut after = Vec::new();
    for entry in trainee.network.parameters().iter() {
        after.push((entry.name.clone(), entry.variable.flatten_all()?.to_vec1()?));
    }
    Ok(Course { losses, spikes, after })
}

/// The first difference, in words.
fn difference(host: &Course, device: &Course) -> Option<String> {
    for (step, (a, b)) in host.losses.iter().zip(&device.losses).enumerate() {
        // A number that is not finite is near nothing.
        let near = (a - b).abs() <= 1e-5 * a.abs().max(1.0);
        if !near {
            return Some(format!("loss of step {}: expected {a}, got {b}", step + 1));
        }
    }
    if host.spikes.abs_diff(device.spikes) as f64 > 1e-4 * host.spikes as f64 {
        return Some(format!("expected {} spikes, got {}", host.spikes, device.spikes));
    }
    for ((name, a), (_, b)) in host.after.iter().zip(&device.after) {
        let largest = a.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
        let near = |a: f32, b: f32| (a - b).abs() <= 1e-4 * largest;
        let apart = a.iter().zip(b).find(|(a, b)| !near(**a, **b));
        if let Some((a, b)) = apart {
            return Some(format!(
                "{name}: expected {a:e}, got {b:e}, where the largest is {largest:e}"
            ));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_and_a_parameter_that_differ_are_named() {
        let course = |loss, weight| Course {
            losses: vec![2.3, loss],
            spikes: 100,
            after: vec![("stem.weight".to_owned(), vec![1.0, weight])],
        };
        let host = course(2.2, 0.5);
        assert_eq!(difference(&host, &course(2.200_001, 0.500_01)), None);
        let loss = difference(&host, &course(2.201, 0.5)).unwrap_or_default();
        assert!(loss.starts_with("loss of step 2: expected 2.2, got 2.201"), "{loss}");
        let weight = difference(&host, &course(2.2, 0.501)).unwrap_or_default();
        assert!(weight.starts_with("stem.weight: expected 5e-1, got"), "{weight}");
        assert!(difference(&host, &course(f64::NAN, 0.5)).is_some());
    }
}
