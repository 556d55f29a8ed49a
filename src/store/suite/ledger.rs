//! The ledger: sums that follow each step, counts that equal a full scan, looks that never undo news.
//!
//! Must not: know which back end it runs on.

use super::races::at_once;
use super::*;
use crate::epayment::event::EventName;
use crate::epayment::model::Money;
use crate::store::{
    AdjustmentId, Balance, DueLook, Learnt, LedgerEntry, LookEnd, Mismatch, MismatchKind, NewEvent,
    PayState, Retention, SOON, Source, Sums, WhichMismatches,
};

pub(super) async fn entry(both: &Both, text: &str) -> LedgerEntry {
    let mut all = both.ledger.ledger_of(&order(text), None).await.unwrap();
    assert_eq!(all.len(), 1, "{text}");
    all.remove(0)
}

/// Authorized, captured, refunded and cancelled, in kroner.
async fn sums(both: &Both, text: &str) -> (PayState, [i64; 4]) {
    let balance = entry(both, text).await.payment.balance;
    let sums = balance.sums;
    let all = [
        sums.authorized,
        sums.captured,
        sums.refunded,
        sums.cancelled,
    ];
    (balance.state, all.map(|sum| sum.minor_units() / 100))
}

pub(super) fn heard(text: &str, name: EventName, amount: i64, with: &str) -> NewEvent {
    NewEvent {
        amount: kroner(amount),
        psp_reference: format!("psp-{}-{with}", name.word()),
        key: key(with),
        ..event(text, name)
    }
}

pub(super) async fn begin(
    both: &Both,
    text: &str,
    op: MoneyOp,
    amount: i64,
    with: &str,
) -> AdjustmentId {
    let (_, version) = both.store.adjustments(&shop(), &order(text)).await.unwrap();
    let new = NewAdjustment {
        op,
        key: key(with),
        amount: Some(kroner(amount)),
        ..new_capture(text)
    };
    let begun = both.store.begin_adjustment(new, version).await.unwrap();
    begun.unwrap()
}

pub(super) async fn finish(both: &Both, id: AdjustmentId, outcome: Outcome) {
    let done = both.store.finish_adjustment(id, outcome, at(3000)).await;
    done.unwrap();
}

pub(super) fn done(amount: i64) -> Outcome {
    Outcome::Succeeded {
        amount: kroner(amount),
        transaction_id: None,
        at: at(2900),
    }
}

pub(super) async fn counts_are_right(both: &Both) {
    let kept = both.ledger.open_payments().await.unwrap();
    assert_eq!(kept, both.ledger.recount_open().await.unwrap());
}

pub(super) async fn claim_all(both: &Both, now: i64) -> Vec<DueLook> {
    let claim = both.ledger.claim_looks(at(now), 100, at(now + 60_000));
    claim.await.unwrap()
}

pub(in crate::store) async fn a_payments_sums_are_kept_with_each_step(both: Both) {
    paid(&both, "o1").await;
    assert_eq!(sums(&both, "o1").await, (PayState::Created, [0; 4]));
    accept(&both, heard("o1", EventName::Authorized, 200, "c"), 6000).await;
    assert_eq!(
        sums(&both, "o1").await,
        (PayState::Reserved, [200, 0, 0, 0])
    );
    // By its answer alone, without an event.
    let id = begin(&both, "o1", MoneyOp::Capture, 50, "k1").await;
    finish(&both, id, done(50)).await;
    let partly = (PayState::PartlyCaptured, [200, 50, 0, 0]);
    assert_eq!(sums(&both, "o1").await, partly);
    // Refused and unknown ones change no sum.
    let id = begin(&both, "o1", MoneyOp::Capture, 50, "k2").await;
    finish(&both, id, Outcome::Unknown(at(32_000))).await;
    finish(&both, id, Outcome::Refused).await;
    assert_eq!(sums(&both, "o1").await, partly);
    // By another system's event alone.
    accept(&both, heard("o1", EventName::Captured, 30, "f1"), 6001).await;
    let failed = NewEvent {
        success: false,
        ..heard("o1", EventName::Captured, 30, "f2")
    };
    accept(&both, failed, 6001).await;
    let id = begin(&both, "o1", MoneyOp::Refund, 20, "k3").await;
    finish(&both, id, done(20)).await;
    let id = begin(&both, "o1", MoneyOp::Cancel, 0, "k4").await;
    finish(&both, id, done(0)).await;
    assert_eq!(
        sums(&both, "o1").await,
        (PayState::Captured, [200, 80, 20, 120])
    );
    let entry = entry(&both, "o1").await;
    assert_eq!((entry.calls.len(), entry.events.len()), (4, 3));
    assert!(entry.whole && entry.create_key == key("bridge-1"));
    assert_eq!(entry.calls[0].closed_at, Some(at(3000)));
    counts_are_right(&both).await;
}

