//! What is asked of shadowing: evidence for readiness, figures for pages and metrics.
//!
//! Must not: hold a rule.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::operator::Operator;
use crate::admin::shadow::{ShadowApi, ShadowSource};
use crate::readiness::{Compared, ShadowFound};
use crate::shadow::report::{self, ShadowFigures};
use crate::store::ShadowStore;
use crate::telemetry::{Meters, ShadowOf, ShadowSnapshot};

/// What readiness is told.
pub(super) fn found(store: Arc<dyn ShadowStore>, source: ShadowSource) -> ShadowFound {
    Arc::new(move || {
        let (store, kept) = (Arc::clone(&store), (source.keep)());
        Box::pin(async move {
            kept.await;
            let record = store.shadow_record(false).await?;
            Ok(report::evidence(&record).map(|all| {
                let all = all.into_iter().map(|(operation, found)| {
                    let compared = Compared {
                        clean: found.clean,
                        different: found.different,
                        dry: found.dry,
                    };
                    (operation, compared)
                });
                all.collect()
            }))
        })
    })
}

impl Operator {
    /// What the routes and pages of shadowing work on.
    pub(super) fn shadow_api(&self) -> ShadowApi {
        ShadowApi {
            store: Arc::clone(&self.faces.shadow),
            clock: Arc::clone(&self.payments.clock),
            live: Arc::clone(&self.live),
            source: self.shadow.clone(),
        }
    }
}

/// Reads the metrics at a scrape, all counts of one moment.
pub(super) async fn measure(store: &dyn ShadowStore, source: &ShadowSource, meters: &Meters) {
    let record = store.shadow_record(false).await.ok();
    let fields = record.as_ref().map(report::fields_that_count);
    meters.shadow.show(snapshot(&(source.figures)(), fields));
}

fn snapshot(figures: &ShadowFigures, fields: Option<u64>) -> ShadowSnapshot {
    let mut operations: BTreeMap<&'static str, ShadowOf> = BTreeMap::new();
    for ((operation, _way), running) in &figures.accounts {
        let of = operations.entry(operation.word()).or_default();
        of.offered += running.offered;
        of.in_flight += running.in_flight;
        of.clean += running.clean;
        of.differing += running.differing;
        of.filtered += running.filtered;
        of.failed += running.failed;
        for (reason, count) in &running.dropped {
            *of.dropped.entry(*reason).or_default() += count;
        }
    }
    ShadowSnapshot {
        operations,
        silent: figures.silent,
        fields,
    }
}
