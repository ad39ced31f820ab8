//! Student's distribution for whole degrees of freedom: its quantile, and its tail to full relative accuracy.

use std::f64::consts::PI;

/// The `t` that Student's distribution with `degrees` degrees of freedom exceeds in size 5 % of the time;
/// `None` for no degrees of freedom.
pub fn student_quantile(degrees: u32) -> Option<f64> {
    if degrees == 0 {
        return None;
    }
    // The widest distribution, of one degree, needs 12.7; bisection halves the bracket down to the last bit.
    let (mut low, mut high) = (0.0_f64, 16.0_f64);
    for _ in 0..64 {
        let middle = f64::midpoint(low, high);
        if central_probability(middle, degrees) < 0.95 {
            low = middle;
        } else {
            high = middle;
        }
    }
    Some(f64::midpoint(low, high))
}

/// Probability that Student's `t` with `degrees` degrees of freedom exceeds `t`, to full relative accuracy however
/// far out; not a number for no degrees of freedom or a `t` that is not a number.
pub fn upper_tail(t: f64, degrees: u32) -> f64 {
    if degrees == 0 || t.is_nan() {
        f64::NAN
    } else if t < 0.0 {
        1.0 - upper_tail(-t, degrees)
    } else if t <= 1.0 {
        f64::midpoint(1.0, -central_probability(t, degrees))
    } else {
        outer_tail(t, degrees)
    }
}

/// The tail above a `t` of more than 1: half the regularized incomplete beta function `I_x(ν/2, 1/2)` at
/// `x = ν / (ν + t²)`, by its power series, of which every term is positive.
fn outer_tail(t: f64, degrees: u32) -> f64 {
    let degrees = f64::from(degrees);
    let half = degrees / 2.0;
    let x = degrees / (degrees + t * t);
    let (mut coefficient, mut sum, mut index) = (1.0, 0.0, 0.0);
    loop {
        let term = coefficient / (half + index);
        sum += term;
        // What is left out is at most a geometric series that begins with the next term.
        if term * x <= f64::EPSILON / 2.0 * sum * (1.0 - x) {
            return x.powf(half) * sum / (2.0 * beta_with_half(degrees));
        }
        coefficient *= x * (index + 0.5) / (index + 1.0);
        index += 1.0;
    }
}

/// The beta function `B(ν/2, 1/2)` of a whole `ν` of at least 1, up from `B(1/2, 1/2) = π` or `B(1, 1/2) = 2`.
fn beta_with_half(degrees: f64) -> f64 {
    let odd = degrees % 2.0 == 1.0;
    let (mut value, mut a) = if odd { (PI, 0.5) } else { (2.0, 1.0) };
    while a < degrees / 2.0 {
        value *= a / (a + 0.5);
        a += 1.0;
    }
    value
}

/// Probability that Student's `t` lies within `±t`, by the finite series for whole degrees of freedom
/// (Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4).
fn central_probability(t: f64, degrees: u32) -> f64 {
    let theta = (t / f64::from(degrees).sqrt()).atan();
    let (sin, cos) = theta.sin_cos();
    let odd = degrees % 2 == 1;
    // Odd: cos θ + (2/3) cos³ θ + …, even: 1 + (1/2) cos² θ + …, up to the power `degrees − 2`.
    let mut term = if odd { cos } else { 1.0 };
    let mut power = u32::from(odd);
    let mut sum = 0.0;
    while power + 2 <= degrees {
        sum += term;
        power += 2;
        term *= cos * cos * f64::from(power - 1) / f64::from(power);
    }
    if odd { 2.0 / PI * (theta + sin * sum) } else { sin * sum }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two-sided 5 % points as printed in tables of Student's distribution.
    #[test]
    fn quantiles_equal_the_tables() {
        let table = [
            (1, 12.706_204_736),
            (2, 4.302_652_730),
            (3, 3.182_446_305),
            (4, 2.776_445_105),
            (5, 2.570_581_836),
            (9, 2.262_157_163),
            (10, 2.228_138_852),
            (30, 2.042_272_456),
            (120, 1.979_930_405),
        ];
        for (degrees, expected) in table {
            let got = student_quantile(degrees).unwrap();
            assert!((got - expected).abs() < 1e-8, "{degrees}: {got} instead of {expected}");
            assert!((upper_tail(got, degrees) - 0.025).abs() < 1e-15);
        }
        assert_eq!(table.len(), 9);
        assert_eq!(student_quantile(0), None);
    }

    #[test]
    fn the_ends_of_the_tail() {
        assert_eq!(upper_tail(0.0, 3), 0.5);
        assert_eq!(upper_tail(f64::INFINITY, 3), 0.0);
        assert_eq!(upper_tail(f64::NEG_INFINITY, 3), 1.0);
        assert!(upper_tail(f64::NAN, 3).is_nan() && upper_tail(1.0, 0).is_nan());
    }
}
