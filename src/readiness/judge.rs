//! The verdict of each step: what was seen of an operation, and what else must be in order for it.
//!
//! Must not: take silence for consent. Every bound is said with the number it rests on.

use super::tally::{Tallies, Tally};
use super::{Compared, Facts, NEEDED, Order, Reason, Report, Silent, Step, Verdict, heaviest};
use crate::ecom::route::Operation;
use crate::observe::mark::{DONE, EXPRESS, FITS, INVALID, NOT, STRICTER, TOLD};
use crate::observe::rhythm::silence;
use crate::observe::stats::{Share, Z95, number};
use crate::routing::Toggle;
use crate::routing::order::{PUBLISHED, meaning};
use crate::store::{Hour, Side};

/// What both sides are compared by where eCom had as many calls.
const ENOUGH_OF_ECOM: u64 = 30;
/// The share of errors by which ePayment may be worse before it counts.
const WORSE: f64 = 0.01;
/// The share of failed calls that is too much.
const TOO_MUCH: f64 = 0.05;
/// Whoever never made a call of a kind in so many hours, while there were so many others, does not use it.
const UNUSED_HOURS: i64 = 14 * 24;
const UNUSED_OTHERS: u64 = 300;

/// Judges a sales unit.
#[must_use]
pub fn judge(facts: &Facts) -> Report {
    let tallies = Tallies::of(&facts.observed);
    let steps: Vec<Step> = PUBLISHED
        .into_iter()
        .map(|operation| step(facts, &tallies, operation))
        .collect();
    let from = tallies.by_hour.keys().next().copied();
    Report {
        msn: facts.msn.to_string(),
        at: facts.now.to_string(),
        observed_from: from.map(|hour| hour.begins().to_string()),
        order: Order::of(&facts.routing, facts.open.as_ref()),
        next: next(facts, &tallies, &steps),
        steps,
        operations: tallies.seen(),
        callbacks: facts.callbacks,
        silent: silent(facts, &tallies),
    }
}

/// The first operation that has not moved and is used; one that is never used moves with the others.
fn next(facts: &Facts, tallies: &Tallies, steps: &[Step]) -> Option<Step> {
    let meaning = meaning(&facts.routing);
    let left = |operation: &&Operation| {
        meaning.left.contains(operation)
            || (**operation == Operation::Initiate && meaning.created_in_epayment < 100)
    };
    let calls: u64 = tallies.by_hour.values().sum();
    let seen_for = tallies
        .by_hour
        .keys()
        .next()
        .map_or(0, |first| Hour::of(facts.now).0 - first.0);
    let unused = |operation: Operation| {
        operation != Operation::Initiate
            && tallies.whole(operation).calls() == 0
            && seen_for >= UNUSED_HOURS
            && calls >= UNUSED_OTHERS
    };
    let all: Vec<Operation> = PUBLISHED.iter().filter(left).copied().collect();
    let used = all.iter().find(|operation| !unused(**operation));
    let chosen = used.or_else(|| all.first())?;
    let mut step = steps
        .iter()
        .find(|step| step.operation == chosen.word())?
        .clone();
    for operation in all.iter().take_while(|operation| *operation != chosen) {
        let told = format!(
            "{} is still at eCom, and was not called in {} days: move it with this one",
            operation.word(),
            seen_for / 24
        );
        step.reasons.push(Reason::new("unused", Verdict::Go, told));
    }
    Some(step)
}

fn step(facts: &Facts, tallies: &Tallies, operation: Operation) -> Step {
    let now = facts.routing.of(operation);
    let to = match (operation, now.percent()) {
        (_, 100) => now,
        (Operation::Initiate, percent) => {
            let next = facts.steps.iter().find(|step| **step > percent);
            next.map_or(Toggle::Epayment, |step| match step {
                100.. => Toggle::Epayment,
                step => Toggle::Percent(*step),
            })
        }
        _ => Toggle::Epayment,
    };
    let mut reasons = Vec::new();
    traffic(tallies, operation, now.percent(), &mut reasons);
    errors(tallies, operation, now.percent(), &mut reasons);
    shadow(facts, operation, &mut reasons);
    if operation == Operation::Initiate {
        callbacks(facts, tallies, &mut reasons);
        capture(facts, tallies, &mut reasons);
    }
    Step {
        operation: operation.word(),
        from: now.to_string(),
        to: to.to_string(),
        verdict: heaviest(&reasons),
        reasons,
    }
}

fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent >= 10.0 {
        format!("{percent:.0} %")
    } else {
        format!("{percent:.1} %")
    }
}

/// What the calls are, wherever they went.
fn traffic(tallies: &Tallies, operation: Operation, moved: u8, reasons: &mut Vec<Reason>) {
    let whole = tallies.whole(operation);
    let not: u64 = whole.words(NOT).values().sum();
    let stricter = whole.of(STRICTER);
    let judged = whole.of(FITS) + whole.of(INVALID) + not;
    let express = whole.of(EXPRESS);
    if judged < NEEDED {
        let told = match (judged, express) {
            (0, 0) => "no such call was seen".to_owned(),
            (0, _) => format!("all {express} calls seen were of Express, which stays with eCom"),
            _ => format!("{judged} calls were seen, and {NEEDED} are needed"),
        };
        reasons.push(Reason::new("few-calls", Verdict::Insufficient, told));
    }
    if stricter > 0 {
        let told = format!(
            "the bridge would have refused {stricter} of {judged} calls that eCom took: look at them with `translate` before they are moved"
        );
        reasons.push(Reason::new("stricter", Verdict::Wait, told));
    } else if judged > 0 && moved < 100 {
        let told = format!(
            "of {judged} calls none would have been refused by the bridge and taken by eCom: below {} of them at 95 %",
            percent(Share::new(0, judged).below())
        );
        reasons.push(Reason::new("no-stricter", Verdict::Go, told));
    }
    if not > 0 {
        let why: Vec<String> = whole
            .words(NOT)
            .iter()
            .map(|(reason, count)| format!("{count} {reason}"))
            .collect();
        let told = format!(
            "{not} of {judged} calls do not translate and go to eCom as they came ({}): they need the bridge, or a change in the shop",
            why.join(", ")
        );
        reasons.push(Reason::new("untranslatable", Verdict::Go, told));
    }
    if express > 0 {
        let told = format!("{express} calls are of Express and stay with eCom");
        reasons.push(Reason::new("express", Verdict::Go, told));
    }
}

/// How it went at both APIs.
fn errors(tallies: &Tallies, operation: Operation, moved: u8, reasons: &mut Vec<Reason>) {
    let ecom = tallies.at(operation, Side::Ecom);
    let epayment = tallies.at(operation, Side::Epayment);
    if ecom.failed().interval(Z95).0 > TOO_MUCH {
        let told = format!(
            "eCom itself failed {} of {} calls: what is compared with that says little",
            ecom.failed().part,
            ecom.calls()
        );
        reasons.push(Reason::new("ecom-fails", Verdict::Wait, told));
    }
    let calls = epayment.calls();
    if calls == 0 {
        let told = "ePayment has had none of these calls: errors there are not measured";
        let weighs = if moved == 0 {
            Verdict::Go
        } else {
            Verdict::Insufficient
        };
        reasons.push(Reason::new("not-measured", weighs, told));
        return;
    }
    if moved > 0 && calls < NEEDED {
        let told = format!("ePayment has had {calls} of these calls, and {NEEDED} are needed");
        reasons.push(Reason::new("few-at-epayment", Verdict::Insufficient, told));
    }
    let worse = epayment.bad().above(ecom.bad(), Z95);
    if ecom.calls() >= ENOUGH_OF_ECOM && worse > WORSE {
        let told = format!(
            "{} did not do what was asked at ePayment ({} of {calls}), and {} at eCom ({} of {}): the difference is no chance",
            percent(epayment.bad().seen()),
            epayment.bad().part,
            percent(ecom.bad().seen()),
            ecom.bad().part,
            ecom.calls()
        );
        reasons.push(Reason::new("worse", Verdict::No, told));
    }
    let failed = epayment.failed();
    let below = percent(failed.below());
    reasons.push(if failed.part == 0 {
        let told =
            format!("no failure was seen in {calls} calls at ePayment: below {below} at 95 %");
        Reason::new("no-failure", Verdict::Go, told)
    } else {
        let weighs = if failed.interval(Z95).0 > WORSE {
            Verdict::No
        } else if failed.below() > TOO_MUCH {
            Verdict::Wait
        } else {
            Verdict::Go
        };
        let told = format!(
            "{} of {calls} calls failed at ePayment or ended unknown: below {below} at 95 %",
            failed.part
        );
        Reason::new("failures", weighs, told)
    });
}

