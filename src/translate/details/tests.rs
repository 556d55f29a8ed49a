//! Details and status: each event as its operation, in order and in time, as clients read and compare it.
//!
//! Source of the rows: eCom's `TransactionDetails` and `PaymentStatus`, the meaning of ePayment's events.

mod order;
mod told;
mod user;

use super::*;
use crate::epayment::model::Aggregate;
use crate::translate::testing::{
    amount, event, failed, keyed, money, order as order_text, payment, scope, sums,
    user as user_data,
};

use EventName::{
    Aborted, Authorized, Cancelled, Captured, Created, Expired, Refunded, Terminated, Unknown,
};

fn nothing() -> Remembered {
    Remembered {
        text: None,
        request_id: None,
        scope: ScopeAsked::No,
        calls: vec![],
        country: CountryCode::default(),
        sale: Sale::No,
    }
}

/// One payment with everything that details are made of.
struct Case {
    payment: Payment,
    events: Vec<PaymentEvent>,
    remembered: Remembered,
    order: &'static str,
}

impl Case {
    fn new(state: State, aggregate: [i64; 4], events: &[PaymentEvent]) -> Self {
        Self {
            payment: payment(state, aggregate),
            events: events.to_vec(),
            remembered: nothing(),
            order: "order-1234",
        }
    }

