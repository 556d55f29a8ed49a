//! One POST to a merchant: how it is sent, and what its end is called.
//!
//! No redirects, no proxies, no repeats, no cookies, HTTP/1.1; connections go only to addresses that the rules let
//! through. Must not: put anything of the address, of a token or of an answer's body into a word that is kept.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::dns::Resolve;
use reqwest::{Client, ClientBuilder, Response, Url};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::rustls;

use crate::callbacks::schedule::{self, TOO_MANY};
use crate::callbacks::target::{AddressRule, GuardedResolver, Refusal, Targets};
use crate::types::Moment;

/// Of an answer's body no more is read.
const ANSWER_MAX: usize = 4 << 10;

/// For connecting, TLS included; less where one attempt has less.
const CONNECT: Duration = Duration::from_secs(5);

/// Shorter than the keep-alive of common servers: a connection that the shop is closing is a failed attempt.
const IDLE: Duration = Duration::from_secs(4);

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// 2xx.
    Delivered,
    /// The address may not be called.
    Refused(Refusal),
    /// Anything else.
    Failed {
        /// A status or a kind of failure.
        why: String,
        /// What the merchant asks for.
        retry_after: Option<Duration>,
    },
}

impl Ending {
    fn failed(why: impl Into<String>) -> Self {
        Self::Failed {
            why: why.into(),
            retry_after: None,
        }
    }
}

/// The clients: one for https, and where it is allowed, one for http. They differ in the addresses they connect to.
#[derive(Clone, Debug)]
pub(super) struct Poster {
    secure: Client,
    plain: Option<Client>,
    timeout: Duration,
}

impl Poster {
    /// Clients with these rules; names are resolved by `resolver`.
    ///
    /// # Errors
    /// When the TLS set-up of the machine can't be used.
    pub(super) fn new(
        targets: &Targets,
        resolver: &Arc<dyn Resolve>,
        timeout: Duration,
    ) -> Result<Self, reqwest::Error> {
        Self::built(targets, timeout, |plain| {
            builder(targets.rule(plain), resolver, timeout).https_only(!plain)
        })
    }

    fn built(
        targets: &Targets,
        timeout: Duration,
        client: impl Fn(bool) -> ClientBuilder,
    ) -> Result<Self, reqwest::Error> {
        let plain = targets.allow_http().then(|| client(true).build());
        Ok(Self {
            secure: client(false).build()?,
            plain: plain.transpose()?,
            timeout,
        })
    }

    /// The same, and certificates of this issuer are good.
    #[cfg(test)]
    pub(super) fn trusting(
        targets: &Targets,
        resolver: &Arc<dyn Resolve>,
        issuer: &reqwest::Certificate,
    ) -> Result<Self, reqwest::Error> {
        let timeout = Duration::from_secs(10);
        Self::built(targets, timeout, |plain| {
            builder(targets.rule(plain), resolver, timeout).tls_certs_merge([issuer.clone()])
        })
    }

    /// Posts once, within the timeout of one attempt.
    pub(super) async fn post(
        &self,
        url: Url,
        authorization: Option<HeaderValue>,
        body: Bytes,
        now: Moment,
    ) -> Ending {
        let client = match url.scheme() {
            "https" => &self.secure,
            _ => match &self.plain {
                Some(client) => client,
                None => return Ending::Refused(Refusal::PlainHttp),
            },
        };
        let mut request = client
            .post(url)
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .body(body);
        if let Some(token) = authorization {
            request = request.header(AUTHORIZATION, token);
        }
        let deadline = Instant::now() + self.timeout;
        match timeout_at(deadline, request.send()).await {
            Err(_) => Ending::failed("no answer in time"),
            Ok(Err(error)) => unsent(&error),
            Ok(Ok(answer)) => judge(answer, deadline, now).await,
        }
    }
}

fn builder(rule: AddressRule, resolver: &Arc<dyn Resolve>, timeout: Duration) -> ClientBuilder {
    Client::builder()
        .http1_only()
        .connect_timeout(CONNECT.min(timeout))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        .tcp_nodelay(true)
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(4)
        .user_agent(concat!("ecom-bridge/", env!("CARGO_PKG_VERSION")))
        .dns_resolver(GuardedResolver::new(Arc::clone(resolver), rule))
}

