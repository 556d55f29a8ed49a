//! Where calls go: by the payment's birth, by toggles, by what a lost store still finds out.

use std::time::Duration;

use ecom_bridge::simulator::{Action, Fault, Origin as Born};
use ecom_bridge::store::NewAdjustment;
use ecom_bridge::types::{Clock, MoneyOp, Msn, OrderText, Origin, RequestId, Scope};

use crate::support::app::{KEY, MSN, TestApp, with};
use crate::support::shop::{AUTH_TOKEN, PREFIX, change, express, order, reference};

fn went(app: &TestApp) -> String {
    let mut apis: Vec<_> = app
        .took()
        .iter()
        .map(|r| {
            if r.contains("/ecomm/") {
                "ecom"
            } else {
                "epayment"
            }
        })
        .collect();
    apis.dedup();
    apis.join(" ")
}

#[tokio::test]
async fn toggles_decide_for_payments_of_ecom_operation_by_operation() {
    for toggled in ["capture", "cancel", "refund", "details", "status"] {
        let key = format!("routing.{toggled}");
        let app = with(&[("routing.initiate", "\"ecom\""), (&key, "\"ecom\"")])
            .start()
            .await;
        assert_eq!(app.initiate("order-0001", 1_000).await.route(), "ecom");
        assert_eq!(app.seen("order-0001").origin, Born::Ecom);
        assert!(app.world().approve(MSN, "order-0001"));
        app.took();
        let want = |op: &str| if op == toggled { "ecom" } else { "epayment" };
        let told = app.capture("order-0001", 600, "1").await;
        assert_eq!(told.ok()["transactionSummary"]["capturedAmount"], 600);
        assert_eq!(
            (told.route(), went(&app).as_str()),
            (want("capture"), want("capture"))
        );
        let told = app.refund("order-0001", 200, "1").await;
        assert_eq!(told.ok()["transaction"]["amount"], 200);
        assert_eq!(went(&app), want("refund"));
        for op in ["details", "status"] {
            app.read("order-0001", op).await.ok();
            assert_eq!(went(&app), want(op));
        }
        let told = app.releasing("order-0001", "1").send().await;
        assert_eq!(
            told.ok()["transactionSummary"]["remainingAmountToCapture"],
            0
        );
        assert_eq!(went(&app), want("cancel"));
        assert_eq!(app.sums("order-0001"), (600, 200, 400));
    }
}

#[tokio::test]
async fn b12_a_payment_born_in_epayment_stays_there_whatever_the_toggles_say() {
    let mut app = TestApp::start().await;
    app.reserved("order-0001", 1_000).await;
    for key in [
        "initiate", "capture", "cancel", "refund", "details", "status",
    ] {
        app.set(&format!("routing.{key}"), "\"ecom\"");
    }
    app.restart().await;
    app.took();
    app.capture("order-0001", 600, "1").await.ok();
    app.refund("order-0001", 100, "1").await.ok();
    app.details("order-0001").await.ok();
    app.read("order-0001", "status").await.ok();
    app.releasing("order-0001", "1").send().await.ok();
    assert_eq!(
        app.initiate("order-0001", 1_000).await.error(),
        (400, "34".into())
    );
    let twice = app.initiating(&express("order-0001", 1_000)).send().await;
    assert_eq!(twice.error(), (400, "34".into()));
    assert_eq!(went(&app), "epayment");
    // New ones follow the toggle.
    assert_eq!(app.initiate("order-0002", 1_000).await.route(), "ecom");
}

#[tokio::test]
async fn an_open_call_is_repeated_where_it_was_sent() {
    let mut app = with(&[
        ("routing.initiate", "\"ecom\""),
        ("routing.capture", "\"ecom\""),
    ])
    .start()
    .await;
    app.initiate("order-0001", 1_000).await.ok();
    assert!(app.world().approve(MSN, "order-0001"));
    app.world().add_fault(Fault::always(
        "/ecomm/*/capture",
        Action::Hang { processed: true },
    ));
    assert!(app.capture("order-0001", 400, "1").await.is_unknown());
    app.set("routing.capture", "\"epayment\"");
    app.restart().await;
    app.world().clear_faults();
    app.took();
    assert_eq!(
        app.capture("order-0001", 400, "1").await.ok()["transactionInfo"]["amount"],
        400
    );
    assert_eq!(went(&app), "ecom");
    app.capture("order-0001", 400, "1").await.ok();
    assert_eq!(went(&app), "ecom", "also once it is done");
    app.capture("order-0001", 600, "2").await.ok();
    assert_eq!(went(&app), "epayment");
    assert_eq!(app.sums("order-0001"), (1_000, 0, 0));
    app.set("routing.capture", "\"ecom\"");
    app.restart().await;
    app.took();
    app.capture("order-0001", 600, "2").await.ok();
    assert_eq!(went(&app), "epayment");
    assert_eq!(app.sums("order-0001"), (1_000, 0, 0));
}

