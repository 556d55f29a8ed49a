//! Calls of a made-up shop, for the tests of recording and replay: what public clients send, what eCom answers to it.
//!
//! Test only. Must not: know how anything is redacted.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use serde_json::{Value, json};

use super::Taken;
use super::line::Unit;
use crate::ecom::route::Operation;
use crate::epayment::event::{EventName, PaymentEvent};
use crate::epayment::model::{CustomerInteraction, State, UserDetails};
use crate::payments::{DIRECT_CAPTURE, Look};
use crate::shadow::compare::{Answered, Way};
use crate::shadow::replay::again;
use crate::store::{
    Adjustment, AdjustmentId, AdjustmentState, CallbackTarget, Known, PaymentFacts, PaymentRecord,
};
use crate::telemetry::Route;
use crate::translate::testing::{amount, event, failed, keyed, payment, user};
use crate::types::{
    Amount, CountryCode, Currency, IdempotencyKey, KeyMaker, Kind, Moment, MoneyOp, Msn, OrderId,
    OrderText, Origin, Reference, RequestId, Scope,
};

/// A call with all that it borrows.
#[derive(Clone)]
pub(in crate::shadow) struct Case {
    pub(in crate::shadow) operation: Operation,
    pub(in crate::shadow) target: Uri,
    pub(in crate::shadow) headers: HeaderMap,
    pub(in crate::shadow) body: Vec<u8>,
    pub(in crate::shadow) status: u16,
    pub(in crate::shadow) answer_headers: HeaderMap,
    pub(in crate::shadow) answer: Vec<u8>,
    pub(in crate::shadow) unit: Unit,
    pub(in crate::shadow) known: Option<Known>,
    pub(in crate::shadow) calls: Vec<Adjustment>,
    pub(in crate::shadow) look: Option<Look>,
    pub(in crate::shadow) user: Option<UserDetails>,
    pub(in crate::shadow) elsewhere: bool,
}

impl Case {
    /// A call about `order` that was answered with an empty object.
    pub(in crate::shadow) fn new(operation: Operation, order: &str, body: &Value) -> Self {
        let path = match operation {
            Operation::Initiate => "/ecomm/v2/payments".to_owned(),
            Operation::Approve => format!("/ecomm/v2/integration-test/payments/{order}/approve"),
            other => format!("/Ecomm/v2/payments/{order}/{}", other.word()),
        };
        Self {
            operation,
            target: path.parse().expect("a path"),
            headers: HeaderMap::new(),
            body: if body.is_null() {
                vec![]
            } else {
                body.to_string().into_bytes()
            },
            status: 200,
            answer_headers: HeaderMap::from_iter([(
                CONTENT_TYPE,
                HeaderValue::from_static("application/json; charset=utf-8"),
            )]),
            answer: b"{}".to_vec(),
            unit: Unit {
                scope: scope(),
                currency: Currency::Nok,
                country: CountryCode::default(),
                interaction: CustomerInteraction::CustomerNotPresent,
                direct_capture: false,
                http_callbacks: false,
            },
            known: None,
            calls: vec![],
            look: None,
            user: None,
            elsewhere: false,
        }
    }

    pub(in crate::shadow) fn header(mut self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::from_str(value).expect("a value");
        self.headers.insert(HeaderName::from_static(name), value);
        self
    }

    pub(in crate::shadow) fn answered(mut self, status: u16, body: &Value) -> Self {
        (self.status, self.answer) = (status, body.to_string().into_bytes());
        self
    }

    /// The answer of a bridge that is right: today's translation, of the call as it came.
    pub(in crate::shadow) fn answered_rightly(mut self) -> Self {
        let made = again::answered(&self.taken().plain()).expect("a look");
        (self.status, self.answer) = (made.status, made.body);
        self
    }

    pub(in crate::shadow) fn taken(&self) -> Taken<'_> {
        Taken {
            at: Moment::parse("2026-03-01T12:00:00Z").expect("a time"),
            operation: self.operation,
            route: Route::Ecom,
            way: if self.look.is_some() {
                Way::Read
            } else {
                Way::Dry
            },
            target: &self.target,
            headers: &self.headers,
            body: &self.body,
            answer: Answered {
                status: self.status,
                headers: &self.answer_headers,
                body: &self.answer,
            },
            unit: self.unit.clone(),
            known: self.known.as_ref(),
            calls: &self.calls,
            look: self.look.as_ref(),
            user: self.user.as_ref(),
            elsewhere: self.elsewhere,
            losses: &[],
        }
    }
}

