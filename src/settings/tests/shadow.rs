//! Shadowing as an operator configures it: what is read, what is refused and why, and that none of it shows a secret.
//!
//! Must not: look at what is done with it.

use std::time::Duration;

use secrecy::ExposeSecret;

use super::*;
use crate::ecom::route::Operation;
use crate::types::Moment;

/// Two merchants that write mode can mirror.
const MIRRORED: &str = r#"
    [upstream]
    base_url = "https://apitest.vipps.no"
    [shadow]
    mode = "write"
    upstream_base_url = "https://staging.example.com"
    [[merchants]]
    msn = "123456"
    subscription_key = "canary-key"
    client_id = "own-id"
    client_secret = "canary-secret"
    [merchants.shadow]
    sample_percent = 7
    msn = "123456"
    subscription_key = "canary-shadow-key"
    client_id = "shadow-id"
    client_secret = "canary-shadow-secret"
    phone_number = "4712345678"
    [[merchants]]
    msn = "654321"
    shadow.msn = "777777"
    shadow.subscription_key = "canary-shadow-key"
    shadow.client_id = "shadow-id"
    shadow.client_secret = "canary-shadow-secret"
    shadow.phone_number = "4587654321"
    [[merchants]]
    msn = "888888"
    shadow.enabled = false
"#;

fn refused(text: &str) -> String {
    messages(layered(&[MIRRORED, text], &[]))
}

/// What is told of `[shadow]` with nothing else configured.
fn told(text: &str) -> Vec<String> {
    let settings = from_text(&format!("[shadow]\n{text}")).map_err(|p| lines(&p));
    let settings = settings.unwrap();
    let mine = |w: &&Warning| w.path.starts_with("shadow.");
    settings
        .warnings()
        .iter()
        .filter(mine)
        .map(ToString::to_string)
        .collect()
}

#[test]
fn what_is_written_is_read() {
    let text = r#"
        [shadow]
        operations = ["details", "status"]
        timeout = "2s"
        record_file = "calls.jsonl"
        record_max = "1GiB"
        ignore = [
            "/a/*/b~1c",
            { path = "(header retry-after)", operation = "capture", reason = " a clock ", until = "2027-01-31" },
            { path = "(Status)", reason = "b", until = "2027-01-31T12:00:00Z" },
        ]
    "#;
    let key = "ECOM_BRIDGE__MERCHANTS__654321__SHADOW__CLIENT_SECRET";
    let settings = layered(&[MIRRORED, text], &[(key, "canary-other")]);
    let settings = settings.map_err(|p| lines(&p)).unwrap();
    let shadow = &settings.shadow;
    assert_eq!(shadow.mode, ShadowMode::Write);
    assert_eq!(shadow.operations, [Operation::Details, Operation::Status]);
    assert_eq!(shadow.timeout, Duration::from_secs(2));
    assert_eq!(shadow.record_max, 1 << 30);
    let rules: Vec<_> = shadow
        .ignore
        .iter()
        .map(|rule| (rule.path.as_str(), rule.operation, rule.reason.as_str()))
        .collect();
    assert_eq!(
        rules,
        [
            ("/a/*/b~1c", None, ""),
            ("(header retry-after)", Some(Operation::Capture), "a clock"),
            ("(Status)", None, "b"),
        ]
    );
    assert_eq!(
        shadow.ignore[1].until,
        Moment::parse("2027-01-31T00:00:00Z")
    );
    assert!(shadow.ignore[2].until > shadow.ignore[1].until);
    let one = settings.shadow_of(Some(&msn("123456")));
    assert_eq!((one.enabled, one.sample_percent), (true, Some(7)));
    assert_eq!(one.msn, Some(msn("123456")), "the number may be the same");
    let two = settings.shadow_of(Some(&msn("654321")));
    let secret = two.client_secret.as_ref().map(ExposeSecret::expose_secret);
    assert_eq!(secret, Some("canary-other"));
    assert!(!settings.shadow_of(Some(&msn("888888"))).enabled);
    for nobody in [None, Some(&msn("999999"))] {
        let own = settings.shadow_of(nobody);
        assert!(own.enabled && own.sample_percent.is_none() && own.msn.is_none());
    }
    let empty = "[[merchants]]\nmsn = \"123456\"\nshadow = { msn = \"\", client_id = \"\", client_secret = \"\" }";
    let settings = from_text(empty).map_err(|p| lines(&p)).unwrap();
    assert_eq!(settings.shadow_of(Some(&msn("123456"))).msn, None);
}

