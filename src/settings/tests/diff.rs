//! What differs between two configurations: every key of `default.toml` is seen, and is live or needs a restart.
//!
//! Must not: take a key for granted. A new one fails here until somebody has decided.

use std::collections::BTreeSet;

use super::values::with_example;
use super::*;

/// A key, another value than its default, and whether it changes while the bridge runs.
const OTHERS: &[(&str, &str, bool)] = &[
    ("proxy.listen", "\"127.0.0.1:1\"", false),
    ("proxy.tls_cert", "\"OTHER.pem\"", true),
    ("proxy.tls_key", "\"OTHER.pem\"", true),
    ("proxy.request_timeout", "\"36s\"", true),
    ("proxy.max_body", "\"2MiB\"", true),
    ("proxy.max_in_flight", "7", false),
    ("proxy.drain_timeout", "\"41s\"", true),
    ("upstream.base_url", "\"https://apitest.vipps.no\"", false),
    ("upstream.connect_timeout", "\"3s\"", false),
    ("upstream.timeout", "\"29s\"", true),
    ("upstream.retries", "3", true),
    ("upstream.breaker_failures", "21", true),
    ("upstream.breaker_open", "\"6s\"", true),
    ("webhooks.listen", "\"127.0.0.1:2\"", false),
    ("webhooks.public_url", "\"https://b.example\"", false),
    ("webhooks.register", "\"off\"", false),
    ("callbacks.timeout", "\"9s\"", true),
    ("callbacks.schedule", "[\"0s\"]", true),
    ("callbacks.allow_http", "true", true),
    ("callbacks.allow_private_addresses", "true", true),
    ("callbacks.allowed_hosts", "[\"shop.example\"]", true),
    ("store.url", "\"sqlite:other.db\"", false),
    ("store.encryption_key", KEY, false),
    ("store.url_file", "\"DIR/url\"", false),
    ("store.encryption_key_file", IN_FILE, false),
    ("store.encryption_key_previous", PREVIOUS, false),
    ("store.encryption_key_previous_file", IN_FILE, false),
    ("store.recovery_metadata", "false", true),
    ("store.retention", "\"500d\"", true),
    ("store.callback_retention", "\"31d\"", true),
    ("store.background_share", "6", true),
    ("reads.poll", "false", true),
    ("reads.background_share", "11", true),
    ("reads.details_cache", "\"1s\"", true),
    ("admin.listen", "\"127.0.0.1:3\"", false),
    ("admin.token", "\"canary-canary-canary\"", true),
    ("admin.token_file", IN_FILE, true),
    ("routing.initiate", "{ epayment_percent = 5 }", true),
    ("routing.capture", "\"ecom\"", true),
    ("routing.cancel", "\"ecom\"", true),
    ("routing.refund", "\"ecom\"", true),
    ("routing.details", "\"ecom\"", true),
    ("routing.status", "\"ecom\"", true),
    ("routing.transaction_id", "\"payment\"", true),
    ("ramp.enabled", "true", true),
    ("ramp.steps", "[10, 100]", true),
    ("ramp.hold", "\"2h\"", true),
    ("rollback.enabled", "true", true),
    ("rollback.window", "\"6m\"", true),
    ("rollback.min_samples", "30", true),
    ("rollback.error_margin", "6", true),
    ("rollback.error_limit", "31", true),
    ("rollback.latency_margin", "101", true),
    ("rollback.cooldown", "\"31m\"", true),
    ("merchant_defaults.currency", "\"DKK\"", true),
    ("merchant_defaults.country_code", "\"45\"", true),
    ("merchant_defaults.direct_capture", "true", true),
    (
        "merchant_defaults.customer_interaction",
        "\"CUSTOMER_PRESENT\"",
        true,
    ),
    ("merchant_defaults.unapproved_limit", "\"2m\"", true),
    ("merchants.123456.msn", "\"654321\"", true),
    ("merchants.123456.subscription_key", "\"canary\"", true),
    ("merchants.123456.subscription_key_file", IN_FILE, true),
    ("merchants.123456.client_id", "\"other\"", true),
    ("merchants.123456.client_id_file", IN_FILE, true),
    ("merchants.123456.client_secret", "\"canary\"", true),
    ("merchants.123456.client_secret_file", IN_FILE, true),
    ("merchants.123456.webhook_secret", "\"canary\"", true),
    ("merchants.123456.webhook_secret_file", IN_FILE, true),
    ("merchants.123456.routing.initiate", "\"ecom\"", true),
    ("merchants.123456.routing.capture", "\"ecom\"", true),
    ("merchants.123456.routing.cancel", "\"ecom\"", true),
    ("merchants.123456.routing.refund", "\"ecom\"", true),
    ("merchants.123456.routing.details", "\"ecom\"", true),
    ("merchants.123456.routing.status", "\"ecom\"", true),
    (
        "merchants.123456.routing.transaction_id",
        "\"payment\"",
        true,
    ),
    ("merchants.123456.currency", "\"DKK\"", true),
    ("merchants.123456.country_code", "\"45\"", true),
    ("merchants.123456.direct_capture", "true", true),
    (
        "merchants.123456.customer_interaction",
        "\"CUSTOMER_PRESENT\"",
        true,
    ),
    ("merchants.123456.unapproved_limit", "\"2m\"", true),
    ("merchants.123456.shadow.enabled", "false", false),
    ("merchants.123456.shadow.sample_percent", "7", false),
    ("merchants.123456.shadow.msn", "\"654321\"", false),
    (
        "merchants.123456.shadow.subscription_key",
        "\"canary\"",
        false,
    ),
    (
        "merchants.123456.shadow.subscription_key_file",
        IN_FILE,
        false,
    ),
    ("merchants.123456.shadow.client_id", "\"other\"", false),
    ("merchants.123456.shadow.client_id_file", IN_FILE, false),
    ("merchants.123456.shadow.client_secret", "\"canary\"", false),
    ("merchants.123456.shadow.client_secret_file", IN_FILE, false),
    (
        "merchants.123456.shadow.phone_number",
        "\"4712345678\"",
        false,
    ),
    ("shadow.mode", "\"dry\"", false),
    ("shadow.sample_percent", "99", false),
    ("shadow.operations", "[\"details\"]", false),
    ("shadow.queue", "7", false),
    ("shadow.concurrency", "5", false),
    ("shadow.timeout", "\"6s\"", false),
    ("shadow.reads_per_second", "6", false),
    (
        "shadow.upstream_base_url",
        "\"https://shadow.example\"",
        false,
    ),
    ("shadow.noise_percent", "2", false),
    (
        "shadow.ignore",
        "[{ path = \"/a\", reason = \"b\" }]",
        false,
    ),
    ("shadow.record_file", "\"calls.jsonl\"", false),
    ("shadow.record_max", "\"65MiB\"", false),
    ("telemetry.log_format", "\"text\"", false),
    ("telemetry.log_level", "\"debug\"", true),
];

