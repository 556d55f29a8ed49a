//! Wires the money ledger: its reads in the background, and its metrics at a scrape.
//!
//! Must not: hold a rule.

use std::sync::Arc;

use super::callbacks::Base;
use crate::callbacks::poll::caller;
use crate::callbacks::receive::Receiver;
use crate::callbacks::{order_of, terms_of};
use crate::ledger::reconcile::{Reconciler, Record, Settle, Terms};
use crate::ledger::{expiring, open};
use crate::payments::Subject;
use crate::readiness::{CountOpen, OpenPayments};
use crate::store::{Day, LedgerStore, MismatchKind, OpenClass, Source};
use crate::telemetry::Meters;
use crate::types::{Clock, Moment, Origin, Scope};
use crate::upstream::keyring::Keyring;
use crate::upstream::share::ReadShare;

/// Reads in the background.
pub(super) fn reconciler(
    base: &Base<'_>,
    receiver: &Arc<Receiver>,
    keyring: &Keyring,
    share: ReadShare,
) -> Reconciler {
    let receiver = Arc::clone(receiver);
    let record: Record = Arc::new(move |msn, event| {
        let receiver = Arc::clone(&receiver);
        Box::pin(async move {
            receiver.accept(&msn, &event, Source::Poll).await?;
            Ok(())
        })
    });
    let live = Arc::clone(base.live);
    Reconciler {
        store: Arc::clone(base.ledger),
        epayment: base.payments.epayment.clone(),
        keyring: keyring.clone(),
        share,
        record,
        settle: settle(base),
        terms: Arc::new(move || {
            let settings = live.settings();
            Terms {
                settle: terms_of(&settings).settle,
                percent: settings.reads.background_share_percent,
            }
        }),
        clock: Arc::clone(base.clock),
        meters: Arc::clone(base.meters),
    }
}

/// The use cases close what a crash left open.
fn settle(base: &Base<'_>) -> Settle {
    let (payments, live) = (Arc::clone(base.payments), Arc::clone(base.live));
    Arc::new(move |msn, order, reference, credentials| {
        let (payments, settings) = (Arc::clone(&payments), live.settings());
        Box::pin(async move {
            let unit = settings.merchant(&msn);
            let subject = Subject {
                order: order_of(Scope::Unit(msn), order, unit),
                reference,
            };
            let caller = caller(credentials, payments.anyone(), &settings);
            payments.settle_left_open(&caller, &subject).await;
        })
    })
}

/// Sets the ledger's metrics from the store's counts.
pub(super) async fn measure(store: &dyn LedgerStore, meters: &Meters, now: Moment) {
    if let Ok(days) = store.open_payments().await {
        let groups = open::groups(&days, Day::of(now));
        meters.ledger.clear_amounts();
        for origin in open::ORIGINS {
            for class in OpenClass::ALL {
                let alike = groups
                    .iter()
                    .filter(|group| group.origin == origin && group.class == class);
                let count = alike.clone().map(|group| group.payments).sum();
                let origin = open::word_of(origin);
                meters.ledger.set_open(origin, class.word(), count);
                for (currency, sum) in open::sums(alike) {
                    let units = sum.minor_units();
                    meters
                        .ledger
                        .set_amount(origin, class.word(), currency.code(), units);
                }
            }
        }
    }
    if let Ok(soon) = store
        .expiring(expiring::until(now, expiring::DAYS), expiring::MOST)
        .await
    {
        meters.ledger.set_expiring(soon.len() as u64);
    }
    if let Ok(counts) = store.mismatch_counts().await {
        for kind in MismatchKind::ALL {
            let open = counts.iter().find(|(one, _)| *one == kind);
            let open = open.map_or(0, |(_, open)| *open);
            meters.ledger.set_mismatches(kind.word(), open);
        }
    }
}

/// Counts a sales unit's open payments; nothing where the store can't be asked.
pub(super) fn count_open(store: Arc<dyn LedgerStore>, clock: Arc<dyn Clock>) -> CountOpen {
    Arc::new(move |msn| {
        let (store, today, msn) = (Arc::clone(&store), Day::of(clock.now()), msn.clone());
        Box::pin(async move {
            let days = store.open_payments().await.ok()?;
            let groups = open::groups(&days, today);
            let own = groups
                .iter()
                .filter(|group| group.msn.as_ref() == Some(&msn));
            let of = |origin| {
                let alike = own.clone().filter(move |group| group.origin == origin);
                alike.map(|group| group.payments).sum()
            };
            // One whose birth is not known counts as eCom's: that is the one that waits.
            let born_in_ecom: u64 = of(Some(Origin::Ecom));
            let unknown: u64 = of(None);
            Some(OpenPayments {
                born_in_ecom: born_in_ecom + unknown,
                only_ecom: None,
                born_in_epayment: of(Some(Origin::Epayment)),
                gone_at: own.map(|group| group.last_gone.begin()).max(),
            })
        })
    })
}
