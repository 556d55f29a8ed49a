//! A call to be translated dry: from an offer, or from a recording of one.
//!
//! Must not: be printed (it holds credentials and personal data).

use std::borrow::Cow;

use http::HeaderMap;

use crate::ecom::route::{Operation, Target, parse};
use crate::settings::MerchantSettings;
use crate::shadow::offer::Offer;
use crate::types::{Kind, Origin, Scope};

/// What the bridge puts into a new payment's metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// Nothing.
    Off,
    /// That it made the payment.
    Marker,
    /// That, and where callbacks go, sealed. (Dry, only its length is made.)
    Sealed,
}

impl Recovery {
    /// What the settings say: `store.recovery_metadata`, and whether there is a `store.encryption_key`.
    #[must_use]
    pub const fn of(metadata: bool, has_key: bool) -> Self {
        match (metadata, has_key) {
            (false, _) => Self::Off,
            (true, false) => Self::Marker,
            (true, true) => Self::Sealed,
        }
    }
}

/// A call of eCom with all that its translation rests on.
#[derive(Clone)]
pub struct DryCall<'a> {
    /// What it is.
    pub operation: Operation,
    /// All headers as they came. Those that are not there (a recording has no tokens) are not missed.
    pub headers: &'a HeaderMap,
    /// The whole body as it came.
    pub body: &'a [u8],
    /// The order id in the path, decoded; empty for initiate.
    pub order: Cow<'a, str>,
    /// Whose order it is, where that was found out.
    pub scope: Option<Scope>,
    /// Where and as what the payment was created, where that is known.
    pub birth: Option<(Origin, Kind)>,
    /// What is configured for the sales unit.
    pub unit: MerchantSettings,
    /// `callbacks.allow_http`
    pub allow_http_callbacks: bool,
    /// What goes into metadata.
    pub recovery: Recovery,
}

impl std::fmt::Debug for DryCall<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DryCall")
            .field("operation", &self.operation)
            .finish_non_exhaustive()
    }
}

impl<'a> DryCall<'a> {
    /// Of a call that was answered.
    #[must_use]
    pub fn of(offer: &'a Offer) -> Self {
        let settings = &offer.snapshot.settings;
        let scope = offer.subject.as_ref().map(|(order, _)| order.scope.clone());
        let unit = scope.as_ref().and_then(Scope::msn).map_or_else(
            || settings.merchant_defaults.clone(),
            |msn| settings.merchant(msn),
        );
        let birth = offer.subject.as_ref().and_then(|(_, known)| {
            let payment = known.payment.as_ref().map(|record| &record.facts);
            let facts = payment.or_else(|| known.attempt.as_ref().map(|attempt| &attempt.facts))?;
            Some((facts.origin, facts.kind))
        });
        let order = match parse(offer.operation.method(), offer.target.path()) {
            Target::Call { order, .. } => order,
            _ => String::new(),
        };
        let store = &settings.store;
        Self {
            operation: offer.operation,
            headers: &offer.request_headers,
            body: &offer.request_body,
            order: Cow::Owned(order),
            scope,
            birth,
            unit,
            allow_http_callbacks: settings.callbacks.allow_http,
            recovery: Recovery::of(store.recovery_metadata, store.encryption_key.is_some()),
        }
    }
}
