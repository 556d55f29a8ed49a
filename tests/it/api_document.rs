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

pub(crate) fn document() -> Value {
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

#[test]
fn no_part_is_left_out_and_none_hides_another() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/admin/openapi");
    let mut names: Vec<String> = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let part: Value = serde_json::from_str(&text).unwrap();
        let schemas = part
            .get("schemas")
            .unwrap_or(&part["components"]["schemas"]);
        names.extend(schemas.as_object().unwrap().keys().cloned());
    }
    let document = document();
    let whole = document["components"]["schemas"].as_object().unwrap();
    names.sort();
    assert_eq!(names, whole.keys().cloned().collect::<Vec<_>>());
}

/// A member under another name must not go unnoticed: what has members names all of them, or says which may be absent.
#[test]
fn the_members_of_every_answer_are_told_in_full() {
    /// With what may be absent.
    const ABSENT: [&str; 6] = [
        "problems",
        "countsAgree",
        "amount",
        "requestId",
        "idempotencyKey",
        "transactionId",
    ];
    fn look(value: &Value, at: &str, wrong: &mut Vec<String>) {
        if let Some(members) = value["properties"].as_object() {
            let closed = [
                &value["additionalProperties"],
                &value["unevaluatedProperties"],
            ];
            // A base is closed where it is used.
            if !closed.contains(&&Value::Bool(false)) && !at.ends_with("/KnownPayment") {
                wrong.push(format!("{at} is open"));
            }
            let required = value["required"].as_array().unwrap();
            for name in members.keys() {
                if !required.contains(&json!(name)) && !ABSENT.contains(&name.as_str()) {
                    wrong.push(format!("{at}/{name} may be absent"));
                }
            }
            for name in required {
                if !members.contains_key(name.as_str().unwrap()) {
                    wrong.push(format!("{at}: {name} is not described"));
                }
            }
        }
        match value {
            Value::Object(map) => {
                for (name, value) in map {
                    look(value, &format!("{at}/{name}"), wrong);
                }
            }
            Value::Array(list) => list.iter().for_each(|value| look(value, at, wrong)),
            _ => {}
        }
    }
    let document = document();
    let mut wrong = Vec::new();
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        if name != "Because" {
            look(schema, &format!("/{name}"), &mut wrong);
        }
    }
    for (path, item) in document["paths"].as_object().unwrap() {
        for operation in item.as_object().unwrap().values() {
            look(&operation["responses"], path, &mut wrong);
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// Whether a route has a parameter of this name in its query.
fn has_parameter(document: &Value, operation: &Value, name: &str) -> bool {
    let parameters = operation["parameters"].as_array();
    parameters.into_iter().flatten().any(|parameter| {
        let parameter = match parameter["$ref"].as_str() {
            Some(to) => document.pointer(to.trim_start_matches('#')).unwrap(),
            None => parameter,
        };
        parameter["in"] == "query" && parameter["name"] == name
    })
}

/// Holds an answer against the schema of its route and status.
pub(crate) fn fits(document: &Value, route: (&str, &str), status: u16, answer: &Value) {
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

const WHO: &str = r#""who": "ann", "why": "a test""#;

/// A change of toggles with its reason.
pub(crate) fn because(more: &str) -> Value {
    serde_json::from_str(&format!("{{{WHO}{more}}}")).unwrap()
}

/// What is asked: method, path as it is described and perhaps a query, the values for its names, and the status that
/// follows.
type Asked<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], Value, u16);

/// Asks, and holds the answer against the description.
pub(crate) async fn asked(
    shop: &Shop,
    document: &Value,
    (method, path, names, body, want): Asked<'_>,
) -> Value {
    let mut at = path.to_owned();
    for (name, value) in names {
        at = at.replace(&format!("{{{name}}}"), value);
    }
    let answer = shop.operate(&method.to_uppercase(), &at, &body).await;
    assert_eq!(answer.status, want, "{method} {at}: {}", answer.text());
    let kind = answer.header("content-type");
    let wanted = match want {
        400.. => "application/problem+json",
        _ => "application/json",
    };
    assert_eq!(kind, Some(wanted), "{method} {at}");
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, _) = pair.split_once('=').unwrap();
        let operation = &document["paths"][path][method];
        assert!(has_parameter(document, operation, name), "{path} {name}");
    }
    fits(document, (method, path), want, &answer.json());
    answer.json()
}

