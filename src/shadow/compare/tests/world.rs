//! Answers as the translation makes them: payments in every state that shops meet, and refusals.
//!
//! Must not: write an answer by hand where the translation can make it.

use http::HeaderValue;
use http::header::RETRY_AFTER;
use serde_json::{Value, json};

use super::Answer;
use crate::ecom::error::{Code, Failure};
use crate::ecom::response::Initiated;
use crate::ecom::route::Operation;
use crate::epayment::event::PaymentEvent;
use crate::epayment::model::Payment;
use crate::epayment::problem::Problem;
use crate::translate::adjust::{self, Done};
use crate::translate::details::{self, Remembered, RememberedCall, Sale, ScopeAsked, Sources};
use crate::translate::error::{During, meaning, to_failure};
use crate::types::{
    Amount, CountryCode, IdempotencyKey, Moment, MoneyOp, Msn, OrderText, RequestId, Scope,
};

/// Sums in the order authorized, cancelled, captured, refunded; events as name, amount, success, seconds after ten.
type Events = &'static [(&'static str, i64, bool, i64)];

/// Approval and capture are one here.
const SALE: &str = "sale";
/// No user data was asked for here.
const NO_SCOPE: &str = "no scope";

/// A payment's name, state, sums and events.
pub(super) const PAYMENTS: &[(&str, &str, [i64; 4], Events)] = &[
    (
        "created",
        "CREATED",
        [0, 0, 0, 0],
        &[("CREATED", 50_000, true, 0)],
    ),
    (
        "reserved",
        "AUTHORIZED",
        [50_000, 0, 0, 0],
        &[
            ("CREATED", 50_000, true, 0),
            ("AUTHORIZED", 50_000, true, 40),
        ],
    ),
    (
        "captured",
        "AUTHORIZED",
        [50_000, 0, 30_000, 0],
        &[
            ("CREATED", 50_000, true, 0),
            ("AUTHORIZED", 50_000, true, 40),
            ("CAPTURED", 60_000, false, 90),
            ("CAPTURED", 30_000, true, 95),
        ],
    ),
    (
        "whole life",
        "AUTHORIZED",
        [50_000, 15_000, 35_000, 7_000],
        &[
            ("CREATED", 50_000, true, 0),
            ("AUTHORIZED", 50_000, true, 40),
            ("CAPTURED", 30_000, true, 90),
            ("CAPTURED", 5_000, true, 91),
            ("REFUNDED", 7_000, true, 200),
            ("CANCELLED", 15_000, true, 300),
        ],
    ),
    (
        "refunded",
        "AUTHORIZED",
        [50_000, 0, 50_000, 20_000],
        &[
            ("CREATED", 50_000, true, 0),
            ("AUTHORIZED", 50_000, true, 40),
            ("CAPTURED", 50_000, true, 90),
            ("REFUNDED", 20_000, true, 400),
        ],
    ),
    (
        SALE,
        "AUTHORIZED",
        [50_000, 0, 50_000, 0],
        &[
            ("CREATED", 50_000, true, 0),
            ("AUTHORIZED", 50_000, true, 40),
            ("CAPTURED", 50_000, true, 43),
        ],
    ),
    (
        NO_SCOPE,
        "AUTHORIZED",
        [50_000, 0, 0, 0],
        &[
            ("CREATED", 50_000, true, 0),
            ("AUTHORIZED", 50_000, true, 40),
        ],
    ),
    (
        "released",
        "AUTHORIZED",
        [50_000, 50_000, 0, 0],
        &[
            ("CREATED", 50_000, true, 0),
            ("AUTHORIZED", 50_000, true, 40),
            ("CANCELLED", 50_000, true, 60),
        ],
    ),
    (
        "aborted",
        "ABORTED",
        [0, 0, 0, 0],
        &[("CREATED", 50_000, true, 0), ("ABORTED", 50_000, true, 30)],
    ),
    (
        "expired",
        "EXPIRED",
        [0, 0, 0, 0],
        &[("CREATED", 50_000, true, 0), ("EXPIRED", 50_000, true, 600)],
    ),
    (
        "ended",
        "TERMINATED",
        [0, 0, 0, 0],
        &[
            ("CREATED", 50_000, true, 0),
            ("AUTHORIZED", 50_000, false, 20),
            ("TERMINATED", 50_000, true, 60),
        ],
    ),
];

fn money(value: i64) -> Value {
    json!({"currency": "NOK", "value": value})
}

