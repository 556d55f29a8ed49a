//! What was recorded held against what is made now: answers as shadowing compares them, requests part by part.
//!
//! Must not: show a value but through `redact::shown`: who replays a file need not have recorded it.

use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};

use super::again::{self, NotAgain};
use super::{Options, Replayed, written};
use crate::ecom::error::Group;
use crate::ecom::route::Operation;
use crate::shadow::compare::{
    Answered, CompareFailure, Compared, Difference, DifferenceKind, Rules, Way, compare,
};
use crate::shadow::record::line::{Answer, Line, Outgoing, Sent};
use crate::shadow::redact;
use crate::translate::loss::Loss;
use crate::types::FieldPath;

/// A read: the merchant's answer, whose body is `body`, against the one that is made now.
pub(in crate::shadow) fn read(line: &Line, body: &[u8], options: &Options<'_>) -> Replayed {
    let again = match again::answered(line) {
        Ok(again) => again,
        Err(NotAgain::NoLook) => return Replayed::Skipped("no look at ePayment"),
        Err(NotAgain::Unreadable) => return Replayed::Failed("unreadable look"),
    };
    let look = line.look.as_ref();
    let codes = look.map_or(&[][..], |look| &look.losses);
    let told = |loss: &Loss| codes.iter().any(|code| code == loss.code());
    let losses: Vec<Loss> = Loss::ALL.into_iter().filter(told).collect();
    let rules = Rules {
        ignore: options.ignore,
        now: options.now,
        losses: &losses,
        elsewhere: look.is_some_and(|look| look.elsewhere),
        shadow_order: None,
    };
    let control = Answered {
        status: line.answer.status,
        headers: &headers(&line.answer),
        body,
    };
    let candidate = Answered {
        status: again.status,
        headers: &said_to_be_json(),
        body: &again.body,
    };
    replayed(compare(
        line.operation,
        line.way,
        &control,
        &candidate,
        &rules,
    ))
}

/// A change: what was made of it then against what is made of it now.
pub(super) fn change(
    operation: Operation,
    then: &Outgoing,
    now: &Outgoing,
    options: &Options<'_>,
) -> Replayed {
    let parts = Parts { operation, options };
    let mut out = Compared::default();
    match (then, now) {
        (Outgoing::Sent(then), Outgoing::Sent(now)) => return parts.sent(then, now),
        (
            Outgoing::Refused { status, errors },
            Outgoing::Refused {
                status: new_status,
                errors: new_errors,
            },
        ) => return parts.json((*status, &told(errors)), (*new_status, &told(new_errors))),
        (Outgoing::ToEcom { reason: then }, Outgoing::ToEcom { reason: now }) => {
            if then != now {
                parts.words(&mut out, "(reason)", Some(&known(then)), Some(&known(now)));
            }
        }
        (then, now) => parts.words(&mut out, "(verdict)", Some(&word(then)), Some(&word(now))),
    }
    Replayed::Compared(out)
}

fn replayed(compared: Result<Compared, CompareFailure>) -> Replayed {
    match compared {
        Ok(compared) => Replayed::Compared(compared),
        Err(failure) => Replayed::Failed(failure.word()),
    }
}

fn headers(answer: &Answer) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let both = [
        (CONTENT_TYPE, &answer.content_type),
        (RETRY_AFTER, &answer.retry_after),
    ];
    for (name, value) in both {
        if let Some(Ok(value)) = value.as_deref().map(HeaderValue::from_str) {
            headers.insert(name, value);
        }
    }
    headers
}

fn said_to_be_json() -> HeaderMap {
    HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))])
}

/// Errors as eCom has them, without their words.
fn told(errors: &[(Group, String)]) -> Value {
    let entry = |(group, code): &(Group, String)| json!({"errorGroup": group, "errorCode": code});
    errors.iter().map(entry).collect()
}

/// A verdict with its first reason.
fn word(outgoing: &Outgoing) -> String {
    let reason = match outgoing {
        Outgoing::Sent(_) => return outgoing.word().to_owned(),
        Outgoing::ToEcom { reason } => known(reason),
        Outgoing::Refused { errors, .. } => errors.first().map_or_else(String::new, |(_, code)| {
            redact::shown(&FieldPath::of(["errorCode"]), &Value::from(code.as_str()))
        }),
    };
    format!("{} {reason}", outgoing.word())
}

