//! The tables against the types, and against what merchants are told. (Against the specification: `tests/it`.)

use serde_json::{Value, json};

use super::*;
use crate::ecom::read::object;
use crate::ecom::request::{Adjust, ForceApprove, InitiatePayment};
use crate::ecom::response::{
    AdjustStatus, Adjusted, Details, Initiated, LogEntry, LogOperation, Refunded, Status,
    StatusInfo, StatusWord, TransactionInfo, TransactionSummary, UserDetails,
};
use crate::translate::testing::amount;

fn members(name: &str) -> &'static [Member] {
    REQUESTS
        .iter()
        .chain(RESPONSES)
        .find(|(schema, _)| *schema == name)
        .unwrap_or_else(|| panic!("no {name}"))
        .1
}

/// The members of a body with `member` at `path` that the bridge's own type does not know.
fn unknown<T: serde::de::DeserializeOwned>(path: &str, member: &str) -> Vec<String> {
    let mut body = json!({ member: null });
    for parent in path.rsplit('.').filter(|p| !p.is_empty()) {
        body = json!({ parent: body });
    }
    object::<T>(body.to_string().as_bytes()).unwrap().1
}

#[test]
fn every_member_of_a_request_is_read() {
    for (schema, path) in [
        ("InitiatePaymentCommand", ""),
        ("MerchantInfo", "merchantInfo"),
        ("TransactionInfoInitiate", "transaction"),
        ("AdditionalTransactionData", "transaction.additionalData"),
        ("CustomerInfo", "customerInfo"),
    ] {
        for (member, _) in members(schema) {
            assert_eq!(
                unknown::<InitiatePayment>(path, member),
                [""; 0],
                "{member}"
            );
        }
    }
    for (schema, path) in [
        ("PaymentActionsRequest", ""),
        ("CancelPaymentActionRequest", ""),
        ("Transaction", "transaction"),
        ("CancelTransaction", "transaction"),
        ("MerchantInfoPayment", "merchantInfo"),
    ] {
        for (member, _) in members(schema) {
            assert_eq!(unknown::<Adjust>(path, member), [""; 0], "{member}");
        }
    }
    for (member, _) in members("ForceApproveRequest") {
        assert_eq!(unknown::<ForceApprove>("", member), [""; 0], "{member}");
    }
    assert_eq!(
        unknown::<InitiatePayment>("transaction", "no"),
        ["transaction.no"]
    );
}

fn summary() -> TransactionSummary {
    TransactionSummary {
        captured_amount: amount(1),
        remaining_amount_to_capture: amount(1),
        refunded_amount: amount(1),
        remaining_amount_to_refund: amount(1),
        bank_identification_number: Some(1),
    }
}

fn info() -> TransactionInfo {
    TransactionInfo {
        amount: amount(1),
        status: AdjustStatus::Captured,
        time_stamp: String::new(),
        transaction_id: Some(String::new()),
        transaction_text: String::new(),
    }
}

