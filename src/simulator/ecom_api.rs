//! eCom v2 over HTTP: path, headers and media type in; the world's answer or eCom's error array out.
//!
//! The first path segment counts in any letter case, initiate also with a trailing slash; everything else as written.
//! The unit is named by the body, else by the header, else found by the order, else the first of the keys.

use std::sync::Arc;

use serde_json::{Value, json};

use super::answer::{Answer, Asked};
use super::gateway::{Client, plain};
use super::state::{Shared, State};
use super::world::Adjustment;
use crate::ecom::error::{Code, Failure};
use crate::ecom::lenient::Field;
use crate::ecom::request::{Adjust, ForceApprove, InitiatePayment};
use crate::types::{Moment, Msn};

enum Wanted {
    Initiate,
    Adjust(Adjustment),
    Details,
    Status,
    Approve,
}

/// What path and method ask for, and about which order.
fn route(asked: &Asked) -> Result<(Wanted, String), Answer> {
    let parts: Vec<&str> = asked.path.split('/').skip(1).collect();
    let (wanted, method, order) = match parts.get(1..) {
        Some(["v2", "payments"] | ["v2", "payments", ""]) => (Wanted::Initiate, "POST", ""),
        Some(["v2", "payments", order, operation]) => match *operation {
            "capture" => (Wanted::Adjust(Adjustment::Capture), "POST", *order),
            "cancel" => (Wanted::Adjust(Adjustment::Cancel), "PUT", *order),
            "refund" => (Wanted::Adjust(Adjustment::Refund), "POST", *order),
            "details" => (Wanted::Details, "GET", *order),
            "status" => (Wanted::Status, "GET", *order),
            _ => return Err(plain(404, "There is no such resource")),
        },
        Some(["v2", "integration-test", "payments", order, "approve"]) => {
            (Wanted::Approve, "POST", *order)
        }
        _ => return Err(plain(404, "There is no such resource")),
    };
    if asked.method != method {
        return Err(plain(405, "The resource does not support this method"));
    }
    let order = percent_encoding::percent_decode_str(order)
        .decode_utf8()
        .map_err(|_| plain(404, "There is no such resource"))?;
    Ok((wanted, order.into_owned()))
}

/// Answers a request under `/ecomm/`.
pub(super) fn answer(shared: &Arc<Shared>, asked: &Asked) -> Answer {
    shared.change(|state, now| {
        let client = match state.gateway.admit(asked, now, false) {
            Ok(client) => client.clone(),
            Err(no) => return no,
        };
        let (wanted, order) = match route(asked) {
            Ok(route) => route,
            Err(no) => return no,
        };
        match perform(state, &client, asked, &wanted, &order, now) {
            Ok(body) => Answer::json(200, &body),
            Err(failure) => {
                let context = state.world.uuid();
                Answer::json(failure.status, &json!(failure.body(&context)))
            }
        }
    })
}

fn perform(
    state: &mut State,
    client: &Client,
    asked: &Asked,
    wanted: &Wanted,
    order: &str,
    now: Moment,
) -> Result<Value, Failure> {
    let request_id = asked.header("x-request-id");
    if request_id.is_some_and(|id| id.len() > 64) {
        return Err(Failure::field(
            "X-Request-Id",
            "must be at most 64 characters",
        ));
    }
    let reads = matches!(wanted, Wanted::Details | Wanted::Status);
    let body = if reads {
        Value::Null
    } else {
        json_object(asked)?
    };
    let msn = unit(state, client, asked, &body, order)?;
    match wanted {
        Wanted::Initiate => {
            once::<InitiatePayment>(asked)?;
            state.world.ecom_initiate(&msn, request_id, &body, now)
        }
        Wanted::Adjust(what) => {
            let adjust: Adjust = once(asked)?;
            state
                .world
                .ecom_adjust(&msn, order, *what, request_id, &adjust, now)
        }
        Wanted::Details => state.world.ecom_details(&msn, order, now),
        Wanted::Status => state.world.ecom_status(&msn, order, now),
        Wanted::Approve => {
            let approve: ForceApprove = once(asked)?;
            state
                .world
                .ecom_approve(&msn, order, &approve, now)
                .map(|()| json!({}))
        }
    }
}

/// Reads the bytes themselves: a member that stands twice is refused.
fn once<T: serde::de::DeserializeOwned>(asked: &Asked) -> Result<T, Failure> {
    serde_json::from_slice(&asked.body)
        .map_err(|_| Failure::field("body", "cannot be read, or has a member twice"))
}

fn parse<T: serde::de::DeserializeOwned>(body: Value) -> Result<T, Failure> {
    serde_json::from_value(body).map_err(|_| Failure::field("body", "cannot be read"))
}

fn json_object(asked: &Asked) -> Result<Value, Failure> {
    if !asked.is_json() {
        return Err(Failure::field("Content-Type", "must be application/json").with_status(415));
    }
    asked
        .object()
        .ok_or_else(|| Failure::field("body", "must be a JSON object"))
}

/// The unit that is meant, where the keys may act for it.
fn unit(
    state: &State,
    client: &Client,
    asked: &Asked,
    body: &Value,
    order: &str,
) -> Result<Msn, Failure> {
    const MEMBER: &str = "merchantInfo.merchantSerialNumber";
    let adjust: Adjust = if body.is_object() {
        parse(json!({"merchantInfo": body.get("merchantInfo")}))?
    } else {
        Adjust::default()
    };
    let in_body = match &adjust.merchant_info {
        Field::Absent | Field::Null => None,
        Field::Wrong => return Err(Failure::field("merchantInfo", "must be an object")),
        Field::Is(info) => match &info.0.merchant_serial_number {
            Field::Absent | Field::Null => None,
            Field::Is(text) => Some(text.0.clone()),
            Field::Wrong => return Err(Failure::field(MEMBER, "must be text")),
        },
    };
    let in_header = asked.header("merchant-serial-number").map(str::to_owned);
    if in_body.is_some() && in_header.is_some() && in_body != in_header {
        return Err(Failure::field(MEMBER, "is not the one in the header"));
    }
    match in_body.or(in_header) {
        Some(text) => {
            let msn = Msn::parse(text.trim())
                .ok_or_else(|| Failure::field(MEMBER, "must be 4 to 7 digits"))?;
            if client.owns(msn.as_str()) {
                Ok(msn)
            } else {
                Err(Failure::code(Code::Merchant37))
            }
        }
        None => state
            .world
            .unit_of_order(&client.units, order)
            .or(client.units.first())
            .cloned()
            .ok_or_else(|| Failure::code(Code::Merchant37)),
    }
}