pub(in crate::store) async fn a_money_call_and_its_event_count_once(both: Both) {
    for (text, event_first) in [("o1", true), ("o2", false)] {
        paid(&both, text).await;
        accept(&both, heard(text, EventName::Authorized, 200, "c"), 6000).await;
        let id = begin(&both, text, MoneyOp::Capture, 50, "k1").await;
        if event_first {
            accept(&both, heard(text, EventName::Captured, 50, "k1"), 6001).await;
            finish(&both, id, done(50)).await;
        } else {
            finish(&both, id, done(50)).await;
            accept(&both, heard(text, EventName::Captured, 50, "k1"), 6001).await;
        }
        accept(&both, heard(text, EventName::Captured, 50, "k1"), 6002).await;
        let partly = (PayState::PartlyCaptured, [200, 50, 0, 0]);
        assert_eq!(sums(&both, text).await, partly, "{text}");
    }
    // At the same time, in whatever order.
    for round in 0..8 {
        let text = format!("race-{round}");
        paid(&both, &text).await;
        accept(&both, heard(&text, EventName::Authorized, 200, "c"), 6000).await;
        let id = begin(&both, &text, MoneyOp::Capture, 50, "k1").await;
        let work = at_once(2, |n| {
            let (both, text) = (both.clone(), text.clone());
            async move {
                if n == 0 {
                    accept(&both, heard(&text, EventName::Captured, 50, "k1"), 6001).await;
                } else {
                    finish(&both, id, done(50)).await;
                }
            }
        });
        work.await;
        assert_eq!(sums(&both, &text).await.1, [200, 50, 0, 0]);
    }
    counts_are_right(&both).await;
}

pub(in crate::store) async fn only_changes_make_an_unknown_payment_known_to_the_ledger(both: Both) {
    fresh(&both.store, new_payment("tried", Origin::Epayment, "a")).await;
    let none = both.ledger.ledger_of(&order("tried"), None).await;
    assert!(none.unwrap().is_empty(), "an attempt is no payment");
    let id = begin(&both, "o1", MoneyOp::Capture, 50, "k1").await;
    let entry_before = entry(&both, "o1").await;
    assert_eq!(entry_before.payment.origin, None);
    assert!(!entry_before.whole);
    finish(&both, id, done(50)).await;
    assert_eq!(
        sums(&both, "o1").await,
        (PayState::Captured, [50, 50, 0, 0])
    );
    // A read shows where it was born.
    let (scope, order_id, known) = (shop(), order("o1"), facts(Origin::Epayment));
    let learn = both
        .store
        .learn_payment(&scope, &order_id, caller("a"), known, at(4000));
    learn.await.unwrap();
    let entry = entry(&both, "o1").await;
    assert_eq!(entry.payment.origin, Some(Origin::Epayment));
    assert_eq!(entry.payment.amount, Some(kroner(200)));
    assert!(!entry.whole, "its first money calls may be missing");
    counts_are_right(&both).await;
}

pub(super) fn reserved(amount: i64, learnt_at: i64) -> Balance {
    let mut balance = Balance::new(PayState::Created, at(learnt_at));
    balance.sums = Sums {
        authorized: kroner(amount),
        ..Sums::default()
    };
    balance.reserved_at = Some(at(5000));
    balance.guaranteed_until = Some(at(90_000));
    balance.learnt = Learnt::Reconcile;
    balance.settle();
    balance
}

pub(super) fn ordered() -> Money {
    Money {
        currency: Currency::Nok,
        value: kroner(200),
    }
}

fn clean(amount: i64) -> LookEnd {
    LookEnd::Read {
        ordered: ordered(),
        balance: reserved(amount, 70_000),
        mismatches: Vec::new(),
    }
}

