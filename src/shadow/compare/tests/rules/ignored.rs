//! What an operator does not want to hear of: covered, counted, and never lost.
//!
//! Test only. Must not: know the settings that rules come from.

use http::header::RETRY_AFTER;
use proptest::prelude::*;

use super::*;

fn rule(path: &str) -> IgnoreRule {
    IgnoreRule {
        path: PathPattern::parse(path).expect("a path"),
        operation: None,
        reason: "known".to_owned(),
        until: None,
    }
}

/// Six differences: three in entries, one beside them, the status, a header.
fn pair() -> (Answer, Answer) {
    let entry = |id: &str, text: &str| json!({"requestId": id, "transactionText": text});
    let control = json!({
        "orderId": "order-1234",
        "transactionLogHistory": [entry("a", "Parcel"), entry("b", "Sweater")]
    });
    let candidate = json!({
        "orderId": "ORDER-1234",
        "transactionLogHistory": [entry("c", "Another"), entry("d", "Sweater")]
    });
    let mut candidate = Answer::new(201, &candidate);
    candidate
        .headers
        .insert(RETRY_AFTER, HeaderValue::from_static("5"));
    (Answer::new(200, &control), candidate)
}

const ALL: [&str; 5] = [
    "value (status)",
    "extra (header retry-after)",
    "value /orderId",
    "value /transactionLogHistory/*/requestId",
    "value /transactionLogHistory/*/transactionText",
];

fn with(ignore: &[IgnoreRule], now: i64) -> Compared {
    let (control, candidate) = pair();
    let rules = Rules {
        ignore,
        now: Moment::from_millis(now),
        ..Rules::default()
    };
    compare(
        Operation::Details,
        Way::Read,
        &control.as_answered(),
        &candidate.as_answered(),
        &rules,
    )
    .expect("comparable")
}

#[test]
fn a_path_covers_what_it_names_and_what_lies_below() {
    assert_eq!(told(&with(&[], 0)), ALL);
    // The places of ALL that remain, and how many differences were taken away.
    for (path, remain, count) in [
        ("/orderId", &[0, 1, 3, 4][..], 1),
        ("/transactionLogHistory", &[0, 1, 2], 3),
        ("/transactionLogHistory/*", &[0, 1, 2], 3),
        ("/transactionLogHistory/*/requestId", &[0, 1, 2, 4], 2),
        ("/*/*/requestId", &[0, 1, 2, 4], 2),
        ("/transactionLogHistory/1", &[0, 1, 2, 3, 4], 1),
        ("/transactionLogHistory/0/transactionText", &[0, 1, 2, 3], 1),
        ("/transactionLogHistory/2", &[0, 1, 2, 3, 4], 0),
        ("/*", &[0, 1], 4),
        ("(status)", &[1, 2, 3, 4], 1),
        ("(header retry-after)", &[0, 2, 3, 4], 1),
        ("(header Retry-After)", &[0, 2, 3, 4], 1),
        ("(header content-type)", &[0, 1, 2, 3, 4], 0),
        ("(body)", &[0, 1, 2, 3, 4], 0),
        ("/orderID", &[0, 1, 2, 3, 4], 0),
        ("/order", &[0, 1, 2, 3, 4], 0),
        ("/orderId/below", &[0, 1, 2, 3, 4], 0),
        ("/requestId", &[0, 1, 2, 3, 4], 0),
    ] {
        let compared = with(&[rule(path)], 0);
        let want: Vec<&str> = remain.iter().map(|at| ALL[*at]).collect();
        assert_eq!(told(&compared), want, "{path}");
        let ignored: Vec<_> = compared.ignored.into_iter().collect();
        let counted: &[_] = &[(path.to_owned(), count)];
        assert_eq!(ignored, if count == 0 { &[] } else { counted }, "{path}");
    }
}

#[test]
fn a_rule_is_for_its_operation_and_ends_on_its_day() {
    let day = 1_772_359_200_000;
    let until = |moment: i64| IgnoreRule {
        until: Some(Moment::from_millis(moment)),
        ..rule("/orderId")
    };
    let of = |operation: Operation| IgnoreRule {
        operation: Some(operation),
        ..rule("/orderId")
    };
    for (rule, covers, why) in [
        (until(day + 1), true, "until in a moment"),
        (until(day), false, "until now"),
        (until(day - 1), false, "until a moment ago"),
        (of(Operation::Details), true, "this operation"),
        (of(Operation::Status), false, "another operation"),
        (
            IgnoreRule {
                operation: Some(Operation::Details),
                ..until(day)
            },
            false,
            "this operation, and over",
        ),
    ] {
        assert_eq!(
            rule.active(Moment::from_millis(day)),
            rule.until.is_none_or(|at| at.millis() > day)
        );
        let compared = with(&[rule], day);
        assert_eq!(
            !told(&compared).contains(&ALL[2].to_owned()),
            covers,
            "{why}"
        );
        assert_eq!(!compared.ignored.is_empty(), covers, "{why}");
    }
    // A rule that is over does not stand in the way of one that is not.
    let compared = with(&[until(day), rule("/*"), rule("/orderId")], day);
    assert_eq!(
        compared.ignored,
        [("/*".to_owned(), 4)].into(),
        "the first one in force counts"
    );
}