async fn a_shop_with_a_dead_callback() -> Shop {
    let merchant = format!("msn = \"{MSN}\"\nrouting = {{ capture = \"ecom\" }}");
    let shop = Shop::with(&[("callbacks.schedule", "[\"0s\"]"), ("merchant", &merchant)]).await;
    shop.merchant.answer(Manner::status(500));
    shop.order("described-1").await;
    shop.approve("described-1");
    eventually(async || shop.counts().await.dead == 1).await;
    shop
}

#[tokio::test]
async fn real_answers_about_steering_fit_the_description() {
    let shop = Shop::with(&[("merchant", &format!("msn = \"{MSN}\""))]).await;
    shop.order("described-0").await;
    let document = document();
    let set = because(&format!(
        r#", "key": "initiate", "value": "25%", "msn": "{MSN}", "for": "2h""#
    ));
    let (none, all) = (Value::Null, "/api/toggles");
    let (on, off) = (because(r#", "on": true"#), because(r#", "on": false"#));
    let made = asked(&shop, &document, ("post", all, &[], set, 201)).await;
    let id = made["id"].to_string();
    let one = [("id", id.as_str())];
    for ask in [
        ("post", all, &[][..], json!({"key": "x"}), 422),
        ("get", all, &[], none.clone(), 200),
        ("post", "/api/kill-switch", &[], on, 201),
        ("post", "/api/kill-switch", &[], off.clone(), 200),
        ("post", "/api/kill-switch", &[], off, 409),
        ("delete", "/api/toggles/{id}", &one, because(""), 200),
        ("delete", "/api/toggles/{id}", &one, because(""), 404),
        ("get", "/api/changes", &[], none.clone(), 200),
        ("get", "/api/openapi.json", &[], none, 200),
    ] {
        asked(&shop, &document, ask).await;
    }
}

#[tokio::test]
async fn real_answers_about_callbacks_fit_the_description() {
    let shop = a_shop_with_a_dead_callback().await;
    let document = document();
    let id = shop.listed().await[0].id.0.to_string();
    let hooks = shop.app.callbacks().webhooks(None).await.unwrap();
    let none = Value::Null;
    let hosts = ("get", "/api/callbacks/hosts", &[][..], Value::Null, 200);
    let hosts = asked(&shop, &document, hosts).await;
    assert_eq!(hosts["hosts"][0]["dead"], 1, "{hosts}");
    let (one, other) = ([("id", id.as_str())], [("id", "987654")]);
    let hook = [("msn", MSN), ("id", hooks[0].id.as_str())];
    let replay = "/api/callbacks/{id}/replay";
    let drop = "/api/callbacks/{id}/drop";
    let register = "/api/webhooks/{msn}/register";
    for ask in [
        ("get", "/api/callbacks", &[][..], none.clone(), 200),
        (
            "get",
            "/api/callbacks?state=dead&order=x&limit=1",
            &[],
            none.clone(),
            200,
        ),
        ("get", "/api/callbacks/{id}", &one, none.clone(), 200),
        ("get", "/api/callbacks/{id}", &other, none.clone(), 404),
        (
            "get",
            "/api/callbacks/{id}",
            &[("id", "x")],
            none.clone(),
            400,
        ),
        ("post", replay, &one, json!({"who": "ann"}), 400),
        ("post", replay, &one, none.clone(), 200),
        ("post", drop, &other, because(""), 404),
        ("get", "/api/webhooks", &[], none.clone(), 200),
        ("post", register, &[("msn", MSN)], none.clone(), 200),
        ("post", register, &[("msn", "x")], none.clone(), 400),
        (
            "delete",
            "/api/webhooks/{msn}/{id}",
            &hook,
            none.clone(),
            200,
        ),
    ] {
        asked(&shop, &document, ask).await;
    }
    eventually(async || shop.counts().await.dead == 1).await;
    asked(&shop, &document, ("post", drop, &one, because(""), 200)).await;
    for (method, path, want) in [
        ("GET", "/api/nowhere", 404),
        ("PUT", "/api/toggles", 405),
        ("GET", "/api/callbacks?limit=x", 400),
    ] {
        let answer = shop.operate(method, path, &none).await;
        assert_eq!(answer.status, want, "{path}");
        fits(&document, ("get", "/api/toggles"), want, &answer.json());
    }
}
