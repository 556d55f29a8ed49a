//! What the pages show of the rest of the bridge: measured here, when a page asks for it.
//!
//! Must not: hold a rule.

use std::sync::Arc;

use super::operator::Operator;
use super::stores::Faces;
use crate::admin::Asked;
use crate::admin::ledger::LedgerApi;
use crate::admin::pages::Sources;
use crate::admin::pages::chart::{Series, Traffic};
use crate::admin::pages::figures::{
    Answer, Attention, Figure, Figures, Noticed, OpenPayments, Search, Story, Verdict,
};
use crate::admin::traffic::TrafficApi;
use crate::ledger::OpenGroup;
use crate::ledger::story::money;
use crate::ledger::{expiring, open};
use crate::observe::{Minute, WAYS};
use crate::readiness::{self, Report};
use crate::steering::reload::Trigger;
use crate::store::{
    Day, LedgerPayment, MismatchKind, OpenClass, Reason, StoreError, WhichMismatches,
};
use crate::types::{Moment, Msn};

/// More than so many are not looked at on one page.
const SHOWN: usize = 100;

impl Operator {
    /// Everything that the pages ask for.
    pub(super) fn sources(&self, ledger: &LedgerApi, traffic: &TrafficApi) -> Sources {
        let (faces, clock) = (self.faces.clone(), Arc::clone(&self.payments.clock));
        let meters = Arc::clone(&self.meters);
        let traffic = traffic.clone();
        let figures = move |()| -> Asked<Figures> {
            let (faces, now, in_flight) = (faces.clone(), clock.now(), meters.in_flight());
            let traffic = traffic.clone();
            Box::pin(async move {
                let reports = traffic.reports().await;
                let open = faces.ledger.open_payments().await;
                Figures {
                    in_flight: Figure::Known(in_flight),
                    ambiguous: faces.payments.ambiguous(now).await.into(),
                    mismatches: faces.ledger.mismatch_counts().await.map(sum).into(),
                    expiring: expiring(&faces, now)
                        .await
                        .map(|all| all.len() as u64)
                        .into(),
                    callbacks: faces.callbacks.callback_counts().await.into(),
                    open_payments: Figure::from(open).map(|days| {
                        let groups = open::groups(&days, Day::of(now));
                        groups.iter().map(still_open).collect()
                    }),
                    traffic: Figure::Known(last_hour(&traffic.observer.last_hour())),
                    verdicts: Figure::from(reports)
                        .map(|reports| reports.iter().filter_map(verdict).collect()),
                }
            })
        };
        let ledger = ledger.clone();
        let story = move |search: Search| -> Asked<Result<Vec<Story>, String>> {
            let ledger = ledger.clone();
            Box::pin(async move {
                let found = ledger.stories(&search.order, search.msn.as_ref()).await;
                found.map_err(|error| error.to_string())
            })
        };
        let (faces, clock) = (self.faces.clone(), Arc::clone(&self.payments.clock));
        let attention = move |()| -> Asked<Result<Attention, String>> {
            let (faces, now) = (faces.clone(), clock.now());
            Box::pin(async move {
                let found = attention(&faces, now).await;
                found.map_err(|error| error.to_string())
            })
        };
        let reload = self.reloader.clone().map(|reloader| {
            let reload = move |reason: Reason| -> Asked<Result<String, String>> {
                let reloader = Arc::clone(&reloader);
                Box::pin(async move {
                    match reloader.reload(Trigger::Call(reason)).await {
                        Ok(changes) if changes.is_empty() => Ok("nothing has changed".to_owned()),
                        Ok(changes) => Ok(match changes.len() {
                            1 => "one key was changed".to_owned(),
                            many => format!("{many} keys were changed"),
                        }),
                        Err(refused) => {
                            let all = [vec![refused.to_string()], refused.problems()].concat();
                            Err(all.join("; "))
                        }
                    }
                })
            };
            Arc::new(reload) as _
        });
        Sources {
            figures: Arc::new(figures),
            story: Some(Arc::new(story)),
            attention: Some(Arc::new(attention)),
            reload,
        }
    }
}

fn sum(counts: Vec<(MismatchKind, u64)>) -> u64 {
    counts.into_iter().map(|(_, count)| count).sum()
}

async fn expiring(faces: &Faces, now: Moment) -> Result<Vec<LedgerPayment>, StoreError> {
    let until = expiring::until(now, expiring::DAYS);
    faces.ledger.expiring(until, expiring::MOST).await
}

/// What wants a look: open mismatches, and reservations whose guarantee ends.
async fn attention(faces: &Faces, now: Moment) -> Result<Attention, StoreError> {
    let found = faces.ledger.mismatches(WhichMismatches::Open, SHOWN);
    let mismatches = found.await?.into_iter().map(|one| Noticed {
        msn: one.scope.msn().cloned(),
        order: one.order,
        at: one.found_at,
        what: format!(
            "{}: {}",
            one.found.kind.word().replace('_', " "),
            one.found.about
        ),
    });
    let expiring = expiring(faces, now).await?.into_iter().map(|one| Noticed {
        msn: one.scope.msn().cloned(),
        order: one.order,
        at: one.balance.guaranteed_until.unwrap_or(now),
        what: format!(
            "{} still to capture",
            money(one.balance.sums.to_capture(), one.currency)
        ),
    });
    Ok(Attention {
        mismatches: mismatches.collect(),
        expiring: expiring.take(SHOWN).collect(),
    })
}

fn still_open(group: &OpenGroup) -> OpenPayments {
    let left = match group.class {
        OpenClass::Refundable => group.to_refund,
        _ => group.to_capture,
    };
    OpenPayments {
        msn: group.msn.clone(),
        origin: open::word_of(group.origin).to_owned(),
        state: group.class.word().replace('_', " "),
        count: group.payments,
        sum: money(left, group.currency),
        oldest: Some(group.oldest.begin()),
        gone_by: Some(group.last_gone.begin()),
    }
}

/// The last hour as a chart wants it: by route, oldest first.
fn last_hour(minutes: &[Minute]) -> Traffic {
    let series = WAYS.iter().enumerate().map(|(at, way)| Series {
        route: way.word(),
        requests: minutes.iter().map(|minute| minute.calls[at]).collect(),
        errors: minutes.iter().map(|minute| minute.failed[at]).collect(),
    });
    Traffic {
        step_seconds: 60,
        series: series.collect(),
    }
}

/// What is advised next for a sales unit.
fn verdict(report: &Report) -> Option<Verdict> {
    let msn = Msn::parse(&report.msn)?;
    let (step, reasons) = match &report.next {
        Some(next) => (
            format!("{} from {} to {}", next.operation, next.from, next.to),
            &next.reasons[..],
        ),
        // What keeps it from being held for good, where something does.
        None => {
            let worst = report.steps.iter().max_by_key(|step| step.verdict);
            let reasons = worst.map_or(&[][..], |step| &step.reasons[..]);
            ("everything has moved".to_owned(), reasons)
        }
    };
    Some(Verdict {
        msn,
        step,
        answer: match report.verdict() {
            readiness::Verdict::Go => Answer::Go,
            readiness::Verdict::No => Answer::No,
            readiness::Verdict::Insufficient | readiness::Verdict::Wait => Answer::Wait,
        },
        reasons: reasons.iter().map(|reason| reason.told.clone()).collect(),
    })
}
