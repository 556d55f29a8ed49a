//! Whether ePayment does worse with new payments than eCom, surely enough to go back.
//!
//! Shares are compared by the interval of their difference, times by their logarithms, both at 99.995 %, because they are
//! looked at again and again. With too few calls of eCom the comparison is with ePayment's own last clean window, and with
//! a limit. Must not: take few calls for many.

use super::Both;
use crate::observe::Sample;
use crate::observe::stats::{Share, Times, Z_OFTEN};
use crate::settings::Rollback;

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judged {
    /// Too few calls to say.
    Few,
    /// Nothing speaks against ePayment.
    Clean,
    /// It fails more.
    Failing(String),
    /// It is slower.
    Slow(String),
}

impl Judged {
    /// Its word.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Few => "few",
            Self::Clean => "clean",
            Self::Failing(_) => "failing",
            Self::Slow(_) => "slow",
        }
    }

    /// Why, where it speaks against ePayment.
    #[must_use]
    pub fn told(&self) -> Option<&str> {
        match self {
            Self::Few | Self::Clean => None,
            Self::Failing(told) | Self::Slow(told) => Some(told),
        }
    }
}

fn bad(sample: &Sample) -> Share {
    Share::new(sample.bad, sample.calls)
}

const fn times(sample: &Sample) -> Times {
    Times {
        count: sample.timed,
        sum: sample.times,
        squares: sample.squares,
    }
}

/// Judges what was counted; `clean` is ePayment's own, of when all was well.
#[must_use]
pub fn judge(counted: &Both, clean: Option<&Sample>, bounds: &Rollback) -> Judged {
    let Both { ecom, epayment } = counted;
    let few = bounds.min_samples;
    let compared = ecom.calls >= few;
    // Half as many are enough to see that going back would win nothing.
    let both_down = ecom.calls >= few.div_ceil(2) && bad(ecom).seen() >= 0.5;
    if epayment.run >= few && !both_down {
        let told = format!(
            "the last {} new payments at ePayment all went wrong",
            epayment.run
        );
        return Judged::Failing(told);
    }
    if epayment.calls < few {
        return Judged::Few;
    }
    let margin = f64::from(bounds.error_margin_points) / 100.0;
    let slower = 1.0 + f64::from(bounds.latency_margin_percent) / 100.0;
    let of = |sample: &Sample| format!("{} of {}", sample.bad, sample.calls);
    let (other, whose) = match (compared, clean) {
        (true, _) => (Some(ecom), "at eCom"),
        (false, clean) => (clean, "in its last clean window"),
    };
    if let Some(other) = other {
        if bad(epayment).above(bad(other), Z_OFTEN) > margin {
            return Judged::Failing(format!(
                "{} new payments went wrong at ePayment, {} {whose}: more than {} points worse, and no chance",
                of(epayment),
                of(other),
                bounds.error_margin_points
            ));
        }
        let enough = epayment.timed >= few && other.timed >= few;
        if enough && times(epayment).longer(times(other), Z_OFTEN) > slower {
            let middle = |sample: &Sample| times(sample).middle().unwrap_or_default();
            return Judged::Slow(format!(
                "new payments took about {:.0} ms at ePayment, {:.0} ms {whose}: more than {} % longer, and no chance",
                middle(epayment),
                middle(other),
                bounds.latency_margin_percent
            ));
        }
    }
    let limit = f64::from(bounds.error_limit_percent) / 100.0;
    if !compared && !both_down && bad(epayment).interval(Z_OFTEN).0 > limit {
        return Judged::Failing(format!(
            "{} new payments went wrong at ePayment: more than {} %, with too few calls of eCom to compare",
            of(epayment),
            bounds.error_limit_percent
        ));
    }
    Judged::Clean
}
