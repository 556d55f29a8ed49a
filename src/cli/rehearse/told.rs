//! What is printed: what was replaced, each row with what the shop would have seen, the sum of it; the same as JSON.
//!
//! Must not: show a value of the operator's configuration that may be a secret or an address.

use serde_json::{Value, json};

use super::plan::{Plan, Way};
use super::play::{Check, Line};
use crate::cli::scene::page::{Look, Page};
use crate::ecom::route::Operation;

/// What became of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    AsExpected,
    /// Something was not as it must be.
    Differs,
    /// What it needs could not be made.
    Failed(String),
    NotPlayed(String),
}

/// A row that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Played {
    pub(super) id: &'static str,
    pub(super) fault: &'static str,
    pub(super) lines: Vec<Line>,
    pub(super) checks: Vec<Check>,
    pub(super) verdict: Verdict,
}

impl Played {
    const fn is_good(&self) -> bool {
        !matches!(self.verdict, Verdict::Differs | Verdict::Failed(_))
    }

    const fn was_played(&self) -> bool {
        !matches!(self.verdict, Verdict::NotPlayed(_))
    }

    /// What was expected, each once; of a row that differs, what did not come.
    fn expected(&self) -> Vec<String> {
        let differs = !self.is_good();
        let mut all: Vec<String> = Vec::new();
        for check in self.checks.iter().filter(|check| check.holds != differs) {
            if !all.contains(&check.what) {
                all.push(check.what.clone());
            }
        }
        all
    }
}

/// Whether all that was played came as expected.
pub(super) fn is_good(all: &[Played]) -> bool {
    all.iter().all(Played::is_good)
}

/// Which way the calls of this rehearsal go.
fn ways(plan: &Plan) -> Vec<(&'static str, Way)> {
    let born = plan.born();
    let about = [
        ("capture", Operation::Capture),
        ("cancel", Operation::Cancel),
        ("refund", Operation::Refund),
        ("details", Operation::Details),
        ("status", Operation::Status),
    ];
    let rest = about.map(|(name, operation)| (name, plan.way(operation, born)));
    [("initiate", born)].into_iter().chain(rest).collect()
}

/// Where nothing goes to ePayment.
const NOTHING: &str = "With this configuration every call of this sales unit goes to eCom: nothing of the translation is \
    rehearsed, only that eCom's answers are passed on. To rehearse it, put the toggles over your files, such as \
    ECOM_BRIDGE__ROUTING__INITIATE=epayment (so, too, CAPTURE, CANCEL, REFUND, DETAILS, STATUS) in the environment of \
    this command, or a further --config file with them.";

pub(super) fn opening(page: &mut Page, plan: &Plan) {
    page.text(
        "The fault list, played with your configuration on this machine: a simulator is the upstream, a toy shop makes \
         the calls and is called back. Nothing leaves this machine, and your store is not touched.",
    );
    page.gap();
    let configured = plan.own.merchants.len();
    page.beside(
        Look::Plain,
        "unit",
        &format!("{} ({configured} configured; --msn for another)", plan.msn),
    );
    let ways: Vec<String> = ways(plan)
        .iter()
        .map(|(name, way)| format!("{name} {}", way.word()))
        .collect();
    page.beside(Look::Plain, "routes", &ways.join(", "));
    for one in &plan.replaced {
        page.beside(
            Look::Quiet,
            "replaced",
            &format!("{}: {}", one.key, one.how),
        );
    }
    for one in &plan.shortened {
        page.beside(
            Look::Quiet,
            "shortened",
            &format!("{}: {}", one.key, one.how),
        );
    }
    page.beside(
        Look::Quiet,
        "kept",
        "everything else: routing, retries, breaker, limits, shadowing, merchants' rules",
    );
    if !plan.translates() {
        page.gap();
        page.text(NOTHING);
    }
}

