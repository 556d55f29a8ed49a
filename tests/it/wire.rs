//! One order's whole life as both wires write it: every example goes through the translation, or through its type.
//!
//! The examples are this project's own, in the spirit of the public guides. A file that no test names fails here.

use ecom_bridge::ecom::callback::Callback;
use ecom_bridge::ecom::read::object;
use ecom_bridge::ecom::request::{Adjust, ForceApprove, InitiatePayment};
use ecom_bridge::ecom::response::{Adjusted, Details, Initiated, Refunded, Status};
use ecom_bridge::epayment::event::{EventName, PaymentEvent, WebhookEvent};
use ecom_bridge::epayment::model::{
    CreatePayment, Created, CustomerInteraction, ForceApprove as Approve, Modification, Modified,
    Money, Payment,
};
use ecom_bridge::epayment::problem::Problem;
use ecom_bridge::translate::error::During;
use ecom_bridge::translate::{adjust, approve, details, error, initiate};
use ecom_bridge::types::{
    CountryCode, Currency, Moment, MoneyOp, Msn, OrderText, RequestId, Scope,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");

fn text(name: &str) -> String {
    std::fs::read_to_string(format!("{FOLDER}/{name}")).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn json(name: &str) -> Value {
    serde_json::from_str(&text(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn typed<T: DeserializeOwned>(name: &str) -> T {
    serde_json::from_str(&text(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// A request as the bridge reads it; every member of an example is known.
fn asked<T: DeserializeOwned>(name: &str) -> T {
    match object::<T>(text(name).as_bytes()) {
        Ok((body, unknown)) if unknown.is_empty() => body,
        Ok((_, unknown)) => panic!("{name}: unknown {unknown:?}"),
        Err(failure) => panic!("{name}: {failure:?}"),
    }
}

fn is<T: Serialize>(value: &T, name: &str) {
    let got = serde_json::to_value(value).unwrap_or_else(|e| panic!("{name}: {e}"));
    assert_eq!(got, json(name), "{name}");
}

/// Reads a file as its type and writes it again: the same JSON.
fn both_ways<T: DeserializeOwned + Serialize>(name: &str) {
    is(&typed::<T>(name), name);
}

fn order_text(text: &str) -> OrderText {
    OrderText::parse(text).unwrap_or_else(|| panic!("{text}"))
}

fn order() -> OrderText {
    order_text("wool-2026-0117")
}

fn norwegian_rules() -> initiate::Rules {
    initiate::Rules {
        country: CountryCode::default(),
        allow_http_callbacks: false,
    }
}

#[test]
fn initiate_and_create() {
    let body: InitiatePayment = asked("ecom-initiate-request.json");
    let command = initiate::check(&body, None, &norwegian_rules()).unwrap();
    let context = initiate::CreateContext {
        currency: Currency::Nok,
        interaction: CustomerInteraction::CustomerNotPresent,
        metadata: None,
    };
    let reference = command.order.reference().unwrap();
    let (create, _) = initiate::to_create(&command, reference, context);
    is(&create, "epayment-create-request.json");
    let created: Created = typed("epayment-create-response.json");
    let answer = initiate::to_answer(&command.order, &created, &command.fall_back);
    is(&answer, "ecom-initiate-response.json");
    both_ways::<CreatePayment>("epayment-create-request.json");
    both_ways::<Created>("epayment-create-response.json");
    both_ways::<Initiated>("ecom-initiate-response.json");
}

/// The event of an operation, from the log.
fn event(name: EventName) -> PaymentEvent {
    typed::<Vec<PaymentEvent>>("epayment-events.json")
        .into_iter()
        .find(|event| event.name == name)
        .unwrap_or_else(|| panic!("no {name:?} in the log"))
}

fn answered(op: MoneyOp, request: &str, response: &str, name: EventName) -> adjust::Answer {
    let body: Adjust = asked(request);
    let command = adjust::check(op, &body, Some("218765"))
        .unwrap_or_else(|failure| panic!("{request}: {failure:?}"));
    let modified: Modified = typed(response);
    let event = event(name);
    let done = adjust::Done {
        amount: match op {
            MoneyOp::Cancel => modified.amount.value,
            MoneyOp::Capture | MoneyOp::Refund => event.amount.value,
        },
        transaction_id: Some(event.psp_reference),
        at: Moment::parse(&event.timestamp).unwrap_or_default(),
        text: command.text,
    };
    adjust::to_answer(op, &order(), done, &modified.aggregate)
}

fn modification(op: MoneyOp, request: &str) -> Modification {
    let body: Adjust = asked(request);
    let command =
        adjust::check(op, &body, None).unwrap_or_else(|failure| panic!("{request}: {failure:?}"));
    let adjust::Asked::Exactly(value) = command.asked else {
        panic!("{request} names an amount");
    };
    Modification {
        modification_amount: Money {
            currency: Currency::Nok,
            value,
        },
    }
}

#[test]
fn capture() {
    let (asked, answer) = (
        "ecom-capture-request.json",
        "epayment-capture-response.json",
    );
    is(
        &modification(MoneyOp::Capture, asked),
        "epayment-capture-request.json",
    );
    is(
        &answered(MoneyOp::Capture, asked, answer, EventName::Captured),
        "ecom-capture-response.json",
    );
    both_ways::<Modification>("epayment-capture-request.json");
    both_ways::<Modified>(answer);
    both_ways::<Adjusted>("ecom-capture-response.json");
}

#[test]
fn refund() {
    let (asked, answer) = ("ecom-refund-request.json", "epayment-refund-response.json");
    is(
        &modification(MoneyOp::Refund, asked),
        "epayment-refund-request.json",
    );
    is(
        &answered(MoneyOp::Refund, asked, answer, EventName::Refunded),
        "ecom-refund-response.json",
    );
    both_ways::<Modification>("epayment-refund-request.json");
    both_ways::<Modified>(answer);
    both_ways::<Refunded>("ecom-refund-response.json");
}

#[test]
fn cancel() {
    let (asked_as, answer) = ("ecom-cancel-request.json", "epayment-cancel-response.json");
    let body: Adjust = asked(asked_as);
    assert!(adjust::check(MoneyOp::Cancel, &body, None).unwrap().release);
    is(
        &answered(MoneyOp::Cancel, asked_as, answer, EventName::Cancelled),
        "ecom-cancel-response.json",
    );
    both_ways::<Modified>(answer);
    both_ways::<Adjusted>("ecom-cancel-response.json");
}

#[test]
fn details_and_status() {
    let payment: Payment = typed("epayment-payment.json");
    let events: Vec<PaymentEvent> = typed("epayment-events.json");
    let body: Adjust = asked("ecom-cancel-request.json");
    let cancel = adjust::check(MoneyOp::Cancel, &body, None).unwrap();
    let remembered = details::Remembered {
        text: Some("One knitted sweater, size M".to_owned()),
        request_id: None,
        scope: details::ScopeAsked::Yes("name phoneNumber".to_owned()),
        calls: vec![details::RememberedCall {
            op: MoneyOp::Cancel,
            key: None,
            request_id: RequestId::parse("rest-1"),
            text: cancel.text,
            succeeded: true,
        }],
        country: CountryCode::default(),
        sale: details::Sale::No,
    };
    let (order, scope) = (order(), Scope::Unit(Msn::parse("218765").unwrap()));
    let sources = details::Sources {
        order: &order,
        scope: &scope,
        payment: &payment,
        events: &events,
        remembered: &remembered,
    };
    let shown = details::details(sources, payment.user_details.as_ref());
    is(&shown, "ecom-details-response.json");
    is(
        &details::status(sources).unwrap(),
        "ecom-status-response.json",
    );
    both_ways::<Payment>("epayment-payment.json");
    both_ways::<Details>("ecom-details-response.json");
    both_ways::<Status>("ecom-status-response.json");
}

#[test]
fn errors() {
    let problem = Problem::read(text("epayment-problem.json").as_bytes()).unwrap();
    let meaning = error::meaning(&problem, 400, During::Adjust(MoneyOp::Capture));
    let failure = error::to_failure(&meaning, &problem, 400);
    is(&failure.body("own"), "ecom-error-response.json");
    both_ways::<Problem>("epayment-problem.json");
}

#[test]
fn force_approve() {
    let body: ForceApprove = asked("ecom-approve-request.json");
    let approve = approve::to_approve(&body, &CountryCode::default()).unwrap();
    is(&approve, "epayment-approve-request.json");
    both_ways::<Approve>("epayment-approve-request.json");
}

#[test]
fn callbacks_and_webhooks() {
    both_ways::<Callback>("ecom-callback-reserved.json");
    both_ways::<Callback>("ecom-callback-rejected.json");
    both_ways::<WebhookEvent>("epayment-webhook-authorized.json");
    let newer: WebhookEvent = typed("epayment-webhook-newer-name.json");
    assert_eq!(
        newer.event.name,
        EventName::Unknown,
        "kept apart, not guessed"
    );
    let known: WebhookEvent = typed("epayment-webhook-authorized.json");
    let callback: Callback = typed("ecom-callback-reserved.json");
    assert_eq!(
        known.event,
        event(EventName::Authorized),
        "the log's own event"
    );
    assert_eq!(
        callback.transaction_info.transaction_id,
        known.event.psp_reference
    );
    assert_eq!(callback.merchant_serial_number, known.msn.as_str());
}

#[test]
fn no_example_lies_unused() {
    let source = include_str!("wire.rs");
    let unused: Vec<_> = std::fs::read_dir(FOLDER)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| !source.contains(&format!("\"{name}\"")))
        .collect();
    assert_eq!(unused, [""; 0], "in tests/fixtures, but in no test");
}