pub(in crate::store) async fn a_look_replaces_what_is_known_unless_news_came(both: Both) {
    paid(&both, "o1").await;
    accept(&both, heard("o1", EventName::Authorized, 150, "c"), 6000).await;
    let due = claim_all(&both, 70_000).await.remove(0);
    let settled = both.ledger.settle_look(&due, clean(200), None, at(70_001));
    assert_eq!(settled.await.unwrap(), Some(Vec::new()));
    assert_eq!(sums(&both, "o1").await.1, [200, 0, 0, 0]);
    let payment = entry(&both, "o1").await.payment;
    assert_eq!(payment.checked_at, Some(at(70_001)));
    assert_eq!((payment.due_at, payment.looks), (None, 1));
    let again = both.ledger.settle_look(&due, clean(1), None, at(70_002));
    assert_eq!(again.await.unwrap(), None, "settled once");

    // A capture while the look was on its way: what it read is old.
    accept(&both, heard("o1", EventName::Captured, 50, "f1"), 71_000).await;
    let due = claim_all(&both, 140_000).await.remove(0);
    accept(&both, heard("o1", EventName::Captured, 60, "f2"), 140_001).await;
    let settled = both.ledger.settle_look(&due, clean(200), None, at(140_002));
    assert_eq!(settled.await.unwrap(), Some(Vec::new()));
    assert_eq!(sums(&both, "o1").await.1, [200, 110, 0, 0]);
    let payment = entry(&both, "o1").await.payment;
    assert_eq!(payment.due_at, Some(at(140_002).plus(SOON)));
    // What the reader of the log records itself is no news, and no sum.
    let due = claim_all(&both, 300_000).await.remove(0);
    let polled = NewEvent {
        source: Source::Poll,
        ..heard("o1", EventName::Captured, 70, "f3")
    };
    accept(&both, polled, 300_001).await;
    assert_eq!(sums(&both, "o1").await.1, [200, 110, 0, 0]);
    let settled = both.ledger.settle_look(&due, clean(200), None, at(300_002));
    assert!(settled.await.unwrap().is_some());
    assert_eq!(sums(&both, "o1").await.1, [200, 0, 0, 0]);
    counts_are_right(&both).await;
}

pub(in crate::store) async fn looks_are_due_after_news_and_claimed_once(both: Both) {
    paid(&both, "o1").await;
    assert!(claim_all(&both, 1_000_000).await.is_empty(), "nothing yet");
    accept(&both, heard("o1", EventName::Authorized, 150, "c"), 6000).await;
    assert!(claim_all(&both, 65_999).await.is_empty());
    let claims = at_once(8, |_| {
        let both = both.clone();
        async move { claim_all(&both, 66_000).await.len() }
    })
    .await;
    assert_eq!(claims.iter().sum::<usize>(), 1);
    // A worker that ends without settling leaves it to be claimed again.
    let due = claim_all(&both, 126_000).await.remove(0);
    let why = LookEnd::NotRead {
        why: "no credentials",
        mismatches: Vec::new(),
    };
    let settled = both
        .ledger
        .settle_look(&due, why, Some(at(500_000)), at(126_001));
    assert!(settled.await.unwrap().is_some());
    let payment = entry(&both, "o1").await.payment;
    assert_eq!(payment.trouble.as_deref(), Some("no credentials"));
    assert_eq!(
        (payment.due_at, payment.checked_at),
        (Some(at(500_000)), None)
    );
    // A money call makes it due however it ends, also if nobody ever tells.
    paid(&both, "o2").await;
    begin(&both, "o2", MoneyOp::Capture, 50, "k1").await;
    let due = entry(&both, "o2").await.payment.due_at;
    assert_eq!(due, Some(at(32_000).plus(SOON)));
    // One of eCom is looked at when the user's time is up; Express can't be.
    for (text, kind) in [("ecom-regular", Kind::Regular), ("express", Kind::Express)] {
        let mut new = new_payment(text, Origin::Ecom, "a");
        new.facts.kind = kind;
        let id = fresh(&both.store, new).await;
        let end = both.store.finish_payment(id, succeeded(), at(1500)).await;
        end.unwrap();
        let due = entry(&both, text).await.payment.due_at;
        assert_eq!(due.is_some(), kind == Kind::Regular, "{text}");
    }
}

fn mismatch(kind: MismatchKind, about: &str) -> Mismatch {
    Mismatch {
        kind,
        about: about.to_owned(),
    }
}

async fn look_finds(both: &Both, now: i64, mismatches: Vec<Mismatch>) -> Vec<i64> {
    let due = claim_all(both, now).await.remove(0);
    let end = LookEnd::Read {
        ordered: ordered(),
        balance: reserved(200, now),
        mismatches,
    };
    let next = Some(at(now + 1000));
    let told = both.ledger.settle_look(&due, end, next, at(now)).await;
    let told = told.unwrap().unwrap();
    assert!(told.iter().all(|one| one.order == order("o1") && !one.told));
    told.iter().map(|one| one.id).collect()
}

