//! The answers: members by eCom's names, statuses, messages, trace ids, and no 404 that is not certain.

use super::*;
use crate::ecom::error::Group;
use crate::translate::testing::all_of;

fn answered(problem: &Problem, status: u16, during: During) -> Failure {
    to_failure(&meaning(problem, status, during), problem, status)
}

#[test]
fn listed_members_come_one_by_one_under_ecoms_names() {
    let problem = detailed(
        "Bad Request",
        &[
            ("Amount.Value", "too small"),
            ("ErrorCode", "4140"),
            ("returnUrl", "not a URL"),
            ("/customer/phoneNumber", "too short"),
            ("$.paymentDescription", "too long"),
            ("whatIsThis", "odd"),
        ],
    );
    let failure = answered(&problem, 400, During::Initiate);
    assert!(all_of(&failure, Group::InvalidRequest));
    assert_eq!(failure.status, 400);
    insta::assert_snapshot!(
        failure.entries.iter().map(|(_, code, text)| format!("{code} | {text}")).collect::<Vec<_>>().join("\n"),
        @r"
    transaction.amount | Bad Request: too small
    merchantInfo.fallBack | Bad Request: not a URL
    customerInfo.mobileNumber | Bad Request: too short
    transaction.transactionText | Bad Request: too long
    whatIsThis | Bad Request: odd
    "
    );
    // The same for every title that only says "invalid", and without a number.
    for title in [
        "Missing required parameter",
        "Invalid URL",
        "Invalid scope",
        "Bad Request",
    ] {
        let problem = detailed(title, &[("reference", "bad"), ("profile.scope", "bad")]);
        let failure = answered(&problem, 400, During::Initiate);
        assert_eq!(
            codes(&failure),
            ["transaction.orderId", "transaction.scope"],
            "{title}"
        );
    }
}

#[test]
fn an_amount_is_the_amount_whatever_the_list_calls_it() {
    for during in EVERY {
        let failure = answered(
            &detailed("Amount too small", &[("value", "low")]),
            400,
            during,
        );
        assert_eq!(codes(&failure), ["transaction.amount"], "{during:?}");
    }
}

#[test]
fn the_number_is_never_a_member() {
    let failure = answered(&numbered(4140), 400, During::Initiate);
    assert_eq!(codes(&failure), ["body"]);
    let failure = answered(&numbered(9999), 400, During::Initiate);
    assert_eq!(codes(&failure), ["99"]);
}

#[test]
fn member_names() {
    for (name, want) in [
        ("amount", "transaction.amount"),
        ("amount.value", "transaction.amount"),
        ("Amount.Currency", "transaction.amount"),
        ("modificationAmount", "transaction.amount"),
        ("modificationAmount.value", "transaction.amount"),
        ("reference", "transaction.orderId"),
        ("Reference", "transaction.orderId"),
        ("paymentDescription", "transaction.transactionText"),
        ("returnUrl", "merchantInfo.fallBack"),
        ("ReturnUrl", "merchantInfo.fallBack"),
        ("customer", "customerInfo.mobileNumber"),
        ("Customer.PhoneNumber", "customerInfo.mobileNumber"),
        ("profile.scope", "transaction.scope"),
        ("userFlow", "transaction.skipLandingPage"),
        (
            "Merchant-Serial-Number",
            "merchantInfo.merchantSerialNumber",
        ),
        ("Idempotency-Key", "X-Request-Id"),
        (
            "IndustryData.AirlineData.AirlineCode",
            "transaction.additionalData.airlineCode",
        ),
        (
            "/industryData/airlineData/passengerName",
            "transaction.additionalData.passengerName",
        ),
        ("metadata", "metadata"),
        ("industryData.airlineData.", "transaction.additionalData"),
        ("", "body"),
        ("$.", "body"),
        ("/", "body"),
    ] {
        assert_eq!(ecom_field(name), want, "{name:?}");
    }
}

#[test]
fn statuses_of_the_answers() {
    for (title, during, status, want) in [
        ("Reference not found", During::Read, 404, (404, "35")),
        ("Illegal scope", During::Initiate, 403, (403, "51")),
        ("Cannot cancel a captured payment", CANCEL, 409, (402, "51")),
        ("Order processing", CAPTURE, 423, (423, "94")),
        ("Internal error", CAPTURE, 500, (500, "99")),
        ("Capture amount too high", CAPTURE, 409, (400, "61")),
        ("Idempotency error", During::Initiate, 409, (400, "34")),
        ("Invalid phone number", During::Initiate, 400, (400, "81")),
        ("Not Found", During::Read, 404, (502, "99")),
        ("Not Found", CAPTURE, 404, (502, "99")),
        ("Reference not found", During::Initiate, 404, (502, "99")),
        ("Payment Required", During::Read, 402, (500, "99")),
        ("Unauthorized", During::Read, 401, (401, "99")),
        ("Forbidden", CAPTURE, 403, (403, "99")),
        ("Too Many Requests", CAPTURE, 429, (429, "99")),
        ("Bad Gateway", During::Read, 503, (502, "99")),
        ("Something new", CAPTURE, 400, (500, "99")),
    ] {
        let failure = answered(&titled(title), status, during);
        assert_eq!(
            (failure.status, codes(&failure)[0]),
            want,
            "{title} {during:?}"
        );
    }
}

#[test]
fn messages_carry_the_words_and_the_trace() {
    let problem = Problem {
        detail: Some("It is what it is".to_owned()),
        trace_id: Some("trace-1".to_owned()),
        instance: Some("instance-1".to_owned()),
        ..titled("Something new")
    };
    let failure = answered(&problem, 400, CAPTURE);
    assert_eq!(failure.entries[0].2, "Something new: It is what it is");
    assert_eq!(failure.body("own")[0].context_id, "trace-1");
    let problem = Problem {
        title: "Capture amount too high".to_owned(),
        trace_id: None,
        ..problem
    };
    let failure = answered(&problem, 400, CAPTURE);
    assert_eq!(
        failure.entries[0].2,
        "The captured amount exceeds the reserved amount (It is what it is)"
    );
    assert_eq!(failure.body("own")[0].context_id, "instance-1");
    let silent = answered(&titled("Internal error"), 500, CAPTURE);
    assert_eq!(silent.entries[0].2, "Internal error");
    assert_eq!(silent.body("own")[0].context_id, "own");
}

#[test]
fn a_problem_without_words_still_says_something() {
    for (status, during) in [(400, CAPTURE), (404, During::Read), (500, During::Initiate)] {
        let failure = answered(&titled(""), status, during);
        assert!(!failure.entries[0].2.is_empty());
    }
    let failure = answered(&detailed("", &[("", "")]), 400, During::Initiate);
    assert_eq!(codes(&failure), ["body"]);
    assert!(failure.entries[0].2.chars().any(char::is_alphabetic));
}
