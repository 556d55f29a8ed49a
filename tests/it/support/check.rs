//! The invariants that hold at the end of every test: sums (I1), keys (I2), routes (I7) and silence about secrets (I11),
//! and shadows that only read (I9).

use std::collections::HashMap;

use ecom_bridge::simulator::{Origin, PaymentView, SeenRequest, Surface};

use super::app::TestApp;
use super::shop::{AUTH_TOKEN, PHONE};

/// Marks what a test sends to upstream itself, past the bridge.
pub(crate) const DIRECT: &str = "x-test-direct";

/// All of them.
pub(crate) fn invariants(app: &TestApp) {
    let requests = app.world().requests();
    kept(app, &requests);
    sums(&app.world().payments());
    silence(app);
}

/// What requests alone can break.
pub(crate) fn kept(app: &TestApp, requests: &[SeenRequest]) {
    keys(requests);
    shadows(requests);
    routes(&app.world().payments(), requests, app.forgetful);
}

/// I9: what a shadow sends to the primary upstream reads.
pub(crate) fn shadows(requests: &[SeenRequest]) {
    let marked = |r: &&SeenRequest| {
        let plugin = r.header("vipps-system-plugin-name");
        r.header("bridge-shadow").is_some() || plugin == Some("ecom-bridge-shadow")
    };
    for request in requests.iter().filter(marked) {
        assert_eq!(request.method, "GET", "I9: {request:?}");
    }
}

/// I1.
pub(crate) fn sums(payments: &[PaymentView]) {
    for payment in payments {
        let value = |amount: ecom_bridge::types::Amount| amount.minor_units();
        let (authorized, captured) = (value(payment.authorized), value(payment.captured));
        assert!(captured <= authorized, "I1: captured: {payment:?}");
        assert!(
            value(payment.refunded) <= captured,
            "I1: refunded: {payment:?}"
        );
        if authorized > 0 {
            assert!(
                captured + value(payment.cancelled) <= authorized,
                "I1: released: {payment:?}"
            );
        }
    }
}

/// I2.
pub(crate) fn keys(requests: &[SeenRequest]) {
    let mut seen: HashMap<&str, (String, &[u8])> = HashMap::new();
    for request in requests {
        let Some(key) = request.header("idempotency-key") else {
            continue;
        };
        assert!((1..=50).contains(&key.len()), "a key of 1 to 50: {key}");
        let unit = request.header("merchant-serial-number").unwrap_or_default();
        let what = (format!("{unit} {}", request.target), &request.body[..]);
        let first = seen.entry(key).or_insert_with(|| what.clone());
        assert_eq!(*first, what, "I2: one key, two bodies: {key}");
    }
}

/// I7.
pub(crate) fn routes(payments: &[PaymentView], requests: &[SeenRequest], forgetful: bool) {
    let born: HashMap<&str, &PaymentView> = payments
        .iter()
        .filter(|p| p.origin == Origin::Epayment)
        .map(|p| (p.reference.as_str(), p))
        .collect();
    let created = |reference: &str| {
        requests
            .iter()
            .find(|r| {
                r.method == "POST"
                    && r.path() == "/epayment/v1/payments"
                    && r.json()["reference"] == reference
            })
            .map_or(0, |r| r.id)
    };
    for request in requests {
        if request.surface != Surface::Ecom || request.header(DIRECT).is_some() {
            continue;
        }
        let body = request.json();
        let in_path: Vec<&str> = request.path().split('/').collect();
        let at = in_path.iter().position(|part| *part == "payments").unwrap();
        let order = match in_path.get(at + 1) {
            Some(order) if !order.is_empty() => (*order).to_owned(),
            _ => body["transaction"]["orderId"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
        };
        // An order that looks like a prefixed one is nobody's reference.
        if order.starts_with("ecom-id-") {
            continue;
        }
        let Some(payment) = born.get(super::shop::reference(&order).as_str()) else {
            continue;
        };
        let unit = body["merchantInfo"]["merchantSerialNumber"].as_str();
        let unit = unit.or(request.header("merchant-serial-number"));
        if request.id < created(&payment.reference) || unit.is_some_and(|u| u != payment.msn) {
            continue;
        }
        let harmless = request.method == "GET" || matches!(request.status, Some(401 | 404 | 429));
        assert!(
            forgetful && harmless,
            "I7: a call about an ePayment-born order reached eCom: {} {}",
            request.method,
            request.target
        );
    }
}

/// I11.
fn silence(app: &TestApp) {
    let text = app.log.text();
    assert!(!text.is_empty(), "the log was kept");
    for secret in [
        app.token.as_str(),
        super::app::KEY,
        AUTH_TOKEN,
        PHONE,
        "Lovelace",
        "ada.lovelace",
        "demo-secret",
        "canary",
    ] {
        assert!(!text.contains(secret), "I11: {secret} stands in the log");
    }
}
