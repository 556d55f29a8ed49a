//! What is read: the keys of `default.toml`, layers, merchants; and that nothing makes reading panic.
//!
//! Must not: look at messages.

use crate::routing::{Toggle, TransactionIdSource};
use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;
use secrecy::ExposeSecret;

use super::*;
use crate::epayment::model::CustomerInteraction;
use crate::types::Currency;

/// `default.toml` with its example of a merchant made real.
pub(super) fn with_example() -> String {
    let (head, tail) = DEFAULT_TOML.split_once("# [[merchants]]\n").unwrap();
    let (example, tail) = tail.split_once("\n\n").unwrap();
    let is_key = |line: &&str| {
        line.split_once(" = ").is_some_and(|(key, _)| {
            key.trim_start_matches("# ")
                .bytes()
                .all(|b| b.is_ascii_lowercase() || matches!(b, b'_' | b'.'))
        })
    };
    let example: Vec<&str> = example
        .lines()
        .filter(is_key)
        .map(|line| line.strip_prefix("# ").unwrap())
        .collect();
    format!("{head}[[merchants]]\n{}\n\n{tail}", example.join("\n"))
}

fn keys(table: &Table, prefix: &str, keys: &mut BTreeSet<String>) {
    for (key, node) in table {
        let path = shown::join(prefix, key);
        match &node.value {
            Value::Table(inner) => self::keys(inner, &path, keys),
            Value::List(list) if path == "merchants" => {
                for node in list {
                    if let Value::Table(inner) = &node.value {
                        self::keys(inner, "merchants.123456", keys);
                    }
                }
            }
            _ => {
                keys.insert(path);
            }
        }
    }
}

#[test]
fn default_toml_holds_exactly_the_keys_that_are_read() {
    let text = with_example();
    let written = parse(&Origin::Default, &text).unwrap();
    let mut in_file = BTreeSet::new();
    keys(&written, "", &mut in_file);
    let settings = from_text(&text).unwrap();
    let read: BTreeSet<String> = settings.entries().iter().map(Entry::path).collect();
    assert_eq!(in_file, read);
    let undocumented: Vec<&str> = DEFAULT_TOML
        .lines()
        .zip(DEFAULT_TOML.lines().skip(1))
        .filter(|(above, line)| {
            line.contains(" = ") && !line.starts_with('#') && !above.starts_with('#')
        })
        .map(|(_, line)| line)
        .collect();
    assert_eq!(undocumented, Vec::<&str>::new());
}

