//! `doctor`, as an operator types it: the real binary against the simulator, with and without a running bridge.

use ecom_bridge::simulator::merchant::Manner;
use serde_json::{Value, json};

use crate::support::site::{Site, free};
use crate::tls::lasting_to;

#[tokio::test(flavor = "multi_thread")]
async fn a_bridge_in_order_is_ok_in_every_line() {
    let site = Site::new().await;
    let running = site.start().await;
    site.simulator.world().clear_requests();
    let ran = site.doctor(&[]).await;
    assert!(ran.good, "{}{}", ran.out, ran.err);
    insta::assert_snapshot!(site.shown(&ran.out), @r"
    OK   config    good, 1 warning(s): `ecom-bridge check` shows them
    OK   bridge    runs and is ready (ADMIN)
    OK   store     sqlite:FOLDER/store.db: in use by the running bridge, which can write to it, ROOM free
    OK   upstream  http://UPSTREAM answers
    OK   clock     agrees with UPSTREAM (within SOME s)
    OK   token     123456: access token granted, good for 60 min
    OK   webhooks  http://HOOKS leads to this bridge
    OK   webhooks  123456: registered, with all 7 events
    OK   callbacks none waits, and none was given up; any host may be called, private ones too
    9 OK, 0 WARN, 0 FAIL
    ");
    site.assert_nothing_changed();
    let json = site.asked(&[], &["--json"]).await;
    let json: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(json["good"], true);
    assert_eq!(json["fail"], 0);
    assert_eq!(
        json["checks"][0],
        json!({"area": "config", "verdict": "OK", "remedy": null, "what": "good, 1 warning(s): `ecom-bridge check` shows them"})
    );
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_wrong_at_once_is_told_at_once() {
    let site = Site::new().await;
    site.simulator
        .world()
        .change_rules(|rules| rules.date_ahead_s = 1_800);
    let gone = format!("sqlite:{}", site.dir.path().join("gone/store.db").display());
    let elsewhere = site.simulator.base_url();
    let ran = site
        .doctor(&[
            ("MERCHANTS__123456__CLIENT_SECRET", "canary-secret"),
            ("MERCHANTS__123456__WEBHOOK_SECRET", "canary-webhook"),
            ("MERCHANTS__234567__DIRECT_CAPTURE", "true"),
            (
                "STORE__ENCRYPTION_KEY",
                "Y2FuYXJ5LWNhbmFyeS1jYW5hcnktY2FuYXJ5LWNhbmE=",
            ),
            ("WEBHOOKS__PUBLIC_URL", &elsewhere),
            ("STORE__URL", &gone),
            ("CALLBACKS__ALLOW_PRIVATE_ADDRESSES", "false"),
            ("CALLBACKS__ALLOW_HTTP", "false"),
            ("CALLBACKS__ALLOWED_HOSTS", "10.0.0.1"),
        ])
        .await;
    assert!(!ran.good);
    insta::assert_snapshot!(site.shown(&ran.out), @r"
    OK   config    good
    WARN bridge    was not reached: nothing answers at ADMIN (admin.listen). Is the bridge running, and is this its configuration (--config FILE)? What only it knows is left out below
    FAIL store     sqlite:FOLDER/gone/store.db: is not there and can't be made (FOLDER/gone: No such file or directory (os error 2)): whoever set up this machine: make the folder, and let the bridge's user write to it
    OK   upstream  http://UPSTREAM answers
    FAIL clock     this machine is SOME behind UPSTREAM: times in logs and records are wrong, instances that share a database take over each other's work, and certificates may count as expired or not yet valid. Webhooks are taken all the same: the bridge compares no signature's date with this clock. Whoever runs this machine: switch on time synchronisation (NTP), and set the clock while the bridge is stopped, as a jump cuts short what it waits for
    FAIL token     123456: its keys are refused (401): the configuration: client_id, client_secret and subscription_key must be this sales unit's own, of the same environment as upstream.base_url (test and production have different ones). Until then the bridge works for it with the shop's own calls only
    WARN token     234567: no keys of its own are configured; the bridge uses those of the shop's calls: with direct_capture it must capture while the shop is quiet: configure client_id, client_secret and subscription_key
    WARN webhooks  http://UPSTREAM is not judged, as the bridge does not run; 401 comes from there now: run doctor again when it runs
    FAIL callbacks 10.0.0.1: allowed, but callbacks do not go there: the host has a private address, and callbacks.allow_private_addresses is false: the configuration contradicts itself: take it out of callbacks.allowed_hosts, or allow what stands against it where that can be allowed (docs/callbacks.md)
    2 OK, 3 WARN, 4 FAIL
    ");
    assert!(!site.dir.path().join("gone").exists());
    site.assert_nothing_changed();
}

#[tokio::test(flavor = "multi_thread")]
async fn c9_a_clock_ten_minutes_off_is_told_with_its_direction() {
    let site = Site::new().await;
    for (ahead, direction) in [(600, "behind"), (-600, "ahead of")] {
        site.simulator
            .world()
            .change_rules(|rules| rules.date_ahead_s = ahead);
        let ran = site.doctor(&[]).await;
        assert!(!ran.good);
        let line = ran.line("this machine is");
        let of = format!(" s {direction} {}", site.simulator.addr());
        let by = ["is 10 min ", "is 9 min 5"]
            .iter()
            .any(|by| line.contains(by));
        assert!(by && line.contains(&of), "{line}");
        assert!(
            line.starts_with("FAIL clock") && line.contains("NTP"),
            "{line}"
        );
        // The rest is looked at all the same.
        ran.says("OK", "123456: access token granted");
    }
    site.simulator
        .world()
        .change_rules(|rules| rules.date_ahead_s = 20);
    let ran = site.doctor(&[]).await;
    assert!(ran.good);
    ran.says("WARN", "this machine is");
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_keys_are_the_configurations_fault() {
    let site = Site::new().await;
    for key in ["CLIENT_ID", "CLIENT_SECRET", "SUBSCRIPTION_KEY"] {
        let key = format!("MERCHANTS__123456__{key}");
        let ran = site.doctor(&[(&key, "canary-of-another")]).await;
        assert!(!ran.good);
        ran.says(
            "FAIL",
            "123456: its keys are refused (401): the configuration",
        );
    }
    // Keys of another unit get a token, and nothing else.
    let ran = site
        .doctor(&[
            ("MERCHANTS__123456__CLIENT_ID", "other-client"),
            ("MERCHANTS__123456__CLIENT_SECRET", "other-secret"),
            (
                "MERCHANTS__123456__SUBSCRIPTION_KEY",
                "other-subscription-key",
            ),
        ])
        .await;
    ran.says("OK", "123456: access token granted");
    ran.says("FAIL", "123456: the Webhooks API answers");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_is_down_does_not_end_the_rest() {
    let site = Site::new().await;
    let running = site.start().await;
    site.simulator.world().set_down(true).await;
    let ran = site.doctor(&[]).await;
    assert!(!ran.good);
    ran.says("FAIL", "can't be reached");
    ran.says("WARN", "can't be compared with");
    ran.says("FAIL", "123456: no token (no connection)");
    ran.says("OK", "in use by the running bridge");
    ran.says("OK", "leads to this bridge");
    ran.says("OK", "none waits");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_address_is_known_by_the_store_behind_it() {
    let (site, other) = (Site::new().await, Site::new().await);
    let (running, stranger) = (site.start().await, other.start().await);
    let elsewhere = site.simulator.base_url();
    let another = format!("http://{}", other.hooks);
    let nobody = format!("http://{}", free().await);
    for (url, said) in [
        (
            &elsewhere,
            "something else than this bridge answers (401): the bridge itself answers",
        ),
        (&another, "leads to another bridge"),
        (&nobody, "can't be reached from here"),
    ] {
        let ran = site.doctor(&[("WEBHOOKS__PUBLIC_URL", url)]).await;
        assert!(!ran.good);
        ran.says("FAIL", said);
        // Registered under that address is nothing.
        ran.says("WARN", "123456: no registration of this public_url");
        ran.says("WARN", "is registered, too");
    }
    let none = site.doctor(&[("WEBHOOKS__PUBLIC_URL", "")]).await;
    assert!(none.good);
    none.says("WARN", "webhooks.public_url is empty");
    running.stop().await;
    stranger.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shops_are_tried_by_the_rules_of_a_delivery_and_hear_nothing() {
    let site = Site::new().await;
    let running = site.start().await;
    site.shop.answer(Manner::status(500));
    running.approved(&site, "order-0001").await;
    let heard = site.shop.callbacks().len();
    let place = format!("{}, 1 waiting", site.shop.base_url());
    let ran = site.doctor(&[]).await;
    ran.says("OK", &format!("{place}: resolves and connects"));
    let private = [("CALLBACKS__ALLOW_PRIVATE_ADDRESSES", "false")];
    let ran = site.doctor(&private).await;
    assert!(!ran.good);
    ran.says(
        "FAIL",
        &format!("{place}: callbacks do not go there: the host has a loopback address"),
    );
    running.stop().await;
    // The same from the file, when nobody has it.
    let ran = site.doctor(&[]).await;
    ran.says("OK", &format!("{place}: resolves and connects"));
    assert_eq!(site.shop.callbacks().len(), heard);
    let ran = site
        .doctor(&[
            ("CALLBACKS__ALLOWED_HOSTS", "127.0.0.1,no-such-shop.invalid"),
            ("CALLBACKS__ALLOW_HTTP", "false"),
            ("CALLBACKS__ALLOW_PRIVATE_ADDRESSES", "false"),
        ])
        .await;
    ran.says(
        "FAIL",
        "127.0.0.1: allowed, but callbacks do not go there: the host has a loopback address",
    );
    ran.says(
        "FAIL",
        "no-such-shop.invalid: allowed, but the name leads nowhere",
    );
    ran.says(
        "FAIL",
        "callbackPrefix is http, and callbacks.allow_http is false",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_with_a_problem_ends_it_as_it_ends_check() {
    let site = Site::new().await;
    let ran = site.doctor(&[("CALLBACKS__TIMEOUT", "soon")]).await;
    assert!(!ran.good && ran.out.is_empty());
    assert!(
        ran.err.starts_with("error: callbacks.timeout"),
        "{}",
        ran.err
    );
    assert!(ran.err.contains("1 problem in the configuration"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_certificate_is_told_in_time() {
    let site = Site::new().await;
    let file = site.dir.path().join("pem");
    let name = file.display().to_string();
    let pem = |(cert, key): (String, String)| cert + &key;
    let asked = async |pem: String| {
        std::fs::write(&file, pem).unwrap();
        let tls = [("PROXY__TLS_CERT", &*name), ("PROXY__TLS_KEY", &*name)];
        let ran = site.doctor(&tls).await;
        let line = ran.out.lines().find(|line| line.contains(" tls "));
        let line = line.unwrap_or_else(|| panic!("{}{}", ran.out, ran.err));
        (line.to_owned(), ran.good)
    };
    let (line, good) = asked(pem(lasting_to(2001))).await;
    assert!(line.starts_with("FAIL tls       the certificate ended at 2001-03-01T00:00:00.000Z: "));
    assert!(!good, "{line}");
    let (line, good) = asked(pem(lasting_to(2071))).await;
    assert!(line.starts_with("OK   tls       the certificate is good until 2071-03-01"));
    assert!(good, "{line}");
    let of_another = lasting_to(2071).1;
    let (line, good) = asked(pem((lasting_to(2071).0, of_another))).await;
    assert!(line.starts_with("FAIL tls       tls_cert and tls_key can't be used: "));
    assert!(!good, "{line}");
}
