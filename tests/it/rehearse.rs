//! `rehearse`, as an operator starts it: the real binary with a configuration, its printout and its exit.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Everything by ePayment, with events; time enough to look after an attempt has timed out.
const ON: &str = r#"
[proxy]
request_timeout = "5s"
[upstream]
timeout = "2s"
[webhooks]
public_url = "https://bridge.example.com"
"#;

const OFF: &str = r#"
[routing]
initiate = "ecom"
capture = "ecom"
cancel = "ecom"
refund = "ecom"
details = "ecom"
status = "ecom"
"#;

fn rehearse(folder: &Path, text: &str, more: &[&str]) -> Output {
    let (file, temporary) = (folder.join("bridge.toml"), folder.join("tmp"));
    std::fs::write(&file, text).unwrap();
    std::fs::create_dir_all(&temporary).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_ecom-bridge"))
        .args(["rehearse", "--config"])
        .arg(&file)
        .args(more)
        .current_dir(folder)
        .env_remove("NO_COLOR")
        .env("TMPDIR", &temporary)
        .output()
        .unwrap();
    let left = std::fs::read_dir(&temporary).unwrap().count();
    assert_eq!(left, 0, "something was left behind");
    let files = std::fs::read_dir(folder).unwrap().count();
    assert_eq!(files, 2, "the operator's store was touched");
    output
}

fn text_of(output: &Output) -> String {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
        assert!(line.bytes().all(|b| (b' '..=b'~').contains(&b)), "{line}");
    }
    text
}

/// The verdict of each row that is told by itself.
fn verdict<'t>(text: &'t str, id: &str) -> Option<&'t str> {
    let start = format!("{id:<4} ");
    let line = text.lines().find(|line| line.starts_with(&start))?;
    line.rsplit("  ").next().map(str::trim)
}

