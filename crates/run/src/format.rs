//! Numbers as people read them: percent, points, times, rates.

/// A minus sign that is as wide as a plus sign, instead of the hyphen of `{}`.
fn signed(text: String) -> String {
    match text.strip_prefix('-') {
        // What rounds to zero carries no sign.
        Some(digits) if digits.chars().all(|digit| matches!(digit, '0' | '.')) => digits.to_owned(),
        Some(digits) => format!("−{digits}"),
        None => text,
    }
}

/// A fraction as percent without its sign: `0.8712` is `87.12`.
pub(crate) fn percent(fraction: f64) -> String {
    format!("{:.2}", 100.0 * fraction)
}

/// A mean and spread in percent: `87.12 ± 0.30`, without the spread if there is none.
pub(crate) fn percent_spread(mean: f64, std: Option<f64>) -> String {
    match std {
        Some(std) => format!("{} ± {}", percent(mean), percent(std)),
        None => percent(mean),
    }
}

/// A difference of fractions in percentage points, always with its sign: `+1.20`, `−0.35`, `0.00`.
pub(crate) fn points(fraction: f64) -> String {
    let text = format!("{:+.2}", 100.0 * fraction);
    match text.as_str() {
        "+0.00" | "-0.00" => "0.00".to_owned(),
        _ => signed(text),
    }
}

/// A firing rate in spikes per neuron and step: three digits behind the point.
pub(crate) fn rate(rate: f64) -> String {
    format!("{rate:.3}")
}

/// A number of any size in three significant digits.
pub(crate) fn significant(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 {
        "0".to_owned()
    } else if !(1e-3..1e5).contains(&size) {
        signed(format!("{value:.2e}"))
    } else {
        let decimals = (2 - size.log10().floor() as i32).max(0) as usize;
        signed(format!("{value:.decimals$}"))
    }
}

/// A number of any size in two significant digits, for narrow cells: `0.068`, `33`, `5.1e4`.
pub(crate) fn short(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 {
        return "0".to_owned();
    }
    if !(1e-2..1e3).contains(&size) {
        return signed(format!("{value:.1e}"));
    }
    let decimals = (1 - size.log10().floor() as i32).max(0) as usize;
    signed(format!("{value:.decimals$}"))
}

/// A number of any size in two significant digits, always with its sign: `+12`, `−0.068`, `0`.
pub(crate) fn signed_short(value: f64) -> String {
    if value > 0.0 { format!("+{}", short(value)) } else { short(value) }
}

/// A number of any size in three significant digits, always with its sign: `+0.250`, `−12.3`, `0`.
pub(crate) fn signed_significant(value: f64) -> String {
    if value > 0.0 { format!("+{}", significant(value)) } else { significant(value) }
}

/// A span of time: `0.42 s`, `41 s`, `3 min 12 s`, `2 h 05 min`.
pub(crate) fn duration(seconds: f64) -> String {
    if seconds < 10.0 {
        return format!("{seconds:.2} s");
    }
    let whole = seconds.round() as u64;
    match whole {
        0..60 => format!("{whole} s"),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

/// A whole number with commas between thousands.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_people_read_them() {
        assert_eq!(percent(0.8712), "87.12");
        assert_eq!(percent_spread(0.5, Some(0.0123)), "50.00 ± 1.23");
        assert_eq!(percent_spread(0.5, None), "50.00");
        assert_eq!(points(0.012), "+1.20");
        assert_eq!(points(-0.0035), "−0.35");
        assert_eq!(points(-0.000_001), "0.00");
        assert_eq!(points(0.0), "0.00");
        assert_eq!(rate(0.12345), "0.123");
    }

    #[test]
    fn three_significant_digits() {
        let cases = [
            (0.0, "0"),
            (0.012_345, "0.0123"),
            (1.234_5, "1.23"),
            (-12.345, "−12.3"),
            (1234.5, "1234"),
            (1.5e-6, "1.50e-6"),
            (2.5e9, "2.50e9"),
        ];
        for (value, expected) in cases {
            assert_eq!(significant(value), expected);
        }
        assert_eq!(cases.len(), 7);
    }

    #[test]
    fn short_numbers_for_cells() {
        let cases = [
            (0.0, "0"),
            (0.068_1, "0.068"),
            (33.4, "33"),
            (-1.25, "−1.2"),
            (51_234.0, "5.1e4"),
            (0.000_87, "8.7e-4"),
        ];
        for (value, expected) in cases {
            assert_eq!(short(value), expected);
        }
        assert_eq!(signed_significant(0.25), "+0.250");
        assert_eq!(cases.len(), 6);
    }

    #[test]
    fn spans_of_time() {
        let cases = [
            (0.421, "0.42 s"),
            (41.3, "41 s"),
            (59.7, "1 min 00 s"),
            (192.0, "3 min 12 s"),
            (7500.0, "2 h 05 min"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(duration(seconds), expected);
        }
        assert_eq!(cases.len(), 5);
    }

    #[test]
    fn commas_between_thousands() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(12_345), "12,345");
        assert_eq!(thousands(1_234_567), "1,234,567");
    }
}
