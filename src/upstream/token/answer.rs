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
    /// `Authorization` with the token; none where it is nothing that a header can hold.
    pub(in crate::upstream) fn authorization(&self) -> Option<HeaderValue> {
        let text = format!("Bearer {}", self.access_token.expose_secret());
        let mut value = HeaderValue::from_str(&text).ok()?;
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
