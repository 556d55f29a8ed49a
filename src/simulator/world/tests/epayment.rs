//! ePayment's side: its numbers, keys, deadlines, the strict reading of create, and the event log.

use serde_json::json;

use super::*;

#[test]
fn epayment_refuses_by_state_and_operation() {
    for (state, operation, amount, status, code) in [
        ("created", "capture", 500, 400, 6080),
        ("created", "refund", 500, 400, 6020),
        ("aborted", "capture", 500, 400, 6070),
        ("aborted", "cancel", 0, 400, 6190),
        ("aborted", "refund", 500, 400, 6210),
        ("expired", "capture", 500, 400, 6070),
        ("terminated", "capture", 500, 400, 6070),
        ("terminated", "cancel", 0, 400, 6190),
        ("authorized", "capture", 1001, 400, 6090),
        ("authorized", "refund", 1, 400, 6150),
        ("part", "capture", 601, 400, 6090),
        ("part", "refund", 401, 400, 6150),
        ("captured", "capture", 1, 400, 6090),
        ("captured", "cancel", 0, 400, 6040),
        ("cancelled", "capture", 1, 400, 6070),
        ("cancelled", "cancel", 0, 400, 6190),
        ("cancelled", "refund", 1, 400, 6210),
        ("part-released", "capture", 1, 400, 6090),
        ("part-released", "cancel", 0, 400, 6190),
        ("refunded", "refund", 1, 400, 6150),
    ] {
        let mut bench = Bench::new();
        bench.create("order-0001");
        bench.bring("order-0001", state);
        let reply = bench.modify(operation, "order-0001", amount, "fresh");
        assert_eq!(
            problem(&reply),
            (status, code),
            "{state} {operation} {amount}"
        );
    }
}

#[test]
fn the_state_stays_authorized_and_the_sums_add_up() {
    let mut bench = Bench::new();
    bench.create("order-0001");
    bench.bring("order-0001", "part");
    let key = bench.key();
    bench.modify("refund", "order-0001", 150, &key);
    let key = bench.key();
    let reply = bench.modify("cancel", "order-0001", 0, &key);
    let body = reply.body.unwrap();
    assert!(reply.modification);
    assert_eq!(body["state"], "AUTHORIZED");
    assert_eq!(body["aggregate"]["cancelledAmount"]["value"], 600);
    let view = bench.view("order-0001");
    assert_eq!(view.state, State::Authorized);
    let sums = [
        view.authorized,
        view.captured,
        view.cancelled,
        view.refunded,
    ];
    assert_eq!(sums.map(Amount::minor_units), [1000, 400, 600, 150]);
}

#[test]
fn one_key_serves_one_request() {
    let mut bench = Bench::new();
    bench.create("order-0001");
    bench.create("order-0002");
    bench.bring("order-0001", "authorized");
    bench.bring("order-0002", "authorized");
    let first = bench.modify("capture", "order-0001", 300, "k");
    assert_eq!(bench.modify("capture", "order-0001", 300, "k"), first);
    assert_eq!(bench.view("order-0001").captured.minor_units(), 300);
    let other = bench.modify("capture", "order-0001", 400, "k");
    assert_eq!(problem(&other), (409, 4010));
    let elsewhere = bench.modify("capture", "order-0002", 300, "k");
    assert_eq!(problem(&elsewhere), (409, 4010), "the strict reading");
    let refund = bench.modify("refund", "order-0001", 300, "k");
    assert_eq!(problem(&refund), (409, 4020));
    let create = bench.create_with("k", create_body("order-0003"));
    assert_eq!(problem(&create), (409, 4150));
    bench.world.set_rules(Rules {
        keys_per_operation: true,
        ..Rules::default()
    });
    assert_eq!(bench.modify("capture", "order-0002", 300, "k").status, 200);
}

#[test]
fn a_refused_key_stays_refused_unless_the_rule_is_off() {
    for (repeat, status) in [(true, 400), (false, 200)] {
        let mut bench = Bench::new();
        bench.world.set_rules(Rules {
            repeat_refusals: repeat,
            ..Rules::default()
        });
        bench.create("order-0001");
        assert_eq!(bench.modify("capture", "order-0001", 300, "k").status, 400);
        bench.bring("order-0001", "authorized");
        assert_eq!(
            bench.modify("capture", "order-0001", 300, "k").status,
            status
        );
        assert_eq!(bench.modify("capture", "order-0001", 300, "l").status, 200);
    }
}

