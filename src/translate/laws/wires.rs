//! `parse(render(x)) == x` for what both wires answer, and for what the bridge sends.

use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::any_event;
use crate::ecom::callback::{Callback, CallbackInfo, CallbackStatus};
use crate::ecom::error::{Code, EcomError, Failure};
use crate::ecom::response::{
    AdjustStatus, Adjusted, Details, Initiated, LogEntry, LogOperation, Refunded, Status,
    StatusInfo, StatusWord, TransactionInfo, TransactionSummary, UserDetails,
};
use crate::epayment::event::WebhookEvent;
use crate::epayment::model::{
    Aggregate, Created, Modified, Money, Payment, PaymentMethod, Profile, State,
    UserDetails as EpaymentUser,
};
use crate::epayment::problem::{ExtraDetail, Problem};
use crate::types::{Amount, Currency, Msn, Reference};

fn comes_back<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(
    value: &T,
) -> Result<(), TestCaseError> {
    let text = serde_json::to_string(value).unwrap();
    prop_assert_eq!(&serde_json::from_str::<T>(&text).unwrap(), value);
    // And the text is the same again: no member is lost that equality does not see.
    prop_assert_eq!(
        serde_json::to_string(&serde_json::from_str::<T>(&text).unwrap()).unwrap(),
        text
    );
    Ok(())
}

fn amount() -> impl Strategy<Value = Amount> {
    (0..=i64::MAX).prop_map(|n| Amount::new(n).expect("not negative"))
}

fn some_text() -> impl Strategy<Value = String> {
    "\\PC{0,20}"
}

fn maybe_text() -> impl Strategy<Value = Option<String>> {
    proptest::option::of(some_text())
}

fn money() -> impl Strategy<Value = Money> {
    let currency = proptest::sample::select(vec![Currency::Nok, Currency::Dkk, Currency::Eur]);
    (currency, amount()).prop_map(|(currency, value)| Money { currency, value })
}

fn aggregate() -> impl Strategy<Value = Aggregate> {
    (money(), money(), money(), money()).prop_map(|(a, b, c, d)| Aggregate {
        authorized_amount: a,
        cancelled_amount: b,
        captured_amount: c,
        refunded_amount: d,
    })
}

fn reference() -> impl Strategy<Value = Reference> {
    "[a-zA-Z0-9-]{8,64}".prop_map(|t| Reference::parse(&t).expect("a reference"))
}

fn state() -> impl Strategy<Value = State> {
    proptest::sample::select(vec![
        State::Created,
        State::Aborted,
        State::Expired,
        State::Authorized,
        State::Terminated,
    ])
}

fn summary() -> impl Strategy<Value = TransactionSummary> {
    let bin = proptest::option::of(0..=999_999_u32);
    (amount(), amount(), amount(), amount(), bin).prop_map(|(a, b, c, d, bin)| TransactionSummary {
        captured_amount: a,
        remaining_amount_to_capture: b,
        refunded_amount: c,
        remaining_amount_to_refund: d,
        bank_identification_number: bin,
    })
}

fn info() -> impl Strategy<Value = TransactionInfo> {
    let status = proptest::sample::select(vec![
        AdjustStatus::Captured,
        AdjustStatus::Cancelled,
        AdjustStatus::Refund,
    ]);
    (amount(), status, some_text(), maybe_text(), some_text()).prop_map(
        |(amount, status, time_stamp, transaction_id, transaction_text)| TransactionInfo {
            amount,
            status,
            time_stamp,
            transaction_id,
            transaction_text,
        },
    )
}

fn log_entry() -> impl Strategy<Value = LogEntry> {
    use LogOperation::{Cancel, Capture, Initiate, Refund, Reserve, Sale, Void};
    let operations = vec![Initiate, Reserve, Sale, Capture, Refund, Cancel, Void];
    (
        amount(),
        proptest::sample::select(operations),
        any::<bool>(),
        [some_text(), some_text(), some_text(), some_text()],
    )
        .prop_map(|(amount, operation, operation_success, texts)| {
            let [request_id, time_stamp, transaction_id, transaction_text] = texts;
            LogEntry {
                amount,
                operation,
                operation_success,
                request_id,
                time_stamp,
                transaction_id,
                transaction_text,
            }
        })
}