#[test]
fn with_everything_on_the_whole_list_comes_as_expected() {
    let folder = tempfile::tempdir().unwrap();
    let began = Instant::now();
    let output = rehearse(folder.path(), ON, &[]);
    let took = began.elapsed();
    assert!(
        took < Duration::from_secs(120),
        "what it promises: {took:?}"
    );
    let text = text_of(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    for id in [
        "A1", "A2", "A3", "A4", "A5", "A6", "A7", "A8", "A9", "A10", "A11", "A12", "A13", "A14",
        "A15", "A16", "A17", "A19", "A20", "B1", "B2", "B4", "B5", "B6", "B7", "B8", "B9", "B10",
        "B11", "B12", "B13", "C1", "C4", "C5", "C6", "C7", "C8", "C10", "C14", "C16", "C17", "C18",
        "D3", "E1", "E3", "E5", "E6", "E7", "F1",
    ] {
        assert_eq!(verdict(&text, id), Some("ok"), "{id}\n{text}");
    }
    for shown in [
        "replaced  upstream.base_url: the simulator of this process",
        "replaced  store.url",
        "shortened callbacks.schedule: each wait divided by 5",
        "unit      123456 (0 configured",
        "routes    initiate epayment",
        "shop saw  502, error 99: ePayment can't be reached, and nothing was done",
        "shop saw  200, Captured 40.00, route epayment",
        "upstream  ePayment: capture, read x50 (1 key); captured 40.00",
        "callback  RESERVED, 1 time",
        "D1        the shadow target is dead: shadow.mode is off",
        "Everything was as it must be.",
    ] {
        assert!(text.contains(shown), "{shown}\n{text}");
    }
    for secret in [
        "simulated.",
        "demo-secret",
        "demo-subscription",
        "demo-callback-token",
        "91234567",
    ] {
        assert!(!text.contains(secret), "{secret} was printed");
    }
}

#[test]
fn with_everything_off_it_says_that_nothing_of_the_translation_was_rehearsed() {
    let folder = tempfile::tempdir().unwrap();
    let only = "A1,A2,A8,A9,A11,A19,B1,B2,B8,C4,C17,E5";
    let output = rehearse(folder.path(), OFF, &["--only", only]);
    let text = text_of(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    for id in ["A1", "A2", "A8", "A9", "A11", "B1", "B2", "B8", "C17", "E5"] {
        assert_eq!(verdict(&text, id), Some("ok"), "{id}\n{text}");
    }
    for shown in [
        "routes    initiate ecom",
        "ECOM_BRIDGE__ROUTING__INITIATE=epayment",
        "Nothing of the translation was rehearsed",
        "1 by eCom itself, 0 by the bridge",
        "C4        one event, many times: new payments go to eCom",
    ] {
        assert!(text.contains(shown), "{shown}\n{text}");
    }
    assert!(
        !text.contains("route epayment") && !text.contains("ePayment: "),
        "{text}"
    );
}

#[test]
fn a_bad_configuration_is_told_as_everywhere_and_nothing_is_played() {
    let folder = tempfile::tempdir().unwrap();
    let output = rehearse(folder.path(), "[upstream]\ntimeout = \"soon\"", &[]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(
        told.contains("upstream.timeout") && output.stdout.is_empty(),
        "{told}"
    );
    for (more, word) in [(["--only", "A1,Z9"], "Z9"), (["--msn", "x"], "MSN")] {
        let output = rehearse(folder.path(), "", &more);
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains(word) && output.stdout.is_empty(), "{told}");
    }
}

/// A configuration in which everything that must not come out is marked.
fn secretive(upstream: std::net::SocketAddr) -> String {
    format!(
        r#"
        [upstream]
        base_url = "http://{}"
        [webhooks]
        public_url = "https://canary-public.example"
        register = "off"
        [admin]
        token = "canary-admin-token-1"
        [store]
        url = "postgres://canary-user@canary-host/canary-db?sslmode=verify-full"
        encryption_key = "0ca7a70ca7a70ca7a70ca7a70ca7a70ca7a70ca7a70ca7a70ca7a70ca7a70ca7"
        [callbacks]
        allowed_hosts = ["canary-shop.example"]
        [routing]
        initiate = {{ epayment_percent = 5 }}
        [shadow]
        mode = "read"
        [[merchants]]
        msn = "777777"
        subscription_key = "canary-subscription"
        client_id = "canary-id"
        client_secret = "canary-secret"
        webhook_secret = "canary-hook"
        [[merchants]]
        msn = "888888"
        webhook_secret = "canary-hook"
        direct_capture = true
        "#,
        upstream
    )
}

/// Keys, secrets and addresses of the operator's are in no output, and nobody at those addresses is called.
#[test]
fn i11_nothing_of_the_operators_secrets_comes_out_and_nobody_is_called() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = TcpListener::bind("127.0.0.1:0").unwrap();
    upstream.set_nonblocking(true).unwrap();
    let text = secretive(upstream.local_addr().unwrap());
    let only = "A2,B2,B6,B12,C4,C8,C14,D1,D3";
    for more in [&["--json"][..], &["--msn", "888888"]] {
        let mut more = more.to_vec();
        more.extend(["--only", only]);
        let output = rehearse(folder.path(), &text, &more);
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{told} {errors}");
        for secret in [
            "canary",
            "0ca7a7",
            &upstream.local_addr().unwrap().to_string(),
        ] {
            assert!(
                !told.contains(secret) && !errors.contains(secret),
                "{secret}: {told} {errors}"
            );
        }
        assert!(
            told.contains("admin.token") && told.contains("store.encryption_key"),
            "{told}"
        );
        if more[0] == "--json" {
            let json: Value = serde_json::from_str(&told).unwrap();
            assert_eq!(
                (&json["good"], &json["unit"]),
                (&Value::from(true), &Value::from("777777"))
            );
            let rows = json["rows"].as_array().unwrap();
            let is = |id: &str| &rows.iter().find(|row| row["id"] == id).unwrap()["verdict"];
            for id in ["A2", "B2", "B6", "B12", "C4", "C8", "C14", "D1", "D3"] {
                assert_eq!(is(id), "ok", "{id}: {told}");
            }
        } else {
            assert!(told.contains("unit      888888 (2 configured"), "{told}");
            assert_eq!(
                verdict(&told, "A2"),
                Some("ok"),
                "direct capture: refunds are spoilt\n{told}"
            );
            assert!(told.contains("/refund, 40.00"), "{told}");
        }
    }
    let called = upstream.accept().map(|_| ()).unwrap_err();
    assert_eq!(
        called.kind(),
        ErrorKind::WouldBlock,
        "the real upstream was called"
    );
}

/// With this the breaker is open before the event log is read: what the shop sees then is told, and is not as expected.
#[test]
fn an_odd_configuration_shows_in_the_rows_and_in_the_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("{ON}breaker_failures = 1").replace(
        "[webhooks]\npublic_url = \"https://bridge.example.com\"\nbreaker_failures = 1",
        "breaker_failures = 1",
    );
    let output = rehearse(folder.path(), &text, &["--only", "a3"]);
    let told = text_of(&output);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert_eq!(verdict(&told, "A3"), Some("NOT AS EXPECTED"), "{told}");
    for shown in [
        "expected  told as done: the event log shows it",
        "shop saw  502, error 94",
        "\nNOT AS EXPECTED: A3\n",
        "1 of 1 rows were played",
    ] {
        assert!(told.contains(shown), "{shown}\n{told}");
    }
    // Nobody can tell the bridge in time: no event of this unit's can be believed.
    let deaf = "[webhooks]\npublic_url = \"https://bridge.example.com\"\nregister = \"off\"";
    let output = rehearse(folder.path(), deaf, &["--only", "C17"]);
    let told = text_of(&output);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(
        told.contains("failed    webhooks.register is off"),
        "{told}"
    );
}