#[test]
fn an_answer_of_which_all_is_ignored_is_clean_and_says_so() {
    let rules = [rule("/*"), rule("(status)"), rule("(header retry-after)")];
    let compared = with(&rules, 0);
    assert!(compared.is_clean() && compared.more == 0);
    assert_eq!(compared.ignored.values().sum::<u32>(), 6);
}

#[test]
fn what_is_beyond_the_most_that_is_kept_can_be_ignored() {
    let members = |word: &str| -> Value {
        (1..=60)
            .map(|length| ("n".repeat(length), json!(word)))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    let rules = [rule("(more)")];
    let rules = Rules {
        ignore: &rules,
        ..Rules::default()
    };
    let compared = compared(
        Operation::Details,
        Way::Read,
        &members("a"),
        &members("b"),
        &rules,
    );
    assert_eq!((compared.differences.len(), compared.more), (KEPT - 1, 11));
    assert_eq!(compared.ignored, [("(more)".to_owned(), 1)].into());
}

#[test]
fn names_that_are_hidden_can_be_ignored() {
    for path in ["/91234567", "/*"] {
        let compared = compared(
            Operation::Details,
            Way::Read,
            &json!({"91234567": 1}),
            &json!({}),
            &Rules {
                ignore: &[rule(path)],
                ..Rules::default()
            },
        );
        assert!(compared.is_clean(), "{path}");
    }
    let slash = compared(
        Operation::Details,
        Way::Read,
        &json!({"a/b~c": 1}),
        &json!({"a/b~c": 2}),
        &Rules {
            ignore: &[rule("/a~1b~0c")],
            ..Rules::default()
        },
    );
    assert!(slash.is_clean());
    for path in ["", "orderId", "/a~", "/a~2", "/é", "(status", "status"] {
        let parsed = PathPattern::parse(path);
        assert!(
            parsed.is_none_or(|path| path.as_str() == "(status"),
            "{path}"
        );
    }
}

#[test]
fn refusals_are_ignored_by_where_the_control_has_them() {
    let list = |codes: &[&str]| {
        let entries: Vec<_> = codes
            .iter()
            .map(|code| json!({"errorGroup": "Payment", "errorCode": code, "contextId": ""}))
            .collect();
        json!(entries)
    };
    let told = |path: &str| {
        let rules = [rule(path)];
        let rules = Rules {
            ignore: &rules,
            ..Rules::default()
        };
        let (control, candidate) = (list(&["61", "51"]), list(&["51", "62"]));
        super::told(&compared(
            Operation::Capture,
            Way::Read,
            &control,
            &candidate,
            &rules,
        ))
    };
    assert_eq!(told("/*/errorCode"), [""; 0]);
    assert_eq!(told("/0/errorCode"), [""; 0], "61 has become 62");
    assert_eq!(told("/1/errorCode"), ["value /*/errorCode"]);
}

fn any_entry() -> impl Strategy<Value = Value> {
    let words = proptest::sample::select(vec!["INITIATE", "RESERVE", "CAPTURE"]);
    (words, 0..3_u8, any::<bool>()).prop_map(|(operation, text, success)| {
        json!({
            "operation": operation,
            "transactionText": format!("Parcel {text}"),
            "operationSuccess": success
        })
    })
}

fn any_details() -> impl Strategy<Value = Value> {
    (
        proptest::collection::vec(any_entry(), 0..6),
        0..3_u8,
        0..3_u8,
    )
        .prop_map(|(log, order, sum)| {
            json!({
                "orderId": format!("order-{order}"),
                "transactionLogHistory": log,
                "transactionSummary": {"capturedAmount": sum}
            })
        })
}

proptest! {
    #[test]
    fn what_is_ignored_is_counted_and_nothing_else_is_lost(
        control in any_details(), candidate in any_details(),
        paths in proptest::collection::vec(proptest::sample::select(vec![
            "/orderId", "/transactionSummary", "/transactionLogHistory", "/transactionLogHistory/0",
            "/transactionLogHistory/*/operation", "/*/*/transactionText", "/transactionSummary/capturedAmount",
        ]), 0..3),
    ) {
        let rules: Vec<_> = paths.iter().map(|path| rule(path)).collect();
        let rules = Rules { ignore: &rules, ..Rules::default() };
        let all = compared(Operation::Details, Way::Dry, &control, &candidate, &Rules::default());
        let some = compared(Operation::Details, Way::Dry, &control, &candidate, &rules);
        let (all_told, some_told) = (told(&all), told(&some));
        prop_assert!(some_told.iter().all(|line| all_told.contains(line)), "{:?} {:?}", all_told, some_told);
        prop_assert!(some_told.len() == all_told.len() || !some.ignored.is_empty());
        for line in all_told.iter().filter(|line| !some_told.contains(line)) {
            let (_, field) = line.split_once(' ').expect("a field");
            let first = field.split('/').nth(1).expect("a name");
            prop_assert!(
                some.ignored.keys().any(|path| path.split('/').nth(1).is_some_and(|name| name == first || name == "*")),
                "{} {:?}", line, some.ignored
            );
        }
        prop_assert_eq!(all.normalised, some.normalised);
    }
}
