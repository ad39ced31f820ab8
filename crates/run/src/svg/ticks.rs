//! Round numbers along an axis.

/// An axis from a round number to a round number.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ticks {
    pub(crate) low: f64,
    pub(crate) high: f64,
    step: f64,
}

impl Ticks {
    /// About `count` steps of 1, 2 or 5 times a power of ten that cover `low` to `high`;
    /// with `whole`, the step is at least one.
    pub(crate) fn covering(low: f64, high: f64, count: usize, whole: bool) -> Self {
        let (low, high) = if low == high { (low - 0.5, high + 0.5) } else { (low, high) };
        let step = step(low, high, count, whole);
        Self { low: (low / step).floor() * step, high: (high / step).ceil() * step, step }
    }

    /// An axis that ends at `low` and `high` themselves, with ticks at the round numbers between them.
    pub(crate) fn between(low: f64, high: f64, count: usize, whole: bool) -> Self {
        let (low, high) = if low == high { (low - 0.5, high + 0.5) } else { (low, high) };
        Self { low, high, step: step(low, high, count, whole) }
    }

    /// Where the ticks are, with their labels.
    pub(crate) fn labels(&self) -> Vec<(f64, String)> {
        let first = (self.low / self.step - 1e-9).ceil() as i64;
        let last = (self.high / self.step + 1e-9).floor() as i64;
        let decimals = (-self.step.log10().floor()).max(0.0) as usize;
        (first..=last)
            .map(|index| {
                let value = index as f64 * self.step;
                let text = if self.step < 1e-4 {
                    format!("{value:.0e}")
                } else {
                    format!("{value:.decimals$}").replace('-', "−")
                };
                (value, text)
            })
            .collect()
    }

    /// Where `value` lies between the ends, from 0 to 1.
    pub(crate) fn place(&self, value: f64) -> f64 {
        (value - self.low) / (self.high - self.low)
    }
}

fn step(low: f64, high: f64, count: usize, whole: bool) -> f64 {
    let rough = (high - low) / count.max(1) as f64;
    let power = 10.0_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|step| *step >= rough * (1.0 - 1e-9))
        .unwrap_or(10.0 * power);
    if whole { step.max(1.0) } else { step }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(ticks: &Ticks) -> Vec<String> {
        ticks.labels().into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn round_numbers_cover_the_data() {
        assert_eq!(
            labels(&Ticks::covering(0.0, 1.0, 5, false)),
            ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]
        );
        assert_eq!(labels(&Ticks::covering(61.3, 87.9, 4, false)), ["60", "70", "80", "90"]);
        assert_eq!(
            labels(&Ticks::covering(-1.2, 0.7, 4, false)),
            ["−1.5", "−1.0", "−0.5", "0.0", "0.5", "1.0"]
        );
    }

    #[test]
    fn whole_steps_for_epochs() {
        assert_eq!(labels(&Ticks::between(1.0, 3.0, 6, true)), ["1", "2", "3"]);
        assert_eq!(labels(&Ticks::between(1.0, 20.0, 6, true)), ["5", "10", "15", "20"]);
    }

    #[test]
    fn a_single_value_still_has_an_axis() {
        let ticks = Ticks::covering(3.0, 3.0, 4, false);
        assert!(ticks.low < 3.0 && ticks.high > 3.0);
        assert_eq!(ticks.place(ticks.low), 0.0);
        assert_eq!(ticks.place(ticks.high), 1.0);
    }
}
