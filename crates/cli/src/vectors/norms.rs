use serde::Serialize;

/// What was found of the vectors that are not deleted and not lost.
#[derive(Debug, Serialize)]
pub(super) struct Norms {
    /// How many vectors there are; absent if it isn't known which are deleted.
    pub(super) live: Option<u64>,
    /// How many were added.
    #[serde(skip)]
    seen: u64,
    /// Euclidean lengths of those without NaN and infinity; absent if there are none.
    pub(super) norm_min: Option<f64>,
    pub(super) norm_mean: Option<f64>,
    pub(super) norm_max: Option<f64>,
    /// Vectors with a NaN or an infinity.
    pub(super) non_finite: u64,
    /// Vectors all of whose numbers are zero.
    pub(super) zero: u64,
}

impl Default for Norms {
    fn default() -> Self {
        let (norm_min, norm_mean, norm_max) = (None, None, None);
        Self { live: Some(0), seen: 0, norm_min, norm_mean, norm_max, non_finite: 0, zero: 0 }
    }
}

impl Norms {
    pub(super) fn add(&mut self, numbers: impl Iterator<Item = f32>) {
        self.seen += 1;
        self.live = Some(self.seen);
        // The square of every f32, and the sum of 2^32 of them, is far within f64.
        let sum: f64 = numbers.map(|number| f64::from(number) * f64::from(number)).sum();
        if !sum.is_finite() {
            self.non_finite += 1;
            return;
        }
        if sum == 0.0 {
            self.zero += 1;
        }
        let norm = sum.sqrt();
        self.norm_min = Some(self.norm_min.map_or(norm, |min| min.min(norm)));
        self.norm_max = Some(self.norm_max.map_or(norm, |max| max.max(norm)));
        // Kept as the mean so far, which doesn't lose digits to a large sum.
        let count = f64::from(u32::try_from(self.seen - self.non_finite).unwrap_or(u32::MAX));
        let mean = self.norm_mean.unwrap_or(0.0);
        self.norm_mean = Some(mean + (norm - mean) / count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn norms_are_of_finite_vectors_and_all_are_counted() {
        let mut norms = Norms::default();
        for vector in
            [[3.0, 4.0], [0.0, -0.0], [f32::NAN, 0.0], [f32::INFINITY, 1.0], [f32::MAX, 0.0], [0.0, 1.0]]
        {
            norms.add(vector.into_iter());
        }
        let Norms { live, norm_min, norm_mean, norm_max, non_finite, zero, .. } = norms;
        assert_eq!((live, non_finite, zero), (Some(6), 2, 1));
        assert_eq!((norm_min, norm_max), (Some(0.0), Some(f64::from(f32::MAX))));
        let expected = (f64::from(f32::MAX) + 6.0) / 4.0;
        assert!((norm_mean.unwrap() / expected - 1.0).abs() < 1e-12);
    }

    #[test]
    fn without_vectors_there_is_no_norm() {
        assert!(Norms::default().norm_mean.is_none());
    }
}
