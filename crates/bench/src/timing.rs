//! Medians of times, and the memory of this process.

use std::time::Instant;

/// Median, minimum.
pub(crate) fn summary(mut seconds: Vec<f64>) -> Option<(f64, f64)> {
    seconds.sort_by(f64::total_cmp);
    let middle = seconds.len() / 2;
    let median = if seconds.len() % 2 == 1 {
        *seconds.get(middle)?
    } else {
        f64::midpoint(*seconds.get(middle)?, *seconds.get(middle.checked_sub(1)?)?)
    };
    Some((median, seconds[0]))
}

/// The median time of `steps` calls, after one that is not timed.
pub(crate) fn time(steps: usize, mut call: impl FnMut()) -> f64 {
    call();
    let seconds = (0..steps.max(1))
        .map(|_| {
            let start = Instant::now();
            call();
            start.elapsed().as_secs_f64()
        })
        .collect();
    summary(seconds).map_or(0.0, |(median, _)| median)
}

/// A line of the status of this process, in MiB.
pub(crate) fn memory(line: &str) -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|text| text.strip_prefix(line))?;
    Some(line.split_whitespace().next()?.parse::<f64>().ok()? / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_that_of_the_middle() {
        assert_eq!(summary(vec![3.0, 1.0, 2.0]), Some((2.0, 1.0)));
        assert_eq!(summary(vec![4.0, 1.0, 2.0, 3.0]), Some((2.5, 1.0)));
        assert_eq!(summary(Vec::new()), None);
    }
}