pub(super) fn row(page: &mut Page, played: &Played) {
    if !played.was_played() {
        return;
    }
    let verdict = if played.is_good() {
        "ok"
    } else {
        "NOT AS EXPECTED"
    };
    page.gap();
    let look = if played.is_good() {
        Look::Good
    } else {
        Look::Bad
    };
    page.verdict(look, &format!("{:<4} {}", played.id, played.fault), verdict);
    for line in &played.lines {
        page.beside(Look::Sent, line.label, &line.text);
    }
    if let Verdict::Failed(why) = &played.verdict {
        page.beside(Look::Bad, "failed", why);
    }
    let label = if played.is_good() { "ok" } else { "expected" };
    for what in played.expected() {
        page.beside(look, label, &what);
    }
}

pub(super) fn summary(page: &mut Page, plan: &Plan, all: &[Played], seconds: u64) {
    page.heading("Not played");
    for played in all {
        if let Verdict::NotPlayed(why) = &played.verdict {
            page.beside(Look::Quiet, played.id, &format!("{}: {why}", played.fault));
        }
    }
    page.heading("Summary");
    let played = all.iter().filter(|one| one.was_played()).count();
    let bad: Vec<&str> = all
        .iter()
        .filter(|one| !one.is_good())
        .map(|one| one.id)
        .collect();
    page.text(&format!(
        "{played} of {} rows were played in {seconds} s; {} came as expected.",
        all.len(),
        played - bad.len()
    ));
    if bad.is_empty() {
        page.text("Everything was as it must be.");
    } else {
        page.text(&format!("NOT AS EXPECTED: {}", bad.join(", ")));
    }
    if !plan.shortened.is_empty() {
        page.text("Time limits were shortened as told above: with yours the same happens later.");
    }
    if !plan.translates() {
        page.text("Nothing of the translation was rehearsed: every call went to eCom.");
    }
}

pub(super) fn json(plan: &Plan, all: &[Played], seconds: u64) -> Value {
    let changed = |list: &[super::harmless::Changed]| -> Vec<Value> {
        list.iter()
            .map(|one| json!({"key": one.key, "how": one.how}))
            .collect()
    };
    let routes: serde_json::Map<String, Value> = ways(plan)
        .into_iter()
        .map(|(name, way)| (name.to_owned(), json!(way.word())))
        .collect();
    let rows: Vec<Value> = all
        .iter()
        .map(|one| {
            let (verdict, why) = match &one.verdict {
                Verdict::AsExpected => ("ok", None),
                Verdict::Differs => ("not as expected", None),
                Verdict::Failed(why) => ("not as expected", Some(why)),
                Verdict::NotPlayed(why) => ("not played", Some(why)),
            };
            let lines = one
                .lines
                .iter()
                .map(|line| json!({"what": line.label, "text": line.text}));
            let checks = one
                .checks
                .iter()
                .map(|check| json!({"holds": check.holds, "what": check.what}));
            json!({
                "id": one.id, "fault": one.fault, "verdict": verdict, "why": why,
                "lines": lines.collect::<Vec<_>>(), "checks": checks.collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({
        "good": is_good(all),
        "seconds": seconds,
        "unit": plan.msn.as_str(),
        "routes": routes,
        "translates": plan.translates(),
        "replaced": changed(&plan.replaced),
        "shortened": changed(&plan.shortened),
        "rows": rows,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn played(verdict: Verdict, holds: &[bool]) -> Played {
        let check = |(n, holds): (usize, &bool)| Check {
            holds: *holds,
            what: format!("check {n}"),
        };
        Played {
            id: "A1",
            fault: "something",
            lines: Vec::new(),
            checks: holds.iter().enumerate().map(check).collect(),
            verdict,
        }
    }

    #[test]
    fn one_row_that_differs_is_enough() {
        let good = played(Verdict::AsExpected, &[true]);
        let left_out = played(Verdict::NotPlayed("why".to_owned()), &[]);
        assert!(is_good(&[good.clone(), left_out.clone()]));
        for bad in [Verdict::Differs, Verdict::Failed("why".to_owned())] {
            let bad = played(bad, &[true, false]);
            assert_eq!(bad.expected(), ["check 1"], "only what did not come");
            assert!(!is_good(&[good.clone(), bad]));
        }
    }
}