/// An answer of each kind, with every member it can have.
fn full_answers() -> Vec<(&'static str, Value)> {
    let text = String::new;
    let some = || Some(String::new());
    let log = LogEntry {
        amount: amount(1),
        operation: LogOperation::Sale,
        operation_success: true,
        request_id: text(),
        time_stamp: text(),
        transaction_id: text(),
        transaction_text: text(),
    };
    let user = UserDetails {
        email: some(),
        first_name: some(),
        last_name: some(),
        mobile_number: some(),
        user_id: text(),
    };
    let status = StatusInfo {
        amount: amount(1),
        status: StatusWord::Sale,
        time_stamp: text(),
        transaction_id: text(),
    };
    let adjusted = Adjusted {
        order_id: text(),
        transaction_info: info(),
        transaction_summary: summary(),
    };
    let adjusted = serde_json::to_value(adjusted).unwrap();
    let refunded = Refunded {
        order_id: text(),
        transaction: info(),
        transaction_summary: summary(),
    };
    let details = Details {
        order_id: text(),
        transaction_log_history: vec![log],
        transaction_summary: Some(summary()),
        sub: some(),
        user_details: Some(user),
    };
    let details = serde_json::to_value(details).unwrap();
    let shown = Status {
        order_id: text(),
        transaction_info: status,
    };
    let shown = serde_json::to_value(shown).unwrap();
    let failure = crate::ecom::error::Failure::field("a", "b").body("c");
    vec![
        (
            "PaymentInitiationResponse",
            serde_json::to_value(Initiated {
                order_id: text(),
                url: text(),
            })
            .unwrap(),
        ),
        ("TransactionInfo", adjusted["transactionInfo"].clone()),
        ("TransactionInfoCancel", adjusted["transactionInfo"].clone()),
        ("TransactionSummary", adjusted["transactionSummary"].clone()),
        ("TransactionResponse", adjusted.clone()),
        ("CancelTransactionResponse", adjusted),
        (
            "RefundTransactionResponse",
            serde_json::to_value(refunded).unwrap(),
        ),
        (
            "TransactionLogHistory",
            details["transactionLogHistory"][0].clone(),
        ),
        ("UserDetails", details["userDetails"].clone()),
        ("TransactionDetails", details),
        (
            "OrderStatusInfoTransactionInfo",
            shown["transactionInfo"].clone(),
        ),
        ("PaymentStatus", shown),
        ("Error", serde_json::to_value(&failure[0]).unwrap()),
    ]
}

#[test]
fn every_member_of_an_answer_is_written_and_no_other() {
    for (schema, answer) in full_answers() {
        let mut written: Vec<_> = answer.as_object().unwrap().keys().cloned().collect();
        let mut promised: Vec<_> = members(schema)
            .iter()
            .filter(|(_, fates)| {
                let kept = |f: &Fate| !matches!(f, Fate::EcomOnly | Fate::Ignored(_));
                fates.iter().any(kept)
            })
            .map(|(name, _)| (*name).to_owned())
            .collect();
        written.sort();
        promised.sort();
        assert_eq!(written, promised, "{schema}");
    }
}

#[test]
fn every_member_has_a_fate_and_stands_once() {
    for (schema, members) in REQUESTS.iter().chain(RESPONSES) {
        let mut names: Vec<_> = members.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all, "{schema}");
        assert!(
            members.iter().all(|(_, fates)| !fates.is_empty()),
            "{schema}"
        );
    }
    assert!(
        HEADERS
            .iter()
            .chain(UNDOCUMENTED)
            .all(|(_, f)| !f.is_empty())
    );
}

#[test]
fn every_code_has_a_member() {
    for loss in Loss::ALL {
        assert!(fates().any(|f| f == Fate::Dropped(loss)), "{}", loss.code());
    }
    for reason in Untranslatable::ALL {
        assert!(
            fates().any(|f| f == Fate::Refused(reason)),
            "{}",
            reason.code()
        );
    }
}

/// The rows of `docs/limitations.md` by their first cell.
fn told() -> Vec<(&'static str, usize)> {
    include_str!("../../../docs/limitations.md")
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .filter_map(|line| line.split_once("` |"))
        .map(|(code, rest)| {
            let cells = rest.trim_end_matches('|').split('|');
            (code, cells.filter(|cell| !cell.trim().is_empty()).count())
        })
        .collect()
}

#[test]
fn merchants_are_told_of_every_code() {
    let told = told();
    let codes = Loss::ALL
        .into_iter()
        .map(Loss::code)
        .chain(Untranslatable::ALL.into_iter().map(Untranslatable::code));
    for code in codes {
        let rows = told.iter().filter(|(row, _)| *row == code).count();
        assert_eq!(rows, 1, "docs/limitations.md has one row for {code}");
    }
    for (code, cells) in told {
        assert_eq!(cells, 4, "{code}: what, cause, what to do, what remains");
    }
}

#[test]
fn codes_and_their_words_are_fit_to_be_read() {
    let codes = Loss::ALL.map(|l| (l.code(), l.told()));
    let reasons = Untranslatable::ALL.map(|r| (r.code(), r.told()));
    for (code, told) in codes.into_iter().chain(reasons) {
        assert!(
            code.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'),
            "{code}"
        );
        assert!(told.len() > 20 && !told.ends_with('.'), "{code}: {told}");
    }
}
