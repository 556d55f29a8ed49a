//! The state machine as tables: states by operations by errors, keys, mixing rules, deadlines.

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::ecom::error::Failure;
use crate::ecom::request::Adjust;
use crate::epayment::model::State;

const MSN: &str = "123456";
const DAY: u64 = 86_400;

struct Bench {
    world: World,
    now: Moment,
    keys: u32,
}

impl Bench {
    fn new() -> Self {
        let units = vec![Unit::new(msn())];
        let rules = Rules {
            lifetime_s: 0,
            ..Rules::default()
        };
        Self {
            world: World::new(
                rules,
                units,
                "http://127.0.0.1/landing?token=".to_owned(),
                7,
            ),
            now: Moment::from_millis(1_700_000_000_000),
            keys: 0,
        }
    }

    fn pass(&mut self, days: u64) {
        self.now = self.now.plus(Duration::from_secs(days * DAY + 1));
    }

    fn key(&mut self) -> String {
        self.keys += 1;
        format!("key-{}", self.keys)
    }

    fn create(&mut self, reference: &str) -> Reply {
        let key = self.key();
        self.create_with(&key, create_body(reference))
    }

    fn create_with(&mut self, key: &str, body: Value) -> Reply {
        let call = Call::Create {
            key: key.to_owned(),
            body,
        };
        self.world.epayment(&msn(), call, self.now)
    }

    fn modify(&mut self, word: &str, reference: &str, amount: i64, key: &str) -> Reply {
        let reference = reference.to_owned();
        let key = key.to_owned();
        let body = json!({"modificationAmount": {"value": amount, "currency": "NOK"}});
        let call = match word {
            "capture" => Call::Capture {
                reference,
                key,
                body,
            },
            "refund" => Call::Refund {
                reference,
                key,
                body,
            },
            "cancel" => Call::Cancel {
                reference,
                key,
                body: json!({}),
            },
            other => panic!("{other}"),
        };
        self.world.epayment(&msn(), call, self.now)
    }

    fn initiate(&mut self, order: &str) -> Result<Value, Failure> {
        let body = initiate_body(order);
        self.world.ecom_initiate(&msn(), None, &body, self.now)
    }

    fn adjust(
        &mut self,
        what: Adjustment,
        order: &str,
        body: &Value,
        id: Option<&str>,
    ) -> Result<Value, Failure> {
        let adjust: Adjust = serde_json::from_value(body.clone()).unwrap();
        self.world
            .ecom_adjust(&msn(), order, what, id, &adjust, self.now)
    }

    fn act(&mut self, reference: &str, act: Act) {
        assert_eq!(self.world.act(MSN, reference, act, self.now), Ok(true));
    }

    fn view(&self, reference: &str) -> PaymentView {
        self.world.payment(MSN, reference).unwrap()
    }

    /// Brings a payment of either API into a state by its word.
    fn bring(&mut self, reference: &str, state: &str) {
        match state {
            "created" => {}
            "aborted" => self.act(reference, Act::Reject),
            "expired" => self.act(reference, Act::Expire),
            "terminated" => {
                let key = self.key();
                assert_eq!(self.modify("cancel", reference, 0, &key).status, 200);
            }
            _ => {
                self.act(reference, Act::Approve);
                let steps: &[(&str, i64)] = match state {
                    "authorized" => &[],
                    "part" => &[("capture", 400)],
                    "captured" => &[("capture", 1000)],
                    "cancelled" => &[("cancel", 0)],
                    "part-released" => &[("capture", 400), ("cancel", 0)],
                    "refunded" => &[("capture", 1000), ("refund", 1000)],
                    other => panic!("{other}"),
                };
                for (word, amount) in steps {
                    let key = self.key();
                    assert_eq!(self.modify(word, reference, *amount, &key).status, 200);
                }
            }
        }
    }
}

fn msn() -> Msn {
    Msn::parse(MSN).unwrap()
}

fn create_body(reference: &str) -> Value {
    json!({
        "amount": {"value": 1000, "currency": "NOK"},
        "paymentMethod": {"type": "WALLET"},
        "reference": reference,
        "userFlow": "WEB_REDIRECT",
        "returnUrl": "https://shop.example/back",
        "paymentDescription": "Three socks",
    })
}

