//! What is counted of calls, and what it costs.

use std::time::Instant;

use uuid::Uuid;

use super::*;
use crate::ecom::error::Code;
use crate::ecom::used::{Member, Used};
use crate::telemetry::{Fit, Told};
use crate::types::ManualClock;

fn observer() -> (Arc<ManualClock>, Observer) {
    let clock = Arc::new(ManualClock::new(Moment::from_millis(1_700_000_000_000)));
    let shared: Arc<dyn Clock> = Arc::<ManualClock>::clone(&clock);
    (clock, Observer::new(shared))
}

fn facts(operation: Operation, class: Class, msn: Option<&str>) -> RequestFacts {
    let mut facts = RequestFacts::begin(Uuid::nil(), &http::Method::POST, operation);
    if let Some(msn) = msn {
        facts.msn(&Msn::parse(msn).unwrap());
    }
    facts.seen.class = Some(class);
    facts.seen.fit = Some(Fit::Whole);
    facts.seen.free = true;
    facts.upstream(Duration::from_millis(40));
    facts
}

#[test]
fn a_call_is_counted_once_and_taken_once() {
    let (_, observer) = observer();
    let mut call = facts(Operation::Initiate, Class::Refused, Some("123456"));
    call.loss("text-padded");
    call.seen.told = Some(Told::Code(Code::Merchant37));
    call.seen.used = Used::default().and(Member::Scope);
    observer.note(&call, Route::Epayment, 400);
    let taken = observer.take();
    assert_eq!(taken.len(), 1);
    let one = &taken[0];
    assert_eq!(
        (one.operation, one.side),
        (Operation::Initiate, Side::Epayment)
    );
    assert_eq!(
        (one.hour, one.last_at),
        (Hour::of(observer.now()), observer.now())
    );
    let counts: Vec<_> = one.counts.iter().collect();
    let words = [
        "fits",
        "loss:text-padded",
        "refused",
        "time:11",
        "told:Merchant37",
        "used:scope",
    ];
    assert_eq!(counts, words.map(|word| (word, 1)));
    assert!(observer.take().is_empty());
    observer.give_back(&taken);
    assert_eq!(observer.take(), taken);
}

#[test]
fn units_beyond_the_most_are_counted_as_one_and_copy_nothing() {
    let (_, observer) = observer();
    let called = |n: usize| {
        let msn = format!("{}", 100_000 + n);
        let call = facts(Operation::Initiate, Class::Done, Some(&msn));
        observer.note(&call, Route::Ecom, 200);
    };
    let full = (0..MOST_UNITS).map(|n| Msn::parse(&format!("{}", 100_000 + n)).unwrap());
    let full = full.map(|msn| (msn, Arc::default())).collect();
    observer.units.store(Arc::new(full));
    let before = observer.units.load_full();
    called(0);
    called(MOST_UNITS);
    called(MOST_UNITS + 1);
    assert!(Arc::ptr_eq(&before, &observer.units.load_full()));
    let taken = observer.take();
    let seen: Vec<_> = taken
        .iter()
        .map(|one| (one.msn.as_ref().map(Msn::as_str), one.counts.of("done")))
        .collect();
    assert_eq!(seen, [(Some("100000"), 1), (None, 2)]);
}

#[test]
fn what_was_refused_belongs_to_the_side_that_was_chosen() {
    let (_, observer) = observer();
    let mut refused = facts(Operation::Capture, Class::RefusedHere, None);
    refused.seen.side = Some(Route::Epayment);
    observer.note(&refused, Route::Refused, 400);
    let never = facts(Operation::Capture, Class::RefusedHere, None);
    observer.note(&never, Route::Refused, 400);
    let sides: Vec<Side> = observer.take().iter().map(|one| one.side).collect();
    assert_eq!(sides, [Side::Epayment, Side::Nowhere]);
}

#[test]
fn ecom_that_takes_what_the_bridge_would_refuse_is_counted() {
    let (_, observer) = observer();
    let mut call = facts(Operation::Initiate, Class::Done, Some("123456"));
    call.seen.fit = Some(Fit::Invalid);
    observer.note(&call, Route::Ecom, 200);
    let taken = observer.take();
    assert_eq!(taken[0].counts.of(mark::STRICTER), 1);
}

#[test]
fn samples_are_of_new_payments_that_were_free() {
    let (_, observer) = observer();
    for (operation, free, class) in [
        (Operation::Initiate, true, Class::Done),
        (Operation::Initiate, true, Class::Failed),
        (Operation::Initiate, false, Class::Failed),
        (Operation::Capture, true, Class::Failed),
    ] {
        let mut call = facts(operation, class, Some("123456"));
        call.seen.free = free;
        observer.note(&call, Route::Epayment, 200);
    }
    let samples = observer.take_samples();
    assert_eq!(samples.len(), 1);
    let (_, ecom, epayment) = &samples[0];
    assert_eq!((ecom.calls, epayment.calls, epayment.bad), (0, 2, 1));
    assert!(observer.take_samples().is_empty());
}

#[test]
fn threads_at_once_lose_nothing() {
    let (_, observer) = observer();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let observer = &observer;
            scope.spawn(move || {
                for n in 0..500 {
                    let msn = format!("{}", 100_000 + (n + thread) % 7);
                    let call = facts(Operation::Details, Class::Done, Some(&msn));
                    observer.note(&call, Route::Ecom, 200);
                }
            });
        }
    });
    let sum: u64 = observer
        .take()
        .iter()
        .map(|one| one.counts.of(mark::DONE))
        .sum();
    assert_eq!(sum, 2000);
}

/// `cargo test --release --lib observe -- --nocapture` prints what counting one call costs.
#[test]
fn the_cost_of_counting_is_printed() {
    let (_, observer) = observer();
    let mut call = facts(Operation::Initiate, Class::Done, Some("123456"));
    call.loss("fallback-status-gone");
    call.loss("time-stamp-dropped");
    call.seen.used = Used::default().and(Member::Scope).and(Member::FallBack);
    const TIMES: u32 = 100_000;
    let began = Instant::now();
    for _ in 0..TIMES {
        observer.note(&call, Route::Epayment, 200);
    }
    let each = began.elapsed().as_nanos() / u128::from(TIMES);
    println!("counting one call: {each} ns");
    assert_eq!(observer.take()[0].counts.of(mark::DONE), u64::from(TIMES));
}
