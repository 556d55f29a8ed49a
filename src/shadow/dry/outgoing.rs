//! The request that ePayment would get, made by the functions that make it when it is sent.
//!
//! The steps are those of `proxy::calls` and `payments`, without a store: a first attempt, a key of zeros where a random
//! one is made, and no sum that only the payment could tell. Must not: judge what it made.

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::ExposeSecret;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::call::{DryCall, Recovery};
use super::place::header;
use crate::ecom::error::Failure;
use crate::ecom::request::{Adjust, ForceApprove, InitiatePayment};
use crate::ecom::{read, route::Operation};
use crate::epayment::model::{Modification, Money};
use crate::routing::mixing;
use crate::translate::adjust::{self, Asked};
use crate::translate::initiate::{self, CreateContext, Initiate, PaymentType, Rules};
use crate::translate::loss::{Loss, Untranslatable};
use crate::translate::recovery::Recovery as Data;
use crate::translate::{approve, recovery};
use crate::types::{
    CallerHash, IdempotencyKey, KeyMaker, Kind, MoneyOp, Msn, OrderText, Origin, Reference,
    RequestId, Scope,
};
use crate::upstream::{Credentials, MERCHANT_SERIAL_NUMBER, SUBSCRIPTION_KEY};

/// `Idempotency-Key`
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// What a sealed text is longer than its plain one: nonce and tag.
const SEAL: usize = 24 + 16;

/// A request to ePayment that is not sent. Holds what the call held, so it is never printed.
#[derive(Clone, PartialEq)]
pub struct Outgoing {
    /// The HTTP method.
    pub method: &'static str,
    /// Its path.
    pub path: String,
    /// All headers that the translation decides about.
    pub headers: HeaderMap,
    /// The body; none where there is none.
    pub body: Option<Value>,
    /// `modificationAmount.value` is left out: it is all that remains, which only the payment can say.
    pub open: bool,
    /// Cancel: the payment is read first, and nothing is sent once anything was captured.
    pub guarded: bool,
    /// What does not come through unchanged, as the translation tells it.
    pub losses: Vec<Loss>,
}

impl std::fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outgoing")
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}

/// The call's body as a tree (null where it has none), and what would have been sent.
pub(super) struct Made {
    pub(super) request: Value,
    pub(super) outgoing: Outgoing,
}

/// Why nothing would have been sent to ePayment.
pub(super) enum Refused {
    /// It breaks eCom's rules.
    Invalid(Failure),
    /// It goes to eCom as it came.
    Not(Untranslatable),
    /// It stays with eCom by design.
    Express,
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self::Invalid(failure)
    }
}

/// Makes the request.
pub(super) fn make(call: &DryCall<'_>) -> Result<Made, Refused> {
    if stays(call) {
        return Err(Refused::Express);
    }
    match call.operation {
        Operation::Initiate => create(call),
        Operation::Capture => change(call, MoneyOp::Capture),
        Operation::Cancel => change(call, MoneyOp::Cancel),
        Operation::Refund => change(call, MoneyOp::Refund),
        Operation::Details | Operation::Status => look(call),
        Operation::Approve => force(call),
    }
}

/// Whether the payment's kind keeps the call at eCom. That only the payments of before a switch stay there is no word
/// about the call, so the birth alone decides nothing.
fn stays(call: &DryCall<'_>) -> bool {
    let Some((Origin::Ecom, kind)) = call.birth else {
        return false;
    };
    match call.operation {
        Operation::Initiate => false,
        Operation::Approve => kind == Kind::Express,
        operation => !mixing::allowed(Origin::Ecom, kind, operation, Origin::Epayment),
    }
}

/// Reads a body as the proxy does; whether it has members that eCom does not know.
fn body<T: DeserializeOwned>(call: &DryCall<'_>) -> Result<(T, Value, bool), Failure> {
    if !call.body.trim_ascii().is_empty() && !is_json(call.headers) {
        let message = "The media type must be application/json";
        return Err(Failure::field("Content-Type", message).with_status(415));
    }
    let (typed, unknown) = read::object(call.body)?;
    // Read once already: what fails now is nested too deep for a tree.
    let tree = serde_json::from_slice(call.body)
        .map_err(|_| Failure::field("body", "The body is nested too deep"))?;
    Ok((typed, tree, unknown.iter().any(|path| !is_inside(path))))
}

/// The reader also lists what lies inside of a member of which only the presence counts.
fn is_inside(path: &str) -> bool {
    const PRESENT: [&str; 4] = [
        "merchantInfo.staticShippingDetails.",
        "transaction.refOrderId.",
        "transaction.timeStamp.",
        "transaction.useExplicitCheckoutFlow.",
    ];
    PRESENT.iter().any(|member| path.starts_with(member))
}

