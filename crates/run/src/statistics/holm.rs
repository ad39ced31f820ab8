//! Holm's correction of the p values of a family of tests.

/// The p values corrected for their number, in their order: to reject those of at most `level` keeps the chance of any
/// false rejection in the family at or below `level`, however the tests depend on each other.
///
/// The smallest is multiplied by the number of tests, the next by one less, and so on; none falls below one before it
/// (Holm, Scandinavian Journal of Statistics 6, 1979).
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&left, &right| p[left].total_cmp(&p[right]));
    let mut corrected = vec![1.0; p.len()];
    let mut least = 0.0_f64;
    for (rank, index) in order.into_iter().enumerate() {
        least = least.max((p.len() - rank) as f64 * p[index]).min(1.0);
        corrected[index] = least;
    }
    corrected
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ordered 0.01, 0.02, 0.03, 0.5 of four: 0.04, 0.06, then 0.06 again instead of 2 · 0.03, then 0.5.
    #[test]
    fn worked_by_hand() {
        let corrected = holm(&[0.02, 0.5, 0.01, 0.025]);
        let expected = [0.06, 0.5, 0.04, 0.06];
        for (got, expected) in corrected.iter().zip(expected) {
            assert!((got - expected).abs() < 1e-15, "{corrected:?}");
        }
        assert_eq!(holm(&[0.7, 0.6]), [1.0, 1.0]);
        assert_eq!(holm(&[]), [0.0; 0]);
    }
}
