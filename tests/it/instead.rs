//! The requests that a shop's code must make instead, held against ePayment's published specification where it is at hand
//! (`ECOM_BRIDGE_SPECS`, as in `specification`).
//!
//! The reader of YAML and the judge of schemas know what that file uses, and no more.

use std::collections::BTreeMap;

use ecom_bridge::ecom::route::Operation;
use ecom_bridge::ecom::used::Member;
use ecom_bridge::epayment::model::CustomerInteraction;
use ecom_bridge::readiness::{Callbacks, Example, Facts, removal};
use ecom_bridge::routing::Routing;
use ecom_bridge::store::{Counts, Hour, Observation, Side};
use ecom_bridge::types::{Moment, Msn};
use serde_json::{Map, Value};

fn depth(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

fn scalar(text: &str) -> Value {
    let text = text.trim();
    let quoted = text.strip_prefix('\'').and_then(|t| t.strip_suffix('\''));
    match (quoted, text) {
        (Some(quoted), _) => Value::from(quoted.replace("''", "'")),
        (None, "true") => Value::from(true),
        (None, "false") => Value::from(false),
        (None, "{}") => Value::Object(Map::new()),
        (None, text) => text
            .parse::<i64>()
            .map_or_else(|_| Value::from(text), Value::from),
    }
}

/// One block of YAML that begins at `lines[*at]`.
fn block(lines: &[&str], at: &mut usize) -> Value {
    let level = depth(lines[*at]);
    if lines[*at].trim_start().starts_with("- ") {
        let mut list = Vec::new();
        while *at < lines.len() && depth(lines[*at]) == level {
            let Some(item) = lines[*at].trim_start().strip_prefix("- ") else {
                break;
            };
            if item.trim_start_matches('\'').starts_with('$')
                || item.contains(": ") && !item.starts_with('\'')
            {
                // A map that begins beside the dash.
                let mut own = vec![" ".repeat(level + 2) + item];
                *at += 1;
                while *at < lines.len() && depth(lines[*at]) > level {
                    own.push(lines[*at].to_owned());
                    *at += 1;
                }
                let own: Vec<&str> = own.iter().map(String::as_str).collect();
                list.push(block(&own, &mut 0));
            } else {
                list.push(scalar(item));
                *at += 1;
            }
        }
        return Value::Array(list);
    }
    let mut map = Map::new();
    while *at < lines.len() && depth(lines[*at]) == level {
        let line = lines[*at].trim();
        let end = line
            .find(": ")
            .or_else(|| line.ends_with(':').then(|| line.len() - 1));
        let Some(end) = end else { break };
        let (key, rest) = (line[..end].trim_matches('\''), line[end + 1..].trim());
        *at += 1;
        let deeper = |at: usize| {
            let next: Option<&&str> = lines.get(at);
            next.is_some_and(|next| {
                depth(next) > level || (depth(next) == level && next.trim_start().starts_with("- "))
            })
        };
        let value = if rest.starts_with('|') || rest.starts_with('>') {
            while lines.get(*at).is_some_and(|next| depth(next) > level) {
                *at += 1;
            }
            Value::Null
        } else if !rest.is_empty() {
            // A plain text may go on in deeper lines.
            while lines.get(*at).is_some_and(|next| depth(next) > level) {
                *at += 1;
            }
            scalar(rest)
        } else if deeper(*at) {
            block(lines, at)
        } else {
            Value::Null
        };
        map.insert(key.to_owned(), value);
    }
    Value::Object(map)
}

fn yaml(text: &str) -> Value {
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    block(&lines, &mut 0)
}

fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(path) => {
            let pointer = path.trim_start_matches('#');
            let found = root.pointer(pointer);
            resolve(root, found.unwrap_or_else(|| panic!("no {path}")))
        }
        None => schema,
    }
}

/// Every fault of a value against a schema.
fn faults(root: &Value, schema: &Value, value: &Value, path: &str, all: &mut Vec<String>) {
    let schema = resolve(root, schema);
    let mut wrong = |what: String| all.push(format!("{path}: {what}"));
    let fits = match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64(),
        Some("boolean") => value.is_boolean(),
        Some("array") => value.is_array(),
        _ => true,
    };
    if !fits {
        wrong(format!("no {}", schema["type"]));
    }
    if let Some(one_of) = schema["enum"].as_array() {
        // A list of names without quotes reads as text.
        if !one_of.contains(value) {
            wrong(format!("none of {one_of:?}"));
        }
    }
    if let Some(number) = value.as_i64()
        && (schema["minimum"].as_i64().is_some_and(|low| number < low)
            || schema["maximum"].as_i64().is_some_and(|high| number > high))
    {
        wrong("out of range".to_owned());
    }
    if let Some(text) = value.as_str() {
        let length = i64::try_from(text.chars().count()).unwrap();
        let (low, high) = (schema["minLength"].as_i64(), schema["maxLength"].as_i64());
        if low.is_some_and(|low| length < low) || high.is_some_and(|high| length > high) {
            wrong("its length".to_owned());
        }
    }
    for required in schema["required"].as_array().into_iter().flatten() {
        if value.get(required.as_str().unwrap()).is_none() {
            wrong(format!("lacks {required}"));
        }
    }
    if let (Some(members), Some(properties)) = (value.as_object(), schema["properties"].as_object())
    {
        for (name, member) in members {
            match properties.get(name) {
                Some(schema) => faults(root, schema, member, &format!("{path}/{name}"), all),
                None => all.push(format!("{path}: {name} is not published")),
            }
        }
    }
    if let Some(several) = schema["oneOf"].as_array() {
        let fitting = several.iter().filter(|schema| {
            let mut own = Vec::new();
            faults(root, schema, value, path, &mut own);
            own.is_empty()
        });
        if fitting.count() != 1 {
            all.push(format!("{path}: not one of several"));
        }
    }
}