fn shadow(facts: &Facts, operation: Operation, reasons: &mut Vec<Reason>) {
    // Nothing of this operation was offered to shadowing: it is as unknown as without.
    let found = facts.shadow.as_ref().and_then(|all| all.get(&operation));
    let Some(found) = found else {
        let told = "differences between both APIs' answers are not measured (no shadowing)";
        reasons.push(Reason::new("shadow-not-measured", Verdict::Go, told));
        return;
    };
    let Compared {
        clean,
        different,
        dry,
    } = *found;
    let compared = clean + different;
    let (weighs, told) = if different > 0 {
        let told = format!("{different} of {compared} comparisons differ: see `shadow report`");
        (Verdict::Wait, told)
    } else if compared < NEEDED {
        let told = format!("{compared} answers were compared, and {NEEDED} are needed");
        (Verdict::Insufficient, told)
    } else {
        let below = percent(Share::new(0, clean).below());
        let dry = match dry {
            0 => String::new(),
            all if all == clean => "; all were dry: no answer was compared".to_owned(),
            some => format!("; {some} were dry: no answer was compared"),
        };
        let told =
            format!("no difference that counts in {clean} comparisons: below {below} at 95 %{dry}");
        (Verdict::Go, told)
    };
    reasons.push(Reason::new("shadow", weighs, told));
}

fn callbacks(facts: &Facts, tallies: &Tallies, reasons: &mut Vec<Reason>) {
    let found = facts.callbacks;
    if let Some(why) = &facts.registration {
        let told = format!("the webhook registration is not in order: {why}");
        reasons.push(Reason::new("registration", Verdict::Wait, told));
    }
    if !facts.webhooks {
        let told =
            "webhooks.public_url is empty, so callbacks follow from polling alone, and later";
        reasons.push(Reason::new("no-webhooks", Verdict::Go, told));
    }
    if found.dead > 0 {
        let told = format!(
            "{} callbacks were given up: replay or drop them (`callbacks list --state dead`)",
            found.dead
        );
        reasons.push(Reason::new("dead-letters", Verdict::Wait, told));
    }
    let created = tallies.at(Operation::Initiate, Side::Epayment).of(DONE);
    if found.delivered == 0 && created >= NEEDED {
        let told =
            format!("{created} payments were created in ePayment, and no callback was delivered");
        reasons.push(Reason::new("no-callbacks", Verdict::Wait, told));
    } else if found.delivered > 0 {
        let told = format!(
            "{} callbacks were delivered, {} wait",
            found.delivered, found.pending
        );
        reasons.push(Reason::new("callbacks", Verdict::Go, told));
    }
    if let Some(why) = &facts.turned_back {
        let told = format!("the rollback holds new payments back: {why}");
        reasons.push(Reason::new("turned-back", Verdict::No, told));
    }
}

/// Units that are still set to direct capture: ePayment refuses them, and only Vipps can change that.
fn capture(facts: &Facts, tallies: &Tallies, reasons: &mut Vec<Reason>) {
    let epayment: Tally = tallies.at(Operation::Initiate, Side::Epayment);
    let refused = epayment.of(&format!("{TOLD}Merchant37"));
    let created = epayment.of(DONE);
    if refused > 0 && number(refused) > number(created) * WORSE {
        let told = format!(
            "ePayment refused {refused} new payments with 37 (this sales unit may not: reserve capture not allowed): Vipps must set it to reserve capture first"
        );
        reasons.push(Reason::new("not-allowed", Verdict::No, told));
    } else if facts.direct_capture && created == 0 {
        let told = "the unit is marked direct_capture, and ePayment has not taken a payment of it yet: ask Vipps whether it is set to reserve capture";
        reasons.push(Reason::new("direct-capture", Verdict::Wait, told));
    }
}

fn silent(facts: &Facts, tallies: &Tallies) -> Option<Silent> {
    const DAY: i64 = 86_400_000;
    let found = silence(&tallies.by_hour, tallies.last_at()?, facts.now)?;
    let since = found.since.millis();
    let after = |at: i64| (since - 7 * DAY..=since + DAY).contains(&at);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a number of calls"
    )]
    let expected_calls = found.missed as u64;
    Some(Silent {
        since: found.since.to_string(),
        expected_calls,
        after_toggle: facts.moved_at.is_some_and(|at| after(at.millis())),
    })
}