#[test]
fn rules_are_shown_as_they_are_written() {
    let text = r#"
        [shadow]
        ignore = ["/a", { reason = "a \"word\"", path = "/b", until = "2027-01-31", operation = "details" }]
    "#;
    let settings = from_text(text).unwrap();
    let shown = show(&settings);
    let line = r#"ignore = ["/a", { path = "/b", operation = "details", reason = "a \"word\"", until = "2027-01-31" }] # file text"#;
    assert!(shown.contains(line), "{shown}");
    let again = from_text(&shown).map_err(|p| lines(&p)).unwrap();
    assert_eq!(settings.shadow.ignore, again.shadow.ignore);
}

#[test]
fn no_secret_of_a_shadow_is_shown() {
    let settings = layered(&[MIRRORED], &[]).map_err(|p| lines(&p)).unwrap();
    let all = format!("{}{settings:?}{:?}", show(&settings), settings.warnings());
    for secret in ["canary", "4712345678", "4587654321"] {
        assert!(!all.contains(secret), "{secret}\n{all}");
    }
    for broken in [
        "subscription_key = \"canary \"",
        "client_secret = [\"canary\"]",
        "client_secret = \"canary\"",
        "phone_number = \"+47canary\"",
        "phone_number = 4799999999",
        "phone_number = { canary = 1 }",
        "phone = \"canary\"",
        "\nsubscription_key = \"canary-key\"\nclient_id = \"own-id\"\nclient_secret = \"canary-secret\"",
    ] {
        let text = format!("[[merchants]]\nmsn = \"123456\"\n[merchants.shadow]\n{broken}");
        let base = MIRRORED.replace("shadow-id", "");
        let shown = messages(layered(&[&base, &text], &[]));
        assert!(
            !shown.contains("canary") && !shown.contains("99999999"),
            "{shown}"
        );
    }
}