#[tokio::test]
async fn a_call_that_ecom_may_have_done_is_never_repeated_elsewhere() {
    let ecom = [
        ("routing.initiate", "\"ecom\""),
        ("routing.capture", "\"ecom\""),
    ];
    let mut app = with(&ecom).start().await;
    app.initiate("order-0001", 1_000).await.ok();
    assert!(app.world().approve(MSN, "order-0001"));
    let hang = Action::Hang { processed: true };
    app.world().add_fault(Fault::once("/capture", hang));
    assert!(app.capture("order-0001", 400, "x").await.is_unknown());
    // Another call comes by, after the time for which the first one holds it back.
    app.clock.advance(Duration::from_secs(60));
    app.capture("order-0001", 100, "y").await.ok();
    app.set("routing.capture", "\"epayment\"");
    app.restart().await;
    app.capture("order-0001", 400, "x").await.ok();
    assert_eq!(app.sums("order-0001"), (500, 0, 0));
}

#[tokio::test]
async fn an_unknown_payment_is_read_in_ecom_first_and_its_birth_is_remembered() {
    let mut app = TestApp::start().await;
    app.forgetful = true;
    app.reserved_in_ecom("order-ecom", 1_000).await;
    app.took();
    app.details("order-ecom").await.ok();
    assert_eq!(went(&app), "ecom");
    app.details("order-ecom").await.ok();
    assert_eq!(went(&app), "ecom", "for good: it may be Express");
    app.capture("order-ecom", 400, "1").await.ok();
    assert_eq!(went(&app), "epayment");
    app.reserved("order-epay", 1_000).await;
    app.wipe_store().await;
    app.took();
    app.details("order-epay").await.ok();
    assert_eq!(went(&app), "ecom epayment");
    app.details("order-epay").await.ok();
    app.read("order-epay", "status").await.ok();
    assert_eq!(went(&app), "epayment", "remembered");
    app.restart().await;
    app.details("order-epay").await.ok();
    assert_eq!(went(&app), "epayment");
    assert_eq!(app.details("order-none").await.error(), (404, "35".into()));
    assert_eq!(went(&app), "ecom epayment");
    assert_eq!(
        app.capture("order-none", 400, "1").await.error(),
        (404, "35".into())
    );
    assert_eq!(went(&app), "epayment");
}

#[tokio::test]
async fn a_short_unknown_order_asks_ecom_and_then_the_mapped_reference() {
    let mut app = TestApp::start().await;
    app.forgetful = true;
    app.reserved_in_ecom("E1", 1_000).await;
    app.took();
    app.capture("E1", 400, "1").await.ok();
    assert_eq!(went(&app), "ecom");
    app.details("E1").await.ok();
    assert_eq!(went(&app), "ecom");
    app.reserved("B1", 1_000).await;
    app.wipe_store().await;
    app.took();
    app.capture("B1", 400, "1").await.ok();
    assert_eq!(went(&app), "ecom epayment");
    assert_eq!(app.sums(&reference("B1")), (400, 0, 0));
    // eCom turned the first one away: its 35 to the repeat is still no word about ePayment.
    app.wipe_store().await;
    let no = Action::Status {
        status: 429,
        body: None,
        headers: vec![],
        processed: false,
    };
    app.world().add_fault(Fault::once("/ecomm/", no));
    assert_eq!(app.capture("B1", 300, "2").await.status, 429);
    app.capture("B1", 300, "2").await.ok();
    assert_eq!(app.sums(&reference("B1")), (700, 0, 0));
    assert_eq!(app.cancel("nope", "1").await.error(), (404, "35".into()));
    assert_eq!(
        app.refund("nope", 400, "1").await.error(),
        (404, "35".into())
    );
}

