//! What an operator is told: every fault at once, warnings, and never a secret.
//!
//! Must not: depend on the order of a hash map or on this machine.

use secrecy::{ExposeSecret, SecretString};

use super::*;

#[test]
fn every_fault_is_reported_at_once() {
    let text = r#"
        colour = "red"
        webhooks = 3
        [proxy]
        listen = "localhost:8080"
        tls_cert = "cert.pem"
        request_timeout = "35"
        max_boddy = "1MiB"
        max_body = "1MB"
        max_in_flight = 0
        drain_timeout = 40
        [upstream]
        base_url = "http://api.example.com"
        connect_timeout = "2m"
        retries = "2"
        [callbacks]
        schedule = ["0s", "8d"]
        allow_http = "yes"
        allowed_hosts = ["https://shop.example.com"]
        [store]
        url = "postgres://bridge:canary-1@db"
        encryption_key = "canary-2"
        [reads]
        details_cache = "11s"
        [admin]
        listen = "0.0.0.0:9090"
        [routing]
        initiate = { epayment_percent = 101 }
        capture = { epayment_percent = 10 }
        cancel = "Ecom"
        transaction_id = "events"
        [merchant_defaults]
        currency = "nok"
        country_code = "+47"
        direct_capture = true
        unapproved_limit = "10m"
        [shadow]
        mode = "reed"
        ignore = ["timeStamp"]
        [telemetry]
        log_level = 1.5
    "#;
    insta::assert_snapshot!(messages(layered(&[text], &[])), @r#"
    proxy.listen = "localhost:8080" (file 0.toml): this is no IP address with a port. Write it as "127.0.0.1:8080", "0.0.0.0:8080" or "[::]:8080".
    proxy.request_timeout = "35" (file 0.toml): a duration is whole numbers with ms, s, m, h or d, such as 35s or 1m 30s. Write a duration from 1ms to 10m.
    proxy.max_body = "1MB" (file 0.toml): a size is a whole number of bytes, or one with KiB, MiB or GiB, such as 1MiB. Write a size such as "1MiB" or "64KiB".
    proxy.max_in_flight = 0 (file 0.toml): this is outside of what it can be. Write a whole number from 1 to 1000000.
    proxy.drain_timeout = 40 (file 0.toml): this is a whole number, not a text. Write a duration from 0s to 1h.
    proxy.tls_cert = "cert.pem" (file 0.toml): there is a certificate but no key. Set tls_key, too, or clear tls_cert.
    proxy.max_boddy (file 0.toml): there is no such key. Did you mean `max_body`? Else remove it.
    upstream.base_url = "http://api.example.com" (file 0.toml): keys and tokens would cross the network in clear text. Write it as "https://host", with a path prefix where there is one; http is for a loopback host only.
    upstream.connect_timeout = "2m" (file 0.toml): this is outside of what it can be. Write a duration from 1ms to 1m.
    upstream.retries = "2" (file 0.toml): this is a text, not a whole number. Write a number, without quotes.
    webhooks (file 0.toml): this is a whole number, not a table. Write it as a table of keys.
    callbacks.schedule = ["0s", "8d"] (file 0.toml): a wait is longer than a week. Write durations from 0s to 7d.
    callbacks.allow_http = "yes" (file 0.toml): this is a text, not true or false. Write true or false, without quotes.
    callbacks.allowed_hosts = ["https://shop.example.com"] (file 0.toml): item 1 is no host name and no IP address. Write names alone: no scheme, port, path or *; IPv6 in brackets.
    store.url = "postgres://…@db" (file 0.toml): it names no database. Write it as "sqlite:FILE" or "postgres://user@host/db".
    store.encryption_key = "(set)" (file 0.toml): this is no key of 32 bytes. Write 64 hex digits, or the base64 of 32 bytes (openssl rand -base64 32).
    reads.details_cache = "11s" (file 0.toml): this is outside of what it can be. Write a duration from 0s to 10s.
    routing.initiate = (a table) (file 0.toml): a share is one key, epayment_percent, a whole number from 0 to 100. Write "epayment", "ecom" or { epayment_percent = 10 }.
    routing.capture = { epayment_percent = 10 } (file 0.toml): only initiate can have a percentage. Write "epayment" or "ecom".
    routing.cancel = "Ecom" (file 0.toml): this is no route. Write "epayment" or "ecom".
    routing.transaction_id = "events" (file 0.toml): this is none of the words it can be. Write "event" or "payment".
    merchant_defaults.currency = "nok" (file 0.toml): this is none of the words it can be. Write "NOK" or "DKK" or "EUR".
    merchant_defaults.country_code = "+47" (file 0.toml): this is no country calling code. Write 1 to 3 digits without + or zeros before them, such as "47".
    shadow.mode = "reed" (file 0.toml): this is none of the words it can be. Write "off" or "dry" or "read" or "write".
    shadow.ignore = ["timeStamp"] (file 0.toml): item 1 is no JSON pointer and no (status), (body) or (header name). Begin each path with /, such as "/transactionInfo/timeStamp", or write { path = "/…", reason = "…" }, with operation and until where wanted.
    telemetry.log_level = (a fraction) (file 0.toml): this is a fraction, not a text. Write "error" or "warn" or "info" or "debug" or "trace".
    colour (file 0.toml): there is no such key. Remove it; known here: proxy, upstream, webhooks, callbacks, store, reads, admin, routing, ramp, rollback, merchant_defaults, merchants, shadow, telemetry.
    admin.token = "" (default): 0.0.0.0:9090 can be reached from outside, and nobody would be asked for a token. Set a long random token (openssl rand -hex 32), or listen on 127.0.0.1.
    proxy.tls_cert = "cert.pem" (file 0.toml): the file cannot be read (entity not found). Name a file that exists and that the bridge's user may read.
    "#);
}

#[test]
fn faults_of_merchants_name_the_merchant() {
    let text = r#"
        [[merchants]]
        msn = 123456
        client_id = "id"
        subscription_key = "canary with blanks"
        routing = { initiate = { epayment_percent = 10, ecom_percent = 90 }, refund = "none", colour = 1 }
        direct_capture = true
        [[merchants]]
        msn = "123456"
        client_secret = "(set)"
        [[merchants]]
        msn = "12"
        routing = "ecom"
        webhook_secrt = "canary"
        [[merchants]]
        currency = "SEK"
    "#;
    insta::assert_snapshot!(messages(layered(&[text], &[])), @r#"
    merchants.123456.subscription_key = "(set)" (file 0.toml): it holds a blank, a line break or a character that no header can carry. Copy it again, without what stands around it.
    merchants.123456.client_id = "id" (file 0.toml): there is no client_secret beside it. Set client_secret, too, or clear client_id.
    merchants.123456.routing.initiate = (a table) (file 0.toml): a share is one key, epayment_percent, a whole number from 0 to 100. Write "epayment", "ecom" or { epayment_percent = 10 }.
    merchants.123456.routing.refund = "none" (file 0.toml): this is no route. Write "epayment" or "ecom".
    merchants.123456.routing.colour (file 0.toml): there is no such key. Remove it; known here: initiate, capture, cancel, refund, details, status, transaction_id.
    merchants.123456.client_secret = "(set)" (file 0.toml): this is what `check` shows in place of a secret. Write the secret itself.
    merchants[2].msn = "12" (file 0.toml): a merchant serial number is 4 to 7 digits. Write it in quotes, such as "123456".
    merchants[2].routing (file 0.toml): this is a text, not a table. Write it as a table of keys.
    merchants[2].webhook_secrt (file 0.toml): there is no such key. Did you mean `webhook_secret`? Else remove it.
    merchants[3].msn: this key is missing. Set it.
    merchants[3].currency = "SEK" (file 0.toml): this is none of the words it can be. Write "NOK" or "DKK" or "EUR".
    "#);
    insta::assert_snapshot!(messages(layered(&["merchants = 3"], &[])), @r#"merchants (file 0.toml): this is a whole number, not a list of tables. Begin each merchant with [[merchants]]."#);
    insta::assert_snapshot!(messages(layered(&["merchants = [3]"], &[])), @r#"merchants[0] (file 0.toml): this is a whole number, not a table. Begin each merchant with [[merchants]]."#);
    let twice = "[[merchants]]\nmsn = \"654321\"\n[[merchants]]\nmsn = 654321";
    insta::assert_snapshot!(messages(layered(&[twice], &[])), @r#"merchants.654321 (file 0.toml): two tables have this msn. Make one table of them."#);
}

#[test]
fn rules_between_keys_refuse_what_cannot_work() {
    let text = r#"
        [proxy]
        listen = "127.0.0.1:9090"
        tls_key = "key.pem"
        [webhooks]
        listen = "0.0.0.0:9090"
        public_url = "http://bridge.example.com"
        [store]
        encryption_key = "0000000000000000000000000000000000000000000000000000000000000000"
        encryption_key_file = "key"
        [admin]
        listen = "0.0.0.0:9091"
        token = "short"
        [shadow]
        upstream_base_url = "https://api.vipps.no/"
    "#;
    insta::assert_snapshot!(messages(layered(&[text], &[])), @r#"
    store.encryption_key_file = "key" (file 0.toml): encryption_key is set as well. Use one of the two.
    proxy.tls_key = "key.pem" (file 0.toml): there is a key but no certificate. Set tls_cert, too, or clear tls_key.
    webhooks.public_url = "http://bridge.example.com" (file 0.toml): keys and tokens would cross the network in clear text. Write it as "https://host", with a path prefix where there is one; http is for a loopback host only.
    webhooks.listen = "0.0.0.0:9090" (file 0.toml): proxy.listen has this address, too. Give each listener a port of its own.
    admin.token = "(set)" (file 0.toml): it is short enough to be guessed. Use 16 characters or more (openssl rand -hex 32).
    shadow.upstream_base_url = "https://api.vipps.no/" (file 0.toml): it is a production server of Vipps MobilePay, so shadowed writes would move real money. Write the address of a test server or a simulator, or leave it empty.
    shadow.upstream_base_url = "https://api.vipps.no/" (file 0.toml): it leads to the host of upstream.base_url, so shadowed writes would go where the merchants' own go. Write an address on another host, or leave it empty.
    proxy.tls_key = "key.pem" (file 0.toml): the file cannot be read (entity not found). Name a file that exists and that the bridge's user may read.
    "#);
}

#[test]
fn what_surprises_is_a_warning() {
    let text = r#"
        [proxy]
        request_timeout = "30s"
        drain_timeout = "30s"
        [upstream]
        connect_timeout = "40s"
        [webhooks]
        public_url = "https://bridge.example.com"
        register = "off"
        [callbacks]
        allow_http = true
        [reads]
        details_cache = "1s 1ms"
        [store]
        url = "postgres://bridge@localhost/db"
        encryption_key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
        retention = "30d"
        callback_retention = "1d"
        [admin]
        token = "short"
        [routing]
        initiate = { epayment_percent = 10 }
        capture = "ecom"
        status = "ecom"
        [[merchants]]
        msn = "123456"
        routing = { initiate = "ecom" }
        [[merchants]]
        msn = "654321"
        webhook_secret = "x"
        routing = { capture = "epayment", status = "epayment", details = "ecom" }
    "#;
    insta::assert_snapshot!(lines(from_text(text).unwrap().warnings()), @r#"
    proxy.drain_timeout = "30s" (file text): it is not longer than proxy.request_timeout, so a stopping bridge can cut requests that still had time. Make it a few seconds longer than request_timeout.
    proxy.request_timeout = "30s" (file text): it is not longer than upstream.timeout, so one slow attempt uses all the time and nothing is left to learn what became of it: merchants are told that the outcome is unknown. Make it some seconds longer than upstream.timeout.
    upstream.connect_timeout = "40s" (file text): it is longer than upstream.timeout and so never reached. Make it shorter.
    merchants.123456.webhook_secret: it is not set while webhooks.register = "off", so this merchant's events cannot be verified. Write the secret that came with the registration of its webhook.
    callbacks.allow_http = true (file text): http is for private and loopback hosts only, and allow_private_addresses does not let the bridge call those. Set allow_private_addresses = true as well (staging only), or allow_http = false.
    store.retention = "30d" (file text): a payment can be refunded for 365 days, and one whose record is gone counts as unknown. Keep payments for more than 365 days.
    store.callback_retention = "1d" (file text): an event may be repeated for 7 days, and one whose record is gone would be reported to the merchant again. Keep delivered callbacks for more than 7 days.
    reads.details_cache = "1s 1ms" (file text): a webhook that another instance on this store took is not known here, so a shop can see an old state for so long. Write 1s or less, unless there is only this instance.
    admin.token = "(set)" (file text): it is short enough to be guessed. Use 16 characters or more (openssl rand -hex 32).
    routing.initiate = { epayment_percent = 10 } (file text): New payments are created in ePayment while status and capture of eCom's payments stay with eCom. The published order moves initiate last; this order is safe only because the bridge knows where each payment was created. If the bridge were removed now, status and capture of payments created in ePayment would fail: they would ask eCom, which does not know them. Nothing is wrong while the bridge runs; before you remove it, move the others to ePayment.
    merchants.654321.routing: New payments are created in ePayment while details of eCom's payments stay with eCom. The published order moves initiate last; this order is safe only because the bridge knows where each payment was created. If the bridge were removed now, details of payments created in ePayment would fail: they would ask eCom, which does not know them. Nothing is wrong while the bridge runs; before you remove it, move the others to ePayment.
    "#);
}

#[test]
fn events_that_nobody_can_verify_are_a_warning() {
    let warned = |text: &str| {
        let url = "[webhooks]\npublic_url = \"https://bridge.example.com\"\n";
        let settings = from_text(&format!("{url}{text}")).unwrap();
        let keys = settings.warnings().iter().map(|one| one.to_string());
        keys.filter(|text| text.contains("verified")).count()
    };
    assert_eq!(warned("register = \"off\""), 1);
    assert_eq!(warned("register = \"auto\""), 0);
    let unit = |secret| format!("register = \"off\"\n[[merchants]]\nmsn = \"123456\"\n{secret}");
    assert_eq!(warned(&unit("")), 1);
    assert_eq!(warned(&unit("webhook_secret = \"x\"")), 0);
}

#[test]
fn an_unknown_variable_is_refused_by_name() {
    let vars = [
        ("ECOM_BRIDGE__PROXY__LISTN", "canary"),
        ("ECOM_BRIDGE__PROXI__LISTEN", "canary"),
        ("ECOM_BRIDGE__PROXY", "canary"),
        ("ECOM_BRIDGE__", "canary"),
        ("ECOM_BRIDGE__PROXY__", "canary"),
        ("ECOM_BRIDGE__MERCHANTS__CLIENT_SECRET", "canary"),
        ("ECOM_BRIDGE__MERCHANTS__12__CLIENT_SECRET", "canary"),
        ("ECOM_BRIDGE__MERCHANTS__123456__MSN", "654321"),
        ("ECOM_BRIDGE__TELEMETRY__LOG_LEVEL__X", "canary"),
        ("ECOM_BRIDGE__UPSTREAM__RETRIES", "two"),
    ];
    let text = messages(layered(&[], &vars));
    assert!(!text.contains("canary"));
    insta::assert_snapshot!(text, @r#"
    ECOM_BRIDGE__: this variable names no setting. Variables are ECOM_BRIDGE__SECTION__KEY, or ECOM_BRIDGE__MERCHANTS__MSN__KEY for one merchant; correct or remove it.
    ECOM_BRIDGE__MERCHANTS__CLIENT_SECRET: this variable names no setting. Variables are ECOM_BRIDGE__SECTION__KEY, or ECOM_BRIDGE__MERCHANTS__MSN__KEY for one merchant; correct or remove it.
    ECOM_BRIDGE__PROXI__LISTEN: this variable names no setting. Variables are ECOM_BRIDGE__SECTION__KEY, or ECOM_BRIDGE__MERCHANTS__MSN__KEY for one merchant; correct or remove it.
    ECOM_BRIDGE__PROXY: this variable names no setting. Variables are ECOM_BRIDGE__SECTION__KEY, or ECOM_BRIDGE__MERCHANTS__MSN__KEY for one merchant; correct or remove it.
    ECOM_BRIDGE__PROXY__: this variable names no setting. Variables are ECOM_BRIDGE__SECTION__KEY, or ECOM_BRIDGE__MERCHANTS__MSN__KEY for one merchant; correct or remove it.
    proxy.listn (environment ECOM_BRIDGE__PROXY__LISTN): there is no such key. Did you mean `listen`? Else remove it.
    upstream.retries = two (environment ECOM_BRIDGE__UPSTREAM__RETRIES): this is outside of what it can be. Write a whole number from 0 to 10.
    merchants[1].msn = "12" (environment ECOM_BRIDGE__MERCHANTS__12__CLIENT_SECRET): a merchant serial number is 4 to 7 digits. Write it in quotes, such as "123456".
    merchants[1].client_secret = "(set)" (environment ECOM_BRIDGE__MERCHANTS__12__CLIENT_SECRET): there is no client_id beside it. Set client_id, too, or clear client_secret.
    telemetry.log_level = (a table) (environment ECOM_BRIDGE__TELEMETRY__LOG_LEVEL__X): this is a table, not a text. Write "error" or "warn" or "info" or "debug" or "trace".
    "#);
}

#[test]
fn no_secret_is_ever_shown() {
    let text = format!(
        r#"
        [store]
        url = "postgres://canary:canary@h/d?sslkey=canary"
        encryption_key = "{}"
        [admin]
        token = "canary-token-0123456789"
        [[merchants]]
        msn = "123456"
        subscription_key = "canary-key"
        client_id = "id"
        client_secret = "canary-secret"
        webhook_secret = "canary-webhook"
        "#,
        "ca".repeat(32)
    );
    let settings = from_text(&text).unwrap();
    let all = format!("{}{settings:?}{:?}", show(&settings), settings.warnings());
    assert!(!all.contains("canary") && !all.contains("caca"), "{all}");
    let broken = [
        "[admin]\ntoken = \"canary",
        "[admin]\ntoken = [\"canary\"]",
        "[admin]\ntoken = { canary = \"canary\" }",
        "[admin]\ntoken = \"canary \u{e9}\"",
        "[admin]\ntokn = \"canary\"",
        "[admin]\ntoken = canary",
        "[admin]\ntoken = \"\"\"\ncanary\n\"",
        "admin = \"canary\"",
        "[upstream]\nbase_url = \"https://me:canary@api.vipps.no\"",
        "[upstream]\nbase_url = \"https://api.vipps.no?key=canary\"",
        "[store]\nencryption_key = \"canary\"",
        "[store]\nurl = \"postgres://me:canary@h:0/d\"",
        "[store]\nurl = \"postgres://me:canary@h\"",
        "[store]\nurl = \"postgres://me:canary#@h/d\"",
        "[store]\nurl = \"postgres://h/d?password=canary\"",
        "[[merchants]]\nmsn = \"1\"\nclient_secret = \"canary\"\nclient_id = 5",
    ];
    for text in broken {
        let shown = messages(layered(&[text], &[]));
        let without_key = shown.replace("`canary`", "");
        assert!(!without_key.contains("canary"), "{text}\n{shown}");
    }
}

#[test]
fn files_that_are_named_must_be_readable() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let key = write("key", &format!("{}\n", "0f".repeat(32)));
    let cert = write("cert.pem", "-----BEGIN CERTIFICATE-----\n");
    let pem = write("key.pem", "-----BEGIN EC PRIVATE KEY-----\n");
    let text = |cert: &std::path::Path, pem: &std::path::Path, key: &std::path::Path| {
        format!(
            "[proxy]\ntls_cert = {cert:?}\ntls_key = {pem:?}\n[store]\nencryption_key_file = {key:?}\n"
        )
    };
    let config = write("config.toml", &text(&cert, &pem, &key));
    let settings = load(&[config], env(&[])).map_err(|p| lines(&p)).unwrap();
    assert_eq!(settings.store.encryption_key.unwrap().expose(), &[15; 32]);
    assert_eq!(settings.proxy.tls.unwrap().cert, cert);
    let missing = dir.path().join("missing");
    let config = write("bad.toml", &text(&pem, &missing, &cert));
    let shown = messages(load(&[config, missing], env(&[])));
    let shown = shown.replace(&dir.path().display().to_string(), "DIR");
    insta::assert_snapshot!(shown, @r#"
    DIR/missing: the file cannot be read (entity not found). Name a file of UTF-8 text that exists and that the bridge's user may read.
    store.encryption_key = "(set)" (file DIR/cert.pem): this is no key of 32 bytes. Write 64 hex digits, or the base64 of 32 bytes (openssl rand -base64 32).
    proxy.tls_cert = "DIR/key.pem" (file DIR/bad.toml): the file holds no PEM block "CERTIFICATE". Name a PEM file (text that begins with -----BEGIN).
    proxy.tls_key = "DIR/missing" (file DIR/bad.toml): the file cannot be read (entity not found). Name a file that exists and that the bridge's user may read.
    "#);
}

#[test]
fn a_secret_may_stand_in_a_file_and_is_refused_with_its_key_and_its_file() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let token = write("token", "canary-canary-canary\r\n");
    let key = write("key", "  canary-key\n");
    let keys = write(
        "keys",
        &format!("{}\n{}\n", "0f".repeat(32), "1f".repeat(32)),
    );
    let url = write("url", "postgres://me:canary@127.0.0.1/db\n");
    let text = format!(
        "[admin]\nlisten = \"0.0.0.0:9090\"\n[store]\nurl_file = {url:?}\nencryption_key = \"{}\"\n\
         encryption_key_previous_file = {keys:?}\n[[merchants]]\nmsn = \"123456\"\nsubscription_key_file = {key:?}\n",
        "2f".repeat(32)
    );
    let vars = [("ECOM_BRIDGE__ADMIN__TOKEN_FILE", token.as_str())];
    let settings = layered(&[&text], &vars).map_err(|p| lines(&p)).unwrap();
    let exposed =
        |secret: &Option<SecretString>| secret.as_ref().unwrap().expose_secret().to_owned();
    assert_eq!(exposed(&settings.admin.token), "canary-canary-canary");
    let merchant = &settings.merchants[&msn("123456")];
    assert_eq!(exposed(&merchant.subscription_key), "canary-key");
    let previous: Vec<u8> = settings
        .store
        .encryption_key_previous
        .iter()
        .map(|k| k.expose()[0])
        .collect();
    assert_eq!(previous, [0x0f, 0x1f]);
    assert!(matches!(settings.store.url, StoreUrl::Postgres(_)));
    let shown = show(&settings);
    assert!(
        shown.contains(&format!("token = \"(set)\" # file {token}")),
        "{shown}"
    );
    assert!(!format!("{shown}{settings:?}").contains("canary"));

    // Each names the key, the file and what to do; nothing of a content is told.
    let blank = write("blank", "\n");
    let folder = dir.path().display().to_string();
    let both = [
        ("ECOM_BRIDGE__ADMIN__TOKEN", "canary-canary-canary"),
        vars[0],
    ];
    let wrong = write("wrong", "canary with blanks");
    let faults = messages(layered(
        &[&format!(
            "[[merchants]]\nmsn = \"123456\"\nsubscription_key_file = \"{folder}/none\"\n\
             webhook_secret_file = {wrong:?}\nclient_secret_file = {blank:?}\n\
             [[merchants]]\nmsn = \"234567\"\nclient_secret_file = {folder:?}\n\
             [store]\nencryption_key_previous = [\"canary\"]\nurl_file = 7"
        )],
        &both,
    ));
    insta::assert_snapshot!(faults.replace(&folder, "DIR"), @r#"
    admin.token_file = "DIR/token" (environment ECOM_BRIDGE__ADMIN__TOKEN_FILE): token is set as well. Use one of the two.
    merchants.123456.subscription_key_file = "DIR/none" (file 0.toml): the file cannot be read (entity not found). Name a file that exists and that the bridge's user may read.
    merchants.123456.client_secret_file = "DIR/blank" (file 0.toml): nothing stands in the file. Put the secret into it, or name no file.
    merchants.234567.client_secret_file = "DIR" (file 0.toml): the file cannot be read (is a directory). Name a file that exists and that the bridge's user may read.
    store.url_file = 7 (file 0.toml): this is a whole number, not a text. Write it in quotes.
    store.encryption_key_previous = ["(set)"] (file 0.toml): one of them is no key of 32 bytes. Write each as 64 hex digits, or the base64 of 32 bytes.
    merchants.123456.webhook_secret = "(set)" (file DIR/wrong): it holds a blank, a line break or a character that no header can carry. Copy it again, without what stands around it.
    "#);
    assert!(!faults.contains("canary"));
}
