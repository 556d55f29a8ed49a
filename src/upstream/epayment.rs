//! Typed calls to ePayment over connections that each worker has for itself.
//!
//! One method sends once: retries are decided by `payments`, which knows the key. Answers are read to a small bound.
//! Must not: follow a redirect, retry, or treat a media type as meaning anything (success is decided by status).

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::breaker::{Breaker, Pass, Rules};
use super::changes::Changes;
use super::client::clients;
use super::retries::Retries;
use super::unreadable::unreadable;
use super::whole::{Unread, whole};
use super::{Budget, ClientError, Credentials, RawReply, Reply, SendFailure, Spent, Unsent};
use crate::epayment;
use crate::epayment::event::PaymentEvent;
use crate::epayment::model::{
    CreatePayment, Created, ForceApprove, Modification, Modified, Payment, Userinfo,
};
use crate::epayment::problem::Problem;
use crate::telemetry::{Api, Meters};
use crate::types::{IdempotencyKey, MoneyOp, Reference};
use crate::workers::PerWorker;

/// What a path segment can't hold as it stands (RFC 3986, unreserved characters stay).
const SEGMENT: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// What is ePayment itself.
const OWN_PATHS: &str = "/epayment/";

/// No answer of ePayment is larger.
const ANSWER_MAX: usize = 1 << 20;

/// The client.
#[derive(Clone, Debug)]
pub struct Epayment {
    http: PerWorker<reqwest::Client>,
    /// Read once: a call gives it a path of its own.
    base: reqwest::Url,
    meters: Arc<Meters>,
    changes: Changes,
    breaker: Breaker,
    retries: Retries,
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
    /// When it is no URL, or the TLS set-up of the machine can't be used.
    pub fn new(
        base_url: &str,
        connect_timeout: Duration,
        meters: Arc<Meters>,
    ) -> Result<Self, ClientError> {
        let http = clients(connect_timeout)?;
        Ok(Self {
            http,
            base: reqwest::Url::parse(base_url)
                .map_err(|error| ClientError::BaseUrl(error.to_string()))?,
            breaker: Breaker::new(Api::Epayment, Rules::OFF, Arc::clone(&meters)),
            retries: Retries::new(Api::Epayment, Arc::clone(&meters)),
            meters,
            changes: Changes::default(),
        })
    }

    /// Stands before every call of ePayment itself; off until it is given rules. User data and registrations are other
    /// APIs.
    #[must_use]
    pub const fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    /// How much may be sent again.
    #[must_use]
    pub const fn retries(&self) -> &Retries {
        &self.retries
    }

    /// What this client and its clones have changed, or seen changed.
    #[must_use]
    pub const fn changes(&self) -> &Changes {
        &self.changes
    }

    /// `POST /epayment/v1/payments`
    pub async fn create(
        &self,
        call: Call<'_>,
        body: &CreatePayment,
        key: &IdempotencyKey,
    ) -> Sent<Created> {
        let _changing = self.changes.begin(&body.reference);
        let path = "/epayment/v1/payments".to_owned();
        self.send(
            call,
            Request {
                key: Some(key),
                body: Some(body),
                ..Request::post("create", path)
            },
        )
        .await
    }

    /// `GET …/{reference}`
    pub async fn get(&self, call: Call<'_>, reference: &Reference) -> Sent<Payment> {
        let sent = self.get_only(call, reference).await;
        if let Ok(Reply::Done(payment)) = &sent {
            self.changes.payment_shown(reference, payment);
        }
        sent
    }

    /// `GET …/{reference}/events`
    pub async fn events(&self, call: Call<'_>, reference: &Reference) -> Sent<Vec<PaymentEvent>> {
        let sent = self.events_only(call, reference).await;
        if let Ok(Reply::Done(events)) = &sent {
            self.changes.log_shown(reference, events);
        }
        sent
    }

    /// The payment, for a look: its caller notes what the whole look shows.
    pub(super) async fn get_only(&self, call: Call<'_>, reference: &Reference) -> Sent<Payment> {
        let path = format!("/epayment/v1/payments/{reference}");
        let sent = self.send(call, Request::get("get", path)).await;
        self.only_of(sent, |payment: &Payment| payment.reference == *reference)
    }