fn user() -> impl Strategy<Value = UserDetails> {
    (
        [maybe_text(), maybe_text(), maybe_text(), maybe_text()],
        some_text(),
    )
        .prop_map(
            |([email, first_name, last_name, mobile_number], user_id)| UserDetails {
                email,
                first_name,
                last_name,
                mobile_number,
                user_id,
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn ecoms_short_answers(
        order_id in some_text(), url in some_text(), info in info(), sums in summary(),
    ) {
        comes_back(&Initiated { order_id: order_id.clone(), url })?;
        comes_back(&Refunded {
            order_id: order_id.clone(), transaction: info.clone(), transaction_summary: sums.clone(),
        })?;
        comes_back(&Adjusted { order_id, transaction_info: info, transaction_summary: sums })?;
    }

    #[test]
    fn ecoms_details(
        order_id in some_text(), log in proptest::collection::vec(log_entry(), 0..5),
        sums in proptest::option::of(summary()), sub in maybe_text(), user in proptest::option::of(user()),
    ) {
        comes_back(&Details {
            order_id, transaction_log_history: log, transaction_summary: sums, sub, user_details: user,
        })?;
    }

    #[test]
    fn ecoms_status_callback_and_errors(
        amount in amount(), texts in [some_text(), some_text(), some_text()],
        word in proptest::sample::select(vec![
            StatusWord::Initiate, StatusWord::Reserve, StatusWord::Sale, StatusWord::Capture, StatusWord::Refund,
            StatusWord::Cancel, StatusWord::Void, StatusWord::Failed, StatusWord::Rejected,
        ]),
        called in proptest::sample::select(vec![
            CallbackStatus::Reserved, CallbackStatus::Reserve, CallbackStatus::Sale, CallbackStatus::Cancelled,
            CallbackStatus::Rejected,
        ]),
        code in proptest::sample::select(&Code::ALL[..]), person in proptest::option::of(user()),
    ) {
        let [order_id, time_stamp, transaction_id] = texts;
        comes_back(&Status {
            order_id: order_id.clone(),
            transaction_info: StatusInfo {
                amount, status: word, time_stamp: time_stamp.clone(), transaction_id: transaction_id.clone(),
            },
        })?;
        comes_back(&Callback {
            merchant_serial_number: "123456".to_owned(),
            order_id,
            transaction_info: CallbackInfo { amount, status: called, time_stamp, transaction_id: transaction_id.clone() },
            sub: person.as_ref().map(|person| person.user_id.clone()),
            user_details: person,
        })?;
        let body: Vec<EcomError> = Failure::told(code, transaction_id).body("context");
        comes_back(&body)?;
    }

    #[test]
    fn epayments_answers(
        (sums, amount, state, reference) in (aggregate(), money(), state(), reference()),
        texts in [maybe_text(), maybe_text(), maybe_text(), maybe_text(), maybe_text(), maybe_text(), maybe_text()],
        psp_reference in some_text(),
    ) {
        let [redirect_url, card_bin, sub, first_name, last_name, email, mobile_number] = texts;
        comes_back(&Created { redirect_url: redirect_url.clone(), reference: reference.clone() })?;
        comes_back(&Modified {
            amount, state, aggregate: sums, psp_reference: psp_reference.clone(), reference: reference.clone(),
        })?;
        let payment = Payment {
            aggregate: sums, amount, state, psp_reference, redirect_url, reference, metadata: None,
            payment_method: PaymentMethod { kind: "WALLET".to_owned(), card_bin },
            profile: Profile { sub },
            capture_guaranteed_until: None,
            user_details: Some(EpaymentUser { first_name, last_name, email, mobile_number }),
        };
        let text = serde_json::to_string(&payment).unwrap();
        let again: Payment = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(again.aggregate, payment.aggregate);
        prop_assert_eq!(again.user_details.clone(), payment.user_details.clone());
        prop_assert_eq!(serde_json::to_string(&again).unwrap(), text);
    }

    #[test]
    fn epayments_events_and_problems(
        event in any_event(), msn in "[0-9]{4,7}", title in some_text(), texts in [maybe_text(), maybe_text(), maybe_text()],
        status in proptest::option::of(400..600_u16),
        listed in proptest::collection::vec((some_text(), some_text()), 0..3),
    ) {
        comes_back(&event)?;
        comes_back(&WebhookEvent { msn: Msn::parse(&msn).unwrap(), event })?;
        let [kind, detail, trace_id] = texts;
        let extra_details = listed.into_iter().map(|(name, reason)| ExtraDetail { name, reason }).collect();
        comes_back(&Problem { kind, title, detail, status: status.map(Into::into), trace_id, instance: None, extra_details })?;
    }
}
