//! The machine, step by step, and as a law: it never lets more than one call through an open breaker in an open time.

use proptest::prelude::*;

use super::*;

const OPEN: Duration = Duration::from_secs(5);
const RULES: Rules = Rules {
    failures: 3,
    open: OPEN,
};

fn fail(machine: &mut Machine, now: Instant) {
    let epoch = machine.enter(now).unwrap();
    machine.failed(epoch, now, OPEN);
}

fn opened(now: Instant) -> Machine {
    let mut machine = Machine::new(RULES);
    (0..3).for_each(|_| fail(&mut machine, now));
    assert_eq!(machine.state, State::Open { until: now + OPEN });
    machine
}

#[test]
fn it_opens_after_a_run_and_an_answer_ends_the_run() {
    let now = Instant::now();
    let mut machine = Machine::new(RULES);
    for _ in 0..10 {
        fail(&mut machine, now);
        fail(&mut machine, now);
        let epoch = machine.enter(now).unwrap();
        machine.answered(epoch);
    }
    assert_eq!(machine.state, State::CLOSED);
    (0..3).for_each(|_| fail(&mut machine, now));
    assert!(machine.refuses(now) && machine.enter(now).is_none());
    assert!(machine.refuses(now + OPEN / 2));
}

#[test]
fn failures_far_apart_are_no_run() {
    let mut now = Instant::now();
    let mut machine = Machine::new(RULES);
    for _ in 0..10 {
        fail(&mut machine, now);
        assert!(
            !machine.refuses(now),
            "at once, not when an open time is over"
        );
        now += GAP;
    }
}

#[test]
fn one_call_tries_and_its_outcome_decides() {
    let now = Instant::now();
    for works in [true, false] {
        let mut machine = opened(now);
        let later = now + OPEN;
        let probe = machine.enter(later).unwrap();
        assert!(machine.enter(later).is_none(), "one at a time");
        if works {
            machine.answered(probe);
            assert_eq!(machine.state, State::CLOSED);
        } else {
            machine.failed(probe, later, OPEN);
            assert_eq!(
                machine.state,
                State::Open {
                    until: later + OPEN
                }
            );
        }
    }
}

#[test]
fn a_probe_that_hangs_or_says_nothing_does_not_block_the_next() {
    let now = Instant::now();
    let mut machine = opened(now);
    let hanging = machine.enter(now + OPEN).unwrap();
    assert!(
        machine
            .enter(now + OPEN * 2 - Duration::from_millis(1))
            .is_none()
    );
    let second = machine.enter(now + OPEN * 2).unwrap();
    machine.void(second, now + OPEN * 2);
    let third = machine.enter(now + OPEN * 2).unwrap();
    machine.answered(third);
    assert_eq!(machine.state, State::CLOSED);
    machine.failed(hanging, now + OPEN * 3, OPEN);
    assert_eq!(machine.state, State::CLOSED, "an old failure says nothing");
}

#[test]
fn what_was_sent_before_it_opened_decides_nothing() {
    let now = Instant::now();
    let mut machine = Machine::new(RULES);
    let early = machine.enter(now).unwrap();
    (0..3).for_each(|_| fail(&mut machine, now));
    machine.answered(early);
    machine.failed(early, now, OPEN);
    machine.void(early, now);
    assert_eq!(machine.state, State::Open { until: now + OPEN });
}

#[test]
fn turned_off_it_closes_and_never_opens() {
    let now = Instant::now();
    let mut machine = opened(now);
    machine.rule(Rules::OFF);
    (0..1_000).for_each(|_| fail(&mut machine, now));
    assert!(!machine.refuses(now));
    machine.rule(RULES);
    fail(&mut machine, now);
    assert!(machine.refuses(now), "the run goes on");
}

#[test]
fn the_open_time_is_spread_by_a_fifth() {
    let breaker = Breaker::new(Api::Ecom, RULES, Arc::default());
    let times: Vec<Duration> = (0..200).map(|n| breaker.spread(OPEN, n)).collect();
    assert!(
        times
            .iter()
            .all(|time| (OPEN * 4 / 5..=OPEN * 6 / 5).contains(time))
    );
    assert!(times.iter().any(|time| *time < OPEN) && times.iter().any(|time| *time > OPEN));
}

#[test]
fn which_statuses_are_trouble() {
    let all: Vec<u16> = (100..600).filter(|status| is_trouble(*status)).collect();
    assert_eq!(all, [500, 502, 503, 504]);
}

/// A dropped call frees the place of the probe, and states are shown.
#[test]
fn a_pass_that_is_dropped_lets_the_next_try() {
    let meters = Arc::new(Meters::default());
    let rules = Rules {
        failures: 1,
        open: Duration::ZERO,
    };
    let breaker = Breaker::new(Api::Ecom, rules, Arc::clone(&meters));
    let shows = |state: u8| {
        let line = format!("bridge_upstream_breaker_state{{api=\"ecom\"}} {state}");
        assert!(meters.render().contains(&line), "{line}");
    };
    shows(0);
    breaker.enter().unwrap().status(503);
    shows(2);
    drop(breaker.enter().unwrap());
    shows(1);
    breaker.enter().unwrap().status(429);
    shows(0);
    assert!(
        meters
            .render()
            .contains("breaker_opened_total{api=\"ecom\"} 1")
    );
}

proptest! {
    #[test]
    fn no_more_than_one_call_in_an_open_time(steps in prop::collection::vec((0_u64..3_000, 0_u8..3), 1..400)) {
        let mut now = Instant::now();
        let mut machine = opened(now);
        let mut last: Option<Instant> = None;
        for (millis, outcome) in steps {
            now += Duration::from_millis(millis);
            if let Some(epoch) = machine.enter(now) {
                prop_assert!(last.is_none_or(|last| now - last >= OPEN));
                last = Some(now);
                if outcome == 0 {
                    machine.failed(epoch, now, OPEN);
                }
            }
        }
    }
}
