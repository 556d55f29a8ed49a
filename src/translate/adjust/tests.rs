//! Capture, cancel and refund, row by row: what is accepted, what remains, and the answers as clients read them.
//!
//! Source of the rows: eCom's `PaymentActionsRequest` and `CancelPaymentActionRequest`, and what public clients send.

use serde_json::{Value, json};

use super::*;
use crate::ecom::error::Group;
use crate::translate::testing::{all_of, amount, codes, order, payment, read, sums, with};

fn body() -> Value {
    json!({
        "merchantInfo": { "merchantSerialNumber": "123456" },
        "transaction": { "amount": 20000, "transactionText": "Parcel 7" }
    })
}

fn checked(op: MoneyOp, body: &Value) -> Result<Adjusting, Failure> {
    check(op, &read(body), None)
}

fn refused(op: MoneyOp, path: &str, value: Option<Value>) -> Vec<String> {
    match checked(op, &with(body(), path, value)) {
        Ok(_) => vec![],
        Err(failure) => {
            assert_eq!(failure.status, 400);
            assert!(all_of(&failure, Group::InvalidRequest));
            codes(&failure).into_iter().map(str::to_owned).collect()
        }
    }
}

#[test]
fn amounts_of_capture_and_refund() {
    const NAME: &str = "transaction.amount";
    let exactly = |minor_units| Ok(Asked::Exactly(amount(minor_units)));
    for (written, want) in [
        (None, Ok(Asked::AllThatRemains)),
        (Some(json!(null)), Ok(Asked::AllThatRemains)),
        (Some(json!(0)), Ok(Asked::AllThatRemains)),
        (Some(json!(0.0)), Ok(Asked::AllThatRemains)),
        (Some(json!(100)), exactly(100)),
        (Some(json!(20000.0)), exactly(20_000)),
        (Some(json!(i64::MAX)), exactly(i64::MAX)),
        (Some(json!(1)), Err(())),
        (Some(json!(99)), Err(())),
        (Some(json!(-1)), Err(())),
        (Some(json!(-100)), Err(())),
        (Some(json!("200")), Err(())),
        (Some(json!(true)), Err(())),
        (Some(json!(1.5)), Err(())),
        (Some(json!(200.5)), Err(())),
        (Some(json!(9_223_372_036_854_775_808_u64)), Err(())),
        (Some(json!([])), Err(())),
        (Some(json!({})), Err(())),
    ] {
        let asked = with(body(), NAME, written.clone());
        for op in [MoneyOp::Capture, MoneyOp::Refund] {
            match (checked(op, &asked), want) {
                (Ok(got), Ok(want)) => assert_eq!(got.asked, want, "{written:?}"),
                (Err(failure), Err(())) => assert_eq!(codes(&failure), [NAME], "{written:?}"),
                (got, _) => panic!("{written:?}: {got:?}"),
            }
        }
        // Cancel's amount is not read at all: some clients send one.
        let got = checked(MoneyOp::Cancel, &asked).unwrap();
        assert_eq!(got.asked, Asked::AllThatRemains, "{written:?}");
    }
}

#[test]
fn text_is_required_and_remembered() {
    const NAME: &str = "transaction.transactionText";
    for op in MoneyOp::ALL {
        for (written, want) in [
            (Some(json!("")), Ok("")),
            (Some(json!(null)), Ok("")),
            (Some(json!("a\nb")), Ok("a\nb")),
            (Some(json!("å".repeat(100))), Ok(&*"å".repeat(100))),
            (Some(json!("å".repeat(101))), Err(())),
            (Some(json!(7)), Err(())),
            (Some(json!([])), Err(())),
            (None, Err(())),
        ] {
            match (checked(op, &with(body(), NAME, written.clone())), want) {
                (Ok(got), Ok(want)) => {
                    assert_eq!(got.text, want);
                    let told = got.losses == [Loss::AdjustTextKeptHere];
                    assert_eq!(told, !want.is_empty(), "{written:?}");
                    assert!(told || got.losses.is_empty());
                }
                (Err(failure), Err(())) => assert_eq!(codes(&failure), [NAME]),
                (got, _) => panic!("{written:?}: {got:?}"),
            }
        }
    }
}

