//! Offers for tests.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::HeaderMap;

use super::offer::{Offer, Seen};
use crate::ecom::route::Operation;
use crate::payments::{Caller, Order, Terms};
use crate::settings::{self, Live};
use crate::store::Known;
use crate::telemetry::Route;
use crate::types::{CallerHash, CountryCode, Currency, Msn, OrderText, Scope};
use crate::upstream::{Budget, Credentials, Spent};

/// A sales unit.
pub(super) const MSN: &str = "123456";

/// An order of that unit.
pub(super) fn order(id: &str) -> Order {
    Order {
        scope: Scope::Unit(Msn::parse(MSN).unwrap()),
        order: OrderText::parse(id).unwrap(),
        currency: Currency::Nok,
        country: CountryCode::parse("47").unwrap(),
        direct_capture: false,
    }
}

/// A read of that order that eCom answered, offered now.
pub(super) fn offer(id: &str) -> Offer {
    let settings = settings::from_text("").unwrap();
    Offer {
        operation: Operation::Details,
        route: Route::Ecom,
        snapshot: Live::new(Arc::new(settings)).snapshot(),
        subject: Some((order(id), Known::default())),
        caller: Caller {
            credentials: Credentials::of(&HeaderMap::new(), Msn::parse(MSN)),
            hash: CallerHash::from_bytes(&[0; 16]).unwrap(),
            budget: Budget {
                deadline: Instant::now() + Duration::from_secs(5),
                per_call: Duration::from_secs(5),
            },
            terms: Terms::new(0, Duration::from_secs(1), false),
            spent: Arc::new(Spent::default()),
            early: Arc::default(),
        },
        target: format!("/ecomm/v2/payments/{id}/details").parse().unwrap(),
        request_headers: HeaderMap::new(),
        request_body: Bytes::new(),
        answer: Seen {
            status: 200,
            headers: HeaderMap::new(),
            body: Bytes::from_static(b"{}"),
        },
        answered_at: Instant::now(),
    }
}
