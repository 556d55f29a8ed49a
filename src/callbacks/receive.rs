//! Webhooks of ePayment: checked over the exact bytes, recorded with their callback in one transaction, then answered.
//!
//! The signature covers the registered URL, whatever host and path arrive here. What is signed correctly is always
//! acknowledged once it is recorded (a 4xx would block that payment's queue at Vipps for days); what can't be recorded is
//! answered 503, and Vipps tries again. Must not: call upstream before the answer, or keep personal data of a body.

use std::sync::Arc;

use super::secrets::{Secret, Secrets};
use super::work::Hints;
use crate::epayment::event::{EventName, PaymentEvent, WebhookEvent};
use crate::epayment::signature::{SignatureHeaders, Signed, verify};
use crate::settings::{Live, Settings};
use crate::store::{Accepted, CallbackStore, NewEvent, Source, Stage, Store, StoreError, Stray};
use crate::telemetry::Meters;
use crate::translate::callback::{Reaction, ending_key, reaction};
use crate::types::{Clock, IdempotencyKey, Moment, Msn, Scope};
use crate::upstream::changes::Changes;
use http::HeaderMap;
use secrecy::ExposeSecret;

/// Wakes who works on what is queued.
pub type Queued = Arc<dyn Fn() + Send + Sync>;

/// What a webhook's sender is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// 200: recorded.
    Accepted,
    /// 401: no signature of ours.
    Unauthorized,
    /// 404: no sales unit of ours.
    Unknown,
    /// 503: not recorded; Vipps tries again.
    NotRecorded,
}

/// Receives webhooks.
pub struct Receiver {
    store: Arc<dyn CallbackStore>,
    payments: Arc<dyn Store>,
    live: Arc<Live>,
    clock: Arc<dyn Clock>,
    meters: Arc<Meters>,
    /// Wakes the workers.
    queued: Queued,
    hints: Hints,
    changes: Changes,
    secrets: Secrets,
}

/// What a receiver is made of.
pub struct ReceiverParts {
    /// Events and callbacks.
    pub store: Arc<dyn CallbackStore>,
    /// Payments and money calls.
    pub payments: Arc<dyn Store>,
    /// The settings in force: one snapshot for each webhook.
    pub live: Arc<Live>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Counts.
    pub meters: Arc<Meters>,
    /// Called when a callback is queued.
    pub queued: Queued,
    /// Payments that should be looked at.
    pub hints: Hints,
    /// Told of every event: looks that began before it are old.
    pub changes: Changes,
}

/// Where Vipps reaches the bridge for a sales unit.
#[must_use]
pub fn webhook_url(public_url: &str, msn: &Msn) -> String {
    format!("{}/webhooks/{msn}", public_url.trim_end_matches('/'))
}

/// The secret that an operator has written down.
fn configured_secret(settings: &Settings, msn: &Msn) -> Option<Secret> {
    let secret = settings.merchants.get(msn)?.webhook_secret.clone()?;
    let public_url = settings.webhooks.public_url.as_ref()?;
    Secret::of(&webhook_url(public_url.as_str(), msn), secret)
}

impl Receiver {
    /// Puts it together.
    #[must_use]
    pub fn new(parts: ReceiverParts) -> Self {
        Self {
            secrets: Secrets::new(Arc::clone(&parts.store)),
            store: parts.store,
            payments: parts.payments,
            live: parts.live,
            clock: parts.clock,
            meters: parts.meters,
            queued: parts.queued,
            hints: parts.hints,
            changes: parts.changes,
        }
    }

    /// Takes one delivery at the address of `msn`.
    pub async fn receive(&self, msn: &Msn, headers: &HeaderMap, body: &[u8]) -> Received {
        let received = self.take(msn, headers, body).await.unwrap_or_else(|error| {
            tracing::error!(error = %error, "a webhook could not be recorded; Vipps will send it again");
            self.meters.webhook("any", "not_recorded");
            Received::NotRecorded
        });
        if received == Received::Unauthorized {
            self.meters.webhook("any", "unauthorized");
        }
        received
    }

