//! What came of asking the shadow upstream, and a use case's answer as the merchant would have seen it.
//!
//! Must not: take for an answer what only says that there is none.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue};

use crate::ecom::error::Failure;
use crate::payments::Answer;
use crate::shadow::offer::Seen;
use crate::translate::loss::Loss;
use crate::upstream::{RawReply, SendFailure};

/// What came of it.
pub(super) enum Asked {
    /// An answer, and what the translation told as lost.
    Answered(Box<Seen>, Vec<Loss>),
    /// The token was refused, and nothing was done.
    Unauthorized,
    /// There is nothing to ask, for this reason.
    Filtered(&'static str),
    /// No answer, for this reason; it may have been done.
    Failed(&'static str),
}

impl Asked {
    /// eCom's own answer, or another's that passes unchanged.
    pub(super) fn raw(raw: RawReply) -> Self {
        match raw.status {
            401 => Self::Unauthorized,
            408 | 429 => Self::Failed("limited"),
            502..=504 => Self::Failed("server-error"),
            _ => Self::Answered(Box::new(as_it_came(raw)), Vec::new()),
        }
    }

    /// A use case's answer; where it only tells that there was none, there is none.
    pub(super) fn told(answer: Answer, losses: Vec<Loss>) -> Self {
        match answer {
            Answer::Failure(failure, _) if failure.status >= 502 => Self::Failed("no-answer"),
            Answer::Raw(raw) => Self::raw(raw),
            other => Self::Answered(Box::new(seen(other)), losses),
        }
    }

    /// A refusal of the bridge's own.
    pub(super) fn refused(failure: Failure) -> Self {
        Self::Answered(Box::new(seen(failure.into())), Vec::new())
    }
}

/// Why there is no answer.
pub(super) const fn why(failure: &SendFailure) -> &'static str {
    match failure {
        SendFailure::NotSent(_) => "unreachable",
        SendFailure::MaybeSent(_) | SendFailure::Unreadable { .. } => "no-answer",
        SendFailure::OfAnother => "another-payment",
    }
}

/// The answer as it would have gone out.
pub(super) fn seen(answer: Answer) -> Seen {
    let json = |status, body: Vec<u8>| Seen {
        status,
        headers: HeaderMap::from_iter([(
            CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        )]),
        body: Bytes::from(body),
    };
    match answer {
        Answer::Json(body) => json(200, body),
        Answer::Failure(failure, retry_after) => {
            let body = serde_json::to_vec(&failure.body("shadow"));
            let mut seen = json(failure.status, body.unwrap_or_else(|_| b"[]".to_vec()));
            if let Some(after) = retry_after {
                seen.headers.insert(RETRY_AFTER, after);
            }
            seen
        }
        Answer::Raw(raw) => as_it_came(raw),
    }
}

fn as_it_came(mut raw: RawReply) -> Seen {
    raw.headers.remove(CONTENT_LENGTH);
    Seen {
        status: raw.status,
        headers: raw.headers,
        body: raw.body,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecom::error::Code;

    #[test]
    fn an_answer_is_shown_as_it_would_go_out() {
        let shown = seen(Answer::Json(b"{}".to_vec()));
        assert_eq!((shown.status, &shown.body[..]), (200, &b"{}"[..]));
        let after = HeaderValue::from_static("1");
        let failure = Failure::code(Code::Payment61);
        let shown = seen(Answer::Failure(failure, Some(after)));
        assert_eq!(shown.status, 400);
        assert!(shown.headers.contains_key(RETRY_AFTER));
        let body: serde_json::Value = serde_json::from_slice(&shown.body).unwrap();
        assert_eq!(body[0]["errorCode"], "61");
    }

    #[test]
    fn what_says_that_there_is_no_answer_is_none() {
        let raw = |status| RawReply {
            status,
            headers: HeaderMap::new(),
            body: Bytes::new(),
        };
        assert!(matches!(Asked::raw(raw(401)), Asked::Unauthorized));
        assert!(matches!(Asked::raw(raw(429)), Asked::Failed("limited")));
        assert!(matches!(Asked::raw(raw(503)), Asked::Failed(_)));
        assert!(matches!(Asked::raw(raw(500)), Asked::Answered(..)));
        let unknown = Answer::from(Failure::unknown("x"));
        assert!(matches!(Asked::told(unknown, vec![]), Asked::Failed(_)));
        let refused = Answer::from(Failure::code(Code::Vipps94));
        assert!(matches!(Asked::told(refused, vec![]), Asked::Answered(..)));
    }
}
