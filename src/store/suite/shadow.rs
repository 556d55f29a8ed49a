//! How the records of shadowing behave.
//!
//! Must not: know which back end it runs on.

use super::*;
use crate::ecom::route::Operation::{self, Capture, Details};
use crate::store::{
    DifferenceKind, FieldFinding, FieldRecord, Findings, Judging, MOST_FIELDS, Reason, Sample,
    ShadowOutcome as Ended, ShadowStore, Verdict, Way,
};
use crate::types::{FieldPath, OrderId};

const DAY: i64 = 86_400_000;

fn path(text: &str) -> FieldPath {
    FieldPath::parse(text).unwrap()
}

fn because(why: &str) -> Reason {
    Reason::new("ann\\", why).unwrap()
}

/// Differs once, at this time.
fn differs(operation: Operation, text: &str, time: i64) -> FieldFinding {
    FieldFinding {
        operation,
        way: Way::Read,
        field: path(text),
        kind: DifferenceKind::Value,
        differing: 1,
        noise: 0,
        ignored: 0,
        first_at: at(time),
        last_at: at(time),
        samples: vec![Sample {
            at: at(time),
            order: OrderId::parse("order-0001"),
            control: format!("\"{time}\\\""),
            candidate: "null".to_owned(),
        }],
    }
}

fn findings(operation: Operation, ended: &[(Ended, u64)], fields: Vec<FieldFinding>) -> Findings {
    let name = |(outcome, count): &(Ended, u64)| ((operation, Way::Read, *outcome), *count);
    Findings {
        ended: ended.iter().map(name).collect(),
        fields,
        ..Findings::default()
    }
}

/// A comparison that differs at this field.
fn once(text: &str, time: i64) -> Findings {
    findings(
        Details,
        &[(Ended::Differing, 1)],
        vec![differs(Details, text, time)],
    )
}

async fn fields(store: &Arc<dyn ShadowStore>) -> Vec<FieldRecord> {
    store.shadow_record(true).await.unwrap().fields
}

pub(in crate::store) async fn findings_of_instances_add_up(both: Both) {
    let store = both.shadow;
    let nothing = store.shadow_record(true).await.unwrap();
    assert_eq!(nothing, crate::store::ShadowRecord::default());
    let ended = [
        (Ended::Clean, 5),
        (Ended::Differing, 1),
        (Ended::Filtered("sample"), 7),
        (Ended::Dropped("queue-full"), 2),
        (Ended::Failed("timeout"), 3),
        (Ended::Failed("refused"), 1),
    ];
    let mut one = findings(Details, &ended, vec![differs(Details, "/a", 50)]);
    one.noise_pairs.insert((Details, Way::Read), 4);
    one.fields[0].noise = 1;
    let mut other = findings(
        Details,
        &ended[..3],
        vec![differs(Details, "/a", 40), differs(Details, "/b", 45)],
    );
    other.fields[0].ignored = 2;
    other.ended.insert((Capture, Way::Dry, Ended::Clean), 9);
    for (more, now) in [(&one, 100), (&other, 200), (&Findings::default(), 300)] {
        let added = store.add_findings(more, at(now)).await.unwrap();
        assert_eq!(added.evicted, 0);
    }
    let record = store.shadow_record(true).await.unwrap();
    assert_eq!(record.since[&Details], at(100));
    assert_eq!(record.since[&Capture], at(200));
    let counts = &record.counts[&(Details, Way::Read)];
    assert_eq!(
        (counts.clean, counts.differing, counts.noise_pairs),
        (10, 2, 4)
    );
    assert_eq!((counts.compared(), counts.ended()), (12, 32));
    assert_eq!(counts.filtered.of("sample"), 14);
    assert_eq!(counts.failed.iter().count(), 2);
    assert_eq!(record.counts[&(Capture, Way::Dry)].clean, 9);
    let names: Vec<_> = record.fields.iter().map(|f| f.field.as_str()).collect();
    assert_eq!(names, ["/a", "/b"], "the last seen first");
    let a = &record.fields[0];
    assert_eq!((a.differing, a.noise, a.ignored), (2, 1, 2));
    assert_eq!((a.first_at, a.last_at), (at(40), at(50)));
    assert_eq!(a.samples.len(), 2);
    assert_eq!(a.samples[0].control, "\"40\\\"");
    assert_eq!(a.samples[0].order, OrderId::parse("order-0001"));
    let short = store.shadow_record(false).await.unwrap();
    assert!(short.fields[0].samples.is_empty());
}

