//! What became of a call, as a class: for the counts that readiness and rollback rest on.
//!
//! An error inside a 200 is an error: eCom's clients must look for `errorCode` in any answer, and so does the bridge.
//! A failed entry in the log of a payment that was read is no failed call. Must not: change an answer.

use serde::Deserialize;

use crate::ecom::error::Group;
use crate::payments::Answer;
use crate::telemetry::{Class, Route, Told};
use crate::upstream::RawReply;

/// An answer longer than this is data, and only looked into where its status says that it is an error.
const LONGEST_ERROR: usize = 4096;

/// The class, and the error that was told.
pub(super) fn judged(answer: &Answer, route: Route) -> (Class, Option<Told>) {
    match answer {
        Answer::Json(_) => (Class::Done, None),
        Answer::Raw(raw) => raw_class(raw),
        Answer::Failure(failure, _) => {
            let told = Told::of(failure);
            // 503 is the bridge's own: its store can't be asked.
            let class = match (route, failure.status) {
                (Route::Refused, _) | (_, 503) => Class::RefusedHere,
                (_, 500..) => Class::Failed,
                _ => Class::Refused,
            };
            (class, Some(told))
        }
    }
}

fn raw_class(raw: &RawReply) -> (Class, Option<Told>) {
    let told = told_in(raw);
    let class = match (raw.status, &told) {
        (500.. | 408 | 429, _) => Class::Failed,
        (400.., _) => Class::Refused,
        (_, None) => return (Class::Done, None),
        (_, Some(Told::Code(code))) if code.status() >= 500 => Class::Failed,
        (_, Some(_)) => Class::Refused,
    };
    (class, Some(told.unwrap_or(Told::Other)))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    error_code: String,
    #[serde(default)]
    error_group: Option<Group>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Errors {
    Several(Vec<Entry>),
    One(Entry),
}

/// The error that an answer of eCom holds, where it holds one.
fn told_in(raw: &RawReply) -> Option<Told> {
    let body = &raw.body;
    let first = body.iter().find(|byte| !byte.is_ascii_whitespace())?;
    let may_be = match first {
        b'[' => true,
        b'{' => {
            let needle = b"\"errorCode\"";
            body.len() <= LONGEST_ERROR && body.windows(needle.len()).any(|part| part == needle)
        }
        _ => false,
    };
    if !may_be {
        return None;
    }
    let entry = match serde_json::from_slice(body).ok()? {
        Errors::Several(list) => list.into_iter().next()?,
        Errors::One(entry) => entry,
    };
    Some(match entry.error_group {
        Some(group) => Told::named(group, &entry.error_code),
        None => Told::Other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecom::error::{Code, Failure};

    fn raw(status: u16, body: &str) -> Answer {
        Answer::Raw(RawReply {
            status,
            headers: http::HeaderMap::new(),
            body: bytes::Bytes::copy_from_slice(body.as_bytes()),
        })
    }

    #[test]
    fn an_error_inside_a_200_is_an_error() {
        let locked = r#" [{"errorGroup": "VippsError", "errorCode": "99", "errorMessage": "x", "contextId": "y"}]"#;
        let taken = r#"[{"errorGroup": "Merchant", "errorCode": "34", "errorMessage": "x"}]"#;
        let single = r#"{"errorGroup": "InvalidRequest", "errorCode": "transaction.amount"}"#;
        for (answer, class, told) in [
            (raw(200, "{}"), Class::Done, None),
            (
                raw(200, r#"{"orderId": "a", "url": "b"}"#),
                Class::Done,
                None,
            ),
            (raw(200, "[]"), Class::Done, None),
            (raw(200, ""), Class::Done, None),
            (
                raw(200, locked),
                Class::Failed,
                Some(Told::Code(Code::Vipps99)),
            ),
            (
                raw(200, taken),
                Class::Refused,
                Some(Told::Code(Code::Merchant34)),
            ),
            (raw(200, single), Class::Refused, Some(Told::Field)),
            (
                raw(400, taken),
                Class::Refused,
                Some(Told::Code(Code::Merchant34)),
            ),
            (raw(401, "{}"), Class::Refused, Some(Told::Other)),
            (raw(429, "{}"), Class::Failed, Some(Told::Other)),
            (raw(502, "<html>"), Class::Failed, Some(Told::Other)),
        ] {
            assert_eq!(judged(&answer, Route::Ecom), (class, told), "{answer:?}");
        }
    }

    #[test]
    fn the_bridges_own_refusals_are_no_errors_of_an_api() {
        let failure = |code| Answer::from(Failure::code(code));
        let field = Answer::from(Failure::field("x", "y"));
        assert_eq!(judged(&field, Route::Refused).0, Class::RefusedHere);
        assert_eq!(judged(&field, Route::Epayment).0, Class::Refused);
        let unknown = Answer::from(Failure::unknown("x"));
        assert_eq!(judged(&unknown, Route::Epayment).0, Class::Failed);
        let (class, told) = judged(&failure(Code::Merchant37), Route::Epayment);
        assert_eq!(
            (class, told),
            (Class::Refused, Some(Told::Code(Code::Merchant37)))
        );
    }
}
