//! The words that are counted. Each has a place in a row of numbers, so that counting needs no look-up of texts.
//!
//! Must not: change a word. Stores of earlier releases hold them.

use std::sync::LazyLock;

use crate::ecom::error::Code;
use crate::ecom::used::{Member, Used};
use crate::telemetry::{Class, Fit, Told};
use crate::translate::loss::{Loss, Untranslatable};

/// It did what was asked.
pub const DONE: &str = "done";
/// The API refused it.
pub const REFUSED: &str = "refused";
/// The API failed, or nobody knows.
pub const FAILED: &str = "failed";
/// The bridge refused it.
pub const HERE: &str = "refused-here";
/// It translates as a whole.
pub const FITS: &str = "fits";
/// It is of eCom's Express.
pub const EXPRESS: &str = "express";
/// The bridge's checks would refuse it.
pub const INVALID: &str = "invalid";
/// The bridge's checks would refuse it, and eCom took it.
pub const STRICTER: &str = "stricter";
/// Before the reason why it does not translate.
pub const NOT: &str = "not:";
/// Before the code of what is lost.
pub const LOSS: &str = "loss:";
/// Before the member that was used.
pub const USED: &str = "used:";
/// Before the error that was told.
pub const TOLD: &str = "told:";
/// Before the place of the time it took.
pub const TIME: &str = "time:";

/// So many classes of time, each half a doubling: from below 1 ms to above 30 s.
pub const TIMES: usize = 32;

const NOTS: usize = 8;
const LOSSES: usize = NOTS + Untranslatable::ALL.len();
const USEDS: usize = LOSSES + Loss::ALL.len();
const TOLDS: usize = USEDS + Member::ALL.len();
const TIMES_FROM: usize = TOLDS + Code::ALL.len() + 2;
/// How many words there are.
pub(super) const WORDS: usize = TIMES_FROM + TIMES;

static VOCABULARY: LazyLock<Vec<String>> = LazyLock::new(|| {
    let plain = [
        DONE, REFUSED, FAILED, HERE, FITS, EXPRESS, INVALID, STRICTER,
    ];
    let mut all: Vec<String> = plain.iter().map(|word| (*word).to_owned()).collect();
    all.extend(Untranslatable::ALL.map(|reason| format!("{NOT}{}", reason.code())));
    all.extend(Loss::ALL.map(|loss| format!("{LOSS}{}", loss.code())));
    all.extend(Member::ALL.map(|member| format!("{USED}{}", member.word())));
    all.extend(Code::ALL.map(|code| format!("{TOLD}{code:?}")));
    all.extend(["member", "other"].map(|word| format!("{TOLD}{word}")));
    all.extend((0..TIMES).map(|place| format!("{TIME}{place}")));
    all
});

/// The word of a place.
pub(super) fn word(place: usize) -> &'static str {
    VOCABULARY.get(place).map_or("", String::as_str)
}

/// The place of a word.
pub(super) fn place(word: &str) -> Option<usize> {
    VOCABULARY.iter().position(|known| known == word)
}

pub(super) const fn class(class: Class) -> usize {
    match class {
        Class::Done => 0,
        Class::Refused => 1,
        Class::Failed => 2,
        Class::RefusedHere => 3,
    }
}

pub(super) fn fit(fit: Fit) -> Option<usize> {
    match fit {
        Fit::Whole => Some(4),
        Fit::Express => Some(5),
        Fit::Invalid => Some(6),
        Fit::Not(code) => {
            let known = Untranslatable::ALL.iter().position(|r| r.code() == code);
            known.map(|at| NOTS + at)
        }
    }
}

pub(super) const STRICTER_AT: usize = 7;

pub(super) fn loss(code: &str) -> Option<usize> {
    let known = Loss::ALL.iter().position(|loss| loss.code() == code);
    known.map(|at| LOSSES + at)
}

pub(super) fn used(used: Used) -> impl Iterator<Item = usize> {
    used.places().map(|at| USEDS + at)
}

pub(super) fn told(told: Told) -> usize {
    match told {
        Told::Code(code) => {
            let known = Code::ALL.iter().position(|known| *known == code);
            TOLDS + known.unwrap_or(Code::ALL.len() + 1)
        }
        Told::Field => TOLDS + Code::ALL.len(),
        Told::Other => TOLDS + Code::ALL.len() + 1,
    }
}

pub(super) const fn time(class: usize) -> usize {
    TIMES_FROM + class
}

/// The class of a time: 0 below 1 ms, then two for each doubling.
#[must_use]
pub fn time_class(millis: u64) -> usize {
    if millis == 0 {
        return 0;
    }
    let doublings = millis.ilog2();
    let millis = u128::from(millis);
    // Above the square root of 2 times the power: compared by squares, without a float.
    let upper = (millis * millis) >> (2 * doublings) >= 2;
    (2 * doublings as usize + 1 + usize::from(upper)).min(TIMES - 1)
}

/// The word under which a class of time is counted.
#[must_use]
pub fn time_word(class: usize) -> &'static str {
    word(time(class.min(TIMES - 1)))
}

/// Where a class of time begins, in milliseconds.
#[must_use]
pub fn class_begins(class: usize) -> f64 {
    match u32::try_from(class) {
        Ok(0) | Err(_) => 0.0,
        Ok(class) => 2f64.powf(f64::from(class - 1) / 2.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_has_one_place() {
        assert_eq!(VOCABULARY.len(), WORDS);
        for at in 0..WORDS {
            assert_eq!(place(word(at)), Some(at), "{}", word(at));
        }
        assert_eq!(word(STRICTER_AT), STRICTER);
        assert_eq!(word(class(Class::RefusedHere)), HERE);
        assert_eq!(
            fit(Fit::Not("fallback-intent")).map(word),
            Some("not:fallback-intent")
        );
        assert_eq!(fit(Fit::Not("no such reason")), None);
        assert_eq!(loss("text-padded").map(word), Some("loss:text-padded"));
        assert_eq!(word(told(Told::Code(Code::Merchant37))), "told:Merchant37");
        assert_eq!(word(told(Told::Field)), "told:member");
        assert_eq!(word(told(Told::Other)), "told:other");
        let members = Used::default().and(Member::Scope);
        assert_eq!(used(members).map(word).collect::<Vec<_>>(), ["used:scope"]);
        assert_eq!(time_word(31), "time:31");
    }

    #[test]
    fn a_class_of_time_begins_where_the_one_before_ends() {
        for millis in 1..40_000_u64 {
            let class = time_class(millis);
            #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
            let exact = millis as f64;
            assert!(class_begins(class) <= exact + 1e-6, "{millis}");
            assert!(class == TIMES - 1 || exact < class_begins(class + 1) + 1e-6);
        }
        assert_eq!(
            (time_class(0), time_class(1), time_class(u64::MAX)),
            (0, 1, 31)
        );
    }
}