    fn asked<T>(&self, ask: impl Fn(Sources<'_>) -> T) -> T {
        let (order, scope) = (order_text(self.order), scope());
        ask(Sources {
            order: &order,
            scope: &scope,
            payment: &self.payment,
            events: &self.events,
            remembered: &self.remembered,
        })
    }

    fn details(&self) -> Details {
        self.asked(|sources| details(sources, None))
    }

    fn log(&self) -> Vec<LogEntry> {
        self.details().transaction_log_history
    }

    /// `OPERATION amount`, newest first, with `!` where it failed.
    fn story(&self) -> String {
        let line = |entry: &LogEntry| {
            let mark = if entry.operation_success { "" } else { "!" };
            format!("{}{mark} {}", word(entry.operation), entry.amount)
        };
        self.log().iter().map(line).collect::<Vec<_>>().join(", ")
    }

    fn status(&self) -> Option<String> {
        let status = self.asked(status)?;
        let json = serde_json::to_value(status.transaction_info.status).unwrap();
        json.as_str().map(str::to_owned)
    }
}

fn word(operation: LogOperation) -> String {
    let json = serde_json::to_value(operation).unwrap();
    json.as_str().unwrap_or_default().to_owned()
}

/// Created, authorized, captured in two parts, refunded in part.
fn whole_life() -> Vec<PaymentEvent> {
    vec![
        event(Created, 50_000, "10:00:00.1234567", "6f7c4f5e-payment"),
        event(Authorized, 50_000, "10:01:00.5", "5001"),
        event(Captured, 20_000, "11:00:00.0000009", "5002"),
        event(Captured, 30_000, "12:00:00", "5003"),
        event(Refunded, 10_000, "13:00:00.9999999", "5004"),
    ]
}

const PAID: [i64; 4] = [50_000, 0, 50_000, 10_000];

#[test]
fn each_event_is_its_operation_and_its_status_word() {
    let born = event(Created, 50_000, "10:00:00", "p");
    let yes = event(Authorized, 50_000, "10:01:00", "1");
    for (state, events, story, status) in [
        (State::Created, vec![], "INITIATE 50000", "INITIATE"),
        (
            State::Authorized,
            vec![yes.clone()],
            "RESERVE 50000, INITIATE 50000",
            "RESERVE",
        ),
        (
            State::Authorized,
            vec![yes.clone(), event(Captured, 300, "10:02:00", "2")],
            "CAPTURE 300, RESERVE 50000, INITIATE 50000",
            "CAPTURE",
        ),
        (
            State::Authorized,
            vec![
                yes.clone(),
                event(Captured, 300, "10:02:00", "2"),
                event(Refunded, 200, "10:03:00", "3"),
            ],
            "REFUND 200, CAPTURE 300, RESERVE 50000, INITIATE 50000",
            "REFUND",
        ),
        (
            State::Authorized,
            vec![yes.clone(), event(Cancelled, 50_000, "10:02:00", "2")],
            "VOID 50000, RESERVE 50000, INITIATE 50000",
            "VOID",
        ),
        (
            // The rest is released after a part was captured.
            State::Authorized,
            vec![
                yes,
                event(Captured, 300, "10:02:00", "2"),
                event(Cancelled, 49_700, "10:03:00", "3"),
            ],
            "VOID 49700, CAPTURE 300, RESERVE 50000, INITIATE 50000",
            "VOID",
        ),
        (
            State::Terminated,
            vec![event(Terminated, 50_000, "10:02:00", "2")],
            "CANCEL 50000, INITIATE 50000",
            "CANCEL",
        ),
        (
            State::Terminated,
            vec![event(Cancelled, 50_000, "10:02:00", "2")],
            "CANCEL 50000, INITIATE 50000",
            "CANCEL",
        ),
        (
            State::Aborted,
            vec![event(Aborted, 50_000, "10:02:00", "2")],
            "CANCEL 50000, INITIATE 50000",
            "CANCEL",
        ),
        (
            State::Expired,
            vec![event(Expired, 50_000, "10:10:00", "2")],
            "CANCEL 50000, INITIATE 50000",
            "REJECTED",
        ),
    ] {
        let events: Vec<_> = [born.clone()].into_iter().chain(events).collect();
        let case = Case::new(state, [50_000, 0, 0, 0], &events);
        assert_eq!(case.story(), story);
        assert_eq!(case.status().as_deref(), Some(status), "{story}");
    }
}

#[test]
fn a_refused_card_shows_only_once_the_payment_is_final() {
    let events = [
        event(Created, 50_000, "10:00:00", "p"),
        failed(event(Authorized, 50_000, "10:01:00", "1")),
    ];
    let open = Case::new(State::Created, [0; 4], &events);
    assert_eq!(open.story(), "INITIATE 50000");
    assert_eq!(open.status().as_deref(), Some("INITIATE"));
    assert_eq!(open.log()[0].transaction_id, "p");
    for (state, last, story, status) in [
        (
            State::Authorized,
            Some(event(Authorized, 50_000, "10:02:00", "2")),
            "RESERVE 50000, RESERVE! 50000, INITIATE 50000",
            "RESERVE",
        ),
        (
            State::Expired,
            Some(event(Expired, 50_000, "10:10:00", "2")),
            "CANCEL 50000, RESERVE! 50000, INITIATE 50000",
            "REJECTED",
        ),
        (
            State::Aborted,
            None,
            "RESERVE! 50000, INITIATE 50000",
            "FAILED",
        ),
    ] {
        let events: Vec<_> = events.iter().cloned().chain(last).collect();
        let case = Case::new(state, [0; 4], &events);
        assert_eq!(case.story(), story);
        assert_eq!(case.status().as_deref(), Some(status));
    }
}

#[test]
fn initiate_shows_the_number_of_the_reservation_once_there_is_one() {
    let ids = |state, events: &[PaymentEvent]| {
        let log = Case::new(state, [0; 4], events).log();
        let ids: Vec<_> = log.into_iter().map(|e| e.transaction_id).collect();
        ids.join(" ")
    };
    let life = whole_life();
    assert_eq!(ids(State::Created, &life[..1]), "6f7c4f5e-payment");
    assert_eq!(ids(State::Authorized, &life), "5004 5003 5002 5001 5001");
    // A refused card is no reservation.
    let tried = failed(event(Authorized, 50_000, "10:00:30", "4999"));
    let refused = [life[0].clone(), tried.clone()];
    assert_eq!(ids(State::Expired, &refused), "4999 6f7c4f5e-payment");
    let second = [life[0].clone(), tried, life[1].clone()];
    assert_eq!(ids(State::Authorized, &second), "5001 4999 5001");
}

#[test]
fn initiate_shows_the_initiated_amount() {
    let created = event(Created, 0, "10:00:00", "p");
    assert_eq!(
        Case::new(State::Created, [0; 4], &[created]).story(),
        "INITIATE 50000"
    );
}

#[test]
fn unknown_event_names_are_skipped() {
    let mut events = whole_life();
    events.insert(2, event(Unknown, 7, "10:30:00", "9"));
    events.push(event(Unknown, 7, "23:00:00", "10"));
    let with = Case::new(State::Authorized, PAID, &events);
    let without = Case::new(State::Authorized, PAID, &whole_life());
    assert_eq!(with.details(), without.details());
    assert_eq!(with.status(), without.status());
    let read: PaymentEvent = serde_json::from_value(serde_json::json!({
        "reference": "order-1234", "pspReference": "1", "paymentAction": "SETTLED",
        "amount": {"currency": "NOK", "value": 1}, "timestamp": "2026-03-01T10:00:00Z", "success": true
    }))
    .unwrap();
    assert_eq!(read.name, Unknown);
    assert_eq!(Case::new(State::Created, [0; 4], &[read]).status(), None);
}

#[test]
fn the_summary_is_absent_until_the_user_has_acted() {
    for (state, there) in [
        (State::Created, false),
        (State::Authorized, true),
        (State::Aborted, true),
        (State::Expired, false),
        (State::Terminated, false),
    ] {
        let details = Case::new(state, PAID, &whole_life()).details();
        assert_eq!(details.transaction_summary.is_some(), there, "{state:?}");
    }
}

#[test]
fn the_summary_has_the_cards_first_digits_as_an_integer() {
    for (bin, number) in [
        (None, None),
        (Some("540185"), Some(540_185)),
        (Some("004185"), Some(4185)),
        (Some("54018X"), None),
        (Some(""), None),
    ] {
        let mut case = Case::new(State::Authorized, PAID, &whole_life());
        case.payment.payment_method.card_bin = bin.map(str::to_owned);
        let summary = case.details().transaction_summary.unwrap();
        assert_eq!(summary.bank_identification_number, number);
        let Aggregate {
            captured_amount, ..
        } = sums(PAID);
        assert_eq!(summary.captured_amount, captured_amount.value);
        assert_eq!(summary.remaining_amount_to_refund, amount(40_000));
        assert_eq!(summary.remaining_amount_to_capture, amount(0));
        assert_eq!(summary.refunded_amount, money(10_000).value);
    }
}

#[test]
fn details_as_clients_read_them() {
    let mut case = Case::new(
        State::Authorized,
        [50_000, 0, 20_000, 0],
        &whole_life()[..3],
    );
    case.order = "Woo17";
    case.payment.payment_method.card_bin = Some("540185".to_owned());
    case.remembered.text = Some("Two pairs of socks".to_owned());
    case.remembered.request_id = RequestId::parse("init.1");
    insta::assert_snapshot!(serde_json::to_string_pretty(&case.details()).unwrap(), @r#"
    {
      "orderId": "Woo17",
      "transactionLogHistory": [
        {
          "amount": 20000,
          "operation": "CAPTURE",
          "operationSuccess": true,
          "requestId": "",
          "timeStamp": "2026-03-01T11:00:00.000Z",
          "transactionId": "5002",
          "transactionText": "Two pairs of socks"
        },
        {
          "amount": 50000,
          "operation": "RESERVE",
          "operationSuccess": true,
          "requestId": "",
          "timeStamp": "2026-03-01T10:01:00.500Z",
          "transactionId": "5001",
          "transactionText": "Two pairs of socks"
        },
        {
          "amount": 50000,
          "operation": "INITIATE",
          "operationSuccess": true,
          "requestId": "init.1",
          "timeStamp": "2026-03-01T10:00:00.123Z",
          "transactionId": "5001",
          "transactionText": "Two pairs of socks"
        }
      ],
      "transactionSummary": {
        "capturedAmount": 20000,
        "remainingAmountToCapture": 30000,
        "refundedAmount": 0,
        "remainingAmountToRefund": 20000,
        "bankIdentificationNumber": 540185
      }
    }
    "#);
}

#[test]
fn status_as_clients_read_it() {
    let case = Case::new(State::Authorized, PAID, &whole_life());
    let status = case.asked(status).unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&status).unwrap(), @r#"
    {
      "orderId": "order-1234",
      "transactionInfo": {
        "amount": 10000,
        "status": "REFUND",
        "timeStamp": "2026-03-01T13:00:00.999Z",
        "transactionId": "5004"
      }
    }
    "#);
    assert_eq!(Case::new(State::Created, [0; 4], &[]).status(), None);
}

#[test]
fn a_failed_change_is_not_the_status() {
    let mut events = whole_life();
    events.push(failed(event(Refunded, 40_000, "14:00:00", "5005")));
    let case = Case::new(State::Authorized, PAID, &events);
    assert!(case.story().starts_with("REFUND! 40000, REFUND 10000"));
    let status = case.asked(status).unwrap();
    assert_eq!(status.transaction_info.transaction_id, "5004");
}

/// A direct capture is one thing to the shop: nothing is seen before it is settled, and a later capture is another one.
#[test]
fn a_sale_is_one_entry_and_pending_it_is_none() {
    let key = IdempotencyKey::parse("the-sale").unwrap();
    let events = [
        event(Created, 1000, "2026-01-02T03:04:05Z", "1"),
        event(Authorized, 1000, "2026-01-02T03:04:06Z", "2"),
        keyed(
            event(Captured, 600, "2026-01-02T03:04:07Z", "3"),
            "the-sale",
        ),
        keyed(event(Captured, 400, "2026-01-02T03:04:08Z", "4"), "another"),
    ];
    let mut case = Case::new(State::Authorized, [1000, 0, 1000, 0], &events);
    case.remembered.sale = Sale::Done(key);
    let operations: Vec<LogOperation> = case
        .details()
        .transaction_log_history
        .iter()
        .map(|entry| entry.operation)
        .collect();
    use LogOperation::{Capture, Initiate};
    assert_eq!(
        operations
            .iter()
            .filter(|one| **one == LogOperation::Sale)
            .count(),
        1
    );
    assert_eq!(operations.iter().filter(|one| **one == Capture).count(), 1);
    assert_eq!(operations.iter().filter(|one| **one == Initiate).count(), 1);

    let mut pending = Case::new(State::Authorized, [1000, 0, 0, 0], &events[..2]);
    pending.remembered.sale = Sale::Pending;
    assert!(pending.details().transaction_summary.is_none());
    pending.remembered.sale = Sale::No;
    assert!(pending.details().transaction_summary.is_some());
}
