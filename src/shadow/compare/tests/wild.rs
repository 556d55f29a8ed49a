//! Whatever the bodies are: an end without a panic, in bounded time, with bounded findings.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn compare_raw(control: &[u8], candidate: &[u8]) -> Result<Compared, CompareFailure> {
    compare(
        Operation::Details,
        Way::Read,
        &Answer::raw(control).as_answered(),
        &Answer::raw(candidate).as_answered(),
        &Rules::default(),
    )
}

#[test]
fn what_cannot_be_compared_is_a_failure_with_its_side() {
    let deep = |open: &str, close: &str, depth: usize| {
        format!("{}1{}", open.repeat(depth), close.repeat(depth)).into_bytes()
    };
    let huge = format!("[\"{}\"]", "x".repeat(20 * 1024 * 1024)).into_bytes();
    let many_objects = format!("[{}{{}}]", "{\"a\":1},".repeat(100_000)).into_bytes();
    for (body, failure) in [
        (
            b"<html>".to_vec(),
            CompareFailure::NotJson as fn(Side) -> CompareFailure,
        ),
        (b"{\"a\":1".to_vec(), CompareFailure::NotJson),
        (b"{} {}".to_vec(), CompareFailure::NotJson),
        (b"\xEF\xBB\xBF{}".to_vec(), CompareFailure::NotJson),
        (b"\"\xff\"".to_vec(), CompareFailure::NotJson),
        (b"\"\\ud800\"".to_vec(), CompareFailure::NotJson),
        (b"1e400".to_vec(), CompareFailure::NotJson),
        (b"NaN".to_vec(), CompareFailure::NotJson),
        (deep("[", "]", 10_000), CompareFailure::TooDeep),
        (deep("{\"a\":", "}", 10_000), CompareFailure::TooDeep),
        (deep("[", "]", tree::DEEPEST + 1), CompareFailure::TooDeep),
        ("[".repeat(10_000).into_bytes(), CompareFailure::TooDeep),
        (huge, CompareFailure::TooLarge),
        (many_objects, CompareFailure::TooLarge),
    ] {
        let shown = String::from_utf8_lossy(&body[..body.len().min(30)]).into_owned();
        assert_eq!(
            compare_raw(&body, b"{}"),
            Err(failure(Side::Control)),
            "{shown}"
        );
        assert_eq!(
            compare_raw(b"{}", &body),
            Err(failure(Side::Candidate)),
            "{shown}"
        );
    }
}

#[test]
fn what_is_only_strange_is_compared() {
    let deepest = format!(
        "{}1{}",
        "[".repeat(tree::DEEPEST),
        "]".repeat(tree::DEEPEST)
    );
    let list = |last: u32| format!("[{}{last}]", "0,".repeat(100_000));
    // A list at the top is one of errors; entries that are none have no code to be found by, so their places count.
    let short = format!("[{}1]", "0,".repeat(1_000));
    for (control, candidate, want) in [
        (
            deepest.clone(),
            deepest.replace('1', "2"),
            vec![format!("value {}", "/*".repeat(tree::DEEPEST))],
        ),
        (list(1), list(2), vec!["value /*".to_owned()]),
        (
            short.clone(),
            short.replacen("0,", "0,0,", 1),
            vec!["length (body)".to_owned(), "value /*".to_owned()],
        ),
        (
            "{}".to_owned(),
            String::new(),
            vec![
                "missing (header content-type)".to_owned(),
                "missing (body)".to_owned(),
            ],
        ),
        (
            " \n".to_owned(),
            "[]".to_owned(),
            vec!["extra (body)".to_owned()],
        ),
        (
            "null".to_owned(),
            "{}".to_owned(),
            vec!["type (body)".to_owned()],
        ),
        (
            r#"{"amount":1}"#.to_owned(),
            r#"{"amount":1,"amount":1}"#.to_owned(),
            vec!["extra /amount".to_owned()],
        ),
        (
            r#"{"amount":1,"amount":2}"#.to_owned(),
            r#"{"amount":1}"#.to_owned(),
            vec!["value /amount".to_owned(), "missing /amount".to_owned()],
        ),
        (
            r#"{"amount":1}"#.to_owned(),
            r#"{"amount":1.0}"#.to_owned(),
            vec!["value /amount".to_owned()],
        ),
        (
            r#"{"amount":100000000000000000001}"#.to_owned(),
            r#"{"amount":300000000000000000001}"#.to_owned(),
            vec!["value /amount".to_owned()],
        ),
        (
            r#"{"91234567":1}"#.to_owned(),
            "{}".to_owned(),
            vec!["missing /(name of 8)".to_owned()],
        ),
    ] {
        let compared = compare_raw(control.as_bytes(), candidate.as_bytes()).expect("comparable");
        assert_eq!(told(&compared), want, "{:.60}", control);
    }
}

