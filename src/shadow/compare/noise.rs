//! Whether a field differs more often between the two APIs than an answer differs from itself.
//!
//! A small share of the reads asks the control twice. Both rates are samples, that of the noise a small one, so they are
//! held against each other by Wilson's bounds. Source of the idea: Diffy, which makes as many noise pairs as comparisons
//! and therefore compares counts: shown is what differs by more than 20 % of both together and 0.03 % of all. Must not:
//! explain a difference away by noise that was not seen.

/// Two-sided 95 %.
const Z: f64 = 1.96;
/// A signal is at least so many times the noise. Diffy's 20 % of the sum is the same.
const RELATIVE: f64 = 1.5;
/// A sure signal is at least so much more than the noise, as a share of all comparisons: Diffy's 0.03 %. Less is not
/// explained by noise either, where money is told.
const ABSOLUTE: f64 = 0.000_3;
/// Where noise was seen, so many noise pairs are needed before a field is judged.
pub const FEWEST_PAIRS: u64 = 20;
/// Noise that was seen less often explains nothing: one in 20 pairs may as well be one in 500.
const FEWEST_SEEN: u64 = 2;

/// What is known of one field of one operation. No part is more than its whole; if it is, the whole is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Comparisons of the two APIs.
    pub compared: u64,
    /// Of them, in so many the field differs.
    pub differing: u64,
    /// Comparisons of the control with itself.
    pub noise_pairs: u64,
    /// Of them, in so many the field differs.
    pub noise: u64,
}

/// What the counts say. In this order, more differences never say less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Excess {
    /// It does not differ, or the control differs from itself as often.
    Noise,
    /// It seems to differ more often than the control with itself, and the numbers are too small to be sure.
    TooFew,
    /// It differs more often than the control with itself.
    Signal,
}

/// Whether a field's differences exceed its noise.
///
/// Without noise any difference is a signal. With noise, the lower bound of the one rate must lie above the upper bound
/// of the other, and the rates must differ by `RELATIVE` and `ABSOLUTE`.
#[must_use]
pub fn excess(counts: Counts) -> Excess {
    if counts.differing == 0 {
        return Excess::Noise;
    }
    if counts.noise == 0 {
        return Excess::Signal;
    }
    if counts.noise_pairs < FEWEST_PAIRS {
        return Excess::TooFew;
    }
    let differing = Rate::of(counts.differing, counts.compared);
    let noise = Rate::of(counts.noise, counts.noise_pairs);
    let alike = differing.seen < noise.seen * RELATIVE;
    if alike && counts.noise >= FEWEST_SEEN {
        Excess::Noise
    } else if !alike && differing.seen >= noise.seen + ABSOLUTE && differing.low > noise.high {
        Excess::Signal
    } else {
        Excess::TooFew
    }
}

/// A share and Wilson's bounds of it.
struct Rate {
    seen: f64,
    low: f64,
    high: f64,
}

impl Rate {
    fn of(part: u64, whole: u64) -> Self {
        let (part, count) = (number(part.min(whole)), number(whole.max(1)));
        let seen = part / count;
        let square = Z * Z;
        let middle = seen + square / (2.0 * count);
        let width = Z * (seen * (1.0 - seen) / count + square / (4.0 * count * count)).sqrt();
        let all = 1.0 + square / count;
        Self {
            seen,
            low: ((middle - width) / all).max(0.0),
            high: ((middle + width) / all).min(1.0),
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of comparisons are far below 2^52"
)]
const fn number(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(compared: u64, differing: u64, noise_pairs: u64, noise: u64) -> Excess {
        excess(Counts {
            compared,
            differing,
            noise_pairs,
            noise,
        })
    }

    #[test]
    fn a_field_is_judged_by_rates_and_by_how_sure_they_are() {
        for (counts, want, why) in [
            ((0, 0, 0, 0), Excess::Noise, "nothing was compared"),
            ((1_000, 0, 10, 3), Excess::Noise, "nothing differs"),
            ((1, 1, 0, 0), Excess::Signal, "one difference, and no noise"),
            (
                (100_000, 1, 1_000, 0),
                Excess::Signal,
                "seldom, but never with itself",
            ),
            ((1_000, 100, 50, 5), Excess::Noise, "both a tenth"),
            (
                (1_000, 120, 100, 10),
                Excess::Noise,
                "hardly more than the noise",
            ),
            (
                (1_000, 900, 100, 10),
                Excess::Signal,
                "nine tenths against one",
            ),
            (
                (1_000, 900, 19, 1),
                Excess::TooFew,
                "too few pairs to know the noise",
            ),
            (
                (1_000, 200, 20, 1),
                Excess::TooFew,
                "a fifth against perhaps a quarter",
            ),
            (
                (1_000_000, 150, 1_000_000, 2),
                Excess::TooFew,
                "below 0.03 % of all, but 75 times the noise",
            ),
            (
                (1_000, 70, 20, 1),
                Excess::TooFew,
                "seen once, noise may be as seldom as one in a hundred",
            ),
            ((1_000, 70, 40, 2), Excess::Noise, "seen twice"),
            (
                (10, 200, 30, 60),
                Excess::Noise,
                "impossible counts: all against all",
            ),
            (
                (u64::MAX, u64::MAX, u64::MAX, 1),
                Excess::Signal,
                "no overflow",
            ),
        ] {
            let (compared, differing, pairs, noise) = counts;
            assert_eq!(of(compared, differing, pairs, noise), want, "{why}");
        }
    }

    proptest! {
        #[test]
        fn without_noise_any_difference_is_a_signal(
            compared in 1..1_000_000_u64, part in 1..=100_u64, pairs in 0..1_000_000_u64,
        ) {
            let differing = (compared * part / 100).max(1);
            prop_assert_eq!(of(compared, differing, pairs, 0), Excess::Signal);
        }

        #[test]
        fn equal_rates_are_noise(of_ten in 1..=10_u64, tens in 2..10_000_u64, times in 1..1_000_u64) {
            let (pairs, noise) = (tens * 10, tens * of_ten);
            prop_assert_eq!(of(pairs * times, noise * times, pairs, noise), Excess::Noise);
        }

        #[test]
        fn more_differences_never_say_less_and_more_noise_never_more(
            compared in 1..100_000_u64, pairs in 20..10_000_u64,
            differing in 0..100_000_u64, noise in 1..10_000_u64, more in 1..10_000_u64,
        ) {
            let (differing, noise) = (differing.min(compared), noise.min(pairs));
            let here = of(compared, differing, pairs, noise);
            let up = (differing + more).min(compared);
            prop_assert!(of(compared, up, pairs, noise) >= here);
            let louder = (noise + more).min(pairs);
            prop_assert!(of(compared, differing, pairs, louder) <= here);
        }
    }
}