    /// The log, for a look.
    pub(super) async fn events_only(
        &self,
        call: Call<'_>,
        reference: &Reference,
    ) -> Sent<Vec<PaymentEvent>> {
        let path = format!("/epayment/v1/payments/{reference}/events");
        let sent = self.send(call, Request::get("events", path)).await;
        self.only_of(sent, |events: &Vec<PaymentEvent>| {
            events.iter().all(|event| event.reference == *reference)
        })
    }

    /// What was read, where it is about the payment, or the user, that was asked for. Checked here, so that no use case can
    /// forget to.
    fn only_of<T>(&self, sent: Sent<T>, is_asked_for: impl FnOnce(&T) -> bool) -> Sent<T> {
        match sent {
            Ok(Reply::Done(read)) if !is_asked_for(&read) => {
                self.contradiction("answer to a read");
                Err(SendFailure::OfAnother)
            }
            other => other,
        }
    }

    /// Upstream said something that can't be true: counted, and loud.
    pub fn contradiction(&self, what: &'static str) {
        self.meters.upstream_error(Api::Epayment, "contradiction");
        tracing::error!(what, "ePayment contradicts the request: treated as unknown");
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
        let _changing = self.changes.begin(reference);
        let path = format!("/epayment/v1/payments/{reference}/{}", op.word());
        self.send(
            call,
            Request {
                key: Some(key),
                body,
                ..Request::post(op.word(), path)
            },
        )
        .await
    }

    /// `POST …/{reference}/cancel` with `cancelTransactionOnly`: ends an unauthorized payment, refused once it is
    /// authorized (6060).
    pub async fn end_unapproved(
        &self,
        call: Call<'_>,
        reference: &Reference,
        key: &IdempotencyKey,
    ) -> Sent<Modified> {
        let _changing = self.changes.begin(reference);
        let path = format!("/epayment/v1/payments/{reference}/cancel");
        let body = serde_json::json!({ "cancelTransactionOnly": true });
        self.send(
            call,
            Request {
                key: Some(key),
                body: Some(&body),
                ..Request::post("cancel", path)
            },
        )
        .await
    }

    /// `POST /epayment/v1/test/payments/{reference}/approve`
    pub async fn approve(
        &self,
        call: Call<'_>,
        reference: &Reference,
        body: &ForceApprove,
    ) -> Sent<()> {
        let _changing = self.changes.begin(reference);
        let path = format!("/epayment/v1/test/payments/{reference}/approve");
        match self
            .exchange(
                call,
                Request {
                    body: Some(body),
                    ..Request::post("approve", path)
                },
            )
            .await?
        {
            raw if (200..300).contains(&raw.status) => Ok(Reply::Done(())),
            raw => Ok(refusal(raw)),
        }
    }

    /// `GET /vipps-userinfo-api/userinfo/{sub}`
    pub async fn userinfo(&self, call: Call<'_>, sub: &str) -> Sent<Userinfo> {
        let encoded = percent_encoding::utf8_percent_encode(sub, SEGMENT);
        let path = format!("/vipps-userinfo-api/userinfo/{encoded}");
        let sent = self.send(call, Request::get("userinfo", path)).await;
        self.only_of(sent, |user: &Userinfo| user.may_be_of(sub))
    }

    pub(super) async fn send<T: DeserializeOwned>(
        &self,
        call: Call<'_>,
        request: Request<'_, impl Serialize>,
    ) -> Sent<T> {
        let operation = request.operation;
        let (raw, pass) = self.ask(call, request).await?;
        if !(200..300).contains(&raw.status) {
            judge(pass, raw.status);
            return Ok(refusal(raw));
        }
        match epayment::read(&raw.body) {
            Ok(read) => {
                judge(pass, raw.status);
                Ok(Reply::Done(read))
            }
            Err(error) => {
                if let Some(pass) = pass {
                    pass.failed();
                }
                Err(unreadable(operation, &raw, &error))
            }
        }
    }

