//! `/_simulator/…`: the handle over HTTP, for tests and demos in another process.
//!
//! JSON in and out; 404 for what is not there, 400 for what cannot be read. Needs no keys: the simulator serves loopback
//! only. The landing page of redirect URLs is here, too.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::answer::{Answer, Asked};
use super::faults::Fault;
use super::handle::Handle;
use super::hooks::{self, Forgery};
use super::state::Shared;
use super::world::{Act, Unit};

fn ok(body: &Value) -> Answer {
    Answer::json(200, body)
}

fn bad(status: u16, why: &str) -> Answer {
    Answer::json(status, &json!({"error": why}))
}

/// Answers a control.
pub(super) fn answer(shared: &Arc<Shared>, asked: &Asked) -> Answer {
    let handle = Handle(Arc::clone(shared));
    let body = if asked.body.is_empty() {
        json!({})
    } else {
        match serde_json::from_slice(&asked.body) {
            Ok(body) => body,
            Err(e) => return bad(400, &e.to_string()),
        }
    };
    let parts: Vec<&str> = asked.path.split('/').skip(2).collect();
    match (asked.method.as_str(), parts.as_slice()) {
        ("GET", ["health"]) => ok(&json!({"status": "ok", "now": handle.now().to_string()})),
        ("GET", ["landing"]) => landing(shared, asked),
        ("GET", ["payments"]) => ok(&json!(handle.payments())),
        ("GET", ["payments", msn, reference]) => match handle.payment(msn, reference) {
            Some(payment) => ok(&json!(payment)),
            None => bad(404, "no such payment"),
        },
        ("POST", ["payments", msn, reference, word]) => act(&handle, msn, reference, word),
        ("GET", ["requests"]) => {
            let shown: Vec<Value> = handle.requests().iter().map(|r| r.shown()).collect();
            ok(&json!(shown))
        }
        ("DELETE", ["requests"]) => {
            handle.clear_requests();
            ok(&json!({}))
        }
        ("GET", ["faults"]) => ok(&json!(handle.faults())),
        ("POST", ["faults"]) => match serde_json::from_value::<Fault>(body) {
            Ok(fault) => ok(&json!({"id": handle.add_fault(fault)})),
            Err(e) => bad(400, &e.to_string()),
        },
        ("DELETE", ["faults"]) => {
            handle.clear_faults();
            ok(&json!({}))
        }
        ("GET", ["callbacks"]) => ok(&json!(handle.callbacks())),
        ("GET", ["webhooks"]) => ok(&hooks::shown(&shared.hooks)),
        ("POST", ["webhooks", word]) => webhooks(&handle, word, &body),
        ("POST", ["clock"]) => match body.get("advance_s").and_then(Value::as_u64) {
            Some(seconds) => {
                handle.advance(Duration::from_secs(seconds));
                ok(&json!({"now": handle.now().to_string()}))
            }
            None => bad(400, "advance_s is missing"),
        },
        ("GET", ["settings"]) => settings(shared),
        ("POST", ["settings"]) => match set(shared, &body) {
            Ok(()) => settings(shared),
            Err(why) => bad(400, &why),
        },
        ("POST", ["network"]) => match body.get("down_ms").and_then(Value::as_u64) {
            Some(time) => {
                shared.spawn(async move {
                    handle.set_down(true).await;
                    tokio::time::sleep(Duration::from_millis(time)).await;
                    handle.set_down(false).await;
                });
                ok(&json!({}))
            }
            None => bad(400, "down_ms is missing"),
        },
        ("POST", ["tokens", "expire"]) => {
            handle.expire_tokens();
            ok(&json!({}))
        }
        ("POST", ["reset"]) => {
            handle.reset();
            ok(&json!({}))
        }
        _ => bad(404, "no such control"),
    }
}

