//! Calls to Vipps: typed ones to ePayment, forwarded ones to eCom and everything else.
//!
//! Policies are stated, not inherited: no redirects, no proxies from the environment, no decompression, no hidden
//! retries. Must not: decide what a failure means for money (`payments` does), or log a header or a body.

pub mod breaker;
pub mod changes;
mod client;
pub mod ecom;
pub mod epayment;
mod error;
pub mod keyring;
pub mod probe;
pub mod reads;
pub mod retries;
pub mod shadow;
pub mod share;
pub mod token;
pub mod turns;
mod unreadable;
pub mod webhooks;
mod whole;

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderName, HeaderValue};

pub use client::ClientError;
pub use error::{RawReply, Reply, SendFailure, Unsent};

use crate::types::Msn;

/// What a merchant's call brings to be let in upstream. Held in memory for the call, never stored or logged.
#[derive(Clone)]
pub struct Credentials {
    /// `Authorization` with its scheme, where the merchant sent a token.
    pub authorization: Option<HeaderValue>,
    /// `Ocp-Apim-Subscription-Key`.
    pub subscription_key: Option<HeaderValue>,
    /// The sales unit, where known.
    pub msn: Option<Msn>,
    /// The `Vipps-System-*` headers: the merchant's own, or the bridge's where it sent none.
    pub system: Vec<(HeaderName, HeaderValue)>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials")
            .field("msn", &self.msn)
            .finish_non_exhaustive()
    }
}

const SYSTEM_NAME: HeaderName = HeaderName::from_static("vipps-system-name");
const SYSTEM_VERSION: HeaderName = HeaderName::from_static("vipps-system-version");
const PLUGIN_NAME: HeaderName = HeaderName::from_static("vipps-system-plugin-name");
const PLUGIN_VERSION: HeaderName = HeaderName::from_static("vipps-system-plugin-version");
/// Marks a shadow's call; a bridge refuses it, so a shadow can't loop.
pub const SHADOW_MARK: HeaderName = HeaderName::from_static("bridge-shadow");
/// `Ocp-Apim-Subscription-Key`.
pub const SUBSCRIPTION_KEY: HeaderName = HeaderName::from_static("ocp-apim-subscription-key");
/// `Merchant-Serial-Number`.
pub const MERCHANT_SERIAL_NUMBER: HeaderName = HeaderName::from_static("merchant-serial-number");

impl Credentials {
    /// From a merchant's headers. A token without a scheme gets `Bearer`, which ePayment wants and eCom did not.
    #[must_use]
    pub fn of(headers: &HeaderMap, msn: Option<Msn>) -> Self {
        let mut system = Vec::with_capacity(4);
        for (name, version) in [(SYSTEM_NAME, SYSTEM_VERSION), (PLUGIN_NAME, PLUGIN_VERSION)] {
            let sent = headers.contains_key(&name) || headers.contains_key(&version);
            for (header, own) in [(name, "ecom-bridge"), (version, env!("CARGO_PKG_VERSION"))] {
                if sent {
                    system.extend(headers.get(&header).map(|value| (header, value.clone())));
                } else {
                    system.push((header, HeaderValue::from_static(own)));
                }
            }
        }
        Self {
            authorization: headers.get(http::header::AUTHORIZATION).and_then(bearer),
            subscription_key: headers.get(SUBSCRIPTION_KEY).cloned().map(sensitive),
            msn,
            system,
        }
    }

    /// Whether upstream would judge both alike.
    fn same_as(&self, other: &Self) -> bool {
        self.authorization == other.authorization
            && self.subscription_key == other.subscription_key
            && self.msn == other.msn
            && self.system == other.system
    }

    /// The same, marked as a shadow's: upstream can tell the calls apart, and a bridge refuses them.
    #[must_use]
    pub fn of_a_shadow(mut self) -> Self {
        self.system
            .retain(|(name, _)| name != PLUGIN_NAME && name != PLUGIN_VERSION);
        let own = |text| HeaderValue::from_static(text);
        self.system.extend([
            (PLUGIN_NAME, own("ecom-bridge-shadow")),
            (PLUGIN_VERSION, own(env!("CARGO_PKG_VERSION"))),
            (SHADOW_MARK, own("1")),
        ]);
        self
    }

    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(10);
        let msn = self
            .msn
            .as_ref()
            .and_then(|msn| HeaderValue::from_str(msn.as_str()).ok());
        for (name, value) in [
            (http::header::AUTHORIZATION, self.authorization.clone()),
            (SUBSCRIPTION_KEY, self.subscription_key.clone()),
            (MERCHANT_SERIAL_NUMBER, msn),
        ] {
            if let Some(value) = value {
                headers.insert(name, value);
            }
        }
        headers.extend(self.system.iter().cloned());
        headers
    }
}

fn sensitive(mut value: HeaderValue) -> HeaderValue {
    value.set_sensitive(true);
    value
}

