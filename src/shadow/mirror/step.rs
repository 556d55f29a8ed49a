//! What a merchant's answer says of its payment, and what the twin must do before the call is mirrored.
//!
//! Pure. The twin can be approved by the test API, but nobody can say no in a user's place, so a payment that a user has
//! ended has no twin any more. Must not: take a doubt for an approval.

use serde_json::Value;

use crate::ecom::route::Operation;
use crate::shadow::offer::Seen;

/// How far a payment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Nobody has acted.
    Open,
    /// The user has said yes.
    Approved,
    /// It is over, and was never approved.
    Ended,
}

/// How often a twin was changed; a repeat counts again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Made {
    captures: usize,
    refunds: usize,
    cancels: usize,
}

impl Made {
    /// One more.
    pub(super) const fn note(&mut self, operation: Operation) {
        match operation {
            Operation::Capture => self.captures += 1,
            Operation::Refund => self.refunds += 1,
            Operation::Cancel => self.cancels += 1,
            _ => {}
        }
    }

    const fn word(&mut self, word: &str) {
        match word.as_bytes() {
            b"CAPTURE" => self.captures += 1,
            b"REFUND" => self.refunds += 1,
            b"VOID" | b"CANCEL" => self.cancels += 1,
            _ => {}
        }
    }

    const fn has_more_than(self, other: Self) -> bool {
        self.captures > other.captures
            || self.refunds > other.refunds
            || self.cancels > other.cancels
    }
}

/// What has to be done first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum First {
    /// Nothing.
    Nothing,
    /// The test user approves.
    Approve,
    /// It can't follow, for this reason.
    GiveUp(&'static str),
}

/// What the twin must do first.
pub(super) fn first(twin: State, operation: Operation, answer: &Seen) -> First {
    match (twin, shown(operation, answer)) {
        (State::Open, Some(State::Approved)) => First::Approve,
        (State::Open, Some(State::Ended)) => First::GiveUp("ended-by-the-user"),
        (State::Ended, Some(State::Approved)) => First::GiveUp("approved-unseen"),
        _ => First::Nothing,
    }
}

/// Whether eCom's own answer shows a change that the twin was never asked for: made by another system, or through another
/// instance. Not to be asked of an answer that the bridge made, because there it may be what is wrong.
pub(super) fn is_changed_elsewhere(made: Made, operation: Operation, answer: &Seen) -> bool {
    let Ok(body) = serde_json::from_slice::<Value>(&answer.body) else {
        return false;
    };
    let mut there = Made::default();
    match operation {
        Operation::Details => {
            let entries = body
                .get("transactionLogHistory")
                .and_then(Value::as_array)
                .map_or(&[][..], Vec::as_slice);
            let successes = entries.iter().filter(|entry| {
                entry.get("operationSuccess").and_then(Value::as_bool) == Some(true)
            });
            successes
                .filter_map(|entry| entry.get("operation")?.as_str())
                .for_each(|word| there.word(word));
        }
        Operation::Status => {
            let word = body.pointer("/transactionInfo/status");
            there.word(word.and_then(Value::as_str).unwrap_or_default());
        }
        _ => {}
    }
    there.has_more_than(made)
}

/// What an answer says of the payment before the call; none where it says nothing of that.
fn shown(operation: Operation, answer: &Seen) -> Option<State> {
    let body: Value = serde_json::from_slice(&answer.body).ok()?;
    let is_done = (200..300).contains(&answer.status);
    match operation {
        Operation::Details if is_done => of_history(&body),
        Operation::Status if is_done => of_word(body.pointer("/transactionInfo/status")?.as_str()?),
        Operation::Capture | Operation::Refund if is_done => Some(State::Approved),
        Operation::Capture | Operation::Refund | Operation::Cancel => of_error(operation, &body),
        Operation::Initiate | Operation::Approve | Operation::Details | Operation::Status => None,
    }
}

fn of_history(body: &Value) -> Option<State> {
    let entries = body.get("transactionLogHistory")?.as_array()?;
    let states: Vec<State> = entries
        .iter()
        .filter(|entry| entry.get("operationSuccess").and_then(Value::as_bool) == Some(true))
        .filter_map(|entry| of_word(entry.get("operation")?.as_str()?))
        .collect();
    let any = |state| states.contains(&state).then_some(state);
    any(State::Approved).or_else(|| any(State::Ended))
}

/// An operation or a status (`TransactionLogHistory.operation`, `TransactionInfo.status`).
fn of_word(word: &str) -> Option<State> {
    match word.to_ascii_uppercase().as_str() {
        "RESERVE" | "RESERVED" | "SALE" | "CAPTURE" | "CAPTURED" | "REFUND" | "VOID" => {
            Some(State::Approved)
        }
        "CANCEL" | "CANCELLED" | "REJECTED" | "AUTO_CANCEL" => Some(State::Ended),
        _ => None,
    }
}