    async fn take(
        &self,
        msn: &Msn,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Received, StoreError> {
        let settings = self.live.settings();
        match self.signed(&settings, msn, headers, body).await? {
            Checked::Good => {}
            // Without the secret, or with the older registration's beside the newer one's: Vipps keeps the event for
            // days. Its reference is believed only as far as asking ePayment goes.
            Checked::Bad | Checked::NoSecret => {
                if let Ok(event) = serde_json::from_slice::<WebhookEvent>(body)
                    && event.msn == *msn
                {
                    self.hints.give_unproven(msn, &event.event.reference);
                }
                return Ok(Received::Unauthorized);
            }
            Checked::NoUnit => return Ok(Received::Unknown),
        }
        let Ok(event) = serde_json::from_slice::<WebhookEvent>(body) else {
            return self.stray(msn, "unreadable", body).await;
        };
        if event.msn != *msn {
            return self.stray(msn, "other-unit", body).await;
        }
        if event.event.name == EventName::Unknown {
            return self.stray(msn, "unknown-event", body).await;
        }
        self.accept_under(&settings, msn, &event.event, Source::Webhook)
            .await?;
        Ok(Received::Accepted)
    }

    /// Records an event with what follows from it; also used by what polling finds.
    ///
    /// # Errors
    /// When it could not be recorded.
    pub async fn accept(
        &self,
        msn: &Msn,
        event: &PaymentEvent,
        source: Source,
    ) -> Result<Accepted, StoreError> {
        let settings = self.live.settings();
        self.accept_under(&settings, msn, event, source).await
    }

    async fn accept_under(
        &self,
        settings: &Settings,
        msn: &Msn,
        event: &PaymentEvent,
        source: Source,
    ) -> Result<Accepted, StoreError> {
        self.changes.changed(&event.reference);
        let direct = settings.merchant(msn).direct_capture;
        let by_bridge =
            event.name == EventName::Terminated && self.ended_by_bridge(msn, event).await?;
        let callback = match reaction(event, direct, by_bridge) {
            Reaction::None => None,
            Reaction::Tell(status) => Some((status, Stage::Deliver)),
            Reaction::CaptureThenTell => {
                Some((crate::ecom::callback::CallbackStatus::Sale, Stage::Capture))
            }
        };
        let now = self.clock.now();
        let new = NewEvent {
            msn: msn.clone(),
            reference: event.reference.clone(),
            name: event.name,
            success: event.success,
            psp_reference: event.psp_reference.clone(),
            amount: event.amount.value,
            at: Moment::parse(&event.timestamp).unwrap_or(now),
            key: event
                .idempotency_key
                .as_deref()
                .and_then(IdempotencyKey::parse),
            source,
            callback,
        };
        let accepted = self.store.accept_event(new, now).await?;
        let outcome = match accepted {
            Accepted::Queued(_) => "queued",
            Accepted::Recorded => "recorded",
            Accepted::Duplicate => "duplicate",
            Accepted::Unmatched => "unmatched",
        };
        if source == Source::Webhook {
            self.meters.webhook(event.name.word(), outcome);
        }
        match accepted {
            Accepted::Queued(_) => (self.queued)(),
            Accepted::Unmatched if callback.is_some() => self.hints.give(msn, &event.reference),
            Accepted::Unmatched | Accepted::Recorded | Accepted::Duplicate => {}
        }
        Ok(accepted)
    }

    /// Whether the bridge's own time limit ended the payment: by the key, or by the record where the event has none.
    async fn ended_by_bridge(&self, msn: &Msn, event: &PaymentEvent) -> Result<bool, StoreError> {
        match event
            .idempotency_key
            .as_deref()
            .filter(|key| !key.is_empty())
        {
            Some(key) => Ok(key == ending_key(msn, &event.reference).as_str()),
            None => {
                let Some(order) = event.reference.order_id() else {
                    return Ok(false);
                };
                let (calls, _) = self
                    .payments
                    .adjustments(&Scope::Unit(msn.clone()), &order.into())
                    .await?;
                let key = ending_key(msn, &event.reference);
                Ok(calls.iter().any(|call| call.key.as_ref() == Some(&key)))
            }
        }
    }

    async fn stray(
        &self,
        msn: &Msn,
        why: &'static str,
        body: &[u8],
    ) -> Result<Received, StoreError> {
        tracing::error!(%msn, why, "a correctly signed webhook can't be used; it is kept as a stray");
        self.meters.webhook("any", why);
        let stray = Stray {
            msn: msn.clone(),
            why,
            redacted: outline(body),
        };
        self.store.keep_stray(stray, self.clock.now()).await?;
        Ok(Received::Accepted)
    }

    async fn signed(
        &self,
        settings: &Settings,
        msn: &Msn,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Checked, StoreError> {
        let text = |name: &str| {
            headers
                .get(name)
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default()
        };
        let sent = SignatureHeaders {
            content_sha256: text("x-ms-content-sha256").to_owned(),
            authorization: text("authorization").to_owned(),
        };
        let date = text("x-ms-date");
        let fits = |secret: &Secret| {
            let signed = Signed {
                path_and_query: &secret.path,
                host: &secret.host,
                date,
                body,
            };
            verify(&signed, &sent, secret.secret.expose_secret())
        };
        if !settings.merchants.contains_key(msn) && !self.secrets.has_unit(msn).await? {
            return Ok(Checked::NoUnit);
        }
        let configured = configured_secret(settings, msn);
        let known = self.secrets.of(msn).await?;
        if known.iter().chain(&configured).any(fits) {
            return Ok(Checked::Good);
        }
        let again = self.secrets.again(msn).await?;
        if !Arc::ptr_eq(&known, &again) && again.iter().any(fits) {
            return Ok(Checked::Good);
        }
        let secretless = again.is_empty() && configured.is_none();
        Ok(if secretless {
            Checked::NoSecret
        } else {
            Checked::Bad
        })
    }
}

enum Checked {
    Good,
    Bad,
    /// A unit of ours whose secret is lost.
    NoSecret,
    NoUnit,
}

/// The names of a body's members and the kinds of their values: nothing that may be personal.
fn outline(body: &[u8]) -> String {
    let Ok(serde_json::Value::Object(members)) = serde_json::from_slice(body) else {
        return format!("{} bytes, no JSON object", body.len());
    };
    let kind = |value: &serde_json::Value| match value {
        serde_json::Value::Null => "null",
        serde_json::Value::Bool(_) => "bool",
        serde_json::Value::Number(_) => "number",
        serde_json::Value::String(_) => "text",
        serde_json::Value::Array(_) => "list",
        serde_json::Value::Object(_) => "object",
    };
    let is_name = |name: &str| {
        name.len() <= 40
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
    };
    let mut shown: Vec<_> = members
        .iter()
        .filter(|(name, _)| is_name(name))
        .map(|(name, value)| format!("{name}: {}", kind(value)))
        .take(40)
        .collect();
    shown.insert(0, format!("{} bytes", body.len()));
    shown.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outline_shows_names_and_kinds_only() {
        let body =
            br#"{"name":"AUTHORIZED","userDetails":{"email":"canary"},"amount":1,"x y":"canary"}"#;
        let shown = outline(body);
        assert!(shown.contains("userDetails: object") && shown.contains("name: text"));
        assert!(
            !shown.contains("canary") && !shown.contains("AUTHORIZED") && !shown.contains("x y")
        );
        assert_eq!(outline(b"[]"), "2 bytes, no JSON object");
    }

    #[test]
    fn a_unit_has_its_address_under_the_public_url() {
        let msn = Msn::parse("123456").unwrap();
        assert_eq!(
            webhook_url("https://a.example/p/", &msn),
            "https://a.example/p/webhooks/123456"
        );
    }
}
