//! Calls, answers and sums in a few words.
//!
//! Must not: write a token or a phone number.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::cli::scene::shop::{Call, Heard, kr};
use crate::simulator::{PaymentView, SeenRequest, Surface};

/// What was asked upstream, in a few words.
pub(super) fn calls(seen: &[SeenRequest]) -> String {
    let mut apis: BTreeMap<&str, BTreeMap<String, usize>> = BTreeMap::new();
    let mut keys = BTreeSet::new();
    for one in seen {
        let api = if one.surface == Surface::Ecom {
            "eCom"
        } else {
            "ePayment"
        };
        keys.extend(one.header("idempotency-key"));
        let last = one
            .path()
            .trim_end_matches('/')
            .rsplit('/')
            .next()
            .unwrap_or_default();
        let name = match (one.method.as_str(), last.to_ascii_lowercase().as_str()) {
            ("GET", _) => "read".to_owned(),
            (_, "payments") => "initiate".to_owned(),
            (_, name) => name.to_owned(),
        };
        *apis.entry(api).or_default().entry(name).or_default() += 1;
    }
    if apis.is_empty() {
        return "nothing was sent".to_owned();
    }
    let told = apis.into_iter().map(|(api, names)| {
        let names = names.into_iter().map(|(name, count)| match count {
            1 => name,
            count => format!("{name} x{count}"),
        });
        format!("{api}: {}", names.collect::<Vec<_>>().join(", "))
    });
    let text = told.collect::<Vec<_>>().join("; ");
    match keys.len() {
        0 => text,
        1 => format!("{text} (1 key)"),
        many => format!("{text} ({many} keys)"),
    }
}

/// The money of a payment.
pub(super) fn sums(view: &PaymentView) -> String {
    let all = [
        ("captured", view.captured),
        ("refunded", view.refunded),
        ("released", view.cancelled),
    ];
    let some = all.iter().filter(|(_, amount)| amount.minor_units() != 0);
    let some: Vec<String> = some
        .map(|(word, amount)| format!("{word} {}", kr(amount.minor_units())))
        .collect();
    if some.is_empty() {
        "no money moved".to_owned()
    } else {
        some.join(", ")
    }
}

/// A call in a line.
pub(super) fn told_call(call: &Call) -> String {
    let short = call.path.strip_prefix("/ecomm/v2/payments/");
    let path = short.map_or_else(|| call.path.clone(), |rest| format!(".../{rest}"));
    let mut text = format!("{} {path}", call.method);
    let amount = call
        .body
        .as_ref()
        .and_then(|body| body.pointer("/transaction/amount"));
    if let Some(amount) = amount.and_then(Value::as_i64) {
        text.push_str(&format!(", {}", kr(amount)));
    }
    if let Some(id) = &call.request_id {
        text.push_str(&format!(", X-Request-Id {id}"));
    }
    text
}

/// An answer in a few words.
pub(super) fn told(heard: &Heard) -> String {
    if let Some(why) = &heard.failure {
        return format!("no answer: {why}");
    }
    let status = heard.status;
    if let Some(code) = heard.text("/0/errorCode") {
        let said = heard.text("/0/errorMessage").unwrap_or_default();
        let said = said
            .split(['.', ';', '('])
            .next()
            .unwrap_or_default()
            .trim();
        return format!("{status}, error {code}: {said}");
    }
    let info = ["/transactionInfo", "/transaction"];
    let done = info.iter().find_map(|at| {
        let status = heard.text(&format!("{at}/status"))?;
        let amount = heard.number(&format!("{at}/amount"));
        Some(amount.map_or(status.to_owned(), |amount| {
            format!("{status} {}", kr(amount))
        }))
    });
    if let Some(done) = done {
        return format!("{status}, {done}");
    }
    if heard.text("/url").is_some() {
        return format!("{status}, orderId and url");
    }
    let log = heard
        .json
        .get("transactionLogHistory")
        .and_then(Value::as_array);
    if let Some(log) = log {
        let names = log.iter().filter_map(|one| one.get("operation")?.as_str());
        return format!("{status}, log {}", names.collect::<Vec<_>>().join(", "));
    }
    match heard.body.len() {
        0 => format!("{status}, no body"),
        bytes if heard.json.is_null() => format!("{status}, {bytes} bytes that are no JSON"),
        bytes => format!("{status}, {bytes} bytes of JSON"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, text: &str) -> Heard {
        Heard {
            status,
            body: text.to_owned().into(),
            json: serde_json::from_str(text).unwrap_or_default(),
            ..Heard::default()
        }
    }

    #[test]
    fn an_answer_is_told_by_what_a_shop_looks_at() {
        for (status, text, want) in [
            (
                502,
                r#"[{"errorGroup":"VippsError","errorCode":"94","errorMessage":"Repeat. Later"}]"#,
                "502, error 94: Repeat",
            ),
            (
                200,
                r#"{"transactionInfo":{"status":"Captured","amount":4000}}"#,
                "200, Captured 40.00",
            ),
            (
                200,
                r#"{"orderId":"a","url":"https://x?token=secret"}"#,
                "200, orderId and url",
            ),
            (
                200,
                r#"{"transactionLogHistory":[{"operation":"RESERVE"},{"operation":"INITIATE"}]}"#,
                "200, log RESERVE, INITIATE",
            ),
            (200, "<html>", "200, 6 bytes that are no JSON"),
            (200, "", "200, no body"),
        ] {
            assert_eq!(told(&answer(status, text)), want);
        }
        assert_eq!(calls(&[]), "nothing was sent");
    }
}