pub(in crate::store) async fn mismatches_are_told_once_and_resolved(both: Both) {
    paid(&both, "o1").await;
    accept(&both, heard("o1", EventName::Authorized, 150, "c"), 6000).await;
    let twice = mismatch(MismatchKind::CapturedTwice, "request 1");
    let over = mismatch(MismatchKind::OverCaptured, "300 of 200");
    let found = vec![twice.clone(), over.clone()];
    let first = look_finds(&both, 70_000, found.clone()).await;
    assert_eq!(first.len(), 2);
    // Not told yet: a crash came before the log line.
    assert_eq!(look_finds(&both, 80_000, found).await, first);
    both.ledger.told_mismatches(&first).await.unwrap();
    assert!(
        look_finds(&both, 90_000, vec![twice.clone()])
            .await
            .is_empty()
    );
    let open = both
        .ledger
        .mismatches(WhichMismatches::Open, 10)
        .await
        .unwrap();
    assert_eq!(open.len(), 1);
    assert_eq!((&open[0].found, open[0].found_at), (&twice, at(70_000)));
    assert_eq!(
        both.ledger
            .mismatches(WhichMismatches::All, 10)
            .await
            .unwrap()
            .len(),
        2
    );
    let counts = both.ledger.mismatch_counts().await.unwrap();
    assert_eq!(counts, [(MismatchKind::CapturedTwice, 1)]);
    for (text, count) in [("o1", 2), ("o2", 0)] {
        let of = WhichMismatches::Of(order(text));
        assert_eq!(both.ledger.mismatches(of, 10).await.unwrap().len(), count);
    }
    // A look that could not read resolves nothing.
    let due = claim_all(&both, 100_000).await.remove(0);
    let end = LookEnd::NotRead {
        why: "no answer",
        mismatches: Vec::new(),
    };
    let settled = both
        .ledger
        .settle_look(&due, end, Some(at(101_000)), at(100_000));
    settled.await.unwrap();
    assert_eq!(
        both.ledger
            .mismatches(WhichMismatches::Open, 10)
            .await
            .unwrap()
            .len(),
        1
    );
    // What comes again is told again.
    let again = look_finds(&both, 110_000, vec![twice, over]).await;
    assert_eq!(again.len(), 1);
    assert!(look_finds(&both, 120_000, Vec::new()).await.is_empty());
    assert!(both.ledger.mismatch_counts().await.unwrap().is_empty());
}

pub(in crate::store) async fn an_open_mismatch_keeps_its_payment(both: Both) {
    paid(&both, "o1").await;
    paid(&both, "o2").await;
    accept(&both, heard("o1", EventName::Authorized, 150, "c"), 6000).await;
    look_finds(
        &both,
        70_000,
        vec![mismatch(MismatchKind::OverCaptured, "x")],
    )
    .await;
    let old = Retention {
        payments_before: at(1_000_000),
        callbacks_before: at(1_000_000),
        batch: 10,
    };
    // Its callback waits as well; the other one goes, and the ledger forgets it.
    assert_eq!(both.callbacks.prune(old).await.unwrap().payments, 1);
    let gone = both.ledger.ledger_of(&order("o2"), None).await.unwrap();
    assert!(gone.is_empty());
    entry(&both, "o1").await;
    counts_are_right(&both).await;
}

pub(in crate::store) async fn what_ecom_shows_is_learnt_when_it_differs(both: Both) {
    let mut new = new_payment("o1", Origin::Ecom, "a");
    new.facts.kind = Kind::Express;
    let id = fresh(&both.store, new).await;
    let end = both.store.finish_payment(id, succeeded(), at(1500)).await;
    end.unwrap();
    let learn = async |balance: Balance| {
        let learn = both
            .ledger
            .learn_balance(&shop(), &order("o1"), balance)
            .await;
        learn.unwrap();
        entry(&both, "o1").await.payment.balance
    };
    let seen = Balance {
        learnt: Learnt::EcomDetails,
        ..reserved(200, 5000)
    };
    assert_eq!(learn(seen).await, seen);
    let same = Balance {
        learnt_at: at(6000),
        ..seen
    };
    assert_eq!(learn(same).await, seen, "no write for nothing new");
    let mut old = Balance {
        learnt_at: at(4000),
        ..seen
    };
    old.sums.captured = kroner(1);
    assert_eq!(learn(old).await, seen, "an older read than what is known");
    let nobody = both
        .ledger
        .learn_balance(&shop(), &order("unknown"), seen)
        .await;
    nobody.unwrap();
    counts_are_right(&both).await;
}
