//! Payments listed, guarantees that end, and counts that equal a full scan.
//!
//! Must not: know which back end it runs on.

use std::collections::BTreeSet;

use super::ledger::{begin, claim_all, counts_are_right, done, finish, heard, ordered, reserved};
use super::*;
use crate::epayment::event::EventName;
use crate::store::{Balance, LedgerId, LookEnd, NewEvent, OpenClass, PaymentFilter, Retention};

pub(in crate::store) async fn payments_are_listed_and_paged(both: Both) {
    for n in 0..5 {
        paid(&both, &format!("order-{n}")).await;
    }
    paid_in(&both, "654321", "order-0").await;
    let list = async |msn: Option<&str>, text: Option<&str>, before: Option<LedgerId>| {
        let filter = PaymentFilter {
            msn: msn.map(|msn| Msn::parse(msn).unwrap()),
            order: text.map(order),
            before,
            limit: 3,
        };
        both.ledger.list_payments(filter).await.unwrap()
    };
    let newest = list(None, None, None).await;
    assert_eq!(newest.len(), 3);
    assert_eq!(newest[0].scope, unit("654321"));
    let next = list(None, None, Some(newest[2].id)).await;
    assert_eq!(next.len(), 3);
    assert!(next[0].id < newest[2].id);
    assert_eq!(list(Some("654321"), None, None).await.len(), 1);
    assert_eq!(list(None, Some("order-0"), None).await.len(), 2);
    assert_eq!(list(Some("123456"), Some("order-0"), None).await.len(), 1);
    assert_eq!(list(Some("123456"), Some("nowhere"), None).await.len(), 0);
    let (mut after, mut seen) = (LedgerId::default(), 0);
    loop {
        let page = both.ledger.ledger(after, 4).await.unwrap();
        let Some(last) = page.last() else { break };
        after = last.payment.id;
        seen += page.len();
    }
    assert_eq!(seen, 6);
    let one = both.ledger.ledger_of(&order("order-0"), Some(&msn())).await;
    assert_eq!(one.unwrap().len(), 1);
}

pub(in crate::store) async fn guarantees_that_end_are_listed_by_time(both: Both) {
    for (text, until) in [("o1", 900_000), ("o2", 800_000), ("o3", 2_000_000)] {
        paid(&both, text).await;
        accept(&both, heard(text, EventName::Authorized, 150, "c"), 6000).await;
        for due in claim_all(&both, 70_000).await {
            let balance = Balance {
                guaranteed_until: Some(at(until)),
                ..reserved(150, 70_000)
            };
            let end = LookEnd::Read {
                ordered: ordered(),
                balance,
                mismatches: Vec::new(),
            };
            let settled = both.ledger.settle_look(&due, end, None, at(70_000)).await;
            settled.unwrap();
        }
    }
    let soon = both.ledger.expiring(at(1_000_000), 10).await.unwrap();
    let orders: Vec<_> = soon.iter().map(|one| one.order.as_str()).collect();
    assert_eq!(orders, ["o2", "o1"]);
    // What is captured has nothing to lose.
    accept(&both, heard("o2", EventName::Captured, 150, "f"), 80_000).await;
    let soon = both.ledger.expiring(at(1_000_000), 10).await.unwrap();
    assert_eq!(soon.len(), 1);
    assert_eq!(
        both.ledger.expiring(at(900_000), 10).await.unwrap().len(),
        0
    );
}

/// Numbers that look random and come again.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: i64) -> i64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        i64::try_from(self.0 >> 1).unwrap() % limit
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        let n = self.below(i64::try_from(all.len()).unwrap());
        all[usize::try_from(n).unwrap()]
    }
}

const DAY: i64 = 24 * 3_600_000;

async fn created(both: &Both, random: &mut Random, text: &str, now: i64) {
    let origin = random.one_of(&[Origin::Ecom, Origin::Epayment]);
    let new = NewPayment {
        now: at(now),
        ..new_payment(text, origin, "a")
    };
    if let Ok(Begun::Fresh(id)) = both.store.begin_payment(new).await {
        let end = both.store.finish_payment(id, succeeded(), at(now)).await;
        end.unwrap();
    }
}

async fn read_all(both: &Both, random: &mut Random, now: i64) {
    for due in claim_all(both, now).await {
        let mut balance = reserved(random.below(300), now);
        balance.sums.captured = kroner(random.below(100));
        balance.settle();
        let end = LookEnd::Read {
            ordered: ordered(),
            balance,
            mismatches: Vec::new(),
        };
        let settled = both.ledger.settle_look(&due, end, None, at(now)).await;
        settled.unwrap();
    }
}

async fn some_event(both: &Both, random: &mut Random, text: &str, (step, now): (i64, i64)) {
    let name = random.one_of(&[
        EventName::Authorized,
        EventName::Captured,
        EventName::Refunded,
        EventName::Cancelled,
        EventName::Aborted,
        EventName::Terminated,
    ]);
    let event = NewEvent {
        at: at(now),
        ..heard(text, name, random.below(200), &format!("e{step}"))
    };
    accept(both, event, now).await;
}

/// Random histories of a few payments; after every step the counts are those of a full scan.
pub(in crate::store) async fn counts_of_open_payments_equal_a_full_scan(both: Both) {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    for step in 0..300 {
        let text = format!("r{}", random.below(12));
        let now = step * DAY / 10;
        match random.below(8) {
            0 => created(&both, &mut random, &text, now).await,
            1 => {
                let op = random.one_of(&MoneyOp::ALL);
                let id = begin(&both, &text, op, 1, &format!("k{step}")).await;
                finish(&both, id, done(random.below(90))).await;
            }
            2 => read_all(&both, &mut random, now).await,
            3 if step % 5 == 4 => {
                let old = Retention {
                    payments_before: at(now - DAY),
                    callbacks_before: at(now),
                    batch: 2,
                };
                both.callbacks.prune(old).await.unwrap();
            }
            _ => some_event(&both, &mut random, &text, (step, now)).await,
        }
        counts_are_right(&both).await;
    }
    let open = both.ledger.open_payments().await.unwrap();
    assert!(open.iter().map(|row| row.payments).sum::<u64>() > 3);
    let classes: BTreeSet<OpenClass> = open.iter().map(|row| row.counted.class).collect();
    assert!(classes.len() > 1, "{classes:?}");
    // A sum that no total could hold is counted as the largest there is.
    let huge = NewEvent {
        amount: Amount::new(i64::MAX).unwrap(),
        ..heard("r1", EventName::Authorized, 1, "huge")
    };
    accept(&both, huge, 1).await;
    counts_are_right(&both).await;
}