pub(in crate::store) async fn findings_added_at_once_lose_nothing(both: Both) {
    let store = both.shadow;
    let tasks: Vec<_> = (0..20)
        .map(|n| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.add_findings(&once("/a", n), at(n)).await.unwrap() })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let record = store.shadow_record(true).await.unwrap();
    assert_eq!(record.counts[&(Details, Way::Read)].differing, 20);
    assert_eq!(record.fields[0].differing, 20);
    assert_eq!(record.fields[0].samples.len(), 5);
}

pub(in crate::store) async fn the_first_and_the_newest_samples_are_kept(both: Both) {
    let store = both.shadow;
    for time in 1..=9 {
        store
            .add_findings(&once("/a", time), at(time))
            .await
            .unwrap();
    }
    let kept = fields(&store).await.remove(0);
    let times: Vec<_> = kept.samples.iter().map(|one| one.at.millis()).collect();
    assert_eq!(times, [1, 6, 7, 8, 9]);
    assert_eq!((kept.first_at, kept.last_at), (at(1), at(9)));
}

pub(in crate::store) async fn d9_fields_seen_longest_ago_go_first_and_judged_ones_last(both: Both) {
    let store = both.shadow;
    store
        .add_findings(&once("/judged", 1), at(1))
        .await
        .unwrap();
    let judging = Judging {
        operation: Details,
        way: None,
        field: path("/judged"),
        verdict: Some(Verdict::Accepted),
        reason: because("a known one"),
    };
    store.judge_difference(judging, at(2)).await.unwrap();
    store
        .add_findings(&once("/oldest", 3), at(3))
        .await
        .unwrap();
    let many = (0..MOST_FIELDS)
        .map(|n| differs(Details, &format!("/many/{n}"), 10))
        .collect();
    let many = findings(Details, &[(Ended::Differing, 4)], many);
    let added = store.add_findings(&many, at(10)).await.unwrap();
    assert_eq!(added.evicted, 2);
    let record = store.shadow_record(false).await.unwrap();
    assert_eq!(record.fields.len(), MOST_FIELDS);
    let has = |text: &str| record.fields.iter().any(|f| f.field == path(text));
    assert!(has("/judged") && !has("/oldest"));
    let counts = &record.counts[&(Details, Way::Read)];
    assert_eq!((counts.evicted, counts.evicted_differing), (2, 2));
}

pub(in crate::store) async fn fields_not_seen_for_long_are_forgotten_and_counted(both: Both) {
    let store = both.shadow;
    store.add_findings(&once("/a", 1), at(1)).await.unwrap();
    let added = store.add_findings(&once("/b", DAY), at(400 * DAY)).await;
    assert_eq!(added.unwrap().evicted, 0);
    let added = store.add_findings(&once("/c", 2), at(401 * DAY + 1)).await;
    assert_eq!(added.unwrap().evicted, 3);
    let record = store.shadow_record(false).await.unwrap();
    assert!(record.fields.is_empty());
    let counts = &record.counts[&(Details, Way::Read)];
    assert_eq!((counts.differing, counts.evicted_differing), (3, 3));
}