#[test]
fn a_target_that_cannot_be_is_refused_in_every_mode() {
    let target = |primary: &str, own: &str| {
        let text = format!(
            "[proxy]\nlisten = \"0.0.0.0:8080\"\n[admin]\nlisten = \"127.0.0.1:9090\"\n\
             [upstream]\nbase_url = \"{primary}\"\n[shadow]\nupstream_base_url = \"{own}\""
        );
        let problems = from_text(&text).err().unwrap_or_default();
        let told = |p: &ConfigProblem| {
            assert_eq!(p.path, "shadow.upstream_base_url");
            assert_eq!(p.value, format!("\"{own}\""));
            p.why.split(',').next().unwrap().to_owned()
        };
        problems.iter().map(told).collect::<Vec<_>>().join(" + ")
    };
    let host = "it leads to the host of upstream.base_url";
    let port = "it leads to the same port as upstream.base_url";
    let production = "it is a production server of Vipps MobilePay";
    for (primary, own, want) in [
        ("https://api.vipps.no", "https://apitest.vipps.no", ""),
        ("https://a.example", "https://API.Vipps.no.", production),
        (
            "https://a.example",
            "https://x.vippsmobilepay.com/y",
            production,
        ),
        ("https://a.example", "https://A.example.:443/", host),
        ("https://a.example:8443/x", "https://a.example/y", host),
        ("https://[2001:db8::1]", "https://[2001:0db8:0::1]:1", host),
        ("https://a.example", "https://b.example", ""),
        ("http://127.0.0.1:1", "http://127.0.0.1:1/x", port),
        ("http://127.0.0.1:1", "https://LOCALHOST.:1", port),
        ("http://[::1]", "http://localhost:80", port),
        ("http://127.0.0.1:1", "http://127.0.0.1:2", ""),
        ("http://127.0.0.1:1", "https://0.0.0.0:1", port),
        ("http://127.0.0.1:1", "https://[::]:1", port),
        ("http://127.0.0.1:1", "https://[::ffff:0.0.0.0]:1", port),
        ("http://127.0.0.1:1", "http://[::ffff:127.0.0.1]:1", port),
        ("https://0.0.0.0:1", "http://localhost:1", port),
        ("https://10.0.0.1:1", "https://[::ffff:10.0.0.1]:2", host),
        ("https://10.0.0.1:1", "https://[::ffff:a00:1]:1", host),
        (
            "https://a.example",
            "https://0.0.0.0:8080",
            "this is where the bridge itself listens (proxy.listen)",
        ),
        (
            "https://a.example",
            "https://[::ffff:127.0.0.1]:9090",
            "this is where the bridge itself listens (admin.listen)",
        ),
        ("https://a.example", "http://127.0.0.1:1", ""),
        (
            "https://a.example",
            "http://localhost:8080",
            "this is where the bridge itself listens (proxy.listen)",
        ),
        (
            "https://a.example",
            "https://127.0.0.1:9090",
            "this is where the bridge itself listens (admin.listen)",
        ),
        ("https://a.example", "https://b.example:8080", ""),
    ] {
        assert_eq!(target(primary, own), want, "{primary} {own}");
    }
    let both = target("https://api.vipps.no", "https://api.vipps.no:444");
    assert_eq!(both, format!("{production} + {host}"));
}