#[test]
fn deadlines_follow_the_clock() {
    let mut bench = Bench::new();
    bench.create("order-0001");
    bench.bring("order-0001", "part");
    bench.pass(180);
    let late = bench.modify("capture", "order-0001", 100, "c");
    assert_eq!(problem(&late), (400, 6100));
    let late = bench.modify("cancel", "order-0001", 0, "d");
    assert_eq!(problem(&late), (400, 6050));
    assert_eq!(bench.modify("refund", "order-0001", 100, "e").status, 200);
    bench.pass(185);
    let late = bench.modify("refund", "order-0001", 100, "f");
    assert_eq!(problem(&late), (400, 6220));
}

#[test]
fn an_open_payment_expires_and_ecom_calls_back_once() {
    let mut bench = Bench::new();
    bench.world.set_rules(Rules::default());
    bench.initiate("order-0001").unwrap();
    bench.create("order-0002");
    bench.world.take_effects();
    bench.now = bench.now.plus(Duration::from_secs(601));
    bench.world.tick(bench.now);
    bench.world.tick(bench.now);
    assert_eq!(bench.view("order-0001").state, State::Expired);
    let effects = bench.world.take_effects();
    let callbacks: Vec<_> = effects
        .iter()
        .filter_map(|e| match e {
            Effect::Callback(order) => Some(order.body["transactionInfo"]["status"].clone()),
            Effect::Event { .. } => None,
        })
        .collect();
    assert_eq!(callbacks, [json!("REJECTED")]);
    assert_eq!(effects.len(), 2, "and one webhook, for ePayment's");
}

#[test]
fn a_locked_payment_refuses_for_now_and_keeps_the_key_free() {
    let mut bench = Bench::new();
    bench.initiate("order-0001").unwrap();
    bench.bring("order-0001", "authorized");
    bench.act("order-0001", Act::Lock);
    assert_eq!(
        problem(&bench.modify("capture", "order-0001", 100, "k")),
        (423, 6250)
    );
    let all = json!({});
    let result = bench.adjust(Adjustment::Cancel, "order-0001", &all, None);
    assert_eq!(refused(result), (423, "94".to_owned()));
    bench.act("order-0001", Act::Unlock);
    assert_eq!(bench.modify("capture", "order-0001", 100, "k").status, 200);
}

#[test]
fn create_demands_what_the_specification_does() {
    for (pointer, value, code) in [
        ("/amount/value", json!(99), 4040),
        ("/amount/value", json!(65_000_001), 6010),
        ("/amount/value", json!(100.5), 6010),
        ("/amount/value", json!("1000"), 6010),
        ("/amount/currency", json!("SEK"), 4140),
        ("/amount", Value::Null, 4140),
        ("/reference", json!("short"), 4140),
        ("/reference", json!("under_score"), 4140),
        ("/userFlow", json!("web_redirect"), 4140),
        ("/returnUrl", json!("http://shop.example"), 4090),
        ("/returnUrl", Value::Null, 4140),
        ("/paymentMethod", json!({}), 4140),
        ("/paymentDescription", json!("ab"), 4140),
        ("/paymentDescription", json!("x".repeat(101)), 4140),
    ] {
        let mut body = create_body("order-0001");
        *body.pointer_mut(pointer).unwrap() = value.clone();
        let reply = Bench::new().create_with("k", body);
        assert_eq!(problem(&reply), (400, code), "{pointer} {value}");
    }
    for (name, value, code) in [
        ("customer", json!({"phoneNumber": "91234567"}), 4070),
        (
            "customer",
            json!({"phoneNumber": "4791234567", "personalQr": "12345"}),
            4140,
        ),
        ("profile", json!({"scope": "name shoeSize"}), 4080),
        (
            "metadata",
            json!({"1":"","2":"","3":"","4":"","5":"","6":""}),
            4140,
        ),
        ("metadata", json!({"k": "x".repeat(501)}), 4140),
        ("customerInteraction", json!("ABSENT"), 4140),
        (
            "industryData",
            json!({"airlineData": {"airlineCode": "074"}}),
            4140,
        ),
        ("expiresAt", json!("2030-01-01T00:00:00Z"), 4140),
    ] {
        let mut body = create_body("order-0001");
        body[name] = value.clone();
        let reply = Bench::new().create_with("k", body);
        assert_eq!(problem(&reply), (400, code), "{name} {value}");
    }
}

#[test]
fn a_push_message_needs_a_customer_and_the_units_permission() {
    let mut bench = Bench::new();
    let mut body = create_body("order-0001");
    body["userFlow"] = json!("PUSH_MESSAGE");
    assert_eq!(problem(&bench.create_with("a", body.clone())), (400, 4140));
    body["customer"] = json!({"phoneNumber": "4791234567"});
    let reply = bench.create_with("b", body.clone());
    assert_eq!(reply.status, 201);
    assert!(reply.body.unwrap().get("redirectUrl").is_none());
    let mut unit = Unit::new(msn());
    unit.push_allowed = false;
    bench.world.set_unit(unit);
    body["reference"] = json!("order-0002");
    assert_eq!(problem(&bench.create_with("c", body)), (403, 5080));
    let mut body = initiate_body("order-0003");
    body["transaction"]["skipLandingPage"] = json!(true);
    let result = bench.world.ecom_initiate(&msn(), None, &body, bench.now);
    assert_eq!(refused(result), (400, "38".to_owned()));
}

