//! A webhook: the line of `Authorization`, the line of the hash, then the body.

use crate::epayment::event::WebhookEvent;
use crate::epayment::signature::{SignatureHeaders, Signed, sign, verify};
use crate::translate::callback::{ending_key, reaction};
use crate::types::IdempotencyKey;

const SECRET: &str = "a secret that no input knows";

/// No signature is right but the right one, over every byte; an event that is read is written as it was.
pub fn run(data: &[u8]) {
    let mut lines = data.splitn(3, |byte| *byte == b'\n');
    let (authorization, hash) = (lines.next().unwrap_or(b""), lines.next().unwrap_or(b""));
    let body = lines.next().unwrap_or(data);
    let signed = Signed {
        path_and_query: "/webhooks/123456",
        host: "bridge.example",
        date: "Thu, 30 Mar 2023 08:38:32 GMT",
        body,
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let headers = SignatureHeaders {
        authorization: text(authorization),
        content_sha256: text(hash),
    };
    assert!(!verify(&signed, &headers, SECRET));
    let right = sign(&signed, SECRET);
    assert!(verify(&signed, &right, SECRET));
    let half = SignatureHeaders {
        authorization: right.authorization.clone(),
        ..headers
    };
    assert_eq!(verify(&signed, &half, SECRET), half == right);
    if let Some((first, rest)) = body.split_first() {
        let altered = [&[first ^ 1], rest].concat();
        let altered = Signed { body: &altered, ..signed };
        assert!(!verify(&altered, &right, SECRET));
    }
    let Ok(read) = serde_json::from_slice::<WebhookEvent>(body) else {
        return;
    };
    let written = serde_json::to_vec(&read).expect("an event is JSON");
    let again: WebhookEvent = serde_json::from_slice(&written).expect("and reads back");
    assert_eq!(again, read);
    for (direct, ended) in [(false, false), (true, false), (false, true)] {
        let _any = reaction(&read.event, direct, ended);
    }
    let key = ending_key(&read.msn, &read.event.reference);
    assert!(IdempotencyKey::parse(key.as_str()).is_some());
}
