//! Synthetic merchants whose truth is known, and the words of single verdicts.

use super::*;
use crate::observe::mark::{DONE, EXPRESS, FAILED, FITS, HERE, INVALID, REFUSED, STRICTER};
use crate::routing::Toggle;
use crate::store::{Counts, Hour, Side};

const NOW: Hour = Hour(500_000);

/// Uniform in 0..1, always the same row for a seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        f64::from(u32::try_from(self.0 >> 32).unwrap()) / f64::from(u32::MAX)
    }

    fn of(&mut self, count: u64, rate: f64) -> u64 {
        (0..count).filter(|_| self.roll() < rate).count() as u64
    }
}

fn routing(moved: &[Operation], initiate: Toggle) -> Routing {
    let mut routing = Routing {
        initiate,
        capture: Toggle::Ecom,
        cancel: Toggle::Ecom,
        refund: Toggle::Ecom,
        details: Toggle::Ecom,
        status: Toggle::Ecom,
        ..Routing::default()
    };
    for operation in moved {
        match operation {
            Operation::Capture => routing.capture = Toggle::Epayment,
            Operation::Cancel => routing.cancel = Toggle::Epayment,
            Operation::Refund => routing.refund = Toggle::Epayment,
            Operation::Details => routing.details = Toggle::Epayment,
            Operation::Status => routing.status = Toggle::Epayment,
            Operation::Initiate | Operation::Approve => {}
        }
    }
    routing
}

fn facts(routing: Routing, observed: Vec<Observation>) -> Facts {
    Facts {
        msn: Msn::parse("123456").unwrap(),
        now: NOW.begins(),
        routing,
        steps: vec![1, 5, 25, 100],
        interaction: CustomerInteraction::CustomerNotPresent,
        direct_capture: false,
        webhooks: true,
        observed,
        callbacks: Callbacks {
            delivered: 50,
            ..Callbacks::default()
        },
        registration: None,
        turned_back: None,
        moved_at: None,
        shadow: None,
        open: None,
    }
}

fn seen(operation: Operation, side: Side, counts: &[(&str, u64)]) -> Observation {
    let mut all = Counts::default();
    counts
        .iter()
        .for_each(|(word, count)| all.add(word, *count));
    Observation {
        msn: Msn::parse("123456"),
        operation,
        side,
        hour: NOW.back(3),
        last_at: NOW.back(3).begins(),
        counts: all,
    }
}

/// What a merchant's next step is really like.
#[derive(Clone, Copy)]
struct Truth {
    /// Percent of new payments in ePayment now; none: what is asked about is capture, which is at eCom.
    percent: Option<u8>,
    ecom: u64,
    epayment: u64,
    /// Rates: calls that the bridge would refuse and eCom takes; calls that ePayment fails; that it refuses beyond what
    /// eCom refuses as well; that both refuse.
    stricter: f64,
    failing: f64,
    refusing: f64,
    usual: f64,
    dead: u64,
    /// Whether the step may be made.
    good: bool,
}

const GOOD: Truth = Truth {
    percent: Some(25),
    ecom: 600,
    epayment: 400,
    stricter: 0.0,
    failing: 0.0,
    refusing: 0.0,
    usual: 0.03,
    dead: 0,
    good: true,
};

impl Truth {
    fn facts(&self, dice: &mut Dice) -> Facts {
        let operation = if self.percent.is_some() {
            Operation::Initiate
        } else {
            Operation::Capture
        };
        let refused = dice.of(self.ecom, self.usual);
        let stricter = dice.of(self.ecom - refused, self.stricter);
        let ecom = [
            (REFUSED, refused),
            (DONE, self.ecom - refused),
            (INVALID, stricter),
            (STRICTER, stricter),
            (FITS, self.ecom - stricter),
        ];
        let failed = dice.of(self.epayment, self.failing);
        let here = dice.of(self.epayment - failed, self.stricter);
        let left = self.epayment - failed - here;
        let refused = dice.of(left, self.refusing + self.usual);
        let epayment = [
            (FAILED, failed),
            (HERE, here),
            (INVALID, here),
            (REFUSED, refused),
            (DONE, left - refused),
            (FITS, self.epayment - here),
        ];
        let moved = match self.percent {
            Some(_) => crate::routing::order::FOLLOW_UPS.to_vec(),
            None => vec![Operation::Details, Operation::Status],
        };
        let initiate = self.percent.map_or(Toggle::Ecom, Toggle::Percent);
        let observed = vec![
            seen(operation, Side::Ecom, &ecom),
            seen(operation, Side::Epayment, &epayment),
        ];
        let mut facts = facts(routing(&moved, initiate), observed);
        facts.callbacks.dead = self.dead;
        facts
    }
}

/// Thirty: what is not said is good.
fn merchants() -> Vec<Truth> {
    let mut all = good_ones();
    all.extend(bad_ones());
    all
}