    pub(super) async fn exchange(
        &self,
        call: Call<'_>,
        request: Request<'_, impl Serialize>,
    ) -> Result<RawReply, SendFailure> {
        let (raw, pass) = self.ask(call, request).await?;
        judge(pass, raw.status);
        Ok(raw)
    }

    /// One sending, and what the breaker must still be told of its answer.
    async fn ask(
        &self,
        call: Call<'_>,
        request: Request<'_, impl Serialize>,
    ) -> Result<(RawReply, Option<Pass>), SendFailure> {
        let unfit = |why: String| SendFailure::NotSent(Unsent::NoConnection(why));
        if request.method != Method::GET {
            let begun = call.spent.begin_change(call.budget);
            begun.map_err(SendFailure::NotSent)?;
        }
        let guarded = request.path.starts_with(OWN_PATHS);
        let mut address = self.base.clone();
        let prefix = self.base.path().trim_end_matches('/');
        address.set_path(&format!("{prefix}{}", request.path));
        let mut sending = self
            .http
            .here()
            .request(request.method, address)
            .headers(call.credentials.headers());
        if let Some(key) = request.key {
            sending = sending.header("idempotency-key", key.as_str());
        }
        if let Some(body) = request.body {
            let json = serde_json::to_vec(body).map_err(|error| unfit(error.to_string()))?;
            sending = sending
                .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
                .body(json);
        }
        let sending = sending.build().map_err(|error| unfit(plain(&error)))?;
        let pass = guarded.then(|| self.breaker.enter()).transpose();
        let pass = pass.map_err(SendFailure::NotSent)?;
        let began = Instant::now();
        let allowed = call.budget.next_call();
        let outcome = tokio::time::timeout(allowed, receive(self.http.here(), sending)).await;
        let took = began.elapsed();
        call.spent.add(took);
        self.meters
            .upstream(Api::Epayment, request.operation, took.as_secs_f64());
        let silent =
            || SendFailure::MaybeSent(format!("nothing within {} ms", allowed.as_millis()));
        let in_time = outcome.is_ok();
        match (outcome.unwrap_or_else(|_| Err(silent())), pass) {
            (Ok(raw), pass) => Ok((raw, pass)),
            (Err(failure), pass) => {
                if let Some(pass) = pass
                    && (in_time || call.budget.is_fair(allowed))
                {
                    pass.failed();
                }
                Err(failure)
            }
        }
    }
}

fn judge(pass: Option<Pass>, status: u16) {
    if let Some(pass) = pass {
        pass.status(status);
    }
}

/// One request, before the credentials are added.
pub(super) struct Request<'a, B> {
    /// The metric label.
    pub(super) operation: &'static str,
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) key: Option<&'a IdempotencyKey>,
    pub(super) body: Option<&'a B>,
}

impl Request<'_, ()> {
    pub(super) fn get(operation: &'static str, path: String) -> Self {
        Self {
            operation,
            method: Method::GET,
            path,
            key: None,
            body: None,
        }
    }
}

impl<B> Request<'_, B> {
    pub(super) fn post(operation: &'static str, path: String) -> Self {
        Self {
            operation,
            method: Method::POST,
            path,
            key: None,
            body: None,
        }
    }
}

async fn receive(
    http: &reqwest::Client,
    request: reqwest::Request,
) -> Result<RawReply, SendFailure> {
    let mut response = http.execute(request).await.map_err(|error| {
        let text = plain(&error);
        if error.is_connect() || error.is_builder() {
            SendFailure::NotSent(Unsent::NoConnection(text))
        } else {
            SendFailure::MaybeSent(text)
        }
    })?;
    let status = response.status().as_u16();
    let headers = super::head::without_hop(std::mem::take(response.headers_mut()), |_| false);
    let body = whole(response, ANSWER_MAX)
        .await
        .map_err(|unread| match unread {
            Unread::TooLong => SendFailure::Unreadable {
                status,
                why: "longer than 1 MiB".to_owned(),
            },
            Unread::Broken(error) => SendFailure::MaybeSent(plain(&error)),
        })?;
    Ok(RawReply {
        status,
        headers,
        body,
    })
}

pub(super) fn refusal<T>(raw: RawReply) -> Reply<T> {
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