#[test]
fn a_flood_of_differences_is_counted_and_not_kept() {
    let lists = |word: &str| {
        let members: serde_json::Map<String, Value> = (1..=300)
            .map(|i| ("n".repeat(i % 100 + 1), json!({ "x".repeat(i): word })))
            .collect();
        json!(members).to_string()
    };
    let compared = compare_raw(lists("a").as_bytes(), lists("b").as_bytes()).expect("comparable");
    assert_eq!(compared.differences.len(), KEPT);
    assert!(compared.more > 0);
    // What is not kept is told, so that it counts even where all that is kept was judged away.
    let last = compared.differences.last().expect("the last place");
    assert_eq!(
        (last.field.as_str(), last.candidate.as_str()),
        ("(more)", format!("{} more", compared.more).as_str())
    );
    let list = |word: &str| json!(vec![json!({"status": word}); 20_000]).to_string();
    let compared =
        compare_raw(list("SALE").as_bytes(), list("VOID").as_bytes()).expect("comparable");
    assert_eq!(
        (told(&compared), compared.more),
        (vec!["value /*/status".to_owned()], 0)
    );
}

#[test]
fn headers_are_compared_where_clients_read_them() {
    let json_type = HeaderValue::from_static("application/json; charset=utf-8");
    let plain = Answer::new(429, &json!({"message": "slow down"}));
    let with = |name: &HeaderName, value: Option<HeaderValue>| {
        let mut answer = plain.clone();
        match value {
            Some(value) => answer.headers.insert(name, value),
            None => answer.headers.remove(name),
        };
        answer
    };
    let retry = |text: &'static str| with(&RETRY_AFTER, Some(HeaderValue::from_static(text)));
    let media = |text: &'static str| with(&CONTENT_TYPE, Some(HeaderValue::from_static(text)));
    for (control, candidate, want) in [
        (plain.clone(), with(&CONTENT_TYPE, Some(json_type)), vec![]),
        (
            plain.clone(),
            media("text/html"),
            vec!["value (header content-type)"],
        ),
        (
            plain.clone(),
            media("application/problem+json"),
            vec!["value (header content-type)"],
        ),
        (
            plain.clone(),
            with(&CONTENT_TYPE, None),
            vec!["missing (header content-type)"],
        ),
        (retry("5"), retry("60"), vec![]),
        (
            retry("5"),
            plain.clone(),
            vec!["missing (header retry-after)"],
        ),
        (
            plain.clone(),
            retry("5"),
            vec!["extra (header retry-after)"],
        ),
        (
            plain.clone(),
            with(&http::header::ETAG, Some(HeaderValue::from_static("x"))),
            vec![],
        ),
    ] {
        assert_eq!(told(&read(Operation::Details, &control, &candidate)), want);
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        Just(json!("2026-03-01T10:00:00.000Z")),
    ];
    let names = vec![
        "transactionLogHistory",
        "timeStamp",
        "transactionId",
        "operation",
        "operationSuccess",
        "errorCode",
        "errorGroup",
        "transactionText",
        "url",
        "orderId",
        "userDetails",
        "é",
    ];
    leaf.prop_recursive(5, 64, 6, move |inner| {
        let name = proptest::sample::select(names.clone());
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::vec((name, inner), 0..6).prop_map(|members| {
                Value::Object(
                    members
                        .into_iter()
                        .map(|(n, v)| (n.to_owned(), v))
                        .collect(),
                )
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_it_panic(control in any::<Vec<u8>>(), candidate in "[\\x00-\\x7f]{0,40}") {
        let _ = compare_raw(&control, candidate.as_bytes());
        let _ = compare_raw(candidate.as_bytes(), &control);
    }

    #[test]
    fn a_difference_is_told_unless_a_rule_says_why_not(
        control in any_json(), candidate in any_json(), status in 100..600_u16,
        operation in proptest::sample::select(&Operation::ALL[..]),
        way in proptest::sample::select(vec![Way::Dry, Way::Read, Way::Write]),
    ) {
        let (control, candidate) = (Answer::new(status, &control), Answer::new(status, &candidate));
        let compared = compare(
            operation, way, &control.as_answered(), &candidate.as_answered(), &Rules::default(),
        ).expect("comparable");
        if control.body != candidate.body {
            // A float may be written in two ways and be one number; nothing here does.
            prop_assert!(!compared.is_clean() || !compared.normalised.is_empty());
        }
        for difference in &compared.differences {
            for text in [&difference.control, &difference.candidate] {
                prop_assert!(!text.is_empty() && text.chars().count() <= 80, "{}", text);
            }
        }
    }

    #[test]
    fn the_two_sides_differ_in_the_same_fields(control in any_json(), candidate in any_json()) {
        // Without rules both ways round see the same places; lists of another length are lined up by their beginning.
        let (control, candidate) = (Answer::new(200, &control), Answer::new(200, &candidate));
        let one = read(Operation::Approve, &control, &candidate);
        let other = read(Operation::Approve, &candidate, &control);
        prop_assert_eq!(one.is_clean() && one.normalised.is_empty(), other.is_clean() && other.normalised.is_empty());
    }
}
