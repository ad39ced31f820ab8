//! Numbers of the symmetric beta distribution.

use candlewick_core::random::Stream;

/// A number of Beta(alpha, alpha), from two gamma numbers.
pub(super) fn beta(stream: &mut Stream, alpha: f32) -> f32 {
    let (a, b) = (gamma(stream, alpha), gamma(stream, alpha));
    // Both can be 0 in this precision where alpha is tiny; the distribution is then two points.
    if a + b > 0.0 { (a / (a + b)) as f32 } else { f32::from(stream.bernoulli(0.5)) }
}

/// A number of Gamma(alpha, 1) (Marsaglia and Tsang, ACM TOMS 2000; below 1 by their section 6).
fn gamma(stream: &mut Stream, alpha: f32) -> f64 {
    let alpha = f64::from(alpha);
    let (shape, boost) = if alpha < 1.0 {
        // 1 - u is in (0, 1].
        let uniform = 1.0 - f64::from(stream.uniform());
        (alpha + 1.0, uniform.powf(1.0 / alpha))
    } else {
        (alpha, 1.0)
    };
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = f64::from(stream.normal());
        let v = (1.0 + c * x).powi(3);
        let u = 1.0 - f64::from(stream.uniform());
        if v > 0.0 && u.ln() < 0.5 * x * x + d - d * v + d * v.ln() {
            return boost * d * v;
        }
    }
}

#[cfg(test)]
mod tests {
    use candlewick_core::Key;

    use super::*;

    /// Mean 1/2 and variance 1 / (4 (2·alpha + 1)), within five standard errors of 20,000 draws:
    /// at most 5 · 0.5 / √20000 = 0.0177 for the mean and, since the square of the distance from
    /// the middle is below 1/4, 5 · 0.125 / √20000 = 0.0045 for the variance.
    #[test]
    fn moments() {
        let mut visited = 0;
        for alpha in [0.2_f32, 1.0, 2.5] {
            let mut stream = Key::new(1).at(visited).stream();
            let draws: Vec<f64> =
                (0..20_000).map(|_| f64::from(beta(&mut stream, alpha))).collect();
            assert!(draws.iter().all(|draw| (0.0..=1.0).contains(draw)));
            let mean = draws.iter().sum::<f64>() / 20_000.0;
            let variance = draws.iter().map(|draw| (draw - 0.5).powi(2)).sum::<f64>() / 20_000.0;
            let expected = 0.25 / (2.0 * f64::from(alpha) + 1.0);
            assert!((mean - 0.5).abs() < 0.0177, "{alpha}: {mean}");
            assert!((variance - expected).abs() < 0.0045, "{alpha}: {variance}, not {expected}");
            visited += 1;
        }
        assert_eq!(visited, 3);
    }
}