/// A file with a text that is a key, a token and an id.
const IN_FILE: &str = "\"DIR/key\"";
const PREVIOUS: &str = "[\"ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100\"]";
const KEY: &str = "\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"";

/// Files that a setting may name, with what is looked for in them.
fn files() -> (tempfile::TempDir, impl Fn(&str) -> String) {
    let dir = tempfile::tempdir().unwrap();
    let text = "-----BEGIN CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\n";
    for name in ["one.pem", "OTHER.pem"] {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    let key = KEY.trim_matches('"');
    std::fs::write(dir.path().join("key"), format!("{key}\n")).unwrap();
    std::fs::write(dir.path().join("url"), "sqlite:other.db\n").unwrap();
    let at = dir.path().display().to_string();
    let placed = move |text: &str| {
        text.replace("OTHER.pem", &format!("{at}/OTHER.pem"))
            .replace("DIR/", &format!("{at}/"))
    };
    (dir, placed)
}

fn read(layers: &[&str]) -> Settings {
    layered(layers, &[]).map_err(|p| lines(&p)).unwrap()
}

/// The layer that gives one key another value.
fn layer(key: &str, value: &str) -> String {
    match key.strip_prefix("merchants.123456.") {
        Some(key) => format!("[[merchants]]\nmsn = \"123456\"\n{key} = {value}"),
        None => {
            let (section, key) = key.split_once('.').unwrap();
            format!("[{section}]\n{key} = {value}")
        }
    }
}

#[test]
fn every_key_is_seen_and_is_live_or_needs_a_restart() {
    let (dir, placed) = files();
    let at = dir.path().display();
    let example = with_example();
    let more = format!(
        "[proxy]\ntls_cert = \"{at}/one.pem\"\ntls_key = \"{at}/one.pem\"\n\
         [store]\nencryption_key = \"{}\"\n[[merchants]]\nmsn = \"123456\"\n\
         client_id = \"id\"\nclient_secret = \"secret\"\n\
         shadow.client_id = \"shadow\"\nshadow.client_secret = \"shadow-secret\"\n",
        "77".repeat(32)
    );
    let base = read(&[&example, &more]);
    let paths: BTreeSet<String> = base.entries().iter().map(file::Entry::path).collect();
    let listed: BTreeSet<String> = OTHERS.iter().map(|(key, ..)| (*key).to_owned()).collect();
    assert_eq!(paths, listed, "every key has its place in the table");
    for (key, value, live) in OTHERS {
        assert_eq!(why_restart(key).is_none(), *live, "{key}");
        // What stands in a file is not where it was before, and is another secret.
        let in_place = key
            .strip_suffix("_file")
            .filter(|_| !key.contains("record"));
        let changes = match *key {
            "merchants.123456.msn" => {
                let other = example.replace("msn = \"123456\"", &format!("msn = {value}"));
                let other = read(&[&other, &more.replace("123456", "654321")]);
                let changes = diff(&base, &other);
                // Whoever comes or goes with a shadow changes what is compared.
                let restart = needing_restart(&changes);
                assert!(restart.iter().all(|one| one.key.contains(".shadow.")));
                assert!(
                    changes
                        .iter()
                        .any(|c| c.key == *key && c.new == "(not set)")
                );
                continue;
            }
            _ => {
                let mut other = placed(&layer(key, value));
                if let Some(secret) = in_place {
                    let none = if key.contains("previous") {
                        "[]"
                    } else {
                        "\"\""
                    };
                    let secret = layer(secret, none);
                    other.push_str(&format!("\n{}", secret.lines().last().unwrap()));
                }
                diff(&base, &read(&[&example, &more, &other]))
            }
        };
        let keys: Vec<&str> = changes.iter().map(|change| change.key.as_str()).collect();
        let want: Vec<&str> = in_place.into_iter().chain([*key]).collect();
        assert_eq!(keys, want);
        assert_ne!(changes[0].old, changes[0].new);
        assert!(!format!("{changes:?}").contains("canary"));
        let restart = needing_restart(&changes);
        assert_eq!(restart.is_empty(), *live, "{key}");
        if let Some(one) = restart.last() {
            let told = one.to_string();
            assert!(
                told.starts_with(&format!("{key} needs a restart: ")),
                "{told}"
            );
        }
    }
}

#[test]
fn a_key_that_nobody_has_thought_of_needs_a_restart() {
    for key in ["proxy.new", "new.listen", "merchant", "routings.x", "read"] {
        assert!(why_restart(key).is_some(), "{key}");
    }
}

#[test]
fn nothing_differs_from_itself() {
    let text = with_example();
    assert_eq!(diff(&read(&[&text]), &read(&[&text])), []);
    // Where it was written does not matter.
    let (one, two) = ("[proxy]\nmax_in_flight = 7", "");
    assert_eq!(diff(&read(&[one, two]), &read(&[two, one])), []);
    let variable = [("ECOM_BRIDGE__PROXY__MAX_IN_FLIGHT", "7")];
    assert_eq!(diff(&read(&[one]), &layered(&[], &variable).unwrap()), []);
}

#[test]
fn secrets_are_compared_by_value_and_never_shown() {
    let merchant =
        |key: &str| format!("[[merchants]]\nmsn = \"123456\"\nsubscription_key = \"{key}\"");
    let shown = |old: &str, new: &str| {
        let changes = diff(&read(&[old]), &read(&[new]));
        let all: Vec<String> = changes.iter().map(ToString::to_string).collect();
        assert!(!format!("{changes:?}").contains("canary"));
        all.join("\n")
    };
    let key = "merchants.123456.subscription_key";
    assert_eq!(
        shown(&merchant("canary-one"), &merchant("canary-two")),
        format!("{key}: \"(set)\" -> changed")
    );
    assert_eq!(
        shown(&merchant("canary"), &merchant("")),
        format!("{key}: \"(set)\" -> \"\"")
    );
    // The password of a URL, and what is cut off a long text.
    let url = |password: &str| format!("[store]\nurl = \"postgres://me:{password}@127.0.0.1/db\"");
    let told = shown(&url("canary-one"), &url("canary-two"));
    assert_eq!(told, "store.url: \"postgres://…@127.0.0.1/db\" -> changed");
    let long = |end: &str| {
        let id = format!("{}{end}", "x".repeat(500));
        format!(
            "{}\nclient_id = \"{id}\"\nclient_secret = \"s\"",
            merchant("k")
        )
    };
    assert!(shown(&long("1"), &long("2")).ends_with(" -> changed"));
    let settings = read(&[&merchant("canary")]);
    assert!(!format!("{settings:?}").contains("canary"));
    for (key, one, other) in [
        ("subscription_key", "canary-one", "canary-two"),
        ("phone_number", "4712345678", "4787654321"),
    ] {
        let own =
            |value: &str| format!("[[merchants]]\nmsn = \"123456\"\nshadow.{key} = \"{value}\"");
        assert_eq!(
            shown(&own(one), &own(other)),
            format!("merchants.123456.shadow.{key}: \"(set)\" -> changed")
        );
    }
}

#[test]
fn another_key_in_the_same_file_is_another_key() {
    let (dir, _) = files();
    let file = dir.path().join("key");
    let text = format!("[store]\nencryption_key_file = \"{}\"", file.display());
    let old = read(&[&text]);
    std::fs::write(&file, "f".repeat(64)).unwrap();
    let changes = diff(&old, &read(&[&text]));
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].new, "changed");
    assert_eq!(needing_restart(&changes)[0].key, "store.encryption_key");
}