#[test]
fn members_by_presence_and_type() {
    for op in MoneyOp::ALL {
        for value in [None, Some(json!(null)), Some(json!([])), Some(json!("x"))] {
            assert_eq!(refused(op, "transaction", value), ["transaction"]);
        }
        for value in [json!([]), json!("x"), json!(5)] {
            assert_eq!(refused(op, "merchantInfo", Some(value)), ["merchantInfo"]);
        }
        for path in [
            "extra",
            "merchantInfo.callbackPrefix",
            "transaction.orderId",
        ] {
            assert_eq!(refused(op, path, Some(json!(null))), [""; 0]);
            assert_eq!(refused(op, path, Some(json!({"a": 1}))), [""; 0]);
        }
    }
}

#[test]
fn merchant_info_may_be_absent_where_the_sales_unit_is_known_otherwise() {
    let bare = with(body(), "merchantInfo", None);
    for op in MoneyOp::ALL {
        let got = check(op, &read(&bare), Some("123456")).unwrap();
        assert_eq!(got.msn.unwrap().as_str(), "123456");
    }
    // The specification requires it on cancel only; the payment's record may know the sales unit.
    assert!(checked(MoneyOp::Capture, &bare).unwrap().msn.is_none());
    assert!(checked(MoneyOp::Refund, &bare).unwrap().msn.is_none());
    let failure = checked(MoneyOp::Cancel, &bare).unwrap_err();
    assert_eq!(codes(&failure), ["merchantInfo"]);
}

#[test]
fn the_msn_of_body_and_header_must_agree() {
    const NAME: &str = "merchantInfo.merchantSerialNumber";
    for op in MoneyOp::ALL {
        for (said, header, want) in [
            (Some(json!("123456")), None, Ok(Some("123456"))),
            (Some(json!(123_456)), Some("123456"), Ok(Some("123456"))),
            (Some(json!(null)), Some("123456"), Ok(Some("123456"))),
            (None, Some("123456"), Ok(Some("123456"))),
            (None, None, Ok(None)),
            (None, Some(""), Ok(None)),
            (Some(json!("123456")), Some("123457"), Err(NAME)),
            (Some(json!(123_456)), Some("654321"), Err(NAME)),
            (Some(json!("12")), None, Err(NAME)),
            (Some(json!([])), None, Err(NAME)),
            (None, Some("abc"), Err("Merchant-Serial-Number")),
        ] {
            let asked: Adjust = read(&with(body(), NAME, said.clone()));
            match (check(op, &asked, header), want) {
                (Ok(got), Ok(msn)) => assert_eq!(got.msn.as_ref().map(Msn::as_str), msn),
                (Err(failure), Err(name)) => assert_eq!(codes(&failure), [name]),
                (got, _) => panic!("{said:?} {header:?}: {got:?}"),
            }
        }
    }
}

#[test]
fn the_flag_counts_on_cancel_only_and_must_be_true_or_false() {
    const NAME: &str = "shouldReleaseRemainingFunds";
    for (written, release) in [
        (None, false),
        (Some(json!(null)), false),
        (Some(json!(false)), false),
        (Some(json!(true)), true),
    ] {
        let got = checked(MoneyOp::Cancel, &with(body(), NAME, written)).unwrap();
        assert_eq!(got.release, release);
    }
    for wrong in [json!("true"), json!(1), json!(1.5), json!([]), json!({})] {
        assert_eq!(refused(MoneyOp::Cancel, NAME, Some(wrong.clone())), [NAME]);
        // Elsewhere it is a member that eCom does not know.
        for op in [MoneyOp::Capture, MoneyOp::Refund] {
            assert_eq!(refused(op, NAME, Some(wrong.clone())), [""; 0]);
        }
    }
    let got = checked(MoneyOp::Capture, &with(body(), NAME, Some(json!(true))));
    assert!(!got.unwrap().release);
}

