//! When a payment is looked at again.

use super::super::verdict::tests::{End, call, entry, judged};
use super::*;
use crate::store::Learnt;
use crate::types::MoneyOp;

const SETTLE: Duration = Duration::from_secs(600);

fn at(seconds: u64) -> Moment {
    Moment::default().plus(Duration::from_secs(seconds))
}

fn days(n: u64) -> Moment {
    at(n * 24 * 3600)
}

fn next(entry: &LedgerEntry, now: Moment) -> Option<Duration> {
    after_read(entry, &judged(entry), SETTLE, now).map(|next| next.since(now))
}

#[test]
fn what_can_not_be_read_is_tried_for_a_year_and_a_half() {
    let payment = entry().payment;
    let pause =
        |unread, now: Moment| after_unread(&payment, unread, now).map(|next| next.since(now));
    let silent = Unread::NoAnswer("");
    assert_eq!(pause(silent, at(1)), Some(MINUTE));
    assert_eq!(pause(silent, at(6000)), Some(MINUTE * 10));
    assert_eq!(pause(silent, days(30)), Some(HOUR));
    assert_eq!(pause(silent, days(551)), None);
    assert_eq!(pause(Unread::NoCredentials, at(1)), Some(MINUTE * 10));
    assert_eq!(pause(Unread::NoCredentials, days(551)), None);
    assert_eq!(pause(Unread::Never(""), at(1)), None);
    assert_eq!(pause(Unread::Until(at(90), ""), at(60)), Some(MINUTE / 2));
}

#[test]
fn a_call_is_looked_at_when_it_has_settled_and_then_more_rarely() {
    let mut open = entry();
    call(&mut open, MoneyOp::Capture, 300, "1", 0, End::Done);
    open.payment.checked_at = Some(at(110));
    open.payment.balance.learnt = Learnt::MoneyCall;
    // It ended at 110; its event can be missing for the settle time.
    assert_eq!(next(&open, at(111)), Some(at(710).since(at(111))));
    assert_eq!(next(&open, at(710)), Some(MINUTE));
    assert_eq!(next(&open, days(1)), Some(Duration::from_secs(8_629)));
    assert_eq!(next(&open, days(551)), None);
}

#[test]
fn an_open_call_is_looked_at_soon() {
    let mut open = entry();
    call(&mut open, MoneyOp::Capture, 300, "1", 0, End::Open);
    assert_eq!(next(&open, at(10_000)), Some(Duration::from_secs(990)));
}

#[test]
fn a_reservation_is_looked_at_by_who_tells_of_it() {
    let mut reserved = entry();
    assert_eq!(reserved.payment.balance.state, PayState::Reserved);
    assert_eq!(next(&reserved, at(60)), Some(DAY * 7), "webhooks tell");
    reserved.payment.origin = Some(Origin::Ecom);
    assert_eq!(next(&reserved, at(60)), Some(HOUR), "nobody tells");
    assert_eq!(next(&reserved, days(2)), Some(DAY));
    assert_eq!(next(&reserved, days(182)), None);
    reserved.payment.balance.state = PayState::Captured;
    assert_eq!(next(&reserved, days(2)), None);
}
