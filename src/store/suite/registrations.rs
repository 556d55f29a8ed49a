//! Webhook registrations: made once per unit, whoever is asked.
//!
//! Must not: know which back end it runs on.

use super::races::at_once;
use super::*;
use crate::store::{Lease, Registered, RegistrationState, Webhook};

fn webhook(id: &str, made_at: i64) -> Webhook {
    Webhook {
        msn: msn(),
        id: id.to_owned(),
        url: "https://bridge.example/webhooks/123456".to_owned(),
        secret: SecretString::from(format!("secret-of-{id}")),
        made_at: at(made_at),
        retired_at: None,
    }
}

async fn seen(both: &Both, now: i64) {
    both.callbacks.see_unit(&msn(), at(now)).await.unwrap();
}

async fn take(both: &Both, now: i64, until: i64) -> Option<Lease> {
    let msn = msn();
    let claim = both.callbacks.claim_registration(&msn, at(now), at(until));
    claim.await.unwrap()
}

async fn end(both: &Both, lease: Lease, how: Registered, (next, now): (i64, i64)) -> bool {
    let msn = msn();
    let settle = both
        .callbacks
        .settle_registration(&msn, lease, how, at(next), at(now));
    settle.await.unwrap()
}

async fn state(both: &Both) -> RegistrationState {
    let all = both.callbacks.registrations().await.unwrap();
    all.into_iter().find(|state| state.msn == msn()).unwrap()
}

async fn hooks(both: &Both) -> Vec<(String, String, Option<Moment>)> {
    let all = both.callbacks.webhooks(Some(&msn())).await.unwrap();
    all.into_iter()
        .map(|hook| {
            (
                hook.id,
                hook.secret.expose_secret().to_owned(),
                hook.retired_at,
            )
        })
        .collect()
}

pub(in crate::store) async fn a_unit_is_registered_by_one(both: Both) {
    assert!(both.callbacks.registrations().await.unwrap().is_empty());
    assert_eq!(take(&both, 9000, 9500).await, None, "not known");
    seen(&both, 6000).await;
    seen(&both, 7000).await;
    let expected = RegistrationState {
        msn: msn(),
        good_at: None,
        next_at: at(6000),
        failures: 0,
        why: None,
    };
    assert_eq!(state(&both).await, expected);
    assert_eq!(take(&both, 5999, 9000).await, None, "not due");
    let lease = take(&both, 6000, 9000).await.unwrap();
    assert_eq!(take(&both, 8999, 20_000).await, None);
    let made = webhook("w1", 6100);
    assert!(end(&both, lease, Registered::Made(made), (90_000, 6200)).await);
    assert!(
        !end(&both, lease, Registered::Kept, (1, 6300)).await,
        "once"
    );
    let kept = state(&both).await;
    assert_eq!((kept.good_at, kept.next_at), (Some(at(6200)), at(90_000)));
    let all = both.callbacks.webhooks(None).await.unwrap();
    assert_eq!(all.len(), 1);
    assert_eq!((&all[0].msn, all[0].id.as_str()), (&msn(), "w1"));
    assert_eq!(all[0].url, webhook("w1", 0).url);
    assert_eq!((all[0].made_at, all[0].retired_at), (at(6100), None));
    assert_eq!(all[0].secret.expose_secret(), "secret-of-w1");
    assert_eq!(take(&both, 89_999, 99_000).await, None);
    // Being served changes nothing.
    seen(&both, 91_000).await;
    let lease = take(&both, 90_000, 99_000).await.unwrap();
    assert!(end(&both, lease, Registered::Kept, (95_000, 91_000)).await);
    assert_eq!(state(&both).await.good_at, Some(at(91_000)));
    assert_eq!(hooks(&both).await.len(), 1);
}

pub(in crate::store) async fn fifty_claimers_at_once_get_one_registration(both: Both) {
    seen(&both, 6000).await;
    let other = Msn::parse("200000").unwrap();
    both.callbacks.see_unit(&other, at(6000)).await.unwrap();
    let taken = at_once(50, |_| {
        let both = both.clone();
        async move { take(&both, 7000, 9000).await }
    })
    .await;
    assert_eq!(taken.iter().flatten().count(), 1);
    let theirs = both
        .callbacks
        .claim_registration(&other, at(7000), at(9000));
    assert!(theirs.await.unwrap().is_some(), "each unit has its own");
    // Its worker has died.
    let again = take(&both, 9000, 9900).await;
    assert!(again.is_some() && !taken.contains(&again));
}

