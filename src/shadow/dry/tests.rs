//! Dry runs, row by row and by law. What the tests share: calls to change one member of.
//!
//! Must not: know a rule (each table states its own).

mod answers;
mod laws;
mod offers;
mod planted;
mod tables;
mod verdicts;

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::outgoing::make;
use super::*;
use crate::ecom::route::Operation;
use crate::epayment::model::CustomerInteraction;
use crate::settings::MerchantSettings;
use crate::types::{CountryCode, Currency, Kind, Msn, Origin, Scope};

/// A call that owns what a [`DryCall`] borrows.
#[derive(Clone)]
struct Call {
    operation: Operation,
    headers: HeaderMap,
    body: Vec<u8>,
    order: &'static str,
    scope: Option<Scope>,
    birth: Option<(Origin, Kind)>,
    unit: MerchantSettings,
    recovery: Recovery,
}

impl Call {
    fn new(operation: Operation, body: &Value) -> Self {
        let bytes = match body {
            Value::Null => Vec::new(),
            body => body.to_string().into_bytes(),
        };
        let call = Self {
            operation,
            headers: HeaderMap::new(),
            body: bytes,
            order: if operation == Operation::Initiate {
                ""
            } else {
                "order-1234"
            },
            scope: Msn::parse("123456").map(Scope::Unit),
            birth: None,
            unit: MerchantSettings {
                currency: Currency::Nok,
                country_code: CountryCode::default(),
                direct_capture: false,
                customer_interaction: CustomerInteraction::CustomerNotPresent,
                unapproved_limit: None,
            },
            recovery: Recovery::Marker,
        };
        call.header("content-type", "application/json;charset=UTF-8")
            .header("authorization", "secret-token")
            .header("ocp-apim-subscription-key", "secret-key")
            .header("vipps-system-name", "shop")
    }

    fn header(mut self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::from_bytes(value.as_bytes()).expect("a header");
        self.headers.insert(HeaderName::from_static(name), value);
        self
    }

    fn order(mut self, order: &'static str) -> Self {
        self.order = order;
        self
    }

    fn born(mut self, kind: Kind) -> Self {
        self.birth = Some((Origin::Ecom, kind));
        self
    }

    fn sealed(mut self) -> Self {
        self.recovery = Recovery::Sealed;
        self
    }

    fn as_dry(&self) -> DryCall<'_> {
        DryCall {
            operation: self.operation,
            headers: &self.headers,
            body: &self.body,
            order: Cow::Borrowed(self.order),
            scope: self.scope.clone(),
            birth: self.birth,
            unit: self.unit.clone(),
            allow_http_callbacks: false,
            recovery: self.recovery,
        }
    }

    fn dry(&self) -> Dried {
        dry(&self.as_dry())
    }

    /// The tree of the request, and what would be sent for it.
    fn made(&self) -> (Value, Outgoing) {
        let Ok(made) = make(&self.as_dry()) else {
            panic!("it translates");
        };
        (made.request, made.outgoing)
    }
}

/// An initiate in which everything is right, and nothing is there that need not be.
fn plain() -> Value {
    json!({
        "customerInfo": {},
        "merchantInfo": {
            "merchantSerialNumber": "123456",
            "callbackPrefix": "https://shop.example/vipps",
            "fallBack": "https://shop.example/done?o=1"
        },
        "transaction": {
            "amount": 49900,
            "orderId": "order-1234",
            "transactionText": "Two pairs of socks"
        }
    })
}

/// An initiate with every member of a regular payment.
fn full() -> Value {
    let mut body = plain();
    body["customerInfo"] = json!({"mobileNumber": "91234567"});
    body["merchantInfo"]["authToken"] = json!("secret-token");
    body["merchantInfo"]["isApp"] = json!(true);
    body["transaction"]["scope"] = json!("name phoneNumber");
    body["transaction"]["additionalData"] = json!({
        "passengerName": "FLYER / MARY MS.",
        "airlineCode": "074",
        "airlineDesignatorCode": "KL",
        "ticketNumber": "123-1234567890",
        "agencyInvoiceNumber": "654321"
    });
    body
}

/// A capture, refund or cancel.
fn change() -> Value {
    json!({
        "merchantInfo": {"merchantSerialNumber": "123456"},
        "transaction": {"amount": 20000, "transactionText": "Half of them"}
    })
}

/// `body` with the member at `pointer` set, or taken away; what is around it must be there.
fn with(mut body: Value, pointer: &str, value: Option<Value>) -> Value {
    let (around, name) = pointer.rsplit_once('/').expect("a pointer");
    let object = body.pointer_mut(around).and_then(Value::as_object_mut);
    let object = object.expect("an object");
    match value {
        Some(value) => object.insert(name.to_owned(), value),
        None => object.remove(name),
    };
    body
}

/// Field and kind of each.
fn told(differences: &[Difference]) -> Vec<String> {
    let word = |one: &Difference| format!("{} {}", one.kind.word(), one.field);
    differences.iter().map(word).collect()
}
