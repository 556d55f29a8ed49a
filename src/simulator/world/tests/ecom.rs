//! eCom's side: its codes, its X-Request-Ids, Express, direct capture, and what of the ledger it sees.

use serde_json::json;

use super::*;

#[test]
fn ecom_refuses_by_state_and_operation() {
    use Adjustment::{Cancel, Capture, Refund};
    for (state, what, amount, status, code) in [
        ("created", Capture, Some(500), 400, "62"),
        ("created", Refund, Some(500), 400, "72"),
        ("aborted", Capture, Some(500), 400, "91"),
        ("aborted", Cancel, None, 400, "52"),
        ("aborted", Refund, None, 400, "73"),
        ("authorized", Capture, Some(99), 400, "transaction.amount"),
        ("authorized", Capture, Some(1001), 400, "61"),
        ("authorized", Refund, None, 400, "72"),
        ("part", Capture, Some(601), 400, "61"),
        ("part", Cancel, None, 402, "51"),
        ("part", Refund, Some(401), 400, "71"),
        ("captured", Capture, None, 400, "92"),
        ("captured", Capture, Some(100), 400, "61"),
        ("captured", Cancel, None, 402, "51"),
        ("cancelled", Capture, None, 400, "91"),
        ("cancelled", Cancel, None, 400, "52"),
        ("cancelled", Refund, None, 400, "73"),
        ("refunded", Refund, None, 400, "92"),
        ("refunded", Refund, Some(100), 400, "71"),
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