pub(in crate::store) async fn a_failed_registration_counts_and_is_due_again(both: Both) {
    seen(&both, 6000).await;
    for n in 1..=3 {
        let now = 10_000 * i64::from(n);
        let lease = take(&both, now, now + 5000).await.unwrap();
        let failed = Registered::Failed(format!("refused {n}"));
        assert!(end(&both, lease, failed, (now + 10_000, now + 10)).await);
        let state = state(&both).await;
        assert_eq!((state.good_at, state.failures), (None, n));
        assert_eq!(state.next_at, at(now + 10_000));
        assert_eq!(state.why, Some(format!("refused {n}")));
        assert_eq!(take(&both, now + 9999, now + 20_000).await, None);
    }
    let lease = take(&both, 40_000, 50_000).await.unwrap();
    assert!(end(&both, lease, Registered::Kept, (90_000, 40_010)).await);
    let state = state(&both).await;
    assert_eq!((state.good_at, state.failures), (Some(at(40_010)), 0));
    assert_eq!(state.why, None);
}

pub(in crate::store) async fn a_recheck_makes_a_unit_due(both: Both) {
    let recheck = |now| {
        let both = both.clone();
        async move { both.callbacks.recheck_unit(&msn(), at(now)).await.unwrap() }
    };
    seen(&both, 6000).await;
    let lease = take(&both, 6000, 9000).await.unwrap();
    assert!(end(&both, lease, Registered::Kept, (90_000, 6200)).await);
    assert_eq!(take(&both, 7000, 9000).await, None);
    recheck(7000).await;
    assert_eq!(state(&both).await.next_at, at(7000));
    let lease = take(&both, 7000, 9000).await.unwrap();
    // Asked for while somebody is at it: it is not taken from him, and due once he has ended.
    recheck(7500).await;
    assert_eq!(take(&both, 7600, 9000).await, None);
    assert!(end(&both, lease, Registered::Kept, (90_000, 8000)).await);
    assert!(take(&both, 8000, 9000).await.is_some());
}

pub(in crate::store) async fn a_new_registration_retires_the_old(both: Both) {
    seen(&both, 6000).await;
    for (n, id) in ["w1", "w2", "w3"].into_iter().enumerate() {
        let now = 10_000 * (i64::try_from(n).unwrap() + 1);
        let lease = take(&both, now, now + 5000).await.unwrap();
        let made = Registered::Made(webhook(id, now + 1));
        assert!(end(&both, lease, made, (now + 10_000, now + 2)).await);
    }
    let secret = |id: &str| format!("secret-of-{id}");
    let expected = [
        ("w3".to_owned(), secret("w3"), None),
        ("w2".to_owned(), secret("w2"), Some(at(30_002))),
        ("w1".to_owned(), secret("w1"), Some(at(20_002))),
    ];
    assert_eq!(hooks(&both).await, expected, "newest first");
    let other = Msn::parse("200000").unwrap();
    let none = both.callbacks.webhooks(Some(&other)).await.unwrap();
    assert!(none.is_empty());
    both.callbacks.forget_webhook(&other, "w1").await.unwrap();
    both.callbacks.forget_webhook(&msn(), "w2").await.unwrap();
    both.callbacks.forget_webhook(&msn(), "w2").await.unwrap();
    let left: Vec<String> = hooks(&both).await.into_iter().map(|hook| hook.0).collect();
    assert_eq!(left, ["w3", "w1"]);
}

pub(in crate::store) async fn a_late_registration_is_not_kept(both: Both) {
    seen(&both, 6000).await;
    let late = take(&both, 6000, 9000).await.unwrap();
    let lease = take(&both, 9000, 12_000).await.unwrap();
    let made = Registered::Made(webhook("late", 9100));
    assert!(!end(&both, late, made, (90_000, 9100)).await);
    assert!(hooks(&both).await.is_empty());
    assert_eq!(take(&both, 9200, 12_000).await, None, "still the other's");
    let made = Registered::Made(webhook("w1", 9300));
    assert!(end(&both, lease, made, (90_000, 9300)).await);
    assert_eq!(hooks(&both).await.len(), 1);
}
