//! Typed calls to ePayment over one shared connection pool.
//!
//! One method sends once: retries are decided by `payments`, which knows the key. Answers are read to a small bound.
//! Must not: follow a redirect, retry, or treat a media type as meaning anything (success is decided by status).

use std::time::{Duration, Instant};

use bytes::BytesMut;
use http::{HeaderValue, Method};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Budget, Credentials, RawReply, Reply, SendFailure, Spent};
use crate::epayment::event::PaymentEvent;
use crate::epayment::model::{
    CreatePayment, Created, ForceApprove, Modification, Modified, Payment,
};
use crate::epayment::problem::Problem;
use crate::types::{IdempotencyKey, MoneyOp, Reference};

/// No answer of ePayment is larger.
const ANSWER_MAX: usize = 1 << 20;

/// The client.
#[derive(Clone, Debug)]
pub struct Epayment {
    http: reqwest::Client,
    base: String,
}

/// Who calls, how long, and where the time is noted.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The merchant's own.
    pub credentials: &'a Credentials,
    /// The time there is.
    pub budget: Budget,
    /// Where the time is noted.
    pub spent: &'a Spent,
}

/// What came of one sending.
pub type Sent<T> = Result<Reply<T>, SendFailure>;

impl Epayment {
    /// A client for the API at `base_url` (scheme and host, perhaps a path).
    ///
    /// # Errors
    /// When the TLS set-up of the machine can't be used.
    pub fn new(base_url: &str, connect_timeout: Duration) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .connect_timeout(connect_timeout)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .tcp_nodelay(true)
            .pool_idle_timeout(Duration::from_secs(50))
            .user_agent(concat!("ecom-bridge/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self {
            http,
            base: base_url.trim_end_matches('/').to_owned(),
        })
    }

    /// `POST /epayment/v1/payments`
    pub async fn create(
        &self,
        call: Call<'_>,
        body: &CreatePayment,
        key: &IdempotencyKey,
    ) -> Sent<Created> {
        self.send(
            call,
            Method::POST,
            "/epayment/v1/payments".to_owned(),
            Some(key),
            Some(body),
        )
        .await
    }

    /// `GET …/{reference}`
    pub async fn get(&self, call: Call<'_>, reference: &Reference) -> Sent<Payment> {
        self.send(
            call,
            Method::GET,
            format!("/epayment/v1/payments/{reference}"),
            None,
            None::<&()>,
        )
        .await
    }

    /// `GET …/{reference}/events`
    pub async fn events(&self, call: Call<'_>, reference: &Reference) -> Sent<Vec<PaymentEvent>> {
        self.send(
            call,
            Method::GET,
            format!("/epayment/v1/payments/{reference}/events"),
            None,
            None::<&()>,
        )
        .await
    }

    /// `POST …/{reference}/capture`, `/cancel` or `/refund`; a cancel has no body.
    pub async fn adjust(
        &self,
        call: Call<'_>,
        op: MoneyOp,
        reference: &Reference,
        body: Option<&Modification>,
        key: &IdempotencyKey,
    ) -> Sent<Modified> {
        let path = format!("/epayment/v1/payments/{reference}/{}", op.word());
        self.send(call, Method::POST, path, Some(key), body).await
    }

    /// `POST /epayment/v1/test/payments/{reference}/approve`
    pub async fn approve(
        &self,
        call: Call<'_>,
        reference: &Reference,
        body: &ForceApprove,
    ) -> Sent<()> {
        let path = format!("/epayment/v1/test/payments/{reference}/approve");
        match self
            .exchange(call, Method::POST, path, None, Some(body))
            .await?
        {
            raw if (200..300).contains(&raw.status) => Ok(Reply::Done(())),
            raw => Ok(refusal(raw)),
        }
    }

    /// `GET /vipps-userinfo-api/userinfo/{sub}`
    pub async fn userinfo(
        &self,
        call: Call<'_>,
        sub: &str,
    ) -> Sent<crate::epayment::model::UserDetails> {
        let sub = percent_encoding::utf8_percent_encode(sub, percent_encoding::NON_ALPHANUMERIC);
        self.send(
            call,
            Method::GET,
            format!("/vipps-userinfo-api/userinfo/{sub}"),
            None,
            None::<&()>,
        )
        .await
    }

    async fn send<T: DeserializeOwned>(
        &self,
        call: Call<'_>,
        method: Method,
        path: String,
        key: Option<&IdempotencyKey>,
        body: Option<&impl Serialize>,
    ) -> Sent<T> {
        let raw = self.exchange(call, method, path, key, body).await?;
        if !(200..300).contains(&raw.status) {
            return Ok(refusal(raw));
        }
        serde_json::from_slice(&raw.body)
            .map(Reply::Done)
            .map_err(|error| SendFailure::Unreadable {
                status: raw.status,
                why: place_of(&error),
            })
    }

    async fn exchange(
        &self,
        call: Call<'_>,
        method: Method,
        path: String,
        key: Option<&IdempotencyKey>,
        body: Option<&impl Serialize>,
    ) -> Result<RawReply, SendFailure> {
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.base))
            .headers(call.credentials.headers());
        if let Some(key) = key {
            request = request.header("idempotency-key", key.as_str());
        }
        if let Some(body) = body {
            let json = serde_json::to_vec(body)
                .map_err(|error| SendFailure::NotSent(error.to_string()))?;
            request = request
                .header(
                    http::header::CONTENT_TYPE,
                    HeaderValue::from_static("application/json"),
                )
                .body(json);
        }
        let began = Instant::now();
        let allowed = call.budget.next_call();
        let outcome = tokio::time::timeout(allowed, receive(request)).await;
        call.spent.add(began.elapsed());
        outcome.unwrap_or_else(|_| {
            Err(SendFailure::MaybeSent(format!(
                "nothing within {} ms",
                allowed.as_millis()
            )))
        })
    }
}

