//! The money ledger: each planted mismatch is found, told and proven by the command; a clean day raises nothing.

use std::process::Command;
use std::time::Duration;

use ecom_bridge::simulator::{Action, Fault};
use ecom_bridge::types::{IdempotencyKey, KeyMaker, MoneyOp, Msn, OrderId, RequestId, Scope};
use serde_json::{Value, json};

use crate::support::app::{MSN, TestApp, with};
use crate::support::shop::{express, order};
use crate::support::{LIMIT, eventually, says};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn bridge_key(op: MoneyOp, order: &str, request: &str, attempt: u32) -> IdempotencyKey {
    let scope = Scope::Unit(Msn::parse(MSN).unwrap());
    let order = OrderId::parse(order).unwrap();
    let maker = KeyMaker {
        scope: &scope,
        order: &order,
    };
    maker.key(op, &RequestId::parse(request).unwrap(), attempt)
}

impl TestApp {
    /// Something of another system of the merchant, past the bridge.
    async fn elsewhere(&self, op: &str, order: &str, amount: i64, key: &str) {
        let path = format!("/epayment/v1/payments/{order}/{op}");
        let body = json!({"modificationAmount": {"currency": "NOK", "value": amount}});
        let asked = self.past("POST", &path).json(&body);
        asked
            .header("Idempotency-Key", key)
            .send()
            .await
            .ok_status();
    }