pub(in crate::store) async fn a_reset_begins_a_new_count_and_keeps_judgements(both: Both) {
    let store = both.shadow;
    store.add_findings(&once("/a", 1), at(1)).await.unwrap();
    let capture = findings(
        Capture,
        &[(Ended::Clean, 3)],
        vec![differs(Capture, "/c", 1)],
    );
    store.add_findings(&capture, at(1)).await.unwrap();
    let judging = Judging {
        operation: Details,
        way: Some(Way::Read),
        field: path("/a"),
        verdict: Some(Verdict::OldWrong),
        reason: because("eCom rounds"),
    };
    assert_eq!(store.judge_difference(judging, at(2)).await.unwrap(), 1);
    let forgotten = store
        .reset_shadow(Some(Details), because("fixed"), at(5))
        .await;
    assert_eq!(forgotten.unwrap(), 1);
    let record = store.shadow_record(true).await.unwrap();
    assert_eq!(
        (record.since[&Details], record.since[&Capture]),
        (at(5), at(1))
    );
    assert_eq!(record.counts.len(), 1);
    assert_eq!(record.fields.len(), 1);
    // Seen again: what was said of it holds.
    store.add_findings(&once("/a", 6), at(6)).await.unwrap();
    let again = fields(&store).await.remove(0);
    assert_eq!((again.differing, again.samples.len()), (1, 1));
    assert_eq!(again.judgement.unwrap().why, "eCom rounds");
    let forgotten = store.reset_shadow(None, because("all new"), at(9)).await;
    assert_eq!(forgotten.unwrap(), 4);
    let record = store.shadow_record(true).await.unwrap();
    assert!(record.counts.is_empty() && record.fields.is_empty());
    assert_eq!(
        (record.since[&Details], record.since[&Capture]),
        (at(9), at(9))
    );
    let listed = both.steering.changes(None, 9).await.unwrap();
    let listed: Vec<_> = listed
        .iter()
        .map(|c| format!("{} {} {}>{} {}", c.what, c.key, c.old, c.new, c.who))
        .collect();
    assert_eq!(
        listed,
        [
            "shadow-reset all 4 calls counted>0 calls counted ann\\",
            "shadow-reset details 1 calls counted>0 calls counted ann\\",
            "shadow-judge details /a (read) none>old-wrong ann\\",
        ]
    );
}

pub(in crate::store) async fn a_judgement_holds_for_what_was_seen_until_withdrawn(both: Both) {
    let store = both.shadow;
    let judging = |text: &str, way, verdict| Judging {
        operation: Details,
        way,
        field: path(text),
        verdict,
        reason: because("looked at"),
    };
    let judge = async |judging| store.judge_difference(judging, at(7)).await.unwrap();
    let accepted = Some(Verdict::Accepted);
    assert_eq!(judge(judging("/a", None, accepted)).await, 0, "never seen");
    store.add_findings(&once("/a", 1), at(1)).await.unwrap();
    assert_eq!(judge(judging("/a", Some(Way::Dry), accepted)).await, 0);
    assert_eq!(
        judge(judging("/a", None, None)).await,
        0,
        "nothing to withdraw"
    );
    assert_eq!(judge(judging("/a", None, accepted)).await, 1);
    let kept = fields(&store).await.remove(0).judgement.unwrap();
    assert_eq!(
        (kept.who.as_str(), kept.why.as_str()),
        ("ann\\", "looked at")
    );
    assert!(kept.verdict.excuses() && kept.at == at(7));
    // Another kind at the same place is another difference.
    let mut lost = once("/a", 2);
    lost.fields[0].kind = DifferenceKind::Missing;
    store.add_findings(&lost, at(2)).await.unwrap();
    let all = fields(&store).await;
    let said: Vec<_> = all
        .iter()
        .map(|f| (f.kind.word(), f.judgement.is_some()))
        .collect();
    assert_eq!(said, [("missing", false), ("value", true)]);
    assert_eq!(judge(judging("/a", None, Some(Verdict::NewWrong))).await, 2);
    let all = fields(&store).await;
    assert!(
        all.iter()
            .all(|f| f.judgement.as_ref().is_some_and(|j| !j.verdict.excuses()))
    );
    assert_eq!(judge(judging("/a", None, None)).await, 2);
    assert!(fields(&store).await.iter().all(|f| f.judgement.is_none()));
    let listed = both.steering.changes(None, 9).await.unwrap();
    let listed: Vec<_> = listed
        .iter()
        .map(|c| format!("{}>{}", c.old, c.new))
        .collect();
    assert_eq!(
        listed,
        [
            "new-wrong>none",
            "accepted, none>new-wrong",
            "none>accepted"
        ]
    );
}
