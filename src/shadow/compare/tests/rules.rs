//! What counts as the same, rule by rule: it makes equal what it says, and nothing beside it.
//!
//! Must not: leave a row of the table out.

mod ignored;
mod lists;
mod trials;

use std::collections::BTreeSet;

use serde_json::json;
use trials::{Member, Trial};

use super::*;
use crate::shadow::compare::normal::{ERROR_ORDER, Normalisation, RULES, When};
use crate::translate::loss::Loss;

/// A body with a value at a field, and 1 or 2 beside it. The log ends with an INITIATE.
fn body(field: &str, value: &Member, neighbour: u32) -> Value {
    let (first, rest) = field.strip_prefix('/').map_or((field, None), |field| {
        field
            .split_once('/')
            .map_or((field, None), |(first, rest)| (first, Some(rest)))
    });
    let inner = rest.map(|rest| body(&format!("/{rest}"), value, neighbour));
    if first == "*" {
        let initiate = json!({"operation": "INITIATE", "transactionText": "One sweater"});
        let mut entries = vec![inner.unwrap_or_default()];
        entries
            .extend((!field.contains("error") && !field.contains("contextId")).then_some(initiate));
        return json!(entries);
    }
    let mut members = serde_json::Map::new();
    if inner.is_none() {
        members.insert("amount".to_owned(), json!(neighbour));
    }
    if let Some(value) = inner.or_else(|| value.clone()) {
        members.insert(first.to_owned(), value);
    }
    Value::Object(members)
}

fn neighbour_of(field: &str) -> String {
    let (parent, _) = field.rsplit_once('/').expect("a pointer");
    format!("{parent}/amount")
}

/// What a row needs to be known.
fn known(row: &Normalisation, losses: &'static [Loss]) -> Rules<'static> {
    Rules {
        losses,
        elsewhere: row.when == When::Elsewhere,
        shadow_order: Some("shadow-1"),
        ..Rules::default()
    }
}

fn losses(row: &Normalisation) -> &'static [Loss] {
    match row.when {
        When::Lost(Loss::RequestIdHashed) => &[Loss::RequestIdHashed],
        When::Lost(Loss::PushUrlMadeUp) => &[Loss::PushUrlMadeUp],
        When::Lost(loss) => panic!("{loss:?} has no trial"),
        _ => &[],
    }
}

fn compared(
    operation: Operation,
    way: Way,
    control: &Value,
    candidate: &Value,
    rules: &Rules<'_>,
) -> Compared {
    let (control, candidate) = (Answer::new(200, control), Answer::new(200, candidate));
    compare(
        operation,
        way,
        &control.as_answered(),
        &candidate.as_answered(),
        rules,
    )
    .expect("comparable")
}

const WAYS: [Way; 3] = [Way::Dry, Way::Read, Way::Write];

/// The rows of the table with their trials; those of refused cards and the order of errors have tests of their own.
fn tried() -> Vec<(&'static Normalisation, Vec<Trial>)> {
    RULES
        .iter()
        .filter(|row| row.name != "refused-card-while-open")
        .map(|row| {
            let mine = |trial: &Trial| {
                trial.row.0 == row.name && (trial.row.1.is_empty() || row.fields[0] == trial.row.1)
            };
            (row, trials::all().into_iter().filter(mine).collect())
        })
        .collect()
}

#[test]
fn each_rule_makes_equal_what_it_says_and_nothing_beside_it() {
    for (row, trials) in tried() {
        assert!(!trials.is_empty(), "{} is not tried", row.name);
        let rules = known(row, losses(row));
        for (operation, way, field) in in_force(row) {
            for trial in &trials {
                let told = format!("{} at {field}, {operation:?}, {}", row.name, way.word());
                let (old, new) = &trial.same;
                let (control, candidate) = (body(field, old, 1), body(field, new, 1));
                let same = compared(operation, way, &control, &candidate, &rules);
                assert!(same.is_clean(), "{told}: {:?}", same.differences);
                assert_eq!(same.normalised, [(row.name, 1)].into(), "{told}");

                let beside = compared(operation, way, &control, &body(field, new, 2), &rules);
                let want = format!("value {}", neighbour_of(field));
                assert_eq!(super::told(&beside), [want], "{told}");
                assert_eq!(beside.normalised, [(row.name, 1)].into(), "{told}");

                for (old, new) in &trial.others {
                    let (control, candidate) = (body(field, old, 1), body(field, new, 1));
                    let other = compared(operation, way, &control, &candidate, &rules);
                    let fired = other.normalised.get(row.name);
                    assert_eq!(fired, None, "{told}: {old:?} and {new:?}");
                    // Another rule may have its own say, as for a cancel without a number.
                    if other.normalised.is_empty() {
                        let named = other.differences.iter().all(|d| d.field.as_str() == field);
                        assert!(
                            named && !other.is_clean(),
                            "{told}: {old:?} and {new:?}: {other:?}"
                        );
                    }
                }
            }
        }
    }
}