#[test]
fn another_certificate_in_the_same_file_is_another_one_and_tls_is_not_turned() {
    let (dir, _) = files();
    let file = dir.path().join("one.pem");
    let text = format!("[proxy]\ntls_cert = {file:?}\ntls_key = {file:?}");
    let old = read(&[&text]);
    assert_eq!(diff(&old, &read(&[&text])), []);
    let pem = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{pem}more\n")).unwrap();
    let changes = diff(&old, &read(&[&text]));
    let told: Vec<(&str, &str)> = changes.iter().map(|c| (&*c.key, &*c.new)).collect();
    assert_eq!(
        told,
        [("proxy.tls_cert", "changed"), ("proxy.tls_key", "changed")]
    );
    assert_eq!(needing_restart(&changes), []);
    let none = read(&[""]);
    for changes in [diff(&none, &old), diff(&old, &none)] {
        let restart = needing_restart(&changes);
        assert_eq!(restart.len(), 2);
        assert!(restart[0].why.contains("turned on or off"), "{restart:?}");
    }
}

#[test]
fn tables_come_and_go_key_by_key() {
    let one = "[[merchants]]\nmsn = \"123456\"\ncurrency = \"DKK\"";
    let two = "[[merchants]]\nmsn = \"654321\"";
    let changes = diff(&read(&[one]), &read(&[two]));
    let all: Vec<String> = changes.iter().map(ToString::to_string).collect();
    assert_eq!(
        all,
        [
            "merchants.654321.msn: (not set) -> \"654321\"",
            "merchants.123456.msn: \"123456\" -> (not set)",
            "merchants.123456.currency: \"DKK\" -> (not set)",
        ]
    );
    assert_eq!(changes[0].msn(), Some(msn("654321")));
    // The order of tables means nothing.
    let both = format!("{one}\n{two}");
    let turned = format!("{two}\n{one}");
    assert_eq!(diff(&read(&[&both]), &read(&[&turned])), []);
}
