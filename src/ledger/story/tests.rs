//! A payment's story, line by line.

use super::super::verdict::tests::{End, bridge_key, call, entry, event, sum};
use super::*;
use crate::epayment::event::EventName;
use crate::store::Learnt;

fn told(entry: &LedgerEntry) -> Vec<(What, String)> {
    let now = Moment::from_millis(10_000_000);
    let judging = Judging::recorded(entry, now, std::time::Duration::from_secs(60));
    let (lines, _) = lines(entry, &[], &[], judging);
    lines
        .into_iter()
        .map(|line| (line.what, line.text))
        .collect()
}

#[test]
fn sums_have_two_digits_behind_the_point() {
    for (units, text) in [
        (0, "0.00 NOK"),
        (5, "0.05 NOK"),
        (10_005, "100.05 NOK"),
        (10_050, "100.50 NOK"),
    ] {
        assert_eq!(money(sum(units), Currency::Nok), text);
    }
}

#[test]
fn a_story_is_told_in_the_order_of_time() {
    let mut made = entry();
    // Asked at 100, the event at 105, answered at 110; the second 100 seconds later; read at 10,000.
    call(&mut made, MoneyOp::Capture, 300, "1", 0, End::Done);
    event(
        &mut made,
        EventName::Captured,
        300,
        Some(bridge_key(MoneyOp::Capture, "1", 0)),
    );
    call(&mut made, MoneyOp::Cancel, 700, "c", 0, End::Done);
    event(&mut made, EventName::Cancelled, 700, None);
    let later = |seconds: i64| Moment::from_millis(seconds * 1000);
    made.calls[1].call.begun_at = later(200);
    made.calls[1].closed_at = Some(later(210));
    made.events[1].at = later(205);
    let story = told(&made);
    let kinds: Vec<What> = story.iter().map(|(what, _)| *what).collect();
    use What::{Answered, Asked, Created, Event, Read};
    assert_eq!(
        kinds,
        [
            Created, Asked, Event, Answered, Asked, Event, Answered, Read
        ]
    );
    let texts: Vec<&str> = story.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(texts[3], "capture done, 3.00 NOK; the event log has it");
    assert_eq!(
        texts[6], "cancel done; the event log has it",
        "the order's sum is not what was released"
    );
    assert_eq!(
        texts[7],
        "read: authorized 10.00 NOK, captured 3.00 NOK, refunded 0.00 NOK, cancelled 7.00 NOK"
    );
}

#[test]
fn what_was_not_read_or_not_proven_is_not_told_so() {
    let mut made = entry();
    call(&mut made, MoneyOp::Capture, 300, "1", 0, End::Done);
    made.payment.checked_at = Some(Moment::from_millis(110_000));
    made.payment.balance.learnt = Learnt::Webhook;
    let story = told(&made);
    assert!(
        story.iter().all(|(what, _)| *what != What::Read),
        "{story:?}"
    );
    let (_, last) = story.last().unwrap();
    assert_eq!(last, "capture done, 3.00 NOK; not verified yet");
}
