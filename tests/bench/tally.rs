//! Medians, percentiles, and two sides that take turns.

/// The middle one.
pub(crate) fn median(values: &[f64]) -> f64 {
    percentile(values, 0.5)
}

/// The value that this share of the values does not exceed; 0 of nothing.
pub(crate) fn percentile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = (share * sorted.len() as f64).ceil() as usize;
    sorted
        .get(place.saturating_sub(1))
        .or(sorted.last())
        .copied()
        .unwrap_or_default()
}

/// What two sides measured, round by round.
#[derive(Clone, Debug, Default)]
pub(crate) struct Turns {
    /// The side that is judged.
    pub(crate) ours: Vec<f64>,
    /// The side that it is judged against.
    pub(crate) reference: Vec<f64>,
}

impl Turns {
    /// One more round.
    pub(crate) fn add(&mut self, ours: f64, reference: f64) {
        self.ours.push(ours);
        self.reference.push(reference);
    }

    /// The ratio of each round: its two sides ran side by side in time, so what slows the machine slows both.
    pub(crate) fn ratios(&self) -> Vec<f64> {
        let pairs = self.ours.iter().zip(&self.reference);
        pairs.map(|(ours, reference)| ours / reference).collect()
    }

    /// The median of the rounds' ratios.
    pub(crate) fn ratio(&self) -> f64 {
        median(&self.ratios())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let values: Vec<f64> = (1..=100).rev().map(f64::from).collect();

        assert_eq!(median(&values), 50.0);
        assert_eq!(percentile(&values, 0.99), 99.0);
        assert_eq!(percentile(&[7.0], 0.99), 7.0);
        assert_eq!(percentile(&[], 0.99), 0.0);
    }

    #[test]
    fn a_round_that_was_disturbed_does_not_decide() {
        let mut turns = Turns::default();
        turns.add(50.0, 100.0);
        turns.add(5.0, 100.0);
        turns.add(55.0, 100.0);

        assert_eq!(turns.ratio(), 0.5);
    }
}