fn is_json(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(Ok(text)), None) = (types.next().map(HeaderValue::to_str), types.next()) else {
        return false;
    };
    let essence = text.split(';').next().unwrap_or("").trim();
    let essence = essence.to_ascii_lowercase();
    essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"))
}

fn request_id(call: &DryCall<'_>) -> Result<Option<RequestId>, Failure> {
    let Some(value) = call.headers.get("x-request-id") else {
        return Ok(None);
    };
    let wrong = || Failure::field("X-Request-Id", "must be at most 64 printable characters");
    match value.to_str().map_err(|_| wrong())?.trim() {
        "" => Ok(None),
        text => RequestId::parse(text).map(Some).ok_or_else(wrong),
    }
}

/// The order of the path and its name in ePayment.
fn named(call: &DryCall<'_>) -> Result<(OrderText, Reference, Vec<Loss>), Refused> {
    let order = OrderText::parse(&call.order)
        .ok_or_else(|| Failure::field("orderId", "must be 1 to 50 characters"))?;
    let reference = reference(&order)?;
    let prefixed = reference.as_str() != order.as_str();
    let losses = prefixed.then_some(Loss::OrderPrefixed);
    Ok((order, reference, losses.into_iter().collect()))
}

fn reference(order: &OrderText) -> Result<Reference, Refused> {
    let reason = || Untranslatable::of_order(order).unwrap_or(Untranslatable::OrderCharacters);
    order.reference().ok_or_else(|| Refused::Not(reason()))
}

/// The sales unit that the header names, or that was found out.
fn unit(call: &DryCall<'_>) -> Result<Option<Msn>, Failure> {
    let found = || call.scope.as_ref().and_then(Scope::msn).cloned();
    let told = "must be the sales unit's number, 4 to 7 digits";
    match header(call.headers, MERCHANT_SERIAL_NUMBER.as_str()) {
        Some(text) => Msn::parse(text)
            .map(Some)
            .ok_or_else(|| Failure::field("Merchant-Serial-Number", told)),
        None => Ok(found()),
    }
}

fn create(call: &DryCall<'_>) -> Result<Made, Refused> {
    let (typed, request, unknown) = body::<InitiatePayment>(call)?;
    request_id(call)?;
    match initiate::payment_type(&typed) {
        PaymentType::Regular => {}
        PaymentType::Express => return Err(Refused::Express),
        PaymentType::Other => return Err(Refused::Not(Untranslatable::PaymentType)),
    }
    let rules = Rules {
        country: call.unit.country_code.clone(),
        allow_http_callbacks: call.allow_http_callbacks,
    };
    let msn = header(call.headers, MERCHANT_SERIAL_NUMBER.as_str());
    let command = initiate::check(&typed, msn, &rules)?;
    if let Some(reason) = command.untranslatable() {
        return Err(Refused::Not(reason));
    }
    let reference = reference(&command.order)?;
    let key = IdempotencyKey::own(uuid::Uuid::nil());
    let (metadata, too_long) = match call.recovery {
        Recovery::Off => (None, None),
        Recovery::Marker => (Some(recovery::write(&key, None).0), None),
        Recovery::Sealed => {
            let (metadata, loss) = recovery::write(&key, Some(&vec![0; sealed_length(&command)]));
            (Some(metadata), loss)
        }
    };
    let context = CreateContext {
        currency: call.unit.currency,
        interaction: call.unit.customer_interaction,
        metadata,
    };
    let (create, mut losses) = initiate::to_create(&command, reference, context);
    losses.extend(too_long);
    losses.extend(unknown.then_some(Loss::UnknownMemberDropped));
    let outgoing = Outgoing {
        body: written(&create),
        losses,
        ..request_to(call, "/epayment/v1/payments", Some(command.msn), Some(&key))
    };
    Ok(Made { request, outgoing })
}

/// Of the data that a lost store is filled up from.
fn sealed_length(command: &Initiate) -> usize {
    let data = Data {
        callback_prefix: command.callback_prefix.clone(),
        auth_token: command
            .auth_token
            .as_ref()
            .map(|token| token.expose_secret().to_owned()),
    };
    serde_json::to_vec(&data).map_or(0, |plain| plain.len() + SEAL)
}