fn sources<T>(name: &str, ask: impl FnOnce(Sources<'_>) -> T) -> T {
    let (_, state, [authorized, cancelled, captured, refunded], log) = PAYMENTS
        .iter()
        .find(|row| row.0 == name)
        .expect("a payment");
    let payment: Payment = serde_json::from_value(json!({
        "aggregate": {
            "authorizedAmount": money(*authorized), "cancelledAmount": money(*cancelled),
            "capturedAmount": money(*captured), "refundedAmount": money(*refunded)
        },
        "amount": money(50_000),
        "state": state,
        "paymentMethod": {"type": "WALLET", "cardBin": "545454"},
        "profile": {"sub": "sub-1"},
        "pspReference": "6f7c4f5e-payment",
        "reference": "order-1234",
        "userDetails": {"firstName": "Kari", "lastName": "Nordmann", "email": "kari@mail.example", "mobileNumber": "4791234567"}
    }))
    .expect("a payment");
    let start = 1_772_359_200_123;
    let events: Vec<PaymentEvent> = log
        .iter()
        .enumerate()
        .map(|(i, (name, amount, success, seconds))| {
            serde_json::from_value(json!({
                "reference": "order-1234",
                "pspReference": if *name == "CREATED" { "6f7c4f5e-payment".to_owned() } else { (5_600_001 + i).to_string() },
                "name": name,
                "amount": money(*amount),
                "timestamp": Moment::from_millis(start + seconds * 1000).to_string(),
                "idempotencyKey": (*name != "AUTHORIZED").then(|| format!("key-{i}")),
                "success": success
            }))
            .expect("an event")
        })
        .collect();
    let calls = (2..events.len())
        .filter_map(|i| {
            let op = match log.get(i)?.0 {
                "CAPTURED" => MoneyOp::Capture,
                "REFUNDED" => MoneyOp::Refund,
                _ => MoneyOp::Cancel,
            };
            Some(RememberedCall {
                op,
                key: IdempotencyKey::parse(&format!("key-{i}")),
                request_id: RequestId::parse(&format!("request-{i}")),
                text: format!("Parcel {i}"),
                succeeded: true,
            })
        })
        .collect();
    let remembered = Remembered {
        text: Some("One sweater".to_owned()),
        request_id: RequestId::parse("request-0"),
        scope: match name {
            NO_SCOPE => ScopeAsked::No,
            _ => ScopeAsked::Yes("name email phoneNumber".to_owned()),
        },
        calls,
        country: CountryCode::default(),
        sale: match name {
            SALE => Sale::Done(IdempotencyKey::parse("key-2").expect("a key")),
            _ => Sale::No,
        },
    };
    let order = OrderText::parse("order-1234").expect("an order id");
    let scope = Scope::Unit(Msn::parse("123456").expect("an MSN"));
    ask(Sources {
        order: &order,
        scope: &scope,
        payment: &payment,
        events: &events,
        remembered: &remembered,
    })
}

pub(super) fn details(name: &str) -> Answer {
    let body = sources(name, |sources| {
        details::details(sources, sources.payment.user_details.as_ref())
    });
    Answer::new(200, &json!(body))
}

pub(super) fn status(name: &str) -> Answer {
    Answer::new(200, &json!(sources(name, details::status)))
}

pub(super) fn adjusted(op: MoneyOp) -> Answer {
    let body = sources("whole life", |sources| {
        let done = Done {
            amount: Amount::new(7_000).expect("an amount"),
            transaction_id: Some("5600005".to_owned()),
            at: Moment::from_millis(1_772_359_400_123),
            text: "Parcel 4".to_owned(),
        };
        adjust::to_answer(op, sources.order, done, &sources.payment.aggregate)
    });
    Answer::new(200, &json!(body))
}

pub(super) fn initiated() -> Answer {
    Answer::new(
        200,
        &json!(Initiated {
            order_id: "order-1234".to_owned(),
            url: "https://landing.example/?token=abc".to_owned(),
        }),
    )
}

fn refusal(failure: &Failure) -> Answer {
    Answer::new(failure.status, &json!(failure.body("context-1")))
}

/// The translation of a refusal of ePayment.
pub(super) fn refused(title: &str) -> Answer {
    let problem = Problem {
        title: title.to_owned(),
        detail: Some("You asked for too much".to_owned()),
        trace_id: Some("00-4bf9-01".to_owned()),
        ..Problem::default()
    };
    let meaning = meaning(&problem, 400, During::Adjust(MoneyOp::Capture));
    refusal(&to_failure(&meaning, &problem, 400))
}

/// Two invalid members.
pub(super) fn invalid() -> Answer {
    refusal(&Failure::fields(vec![
        ("transaction.amount".to_owned(), "is too small".to_owned()),
        ("merchantInfo.fallBack".to_owned(), "is no URL".to_owned()),
    ]))
}

pub(super) fn coded(code: Code) -> Answer {
    refusal(&Failure::code(code))
}

/// What the gateway before both APIs says, which passes unchanged.
pub(super) fn slow_down() -> Answer {
    let mut answer = Answer::new(
        429,
        &json!({"statusCode": 429, "message": "Rate limit is exceeded. Try again in 5 seconds."}),
    );
    answer
        .headers
        .insert(RETRY_AFTER, HeaderValue::from_static("5"));
    answer
}

/// Every kind of answer, with its operation.
pub(super) fn all() -> Vec<(String, Operation, Answer)> {
    let mut all = vec![
        ("initiate".to_owned(), Operation::Initiate, initiated()),
        ("invalid".to_owned(), Operation::Initiate, invalid()),
        (
            "capture".to_owned(),
            Operation::Capture,
            adjusted(MoneyOp::Capture),
        ),
        (
            "cancel".to_owned(),
            Operation::Cancel,
            adjusted(MoneyOp::Cancel),
        ),
        (
            "refund".to_owned(),
            Operation::Refund,
            adjusted(MoneyOp::Refund),
        ),
        (
            "too much".to_owned(),
            Operation::Capture,
            refused("Capture amount too high"),
        ),
        ("slow down".to_owned(), Operation::Status, slow_down()),
    ];
    for (name, ..) in PAYMENTS {
        all.push((format!("details {name}"), Operation::Details, details(name)));
        all.push((format!("status {name}"), Operation::Status, status(name)));
    }
    for code in Code::ALL {
        all.push((format!("{code:?}"), Operation::Capture, coded(code)));
    }
    all
}