async fn judge(answer: Response, deadline: Instant, now: Moment) -> Ending {
    let status = answer.status();
    let asked = answer
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| schedule::retry_after(value, now));
    // A little of the body is read, so that a short one leaves its connection for the next callback. Time and size end
    // the reading, not the delivery: the merchant has said 2xx. A reset takes that back: the shop's program broke off.
    let reset = matches!(timeout_at(deadline, drain(answer)).await, Ok(Err(Reset)));
    if status.is_success() {
        return if reset {
            Ending::failed(format!(
                "answered {}, then reset the connection",
                status.as_u16()
            ))
        } else {
            Ending::Delivered
        };
    }
    let kind = match status.as_u16() {
        300..=399 => " (redirects are not followed)",
        410 => " (gone)",
        _ => "",
    };
    let least = (status.as_u16() == 429).then_some(TOO_MANY);
    Ending::Failed {
        why: format!("answered {}{kind}", status.as_u16()),
        retry_after: asked.max(least),
    }
}

struct Reset;

async fn drain(mut answer: Response) -> Result<(), Reset> {
    let mut seen = 0;
    loop {
        match answer.chunk().await {
            Ok(Some(chunk)) => {
                seen += chunk.len();
                if seen > ANSWER_MAX {
                    return Ok(());
                }
            }
            // A body shorter than its Content-Length is a miscount, not a failure.
            Err(error)
                if find(&error, |cause| {
                    io_kind(cause) == Some(io::ErrorKind::ConnectionReset)
                }) =>
            {
                return Err(Reset);
            }
            Ok(None) | Err(_) => return Ok(()),
        }
    }
}

/// What it is called when no answer came.
fn unsent(error: &reqwest::Error) -> Ending {
    let mut refusal = None;
    let mut words = None;
    find(error, |cause| {
        refusal = refusal.or_else(|| cause.downcast_ref::<Refusal>().copied());
        words = words
            .or_else(|| cause.downcast_ref().and_then(tls_words))
            .or_else(|| io_kind(cause).and_then(io_words));
        false
    });
    if let Some(refusal) = refusal {
        return Ending::Refused(refusal);
    }
    Ending::failed(if error.is_dns() {
        "the host's name could not be resolved"
    } else if let Some(words) = words {
        words
    } else if error.is_timeout() {
        "no connection in time"
    } else if error.is_connect() {
        "no connection"
    } else {
        "the connection broke before an answer"
    })
}

/// Looks at an error and all it came from.
fn find(
    error: &(dyn Error + 'static),
    mut sought: impl FnMut(&(dyn Error + 'static)) -> bool,
) -> bool {
    let mut next = Some(error);
    while let Some(cause) = next {
        if sought(cause) {
            return true;
        }
        // What an error of the system wraps is not its source.
        let wrapped = cause
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        next = match wrapped {
            Some(wrapped) => Some(wrapped),
            None => cause.source(),
        };
    }
    false
}

fn io_kind(cause: &(dyn Error + 'static)) -> Option<io::ErrorKind> {
    cause.downcast_ref::<io::Error>().map(io::Error::kind)
}

const fn io_words(kind: io::ErrorKind) -> Option<&'static str> {
    match kind {
        io::ErrorKind::ConnectionRefused => Some("connection refused"),
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => Some("connection reset"),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            Some("host unreachable")
        }
        io::ErrorKind::TimedOut => Some("no connection in time"),
        _ => None,
    }
}

/// What is wrong with the shop's TLS, in words of this program: rustls' own name the hosts of a certificate.
fn tls_words(error: &rustls::Error) -> Option<&'static str> {
    use rustls::{CertificateError as Bad, Error};
    match error {
        Error::InvalidCertificate(why) => Some(match why {
            Bad::Expired | Bad::ExpiredContext { .. } => "TLS: the certificate has expired",
            Bad::NotValidForName | Bad::NotValidForNameContext { .. } => {
                "TLS: the certificate is for another name"
            }
            Bad::UnknownIssuer => "TLS: the certificate is of an unknown issuer",
            _ => "TLS: the certificate is not valid",
        }),
        Error::AlertReceived(_)
        | Error::PeerIncompatible(_)
        | Error::InvalidMessage(_)
        | Error::InappropriateMessage { .. }
        | Error::InappropriateHandshakeMessage { .. } => {
            Some("TLS: no common version, or no TLS at all")
        }
        _ => None,
    }
}
