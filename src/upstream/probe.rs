//! Questions that change nothing, for `doctor`: does upstream answer, what time is it there, does it take these keys.
//!
//! Must not: keep or show a token beyond what its caller does with the credentials.

use std::time::Duration;

use http::HeaderValue;
use secrecy::ExposeSecret;

use super::client::client;
use super::token::{self, UnitKeys};
use super::whole::{Unread, whole};
use super::{ClientError, Credentials};
use crate::types::{Clock, Moment, Msn, Reading};

/// For one question.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks.
#[derive(Clone, Debug)]
pub struct Probe {
    http: reqwest::Client,
    url: String,
}

/// What upstream said, without its body.
#[derive(Clone, Debug)]
pub struct Told {
    /// The HTTP status.
    pub status: u16,
    /// Its clock, where the answer has a fresh `Date`.
    pub clock: Option<Reading>,
}

/// A granted token.
#[derive(Clone, Debug)]
pub struct Granted {
    /// Whoever holds them may act for the unit.
    pub credentials: Credentials,
    /// How long the token is good for, as upstream says.
    pub expires_in: Option<Duration>,
}

/// Why there was no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Silence {
    /// No connection: what the system says.
    NotConnected(String),
    /// A connection, and nothing or nothing whole on it.
    NoAnswer(String),
    /// Success, but no token in it.
    Unreadable,
}

impl Probe {
    /// Questions to the host at `base_url`.
    ///
    /// # Errors
    /// When the TLS set-up of the machine can't be used.
    pub fn new(base_url: &str, connect_timeout: Duration) -> Result<Self, ClientError> {
        Ok(Self {
            http: client(connect_timeout)?,
            url: token::url(base_url),
        })
    }

    /// Asks for a token without keys: what is expected is 401.
    ///
    /// # Errors
    /// Where there was no answer.
    pub async fn knock(&self, clock: &dyn Clock) -> Result<Told, Silence> {
        let request = self
            .http
            .post(&self.url)
            .header(http::header::CONTENT_LENGTH, 0);
        let (told, _) = ask(request, clock).await?;
        Ok(told)
    }

    /// Asks for a token with a unit's keys; `None` for what was granted where they were refused.
    ///
    /// # Errors
    /// Where there was no usable answer.
    pub async fn token(
        &self,
        msn: &Msn,
        keys: &UnitKeys,
        clock: &dyn Clock,
    ) -> Result<(Told, Option<Granted>), Silence> {
        let (told, answer) = ask(token::request(&self.http, &self.url, keys), clock).await?;
        if !(200..300).contains(&told.status) {
            return Ok((told, None));
        }
        let body = whole(answer, token::ANSWER_MAX)
            .await
            .map_err(|unread| match unread {
                Unread::TooLong => Silence::Unreadable,
                Unread::Broken(error) => silence(&error),
            })?;
        let answer: token::Answer =
            serde_json::from_slice(&body).map_err(|_| Silence::Unreadable)?;
        let authorization = answer.authorization().ok_or(Silence::Unreadable)?;
        let mut headers = http::HeaderMap::with_capacity(2);
        headers.insert(http::header::AUTHORIZATION, authorization);
        if let Ok(key) = HeaderValue::from_str(keys.subscription_key.expose_secret()) {
            headers.insert(super::SUBSCRIPTION_KEY, key);
        }
        let granted = Granted {
            credentials: Credentials::of(&headers, Some(msn.clone())),
            expires_in: answer.expires_in(),
        };
        Ok((told, Some(granted)))
    }
}

async fn ask(
    request: reqwest::RequestBuilder,
    clock: &dyn Clock,
) -> Result<(Told, reqwest::Response), Silence> {
    let before = clock.now();
    let answer = request
        .timeout(PATIENCE)
        .send()
        .await
        .map_err(|error| silence(&error))?;
    let after = clock.now();
    let header = |name| answer.headers().get(name)?.to_str().ok();
    // A cache between has kept the date, too.
    let is_fresh = header(http::header::AGE).is_none_or(|age| age.trim() == "0");
    let theirs = header(http::header::DATE)
        .and_then(Moment::parse_http)
        .filter(|_| is_fresh);
    let told = Told {
        status: answer.status().as_u16(),
        clock: theirs.map(|theirs| Reading {
            before,
            theirs,
            after,
            step: Duration::from_secs(1),
        }),
    };
    Ok((told, answer))
}

fn silence(error: &reqwest::Error) -> Silence {
    let told = innermost(error);
    if error.is_connect() {
        Silence::NotConnected(told)
    } else if error.is_timeout() {
        Silence::NoAnswer(format!("no answer within {} s", PATIENCE.as_secs()))
    } else {
        Silence::NoAnswer(told)
    }
}

/// The reason at the bottom: those above it say "error sending request" and quote the address.
#[must_use]
pub fn innermost(error: &dyn std::error::Error) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}
