//! The API's description against what is served: the same routes, answers that fit their schemas, errors as problems.

use std::collections::BTreeSet;
use std::path::Path;

use ecom_bridge::admin::api_document;
use ecom_bridge::simulator::merchant::Manner;
use serde_json::{Value, json};

use crate::support::app::MSN;
use crate::support::callbacks::Shop;
use crate::support::eventually;

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

fn document() -> Value {
    api_document().expect("every part is JSON")
}

/// `METHOD path` of everything that is described.
fn described() -> BTreeSet<String> {
    let document = document();
    let paths = document["paths"].as_object().unwrap();
    let of = |(path, item): (&String, &Value)| -> Vec<String> {
        let methods = item.as_object().unwrap().keys();
        methods.map(|method| format!("{method} {path}")).collect()
    };
    paths.iter().flat_map(of).collect()
}

/// `METHOD path` of every `.route("/api…", …)` in the source: axum does not tell what a router has.
fn routed() -> BTreeSet<String> {
    fn read(folder: &Path, found: &mut String) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                read(&path, found);
            } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("tests.rs") {
                found.push_str(&std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    let mut text = String::new();
    read(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src/admin"),
        &mut text,
    );
    let mut all = BTreeSet::new();
    for piece in text.split(".route(").skip(1) {
        let Some(rest) = piece.trim_start().strip_prefix('"') else {
            continue;
        };
        let (path, rest) = rest.split_once('"').unwrap();
        if !path.starts_with("/api/") {
            continue;
        }
        // Up to the end of this call: the parenthesis that it does not open itself.
        let mut depth = 1;
        let end = rest.find(|c| {
            depth += match c {
                '(' => 1,
                ')' => -1,
                _ => 0,
            };
            depth == 0
        });
        for method in METHODS {
            let word = format!("{method}(");
            let mut places = rest[..end.unwrap()].match_indices(&word);
            if places
                .any(|(at, _)| !rest[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
            {
                all.insert(format!("{method} {path}"));
            }
        }
    }
    all
}

#[test]
fn every_route_is_described_and_every_description_is_a_route() {
    let (routed, described) = (routed(), described());
    assert!(routed.len() > 10, "{routed:?}");
    assert_eq!(routed, described);
}

#[test]
fn every_reference_in_the_description_leads_somewhere() {
    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                if let Some(Value::String(to)) = map.get("$ref") {
                    found.push(to.clone());
                }
                map.values().for_each(|value| references(value, found));
            }
            Value::Array(list) => list.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let document = document();
    let mut all = Vec::new();
    references(&document, &mut all);
    assert!(!all.is_empty());
    for to in all {
        let at = to.strip_prefix('#').unwrap();
        assert!(document.pointer(at).is_some(), "{to}");
    }
    let mut names = BTreeSet::new();
    for item in document["paths"].as_object().unwrap().values() {
        for operation in item.as_object().unwrap().values() {
            assert!(
                names.insert(operation["operationId"].to_string()),
                "{operation}"
            );
            assert!(operation["responses"]["default"].is_object(), "{operation}");
            assert!(operation["summary"].is_string() && operation["tags"].is_array());
        }
    }
}

/// Holds an answer against the schema of its route and status.
fn fits(document: &Value, route: (&str, &str), status: u16, answer: &Value) {
    let (method, path) = route;
    let responses = &document["paths"][path][method]["responses"];
    let mut response = &responses[status.to_string()];
    if response.is_null() {
        response = &responses["default"];
    }
    if let Some(to) = response["$ref"].as_str() {
        response = document.pointer(to.trim_start_matches('#')).unwrap();
    }
    let content = response["content"].as_object().unwrap().values().next();
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "components": document["components"],
        "allOf": [content.unwrap()["schema"]],
    });
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator
        .iter_errors(answer)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(
        errors.is_empty(),
        "{method} {path} {status}: {errors:?} in {answer}"
    );
}

