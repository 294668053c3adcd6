/// A logarithmic axis: where a value stands on it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    /// Logarithms of the ends.
    from: f64,
    to: f64,
    /// Where it begins and how long it is; negative: it grows towards the top.
    at: f64,
    len: f64,
}

impl Scale {
    /// An axis for these values, of which only positive ones count; none if there are no such.
    pub(super) fn over(values: impl Iterator<Item = f64>, at: f64, len: f64) -> Option<Self> {
        let values = values.filter(|value| value.is_finite() && *value > 0.0);
        let (least, most) = values.fold((f64::MAX, 0.0_f64), |(a, b), value| (a.min(value), b.max(value)));
        (most > 0.0).then(|| {
            // Room on both sides, so that nothing lies on the frame.
            let (from, to) = (least.log10() - 0.06, most.log10() + 0.06);
            let missing = (0.6 - (to - from)).max(0.0) / 2.0;
            Self { from: from - missing, to: to + missing, at, len }
        })
    }

    /// Where a value stands; what is outside stands at the end.
    pub(super) fn place(&self, value: f64) -> f64 {
        let part = (value.max(f64::MIN_POSITIVE).log10() - self.from) / (self.to - self.from);
        self.at + part.clamp(0.0, 1.0) * self.len
    }

    /// Round values to draw lines at.
    pub(super) fn ticks(&self) -> Vec<f64> {
        let steps: &[f64] = match self.to - self.from {
            span if span < 1.2 => &[1.0, 1.5, 2.0, 3.0, 5.0, 7.0],
            span if span < 3.2 => &[1.0, 2.0, 5.0],
            _ => &[1.0],
        };
        let mut ticks = Vec::new();
        let mut decade = self.from.floor();
        while decade <= self.to {
            let values = steps.iter().map(|step| step * 10_f64.powf(decade));
            ticks.extend(values.filter(|value| (self.from..=self.to).contains(&value.log10())));
            decade += 1.0;
        }
        ticks
    }
}

#[cfg(test)]
mod tests {
    use super::Scale;

    #[test]
    fn values_stand_in_order_and_inside() {
        let scale = Scale::over([1.0, 10.0, 1000.0].into_iter(), 50.0, 300.0).unwrap();
        let places = [1.0, 10.0, 1000.0].map(|value| scale.place(value));
        assert!(50.0 < places[0] && places[0] < places[1] && places[1] < places[2] && places[2] < 350.0);
        // Equal factors are equal distances.
        assert!((2.0 * (places[1] - places[0]) - (places[2] - places[1])).abs() < 1e-9);
        assert!((scale.place(0.0) - 50.0).abs() < 1e-9);
        let ticks = scale.ticks();
        assert!(ticks.windows(2).all(|pair| pair[0] < pair[1]) && ticks.len() >= 3, "{ticks:?}");
    }

    #[test]
    fn without_a_positive_value_there_is_no_axis() {
        assert!(Scale::over([0.0, f64::NAN, -1.0].into_iter(), 0.0, 1.0).is_none());
        let one = Scale::over([7.0].into_iter(), 0.0, 100.0).unwrap();
        assert!((one.place(7.0) - 50.0).abs() < 1e-6, "a value by itself stands in the middle");
    }
}