pub(in crate::shadow) fn scope() -> Scope {
    Scope::Unit(Msn::parse("123456").expect("an MSN"))
}

/// The initiate of a shop, with the members at these paths set.
pub(in crate::shadow) fn initiate(changes: &[(&str, Value)]) -> Value {
    let mut body = json!({
        "customerInfo": {"mobileNumber": "91234567"},
        "merchantInfo": {
            "merchantSerialNumber": "123456", "callbackPrefix": "https://shop.no/cb?tk=tok&callback=",
            "fallBack": "https://shop.no/thanks?key=wc_order_x", "authToken": "a-token", "isApp": false
        },
        "transaction": {"amount": 20_000, "orderId": "order-1234", "transactionText": "Two pairs of socks"}
    });
    for (path, value) in changes {
        body = crate::translate::testing::with(body, path, Some(value.clone()));
    }
    body
}

/// A money call's body.
pub(in crate::shadow) fn adjust(money: Value) -> Value {
    let mut body = json!({
        "merchantInfo": {"merchantSerialNumber": 123_456},
        "transaction": {"transactionText": "Sent\nto Kari", "amount": money}
    });
    if let Some(transaction) = body["transaction"].as_object_mut() {
        transaction.retain(|_, value| value != "absent");
    }
    body
}

fn initiates() -> Vec<Value> {
    vec![
        initiate(&[]),
        initiate(&[("customerInfo.mobileNumber", json!("+47 912 34 567"))]),
        initiate(&[("customerInfo.mobileNumber", json!(91_234_567))]),
        initiate(&[("customerInfo.mobileNumber", json!(0))]),
        initiate(&[("customerInfo.mobileNumber", json!("12"))]),
        initiate(&[("customerInfo", json!({}))]),
        initiate(&[("merchantInfo.merchantSerialNumber", json!(123_456))]),
        initiate(&[("merchantInfo.merchantSerialNumber", json!(" 123456 "))]),
        initiate(&[("merchantInfo.fallBack", json!("INTENT"))]),
        initiate(&[("merchantInfo.fallBack", json!("myshop://"))]),
        initiate(&[("merchantInfo.fallBack", json!("myshop://paid"))]),
        initiate(&[("merchantInfo.fallBack", json!("myshop:paid"))]),
        initiate(&[("merchantInfo.fallBack", json!("http://shop.no/thanks"))]),
        initiate(&[(
            "merchantInfo.callbackPrefix",
            json!(format!("https://{}", "x".repeat(300))),
        )]),
        initiate(&[("merchantInfo.isApp", json!(true))]),
        initiate(&[("merchantInfo.isApp", json!("yes"))]),
        initiate(&[("merchantInfo.paymentType", json!("eComm Express Payment"))]),
        initiate(&[("merchantInfo.paymentType", json!("something else"))]),
        initiate(&[("transaction.orderId", json!("17"))]),
        initiate(&[("transaction.orderId", json!(1_234_567_890_123_i64))]),
        initiate(&[("transaction.orderId", json!("ecom-id-17"))]),
        initiate(&[("transaction.orderId", json!("a_b/c"))]),
        initiate(&[("transaction.amount", json!(20_000.0))]),
        initiate(&[("transaction.amount", json!(50))]),
        initiate(&[("transaction.amount", json!("20000"))]),
        initiate(&[("transaction.transactionText", json!("ab"))]),
        initiate(&[("transaction.transactionText", json!(""))]),
        initiate(&[("transaction.transactionText", json!("x".repeat(101)))]),
        initiate(&[("transaction.transactionText", json!("A line\nand one"))]),
        initiate(&[("transaction.skipLandingPage", json!(true))]),
        initiate(&[("transaction.scope", json!("name email phoneNumber"))]),
        initiate(&[
            ("transaction.refOrderId", json!("x")),
            ("transaction.kid", json!({"a": 1})),
        ]),
        initiate(&[(
            "transaction.additionalData",
            json!({"passengerName": "Kari N", "airlineCode": "074", "airlineDesignatorCode": "KL",
                "ticketNumber": "123-456", "agencyInvoiceNumber": "1"}),
        )]),
        json!({}),
        json!([]),
    ]
}

