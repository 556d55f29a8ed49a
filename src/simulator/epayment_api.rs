//! ePayment v1, Webhooks v1 and Userinfo over HTTP: strict about paths, headers and media types.
//!
//! Source: the specifications and their later changes. Paths count as written, letter case included.

use std::sync::Arc;

use serde_json::{Value, json};

use super::answer::{Answer, Asked};
use super::gateway::{Client, plain};
use super::hooks::event_name;
use super::state::{Shared, State};
use super::world::{Call, Reply};
use crate::epayment::event::EventName;
use crate::types::{Moment, Msn};

const PROBLEM: &str = "application/problem+json";

enum Wanted {
    Create,
    Get,
    Events,
    Capture,
    Cancel,
    Refund,
    Approve,
}

fn route(asked: &Asked) -> Result<(Wanted, String), Answer> {
    let parts: Vec<&str> = asked.path.split('/').skip(1).collect();
    let (wanted, method, reference) = match parts.get(1..) {
        Some(["v1", "payments"]) => (Wanted::Create, "POST", ""),
        Some(["v1", "payments", reference]) => (Wanted::Get, "GET", *reference),
        Some(["v1", "payments", reference, operation]) => match *operation {
            "events" => (Wanted::Events, "GET", *reference),
            "capture" => (Wanted::Capture, "POST", *reference),
            "cancel" => (Wanted::Cancel, "POST", *reference),
            "refund" => (Wanted::Refund, "POST", *reference),
            _ => return Err(plain(404, "There is no such resource")),
        },
        Some(["v1", "test", "payments", reference, "approve"]) => {
            (Wanted::Approve, "POST", *reference)
        }
        _ => return Err(plain(404, "There is no such resource")),
    };
    if asked.method != method {
        return Err(plain(405, "The resource does not support this method"));
    }
    let reference = percent_encoding::percent_decode_str(reference)
        .decode_utf8_lossy()
        .into_owned();
    Ok((wanted, reference))
}

/// The unit that the header names, where the keys may act for it.
fn unit(state: &mut State, client: &Client, asked: &Asked) -> Result<Msn, Reply> {
    const NAME: &str = "Merchant-Serial-Number";
    let world = &mut state.world;
    let text = asked.header("merchant-serial-number");
    let text = text.ok_or_else(|| world.invalid(400, NAME, "is required"))?;
    let msn = Msn::parse(text).ok_or_else(|| world.invalid(400, NAME, "must be 4 to 7 digits"))?;
    if client.owns(msn.as_str()) {
        Ok(msn)
    } else {
        Err(world.invalid(403, NAME, "these keys may not act for this sales unit"))
    }
}

fn reply(reply: Reply, modification: &str) -> Answer {
    let media = if reply.modification {
        modification
    } else if reply.status >= 400 {
        PROBLEM
    } else {
        "application/json"
    };
    match reply.body {
        Some(body) => Answer::text(reply.status, media, body.to_string()),
        None => Answer::empty(reply.status),
    }
}

/// Answers a request under `/epayment/`.
pub(super) fn answer(shared: &Arc<Shared>, asked: &Asked) -> Answer {
    shared.change(|state, now| {
        let client = match state.gateway.admit(asked, now, true) {
            Ok(client) => client.clone(),
            Err(no) => return no,
        };
        let (wanted, reference) = match route(asked) {
            Ok(route) => route,
            Err(no) => return no,
        };
        let result = perform(state, &client, asked, &wanted, reference, now);
        let media = state.world.rules().adjust_media_type.clone();
        reply(result.unwrap_or_else(|no| no), &media)
    })
}

fn perform(
    state: &mut State,
    client: &Client,
    asked: &Asked,
    wanted: &Wanted,
    reference: String,
    now: Moment,
) -> Result<Reply, Reply> {
    let msn = unit(state, client, asked)?;
    let world = &mut state.world;
    for name in ["merchant-serial-number", "idempotency-key", "authorization"] {
        if asked.headers.get_all(name).iter().count() > 1 {
            return Err(world.invalid(400, name, "must stand once"));
        }
    }
    for name in [
        "vipps-system-name",
        "vipps-system-version",
        "vipps-system-plugin-name",
        "vipps-system-plugin-version",
    ] {
        if asked.header(name).is_some_and(|v| v.chars().count() > 30) {
            return Err(world.invalid(400, name, "must be at most 30 characters"));
        }
    }
    if matches!(wanted, Wanted::Get) {
        return Ok(world.epayment(&msn, Call::Get { reference }, now));
    }
    if matches!(wanted, Wanted::Events) {
        return Ok(world.epayment(&msn, Call::Events { reference }, now));
    }
    let optional = matches!(wanted, Wanted::Cancel);
    let body = if optional && asked.body.is_empty() {
        json!({})
    } else {
        if !asked.is_json() {
            return Err(world.invalid(415, "Content-Type", "must be application/json"));
        }
        asked
            .object()
            .ok_or_else(|| world.invalid(400, "body", "must be a JSON object"))?
    };
    if matches!(wanted, Wanted::Approve) {
        return Ok(world.epayment(&msn, Call::Approve { reference, body }, now));
    }
    let key = match asked.header("idempotency-key") {
        Some(key) if key.chars().count() <= 50 => key.to_owned(),
        Some(_) => {
            return Err(world.invalid(400, "Idempotency-Key", "must be at most 50 characters"));
        }
        None => return Err(world.invalid(400, "Idempotency-Key", "is required")),
    };
    let call = match wanted {
        Wanted::Capture => Call::Capture {
            reference,
            key,
            body,
        },
        Wanted::Refund => Call::Refund {
            reference,
            key,
            body,
        },
        Wanted::Cancel => Call::Cancel {
            reference,
            key,
            body,
        },
        Wanted::Create | Wanted::Get | Wanted::Events | Wanted::Approve => {
            Call::Create { key, body }
        }
    };
    Ok(world.epayment(&msn, call, now))
}

