//! What numbers of calls say, and how surely: bounds of a share, and whether two shares or two times differ.
//!
//! Source: Wilson's interval of a share; Newcombe's hybrid interval of the difference of two; the rule of three, by which
//! a share of which nothing was seen in `n` trials is below `3/n` at 95 %. Must not: say that something is so because
//! little was seen.

/// One-sided 95 %.
pub const Z95: f64 = 1.645;
/// One-sided 99.995 %: for what is looked at again and again.
pub const Z_OFTEN: f64 = 3.89;

/// A number of calls for calculations.
#[must_use]
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of calls are far below 2^52"
)]
pub const fn number(count: u64) -> f64 {
    count as f64
}

/// So many of so many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// Of them.
    pub part: u64,
    /// All.
    pub of: u64,
}

impl Share {
    /// `part` of `of`; never more than all.
    #[must_use]
    pub fn new(part: u64, of: u64) -> Self {
        Self {
            part: part.min(of),
            of,
        }
    }

    /// As it was seen; 0 of nothing.
    #[must_use]
    pub fn seen(self) -> f64 {
        if self.of == 0 {
            0.0
        } else {
            number(self.part) / number(self.of)
        }
    }

    /// Wilson's interval.
    #[must_use]
    pub fn interval(self, z: f64) -> (f64, f64) {
        if self.of == 0 {
            return (0.0, 1.0);
        }
        let (share, count) = (self.seen(), number(self.of));
        let square = z * z;
        let middle = share + square / (2.0 * count);
        let width = z * (share * (1.0 - share) / count + square / (4.0 * count * count)).sqrt();
        let whole = 1.0 + square / count;
        let low = ((middle - width) / whole).max(0.0);
        let high = ((middle + width) / whole).min(1.0);
        (
            if self.part == 0 { 0.0 } else { low },
            if self.part == self.of { 1.0 } else { high },
        )
    }

    /// The share is below this, at 95 %: by the rule of three where nothing was seen.
    #[must_use]
    pub fn below(self) -> f64 {
        if self.part == 0 && self.of > 0 {
            (3.0 / number(self.of)).min(1.0)
        } else {
            self.interval(Z95).1
        }
    }

    /// By how much, at least, this share is above another: below 0 where it may be no greater.
    #[must_use]
    pub fn above(self, other: Self, z: f64) -> f64 {
        let (low, _) = self.interval(z);
        let (_, high) = other.interval(z);
        let (one, two) = (self.seen(), other.seen());
        one - two - ((one - low).powi(2) + (high - two).powi(2)).sqrt()
    }
}

/// Times, as the sums of their classes: two classes are a doubling, so a mean of classes is a geometric mean of times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// How many.
    pub count: u64,
    /// Their classes.
    pub sum: u64,
    /// The squares of these.
    pub squares: u64,
}

impl Times {
    /// The mean class, and the variance of that mean.
    fn mean(self) -> Option<(f64, f64)> {
        if self.count < 2 {
            return None;
        }
        let (count, sum) = (number(self.count), number(self.sum));
        let mean = sum / count;
        let variance = ((number(self.squares) - sum * mean) / (count - 1.0)).max(0.0);
        // Few that are all alike do not prove that all are: times differ by a class or more.
        Some((mean, variance.max(1.0) / count))
    }

    /// How many times longer, at least, these took than others; 0 where nobody can say.
    #[must_use]
    pub fn longer(self, other: Self, z: f64) -> f64 {
        match (self.mean(), other.mean()) {
            (Some((one, var_one)), Some((two, var_two))) => {
                let low = one - two - z * (var_one + var_two).sqrt();
                2f64.powf(low / 2.0)
            }
            _ => 0.0,
        }
    }

    /// The geometric mean in milliseconds, to half a doubling.
    #[must_use]
    pub fn middle(self) -> Option<f64> {
        (self.count > 0).then(|| 2f64.powf((number(self.sum) / number(self.count) - 0.5) / 2.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_seen_is_below_three_in_n() {
        assert!((Share::new(0, 60).below() - 0.05).abs() < 1e-9);
        assert!((Share::new(0, 300).below() - 0.01).abs() < 1e-9);
        assert!((Share::new(0, 2).below() - 1.0).abs() < 1e-9);
        assert!((Share::new(0, 0).below() - 1.0).abs() < 1e-9);
        assert!(Share::new(1, 60).below() > 0.05);
    }

    #[test]
    fn bounds_hold_the_share_and_narrow_with_numbers() {
        for of in [1, 5, 20, 100, 10_000] {
            for part in [0, 1, of / 3, of / 2, of] {
                let share = Share::new(part, of);
                let (low, high) = share.interval(Z95);
                assert!(low <= share.seen() && share.seen() <= high, "{share:?}");
                assert!((0.0..=1.0).contains(&low) && (0.0..=1.0).contains(&high));
            }
        }
        let width = |of: u64| {
            let (low, high) = Share::new(of / 10, of).interval(Z95);
            high - low
        };
        assert!(width(1000) < width(100) && width(100) < width(20));
    }

    #[test]
    fn a_difference_needs_numbers() {
        let clean = Share::new(0, 100);
        assert!(Share::new(20, 20).above(clean, Z_OFTEN) > 0.5);
        assert!(Share::new(2, 4).above(clean, Z_OFTEN) < 0.1);
        assert!(Share::new(10, 100).above(Share::new(9, 100), Z95) < 0.0);
        assert!(Share::new(200, 1000).above(Share::new(100, 1000), Z_OFTEN) > 0.03);
        assert!(Share::new(5, 5).above(Share::default(), Z_OFTEN) < 0.0);
    }

    #[test]
    fn times_differ_by_a_factor() {
        let of = |class: u64, count: u64| Times {
            count,
            sum: class * count,
            squares: class * class * count,
        };
        // Four classes are a factor of four.
        let factor = of(16, 400).longer(of(12, 400), Z_OFTEN);
        assert!(factor > 3.3 && factor <= 4.0, "{factor}");
        assert!(of(16, 3).longer(of(12, 3), Z_OFTEN) < 3.0);
        assert!(of(12, 400).longer(of(12, 400), Z_OFTEN) < 1.0);
        assert!(of(12, 1).longer(of(1, 1), Z_OFTEN) < 0.5);
        assert_eq!(Times::default().middle(), None);
    }
}
