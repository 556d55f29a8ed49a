//! What is kept of an answer that can't be read: its form, for whoever must find out what upstream says now.
//!
//! Must not: keep a word of the body, which may hold personal data and secrets.

use http::header::CONTENT_TYPE;

use super::{RawReply, SendFailure};

/// The failure; told in the log.
pub(super) fn unreadable(
    operation: &'static str,
    raw: &RawReply,
    error: &serde_json::Error,
) -> SendFailure {
    let place = place_of(error);
    tracing::warn!(
        operation,
        status = raw.status,
        media_type = media_type(raw),
        bytes = raw.body.len(),
        form = form(&raw.body),
        place,
        "ePayment gave an answer that can't be read"
    );
    SendFailure::Unreadable {
        status: raw.status,
        why: place,
    }
}

/// Where reading ended, without the text that it ended on.
fn place_of(error: &serde_json::Error) -> String {
    format!(
        "{:?} at line {} column {}",
        error.classify(),
        error.line(),
        error.column()
    )
}

/// One of the usual ones, by its name.
fn media_type(raw: &RawReply) -> &'static str {
    let named = raw.headers.get(CONTENT_TYPE).map(|value| value.to_str());
    let Some(Ok(text)) = named else {
        return if named.is_none() { "none" } else { "other" };
    };
    match text.split(';').next().unwrap_or("").trim() {
        "application/json" => "application/json",
        "application/problem+json" => "application/problem+json",
        "text/html" => "text/html",
        "text/plain" => "text/plain",
        _ => "other",
    }
}

/// How it begins, and whether it is JSON at all.
fn form(body: &[u8]) -> &'static str {
    let begins = body.trim_ascii_start().first();
    let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok();
    match (begins, is_json) {
        (None, _) => "empty",
        (Some(b'{'), true) => "object",
        (Some(b'{'), false) => "broken object",
        (Some(b'['), true) => "array",
        (Some(b'['), false) => "broken array",
        (Some(b'<'), _) => "markup",
        (Some(_), true) => "value",
        (Some(_), false) => "text",
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue};

    use super::*;

    #[test]
    fn a7_the_form_of_an_answer_is_told_and_none_of_its_words() {
        for (body, want) in [
            ("", "empty"),
            (" \r\n", "empty"),
            (r#"{"name":"Ada"}"#, "object"),
            (r#"{"name":"Ada"#, "broken object"),
            ("[1]", "array"),
            ("[1", "broken array"),
            ("<!doctype html>", "markup"),
            ("\"Ada\"", "value"),
            ("Ada", "text"),
        ] {
            assert_eq!(form(body.as_bytes()), want, "{body}");
        }
        for (value, want) in [
            (None, "none"),
            (Some("application/json; charset=utf-8"), "application/json"),
            (Some("text/html"), "text/html"),
            (Some("ada/lovelace"), "other"),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(value) = value {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static(value));
            }
            let raw = RawReply {
                status: 200,
                headers,
                body: Bytes::new(),
            };
            assert_eq!(media_type(&raw), want);
        }
    }
}