/// Changes as clients make them, and as they should not.
pub(in crate::shadow) fn changes() -> Vec<Case> {
    let mut all: Vec<Case> = initiates()
        .iter()
        .map(|body| Case::new(Operation::Initiate, "", body))
        .collect();
    for operation in [Operation::Capture, Operation::Refund, Operation::Cancel] {
        for money in [
            json!(5_000),
            json!(0),
            Value::Null,
            json!("absent"),
            json!(7),
            json!(19.99),
        ] {
            for id in [
                "",
                "1",
                "0:wc_order_x",
                "order-1234-1.2",
                "a,b",
                &"x".repeat(45),
            ] {
                all.push(
                    Case::new(operation, "order-1234", &adjust(money.clone()))
                        .header("x-request-id", id),
                );
            }
        }
        let short = Case::new(operation, "17", &adjust(json!(100)));
        all.push(short.header("merchant-serial-number", "123456"));
        all.push(Case::new(operation, "a_b", &adjust(json!(100))));
        let other = Case::new(operation, "order-1234", &adjust(json!(100)));
        all.push(other.header("merchant-serial-number", "654321"));
        let mut flagged = adjust(json!(0));
        flagged["shouldReleaseRemainingFunds"] = json!(true);
        all.push(Case::new(operation, "order-1234", &flagged));
    }
    let local = initiate(&[("merchantInfo.callbackPrefix", json!("http://127.0.0.1/cb"))]);
    for http_callbacks in [true, false] {
        let mut case = Case::new(Operation::Initiate, "", &local);
        case.unit.http_callbacks = http_callbacks;
        all.push(case);
    }
    let approve = json!({"customerPhoneNumber": "91234567", "token": "a-token"});
    all.push(Case::new(Operation::Approve, "order-1234", &approve));
    all
}

/// What the record knows of a payment that the bridge saw created.
pub(in crate::shadow) fn known(order: &str, origin: Origin, asked: Option<&str>) -> Known {
    Known {
        payment: Some(PaymentRecord {
            scope: scope(),
            order: OrderText::parse(order).expect("an order id"),
            facts: PaymentFacts {
                origin,
                kind: Kind::Regular,
                reference: Reference::parse(order),
                amount: Amount::new(50_000),
                currency: Some(Currency::Nok),
                text: Some("Two pairs of socks".to_owned()),
                callback: Some(CallbackTarget {
                    prefix: "https://shop.no/cb".to_owned(),
                    auth_token: Some("a-token".to_owned().into()),
                }),
                scope_asked: asked.map(str::to_owned),
                fall_back: Some("https://shop.no/thanks".to_owned()),
                request_id: RequestId::parse("init-1"),
            },
            create_key: Some(IdempotencyKey::own(uuid::Uuid::nil())),
            created_at: Moment::default(),
        }),
        attempt: None,
    }
}

/// The key of a money call on `order-1234`.
pub(in crate::shadow) fn key(op: MoneyOp, request: &str, attempt: u32) -> String {
    let (scope, order) = (scope(), OrderId::parse("order-1234").expect("an order id"));
    let maker = KeyMaker {
        scope: &scope,
        order: &order,
    };
    let request = RequestId::parse(request).expect("a request id");
    maker.key(op, &request, attempt).to_string()
}

/// A money call of the record that succeeded at its first attempt.
pub(in crate::shadow) fn call(op: MoneyOp, request: &str, text: &str) -> Adjustment {
    Adjustment {
        id: AdjustmentId(1),
        op,
        api: Origin::Epayment,
        request_id: RequestId::parse(request),
        key: IdempotencyKey::parse(&key(op, request, 0)),
        attempt: 0,
        amount: Some(amount(100)),
        computed: false,
        text: text.to_owned(),
        cancelled_before: None,
        state: AdjustmentState::Succeeded {
            amount: amount(100),
            transaction_id: Some("5001".to_owned()),
            at: Moment::default(),
        },
        begun_at: Moment::default(),
        changed_at: Moment::default(),
    }
}

fn at(name: EventName, minor_units: i64, minute: u32, number: &str) -> PaymentEvent {
    event(
        name,
        minor_units,
        &format!("10:{minute:02}:00.1234567"),
        number,
    )
}

fn look(state: State, sums: [i64; 4], events: Vec<PaymentEvent>) -> Look {
    let mut payment = payment(state, sums);
    payment.redirect_url = Some("https://landing.no/?token=abc".to_owned());
    payment.payment_method.card_bin = Some("545454".to_owned());
    Look { payment, events }
}

