//! Answers held against each other: what is found, what is the same, what is refused.

mod planted;
mod rules;
mod same_again;
mod wild;
mod world;

use http::{HeaderMap, HeaderValue};
use serde_json::Value;

use super::*;

/// An answer of eCom's: status, headers, body.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn new(status: u16, body: &Value) -> Self {
        Self {
            status,
            headers: HeaderMap::from_iter([(
                CONTENT_TYPE,
                HeaderValue::from_static("application/json"),
            )]),
            body: body.to_string().into_bytes(),
        }
    }

    pub(super) fn raw(body: &[u8]) -> Self {
        let mut answer = Self::new(200, &Value::Null);
        answer.body = body.to_vec();
        answer
    }

    pub(super) fn as_answered(&self) -> Answered<'_> {
        Answered {
            status: self.status,
            headers: &self.headers,
            body: &self.body,
        }
    }
}

/// Compares as `read` does, with nothing known besides.
pub(super) fn read(operation: Operation, control: &Answer, candidate: &Answer) -> Compared {
    compare(
        operation,
        Way::Read,
        &control.as_answered(),
        &candidate.as_answered(),
        &Rules::default(),
    )
    .expect("comparable")
}

/// `kind field`, in order.
pub(super) fn told(compared: &Compared) -> Vec<String> {
    compared
        .differences
        .iter()
        .map(|d| format!("{} {}", d.kind.word(), d.field))
        .collect()
}
