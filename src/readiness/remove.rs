//! The end of the bridge: what a sales unit still needs it for, and the calls that its own code must make instead.
//!
//! The bridge can go when the shop makes no call of eCom's any more and nothing of it is outstanding. Must not: say go
//! about what was not counted.

use serde::Serialize;

use super::calls::{Example, examples};
use super::tally::{Tallies, Tally};
use super::{Facts, OpenPayments, Order, Reason, Verdict, heaviest};
use crate::ecom::route::Operation;
use crate::observe::mark::{EXPRESS, INVALID, NOT};
use crate::store::{Hour, Side};

/// Without a call of eCom's for so long, the shop's own code makes none.
const QUIET_HOURS: i64 = 7 * 24;

/// Something that the bridge is still needed for, or was lately.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Need {
    /// Which kind of call.
    pub code: &'static str,
    /// In a few words.
    pub told: String,
    /// How many in the time that was counted.
    pub count: u64,
    /// The last of them.
    pub last_at: Option<String>,
}

/// Whether the bridge may go.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Removal {
    /// Whose.
    pub msn: String,
    /// When.
    pub at: String,
    /// The advice.
    pub verdict: Verdict,
    /// Why.
    pub reasons: Vec<Reason>,
    /// What its toggles mean.
    pub order: Order,
    /// Calls that only eCom can answer, by kind.
    pub only_ecom: Vec<Need>,
    /// Open payments; none: not counted.
    pub open_payments: Option<OpenPayments>,
    /// The requests that the shop's code must make itself.
    pub requests: Vec<Example>,
}

/// Judges whether the bridge may go.
#[must_use]
pub fn removal(facts: &Facts) -> Removal {
    let tallies = Tallies::of(&facts.observed);
    let mut reasons = vec![legacy(facts, &tallies)];
    let only_ecom = only_ecom(&tallies);
    for need in &only_ecom {
        let last = need.last_at.as_deref().unwrap_or("never");
        let told = format!("{}: {}, the last at {last}", need.told, need.count);
        reasons.push(Reason::new(need.code, Verdict::Go, told));
    }
    reasons.push(open(facts.open.as_ref()));
    reasons.push(outstanding(facts));
    let order = Order::of(&facts.routing, facts.open.as_ref());
    if !order.strands.is_empty() {
        reasons.push(Reason::new(
            "strands",
            Verdict::Wait,
            order.without_the_bridge.clone(),
        ));
    }
    Removal {
        msn: facts.msn.to_string(),
        at: facts.now.to_string(),
        verdict: heaviest(&reasons),
        reasons,
        order,
        only_ecom,
        open_payments: facts.open,
        requests: examples(&tallies, facts),
    }
}

/// The shop's own code still speaks eCom.
fn legacy(facts: &Facts, tallies: &Tallies) -> Reason {
    let from = Hour::of(facts.now).back(QUIET_HOURS);
    let calls: u64 = tallies.by_hour.range(from..).map(|(_, count)| count).sum();
    match (calls, tallies.last_at()) {
        (0, None) => {
            let told = "no call of this sales unit was ever counted";
            Reason::new("never-seen", Verdict::Insufficient, told)
        }
        (0, Some(last)) => {
            let told = format!("no call of eCom's came in 7 days; the last was at {last}");
            Reason::new("quiet", Verdict::Go, told)
        }
        (calls, last) => {
            let last = last.map_or_else(String::new, |at| at.to_string());
            let told = format!(
                "its code still calls eCom's API: {calls} calls in 7 days, the last at {last}. It must make the requests below itself first"
            );
            Reason::new("legacy-calls", Verdict::Wait, told)
        }
    }
}

/// What only eCom can answer: gone with the bridge, unless the shop calls eCom itself.
fn only_ecom(tallies: &Tallies) -> Vec<Need> {
    let mut needs = Vec::new();
    let mut need = |code, told: String, count: u64, tally: &Tally| {
        if count > 0 {
            needs.push(Need {
                code,
                told,
                count,
                last_at: tally.last_at.map(|at| at.to_string()),
            });
        }
    };
    for operation in Operation::ALL {
        let tally = tallies.at(operation, Side::Ecom);
        let word = operation.word();
        let express = tally.of(EXPRESS);
        need(
            "express",
            format!("{word} of Express payments"),
            express,
            &tally,
        );
        for (reason, count) in tally.words(NOT) {
            let told = format!("{word} that does not translate ({reason})");
            need("untranslatable", told, count, &tally);
        }
        let invalid = tally.of(INVALID);
        need(
            "unreadable",
            format!("{word} that the bridge would refuse"),
            invalid,
            &tally,
        );
    }
    needs
}

fn open(open: Option<&OpenPayments>) -> Reason {
    let Some(open) = open else {
        let told = "open payments are not counted";
        return Reason::new("open-not-counted", Verdict::Insufficient, told);
    };
    let gone = open
        .gone_at
        .map_or_else(String::new, |at| format!("; the last can be gone by {at}"));
    match (open.only_ecom, open.born_in_ecom) {
        (Some(0), _) | (None, 0) => {}
        (Some(only), _) => {
            let told = format!(
                "{only} open payments can only be handled in eCom (Express, or order ids that are no reference){gone}"
            );
            return Reason::new("open-only-ecom", Verdict::Wait, told);
        }
        (None, born) => {
            let told = format!(
                "{born} open payments were created in eCom; ePayment can't name those whose order id is no reference, and \
                 does not read Express, so wait until they are gone or look at each{gone}"
            );
            return Reason::new("open-born-in-ecom", Verdict::Wait, told);
        }
    }
    let told = format!(
        "{} open payments were created in eCom and {} in ePayment: ePayment serves both under their order ids{gone}",
        open.born_in_ecom, open.born_in_epayment
    );
    Reason::new("open", Verdict::Go, told)
}

fn outstanding(facts: &Facts) -> Reason {
    let found = facts.callbacks;
    if found.pending + found.dead == 0 {
        return Reason::new("callbacks", Verdict::Go, "no callback is outstanding");
    }
    let told = format!(
        "callbacks are outstanding: {} wait, {} were given up",
        found.pending, found.dead
    );
    Reason::new("callbacks", Verdict::Wait, told)
}
