//! The ways in which two different values are the same: what the rows of [`super::normal::RULES`] say.
//!
//! Must not: know a field (the table does).

use serde_json::Value;

use super::Rules;
use crate::types::Moment;

/// How far apart two readings of one time may be, in milliseconds: two systems stamp one operation one after the other,
/// their clocks are kept to well below a second, and an operation takes about a second. Farther apart it is another
/// operation's time.
pub(super) const TOLERANCE_MS: i64 = 2_000;

/// The field of entries that a history may have more than the other; no walk comes here.
pub(super) const REFUSED_CARD: &str = "/transactionLogHistory/(refused card)";

/// What a row looks at. `None` is absent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen<'a> {
    pub(super) control: Option<&'a Value>,
    pub(super) candidate: Option<&'a Value>,
    /// The text of the candidate's INITIATE.
    pub(super) initiate_text: Option<&'a str>,
    /// The control's last word is a refused card, and the candidate's that nobody has acted.
    pub(super) open: bool,
}

/// What makes two values equal.
#[derive(Clone, Copy, Debug)]
pub(super) enum Equal {
    /// Times at most [`TOLERANCE_MS`] apart, the candidate's in eCom's form or the control's.
    SameInstant,
    /// Times, the candidate's in eCom's form or the control's.
    BothTimes,
    /// Texts that are not empty.
    BothTexts,
    /// Texts, empty ones too, or absent.
    AnyTexts,
    /// Integers.
    BothIntegers,
    /// One is absent, the other is text that is not empty.
    TextOrAbsent,
    /// Each is absent, null or an empty text; the candidate is not null.
    EmptyOrAbsent,
    /// The control has it, the candidate does not.
    OnlyControl,
    /// The candidate has this word, the control nothing.
    OnlyCandidate(&'static str),
    /// The control's word and the candidate's.
    Words(&'static str, &'static str),
    /// The candidate has no text, or that of its INITIATE.
    EmptyOrInitiateText,
    /// Asked for entries of a history, not for values (`super::history`).
    RefusedCard,
    /// [`Equal::BothTimes`], of a status that is open after a refused card.
    OpenAfterRefusal,
    /// Addresses of the same kind: https, or the scheme of an app; both of a host alone, or neither.
    BothAddresses,
    /// Addresses, the candidate's not plain http.
    AnyAddresses,
    /// The candidate has the order id of the shadow payment.
    ShadowOrder,
}

impl Equal {
    /// Whether it holds for two values that differ.
    pub(super) fn holds(self, seen: &Seen<'_>, rules: &Rules<'_>) -> bool {
        let control = seen.control.and_then(Value::as_str);
        let candidate = seen.candidate.and_then(Value::as_str);
        let texts = control.zip(candidate);
        match self {
            Self::SameInstant => texts.is_some_and(|(control, candidate)| {
                is_like(candidate, control)
                    && apart(control, candidate).is_some_and(|ms| ms <= TOLERANCE_MS)
            }),
            Self::OpenAfterRefusal => seen.open && Self::BothTimes.holds(seen, rules),
            Self::BothTimes => texts.is_some_and(|(control, candidate)| {
                is_like(candidate, control) && apart(control, candidate).is_some()
            }),
            Self::BothTexts => texts.is_some_and(|(a, b)| !is_blank(a) && !is_blank(b)),
            Self::AnyTexts => {
                let text = |value: Option<&Value>| value.is_none_or(Value::is_string);
                text(seen.control) && text(seen.candidate)
            }
            Self::BothIntegers => {
                let whole = |value: Option<&Value>| value.is_some_and(Value::is_u64);
                whole(seen.control) && whole(seen.candidate)
            }
            Self::TextOrAbsent => match (seen.control, seen.candidate) {
                (Some(Value::String(text)), None) | (None, Some(Value::String(text))) => {
                    !is_blank(text)
                }
                _ => false,
            },
            Self::EmptyOrAbsent => {
                is_nothing(seen.control)
                    && is_nothing(seen.candidate)
                    && seen.candidate != Some(&Value::Null)
            }
            Self::OnlyControl => seen.control.is_some() && seen.candidate.is_none(),
            Self::OnlyCandidate(word) => seen.control.is_none() && candidate == Some(word),
            Self::Words(old, new) => texts == Some((old, new)),
            Self::EmptyOrInitiateText => texts.is_some_and(|(_, candidate)| {
                candidate.is_empty() || Some(candidate) == seen.initiate_text
            }),
            Self::RefusedCard => false,
            Self::BothAddresses => texts.is_some_and(|(control, candidate)| {
                match (Scheme::of(control), Scheme::of(candidate)) {
                    (Some(Scheme::Http), _) | (_, Some(Scheme::Http)) => false,
                    (old, new) => {
                        old.is_some() && old == new && is_bare(control) == is_bare(candidate)
                    }
                }
            }),
            Self::AnyAddresses => texts.is_some_and(|(control, candidate)| {
                let scheme = Scheme::of(candidate);
                Scheme::of(control).is_some() && scheme.is_some_and(|is| is != Scheme::Http)
            }),
            Self::ShadowOrder => candidate.is_some() && candidate == rules.shadow_order,
        }
    }
}

fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}

fn is_nothing(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(_) => false,
    }
}

/// How many milliseconds two times are apart; `None` unless both are times.
fn apart(a: &str, b: &str) -> Option<i64> {
    let (a, b) = (Moment::parse(a)?.millis(), Moment::parse(b)?.millis());
    Some(a.saturating_sub(b).saturating_abs())
}

/// Whether a time is written as eCom writes it, `2026-03-01T10:00:00.000Z`, or as `other` is: clients read times as text.
fn is_like(text: &str, other: &str) -> bool {
    let form = |text: &str| -> String {
        text.chars()
            .map(|c| if c.is_ascii_digit() { '0' } else { c })
            .collect()
    };
    let form_of = form(text);
    form_of == "0000-00-00T00:00:00.000Z" || form_of == form(other)
}

/// Whether an address has nothing after its host.
fn is_bare(address: &str) -> bool {
    let rest = address.split_once("://").map_or("", |(_, rest)| rest);
    rest.split_once(['/', '?', '#'])
        .is_none_or(|(_, more)| more.is_empty())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Https,
    Http,
    App,
}

impl Scheme {
    /// Of an address with something after its scheme.
    fn of(address: &str) -> Option<Self> {
        let (scheme, rest) = address.split_once("://")?;
        let letters = scheme
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
        if scheme.is_empty() || !letters || rest.is_empty() || rest.starts_with('/') {
            return None;
        }
        Some(match scheme.to_ascii_lowercase().as_str() {
            "https" => Self::Https,
            "http" => Self::Http,
            _ => Self::App,
        })
    }
}
