//! Faults on demand: which requests they hit, and what they do to the answer.
//!
//! A path pattern with `*` must match the whole target, one without is looked for inside it; letter case does not matter.
//! The first fault that matches and is not used up hits. Must not: touch a socket (`server` plays what is decided here).

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answer::Answer;
use super::wire::Step;

/// What happens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Action {
    /// Another answer; `processed` says whether the request is carried out first.
    Status {
        /// The HTTP status.
        status: u16,
        /// The body, `{}` where none is given.
        #[serde(default)]
        body: Option<String>,
        /// Such as `Retry-After`.
        #[serde(default)]
        headers: Vec<(String, String)>,
        /// Carried out before.
        #[serde(default)]
        processed: bool,
    },
    /// A wait before or after the request is carried out.
    Delay {
        /// Milliseconds before.
        #[serde(default)]
        before_ms: u64,
        /// Milliseconds between doing it and answering.
        #[serde(default)]
        after_ms: u64,
    },
    /// No answer, ever; the connection stays open.
    Hang {
        /// Carried out before.
        #[serde(default)]
        processed: bool,
    },
    /// A reset; nothing was done.
    ResetBefore,
    /// A reset; all was done.
    ResetAfter,
    /// The connection ends; nothing was done.
    CloseBefore,
    /// The connection ends; all was done.
    CloseAfter,
    /// The answer ends after so many bytes, with the whole length promised.
    Truncate {
        /// How many bytes arrive.
        bytes: usize,
        /// Counted from the first byte of the head, instead of the body.
        #[serde(default)]
        head: bool,
        /// With a reset instead of an end.
        #[serde(default)]
        reset: bool,
    },
    /// 200 with a body that is no JSON.
    Malformed,
    /// 200 with a web page.
    Html,
    /// 200 without a body.
    Empty,
    /// 200 with another document than expected.
    Unexpected,
    /// Everything as it should be, about another reference.
    WrongReference,
    /// Everything as it should be, one minor unit more.
    WrongAmount,
    /// Everything as it should be, in another currency.
    WrongCurrency,
    /// A few bytes at a time.
    SlowDrip {
        /// Bytes per interval.
        bytes: usize,
        /// Milliseconds.
        interval_ms: u64,
    },
    /// A chunked body whose second chunk has no size.
    BadChunk,
    /// A `Content-Length` that is not the body's.
    WrongLength {
        /// What is promised.
        length: usize,
    },
    /// Says gzip, is none.
    BrokenGzip,
}

impl Action {
    /// Whether the request is carried out although the answer is spoilt.
    pub(super) const fn processes(&self) -> bool {
        match self {
            Self::Status { processed, .. } | Self::Hang { processed } => *processed,
            Self::ResetBefore | Self::CloseBefore => false,
            _ => true,
        }
    }

    fn word(&self) -> String {
        let shown = serde_json::to_value(self).unwrap_or_default();
        shown
            .get("kind")
            .and_then(Value::as_str)
            .unwrap_or("fault")
            .to_owned()
    }
}

/// A fault and the requests it is meant for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Its number; given by the simulator.
    #[serde(default)]
    pub id: u64,
    /// Only this method.
    #[serde(default)]
    pub method: Option<String>,
    /// Only these targets.
    #[serde(default)]
    pub path: Option<String>,
    /// How often; none for always.
    #[serde(default = "once")]
    pub count: Option<u64>,
    /// How many matching requests it lets pass first.
    #[serde(default)]
    pub skip: u64,
    /// After that, only each n-th matching request.
    #[serde(default)]
    pub every: Option<u64>,
    /// What happens.
    pub action: Action,
    /// Matching requests so far.
    #[serde(default)]
    pub seen: u64,
    /// Requests hit so far.
    #[serde(default)]
    pub applied: u64,
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "the default of an optional member"
)]
const fn once() -> Option<u64> {
    Some(1)
}

impl Fault {
    /// A fault for the next request whose target matches.
    #[must_use]
    pub fn once(path: &str, action: Action) -> Self {
        Self {
            id: 0,
            method: None,
            path: Some(path.to_owned()),
            count: Some(1),
            skip: 0,
            every: None,
            action,
            seen: 0,
            applied: 0,
        }
    }

    /// A fault for every request whose target matches.
    #[must_use]
    pub fn always(path: &str, action: Action) -> Self {
        Self {
            count: None,
            ..Self::once(path, action)
        }
    }