fn good_ones() -> Vec<Truth> {
    let capture = Truth {
        percent: None,
        epayment: 0,
        ..GOOD
    };
    vec![
        GOOD,
        Truth {
            percent: Some(5),
            ecom: 3000,
            epayment: 160,
            ..GOOD
        },
        Truth {
            percent: Some(1),
            ecom: 9000,
            epayment: 90,
            ..GOOD
        },
        Truth {
            percent: Some(0),
            ecom: 200,
            epayment: 0,
            ..GOOD
        },
        Truth {
            usual: 0.15,
            ..GOOD
        },
        Truth { usual: 0.0, ..GOOD },
        Truth {
            ecom: 100,
            epayment: 100,
            ..GOOD
        },
        Truth {
            ecom: 5000,
            epayment: 5000,
            ..GOOD
        },
        capture,
        Truth {
            ecom: 61,
            ..capture
        },
        Truth {
            ecom: 5000,
            usual: 0.1,
            ..capture
        },
        Truth {
            percent: Some(25),
            ecom: 75,
            epayment: 65,
            ..GOOD
        },
    ]
}

fn bad_ones() -> Vec<Truth> {
    let bad = Truth {
        good: false,
        ..GOOD
    };
    let mut all = Vec::new();
    for (ecom, epayment) in [(600, 59), (600, 10), (20, 20), (59, 0), (0, 0), (1, 1)] {
        all.push(Truth {
            ecom,
            epayment,
            ..bad
        });
    }
    for stricter in [0.08, 0.2, 1.0] {
        all.push(Truth { stricter, ..bad });
        all.push(Truth {
            stricter,
            epayment: 0,
            percent: None,
            ..bad
        });
    }
    for failing in [0.06, 0.3, 1.0] {
        all.push(Truth { failing, ..bad });
    }
    for refusing in [0.12, 0.9] {
        all.push(Truth { refusing, ..bad });
    }
    all.push(Truth { dead: 3, ..bad });
    all
}

#[test]
fn thirty_merchants_and_no_false_go() {
    let merchants = merchants();
    assert_eq!(merchants.len(), 30);
    let (mut found, mut true_go, mut false_go) = (0, 0, Vec::new());
    for seed in 1..=100 {
        let mut dice = Dice(0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(seed));
        for (at, truth) in merchants.iter().enumerate() {
            let verdict = judge(&truth.facts(&mut dice)).verdict();
            true_go += usize::from(truth.good);
            match (truth.good, verdict) {
                (true, Verdict::Go) => found += 1,
                (false, Verdict::Go) => false_go.push((seed, at)),
                _ => {}
            }
        }
    }
    println!(
        "go found: {found} of {true_go}; false go: {}",
        false_go.len()
    );
    assert!(false_go.is_empty(), "{false_go:?}");
    assert!(found * 10 >= true_go * 9, "{found} of {true_go}");
}

fn codes(step: &Step) -> Vec<&'static str> {
    step.reasons.iter().map(|reason| reason.code).collect()
}

#[test]
fn a_bound_is_said_with_its_number() {
    let calls = [(DONE, 300), (FITS, 300)];
    let observed = vec![seen(Operation::Details, Side::Ecom, &calls)];
    let report = judge(&facts(routing(&[], Toggle::Ecom), observed));
    let next = report.next.unwrap();
    assert_eq!((next.operation, next.verdict), ("details", Verdict::Go));
    assert_eq!(
        codes(&next),
        ["no-stricter", "not-measured", "shadow-not-measured"]
    );
    assert_eq!(
        next.reasons[0].told,
        "of 300 calls none would have been refused by the bridge and taken by eCom: below 1.0 % of them at 95 %"
    );
    assert_eq!(report.order.stage, "not-begun");
}

#[test]
fn a_unit_that_may_not_is_told_so() {
    let calls = [(REFUSED, 80), ("told:Merchant37", 80), (FITS, 80)];
    let observed = vec![seen(Operation::Initiate, Side::Epayment, &calls)];
    let all = crate::routing::order::FOLLOW_UPS;
    let mut refused = facts(routing(&all, Toggle::Percent(5)), observed);
    let next = judge(&refused).next.unwrap();
    assert_eq!(next.verdict, Verdict::No);
    assert!(codes(&next).contains(&"not-allowed"));
    assert_eq!((next.from.as_str(), next.to.as_str()), ("5%", "25%"));
    // Marked, and never tried.
    let calls = [(DONE, 80), (FITS, 80)];
    refused.observed = vec![seen(Operation::Initiate, Side::Ecom, &calls)];
    refused.routing = routing(&all, Toggle::Ecom);
    assert_eq!(judge(&refused).verdict(), Verdict::Go);
    refused.direct_capture = true;
    assert_eq!(judge(&refused).verdict(), Verdict::Wait);
}

#[test]
fn what_is_never_used_does_not_stand_in_the_way() {
    let mut old = seen(Operation::Capture, Side::Ecom, &[(DONE, 400), (FITS, 400)]);
    let short = judge(&facts(routing(&[], Toggle::Ecom), vec![old.clone()]));
    assert_eq!(short.next.unwrap().operation, "details");
    old.hour = NOW.back(15 * 24);
    let long = judge(&facts(routing(&[], Toggle::Ecom), vec![old]));
    let next = long.next.unwrap();
    assert_eq!((next.operation, next.verdict), ("capture", Verdict::Go));
    assert_eq!(
        codes(&next)
            .iter()
            .filter(|code| **code == "unused")
            .count(),
        2
    );
    // Its own step stays what it is.
    assert_eq!(long.steps[0].verdict, Verdict::Insufficient);
}

