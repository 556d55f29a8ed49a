//! Every title and every number of ePayment's refusals, with the eCom error it becomes.
//!
//! A row that is wrong fails here by its own name. Source of the rows: ePayment API guide "Errors", eCom API guide.

mod answers;

use super::*;
use crate::epayment::problem::ExtraDetail;
use crate::translate::testing::codes;

const CAPTURE: During = During::Adjust(MoneyOp::Capture);
const CANCEL: During = During::Adjust(MoneyOp::Cancel);
const REFUND: During = During::Adjust(MoneyOp::Refund);
const ADJUST: [During; 3] = [CAPTURE, CANCEL, REFUND];
const EVERY: [During; 6] = [
    During::Initiate,
    CAPTURE,
    CANCEL,
    REFUND,
    During::Read,
    During::Approve,
];

fn titled(title: &str) -> Problem {
    Problem {
        title: title.to_owned(),
        ..Problem::default()
    }
}

fn detailed(title: &str, details: &[(&str, &str)]) -> Problem {
    Problem {
        extra_details: details
            .iter()
            .map(|(name, reason)| ExtraDetail {
                name: (*name).to_owned(),
                reason: (*reason).to_owned(),
            })
            .collect(),
        ..titled(title)
    }
}

fn numbered(code: u32) -> Problem {
    detailed("A title nobody knows", &[("ErrorCode", &code.to_string())])
}

/// A meaning in one word: `61`, `61?` where the payment's state decides, `=member`, `fields`, `not found`, `unknown`.
fn word(meaning: &Meaning) -> String {
    let number = |code: &Code| {
        let (group, number, _) = code.parts();
        format!("{group:?} {number}")
    };
    match meaning {
        Meaning::Is(code) => number(code),
        Meaning::ByState(code) => format!("{}?", number(code)),
        Meaning::Field(name) => format!("={name}"),
        Meaning::Fields => "fields".to_owned(),
        Meaning::NotFound => "not found".to_owned(),
        Meaning::Unknown => "unknown".to_owned(),
    }
}

/// During which calls, the title, and what it means.
const TITLE_ROWS: &[(&[During], &str, &str)] = &[
    (&EVERY, "Amount too small", "=transaction.amount"),
    (&EVERY, "Amount invalid", "=transaction.amount"),
    (&[During::Initiate], "Missing required parameter", "fields"),
    (&[During::Initiate], "Invalid URL", "=merchantInfo.fallBack"),
    (&[During::Initiate], "Invalid scope", "=transaction.scope"),
    (&[During::Initiate], "Invalid phone number", "User 81"),
    (&[During::Initiate], "Customer not found", "User 81"),
    (&[During::Initiate], "No cards", "Payment 41"),
    (&[During::Initiate], "Idempotency error", "Merchant 34"),
    (
        &[During::Initiate],
        "Idempotency error: reference exists",
        "Merchant 34",
    ),
    (&[During::Initiate], "Reference exists", "Merchant 34"),
    (&[During::Initiate], "Payment limit exceeded", "Merchant 33"),
    (
        &[During::Initiate],
        "Skip landing page not allowed",
        "Merchant 38",
    ),
    (
        &[During::Initiate],
        "PUSH_MESSAGE flow not allowed",
        "Merchant 38",
    ),
    (
        &[During::Initiate],
        "Long-living payment not allowed",
        "Merchant 39",
    ),
    (&[During::Initiate], "ExpiresAt not allowed", "Merchant 39"),
    (&[During::Initiate], "Illegal scope", "Merchant 51"),
    (
        &[During::Initiate],
        "Reserve capture not allowed",
        "Merchant 37",
    ),
    (
        &[During::Initiate],
        "Direct capture not allowed",
        "Merchant 37",
    ),
    (
        &[CAPTURE, CANCEL, REFUND, During::Read, During::Approve],
        "Reference not found",
        "not found",
    ),
    (&[During::Initiate], "Reference not found", "unknown"),
    (&[CAPTURE], "Capture amount too high", "Payment 61"),
    (
        &[CAPTURE],
        "Cannot capture before reservation",
        "Payment 62",
    ),
    (
        &[CAPTURE],
        "Cannot capture a cancelled payment",
        "VippsError 91",
    ),
    (&[CAPTURE], "Payment cannot be captured", "VippsError 91?"),
    (&[CAPTURE], "Capture period expired", "Payment 98"),
    (&[CAPTURE], "Capture idempotency conflict", "VippsError 93"),
    (&[REFUND], "Refund idempotency conflict", "VippsError 93"),
    (
        &[CAPTURE, REFUND],
        "Idempotency-Key already exists",
        "VippsError 93",
    ),
    (&ADJUST, "Idempotency error", "VippsError 93"),
    (&[CAPTURE], "Funds unavailable", "Payment 63"),
    (
        &EVERY,
        "Capture failed, please try again later",
        "VippsError 94",
    ),
    (&EVERY, "Order processing", "VippsError 94"),
    (&[CANCEL], "Cannot cancel a captured payment", "Payment 51"),
    (
        &[CANCEL],
        "Cannot cancel a non-reserved payment",
        "Payment 52",
    ),
    (&[CANCEL], "Cannot cancel pending", "Payment 52"),
    (&[CANCEL], "Cancel period expired", "Payment 52"),
    (&[CANCEL], "Payment cannot be cancelled", "Payment 52"),
    (&[REFUND], "Not enough refundable", "Payment 71?"),
    (&[REFUND], "Payment already refunded", "Payment 71"),
    (
        &[REFUND],
        "Attempted refund before reservation",
        "Payment 72",
    ),
    (&[REFUND], "Payment cannot be refunded", "Payment 73?"),
    (&[REFUND], "Refund period expired", "Payment 95"),
    (&[REFUND], "Refund not possible", "Payment 74"),
    (&[During::Approve], "Approve failed", "Payment 1082"),
    (&EVERY, "Internal error", "VippsError 99"),
    (&EVERY, "Something new", "unknown"),
    (&EVERY, "", "unknown"),
];