    async fn json_of(&self, path: &str) -> Value {
        let answer = self.admin(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    }

    async fn story(&self, order: &str) -> Value {
        self.json_of(&format!("/api/ledger/{order}?msn={MSN}"))
            .await["payments"][0]
            .clone()
    }

    /// Until the ledger stands like this on an order.
    async fn stands(&self, order: &str, standing: &str) {
        let stands = eventually_or(async || self.story(order).await["standing"] == standing).await;
        assert!(
            stands,
            "{order} is not {standing}: {}",
            self.story(order).await
        );
    }

    async fn mismatches_of(&self, kind: &str) -> f64 {
        let text = self.admin("/metrics").await.text();
        let name = format!("bridge_ledger_mismatches{{kind=\"{kind}\"}} ");
        let value = text.lines().find_map(|line| line.strip_prefix(&name));
        value.expect("the metric is there").parse().unwrap()
    }

    async fn open_of(&self, origin: &str, class: &str) -> f64 {
        let text = self.admin("/metrics").await.text();
        let name = format!("bridge_payments_open{{origin=\"{origin}\",class=\"{class}\"}} ");
        let value = text.lines().find_map(|line| line.strip_prefix(&name));
        value.expect("the metric is there").parse().unwrap()
    }

    /// Changes the store's rows behind the bridge's back.
    fn edit(&self, statement: &str) {
        let file = self.configuration().1.join("bridge.db");
        let db = rusqlite::Connection::open(file).unwrap();
        let changed = db.execute(statement, ()).unwrap();
        assert_eq!(changed, 1, "{statement}");
    }

    /// The command against this bridge: whether its exit code is 0, and what it prints.
    pub(crate) async fn command(&self, arguments: &[&str]) -> (bool, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ecom-bridge"));
        command.args(arguments);
        command.env("ECOM_BRIDGE__ADMIN__LISTEN", self.admin_addr().to_string());
        let ran = tokio::task::spawn_blocking(move || command.output().unwrap());
        let output = ran.await.unwrap();
        let out = String::from_utf8(output.stdout).unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        (output.status.success(), format!("{out}{err}"))
    }
}

/// Whether a condition comes to hold.
async fn eventually_or(mut holds: impl AsyncFnMut() -> bool) -> bool {
    let mut beat = tokio::time::interval(Duration::from_millis(20));
    tokio::time::timeout(LIMIT, async {
        while !holds().await {
            beat.tick().await;
        }
    })
    .await
    .is_ok()
}

fn refusal() -> Value {
    json!({"type": "about:blank", "title": "Capture amount too high", "status": 400, "traceId": "t"})
}

fn payment(order: &str, captured: i64, refunded: i64) -> Value {
    let nok = |value: i64| json!({"currency": "NOK", "value": value});
    json!({"reference": order, "pspReference": "psp", "state": "AUTHORIZED", "amount": nok(1000),
        "paymentMethod": {"type": "WALLET"}, "profile": {},
        "aggregate": {"authorizedAmount": nok(1000), "cancelledAmount": nok(0),
            "capturedAmount": nok(captured), "refundedAmount": nok(refunded)}})
}

#[tokio::test]
async fn a_clean_day_is_proven_and_what_others_did_is_foreign() {
    let app = TestApp::start().await;
    for n in 0..3 {
        app.reserved(&format!("order-000{n}"), 1_000).await;
    }
    app.capture("order-0000", 400, "1").await.ok();
    app.refund("order-0000", 100, "1").await.ok();
    app.releasing("order-0000", "1").send().await.ok();
    app.elsewhere("capture", "order-0001", 300, "erp-1").await;
    app.capture("order-0001", 700, "1").await.ok();
    // Refused by upstream, then right.
    assert_eq!(app.capture("order-0002", 2_000, "1").await.status, 400);
    app.capture("order-0002", 1_000, "1").await.ok();
    app.initiate("order-0003", 1_000).await.ok();
    app.cancel("order-0003", "1").await.ok();
    app.advance(Duration::from_secs(61));
    for n in 0..4 {
        app.stands(&format!("order-000{n}"), "proven").await;
    }
    let story = app.story("order-0001").await;
    assert_eq!(
        (&story["foreign"], &story["captured"]),
        (&json!(1), &json!(1000))
    );
    assert_eq!(story["state"], "captured");
    let text = story["story"].to_string();
    for part in [
        "created in ePayment over 10.00 NOK",
        "AUTHORIZED 10.00 NOK",
        "another system's",
        "capture of 7.00 NOK asked for, to ePayment",
        "the event log has it",
        "\"requestId\":\"1\"",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let (sound, told) = app.command(&["ledger", "verify"]).await;
    assert!(sound && told.ends_with("\nSOUND\n"), "{told}");
    let calls = |line: &str| line.split_whitespace().eq(["money", "calls", "7"]);
    assert!(told.lines().any(calls), "{told}");
    let (shown, told) = app.command(&["ledger", "show", "order-0000"]).await;
    assert!(
        shown && told.contains("PROVEN: 3 of 3 money calls"),
        "{told}"
    );
    let (shown, told) = app.command(&["ledger", "show", "nowhere"]).await;
    assert!(
        !shown && told.contains("has no payment of this order"),
        "{told}"
    );
    assert_eq!(
        app.json_of("/api/ledger/mismatches").await["mismatches"],
        json!([])
    );
    let found = app.json_of("/api/payments?limit=2").await;
    assert_eq!(found["payments"].as_array().unwrap().len(), 2);
    assert_eq!(found["payments"][0]["orderId"], "order-0003");

    // Quiet and final: not read again, however long it takes.
    app.took();
    for _ in 0..5 {
        app.advance(DAY);
        let mut beat = tokio::time::interval(Duration::from_millis(1_100));
        beat.tick().await;
        beat.tick().await;
    }
    assert_eq!(app.took(), Vec::<String>::new());
}

/// Plants a mismatch of each kind on an order of its own.
async fn plant(app: &TestApp) -> Vec<(&'static str, &'static str)> {
    let fault = |path: &str, action: Action| app.world().add_fault(Fault::once(path, action));
    // Refused, but done, and the log does not show it in time; then asked again with the same id: done twice.
    let lie = |order: &str, op: &str| {
        fault(&format!("{order}/{op}"), says(400, &refusal(), true));
        fault(&format!("{order}/events"), says(200, &json!([]), false));
    };
    app.reserved("failed-but-done", 1_000).await;
    lie("failed-but-done", "capture");
    assert_eq!(app.capture("failed-but-done", 300, "1").await.status, 400);
    app.reserved("captured-twice", 1_000).await;
    lie("captured-twice", "capture");
    assert_eq!(app.capture("captured-twice", 300, "1").await.status, 400);
    app.capture("captured-twice", 300, "1").await.ok();
    app.reserved("refunded-twice", 1_000).await;
    app.capture("refunded-twice", 1_000, "1").await.ok();
    lie("refunded-twice", "refund");
    assert_eq!(app.refund("refunded-twice", 300, "2").await.status, 400);
    app.refund("refunded-twice", 300, "2").await.ok();
    // Said to be done, and not done.
    app.reserved("done-but-absent", 1_000).await;
    let done = payment("done-but-absent", 300, 0);
    fault("done-but-absent/capture", says(200, &done, false));
    app.capture("done-but-absent", 300, "1").await.ok_status();
    // With a key that the bridge would make, past its record.
    app.reserved("unknown-key", 1_000).await;
    let key = bridge_key(MoneyOp::Capture, "unknown-key", "ghost", 0);
    app.elsewhere("capture", "unknown-key", 300, key.as_str())
        .await;
    // Sums that can't be, and sums that are not the log's.
    app.reserved("over-captured", 1_000).await;
    app.reserved("over-refunded", 1_000).await;
    app.reserved("sums-differ", 1_000).await;
    for (order, captured, refunded) in [
        ("over-captured", 2_000, 0),
        ("over-refunded", 0, 300),
        ("sums-differ", 300, 0),
    ] {
        let shown = says(200, &payment(order, captured, refunded), false);
        let path = format!("*/payments/{order}");
        app.world().add_fault(Fault::always(&path, shown).on("GET"));
    }
    // In the record itself.
    for order in ["other-amount", "key-reused", "open-too-long"] {
        app.reserved(order, 1_000).await;
        app.capture(order, 300, "1").await.ok();
    }
    app.refund("key-reused", 100, "2").await.ok();
    app.edit("UPDATE adjustments SET amount = 200 WHERE order_id = 'other-amount'");
    app.edit(
        "UPDATE adjustments SET key = (SELECT key FROM adjustments WHERE order_id = 'key-reused' AND op = 'capture')
         WHERE order_id = 'key-reused' AND op = 'refund'",
    );
    app.edit(
        "UPDATE adjustments SET state = 'open', until = begun_at, closed_at = NULL, done_amount = NULL, done_at = NULL,
         transaction_id = NULL WHERE order_id = 'open-too-long'",
    );
    // Its log can't be read: what the log shows is settled by it.
    let nothing = says(500, &json!({}), false);
    app.world()
        .add_fault(Fault::always("open-too-long/events", nothing));
    vec![
        ("failed-but-done", "told_failed_but_done"),
        ("captured-twice", "captured_twice"),
        ("refunded-twice", "refunded_twice"),
        ("done-but-absent", "told_done_but_absent"),
        ("unknown-key", "unknown_bridge_key"),
        ("over-captured", "over_captured"),
        ("over-refunded", "over_refunded"),
        ("sums-differ", "sums_differ"),
        ("other-amount", "other_amount"),
        ("key-reused", "key_reused"),
        ("open-too-long", "open_too_long"),
    ]
}

#[tokio::test]
async fn each_planted_mismatch_is_found_and_told() {
    let app = TestApp::start().await;
    let planted = plant(&app).await;
    app.reserved("in-order", 1_000).await;
    app.capture("in-order", 1_000, "1").await.ok();
    app.advance(Duration::from_secs(61));
    app.stands("in-order", "proven").await;
    // Some need a second look, or their time.
    let found = async || {
        app.advance(Duration::from_secs(600));
        let kept = app.json_of("/api/ledger/mismatches").await["mismatches"].clone();
        let kept: Vec<_> = kept.as_array().unwrap().iter().collect();
        planted.iter().all(|(order, kind)| {
            let is = |one: &&&Value| one["orderId"] == *order && one["kind"] == *kind;
            kept.iter().any(|one| is(&one))
        })
    };
    let all = eventually_or(found).await;
    let kept = app.json_of("/api/ledger/mismatches").await;
    assert!(all, "{kept:#}");
    for (order, kind) in &planted {
        assert!(app.mismatches_of(kind).await >= 1.0, "{kind}");
        let log = app.log.text();
        let told = log.lines().filter(|line| {
            line.contains("does not add up") && line.contains(order) && line.contains(kind)
        });
        assert_eq!(told.count(), 1, "{order} {kind} is told once");
        assert_eq!(app.story(order).await["standing"], "mismatch", "{order}");
    }
    let (sound, told) = app.command(&["ledger", "verify"]).await;
    assert!(!sound && told.ends_with("NOT SOUND\n"), "{told}");
    for (order, kind) in &planted {
        let found = |line: &str| line.contains(order) && line.contains(kind);
        assert!(told.lines().any(found), "{order} {kind}: {told}");
    }
    assert!(!told.contains("in-order"), "{told}");
    let (shown, told) = app.command(&["ledger", "show", "captured-twice"]).await;
    assert!(shown && told.contains("MISMATCH"), "{told}");

    // What is right again is resolved, and stays in the list of all.
    app.world().clear_faults();
    eventually(async || {
        app.advance(Duration::from_secs(3_600));
        app.mismatches_of("sums_differ").await == 0.0
    })
    .await;
    let all = app
        .json_of("/api/ledger/mismatches?all=true")
        .await
        .to_string();
    assert!(all.contains("sums_differ"));
}

#[tokio::test]
async fn without_credentials_nothing_is_called_fine() {
    let mut app = TestApp::start().await;
    app.reserved("order-0001", 1_000).await;
    app.capture("order-0001", 400, "1").await.ok();
    // What merchants' calls brought is in memory only.
    app.restart().await;
    app.took();
    app.advance(Duration::from_secs(61));
    eventually(async || app.story("order-0001").await["trouble"] != Value::Null).await;
    let story = app.story("order-0001").await;
    assert_eq!(story["standing"], "not_verified");
    assert_eq!(story["trouble"], "no credentials for this sales unit");
    assert_eq!(story["captured"], 400, "known by the answer");
    assert_eq!(app.took(), Vec::<String>::new(), "nobody was asked");
    let (sound, told) = app.command(&["ledger", "verify"]).await;
    assert!(
        sound && told.ends_with("SOUND, as far as it could be verified\n"),
        "{told}"
    );
    // With the next call of the shop they are there again.
    app.details("order-0001").await.ok();
    app.advance(Duration::from_secs(6 * 3_600));
    app.stands("order-0001", "proven").await;
}

#[tokio::test]
async fn a19_a_payment_that_is_answered_for_with_another_is_not_proven() {
    let app = TestApp::start().await;
    app.reserved("order-0001", 1_000).await;
    app.capture("order-0001", 400, "1").await.ok();
    let another = Fault::always("/epayment/v1/payments/order-0001", Action::WrongReference);
    app.world().add_fault(another.on("GET"));
    app.advance(Duration::from_secs(61));
    eventually(async || app.story("order-0001").await["trouble"] != Value::Null).await;
    let story = app.story("order-0001").await;
    assert_eq!(story["trouble"], "ePayment answered for another payment");
    app.world().clear_faults();
    app.advance(Duration::from_secs(3_600));
    app.stands("order-0001", "proven").await;
}

#[tokio::test]
async fn a_429_gives_upstream_peace() {
    let app = TestApp::start().await;
    app.reserved("order-0001", 1_000).await;
    app.capture("order-0001", 400, "1").await.ok();
    let busy = Action::Status {
        status: 429,
        body: None,
        headers: vec![],
        processed: false,
    };
    app.world().add_fault(Fault::always("/events", busy));
    app.took();
    app.advance(Duration::from_secs(61));
    eventually(async || app.story("order-0001").await["trouble"] != Value::Null).await;
    let trouble = app.story("order-0001").await["trouble"].clone();
    app.world().clear_faults();
    let asked = app.took().len();
    assert!((1..=2).contains(&asked), "poll and ledger: {asked}");
    // Every tick comes, and nobody asks until the minute is over.
    app.advance(Duration::from_secs(50));
    let mut beat = tokio::time::interval(Duration::from_millis(1_100));
    for _ in 0..3 {
        beat.tick().await;
    }
    assert_eq!(app.took(), Vec::<String>::new());
    assert!(trouble.as_str().unwrap().len() > 10, "{trouble}");
    app.advance(Duration::from_secs(70));
    app.stands("order-0001", "proven").await;
}

/// What upstream says about one payment holds for all of its sales unit.
#[tokio::test]
async fn a_429_for_one_payment_keeps_the_ledger_from_the_others() {
    let app = with(&[("reads.poll", "false")]).start().await;
    app.reserved("order-0001", 1_000).await;
    app.capture("order-0001", 400, "1").await.ok();
    app.advance(Duration::from_secs(30));
    app.reserved("order-0002", 1_000).await;
    app.capture("order-0002", 400, "1").await.ok();
    let busy = says(429, &json!({}), false);
    app.world()
        .add_fault(Fault::always("/order-0001/events", busy));
    let in_trouble = async |order: &str| app.story(order).await["trouble"] != Value::Null;
    app.advance(Duration::from_secs(31));
    eventually(async || in_trouble("order-0001").await).await;
    app.took();
    app.advance(Duration::from_secs(31));
    eventually(async || in_trouble("order-0002").await).await;
    assert_eq!(app.took(), Vec::<String>::new());
}

#[tokio::test]
async fn open_payments_are_counted_and_age_out() {
    let app = TestApp::start().await;
    app.reserved("order-0001", 1_000).await;
    app.reserved("order-0002", 1_000).await;
    app.capture("order-0002", 400, "1").await.ok();
    app.reserved("order-0003", 1_000).await;
    app.capture("order-0003", 1_000, "1").await.ok();
    app.initiate("order-0004", 1_000).await.ok();
    app.advance(Duration::from_secs(61));
    // The approval is heard of by polling, and read a little later.
    eventually(async || app.story("order-0001").await["state"] == "reserved").await;
    app.advance(Duration::from_secs(61));
    for n in 1..4 {
        app.stands(&format!("order-000{n}"), "proven").await;
    }
    let counts = async || {
        let mut counts = Vec::new();
        for class in ["created", "reserved", "partly_captured", "refundable"] {
            counts.push(app.open_of("epayment", class).await);
        }
        counts
    };
    assert_eq!(counts().await, [1.0; 4]);
    let open = app.json_of("/api/payments/open").await;
    let reserved = &open["open"][1];
    assert_eq!(reserved["class"], "reserved", "{open}");
    assert_eq!(
        (&reserved["toCapture"], &reserved["msn"]),
        (&json!(1000), &json!(MSN))
    );
    assert_eq!(reserved["oldest"], open["today"]);
    assert_eq!(open["origins"][0]["payments"], 4);
    // Whose guarantee ends is listed three days before.
    let none = app.json_of("/api/payments/expiring").await;
    assert_eq!(none["payments"], json!([]));
    app.advance(DAY * 178);
    let soon = app.json_of("/api/payments/expiring").await;
    let orders: Vec<_> = soon["payments"].as_array().unwrap().iter().collect();
    assert_eq!(orders.len(), 2, "{soon}");
    // Too late to capture: what was captured may be refunded still.
    app.advance(DAY * 4);
    assert_eq!(counts().await, [0.0, 0.0, 0.0, 2.0]);
    app.advance(DAY * 185);
    assert_eq!(counts().await, [0.0; 4]);
    assert_eq!(app.json_of("/api/payments/open").await["open"], json!([]));
}

#[tokio::test]
async fn payments_of_ecom_are_read_where_they_may_be() {
    let app = with(&[
        ("routing.initiate", "\"ecom\""),
        ("routing.details", "\"ecom\""),
    ])
    .start()
    .await;
    app.initiating(&order("regular-1", 1_000)).send().await.ok();
    app.initiating(&express("express-1", 1_000))
        .send()
        .await
        .ok();
    for id in ["regular-1", "express-1"] {
        assert!(app.world().approve(MSN, id));
        app.details(id).await.ok();
        eventually(async || app.story(id).await["learntFrom"] == "ecom_details").await;
        assert_eq!(app.story(id).await["state"], "reserved", "{id}");
        app.capture(id, 400, "1").await.ok();
        let story = app.story(id).await;
        assert_eq!(
            (&story["captured"], &story["origin"]),
            (&json!(400), &json!("ecom"))
        );
    }
    assert!(app.open_of("ecom", "partly_captured").await == 2.0);
    app.advance(Duration::from_secs(61));
    // ePayment may show a regular one; an Express one only eCom.
    app.stands("regular-1", "proven").await;
    eventually(async || app.story("express-1").await["trouble"] != Value::Null).await;
    let story = app.story("express-1").await;
    assert_eq!(story["trouble"], "only eCom may be asked for this payment");
    assert_eq!(story["standing"], "not_verified");
    assert_eq!(
        app.json_of("/api/ledger/mismatches").await["mismatches"],
        json!([])
    );
}