#[tokio::test]
async fn real_answers_fit_the_description() {
    let shop = Shop::with(&[
        ("callbacks.schedule", "[\"0s\"]"),
        (
            "merchant",
            &format!("msn = \"{MSN}\"\nrouting = {{ initiate = {{ epayment_percent = 100 }} }}"),
        ),
    ])
    .await;
    shop.merchant.answer(Manner::status(500));
    shop.order("described-1").await;
    shop.approve("described-1");
    eventually(async || shop.counts().await.dead == 1).await;
    let id = shop.listed().await[0].id.0.to_string();
    let document = document();
    let because = json!({"who": "ann", "why": "a test"});
    let with = |more: Value| {
        let mut all = because.as_object().unwrap().clone();
        all.extend(more.as_object().unwrap().clone());
        Value::Object(all)
    };
    let hook = shop.app.callbacks().webhooks(None).await.unwrap()[0]
        .id
        .clone();
    let none = &Value::Null;
    let (on, set) = (
        with(json!({"on": true})),
        with(json!({"key": "initiate", "value": "25%", "msn": MSN, "for": "2h"})),
    );
    let off = with(json!({"on": false}));
    let mut made = Value::Null;
    for (method, path, names, body, want) in [
        ("post", "/api/toggles", &[][..], &set, 201),
        ("post", "/api/toggles", &[], &json!({"key": "x"}), 422),
        ("get", "/api/toggles", &[], none, 200),
        ("post", "/api/kill-switch", &[], &on, 201),
        ("post", "/api/kill-switch", &[], &off, 200),
        ("post", "/api/kill-switch", &[], &off, 409),
        ("get", "/api/changes", &[], none, 200),
        ("get", "/api/callbacks", &[], none, 200),
        (
            "get",
            "/api/callbacks/{id}",
            &[("id", id.as_str())],
            none,
            200,
        ),
        ("get", "/api/callbacks/{id}", &[("id", "987654")], none, 404),
        ("get", "/api/callbacks/{id}", &[("id", "x")], none, 400),
        (
            "post",
            "/api/callbacks/{id}/replay",
            &[("id", &id)],
            none,
            200,
        ),
        ("get", "/api/webhooks", &[], none, 200),
        (
            "post",
            "/api/webhooks/{msn}/register",
            &[("msn", MSN)],
            none,
            200,
        ),
        (
            "post",
            "/api/webhooks/{msn}/register",
            &[("msn", "x")],
            none,
            400,
        ),
        (
            "delete",
            "/api/webhooks/{msn}/{id}",
            &[("msn", MSN), ("id", &hook)],
            none,
            200,
        ),
        (
            "post",
            "/api/callbacks/{id}/drop",
            &[("id", "987654")],
            &because,
            404,
        ),
        (
            "delete",
            "/api/toggles/{id}",
            &[("id", "987654")],
            &because,
            404,
        ),
        ("get", "/api/openapi.json", &[], none, 200),
    ] {
        let mut at = path.to_owned();
        for (name, value) in names {
            at = at.replace(&format!("{{{name}}}"), value);
        }
        let answer = shop.operate(&method.to_uppercase(), &at, body).await;
        assert_eq!(answer.status, want, "{method} {at}: {}", answer.text());
        let kind = answer.header("content-type").unwrap();
        let problem = if want >= 400 {
            "application/problem+json"
        } else {
            "application/json"
        };
        assert_eq!(kind, problem, "{method} {at}");
        fits(&document, (method, path), want, &answer.json());
        if want == 201 && made.is_null() {
            made = answer.json();
        }
    }
    let undo = format!("/api/toggles/{}", made["id"]);
    let answer = shop.operate("DELETE", &undo, &because).await;
    fits(
        &document,
        ("delete", "/api/toggles/{id}"),
        answer.status,
        &answer.json(),
    );
    assert_eq!(answer.status, 200);
    eventually(async || shop.counts().await.dead == 1).await;
    let drop = format!("/api/callbacks/{id}/drop");
    let answer = shop.operate("POST", &drop, &because).await;
    fits(
        &document,
        ("post", "/api/callbacks/{id}/drop"),
        answer.status,
        &answer.json(),
    );
    assert_eq!(answer.status, 200);
    for (method, path, want) in [
        ("GET", "/api/nowhere", 404),
        ("PUT", "/api/toggles", 405),
        ("GET", "/api/callbacks?limit=x", 400),
    ] {
        let answer = shop.operate(method, path, none).await;
        assert_eq!(answer.status, want, "{path}");
        fits(&document, ("get", "/api/toggles"), want, &answer.json());
    }
}