#[test]
fn every_title() {
    let rows = TITLE_ROWS;
    for (durings, title, want) in rows {
        for during in *durings {
            for spelling in [
                (*title).to_owned(),
                title.to_uppercase(),
                format!(" {title}. "),
            ] {
                let got = meaning(&titled(&spelling), 400, *during);
                assert_eq!(word(&got), *want, "{spelling} {during:?}");
            }
        }
    }
    // No title of the table in `error` is without a row here, or it could change unseen.
    let seen: Vec<String> = rows.iter().map(|r| r.1.to_lowercase()).collect();
    let unseen: Vec<_> = TITLES
        .iter()
        .filter(|(title, _)| !seen.iter().any(|s| s == title))
        .map(|(title, meaning)| format!("{title}: {}", word(meaning)))
        .collect();
    insta::assert_snapshot!(unseen.join("\n"), @r"
    invalid amount: =transaction.amount
    push_message not allowed: Merchant 38
    merchant bank account not verified: Merchant 37
    invalid currency for merchant: Merchant 37
    payment cannot be created: Merchant 37
    must capture full amount: Payment 63
    payment already captured: VippsError 92
    cannot cancel authorized payment: Payment 52
    approve not allowed: Payment 1082
    payment is already reserved: VippsError 92
    ");
}

#[test]
fn every_number() {
    const ANY: &[During] = &EVERY;
    const INITIATE: &[During] = &[During::Initiate];
    let rows: &[(&[During], &[u32], &str)] = &[
        (ANY, &[3010], "VippsError 99"),
        (&[CAPTURE, REFUND], &[4010, 4020, 4150], "VippsError 93"),
        (ANY, &[4020], "VippsError 93"),
        (INITIATE, &[4150], "Merchant 34"),
        (ANY, &[4040, 6010], "=transaction.amount"),
        (ANY, &[4070, 7010], "User 81"),
        (ANY, &[4080], "=transaction.scope"),
        (ANY, &[4090], "=merchantInfo.fallBack"),
        (ANY, &[4140], "fields"),
        (ANY, &[5030], "Merchant 51"),
        (INITIATE, &[5040, 5060, 5070, 10060], "Merchant 37"),
        (ANY, &[5050], "Merchant 39"),
        (ANY, &[5080], "Merchant 38"),
        (
            &[CAPTURE, CANCEL, REFUND, During::Read, During::Approve],
            &[5090],
            "not found",
        ),
        (&[During::Initiate], &[5090], "unknown"),
        (ANY, &[5100], "Payment 74"),
        (ANY, &[6020], "Payment 72"),
        (ANY, &[6030, 6050, 6060, 6190], "Payment 52"),
        (
            &[During::Initiate, CAPTURE, CANCEL, REFUND, During::Approve],
            &[6040],
            "Payment 51",
        ),
        // A 402 on a read would cancel the shop's order.
        (&[During::Read], &[6040], "unknown"),
        (ANY, &[6070], "VippsError 91"),
        (ANY, &[6080], "Payment 62"),
        (ANY, &[6090], "Payment 61"),
        (ANY, &[6100], "Payment 98"),
        (ANY, &[6140, 6260], "Payment 63"),
        (ANY, &[6150], "Payment 71?"),
        (ANY, &[6160, 6250, 6280], "VippsError 94"),
        (ANY, &[6170, 6180], "VippsError 92"),
        (&[CAPTURE], &[6200], "VippsError 91?"),
        (&[REFUND], &[6210], "Payment 73?"),
        (ANY, &[6220], "Payment 95"),
        (&[During::Approve], &[6230], "VippsError 92"),
        (
            &[During::Approve],
            &[10010, 10020, 10030, 10040],
            "Payment 1082",
        ),
        (ANY, &[10050], "Payment 41"),
        (ANY, &[10070], "Merchant 33"),
        // Not about this call, or not known: title and status decide.
        (&ADJUST, &[10010, 10040, 10060, 6230], "unknown"),
        (ANY, &[1, 9999, 10041, 10080], "unknown"),
    ];
    for (durings, numbers, want) in rows {
        for (during, number) in durings
            .iter()
            .flat_map(|d| numbers.iter().map(move |n| (d, n)))
        {
            let got = meaning(&numbered(*number), 400, *during);
            assert_eq!(word(&got), *want, "{number} {during:?}");
        }
    }
}

#[test]
fn the_number_wins_over_the_title_and_the_title_over_the_status() {
    let both = detailed("Capture amount too high", &[("ErrorCode", " 6080 ")]);
    assert_eq!(meaning(&both, 409, CAPTURE), Meaning::Is(Code::Payment62));
    for unknown in ["9999", "six", ""] {
        let odd = detailed("Capture amount too high", &[("ErrorCode", unknown)]);
        assert_eq!(meaning(&odd, 409, CAPTURE), Meaning::Is(Code::Payment61));
    }
    // A type only repeats the status, and the detail is for people.
    let kind = Problem {
        kind: Some("https://errors.example/6090".to_owned()),
        detail: Some("Capture amount too high".to_owned()),
        ..titled("?")
    };
    assert_eq!(meaning(&kind, 400, CAPTURE), Meaning::Unknown);
}

#[test]
fn without_a_known_title_the_call_and_the_status_decide() {
    for (during, status, want) in [
        (During::Initiate, 409, "Merchant 34"),
        (During::Initiate, 403, "Merchant 37"),
        (CAPTURE, 409, "VippsError 93"),
        (REFUND, 409, "VippsError 93"),
        (CANCEL, 409, "VippsError 94"),
        (During::Initiate, 423, "VippsError 94"),
        (CAPTURE, 423, "VippsError 94"),
        (During::Read, 423, "VippsError 94"),
        (During::Approve, 423, "VippsError 94"),
        (During::Read, 404, "unknown"),
        (CAPTURE, 404, "unknown"),
        (CAPTURE, 400, "unknown"),
        (CAPTURE, 403, "unknown"),
        (CAPTURE, 500, "unknown"),
    ] {
        let got = meaning(&titled("Something new"), status, during);
        assert_eq!(word(&got), want, "{during:?} {status}");
        // A conflict or a lock is none of a member, even where one is named.
        if [409, 423].contains(&status) {
            let named = detailed("Something new", &[("reference", "in use")]);
            assert_eq!(word(&meaning(&named, status, during)), want);
        }
    }
}

#[test]
fn a_member_without_a_name_is_the_body() {
    for name in ["", " ", "$. ", "/ /", "\u{a0}"] {
        assert_eq!(ecom_field(name), "body", "{name:?}");
    }
}