/// A code of the bridge's own.
fn known(code: &str) -> String {
    let plain = code.len() <= 30 && code.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
    let shown = if plain { code } else { "another reason" };
    shown.to_owned()
}

/// Puts differences together.
struct Parts<'a> {
    operation: Operation,
    options: &'a Options<'a>,
}

impl Parts<'_> {
    fn sent(&self, then: &Sent, now: &Sent) -> Replayed {
        let empty = Value::Null;
        let body = |sent: &'_ Sent| sent.body.clone().unwrap_or(empty.clone());
        let mut out = match self.json((200, &body(then)), (200, &body(now))) {
            Replayed::Compared(compared) => compared,
            other => return other,
        };
        let shown = |text: &str| redact::shown(&FieldPath::body(), &Value::from(text));
        let both = [
            ("(path)", Some(&then.path), Some(&now.path)),
            (
                "(header idempotency-key)",
                then.key.as_ref(),
                now.key.as_ref(),
            ),
            (
                "(header merchant-serial-number)",
                then.msn.as_ref(),
                now.msn.as_ref(),
            ),
        ];
        for (field, old, new) in both.into_iter().filter(|(_, old, new)| old != new) {
            let shown = |text: Option<&String>| text.map(|text| shown(text));
            let (old, new) = (shown(old), shown(new));
            self.words(&mut out, field, old.as_deref(), new.as_deref());
        }
        if then.all_that_remains != now.all_that_remains {
            let amount = |remains: bool| remains.then_some("all that remains");
            let (old, new) = (amount(then.all_that_remains), amount(now.all_that_remains));
            self.words(&mut out, "(amount)", old, new);
        }
        self.losses(&mut out, &then.losses, &now.losses);
        Replayed::Compared(out)
    }

    fn losses(&self, out: &mut Compared, then: &[String], now: &[String]) {
        for loss in Loss::ALL {
            let has = |codes: &[String]| codes.iter().any(|code| code == loss.code());
            let (old, new) = (has(then), has(now));
            if old != new {
                let told = |is: bool| if is { "told" } else { "nothing" };
                let field = format!("(loss {})", loss.code());
                self.differ(out, &field, DifferenceKind::Loss, (told(old), told(new)));
            }
        }
    }

    /// Two documents, each with its status. Null is an empty body.
    fn json(&self, then: (u16, &Value), now: (u16, &Value)) -> Replayed {
        let headers = said_to_be_json();
        let bytes = |value: &Value| written((!value.is_null()).then_some(value));
        let (old, new) = (bytes(then.1), bytes(now.1));
        let answered = |status, body| Answered {
            status,
            headers: &headers,
            body,
        };
        let rules = Rules {
            ignore: self.options.ignore,
            now: self.options.now,
            ..Rules::default()
        };
        let (old, new) = (answered(then.0, &old), answered(now.0, &new));
        replayed(compare(self.operation, Way::Dry, &old, &new, &rules))
    }

    /// Two words, where they differ.
    fn words(&self, out: &mut Compared, field: &str, then: Option<&str>, now: Option<&str>) {
        let kind = match (then, now) {
            (None, None) => return,
            (Some(_), None) => DifferenceKind::Missing,
            (None, Some(_)) => DifferenceKind::Extra,
            (Some(_), Some(_)) => DifferenceKind::Value,
        };
        let shown = |word: Option<&str>| word.unwrap_or("nothing").to_owned();
        self.differ(out, field, kind, (&shown(then), &shown(now)));
    }

    fn differ(
        &self,
        out: &mut Compared,
        field: &str,
        kind: DifferenceKind,
        (then, now): (&str, &str),
    ) {
        let Some(field) = FieldPath::parse(field) else {
            return;
        };
        let is_ignored = self.options.ignore.iter().find(|rule| {
            rule.operation.is_none_or(|only| only == self.operation)
                && rule.active(self.options.now)
                && rule.path.as_str().eq_ignore_ascii_case(field.as_str())
        });
        if let Some(rule) = is_ignored {
            let path = rule.path.as_str().to_owned();
            *out.ignored.entry(path).or_default() += 1;
            return;
        }
        out.differences.push(Difference {
            field,
            kind,
            control: then.to_owned(),
            candidate: now.to_owned(),
        });
    }
}