fn initiate_body(order: &str) -> Value {
    json!({
        "customerInfo": {"mobileNumber": "91234567"},
        "merchantInfo": {
            "merchantSerialNumber": MSN,
            "callbackPrefix": "http://127.0.0.1:1/cb",
            "fallBack": "https://shop.example/back",
            "authToken": "secret-of-shop",
        },
        "transaction": {"amount": 1000, "orderId": order, "transactionText": "Three socks"},
    })
}

fn problem(reply: &Reply) -> (u16, u32) {
    let body = reply.body.clone().unwrap();
    let problem: crate::epayment::problem::Problem = serde_json::from_value(body).unwrap();
    assert_eq!(problem.status, Some(reply.status));
    (reply.status, problem.code().unwrap())
}

fn refused(result: Result<Value, Failure>) -> (u16, String) {
    let failure = result.unwrap_err();
    (failure.status, failure.entries[0].1.clone())
}

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
fn ecom_refuses_by_state_and_operation() {
    use Adjustment::{Cancel, Capture, Refund};
    for (state, what, amount, status, code) in [
        ("created", Capture, Some(500), 400, "62"),
        ("created", Refund, Some(500), 400, "72"),
        ("aborted", Capture, Some(500), 400, "91"),
        ("aborted", Cancel, None, 400, "52"),
        ("aborted", Refund, None, 400, "73"),
        ("authorized", Capture, Some(1001), 400, "61"),
        ("authorized", Refund, None, 400, "72"),
        ("part", Capture, Some(601), 400, "61"),
        ("part", Cancel, None, 402, "51"),
        ("part", Refund, Some(401), 400, "71"),
        ("captured", Capture, None, 400, "92"),
        ("captured", Capture, Some(1), 400, "61"),
        ("captured", Cancel, None, 402, "51"),
        ("cancelled", Capture, None, 400, "91"),
        ("cancelled", Cancel, None, 400, "52"),
        ("cancelled", Refund, None, 400, "73"),
        ("refunded", Refund, None, 400, "92"),
        ("refunded", Refund, Some(1), 400, "71"),
    ] {
        let mut bench = Bench::new();
        bench.initiate("order-0001").unwrap();
        bench.bring("order-0001", state);
        let body = json!({"transaction": {"amount": amount}});
        let result = bench.adjust(what, "order-0001", &body, None);
        assert_eq!(
            refused(result),
            (status, code.to_owned()),
            "{state} {what:?} {amount:?}"
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
fn ecom_remembers_granted_requests_only() {
    let mut bench = Bench::new();
    bench.initiate("order-0001").unwrap();
    let some = json!({"transaction": {"amount": 300}});
    let capture = Adjustment::Capture;
    assert!(
        bench
            .adjust(capture, "order-0001", &some, Some("1"))
            .is_err()
    );
    bench.bring("order-0001", "authorized");
    let first = bench
        .adjust(capture, "order-0001", &some, Some("1"))
        .unwrap();
    assert_eq!(first["transactionInfo"]["status"], "Captured");
    assert_eq!(first["transactionSummary"]["remainingAmountToCapture"], 700);
    let again = bench
        .adjust(capture, "order-0001", &some, Some("1"))
        .unwrap();
    assert_eq!(first, again);
    let other = json!({"transaction": {"amount": 400}});
    let result = bench.adjust(capture, "order-0001", &other, Some("1"));
    assert_eq!(refused(result), (400, "93".to_owned()));
    let refund = bench
        .adjust(Adjustment::Refund, "order-0001", &some, Some("1"))
        .unwrap();
    assert_eq!(refund["transaction"]["status"], "Refund");
    assert_eq!(bench.view("order-0001").captured.minor_units(), 300);
}

#[test]
fn epayment_serves_both_origins_and_ecom_only_its_own() {
    let mut bench = Bench::new();
    bench.create("order-0001");
    bench.bring("order-0001", "authorized");
    let all = json!({});
    let result = bench.adjust(Adjustment::Capture, "order-0001", &all, None);
    assert_eq!(refused(result), (404, "35".to_owned()));
    let details = bench.world.ecom_details(&msn(), "order-0001", bench.now);
    assert_eq!(refused(details), (404, "35".to_owned()));
    assert_eq!(
        refused(bench.initiate("order-0001")),
        (400, "34".to_owned()),
        "one space of references"
    );
    bench.initiate("order-0002").unwrap();
    assert_eq!(problem(&bench.create("order-0002")), (409, 4150));
    bench.bring("order-0002", "captured");
    let log = bench.world.ecom_details(&msn(), "order-0002", bench.now);
    let log = log.unwrap();
    assert_eq!(log["transactionLogHistory"][0]["operation"], "CAPTURE");
    assert_eq!(log["transactionLogHistory"][1]["operation"], "RESERVE");
    assert_eq!(
        log["transactionLogHistory"][1]["transactionId"],
        log["transactionLogHistory"][2]["transactionId"]
    );
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
fn a_declined_card_leaves_the_payment_open() {
    let mut bench = Bench::new();
    bench.initiate("order-0001").unwrap();
    bench.act("order-0001", Act::Fail);
    assert_eq!(bench.view("order-0001").state, State::Created);
    let details = bench.world.ecom_details(&msn(), "order-0001", bench.now);
    let details = details.unwrap();
    assert_eq!(
        details["transactionLogHistory"].as_array().unwrap().len(),
        1
    );
    assert!(details.get("transactionSummary").is_none());
    bench.act("order-0001", Act::Approve);
    let status = bench.world.ecom_status(&msn(), "order-0001", bench.now);
    assert_eq!(status.unwrap()["transactionInfo"]["status"], "RESERVE");
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
fn express_shows_where_to_send_the_goods_after_approval() {
    let mut bench = Bench::new();
    let mut body = initiate_body("express1");
    let info = &mut body["merchantInfo"];
    info["paymentType"] = json!("eComm Express Payment");
    info["consentRemovalPrefix"] = json!("https://shop.example/consents");
    info["staticShippingDetails"] = json!([
        {"isDefault": "Y", "shippingCost": 49, "shippingMethod": "Post", "shippingMethodId": "post"}
    ]);
    let made = bench.world.ecom_initiate(&msn(), None, &body, bench.now);
    assert!(made.unwrap()["url"].as_str().unwrap().contains("token="));
    let before = bench.world.ecom_details(&msn(), "express1", bench.now);
    assert!(before.unwrap().get("shippingDetails").is_none());
    bench.act("express1", Act::Approve);
    let after = bench.world.ecom_details(&msn(), "express1", bench.now);
    let after = after.unwrap();
    assert_eq!(after["shippingDetails"]["address"]["zipCode"], "0001");
    assert_eq!(after["shippingDetails"]["shippingMethodId"], "post");
    assert_eq!(after["userDetails"]["mobileNumber"], "91234567");
    let effects = bench.world.take_effects();
    let Some(Effect::Callback(order)) = effects.last() else {
        panic!("a callback");
    };
    assert_eq!(order.body["transactionInfo"]["status"], "RESERVE");
    assert_eq!(order.body["shippingDetails"]["address"]["postCode"], "0001");
    assert_eq!(order.url, "http://127.0.0.1:1/cb/v2/payments/express1");
    assert_eq!(order.authorization.as_deref(), Some("secret-of-shop"));
}

#[test]
fn direct_capture_is_one_sale() {
    let mut bench = Bench::new();
    let mut unit = Unit::new(msn());
    unit.capture_type = CaptureType::Direct;
    bench.world.set_unit(unit);
    assert_eq!(problem(&bench.create("order-0009")), (403, 5060));
    bench.initiate("order-0001").unwrap();
    bench.act("order-0001", Act::Approve);
    let details = bench.world.ecom_details(&msn(), "order-0001", bench.now);
    let log = details.unwrap()["transactionLogHistory"].clone();
    assert_eq!(log.as_array().unwrap().len(), 2);
    assert_eq!(log[0]["operation"], "SALE");
    assert_eq!(bench.view("order-0001").captured.minor_units(), 1000);
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
fn an_initiate_names_every_wrong_member() {
    let mut bench = Bench::new();
    let body = json!({
        "merchantInfo": {"callbackPrefix": "http://shop.example", "isApp": "yes"},
        "transaction": {"amount": 99, "orderId": "a_b", "transactionText": "x".repeat(101)},
    });
    let failure = bench
        .world
        .ecom_initiate(&msn(), None, &body, bench.now)
        .unwrap_err();
    let names: Vec<_> = failure.entries.iter().map(|e| e.1.as_str()).collect();
    for name in [
        "merchantInfo.callbackPrefix",
        "merchantInfo.fallBack",
        "merchantInfo.isApp",
        "transaction.amount",
        "transaction.orderId",
        "transaction.transactionText",
    ] {
        assert!(names.contains(&name), "{name}");
    }
}