async fn receive(request: reqwest::RequestBuilder) -> Result<RawReply, SendFailure> {
    let mut response = request.send().await.map_err(|error| {
        let text = plain(&error);
        if error.is_connect() || error.is_builder() {
            SendFailure::NotSent(text)
        } else {
            SendFailure::MaybeSent(text)
        }
    })?;
    let status = response.status().as_u16();
    let headers = std::mem::take(response.headers_mut());
    let mut body = BytesMut::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| SendFailure::MaybeSent(plain(&error)))?
    {
        if body.len() + chunk.len() > ANSWER_MAX {
            return Err(SendFailure::Unreadable {
                status,
                why: "longer than 1 MiB".to_owned(),
            });
        }
        if body.is_empty() && response.content_length() == Some(chunk.len() as u64) {
            return Ok(RawReply {
                status,
                headers,
                body: chunk,
            });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(RawReply {
        status,
        headers,
        body: body.freeze(),
    })
}

fn refusal<T>(raw: RawReply) -> Reply<T> {
    match Problem::read(&raw.body) {
        Some(problem) => Reply::Problem {
            status: raw.status,
            problem: Box::new(problem),
            retry_after: raw.headers.get(http::header::RETRY_AFTER).cloned(),
        },
        None if matches!(raw.status, 401 | 403 | 422 | 429) => Reply::Gateway(raw),
        None => Reply::Other(raw.status),
    }
}

/// Where reading ended, without the text it ended on: a body may hold personal data.
fn place_of(error: &serde_json::Error) -> String {
    format!(
        "{:?} at line {} column {}",
        error.classify(),
        error.line(),
        error.column()
    )
}

/// The chain of causes, without the address (it holds the order id).
fn plain(error: &reqwest::Error) -> String {
    let mut text = String::new();
    let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(error);
    while let Some(error) = cause {
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&error.to_string());
        cause = error.source();
    }
    if text.is_empty() {
        "the exchange failed".to_owned()
    } else {
        text
    }
}