fn change(call: &DryCall<'_>, op: MoneyOp) -> Result<Made, Refused> {
    let (typed, request, unknown) = body::<Adjust>(call)?;
    let id = request_id(call)?;
    let msn = header(call.headers, MERCHANT_SERIAL_NUMBER.as_str());
    let command = adjust::check(op, &typed, msn)?;
    let (order, reference, mut losses) = named(call)?;
    let found = call.scope.as_ref().and_then(Scope::msn).cloned();
    let msn = command.msn.clone().or(found);
    let carried = id.as_ref().is_none_or(KeyMaker::is_carried);
    losses.extend((!carried).then_some(Loss::RequestIdHashed));
    losses.extend(&command.losses);
    losses.extend(unknown.then_some(Loss::UnknownMemberDropped));
    let key = key_of(call, op, &order, id.as_ref(), msn.as_ref());
    let currency = call.unit.currency;
    let open = op != MoneyOp::Cancel && command.asked == Asked::AllThatRemains;
    let body = match (op, command.asked) {
        (MoneyOp::Cancel, _) => None,
        (_, Asked::Exactly(value)) => written(&Modification {
            modification_amount: Money { currency, value },
        }),
        (_, Asked::AllThatRemains) => {
            Some(json!({ "modificationAmount": { "currency": currency } }))
        }
    };
    let path = format!("/epayment/v1/payments/{reference}/{}", op.word());
    let mut outgoing = Outgoing {
        body,
        open,
        guarded: op == MoneyOp::Cancel && !command.release,
        losses,
        ..request_to(call, &path, msn, Some(&key))
    };
    if outgoing.body.is_none() {
        outgoing.headers.remove(CONTENT_TYPE);
    }
    Ok(Made { request, outgoing })
}

/// The key of a first attempt.
fn key_of(
    call: &DryCall<'_>,
    op: MoneyOp,
    order: &OrderText,
    id: Option<&RequestId>,
    msn: Option<&Msn>,
) -> IdempotencyKey {
    let unknown = || CallerHash::from_bytes(&[0; 16]).map(Scope::Caller);
    let scope = call.scope.clone().or_else(|| msn.cloned().map(Scope::Unit));
    let parts = scope.or_else(unknown).zip(order.strict()).zip(id);
    parts.map_or_else(
        || IdempotencyKey::own(uuid::Uuid::nil()),
        |((scope, order), id)| {
            let maker = KeyMaker {
                scope: &scope,
                order: &order,
            };
            maker.key(op, id, 0)
        },
    )
}

fn look(call: &DryCall<'_>) -> Result<Made, Refused> {
    let (_, reference, losses) = named(call)?;
    let path = format!("/epayment/v1/payments/{reference}");
    let mut outgoing = Outgoing {
        method: "GET",
        losses,
        ..request_to(call, &path, unit(call)?, None)
    };
    outgoing.headers.remove(CONTENT_TYPE);
    Ok(Made {
        request: Value::Null,
        outgoing,
    })
}

fn force(call: &DryCall<'_>) -> Result<Made, Refused> {
    let (typed, request, unknown) = body::<ForceApprove>(call)?;
    let (_, reference, mut losses) = named(call)?;
    let msn = unit(call)?;
    let approval = approve::to_approve(&typed, &call.unit.country_code)?;
    losses.extend(unknown.then_some(Loss::UnknownMemberDropped));
    let path = format!("/epayment/v1/test/payments/{reference}/approve");
    let outgoing = Outgoing {
        body: written(&approval),
        losses,
        ..request_to(call, &path, msn, None)
    };
    Ok(Made { request, outgoing })
}

fn written(body: &impl Serialize) -> Option<Value> {
    serde_json::to_value(body).ok()
}

/// A POST with the headers of `upstream::epayment`, and no body yet.
fn request_to(
    call: &DryCall<'_>,
    path: &str,
    msn: Option<Msn>,
    key: Option<&IdempotencyKey>,
) -> Outgoing {
    let credentials = Credentials::of(call.headers, msn);
    let text = |text: &str| HeaderValue::from_str(text).ok();
    let msn = credentials.msn.as_ref().and_then(|msn| text(msn.as_str()));
    let mut headers = HeaderMap::new();
    for (name, value) in [
        (AUTHORIZATION, credentials.authorization),
        (SUBSCRIPTION_KEY, credentials.subscription_key),
        (MERCHANT_SERIAL_NUMBER, msn),
        (IDEMPOTENCY_KEY, key.and_then(|key| text(key.as_str()))),
        (CONTENT_TYPE, text("application/json")),
    ] {
        headers.extend(value.map(|value| (name, value)));
    }
    headers.extend(credentials.system);
    Outgoing {
        method: "POST",
        path: path.to_owned(),
        headers,
        body: None,
        open: false,
        guarded: false,
        losses: Vec::new(),
    }
}