#[test]
fn the_defaults_are_those_of_the_contract() {
    let settings = from_text("").unwrap();
    assert_eq!(settings.proxy.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(settings.proxy.max_body_bytes, 1 << 20);
    assert_eq!(settings.proxy.max_in_flight, 1024);
    assert_eq!(settings.proxy.request_timeout, Duration::from_secs(35));
    assert_eq!(settings.upstream.base_url.as_str(), "https://api.vipps.no");
    assert_eq!(settings.upstream.retries, 2);
    assert_eq!(settings.upstream.breaker_failures, 20);
    assert_eq!(settings.upstream.breaker_open, Duration::from_secs(5));
    assert_eq!(settings.callbacks.schedule.len(), 13);
    assert_eq!(settings.store.url.to_string(), "sqlite:ecom-bridge.db");
    assert_eq!(settings.store.retention, Duration::from_secs(400 * 86_400));
    assert_eq!(settings.routing.initiate, Toggle::Epayment);
    assert_eq!(settings.routing.transaction_id, TransactionIdSource::Event);
    assert_eq!(settings.telemetry.log_level, LogLevel::Info);
    assert_eq!(settings.only_merchant(), None);
    insta::assert_snapshot!(lines(settings.warnings()), @r#"
    webhooks.public_url = "" (default): there is no address to register (register = "auto"), so no events arrive; callbacks follow from polling alone, and later. Write the https address under which webhooks.listen is reached from outside.
    store.encryption_key = "" (default): without a key payments carry no callback data, so if the store is lost the callbacks of open payments cannot be restored. Set a key (openssl rand -base64 32) here or in encryption_key_file, and keep a copy apart from the store.
    "#);
}

#[test]
fn the_example_files_are_accepted() {
    for text in [
        include_str!("../../../config/production.example.toml"),
        include_str!("../../../config/demo.toml"),
    ] {
        let _accepted = from_text(text)
            .map_err(|problems| lines(&problems))
            .unwrap();
    }
}

#[test]
fn later_files_and_the_environment_win() {
    let first = r#"
        [proxy]
        listen = "127.0.0.1:1"
        max_in_flight = 5
        [routing]
        initiate = { epayment_percent = 10 }
        [[merchants]]
        msn = "123456"
        currency = "DKK"
        [[merchants]]
        msn = "654321"
    "#;
    let second = r#"
        [proxy]
        listen = "127.0.0.1:2"
        [routing]
        initiate = "ecom"
        [[merchants]]
        msn = 123456
        client_id = "id"
        [[merchants]]
        msn = "777777"
    "#;
    let vars = [
        ("ECOM_BRIDGE__PROXY__MAX_IN_FLIGHT", "7"),
        ("ECOM_BRIDGE__READS__POLL", "false"),
        ("ECOM_BRIDGE__CALLBACKS__SCHEDULE", "0s, 1m 30s"),
        ("ECOM_BRIDGE__CALLBACKS__ALLOWED_HOSTS", ""),
        ("ECOM_BRIDGE__ROUTING__INITIATE__EPAYMENT_PERCENT", "25"),
        ("ECOM_BRIDGE__MERCHANTS__123456__CLIENT_SECRET", "canary"),
        ("ECOM_BRIDGE__MERCHANTS__888888__ROUTING__INITIATE", "ecom"),
        ("ECOM_BRIDGE_CONFIG", "ignored"),
        ("PATH", "ignored"),
    ];
    let settings = layered(&[first, second], &vars)
        .map_err(|p| lines(&p))
        .unwrap();
    assert_eq!(settings.proxy.listen.port(), 2);
    assert_eq!(settings.proxy.max_in_flight, 7);
    assert!(!settings.reads.poll);
    assert_eq!(
        settings.callbacks.schedule,
        [Duration::ZERO, Duration::from_secs(90)]
    );
    assert_eq!(settings.routing.initiate, Toggle::Percent(25));
    let all: Vec<&str> = settings.merchants.keys().map(Msn::as_str).collect();
    assert_eq!(all, ["123456", "654321", "777777", "888888"]);
    let merged = &settings.merchants[&msn("123456")];
    assert_eq!(merged.settings.currency, Currency::Dkk);
    assert_eq!(merged.client_id.as_deref(), Some("id"));
    let secret = merged
        .client_secret
        .as_ref()
        .map(ExposeSecret::expose_secret);
    assert_eq!(secret, Some("canary"));
    assert_eq!(
        settings.routing_of(Some(&msn("888888"))).initiate,
        Toggle::Ecom
    );
    assert_eq!(
        settings.routing_of(Some(&msn("123456"))).initiate,
        Toggle::Percent(25)
    );
    let shown = show(&settings);
    for line in [
        "listen = \"127.0.0.1:2\" # file 1.toml",
        "max_in_flight = 7 # environment ECOM_BRIDGE__PROXY__MAX_IN_FLIGHT",
        "request_timeout = \"35s\" # default",
        "client_secret = \"(set)\" # environment ECOM_BRIDGE__MERCHANTS__123456__CLIENT_SECRET",
        "currency = \"DKK\" # file 0.toml",
        "routing.initiate = \"ecom\" # environment ECOM_BRIDGE__MERCHANTS__888888__ROUTING__INITIATE",
    ] {
        assert!(shown.contains(line), "{line}\n{shown}");
    }
}

#[test]
fn merchants_are_resolved_and_found_by_their_key() {
    let text = r#"
        [merchant_defaults]
        country_code = "45"
        [[merchants]]
        msn = "123456"
        subscription_key = "one"
        customer_interaction = "CUSTOMER_PRESENT"
        [[merchants]]
        msn = "654321"
        subscription_key = "one"
        [[merchants]]
        msn = "777777"
        subscription_key = ""
    "#;
    let settings = from_text(text).unwrap();
    let till = settings.merchant(&msn("123456"));
    assert_eq!(
        till.customer_interaction,
        CustomerInteraction::CustomerPresent
    );
    assert_eq!(till.country_code.as_str(), "45");
    assert_eq!(
        settings.merchant(&msn("999999")),
        settings.merchant_defaults
    );
    let found = settings.msn_for_subscription_key("one");
    assert_eq!(found, [&msn("123456"), &msn("654321")]);
    assert!(settings.msn_for_subscription_key("").is_empty());
    assert!(settings.msn_for_subscription_key("on").is_empty());
    assert_eq!(settings.only_merchant(), None);
    let single = from_text("[[merchants]]\nmsn = \"123456\"").unwrap();
    assert_eq!(single.only_merchant(), Some(&msn("123456")));
}

#[test]
fn what_is_shown_is_a_configuration_again() {
    let settings = from_text(&with_example()).unwrap();
    let again = from_text(&show(&settings)).map_err(|p| lines(&p)).unwrap();
    let values = |s: &Settings| -> Vec<(String, String)> {
        s.entries()
            .iter()
            .map(|e| (e.path(), e.value.clone()))
            .collect()
    };
    assert_eq!(values(&settings), values(&again));
}

fn any_toml() -> impl Strategy<Value = String> {
    let section = prop::sample::select(vec![
        "[proxy]",
        "[store]",
        "[routing]",
        "[[merchants]]",
        "[merchants]",
        "[admin]",
        "[shadow]",
        "[x]",
        "[callbacks]",
    ]);
    let key = prop::sample::select(vec![
        "listen", "url", "initiate", "msn", "routing", "token", "mode", "ignore", "schedule",
        "max_body", "\"é\"",
    ]);
    let value = prop_oneof![
        Just("{ epayment_percent = 10 }".to_owned()),
        Just("[]".to_owned()),
        Just("[1, \"a\"]".to_owned()),
        Just("1979-05-27T07:32:00Z".to_owned()),
        Just("-9223372036854775808".to_owned()),
        Just("1e400".to_owned()),
        "\"[ -!#-\\[\\]-~é@:/?]{0,24}\"",
        "[0-9]{1,8}",
        "\\PC{0,12}",
    ];
    let line = prop_oneof![
        1 => section.prop_map(str::to_owned),
        3 => (key, value).prop_map(|(key, value)| format!("{key} = {value}")),
    ];
    prop::collection::vec(line, 0..12).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #[test]
    fn no_text_and_no_variable_panics(
        one in any_toml(),
        two in any_toml(),
        name in "(PROXY|MERCHANTS|ROUTING|X)?(__)?(LISTEN|123456|INITIATE)?(__)?\\PC{0,6}",
        value in "\\PC{0,12}",
    ) {
        let name = format!("{ENV_PREFIX}{name}");
        match layered(&[&one, &two], &[(&name, &value)]) {
            Ok(settings) => prop_assert!(!show(&settings).is_empty()),
            Err(problems) => prop_assert!(!problems.is_empty()),
        }
    }
}

#[test]
fn the_operator_s_address_is_found_whatever_else_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let wrong = file(
        "wrong.toml",
        "[admin]\nlisten = \"127.0.0.1:9\"\n[store]\nulr = 1",
    );
    let (no_toml, absent) = (file("no.toml", "="), folder.path().join("absent.toml"));
    let files = [wrong, no_toml, absent];
    let found = |vars: &[(&str, &str)]| admin_listen(&files, env(vars)).map(|at| at.to_string());
    assert_eq!(found(&[]).unwrap(), "127.0.0.1:9");
    let listen = "ECOM_BRIDGE__ADMIN__LISTEN";
    let empty = ("ECOM_BRIDGE__STORE__URL", "");
    assert_eq!(found(&[empty, (listen, "[::]:1")]).unwrap(), "[::]:1");
    assert_eq!(found(&[(listen, "nowhere")]), None);
    let own = admin_listen(&[], env(&[])).unwrap().to_string();
    assert_eq!(own, "127.0.0.1:9090");
}