#[test]
fn everything_that_is_wrong_is_named_in_one_answer() {
    let bad = json!({
        "merchantInfo": { "merchantSerialNumber": 1 },
        "transaction": { "amount": "1", "transactionText": 1 },
        "shouldReleaseRemainingFunds": "yes"
    });
    for (op, want) in [
        (
            MoneyOp::Capture,
            "merchantInfo.merchantSerialNumber transaction.transactionText transaction.amount",
        ),
        (
            MoneyOp::Cancel,
            "merchantInfo.merchantSerialNumber shouldReleaseRemainingFunds \
             transaction.transactionText",
        ),
    ] {
        assert_eq!(codes(&checked(op, &bad).unwrap_err()).join(" "), want);
    }
}

/// State, sums (authorized, cancelled, captured, refunded), and per operation what remains or the code.
type Row = (State, [i64; 4], [Result<i64, &'static str>; 3]);

const ROWS: [Row; 12] = {
    use State::{Aborted, Authorized, Created, Expired, Terminated};
    [
        (Created, [0, 0, 0, 0], [Err("62"), Err("52"), Err("72")]),
        (Aborted, [0, 500, 0, 0], [Err("91"), Err("52"), Err("73")]),
        (Expired, [0, 0, 0, 0], [Err("91"), Err("52"), Err("73")]),
        (
            Terminated,
            [0, 500, 0, 0],
            [Err("91"), Err("52"), Err("73")],
        ),
        (Authorized, [500, 0, 0, 0], [Ok(500), Ok(500), Err("72")]),
        (Authorized, [500, 0, 200, 0], [Ok(300), Ok(300), Ok(200)]),
        (
            Authorized,
            [500, 0, 200, 200],
            [Ok(300), Ok(300), Err("92")],
        ),
        (
            Authorized,
            [500, 0, 500, 0],
            [Err("92"), Err("51"), Ok(500)],
        ),
        (
            Authorized,
            [500, 0, 500, 120],
            [Err("92"), Err("51"), Ok(380)],
        ),
        (
            Authorized,
            [500, 0, 500, 500],
            [Err("92"), Err("51"), Err("92")],
        ),
        (
            Authorized,
            [500, 500, 0, 0],
            [Err("91"), Err("52"), Err("73")],
        ),
        (
            Authorized,
            [500, 300, 200, 0],
            [Err("92"), Err("51"), Ok(200)],
        ),
    ]
};

#[test]
fn what_remains_by_state_and_sums() {
    for (state, aggregate, wants) in ROWS {
        let payment = payment(state, aggregate);
        for (op, want) in [MoneyOp::Capture, MoneyOp::Cancel, MoneyOp::Refund]
            .into_iter()
            .zip(wants)
        {
            let got = remaining(op, &payment);
            match (&got, want) {
                (Ok(left), Ok(want)) => assert_eq!(left.minor_units(), want),
                (Err(failure), Err(code)) => {
                    assert_eq!(codes(failure), [code], "{op:?} {state:?} {aggregate:?}");
                    // A refusal of upstream says 71 where everything is refunded; before anything is sent it is 92.
                    let by_state = by_state(op, &payment).parts().1;
                    assert!(
                        by_state == code || (by_state, code) == ("71", "92"),
                        "{op:?} {by_state}"
                    );
                }
                _ => panic!("{op:?} {state:?} {aggregate:?}: {got:?}"),
            }
        }
    }
}

/// Where ePayment refused although something remains: the amount was too high, or it may not be done now.
#[test]
fn a_refusal_by_state_never_calls_done_what_is_still_open() {
    for (op, aggregate, code) in [
        (MoneyOp::Capture, [500, 0, 0, 0], Code::Vipps91),
        (MoneyOp::Capture, [500, 0, 200, 0], Code::Vipps91),
        (MoneyOp::Refund, [500, 0, 500, 0], Code::Payment71),
        (MoneyOp::Refund, [500, 0, 500, 120], Code::Payment71),
        (MoneyOp::Refund, [500, 300, 200, 0], Code::Payment71),
        (MoneyOp::Cancel, [500, 0, 0, 0], Code::Payment52),
        (MoneyOp::Cancel, [500, 0, 200, 0], Code::Payment51),
    ] {
        let got = by_state(op, &payment(State::Authorized, aggregate));
        assert_eq!(got, code, "{op:?} {aggregate:?}");
    }
}

#[test]
fn a_cancel_without_the_flag_is_refused_once_anything_is_captured() {
    for (state, aggregate, _) in ROWS {
        let got = may_cancel(&payment(state, aggregate));
        if aggregate[2] == 0 {
            assert_eq!(got, Ok(()));
        } else {
            let failure = got.unwrap_err();
            assert_eq!(codes(&failure), ["51"]);
            assert_eq!(failure.status, 402);
            assert!(all_of(&failure, Group::Payment));
        }
    }
}

#[test]
fn sums_never_go_below_zero() {
    for (aggregate, capture, refund) in [
        ([500, 0, 200, 50], 300, 150),
        ([500, 300, 200, 0], 0, 200),
        ([0, 500, 0, 0], 0, 0),
        ([500, 400, 200, 300], 0, 0),
    ] {
        let got = summary(&sums(aggregate));
        assert_eq!(got.captured_amount, amount(aggregate[2]));
        assert_eq!(got.refunded_amount, amount(aggregate[3]));
        assert_eq!(got.remaining_amount_to_capture, amount(capture));
        assert_eq!(got.remaining_amount_to_refund, amount(refund));
        assert_eq!(got.bank_identification_number, None);
    }
}

fn answer(op: MoneyOp, id: Option<&str>, aggregate: [i64; 4]) -> String {
    let done = Done {
        amount: amount(20_000),
        transaction_id: id.map(str::to_owned),
        at: Moment::parse("2026-03-01T10:00:00.1239999Z").unwrap(),
        text: "Parcel 7".to_owned(),
    };
    let answer = to_answer(op, &order("Woo17"), done, &sums(aggregate));
    serde_json::to_string_pretty(&answer).unwrap()
}

#[test]
fn a_capture_is_answered_under_transaction_info() {
    insta::assert_snapshot!(answer(MoneyOp::Capture, Some("5001446662"), [50_000, 0, 30_000, 0]), @r#"
    {
      "orderId": "Woo17",
      "transactionInfo": {
        "amount": 20000,
        "status": "Captured",
        "timeStamp": "2026-03-01T10:00:00.123Z",
        "transactionId": "5001446662",
        "transactionText": "Parcel 7"
      },
      "transactionSummary": {
        "capturedAmount": 30000,
        "remainingAmountToCapture": 20000,
        "refundedAmount": 0,
        "remainingAmountToRefund": 30000
      }
    }
    "#);
}

#[test]
fn a_refund_is_answered_under_transaction() {
    insta::assert_snapshot!(answer(MoneyOp::Refund, Some("5001446663"), [50_000, 0, 50_000, 20_000]), @r#"
    {
      "orderId": "Woo17",
      "transaction": {
        "amount": 20000,
        "status": "Refund",
        "timeStamp": "2026-03-01T10:00:00.123Z",
        "transactionId": "5001446663",
        "transactionText": "Parcel 7"
      },
      "transactionSummary": {
        "capturedAmount": 50000,
        "remainingAmountToCapture": 0,
        "refundedAmount": 20000,
        "remainingAmountToRefund": 30000
      }
    }
    "#);
}

#[test]
fn after_a_cancel_nothing_remains_to_capture() {
    // The event's number is not always known; the member is left out then.
    insta::assert_snapshot!(answer(MoneyOp::Cancel, None, [50_000, 0, 30_000, 0]), @r#"
    {
      "orderId": "Woo17",
      "transactionInfo": {
        "amount": 20000,
        "status": "Cancelled",
        "timeStamp": "2026-03-01T10:00:00.123Z",
        "transactionText": "Parcel 7"
      },
      "transactionSummary": {
        "capturedAmount": 30000,
        "remainingAmountToCapture": 0,
        "refundedAmount": 0,
        "remainingAmountToRefund": 30000
      }
    }
    "#);
}