#[tokio::test]
async fn a_404_or_402_of_a_known_payment_is_a_doubt() {
    let app = with(&[
        ("routing.initiate", "\"ecom\""),
        ("routing.details", "\"ecom\""),
    ])
    .start()
    .await;
    app.initiate("order-0001", 1_000).await.ok();
    for code in [402, 404] {
        let no = Action::Status {
            status: code,
            body: Some(r#"[{"errorCode":"35"}]"#.into()),
            headers: vec![],
            processed: false,
        };
        app.world().add_fault(Fault::once("/details", no));
        assert_eq!(app.details("order-0001").await.error(), (502, "99".into()));
    }
    let app = TestApp::start().await;
    app.initiate("order-0001", 1_000).await.ok();
    for (path, code, body) in [
        (
            "*/order-0001",
            404,
            r#"{"title":"Reference not found","status":404}"#,
        ),
        (
            "*/events",
            404,
            r#"{"title":"Reference not found","status":404}"#,
        ),
        ("*/order-0001", 404, "{}"),
        ("*/events", 402, "{}"),
        (
            "*/events",
            500,
            r#"{"title":"Internal error","status":500}"#,
        ),
    ] {
        let no = Action::Status {
            status: code,
            body: Some(body.into()),
            headers: vec![],
            processed: false,
        };
        app.world().add_fault(Fault::once(path, no).on("GET"));
        assert_eq!(
            app.details("order-0001").await.error(),
            (502, "99".into()),
            "{path} {code}"
        );
    }
    for op in ["capture", "cancel", "refund"] {
        let no = Action::Status {
            status: 404,
            body: Some(r#"{"title":"Reference not found","status":404}"#.into()),
            headers: vec![],
            processed: false,
        };
        app.world().add_fault(Fault::once("/order-0001", no));
        let answer = app.changing(op, "order-0001", 400, "1").send().await;
        assert_eq!(answer.error(), (502, "99".into()), "{op}");
    }
}

#[tokio::test]
async fn what_can_not_be_translated_goes_to_ecom_and_is_counted() {
    let app = TestApp::start().await;
    app.world().change_rules(|rules| rules.any_order_id = true);
    let mut intent = order("order-0001", 1_000);
    intent["merchantInfo"]["fallBack"] = "INTENT".into();
    let mut odd = order("order_0002", 1_000);
    odd["transaction"]["orderId"] = "acme_1.2".into();
    let mut kind = order("order-0003", 1_000);
    kind["merchantInfo"]["paymentType"] = "eComm Something".into();
    for (body, status) in [(&intent, 200), (&odd, 200), (&kind, 400)] {
        let answer = app.initiating(body).send().await;
        assert_eq!(
            (answer.route(), answer.status),
            ("ecom", status),
            "{}",
            answer.text()
        );
    }
    assert!(app.world().approve(MSN, "acme_1.2"));
    app.capture("acme_1.2", 400, "1").await.ok();
    app.details("acme_1.2").await.ok();
    assert_eq!(went(&app), "ecom");
    let metrics = String::from_utf8(app.admin("/metrics").await.body).unwrap();
    let counted = metrics
        .lines()
        .filter(|l| l.starts_with("bridge_untranslatable_total{"))
        .count();
    assert_eq!(counted, 3, "{metrics}");
}

#[tokio::test]
async fn somebody_elses_open_call_at_ecom_is_waited_for_within_the_time_there_is() {
    let app = with(&[
        ("routing.initiate", "\"ecom\""),
        ("routing.capture", "\"ecom\""),
        ("proxy.request_timeout", "\"1s\""),
    ])
    .start()
    .await;
    app.initiate("order-0001", 1_000).await.ok();
    assert!(app.world().approve(MSN, "order-0001"));
    let now = app.clock.now();
    let (scope, id) = (
        Scope::Unit(Msn::parse(MSN).unwrap()),
        OrderText::parse("order-0001").unwrap(),
    );
    let store = &app.payments().store;
    let (_, version) = store.adjustments(&scope, &id).await.unwrap();
    let open = NewAdjustment {
        scope,
        order: id,
        op: MoneyOp::Capture,
        api: Origin::Ecom,
        request_id: RequestId::parse("other"),
        key: None,
        attempt: 0,
        amount: None,
        computed: true,
        text: String::new(),
        cancelled_before: None,
        now,
        until: now.plus(Duration::from_secs(3_600)),
    };
    assert!(
        store
            .begin_adjustment(open, version)
            .await
            .unwrap()
            .is_some()
    );
    assert_eq!(
        app.capture("order-0001", 400, "1").await.error(),
        (423, "94".into())
    );
    assert_eq!(app.sums("order-0001"), (0, 0, 0));
}

#[tokio::test]
async fn two_sales_units_with_the_same_order_are_never_mixed() {
    let app = TestApp::start().await;
    app.reserved("order-0001", 1_000).await;
    let other = crate::support::app::OTHER_MSN;
    let mut body = order("order-0001", 2_000);
    body["merchantInfo"]["merchantSerialNumber"] = other.into();
    let ask = |method: &str, path: &str| {
        app.ask(method, path)
            .header("Merchant-Serial-Number", other)
    };
    ask("POST", "/ecomm/v2/payments")
        .json(&body)
        .send()
        .await
        .ok();
    assert!(app.world().approve(other, "order-0001"));
    let mut taken = change(500, "x");
    taken["merchantInfo"]["merchantSerialNumber"] = other.into();
    let path = "/ecomm/v2/payments/order-0001/capture";
    ask("POST", path).id("1").json(&taken).send().await.ok();
    app.capture("order-0001", 300, "1").await.ok();
    assert_eq!(app.sums("order-0001").0, 300);
    let seen = app.world().payment(other, "order-0001").unwrap();
    assert_eq!(seen.captured.minor_units(), 500);
    // Header and body that differ: nothing is sent.
    app.took();
    let differ = app.ask("POST", path).json(&taken).send().await;
    assert_eq!(
        differ.error(),
        (400, "merchantInfo.merchantSerialNumber".into())
    );
    assert!(app.took().is_empty());
    // Another merchant's keys are refused as upstream refuses them.
    let token = app.world().issue_token("other-subscription-key").unwrap();
    let thief = app.changing("capture", "order-0001", 300, "1");
    let thief = thief
        .header("Ocp-Apim-Subscription-Key", "other-subscription-key")
        .header("Authorization", &format!("Bearer {token}"));
    let answer = thief.send().await;
    assert!(matches!(answer.status, 400..=404), "{}", answer.text());
    assert_eq!(app.sums("order-0001").0, 300);
}

#[tokio::test]
async fn a_lost_store_is_recovered_from_the_payment_with_the_key_alone() {
    let sealed = format!("\"{}\"", "5a".repeat(32));
    let other = format!("\"{}\"", "6b".repeat(32));
    for (first, second, opens) in [
        (Some(&sealed), Some(&sealed), true),
        (Some(&sealed), Some(&other), false),
        (Some(&sealed), None, false),
        (None, Some(&sealed), false),
    ] {
        let mut app = with(&[]).start().await;
        if let Some(key) = first {
            app.set("store.encryption_key", key);
            app.wipe_store().await;
        }
        app.reserved("order-0001", 1_000).await;
        let sent = app.world().requests();
        let create = sent
            .iter()
            .find(|r| r.path() == "/epayment/v1/payments")
            .unwrap()
            .json();
        let metadata = create["metadata"].as_object().unwrap();
        assert_eq!(
            metadata.len(),
            if first.is_some() { 2 } else { 1 },
            "the marker, and what is sealed"
        );
        app.set("store.encryption_key", second.map_or("\"\"", |key| key));
        app.wipe_store().await;
        app.details("order-0001").await.ok();
        let payments = app.payments();
        let (scope, id) = (
            Scope::Unit(Msn::parse(MSN).unwrap()),
            OrderText::parse("order-0001").unwrap(),
        );
        let caller = ecom_bridge::types::CallerHash::of(KEY.as_bytes(), payments.store.secret());
        let known = payments.store.payment(&scope, &id, caller).await.unwrap();
        let facts = known.payment.expect("its birth was learned").facts;
        assert_eq!(facts.origin, Origin::Epayment);
        assert_eq!(facts.callback.is_some(), opens);
        if let Some(target) = facts.callback {
            use secrecy::ExposeSecret;
            assert_eq!(target.prefix, PREFIX);
            assert_eq!(target.auth_token.unwrap().expose_secret(), AUTH_TOKEN);
        }
    }
}
