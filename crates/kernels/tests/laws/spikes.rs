//! Spikes as bits: what goes in comes out, and the densities are those of the values.

use super::uniform;
use candlewick_kernels::spikes::{Spikes, SpikesError};

/// Values `0..=levels` times `unit`, each but 0 equally likely, `density` of them not 0.
pub(crate) fn random_multiples(
    name: &str,
    length: usize,
    density: f32,
    unit: f32,
    levels: u32,
) -> Vec<f32> {
    let levels = levels as f32;
    uniform(name, length)
        .into_iter()
        .map(|x| {
            if x < density {
                unit * (x / density * levels).floor().min(levels - 1.0) + unit
            } else {
                0.0
            }
        })
        .collect()
}

pub(crate) fn decoding_undoes_encoding() {
    let mut visited = 0;
    for time_steps in 1..=9 {
        for (pixels, channels) in [(1, 1), (7, 15), (130, 16), (3, 37)] {
            for (unit, levels) in [(1.0, 1), (0.25, 4), (1.0 / 9.0, 9), (1.0, 15)] {
                let shape = [time_steps, pixels, channels];
                let length = shape.iter().product();
                let values = random_multiples("values", length, 0.3, unit, levels);
                let spikes = Spikes::multiples(shape, &values, unit, levels).expect("multiples");
                let mut decoded = vec![f32::NAN; length];
                spikes.decode(&mut decoded);
                for (decoded, value) in decoded.iter().zip(&values) {
                    assert!(
                        (decoded - value).abs() <= 1e-6 * value,
                        "{decoded} instead of {value}"
                    );
                }
                let nonzero = values.iter().filter(|&&value| value != 0.0).count();
                let density = nonzero as f64 / length as f64;
                assert!((spikes.density() - density).abs() < 1e-12);
                assert!(spikes.union_density() >= density);
                assert_eq!(spikes.is_binary(), levels == 1);
                // Steps taken out are the spikes of the values of these steps.
                let (first, last) = (time_steps / 3, time_steps - time_steps / 4);
                let step = pixels * channels;
                let part = spikes.of_steps(first..last);
                let mut decoded = vec![f32::NAN; part.len()];
                part.decode(&mut decoded);
                for (decoded, value) in decoded.iter().zip(&values[first * step..last * step]) {
                    assert!((decoded - value).abs() <= 1e-6 * value);
                }
                let nonzero = decoded.iter().filter(|&&value| value != 0.0).count();
                assert!((part.density() - nonzero as f64 / part.len() as f64).abs() < 1e-12);
                visited += 1;
            }
        }
    }
    assert_eq!(visited, 9 * 4 * 4);
}

pub(crate) fn densities_are_those_of_a_small_example() {
    // Two pixels of two channels over five steps, that is groups of two and three steps.
    let mut values = [0.0; 20];
    for (t, pixel, channel) in [(0, 0, 0), (1, 0, 0), (2, 0, 0), (4, 1, 1)] {
        values[(t * 2 + pixel) * 2 + channel] = 1.0;
    }
    let spikes = Spikes::binary([5, 2, 2], &values).expect("spikes");
    assert_eq!(spikes.density(), 4.0 / 20.0);
    // Neuron (0, 0) is active in both groups, neuron (1, 1) in the second: 3 of 2 · 4.
    assert_eq!(spikes.union_density(), 3.0 / 8.0);
    assert_eq!(spikes.bytes(), 2 * 2 * 8);
}

pub(crate) fn other_values_are_refused() {
    let mut visited = 0;
    for wrong in [0.5, -1.0, 2.0, 1.001, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e9] {
        for place in [0, 16, 52] {
            let mut values = vec![0.0; 53];
            values[place] = wrong;
            let refused = SpikesError::NotAMultiple { unit: 1.0, levels: 1 };
            assert_eq!(Spikes::binary([1, 1, 53], &values).err(), Some(refused), "{wrong}");
            visited += 1;
        }
    }
    assert_eq!(visited, 24);
    let inside = Spikes::support([1, 3, 1], &[-2.0, 0.5, f32::NAN], |x| x.abs() < 1.0);
    let mut mask = [0.0; 3];
    inside.decode(&mut mask);
    assert_eq!(mask, [0.0, 1.0, 0.0]);
}