fn bearer(value: &HeaderValue) -> Option<HeaderValue> {
    let text = value.to_str().ok()?.trim();
    let token = match text.split_once(char::is_whitespace) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim_start(),
        Some(_) => return Some(sensitive(value.clone())),
        None => text,
    };
    HeaderValue::from_str(&format!("Bearer {token}"))
        .ok()
        .map(sensitive)
}

/// How much time upstream took for one merchant call, for its log event.
#[derive(Debug, Default)]
pub struct Spent {
    calls: AtomicU32,
    micros: AtomicU64,
    changes: AtomicBool,
}

impl Spent {
    /// Adds one call.
    pub fn add(&self, took: Duration) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.micros.fetch_add(
            u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            Ordering::Relaxed,
        );
    }

    /// Something that may change a payment is about to be sent.
    ///
    /// # Errors
    /// Where no time is left for it. The time is looked at after this was noted, so that whoever asks when it is over is
    /// not told too little.
    pub fn begin_change(&self, budget: Budget) -> Result<(), Unsent> {
        self.changes.store(true, Ordering::SeqCst);
        if budget.left().is_zero() {
            return Err(Unsent::NoConnection("no time was left for it".to_owned()));
        }
        Ok(())
    }

    /// Whether anything was sent that may have changed a payment.
    #[must_use]
    pub fn may_have_changed(&self) -> bool {
        self.changes.load(Ordering::SeqCst)
    }

    /// Number of calls, and their time together.
    #[must_use]
    pub fn total(&self) -> (u32, Duration) {
        (
            self.calls.load(Ordering::Relaxed),
            Duration::from_micros(self.micros.load(Ordering::Relaxed)),
        )
    }
}

/// When a call must have ended, and how long one sending of it may take.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// The end of the whole merchant call.
    pub deadline: Instant,
    /// The longest that one sending may take.
    pub per_call: Duration,
}

impl Budget {
    /// What is left, at most `per_call`.
    #[must_use]
    pub fn next_call(&self) -> Duration {
        self.left().min(self.per_call)
    }

    /// One sending within `limit`.
    #[must_use]
    pub fn of(limit: Duration) -> Self {
        Self {
            deadline: Instant::now() + limit,
            per_call: limit,
        }
    }

    /// Whether `allowed` is a fair time for one sending. What is left after a slow client or a first try is none:
    /// that it was not enough says nothing about upstream.
    fn is_fair(&self, allowed: Duration) -> bool {
        allowed >= self.per_call / 2
    }

    /// What is left.
    #[must_use]
    pub fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// The same with `reserve` kept back at its end.
    #[must_use]
    pub fn keeping(&self, reserve: Duration) -> Self {
        Self {
            deadline: self.deadline.checked_sub(reserve).unwrap_or(self.deadline),
            ..*self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_static(v)))
            .collect()
    }

    #[test]
    fn a_token_is_sent_with_bearer_whatever_the_merchant_wrote() {
        for (sent, want) in [
            ("eyJ.a.b", "Bearer eyJ.a.b"),
            ("Bearer eyJ.a.b", "Bearer eyJ.a.b"),
            ("bearer  eyJ.a.b", "Bearer eyJ.a.b"),
            ("Basic abc", "Basic abc"),
        ] {
            let got = Credentials::of(&headers(&[("authorization", sent)]), None);
            let value = got.authorization.unwrap();
            assert_eq!(value, want);
            assert!(value.is_sensitive());
        }
    }

    #[test]
    fn the_bridge_names_itself_only_where_the_merchant_did_not() {
        let own = Credentials::of(&HeaderMap::new(), None);
        assert_eq!(own.headers()["vipps-system-name"], "ecom-bridge");
        assert_eq!(own.headers()["vipps-system-plugin-name"], "ecom-bridge");
        let shop = Credentials::of(
            &headers(&[("vipps-system-name", "woocommerce")]),
            Msn::parse("123456"),
        );
        assert_eq!(shop.headers()["vipps-system-name"], "woocommerce");
        assert!(!shop.headers().contains_key("vipps-system-version"));
        assert_eq!(shop.headers()["merchant-serial-number"], "123456");
    }

    #[test]
    fn a_shadow_is_marked_and_keeps_the_shop_s_name() {
        let shop = Credentials::of(
            &headers(&[
                ("vipps-system-name", "woocommerce"),
                ("vipps-system-plugin-name", "checkout"),
            ]),
            None,
        );
        let sent = shop.of_a_shadow().headers();
        assert_eq!(sent["vipps-system-name"], "woocommerce");
        assert_eq!(sent["vipps-system-plugin-name"], "ecom-bridge-shadow");
        assert_eq!(sent["bridge-shadow"], "1");
    }

    #[test]
    fn credentials_never_print() {
        let shop = Credentials::of(
            &headers(&[
                ("authorization", "canary"),
                ("ocp-apim-subscription-key", "canary"),
            ]),
            None,
        );
        assert!(!format!("{shop:?}").contains("canary"));
    }
}
