//! How the counts of the traffic and the machine's memory behave.
//!
//! Must not: know which back end it runs on.

use super::*;
use crate::ecom::route::Operation;
use crate::store::{Automatic, Change, Counts, Hour, Observation, Reason, Side};

fn counted(msn: Option<&str>, hour: i64, last: i64, counts: &[(&str, u64)]) -> Observation {
    let mut all = Counts::default();
    for (word, count) in counts {
        all.add(word, *count);
    }
    Observation {
        msn: msn.map(|msn| Msn::parse(msn).unwrap()),
        operation: Operation::Capture,
        side: Side::Epayment,
        hour: Hour(hour),
        last_at: at(last),
        counts: all,
    }
}

pub(in crate::store) async fn counts_of_one_place_add_up(both: Both) {
    let store = both.observations;
    let one = counted(Some("123456"), 7, 100, &[("done", 2), ("told:Field", 1)]);
    let other = counted(
        Some("123456"),
        7,
        90,
        &[("done", 3), ("a word of later", 1)],
    );
    let more = vec![
        one.clone(),
        counted(Some("234567"), 7, 1, &[("done", 1)]),
        counted(None, 7, 1, &[("done", 1)]),
        Observation {
            side: Side::Ecom,
            ..one.clone()
        },
    ];
    store.add_observations(more).await.unwrap();
    // A place may stand twice in one addition.
    let again = counted(Some("123456"), 7, 95, &[("done", 4)]);
    store.add_observations(vec![other, again]).await.unwrap();
    store.add_observations(Vec::new()).await.unwrap();
    let kept = store.observations(&msn(), Hour(7)).await.unwrap();
    let summed = counted(
        Some("123456"),
        7,
        100,
        &[("done", 9), ("told:Field", 1), ("a word of later", 1)],
    );
    assert_eq!(kept.len(), 2);
    assert_eq!(kept[0].side, Side::Ecom);
    assert_eq!(kept[1], summed);
    assert!(
        store
            .observations(&msn(), Hour(8))
            .await
            .unwrap()
            .is_empty()
    );
    let units = store.observed_units(Hour(0)).await.unwrap();
    assert_eq!(
        units.iter().map(Msn::as_str).collect::<Vec<_>>(),
        ["123456", "234567"]
    );
    assert!(store.observed_units(Hour(8)).await.unwrap().is_empty());
}

pub(in crate::store) async fn counts_added_at_once_lose_nothing(both: Both) {
    let store = both.observations;
    let tasks: Vec<_> = (0..20)
        .map(|n| {
            let store = Arc::clone(&store);
            let more = vec![counted(Some("123456"), 7, n, &[("done", 1)])];
            tokio::spawn(async move { store.add_observations(more).await.unwrap() })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let kept = store.observations(&msn(), Hour(0)).await.unwrap();
    assert_eq!((kept[0].counts.of("done"), kept[0].last_at), (20, at(19)));
}

pub(in crate::store) async fn old_counts_are_pruned_in_batches(both: Both) {
    let store = both.observations;
    let more = (0..5)
        .map(|hour| counted(Some("123456"), hour, 1, &[("done", 1)]))
        .collect();
    store.add_observations(more).await.unwrap();
    assert_eq!(store.prune_observations(Hour(3), 2).await.unwrap(), 2);
    assert_eq!(store.prune_observations(Hour(3), 9).await.unwrap(), 1);
    assert_eq!(store.prune_observations(Hour(3), 9).await.unwrap(), 0);
    assert_eq!(store.observations(&msn(), Hour(0)).await.unwrap().len(), 2);
}

fn memory(revision: i64, percent: Option<u8>) -> Automatic {
    Automatic {
        msn: msn(),
        revision,
        percent,
        state: format!("{{\"seen\": {revision}}}"),
    }
}

pub(in crate::store) async fn the_machines_memory_is_written_by_the_first(both: Both) {
    let store = both.automatic;
    assert!(store.automatic().await.unwrap().is_empty());
    let change = |new: &str| {
        Some(Change {
            what: "automatic",
            key: "initiate".to_owned(),
            msn: Some(msn()),
            old: "as configured".to_owned(),
            new: new.to_owned(),
            reason: Reason::new("bridge", "too many errors").unwrap(),
        })
    };
    let first = store.save_automatic(memory(0, Some(5)), change("5%"), at(1));
    assert!(first.await.unwrap());
    // Whoever read before that is late, and its change is not listed.
    let late = store.save_automatic(memory(0, Some(1)), change("1%"), at(2));
    assert!(!late.await.unwrap());
    let kept = store.automatic().await.unwrap();
    assert_eq!((kept[0].revision, kept[0].percent), (1, Some(5)));
    assert_eq!(kept[0].state, "{\"seen\": 0}");
    assert!(
        store
            .save_automatic(memory(1, None), None, at(3))
            .await
            .unwrap()
    );
    assert_eq!(store.automatic().await.unwrap()[0].percent, None);
    let listed = both.steering.changes(None, 9).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(
        (listed[0].new.as_str(), listed[0].who.as_str()),
        ("5%", "bridge")
    );
    let tasks: Vec<_> = (0..10)
        .map(|n| {
            let store = Arc::clone(&store);
            let next = memory(2, Some(n));
            tokio::spawn(async move { store.save_automatic(next, None, at(4)).await.unwrap() })
        })
        .collect();
    let mut saved = 0;
    for task in tasks {
        saved += usize::from(task.await.unwrap());
    }
    assert_eq!(saved, 1);
}