/// Errors that only an approved payment can meet.
fn of_error(operation: Operation, body: &Value) -> Option<State> {
    let codes: &[&str] = match operation {
        Operation::Capture => &["61", "63", "98"],
        Operation::Refund => &["71", "95"],
        Operation::Cancel => &["51"],
        _ => &[],
    };
    let entries = body.as_array()?;
    let code = |entry: &Value| Some(codes.contains(&entry.get("errorCode")?.as_str()?));
    let meets = entries.iter().any(|entry| code(entry) == Some(true));
    meets.then_some(State::Approved)
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use serde_json::json;

    use super::*;

    fn seen(status: u16, body: &Value) -> Seen {
        Seen {
            status,
            headers: HeaderMap::new(),
            body: body.to_string().into(),
        }
    }

    fn history(words: &[(&str, bool)]) -> Value {
        let entries: Vec<Value> = words
            .iter()
            .map(|(word, success)| json!({"operation": word, "operationSuccess": success}))
            .collect();
        json!({"transactionLogHistory": entries})
    }

    #[test]
    fn an_approval_is_seen_where_it_shows_and_nowhere_else() {
        use Operation::{Approve, Cancel, Capture, Details, Initiate, Refund, Status};
        let status = |word: &str| json!({"transactionInfo": {"status": word}});
        let error = |code: &str| json!([{"errorGroup": "Payment", "errorCode": code}]);
        let gone = First::GiveUp("ended-by-the-user");
        for (operation, code, body, want) in [
            (Details, 200, history(&[("INITIATE", true)]), First::Nothing),
            (
                Details,
                200,
                history(&[("RESERVE", true), ("INITIATE", true)]),
                First::Approve,
            ),
            (
                Details,
                200,
                history(&[("RESERVE", false), ("INITIATE", true)]),
                First::Nothing,
            ),
            (
                Details,
                200,
                history(&[("CANCEL", true), ("RESERVE", false), ("INITIATE", true)]),
                gone,
            ),
            (
                Details,
                200,
                history(&[("VOID", true), ("RESERVE", true)]),
                First::Approve,
            ),
            (Details, 404, history(&[("RESERVE", true)]), First::Nothing),
            (Status, 200, status("INITIATE"), First::Nothing),
            (Status, 200, status("SALE"), First::Approve),
            (Status, 200, status("FAILED"), First::Nothing),
            (Status, 200, status("REJECTED"), gone),
            (Capture, 200, json!({}), First::Approve),
            (Capture, 400, error("61"), First::Approve),
            (Capture, 400, error("62"), First::Nothing),
            (Refund, 400, error("71"), First::Approve),
            (Refund, 400, error("72"), First::Nothing),
            (Cancel, 200, json!({}), First::Nothing),
            (Cancel, 402, error("51"), First::Approve),
            (Cancel, 502, json!("?"), First::Nothing),
            (Initiate, 200, json!({}), First::Nothing),
            (Approve, 200, json!({}), First::Nothing),
        ] {
            let got = first(State::Open, operation, &seen(code, &body));
            assert_eq!(got, want, "{operation:?} {code} {body}");
            let there = first(State::Approved, operation, &seen(code, &body));
            assert_eq!(there, First::Nothing, "{operation:?} {code} {body}");
        }
        let late = seen(200, &history(&[("VOID", true), ("RESERVE", true)]));
        assert_eq!(
            first(State::Ended, Details, &late),
            First::GiveUp("approved-unseen")
        );
        let over = seen(200, &history(&[("CANCEL", true)]));
        assert_eq!(first(State::Ended, Details, &over), First::Nothing);
    }

    #[test]
    fn a_change_that_was_never_asked_for_is_seen() {
        use Operation::{Cancel, Capture, Details, Refund, Status};
        let log = history(&[("VOID", true), ("CAPTURE", true), ("CAPTURE", false)]);
        let status = |word: &str| json!({"transactionInfo": {"status": word}});
        for (asked, operation, body, want) in [
            (&[Capture, Cancel][..], Details, log.clone(), false),
            (
                &[Capture, Capture, Cancel, Refund],
                Details,
                log.clone(),
                false,
            ),
            (&[Capture], Details, log, true),
            (&[], Details, history(&[("RESERVE", true)]), false),
            (&[], Details, json!("?"), false),
            (&[Capture], Status, status("CAPTURE"), false),
            (&[Capture], Status, status("REFUND"), true),
            (&[], Status, status("RESERVE"), false),
        ] {
            let mut made = Made::default();
            asked.iter().for_each(|one| made.note(*one));
            let got = is_changed_elsewhere(made, operation, &seen(200, &body));
            assert_eq!(got, want, "{asked:?} {body}");
        }
    }
}
