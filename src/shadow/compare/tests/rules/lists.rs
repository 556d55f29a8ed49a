//! The rules about lists: a refused card in the log, and the order of errors.
//!
//! Test only. Must not: repeat what the table of single values tries.

use super::*;

const REFUSED: &str = "refused-card-while-open";

fn entry(operation: &str, success: bool, second: u32) -> Value {
    json!({
        "amount": 50_000,
        "operation": operation,
        "operationSuccess": success,
        "timeStamp": format!("2026-03-01T10:00:{second:02}.000Z"),
        "transactionId": format!("50014466{second:02}")
    })
}

fn log(entries: &[Value]) -> Value {
    json!({"orderId": "order-1234", "transactionLogHistory": entries})
}

#[test]
fn a_refused_card_is_not_missed_while_another_may_be_tried() {
    let (initiate, refused, again) = (
        entry("INITIATE", true, 0),
        entry("RESERVE", false, 20),
        entry("RESERVE", false, 30),
    );
    let (reserved, cancelled) = (entry("RESERVE", true, 40), entry("CANCEL", true, 50));
    let list = "/transactionLogHistory";
    for (control, candidate, fired, want) in [
        (vec![&refused, &initiate], vec![&initiate], 1, ""),
        (vec![&again, &refused, &initiate], vec![&initiate], 2, ""),
        // The payment went on, or has ended: the log has all of it.
        (
            vec![&reserved, &refused, &initiate],
            vec![&reserved, &initiate],
            0,
            list,
        ),
        (
            vec![&cancelled, &refused, &initiate],
            vec![&cancelled, &initiate],
            0,
            list,
        ),
        (
            vec![&cancelled, &refused, &initiate],
            vec![&initiate],
            1,
            list,
        ),
        // Only failed reservations, and only where the control has more.
        (vec![&reserved, &initiate], vec![&initiate], 0, list),
        (vec![&initiate], vec![&refused, &initiate], 0, list),
        (vec![&refused], vec![], 0, list),
        (vec![&refused, &initiate], vec![], 1, list),
    ] {
        let make = |entries: &[&Value]| log(&entries.iter().copied().cloned().collect::<Vec<_>>());
        let (control, candidate) = (make(&control), make(&candidate));
        let told = |operation, way| {
            let compared = compared(operation, way, &control, &candidate, &Rules::default());
            let fired = compared.normalised.get(REFUSED).copied().unwrap_or(0);
            let fields: BTreeSet<&str> = compared
                .differences
                .iter()
                .map(|d| d.field.as_str())
                .collect();
            (fired, fields.contains(list), fields.is_empty())
        };
        let expected = (fired, !want.is_empty(), want.is_empty());
        assert_eq!(
            told(Operation::Details, Way::Read),
            expected,
            "{control} {candidate}"
        );
        for (operation, way) in [
            (Operation::Details, Way::Write),
            (Operation::Capture, Way::Read),
        ] {
            assert_eq!(
                told(operation, way),
                (0, true, false),
                "{control} {candidate}"
            );
        }
    }
}

#[test]
fn a_status_after_a_refused_card_is_that_of_an_open_payment() {
    let status = |word: &str, time: &str, amount: u32| json!({"transactionInfo": {"amount": amount, "status": word, "timeStamp": time}});
    let (started, refused) = ("2026-03-01T10:00:00.000Z", "2026-03-01T10:00:20.000Z");
    let failed = status("FAILED", refused, 50_000);
    for (candidate, want) in [
        (status("INITIATE", started, 50_000), vec![]),
        (
            status("INITIATE", started, 500),
            vec!["value /transactionInfo/amount"],
        ),
        (
            status("INITIATE", "10:00", 50_000),
            vec!["value /transactionInfo/timeStamp"],
        ),
        (
            status("FAILED", started, 50_000),
            vec!["value /transactionInfo/timeStamp"],
        ),
        (
            status("CANCEL", refused, 50_000),
            vec!["value /transactionInfo/status"],
        ),
    ] {
        let compared = compared(
            Operation::Status,
            Way::Read,
            &failed,
            &candidate,
            &Rules::default(),
        );
        assert_eq!(told(&compared), want, "{candidate}");
        let fired = if want.is_empty() {
            Some(&2)
        } else {
            compared.normalised.get(REFUSED)
        };
        assert_eq!(compared.normalised.get(REFUSED), fired);
    }
    let open = status("INITIATE", started, 50_000);
    let turned = compared(
        Operation::Status,
        Way::Read,
        &open,
        &failed,
        &Rules::default(),
    );
    let all = [
        "value /transactionInfo/status",
        "value /transactionInfo/timeStamp",
    ];
    assert_eq!(
        told(&turned),
        all,
        "the other way round nothing is the same"
    );
}

#[test]
fn errors_have_no_order_and_each_counts() {
    let error = |code: &str, message: &str| json!({"errorGroup": "InvalidRequest", "errorCode": code, "errorMessage": message});
    let (a, b, c) = (
        error("amount", "too small"),
        error("fallBack", "no URL"),
        error("scope", "unknown"),
    );
    for (control, candidate, ordered, want) in [
        (json!([a, b, c]), json!([c, a, b]), true, vec![]),
        (
            json!([a, b]),
            json!([b, c]),
            true,
            vec!["value /*/errorCode"],
        ),
        (json!([a, b]), json!([b]), false, vec!["length (body)"]),
        (
            json!([a, b]),
            json!([a, b, b]),
            false,
            vec!["length (body)"],
        ),
        (
            json!([a, a, b]),
            json!([a, b, b]),
            false,
            vec!["value /*/errorCode"],
        ),
    ] {
        let compared = compared(
            Operation::Initiate,
            Way::Read,
            &control,
            &candidate,
            &Rules::default(),
        );
        assert_eq!(told(&compared), want, "{candidate}");
        if ordered {
            assert_eq!(
                compared.normalised.get(ERROR_ORDER),
                Some(&1),
                "{candidate}"
            );
        }
    }
    // Elsewhere an order means something.
    let listed = |list: Value| json!({"transactionLogHistory": list});
    let swapped = compared(
        Operation::Details,
        Way::Read,
        &listed(json!([a, b])),
        &listed(json!([b, a])),
        &Rules::default(),
    );
    assert_eq!(told(&swapped), ["order /transactionLogHistory"]);
}