    /// Only for this method.
    #[must_use]
    pub fn on(mut self, method: &str) -> Self {
        self.method = Some(method.to_owned());
        self
    }

    /// Only so often.
    #[must_use]
    pub const fn times(mut self, count: u64) -> Self {
        self.count = Some(count);
        self
    }

    /// Only after so many.
    #[must_use]
    pub const fn after(mut self, skip: u64) -> Self {
        self.skip = skip;
        self
    }

    fn matches(&self, method: &str, target: &str) -> bool {
        let method_fits = self
            .method
            .as_ref()
            .is_none_or(|m| m.eq_ignore_ascii_case(method));
        method_fits
            && self
                .path
                .as_ref()
                .is_none_or(|p| matches(&p.to_lowercase(), &target.to_lowercase()))
    }

    fn hit(&mut self) -> bool {
        self.seen += 1;
        let nth = self.seen.saturating_sub(self.skip);
        let turn = nth > 0 && self.every.is_none_or(|n| n > 0 && nth.is_multiple_of(n));
        let left = self.count.is_none_or(|count| self.applied < count);
        if turn && left {
            self.applied += 1;
        }
        turn && left
    }
}

/// All faults that were asked for.
#[derive(Debug, Default)]
pub(super) struct Faults {
    all: Vec<Fault>,
    serial: u64,
}

impl Faults {
    pub(super) fn add(&mut self, mut fault: Fault) -> u64 {
        self.serial += 1;
        fault.id = self.serial;
        fault.seen = 0;
        fault.applied = 0;
        self.all.push(fault);
        self.serial
    }

    pub(super) fn clear(&mut self) {
        self.all.clear();
    }

    pub(super) fn list(&self) -> Vec<Fault> {
        self.all.clone()
    }

    /// What hits this request, and its word for the record.
    pub(super) fn pick(&mut self, method: &str, target: &str) -> Option<(Action, String)> {
        let mut matching = self.all.iter_mut().filter(|f| f.matches(method, target));
        let fault = matching.find_map(|f| f.hit().then_some(f))?;
        Some((fault.action.clone(), fault.action.word()))
    }
}

/// Whether a pattern fits a text.
fn matches(pattern: &str, text: &str) -> bool {
    if !pattern.contains('*') {
        return text.contains(pattern);
    }
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

/// How an answer leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Out {
    /// As hyper sends answers.
    Plain(Answer),
    /// Byte by byte.
    Scripted(Vec<Step>),
    /// Not at all.
    Never,
}

/// What becomes of the answer to a request (none where the request was not carried out).
pub(super) fn spoil(action: &Action, answer: Option<Answer>) -> Out {
    let answer = answer.unwrap_or_else(|| Answer::json(200, &json!({})));
    let media = "application/json";
    match action {
        Action::Status {
            status,
            body,
            headers,
            ..
        } => {
            let body = body.clone().unwrap_or_else(|| "{}".to_owned());
            let mut other = Answer::text(*status, media, body);
            for (name, value) in headers {
                other
                    .headers
                    .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
                other.headers.push((name.clone(), value.clone()));
            }
            Out::Plain(other)
        }
        Action::Delay { .. } => Out::Plain(answer),
        Action::Hang { .. } => Out::Never,
        Action::ResetBefore | Action::ResetAfter => Out::Scripted(vec![Step::Reset]),
        Action::CloseBefore | Action::CloseAfter => Out::Scripted(Vec::new()),
        Action::Truncate { bytes, head, reset } => truncate(&answer, *bytes, *head, *reset),
        Action::Malformed => Out::Plain(Answer::text(200, media, "{\"reference\": \"")),
        Action::Html => Out::Plain(Answer::text(
            200,
            "text/html",
            "<!doctype html><title>Service</title><p>Please wait",
        )),
        Action::Empty => Out::Plain(Answer::text(200, media, "")),
        Action::Unexpected => Out::Plain(Answer::text(200, media, "{\"unexpected\":[1,2,3]}")),
        Action::WrongReference | Action::WrongAmount | Action::WrongCurrency => {
            let mut body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            alter(&mut body, action);
            let body = body.to_string().into();
            Out::Plain(Answer { body, ..answer })
        }
        Action::SlowDrip { bytes, interval_ms } => {
            let all = answer.bytes();
            let pieces = all.chunks((*bytes).max(1));
            Out::Scripted(
                pieces
                    .flat_map(|piece| {
                        [
                            Step::Write(piece.to_vec()),
                            Step::Pause(Duration::from_millis(*interval_ms)),
                        ]
                    })
                    .collect(),
            )
        }
        Action::BadChunk => {
            let mut bytes = answer.head("transfer-encoding: chunked");
            bytes.extend_from_slice(b"2\r\n{\"\r\nzz\r\nno size");
            Out::Scripted(vec![Step::Write(bytes)])
        }
        Action::WrongLength { length } => {
            let mut bytes = answer.head(&format!("content-length: {length}"));
            bytes.extend_from_slice(&answer.body);
            Out::Scripted(vec![Step::Write(bytes)])
        }
        Action::BrokenGzip => {
            let mut other = Answer::text(answer.status, media, &b"\x1f\x8b\x08\x00broken"[..]);
            other
                .headers
                .push(("content-encoding".to_owned(), "gzip".to_owned()));
            Out::Plain(other)
        }
    }
}

