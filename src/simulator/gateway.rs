//! What stands in front of all APIs: subscription keys, access tokens, and who owns which sales unit.
//!
//! Source: access token API and eCom's `ErrorFromAzure`. Tokens expire by the simulator's clock. Must not: log a secret.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::json;

use super::answer::{Answer, Asked};
use crate::types::{Moment, Msn};

/// One merchant's keys and units.
#[derive(Clone, PartialEq, Eq)]
pub struct Client {
    /// `client_id`
    pub client_id: String,
    /// `client_secret`
    pub client_secret: String,
    /// `Ocp-Apim-Subscription-Key`
    pub subscription_key: String,
    /// The sales units that these keys may act for.
    pub units: Vec<Msn>,
}

impl Client {
    /// A client with these units; what is no MSN is left out.
    #[must_use]
    pub fn new(client_id: &str, client_secret: &str, key: &str, units: &[&str]) -> Self {
        Self {
            client_id: client_id.to_owned(),
            client_secret: client_secret.to_owned(),
            subscription_key: key.to_owned(),
            units: units.iter().filter_map(|u| Msn::parse(u)).collect(),
        }
    }

    /// Whether these keys may act for the unit.
    #[must_use]
    pub fn owns(&self, msn: &str) -> bool {
        self.units.iter().any(|u| u.as_str() == msn)
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("client_id", &self.client_id)
            .field("units", &self.units)
            .finish_non_exhaustive()
    }
}

struct Token {
    client: usize,
    expires: Moment,
}

/// Keys and tokens.
pub(super) struct Gateway {
    clients: Vec<Client>,
    tokens: HashMap<String, Token>,
}

impl Gateway {
    pub(super) fn new(clients: Vec<Client>) -> Self {
        Self {
            clients,
            tokens: HashMap::new(),
        }
    }

    pub(super) fn clients(&self) -> &[Client] {
        &self.clients
    }

    pub(super) fn expire_tokens(&mut self) {
        self.tokens.clear();
    }

    /// A token for a client; `token` is its text.
    pub(super) fn issue(&mut self, key: &str, token: &str, now: Moment, seconds: u64) -> bool {
        let Some(client) = self.clients.iter().position(|c| c.subscription_key == key) else {
            return false;
        };
        self.tokens.retain(|_, t| t.expires > now);
        let expires = now.plus(Duration::from_secs(seconds));
        self.tokens
            .insert(token.to_owned(), Token { client, expires });
        true
    }

    /// `POST /accesstoken/get`.
    pub(super) fn token(
        &mut self,
        asked: &Asked,
        token: &str,
        now: Moment,
        seconds: u64,
    ) -> Answer {
        let header = |name| asked.header(name).unwrap_or_default();
        let key = header("ocp-apim-subscription-key");
        if !self.clients.iter().any(|c| c.subscription_key == key) {
            return no_key(key.is_empty());
        }
        let (id, secret) = (header("client_id"), header("client_secret"));
        let known = self
            .clients
            .iter()
            .any(|c| c.subscription_key == key && c.client_id == id && c.client_secret == secret);
        if !known {
            return azure(401, "client_id and client_secret are not known here");
        }
        self.issue(key, token, now, seconds);
        let at = now.millis().div_euclid(1_000);
        let until = now
            .plus(Duration::from_secs(seconds))
            .millis()
            .div_euclid(1_000);
        Answer::json(
            200,
            &json!({
                "token_type": "Bearer",
                "expires_in": seconds.to_string(),
                "ext_expires_in": seconds.to_string(),
                "expires_on": until.to_string(),
                "not_before": at.to_string(),
                "resource": "00000002-0000-0000-c000-000000000000",
                "access_token": token,
            }),
        )
    }

    /// The client behind key and token.
    pub(super) fn admit(
        &self,
        asked: &Asked,
        now: Moment,
        bearer: bool,
    ) -> Result<&Client, Answer> {
        let key = asked
            .header("ocp-apim-subscription-key")
            .unwrap_or_default();
        let known = self.clients.iter().any(|c| c.subscription_key == key);
        if !known {
            return Err(no_key(key.is_empty()));
        }
        let client = self.bearer(asked, now, bearer)?;
        if client.subscription_key == key {
            Ok(client)
        } else {
            Err(azure(
                401,
                "The token was issued for another subscription key",
            ))
        }
    }

    /// The client behind a token alone.
    pub(super) fn bearer(
        &self,
        asked: &Asked,
        now: Moment,
        required: bool,
    ) -> Result<&Client, Answer> {
        let text = asked.header("authorization").unwrap_or_default();
        let token = match text.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
            None if !required => text,
            _ => return Err(azure(401, "A bearer token is required")),
        };
        let found = self.tokens.get(token).filter(|t| t.expires > now);
        found
            .and_then(|t| self.clients.get(t.client))
            .ok_or_else(|| azure(401, "The access token is not valid or has expired"))
    }
}

/// The gateway's own shape.
pub(super) fn plain(status: u16, message: &str) -> Answer {
    Answer::json(status, &json!({"statusCode": status, "message": message}))
}

fn no_key(missing: bool) -> Answer {
    plain(
        401,
        if missing {
            "Access denied due to missing subscription key. Send one with the request."
        } else {
            "Access denied due to invalid subscription key. It is not one of this simulator's."
        },
    )
}

/// The shape of errors from Azure.
pub(super) fn azure(status: u16, message: &str) -> Answer {
    let words = http::StatusCode::from_u16(status)
        .ok()
        .and_then(|s| s.canonical_reason());
    Answer::json(
        status,
        &json!({
            "responseInfo": {"responseCode": status, "responseMessage": words},
            "result": {"message": message},
        }),
    )
}
