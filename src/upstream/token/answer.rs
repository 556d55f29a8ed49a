//! What the access token endpoint grants.
//!
//! Must not: show the token.

use std::time::Duration;

use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

/// What the endpoint answers.
#[derive(Deserialize)]
pub(in crate::upstream) struct Answer {
    access_token: SecretString,
    /// Seconds, as a text or a number.
    #[serde(default)]
    expires_in: serde_json::Value,
}

impl Answer {
    /// `Authorization` with the token; none where it is empty or has what would not be sent as it stands there: the
    /// header that upstream refuses could not be told from the one that is kept.
    pub(in crate::upstream) fn authorization(&self) -> Option<HeaderValue> {
        let token = self.access_token.expose_secret();
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        let mut value = HeaderValue::from_str(&format!("Bearer {token}")).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// How long the token is good for, where it says so.
    pub(in crate::upstream) fn expires_in(&self) -> Option<Duration> {
        let seconds = match &self.expires_in {
            serde_json::Value::String(text) => text.trim().parse().ok(),
            other => other.as_u64(),
        };
        seconds.map(Duration::from_secs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authorization(token: &str) -> Option<HeaderValue> {
        let body = serde_json::json!({"access_token": token}).to_string();
        let answer: Answer = serde_json::from_str(&body).unwrap();
        answer.authorization()
    }

    #[test]
    fn only_what_is_sent_as_it_was_granted_is_a_token() {
        assert_eq!(
            authorization("eyJ.a-b_c~d+e/f==").unwrap(),
            "Bearer eyJ.a-b_c~d+e/f=="
        );
        for token in ["", " ", " eyJ", "eyJ ", "e J", "e\tJ", "e\nJ", "\u{e6}"] {
            assert_eq!(authorization(token), None, "{token:?}");
        }
    }
}
