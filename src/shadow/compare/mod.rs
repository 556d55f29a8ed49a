//! Compares the answer that a merchant got with the one that the other API would have given: by field, over JSON.
//!
//! What is compared: the HTTP status, whether the body is JSON and said to be, whether there is a Retry-After, and each
//! member of the body. No other header: clients read none, and each server has its own (dates, ids, caches). Between a
//! success and a refusal only the status is told, the rest follows from it. Time and memory are bounded whatever the
//! bodies are. Must not: panic, or show a value that may be personal.

mod difference;
mod history;
mod ignore;
pub mod noise;
pub mod normal;
mod place;
mod same;
pub mod tree;
mod walk;

#[cfg(test)]
mod tests;

use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName};
use serde_json::Value;

pub use difference::{CompareFailure, Compared, Difference, DifferenceKind, Side, Way};
pub use ignore::IgnoreRule;
pub use place::PathPattern;

use crate::ecom::route::Operation;
use crate::translate::loss::Loss;
use crate::types::{FieldPath, Moment};

/// How many differences of one comparison are kept; where there are more, the last one tells so ([`FieldPath::more`]).
pub const KEPT: usize = 50;

/// An answer, as it went out or would have.
#[derive(Clone, Copy, Debug)]
pub struct Answered<'a> {
    /// The HTTP status.
    pub status: u16,
    /// All headers.
    pub headers: &'a HeaderMap,
    /// The whole body.
    pub body: &'a [u8],
}

/// What is known besides the two answers. The default knows nothing and ignores nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules<'a> {
    /// What the operator does not want to hear of.
    pub ignore: &'a [IgnoreRule],
    /// When: decides which of them have expired.
    pub now: Moment,
    /// What the translation of this call told as lost.
    pub losses: &'a [Loss],
    /// The payment has operations that were not sent to ePayment by this bridge, such as all of an eCom-born one: their
    /// texts and request ids are not known.
    pub elsewhere: bool,
    /// Write: the order id that the candidate must show.
    pub shadow_order: Option<&'a str>,
}

/// Compares two answers to one call.
///
/// # Errors
/// Where one of the bodies can't be compared, unless both have the same bytes.
pub fn compare(
    operation: Operation,
    way: Way,
    control: &Answered<'_>,
    candidate: &Answered<'_>,
    rules: &Rules<'_>,
) -> Result<Compared, CompareFailure> {
    let mut walk = walk::Walk::new(operation, way, rules);
    if control.status != candidate.status {
        let shown = |answer: &Answered<'_>| answer.status.to_string();
        walk.tell(
            FieldPath::status(),
            DifferenceKind::Value,
            shown(control),
            shown(candidate),
        );
        if is_success(control.status) != is_success(candidate.status) {
            return Ok(walk.into_compared());
        }
    }
    header(&mut walk, &CONTENT_TYPE, control, candidate, media);
    header(&mut walk, &RETRY_AFTER, control, candidate, |answer| {
        answer.headers.get(RETRY_AFTER).map(|_| "there")
    });
    if control.body != candidate.body {
        let control = tree::read(control.body, Side::Control)?;
        let candidate = tree::read(candidate.body, Side::Candidate)?;
        walk.bodies(control.as_ref(), candidate.as_ref());
    } else if way == Way::Write
        && rules.shadow_order.is_some()
        && let Ok(Some(both)) = tree::read(control.body, Side::Control)
    {
        walk.own_order(Some(&both.root), Some(&both.root));
    }
    Ok(walk.into_compared())
}

const fn is_success(status: u16) -> bool {
    status >= 200 && status < 300
}

fn header(
    walk: &mut walk::Walk<'_>,
    name: &HeaderName,
    control: &Answered<'_>,
    candidate: &Answered<'_>,
    read: impl Fn(&Answered<'_>) -> Option<&'static str>,
) {
    let (old, new) = (read(control), read(candidate));
    let kind = match (old, new) {
        _ if old == new => return,
        (Some(_), None) => DifferenceKind::Missing,
        (None, _) => DifferenceKind::Extra,
        (Some(_), Some(_)) => DifferenceKind::Value,
    };
    let shown = |word: Option<&str>| word.unwrap_or("nothing").to_owned();
    walk.tell(FieldPath::header(name), kind, shown(old), shown(new));
}

/// What a body is said to be. A problem of ePayment's is not eCom's JSON: one public client looks at the type.
fn media(answer: &Answered<'_>) -> Option<&'static str> {
    if answer.body.is_empty() {
        return None;
    }
    let text = answer.headers.get(CONTENT_TYPE)?.to_str().unwrap_or("");
    let essence = text.split(';').next().unwrap_or("").trim();
    Some(if essence.eq_ignore_ascii_case("application/json") {
        "json"
    } else if essence.to_ascii_lowercase().ends_with("+json") {
        "another json"
    } else {
        "no json"
    })
}

/// What a value of JSON is called.
fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "text",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    }
}