/// Answers a request under `/webhooks/`.
pub(super) fn webhooks(shared: &Arc<Shared>, asked: &Asked) -> Answer {
    shared.change(|state, now| {
        let client = match state.gateway.admit(asked, now, true) {
            Ok(client) => client.clone(),
            Err(no) => return no,
        };
        let units: Vec<String> = if asked.header("merchant-serial-number").is_some() {
            match unit(state, &client, asked) {
                Ok(msn) => vec![msn.as_str().to_owned()],
                Err(no) => return reply(no, PROBLEM),
            }
        } else {
            client.units.iter().map(|u| u.as_str().to_owned()).collect()
        };
        let id = asked.path.strip_prefix("/webhooks/v1/webhooks/");
        match (asked.method.as_str(), asked.path.as_str(), id) {
            ("GET", "/webhooks/v1/webhooks", _) => {
                let all = shared.hooks.list();
                let mine: Vec<Value> = all
                    .iter()
                    .filter(|r| r.units.iter().any(|u| units.contains(u)))
                    .map(|r| json!({"id": r.id, "url": r.url, "events": r.events}))
                    .collect();
                Answer::json(200, &json!({"webhooks": mine}))
            }
            ("POST", "/webhooks/v1/webhooks", _) => register(shared, state, asked, units),
            ("DELETE", _, Some(id)) if shared.hooks.remove(id, &units) => Answer::empty(204),
            ("DELETE", _, Some(_)) => {
                reply(state.world.invalid(404, "id", "is not registered"), PROBLEM)
            }
            _ => plain(404, "There is no such resource"),
        }
    })
}

fn register(shared: &Arc<Shared>, state: &mut State, asked: &Asked, units: Vec<String>) -> Answer {
    let body = asked.object().filter(|_| asked.is_json());
    let Some(body) = body else {
        let no = state.world.invalid(400, "body", "must be a JSON object");
        return reply(no, PROBLEM);
    };
    let url = body.get("url").and_then(Value::as_str).unwrap_or_default();
    let events: Option<Vec<String>> = body.get("events").and_then(|events| {
        let all = events.as_array()?;
        all.iter().map(|e| e.as_str().map(str::to_owned)).collect()
    });
    let https = url.len() > 8 && url.starts_with("https://");
    if !https && super::outbound::target(url).is_err() {
        let no = state.world.invalid(400, "url", "must be https");
        return reply(no, PROBLEM);
    }
    let known = |event: &String| {
        [
            EventName::Created,
            EventName::Aborted,
            EventName::Expired,
            EventName::Cancelled,
            EventName::Captured,
            EventName::Refunded,
            EventName::Authorized,
            EventName::Terminated,
        ]
        .into_iter()
        .any(|name| event_name(name) == *event)
    };
    let Some(events) = events.filter(|all| !all.is_empty() && all.iter().all(known)) else {
        let no = state.world.invalid(400, "events", "must be known events");
        return reply(no, PROBLEM);
    };
    let (id, secret) = (state.world.uuid(), state.world.uuid());
    if shared.hooks.register(&id, &secret, url, events, units) {
        Answer::json(201, &json!({"id": id, "secret": secret}))
    } else {
        let no = state
            .world
            .invalid(400, "events", "25 registrations are the most");
        reply(no, PROBLEM)
    }
}

/// Answers a request under `/vipps-userinfo-api/`.
pub(super) fn userinfo(shared: &Arc<Shared>, asked: &Asked) -> Answer {
    shared.change(|state, now| {
        if let Err(no) = state.gateway.bearer(asked, now, true) {
            return no;
        }
        let sub = asked.path.strip_prefix("/vipps-userinfo-api/userinfo/");
        match (asked.method.as_str(), sub) {
            ("GET", Some(sub)) => {
                let sub = percent_encoding::percent_decode_str(sub).decode_utf8_lossy();
                match state.world.userinfo(&sub) {
                    Some(info) => Answer::json(200, &info),
                    None => plain(404, "Nobody is known by this sub"),
                }
            }
            _ => plain(404, "There is no such resource"),
        }
    })
}
