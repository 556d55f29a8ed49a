//! What counts, and what is told of it.

use super::*;
use crate::store::{DifferenceKind, Given, Judgement, Verdict};
use crate::types::FieldPath;

const DETAILS: (Operation, Way) = (Operation::Details, Way::Read);

fn counts(clean: u64, differing: u64, noise_pairs: u64) -> ShadowCounts {
    ShadowCounts {
        clean,
        differing,
        noise_pairs,
        ..ShadowCounts::default()
    }
}

fn differs(text: &str, differing: u64, noise: u64, verdict: Option<Given>) -> FieldRecord {
    FieldRecord {
        operation: DETAILS.0,
        way: DETAILS.1,
        field: FieldPath::parse(text).unwrap(),
        kind: DifferenceKind::Value,
        differing,
        noise,
        ignored: 0,
        first_at: Moment::from_millis(1),
        last_at: Moment::from_millis(2),
        samples: Vec::new(),
        judgement: verdict.map(|verdict| Judgement {
            verdict,
            who: "ann".to_owned(),
            why: "why".to_owned(),
            at: Moment::from_millis(3),
        }),
    }
}

fn record(counts: ShadowCounts, fields: Vec<FieldRecord>) -> ShadowRecord {
    ShadowRecord {
        counts: BTreeMap::from([(DETAILS, counts)]),
        fields,
        ..ShadowRecord::default()
    }
}

fn found(record: &ShadowRecord) -> (u64, u64) {
    let all = evidence(record).unwrap();
    (
        all[&Operation::Details].clean,
        all[&Operation::Details].different,
    )
}

#[test]
fn a_difference_counts_unless_it_is_noise_or_judged_away() {
    let known = |verdict| Some(Given::Known(verdict));
    for (differing, noise, verdict, counting) in [
        (5, 0, None, 5),
        (5, 0, known(Verdict::NewWrong), 5),
        (5, 0, Some(Given::Unknown), 5),
        (5, 0, known(Verdict::OldWrong), 0),
        (5, 0, known(Verdict::Accepted), 0),
        (5, 50, None, 0),
    ] {
        let record = record(
            counts(95, 5, 100),
            vec![differs("/a", differing, noise, verdict)],
        );
        assert_eq!(found(&record), (100 - counting, counting), "{verdict:?}");
        let report = Report::of(&record, &ShadowFigures::default(), "read", None);
        assert_eq!(report.accounts[0].counting, counting);
        assert_eq!(report.fields[0].counts, counting > 0);
        assert_eq!(fields_that_count(&record), u64::from(counting > 0));
    }
    let few = record(counts(9, 1, 3), vec![differs("/a", 1, 1, None)]);
    assert_eq!(found(&few), (9, 1), "too few to call it noise");
}

#[test]
fn what_is_not_known_is_never_taken_for_clean() {
    // No field tells of the difference: it counts whole.
    assert_eq!(found(&record(counts(8, 2, 0), Vec::new())), (8, 2));
    // Two fields may have met in one comparison or not: not, and no more than there are.
    let accepted = || differs("/c", 3, 0, Some(Given::Known(Verdict::Accepted)));
    let two = vec![
        differs("/a", 3, 0, None),
        differs("/b", 4, 0, None),
        accepted(),
    ];
    assert_eq!(found(&record(counts(0, 10, 0), two.clone())), (3, 7));
    // More differ than all rows can tell of.
    assert_eq!(found(&record(counts(0, 12, 0), two.clone())), (3, 9));
    assert_eq!(found(&record(counts(5, 5, 0), two)), (5, 5));
    // What had to go may have counted.
    let gone = ShadowCounts {
        evicted: 1,
        evicted_differing: 2,
        ..counts(7, 3, 0)
    };
    assert_eq!(found(&record(gone, vec![accepted()])), (8, 2));
    assert_eq!(evidence(&ShadowRecord::default()), None);
    let mut failed = ShadowCounts::default();
    failed.failed.add("timeout", 9);
    assert_eq!(
        evidence(&record(failed, Vec::new())),
        None,
        "never compared"
    );
}

#[test]
fn fields_without_room_count_though_all_that_are_named_are_accepted() {
    // One comparison differs in two accepted fields, and three in more than there was room for.
    let accepted = |name| differs(name, 4, 0, Some(Given::Known(Verdict::Accepted)));
    let more = differs(FieldPath::more().as_str(), 3, 0, None);
    let all = vec![accepted("/a"), accepted("/b"), more];
    assert_eq!(found(&record(counts(6, 4, 0), all)), (7, 3));
}

#[test]
fn dry_comparisons_say_nothing_of_reads() {
    let mut record = record(counts(0, 0, 0), Vec::new());
    record.counts.clear();
    record
        .counts
        .insert((Operation::Details, Way::Dry), counts(100, 0, 0));
    record
        .counts
        .insert((Operation::Capture, Way::Dry), counts(90, 0, 0));
    record
        .counts
        .insert((Operation::Capture, Way::Write), counts(10, 0, 0));
    let all = evidence(&record).unwrap();
    assert_eq!(all.get(&Operation::Details), None);
    let capture = all[&Operation::Capture];
    assert_eq!(
        (capture.clean, capture.dry, capture.different),
        (100, 90, 0)
    );
    record
        .counts
        .insert((Operation::Details, Way::Dry), counts(99, 1, 0));
    let details = evidence(&record).unwrap()[&Operation::Details];
    assert_eq!((details.clean, details.different), (0, 1));
}

#[test]
fn the_report_is_in_balance_and_the_biggest_come_first() {
    let mut kept = counts(4, 5, 0);
    kept.filtered.add("sample", 7);
    kept.dropped.add("queue-full", 1);
    let fields = vec![
        differs("/accepted", 5, 0, Some(Given::Known(Verdict::Accepted))),
        differs("/small", 1, 0, None),
        differs("/big", 4, 0, None),
    ];
    let record = record(kept, fields);
    let running = Running {
        in_flight: 3,
        ..Running::default()
    };
    let figures = ShadowFigures {
        accounts: BTreeMap::from([
            (DETAILS, running.clone()),
            ((Operation::Capture, Way::Dry), running),
        ]),
        ..ShadowFigures::default()
    };
    let report = Report::of(&record, &figures, "read", None);
    let details = report
        .accounts
        .iter()
        .find(|one| one.operation == "details")
        .unwrap();
    assert_eq!(
        (details.offered, details.in_flight, details.compared),
        (20, 3, 9)
    );
    assert_eq!(report.accounts.len(), 2);
    let names: Vec<&str> = report.fields.iter().map(|one| one.field.as_str()).collect();
    assert_eq!(names, ["/big", "/small", "/accepted"]);
    let capture = Report::of(&record, &figures, "read", Some(Operation::Capture));
    assert!(capture.fields.is_empty() && capture.accounts.len() == 1 && !capture.compared());
}