fn truncate(answer: &Answer, bytes: usize, head: bool, reset: bool) -> Out {
    let mut all = answer.bytes();
    let before_body = all.len() - answer.body.len();
    let keep = if head { bytes } else { before_body + bytes };
    all.truncate(keep);
    let mut steps = vec![Step::Write(all)];
    if reset {
        // the peer must have the bytes before the reset throws away what it has not read
        steps.push(Step::Pause(Duration::from_millis(50)));
        steps.push(Step::Reset);
    }
    Out::Scripted(steps)
}

/// Changes every member that the action is about.
fn alter(value: &mut Value, action: &Action) {
    match value {
        Value::Array(all) => all.iter_mut().for_each(|v| alter(v, action)),
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                match action {
                    Action::WrongReference if name == "reference" || name == "orderId" => {
                        *member = json!("another-reference");
                    }
                    Action::WrongCurrency if name == "currency" => *member = json!("EUR"),
                    Action::WrongAmount if name == "value" || name.ends_with("mount") => {
                        match member.as_i64() {
                            Some(amount) => *member = json!(amount + 1),
                            None => alter(member, action),
                        }
                    }
                    _ => alter(member, action),
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_inside_or_as_a_whole() {
        for (pattern, text, fits) in [
            ("/capture", "/epayment/v1/payments/x/capture", true),
            (
                "/epayment/*/capture",
                "/epayment/v1/payments/x/capture",
                true,
            ),
            ("/epayment/*", "/ecomm/epayment/", false),
            ("*/capture", "/a/capture/b", false),
            ("/a*b*c", "/axxbyyc", true),
            ("*", "", true),
        ] {
            assert_eq!(matches(pattern, text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn a_fault_skips_counts_and_ends() {
        let mut faults = Faults::default();
        let fault = Fault::once("/x", Action::Html).times(2).after(1).on("post");
        faults.add(fault);
        let hits: Vec<bool> = (0..5)
            .map(|_| faults.pick("POST", "/X/1").is_some())
            .collect();
        assert_eq!(hits, [false, true, true, false, false]);
        assert!(faults.pick("GET", "/x").is_none());
    }

    #[test]
    fn a_cut_answer_promises_its_whole_length() {
        let answer = Answer::text(200, "application/json", "0123456789");
        let cut = spoil(
            &Action::Truncate {
                bytes: 3,
                head: false,
                reset: false,
            },
            Some(answer),
        );
        let Out::Scripted(steps) = cut else {
            panic!("scripted");
        };
        let Step::Write(bytes) = &steps[0] else {
            panic!("written");
        };
        let text = String::from_utf8(bytes.clone()).unwrap();
        assert!(text.contains("content-length: 10\r\n") && text.ends_with("\r\n\r\n012"));
    }

    #[test]
    fn an_answer_about_something_else_keeps_its_shape() {
        let answer = Answer::json(
            200,
            &json!({"reference": "a", "amount": {"value": 5, "currency": "NOK"}}),
        );
        let Out::Plain(other) = spoil(&Action::WrongAmount, Some(answer)) else {
            panic!("plain");
        };
        let body: Value = serde_json::from_slice(&other.body).unwrap();
        assert_eq!(body["amount"], json!({"value": 6, "currency": "NOK"}));
    }
}