#[test]
fn write_mode_needs_a_target_and_credentials() {
    insta::assert_snapshot!(messages(from_text("[shadow]\nmode = \"write\"")), @r#"
    shadow.upstream_base_url = "" (default): shadow.mode = "write" has nowhere to send calls to. Write the address of a separate upstream for tests, or another mode.
    shadow.mode = "write" (file text): no merchant has credentials for the shadow upstream, so no call can be sent there. Give a merchant shadow.msn, subscription_key, client_id, client_secret and phone_number, or write another mode.
    "#);
    let text = r#"
        [shadow]
        upstream_base_url = ""
        [[merchants]]
        msn = "123456"
        [merchants.shadow]
        msn = ""
        client_id = ""
        client_secret = ""
        [[merchants]]
        msn = "654321"
        shadow.client_secret = ""
        [[merchants]]
        msn = "888888"
        shadow.enabled = true
        shadow.phone_number = "47 123"
        [[merchants]]
        msn = "999999"
    "#;
    insta::assert_snapshot!(refused(text), @r#"
    merchants.654321.shadow.client_id = "shadow-id" (file 0.toml): there is no client_secret beside it. Set client_secret, too, or clear client_id.
    merchants.888888.shadow.phone_number = "(set)" (file 1.toml): a phone number is 10 to 15 digits that begin with the country code. Write it without + and blanks, such as "4712345678".
    shadow.upstream_base_url = "" (file 1.toml): shadow.mode = "write" has nowhere to send calls to. Write the address of a separate upstream for tests, or another mode.
    "#);
    let text = text.replace("shadow.phone_number = \"47 123\"", "");
    insta::assert_snapshot!(refused(&text), @r#"
    merchants.654321.shadow.client_id = "shadow-id" (file 0.toml): there is no client_secret beside it. Set client_secret, too, or clear client_id.
    shadow.upstream_base_url = "" (file 1.toml): shadow.mode = "write" has nowhere to send calls to. Write the address of a separate upstream for tests, or another mode.
    merchants.123456.shadow: shadow.mode = "write" cannot send this merchant's calls without msn, client_id, client_secret. Set what is missing, or write enabled = false for a merchant that is not to be mirrored.
    merchants.888888.shadow: shadow.mode = "write" cannot send this merchant's calls without msn, subscription_key, client_id, client_secret, phone_number. Set what is missing, or write enabled = false for a merchant that is not to be mirrored.
    merchants.999999.shadow: shadow.mode = "write" cannot send this merchant's calls without msn, subscription_key, client_id, client_secret, phone_number. Set what is missing, or write enabled = false for a merchant that is not to be mirrored.
    "#);
    let off = |msn: &str| format!("[[merchants]]\nmsn = \"{msn}\"\nshadow.enabled = false\n");
    let all_off = format!("{}{}", off("123456"), off("654321"));
    insta::assert_snapshot!(refused(&all_off), @r#"shadow.mode = "write" (file 0.toml): no merchant has credentials for the shadow upstream, so no call can be sent there. Give a merchant shadow.msn, subscription_key, client_id, client_secret and phone_number, or write another mode."#);
}

#[test]
fn no_credential_of_a_merchant_goes_to_the_shadow_upstream() {
    let text = r#"
        [shadow]
        mode = "off"
        [[merchants]]
        msn = "123456"
        [merchants.shadow]
        client_secret = "canary-secret"
        [[merchants]]
        msn = "654321"
        [merchants.shadow]
        subscription_key = "canary-key"
        client_id = "own-id"
        client_secret = "canary-key"
    "#;
    insta::assert_snapshot!(refused(text), @r#"
    merchants.123456.shadow.client_secret = "(set)" (file 1.toml): it is the same as merchants.123456.client_secret, which the shadow upstream must not see. Write the one of the sales unit at the shadow upstream.
    merchants.654321.shadow.subscription_key = "(set)" (file 1.toml): it is the same as merchants.123456.subscription_key, which the shadow upstream must not see. Write the one of the sales unit at the shadow upstream.
    merchants.654321.shadow.client_id = "own-id" (file 1.toml): it is the same as merchants.123456.client_id, which the shadow upstream must not see. Write the one of the sales unit at the shadow upstream.
    "#);
}

#[test]
fn a_shadow_that_compares_nothing_is_refused() {
    let text = r#"
        [shadow]
        mode = "dry"
        operations = []
        sample_percent = 0
        [[merchants]]
        msn = "123456"
        shadow = { sample_percent = 0 }
        [[merchants]]
        msn = "654321"
        shadow = { enabled = false, sample_percent = 100 }
    "#;
    insta::assert_snapshot!(messages(from_text(text)), @r#"
    shadow.operations = [] (file text): shadowing is on, but nothing can be compared. Name at least one operation, or write shadow.mode = "off".
    shadow.sample_percent = 0 (file text): shadowing is on, but no merchant's payments are sampled, so nothing can be compared. Write more than 0 here or as a merchant's shadow.sample_percent, or shadow.mode = "off".
    "#);
    let text = text.replace("operations = []\n        ", "");
    for fine in [
        text.replace("enabled = false", "enabled = true"),
        text.replace(
            "mode = \"dry\"\n        sample_percent = 0",
            "mode = \"dry\"",
        ),
        text.replace("\"dry\"", "\"off\""),
        text.replace(
            "shadow = { sample_percent = 0 }",
            "shadow = { sample_percent = 1 }",
        ),
    ] {
        assert_ne!(fine, text);
        let _accepted = from_text(&fine).map_err(|p| lines(&p)).unwrap();
    }
    // In write mode only merchants that are configured count.
    let none = "[[merchants]]\nmsn = \"123456\"\nshadow.sample_percent = 0\n\
                [[merchants]]\nmsn = \"654321\"\nshadow.sample_percent = 0";
    insta::assert_snapshot!(refused(none), @r#"shadow.sample_percent = 100 (default): shadowing is on, but no merchant's payments are sampled, so nothing can be compared. Write more than 0 here or as a merchant's shadow.sample_percent, or shadow.mode = "off"."#);
}

#[test]
fn rules_that_cannot_be_or_cover_everything_are_refused() {
    let no_path = "is no JSON pointer and no (status), (body) or (header name)";
    let everything = "covers every field, so that nothing would be compared";
    for (item, want) in [
        (r#""""#, no_path),
        (r#""a""#, no_path),
        (r#""(x)""#, no_path),
        (r#""(header a b)""#, no_path),
        (r#""/~2""#, no_path),
        (r#""/a~""#, no_path),
        (r#""/é""#, no_path),
        (r#""/""#, everything),
        (r#""/*""#, everything),
        (r#"{ path = "/*/*", operation = "details" }"#, everything),
        (r#"{ reason = "b" }"#, "has no path"),
        (
            r#"{ path = "/a", why = "b" }"#,
            "has a key \"why\", which is not known here",
        ),
        (r"{ path = 1 }", "has a path that is a whole number"),
        (
            r#"{ path = "/a", operation = "sale" }"#,
            "has an unknown operation; known are initiate, capture, cancel, refund, details, status, approve",
        ),
        (
            r#"{ path = "/a", until = "soon" }"#,
            "has an until that is no day, such as \"2027-01-31\", and no time in UTC",
        ),
        ("7", "is a whole number"),
    ] {
        let problems = from_text(&format!("[shadow]\nignore = [\"/b\", {item}]")).unwrap_err();
        assert_eq!(problems.len(), 1, "{}", lines(&problems));
        assert_eq!(problems[0].path, "shadow.ignore");
        assert_eq!(problems[0].why, format!("item 2 {want}"));
    }
    let vars = [("ECOM_BRIDGE__SHADOW__IGNORE", "/a, b, /*")];
    insta::assert_snapshot!(messages(layered(&[], &vars)), @r#"
    shadow.ignore = ["/a", "b", "/*"] (environment ECOM_BRIDGE__SHADOW__IGNORE): item 2 is no JSON pointer and no (status), (body) or (header name). Begin each path with /, such as "/transactionInfo/timeStamp", or write { path = "/…", reason = "…" }, with operation and until where wanted.
    shadow.ignore = ["/a", "b", "/*"] (environment ECOM_BRIDGE__SHADOW__IGNORE): item 3 covers every field, so that nothing would be compared. Name the members that may differ, or take the operation out of shadow.operations.
    "#);
}

#[test]
fn what_surprises_about_shadowing_is_a_warning() {
    let text = r#"
        record_file = "calls.jsonl"
        noise_percent = 0
        ignore = ["/a", { path = "/a", reason = "b" }, { path = "/a", operation = "details", reason = "c" }]
    "#;
    insta::assert_snapshot!(told(text).join("\n"), @r#"
    shadow.ignore = ["/a", { path = "/a", reason = "b" }, { path = "/a", operation = "details", reason = "c" }] (file text): item 1 says no reason. Write { path = "…", reason = "…" }, so that whoever reads the report knows why.
    shadow.ignore = ["/a", { path = "/a", reason = "b" }, { path = "/a", operation = "details", reason = "c" }] (file text): item 2 says the same as item 1. Remove one of them.
    shadow.record_file = "calls.jsonl" (file text): nothing is recorded while shadow.mode = "off". Choose a mode, or leave it empty.
    "#);
    insta::assert_snapshot!(told(&format!("mode = \"read\"\n{text}")).join("\n"), @r#"
    shadow.ignore = ["/a", { path = "/a", reason = "b" }, { path = "/a", operation = "details", reason = "c" }] (file text): item 1 says no reason. Write { path = "…", reason = "…" }, so that whoever reads the report knows why.
    shadow.ignore = ["/a", { path = "/a", reason = "b" }, { path = "/a", operation = "details", reason = "c" }] (file text): item 2 says the same as item 1. Remove one of them.
    shadow.noise_percent = 0 (file text): without reads that are asked twice, what differs by itself cannot be told from what is wrong. Write 1 or more.
    "#);
    assert_eq!(told("mode = \"read\""), Vec::<String>::new());
    assert_eq!(
        told("mode = \"dry\"\nupstream_base_url = \"https://apitest.vipps.no\""),
        Vec::<String>::new()
    );
}