fn act(handle: &Handle, msn: &str, reference: &str, word: &str) -> Answer {
    let Some(act) = Act::parse(word) else {
        return bad(404, "no such act");
    };
    match handle.act(msn, reference, act) {
        Ok(changed) => ok(&json!({
            "changed": changed,
            "payment": handle.payment(msn, reference),
        })),
        Err(_) => bad(404, "no such payment"),
    }
}

fn webhooks(handle: &Handle, word: &str, body: &Value) -> Answer {
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    match word {
        "pause" => handle.pause_webhooks(),
        "resume" => handle.resume_webhooks(),
        "duplicate" => handle.duplicate_webhooks(),
        "reverse" => handle.reverse_webhooks(),
        "redeliver" => {
            let count = handle.redeliver_webhooks(text("reference"));
            return ok(&json!({"count": count}));
        }
        "send" => {
            let forgery = match body.get("forgery").filter(|f| !f.is_null()) {
                None => None,
                Some(word) => match serde_json::from_value::<Forgery>(word.clone()) {
                    Ok(forgery) => Some(forgery),
                    Err(e) => return bad(400, &e.to_string()),
                },
            };
            let (Some(msn), Some(event)) = (text("msn"), body.get("body")) else {
                return bad(400, "msn and body are needed");
            };
            return ok(&json!({"count": handle.send_webhook(msn, event, forgery)}));
        }
        _ => return bad(404, "no such control"),
    }
    ok(&json!({}))
}

fn settings(shared: &Arc<Shared>) -> Answer {
    let shown = shared.change(|state, _| {
        let units: Vec<&Unit> = state.world.units().collect();
        let clients: Vec<Value> = state
            .gateway
            .clients()
            .iter()
            .map(|c| json!({"client_id": c.client_id, "units": c.units}))
            .collect();
        json!({"rules": state.world.rules(), "units": units, "clients": clients})
    });
    ok(&shown)
}

/// `{"rules": {some}, "unit": {"msn": …, some}}`: what is not named stays.
fn set(shared: &Arc<Shared>, body: &Value) -> Result<(), String> {
    let words = |e: serde_json::Error| e.to_string();
    shared.change(|state, _| {
        if let Some(part) = body.get("rules") {
            let mut whole = json!(state.world.rules());
            merge(&mut whole, part);
            state
                .world
                .set_rules(serde_json::from_value(whole).map_err(words)?);
        }
        if let Some(part) = body.get("unit") {
            let msn = part.get("msn").and_then(Value::as_str);
            let unit = msn.and_then(|msn| state.world.unit(msn));
            let mut whole = json!(unit.ok_or("no such unit")?);
            merge(&mut whole, part);
            state
                .world
                .set_unit(serde_json::from_value(whole).map_err(words)?);
        }
        Ok(())
    })
}

fn merge(whole: &mut Value, part: &Value) {
    if let (Some(whole), Some(part)) = (whole.as_object_mut(), part.as_object()) {
        for (name, value) in part {
            whole.insert(name.clone(), value.clone());
        }
    }
}

/// What a user would see: the payment, and two buttons.
fn landing(shared: &Arc<Shared>, asked: &Asked) -> Answer {
    let token = asked.target.split("token=").nth(1).unwrap_or_default();
    let found = shared.change(|state, _| {
        let (msn, reference) = state.world.by_token(token)?;
        state.world.payment(&msn, &reference)
    });
    let Some(payment) = found else {
        return bad(404, "no payment has this token");
    };
    let base = format!("/_simulator/payments/{}/{}", payment.msn, payment.reference);
    let page = format!(
        "<!doctype html><title>Simulated landing page</title>\
         <p>Order {}: {} minor units, {:?}</p>\
         <form method=post action=\"{base}/approve\"><button>Approve</button></form>\
         <form method=post action=\"{base}/reject\"><button>Reject</button></form>",
        payment.reference, payment.amount, payment.state
    );
    Answer::text(200, "text/html; charset=utf-8", page)
}
