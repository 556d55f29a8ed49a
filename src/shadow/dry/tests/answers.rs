//! What a dry run comes to beside each answer of eCom's.

use super::*;
use crate::shadow::compare::{Answered, IgnoreRule, PathPattern};
use crate::store::ShadowOutcome;
use crate::types::Moment;

const NOW: Moment = Moment::from_millis(1_800_000_000_000);

fn against(call: &Call, status: u16, body: &str, ignore: &[IgnoreRule]) -> Judged {
    let control = Answered {
        status,
        headers: &HeaderMap::new(),
        body: body.as_bytes(),
    };
    call.dry().against(call.operation, &control, ignore, NOW)
}

fn error(group: &str, code: &str) -> String {
    json!([{"errorGroup": group, "errorCode": code, "errorMessage": "no", "contextId": "c"}])
        .to_string()
}

fn row(call: &Call, status: u16, body: &str) -> (ShadowOutcome, Vec<String>) {
    let judged = against(call, status, body, &[]);
    (judged.outcome, told(&judged.compared.differences))
}

/// A refund without any loss.
fn whole() -> Call {
    let body = with(change(), "/transaction/transactionText", Some(json!("")));
    Call::new(Operation::Refund, &body)
}

fn invalid() -> Call {
    Call::new(
        Operation::Refund,
        &with(change(), "/transaction/amount", Some(json!(50))),
    )
}

fn not() -> Call {
    whole().order("order_1234")
}

/// ePayment would refuse the amount.
fn broken() -> Call {
    let body = with(change(), "/transaction/amount", Some(json!(65_000_001)));
    let body = with(body, "/transaction/transactionText", Some(json!("")));
    Call::new(Operation::Refund, &body)
}

#[test]
fn outcomes_follow_the_table() {
    use ShadowOutcome::{Clean, Differing, Filtered};
    let taken = (200, "{}".to_owned());
    let member = (400, error("InvalidRequest", "transaction.amount"));
    let inside = (200, error("InvalidRequest", "transaction.amount"));
    let state = (400, error("Payment", "61"));
    let locked = (423, error("VippsError", "94"));
    let away = (502, "<html>".to_owned());
    let keys = (401, json!({"statusCode": 401, "message": "no"}).to_string());
    let amount = "value /transaction/amount";
    let order = "rule (untranslatable order-characters)";
    let most = "rule /modificationAmount/value";
    let here = "rule /transaction/amount";
    for (call, answer, outcome, fields) in [
        (whole(), &taken, Clean, &[][..]),
        (whole(), &member, Differing, &[amount]),
        (whole(), &inside, Differing, &[amount]),
        (whole(), &state, Clean, &[]),
        (whole(), &locked, Clean, &[]),
        (whole(), &away, Clean, &[]),
        (broken(), &taken, Differing, &[most]),
        (broken(), &member, Clean, &[]),
        (broken(), &state, Differing, &[most]),
        (not(), &taken, Differing, &[order]),
        (not(), &member, Clean, &[]),
        (not(), &state, Differing, &[order]),
        (not(), &keys, Differing, &[order]),
        (invalid(), &taken, Differing, &["value (status)", here]),
        (invalid(), &member, Clean, &[]),
        (invalid(), &inside, Clean, &[]),
        (invalid(), &state, Clean, &[]),
        (invalid(), &locked, Filtered("not-judged"), &[]),
        (invalid(), &away, Filtered("not-judged"), &[]),
        (invalid(), &keys, Filtered("not-judged"), &[]),
    ] {
        let (status, body) = answer;
        let fields: Vec<_> = fields.iter().map(|&field| field.to_owned()).collect();
        assert_eq!(row(&call, *status, body), (outcome, fields), "{body}");
    }
}

#[test]
fn what_is_not_compared_says_why() {
    let express = Call::new(Operation::Details, &Value::Null).born(Kind::Express);
    assert_eq!(
        row(&express, 200, "{}").0,
        ShadowOutcome::Filtered("express")
    );
    let mut large = whole();
    large.body = vec![b' '; LARGEST + 1];
    assert_eq!(
        row(&large, 200, "{}").0,
        ShadowOutcome::Failed("request-too-large")
    );
    for outcome in [row(&express, 500, "").0, row(&large, 400, "").0] {
        let reason = outcome.reason();
        assert!((1..=40).contains(&reason.len()));
        assert!(reason.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'));
    }
}

#[test]
fn members_that_ecom_names_are_shown_only_where_a_document_has_them() {
    let several = json!([
        {"errorGroup": "InvalidRequest", "errorCode": "merchantInfo.fallBack"},
        {"errorGroup": "InvalidRequest", "errorCode": "merchantInfo.fallBack"},
        {"errorGroup": "InvalidRequest", "errorCode": "Kari Nordmann"},
        {"errorGroup": "InvalidRequest", "errorCode": 7},
        {"errorGroup": "User", "errorCode": "81"},
    ]);
    let call = Call::new(Operation::Initiate, &plain());
    let (_, fields) = row(&call, 400, &several.to_string());
    let wanted = [
        "loss /merchantInfo/fallBack",
        "value /merchantInfo/fallBack",
        "value /(name of 13)",
    ];
    assert_eq!(fields, wanted);
}

#[test]
fn what_is_ignored_is_counted_and_takes_what_lies_below() {
    let rule = |path: &str, operation, until| IgnoreRule {
        path: PathPattern::parse(path).expect("a path"),
        operation,
        reason: String::new(),
        until,
    };
    let body = with(plain(), "/transaction/transactionText", Some(json!("a")));
    let call = Call::new(Operation::Initiate, &body);
    let rules = [
        rule("/transaction/transactionText", None, None),
        rule("/merchantInfo/fallBack", Some(Operation::Initiate), None),
    ];
    let judged = against(&call, 200, "{}", &rules);
    assert_eq!(judged.outcome, ShadowOutcome::Clean);
    let counted: Vec<_> = judged.compared.ignored.into_iter().collect();
    assert_eq!(
        counted,
        [
            ("/merchantInfo/fallBack".to_owned(), 1),
            ("/transaction/transactionText".to_owned(), 1)
        ]
    );
    let others = [
        rule("/merchantInfo/*", Some(Operation::Capture), None),
        rule("/merchantInfo/*", None, Some(NOW)),
        rule("/transaction/transactionText/text-cleaned", None, None),
    ];
    let judged = against(&call, 200, "{}", &others);
    assert_eq!(judged.outcome, ShadowOutcome::Differing);
    assert_eq!(judged.compared.differences.len(), 2);
    let words = [rule("(untranslatable order-characters)", None, None)];
    assert_eq!(
        against(&not(), 200, "{}", &words).outcome,
        ShadowOutcome::Clean
    );
}