fn looks() -> Vec<Look> {
    use EventName::{
        Aborted, Authorized, Cancelled, Captured, Created, Expired, Refunded, Terminated,
    };
    let created = || at(Created, 50_000, 0, "6f7c4f5e-payment");
    let authorized = || at(Authorized, 50_000, 1, "5000");
    let captures = || {
        vec![
            created(),
            authorized(),
            keyed(
                at(Captured, 10_000, 2, "5001"),
                &key(MoneyOp::Capture, "1", 0),
            ),
            keyed(
                at(Captured, 20_000, 3, "5002"),
                &key(MoneyOp::Capture, "2", 1),
            ),
            keyed(
                failed(at(Captured, 90_000, 4, "5003")),
                &key(MoneyOp::Capture, "0:wc_order_x", 0),
            ),
            keyed(
                at(Refunded, 5_000, 5, "5004"),
                &key(MoneyOp::Refund, "a,b", 0),
            ),
            keyed(at(Refunded, 100, 6, "5005"), "another-systems-key"),
            at(Cancelled, 20_000, 7, "5006"),
        ]
    };
    vec![
        look(State::Created, [0; 4], vec![created()]),
        look(
            State::Created,
            [0; 4],
            vec![created(), failed(authorized())],
        ),
        look(
            State::Authorized,
            [50_000, 0, 0, 0],
            vec![created(), authorized()],
        ),
        look(
            State::Authorized,
            [50_000, 20_000, 30_000, 5_100],
            captures(),
        ),
        look(
            State::Aborted,
            [0; 4],
            vec![created(), at(Aborted, 50_000, 1, "5000")],
        ),
        look(
            State::Expired,
            [0; 4],
            vec![created(), at(Expired, 50_000, 1, "5000")],
        ),
        look(
            State::Terminated,
            [0; 4],
            vec![
                created(),
                keyed(
                    at(Terminated, 50_000, 1, "5000"),
                    &key(MoneyOp::Cancel, "9", 0),
                ),
            ],
        ),
        look(
            State::Created,
            [0; 4],
            vec![at(EventName::Unknown, 1, 0, "5000")],
        ),
    ]
}

/// Payments in their states, each read both ways, answered as they should be.
pub(in crate::shadow) fn reads() -> Vec<Case> {
    let mut all = vec![];
    for (n, look) in looks().into_iter().enumerate() {
        for operation in [Operation::Details, Operation::Status] {
            let mut case = Case::new(operation, "order-1234", &Value::Null);
            case.look = Some(look.clone());
            case.calls = vec![
                call(MoneyOp::Capture, "1", "The first"),
                call(MoneyOp::Refund, "a,b", "One came back"),
            ];
            case.known = (n % 2 == 0).then(|| known("order-1234", Origin::Epayment, None));
            all.push(case.answered_rightly());
        }
    }
    all.extend(with_user());
    all.push(direct());
    all
}

/// Payments with user data: in the payment, from the Userinfo API, and of a scope that the bridge does not know.
pub(in crate::shadow) fn with_user() -> Vec<Case> {
    let events = vec![
        at(EventName::Created, 50_000, 0, "p"),
        at(EventName::Authorized, 50_000, 1, "5000"),
    ];
    let asked = [
        "name email phoneNumber",
        "name  promotions email",
        "promotions",
    ];
    let mut all = vec![];
    for (n, asked) in asked.into_iter().enumerate() {
        let mut case = Case::new(Operation::Details, "order-1234", &Value::Null);
        let mut look = look(State::Authorized, [50_000, 0, 0, 0], events.clone());
        look.payment.profile.sub = Some("c06c4afe-d9e1-4c5d-939a-177d752a0944".to_owned());
        if n == 0 {
            look.payment.user_details = Some(user());
        } else {
            case.user = Some(user());
        }
        case.look = Some(look);
        case.known = Some(known("order-1234", Origin::Epayment, Some(asked)));
        all.push(case.answered_rightly());
    }
    // The Userinfo API was asked, and nobody kept what it said.
    let mut unknown = all[1].clone();
    unknown.user = None;
    all.push(unknown);
    all
}

/// A sales unit with direct capture, whose log shows it.
pub(in crate::shadow) fn direct() -> Case {
    let mut case = Case::new(Operation::Details, "order-1234", &Value::Null);
    let made = key(MoneyOp::Capture, DIRECT_CAPTURE, 1);
    let events = vec![
        at(EventName::Created, 50_000, 0, "p"),
        at(EventName::Authorized, 50_000, 1, "5000"),
        keyed(at(EventName::Captured, 50_000, 2, "5001"), &made),
    ];
    case.look = Some(look(State::Authorized, [50_000, 0, 50_000, 0], events));
    case.unit.direct_capture = true;
    case.known = Some(known("order-1234", Origin::Epayment, None));
    case.answered_rightly()
}