/// Where a row holds.
fn in_force(row: &Normalisation) -> impl Iterator<Item = (Operation, Way, &'static str)> {
    let operations = Operation::ALL
        .into_iter()
        .filter(|operation| row.operations.is_empty() || row.operations.contains(operation));
    operations.flat_map(move |operation| {
        let ways = WAYS
            .into_iter()
            .filter(|way| row.ways.is_empty() || row.ways.contains(way));
        ways.flat_map(move |way| row.fields.iter().map(move |field| (operation, way, *field)))
    })
}

#[test]
fn a_rule_holds_for_its_operations_ways_and_knowledge_only() {
    let nothing = Rules::default();
    let mut told = 0;
    for (row, trials) in tried() {
        for (operation, way) in all_calls() {
            for field in row.fields {
                if normal::rows(operation, way, &nothing).any(|other| other.fields.contains(field))
                {
                    continue;
                }
                for Trial {
                    same: (old, new), ..
                } in &trials
                {
                    let (control, candidate) = (body(field, old, 1), body(field, new, 1));
                    let compared = compared(operation, way, &control, &candidate, &nothing);
                    let fields: Vec<&str> = compared
                        .differences
                        .iter()
                        .map(|d| d.field.as_str())
                        .collect();
                    assert_eq!(
                        fields,
                        [*field],
                        "{}, {operation:?}, {}",
                        row.name,
                        way.word()
                    );
                    told += 1;
                }
            }
        }
    }
    assert!(told > 100, "{told}");
}

fn all_calls() -> impl Iterator<Item = (Operation, Way)> {
    Operation::ALL
        .into_iter()
        .flat_map(|operation| WAYS.into_iter().map(move |way| (operation, way)))
}

#[test]
fn a_shadow_payment_must_show_its_own_order() {
    let order = |id: &str, amount: u32| json!({"orderId": id, "amount": amount});
    let rules = Rules {
        shadow_order: Some("shadow-1"),
        ..Rules::default()
    };
    let own = "value /orderId";
    for (control, candidate, want) in [
        (order("order-1234", 1), order("shadow-1", 1), vec![]),
        (order("order-1234", 1), order("order-1234", 1), vec![own]),
        (
            order("order-1234", 1),
            order("order-1234", 2),
            vec!["value /amount", own],
        ),
        (order("shadow-1", 1), order("shadow-1", 1), vec![]),
        (json!({"amount": 1}), json!({"amount": 1}), vec![]),
        (
            json!([order("order-1234", 1)]),
            json!([order("order-1234", 1)]),
            vec![],
        ),
    ] {
        let compared = compared(Operation::Details, Way::Write, &control, &candidate, &rules);
        assert_eq!(told(&compared), want, "{candidate}");
    }
    let same = order("order-1234", 1);
    for (way, rules) in [(Way::Read, rules), (Way::Write, Rules::default())] {
        assert!(compared(Operation::Details, way, &same, &same, &rules).is_clean());
    }
}

#[test]
fn each_rule_stands_in_the_documentation_with_what_and_why() {
    let rows: Vec<(&str, usize)> = include_str!("../../../../docs/shadowing.md")
        .split("\n## ")
        .find_map(|section| section.strip_prefix("What is normalised\n"))
        .expect("the section")
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .filter_map(|line| line.split_once("` |"))
        .map(|(name, rest)| {
            let cells = rest.trim_end_matches('|').split('|');
            (name, cells.filter(|cell| !cell.trim().is_empty()).count())
        })
        .collect();
    let documented: BTreeSet<&str> = rows.iter().map(|row| row.0).collect();
    assert_eq!(documented.len(), rows.len(), "a rule has two rows");
    let names: BTreeSet<&str> = RULES
        .iter()
        .map(|row| row.name)
        .chain([ERROR_ORDER])
        .collect();
    assert_eq!(
        documented, names,
        "docs/shadowing.md has one row for each rule"
    );
    for (name, cells) in rows {
        assert_eq!(cells, 2, "{name}: what, and why");
    }
}