#[test]
fn shadowing_counts_where_it_is() {
    let calls = [(DONE, 300), (FITS, 300)];
    let observed = vec![seen(Operation::Details, Side::Ecom, &calls)];
    let mut facts = facts(routing(&[], Toggle::Ecom), observed);
    for (clean, different, verdict) in [
        (0, 0, Verdict::Insufficient),
        (59, 0, Verdict::Insufficient),
        (60, 0, Verdict::Go),
        (600, 1, Verdict::Wait),
    ] {
        let compared = Compared {
            clean,
            different,
            dry: 0,
        };
        facts.shadow = Some(BTreeMap::from([(Operation::Details, compared)]));
        assert_eq!(judge(&facts).verdict(), verdict, "{clean} {different}");
    }
}

fn open(only_ecom: u64) -> Option<OpenPayments> {
    Some(OpenPayments {
        born_in_ecom: 2,
        only_ecom: Some(only_ecom),
        born_in_epayment: 5,
        gone_at: None,
    })
}

#[test]
fn the_bridge_goes_when_nobody_needs_it() {
    let moved = routing(&crate::routing::order::FOLLOW_UPS, Toggle::Epayment);
    let express = [(DONE, 4), (EXPRESS, 4), ("used:callbackPrefix", 4)];
    let regular = [
        (DONE, 9),
        (FITS, 9),
        ("used:callbackPrefix", 9),
        ("used:skipLandingPage", 2),
    ];
    let observed = vec![
        seen(Operation::Initiate, Side::Ecom, &express),
        seen(Operation::Initiate, Side::Epayment, &regular),
    ];
    let mut facts = facts(moved, observed);
    facts.open = open(0);
    let now = removal(&facts);
    assert_eq!(now.verdict, Verdict::Wait);
    assert_eq!(now.reasons[0].code, "legacy-calls");
    assert_eq!(
        (now.only_ecom[0].code, now.only_ecom[0].count),
        ("express", 4)
    );
    let instead: Vec<_> = now
        .requests
        .iter()
        .map(|r| (r.instead_of, r.seen))
        .collect();
    assert_eq!(
        instead,
        [("initiate", 11), ("initiate", 2), ("callbacks", 13)]
    );
    assert_eq!(
        now.requests[1].body.as_ref().unwrap()["userFlow"],
        "PUSH_MESSAGE"
    );
    // Quiet for more than a week.
    facts.now = Hour(NOW.0 + 8 * 24).begins();
    assert_eq!(removal(&facts).verdict, Verdict::Go);
    facts.open = open(1);
    assert_eq!(removal(&facts).verdict, Verdict::Wait);
    // Which of eCom's only eCom can serve is not known: then none of them may be open.
    for (born_in_ecom, verdict) in [(2, Verdict::Wait), (0, Verdict::Go)] {
        facts.open = Some(OpenPayments {
            born_in_ecom,
            only_ecom: None,
            ..OpenPayments::default()
        });
        assert_eq!(removal(&facts).verdict, verdict);
    }
    facts.open = None;
    assert_eq!(removal(&facts).verdict, Verdict::Insufficient);
    facts.open = open(0);
    facts.callbacks.pending = 1;
    assert_eq!(removal(&facts).verdict, Verdict::Wait);
    facts.callbacks.pending = 0;
    facts.routing.capture = Toggle::Ecom;
    assert_eq!(removal(&facts).verdict, Verdict::Wait);
    facts.observed.clear();
    facts.routing.capture = Toggle::Epayment;
    assert_eq!(removal(&facts).verdict, Verdict::Insufficient);
}

#[test]
fn a_unit_that_fell_silent_after_a_toggle_is_flagged() {
    let mut observed = Vec::new();
    for hour in (0..28 * 24).filter(|hour| (NOW.0 - 40 * 24 + hour).rem_euclid(24) > 6) {
        let mut one = seen(Operation::Details, Side::Ecom, &[(DONE, 2), (FITS, 2)]);
        one.hour = NOW.back(40 * 24 - hour);
        one.last_at = one.hour.begins();
        observed.push(one);
    }
    let last = observed.last().unwrap().last_at;
    let mut facts = facts(routing(&[], Toggle::Ecom), observed);
    facts.now = last.plus(std::time::Duration::from_secs(3600));
    assert_eq!(judge(&facts).silent, None);
    facts.now = last.plus(std::time::Duration::from_secs(30 * 3600));
    let silent = judge(&facts).silent.unwrap();
    assert!(
        silent.expected_calls > 30 && !silent.after_toggle,
        "{silent:?}"
    );
    facts.moved_at = Some(Moment::from_millis(last.millis() - 1000));
    assert!(judge(&facts).silent.unwrap().after_toggle);
}
