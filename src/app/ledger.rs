//! Wires the money ledger: its reads in the background, and its metrics at a scrape.
//!
//! Must not: hold a rule.

use std::sync::Arc;

use super::callbacks::Base;
use crate::callbacks::receive::Receiver;
use crate::callbacks::terms_of;
use crate::ledger::reconcile::{Reconciler, Record, Terms};
use crate::ledger::{expiring, open};
use crate::store::{Day, LedgerStore, MismatchKind, OpenClass, Source};
use crate::telemetry::Meters;
use crate::types::Moment;
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