#[test]
fn a_cancel_that_must_not_release_money_is_refused_when_reserved() {
    let mut bench = Bench::new();
    bench.create("order-0001");
    bench.bring("order-0001", "authorized");
    let call = Call::Cancel {
        reference: "order-0001".to_owned(),
        key: "k".to_owned(),
        body: json!({"cancelTransactionOnly": true}),
    };
    let reply = bench.world.epayment(&msn(), call, bench.now);
    assert_eq!(problem(&reply), (400, 6060));
}

#[test]
fn events_carry_their_own_numbers_and_seven_decimals() {
    let mut bench = Bench::new();
    bench.create("order-0001");
    bench.bring("order-0001", "part-released");
    let call = Call::Events {
        reference: "order-0001".to_owned(),
    };
    let log = bench.world.epayment(&msn(), call, bench.now).body.unwrap();
    let log = log.as_array().unwrap();
    let names: Vec<_> = log.iter().map(|e| e["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["CREATED", "AUTHORIZED", "CAPTURED", "CANCELLED"]);
    assert_eq!(
        log[0]["pspReference"],
        bench.view("order-0001").psp_reference
    );
    for event in &log[1..] {
        let number = event["pspReference"].as_str().unwrap();
        assert!(number.len() >= 10 && number.bytes().all(|b| b.is_ascii_digit()));
    }
    assert!(log[0]["idempotencyKey"].is_string() && log[2]["idempotencyKey"].is_string());
    assert!(log[3].get("idempotencyKey").is_none());
    let stamps: Vec<_> = log
        .iter()
        .map(|e| e["timestamp"].as_str().unwrap())
        .collect();
    assert!(stamps.windows(2).all(|w| w[0] < w[1]));
    assert!(
        stamps
            .iter()
            .all(|s| s.len() == "2023-11-14T22:13:20.0001234Z".len())
    );
}

#[test]
fn a_change_can_be_told_to_fail_and_leaves_a_failed_event() {
    let mut bench = Bench::new();
    bench.create("order-0001");
    bench.bring("order-0001", "authorized");
    bench.act("order-0001", Act::FailNext);
    let reply = bench.modify("capture", "order-0001", 100, "k");
    assert_eq!(problem(&reply), (400, 6260));
    let view = bench.view("order-0001");
    assert!(view.captured.is_zero());
    assert!(!view.events[2].success);
    assert_eq!(view.events[2].key.as_deref(), Some("k"));
    assert_eq!(bench.modify("capture", "order-0001", 100, "l").status, 200);
}

proptest::proptest! {
    #[test]
    fn no_sequence_of_calls_moves_more_than_was_authorized(
        steps in proptest::collection::vec((0_u8..6, 1_i64..1_200), 1..25)
    ) {
        let mut bench = Bench::new();
        bench.create("order-0001");
        for (step, amount) in steps {
            let key = bench.key();
            let word = ["capture", "refund", "cancel"].get(usize::from(step)).copied();
            match (word, step) {
                (Some("cancel"), _) if amount < 900 => {}
                (Some(word), _) => { bench.modify(word, "order-0001", amount, &key); }
                (None, 3) => { let _may_be_over = bench.world.act(MSN, "order-0001", Act::Approve, bench.now); }
                (None, 4) => {
                    let body = json!({"transaction": {"amount": amount}});
                    assert!(bench.adjust(Adjustment::Capture, "order-0001", &body, None).is_err());
                }
                (None, _) => bench.now = bench.now.plus(Duration::from_secs(DAY)),
            }
            let p = bench.view("order-0001");
            let spent = p.captured.minor_units() + p.cancelled.minor_units();
            if p.state == State::Authorized {
                assert!(spent <= p.authorized.minor_units());
            } else {
                assert!(p.captured.is_zero() && p.authorized.is_zero());
            }
            assert!(p.refunded <= p.captured);
            let sum = |name| p.events.iter().filter(|e| e.name == name && e.success)
                .map(|e| e.amount.minor_units()).sum::<i64>();
            assert_eq!(sum(EventName::Captured), p.captured.minor_units());
            assert_eq!(sum(EventName::Refunded), p.refunded.minor_units());
        }
    }
}