/// A shop that uses every member, or only what must be.
fn requests(every: bool) -> Vec<Example> {
    let observed = Operation::ALL
        .into_iter()
        .map(|operation| {
            let mut counts = Counts::default();
            counts.add("done", 100);
            counts.add("used:callbackPrefix", 100);
            for member in Member::ALL.into_iter().filter(|_| every) {
                counts.add(&format!("used:{}", member.word()), 30);
            }
            Observation {
                msn: Msn::parse("123456"),
                operation,
                side: Side::Epayment,
                hour: Hour(10),
                last_at: Moment::from_millis(1),
                counts,
            }
        })
        .collect();
    let facts = Facts {
        msn: Msn::parse("123456").unwrap(),
        now: Hour(11).begins(),
        routing: Routing::default(),
        steps: vec![100],
        interaction: CustomerInteraction::CustomerPresent,
        direct_capture: false,
        webhooks: true,
        observed,
        callbacks: Callbacks::default(),
        registration: None,
        turned_back: None,
        moved_at: None,
        shadow: None,
        open: None,
    };
    removal(&facts).requests
}

#[test]
fn n15_requests_to_make_instead_are_valid_under_the_published_schema() {
    let Ok(folder) = std::env::var("ECOM_BRIDGE_SPECS") else {
        eprintln!(
            "SKIPPED: set ECOM_BRIDGE_SPECS to a folder with epayment.yaml and webhooks.yaml"
        );
        return;
    };
    let read = |name: &str| yaml(&std::fs::read_to_string(format!("{folder}/{name}")).unwrap());
    let (epayment, webhooks) = (read("epayment.yaml"), read("webhooks.yaml"));
    let mut flows = BTreeMap::new();
    for request in requests(true).into_iter().chain(requests(false)) {
        let (root, path) = if request.path.starts_with("/webhooks") {
            (
                &webhooks,
                request.path.trim_start_matches("/webhooks").to_owned(),
            )
        } else {
            (&epayment, request.path.replace("order-0001", "{reference}"))
        };
        let method = request.method.to_lowercase();
        let published = &root["paths"][&path][&method];
        assert!(published.is_object(), "{method} {path}");
        let mut all = Vec::new();
        let content = &resolve(root, &published["requestBody"])["content"];
        let schema = &content["application/json"]["schema"];
        match &request.body {
            Some(body) => {
                assert!(schema.is_object(), "{path} has no body");
                faults(root, schema, body, "", &mut all);
                if let Some(flow) = body["userFlow"].as_str() {
                    *flows.entry(flow.to_owned()).or_insert(0) += 1;
                }
            }
            None => assert!(schema.is_null(), "{path} has a body"),
        }
        assert!(
            all.is_empty(),
            "{path}: {all:?}\n{:#}",
            request.body.unwrap_or_default()
        );
        let parameters = published["parameters"].as_array().into_iter().flatten();
        let shared = root["paths"][&path]["parameters"]
            .as_array()
            .into_iter()
            .flatten();
        for parameter in parameters.chain(shared).map(|p| resolve(root, p)) {
            let name = parameter["name"].as_str().unwrap();
            if parameter["in"] == "header" && parameter["required"] == true {
                let there = request
                    .headers
                    .keys()
                    .any(|own| own.eq_ignore_ascii_case(name));
                assert!(there || name == "Authorization", "{path} lacks {name}");
            }
        }
    }
    let flows: Vec<&str> = flows.keys().map(String::as_str).collect();
    assert_eq!(flows, ["NATIVE_REDIRECT", "PUSH_MESSAGE", "WEB_REDIRECT"]);
}

#[test]
fn what_is_wrong_is_seen() {
    let root = yaml(
        "components:\n  schemas:\n    A:\n      type: object\n      properties:\n        n:\n          type: integer\n          maximum: 5\n        e:\n          enum:\n            - X\n            - 'Y'\n      required:\n        - n\n",
    );
    let schema = &root["components"]["schemas"]["A"];
    let count = |value: &str| {
        let mut all = Vec::new();
        faults(
            &root,
            schema,
            &serde_json::from_str(value).unwrap(),
            "",
            &mut all,
        );
        all.len()
    };
    for (value, wrong) in [
        (r#"{"n": 5, "e": "Y"}"#, 0),
        (r#"{"n": 6}"#, 1),
        (r#"{"e": "Z"}"#, 2),
        (r#"{"n": 1, "m": 1}"#, 1),
    ] {
        assert_eq!(count(value), wrong, "{value}");
    }
}
