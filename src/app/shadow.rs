//! What is asked of shadowing: evidence for readiness, figures for pages and metrics.
//!
//! Must not: hold a rule.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::StartError;
use super::operator::Operator;
use super::stores::Faces;
use crate::admin::shadow::{ShadowApi, ShadowSource};
use crate::payments::Payments;
use crate::readiness::{Compared, ShadowFound};
use crate::settings::{Settings, ShadowMode};
use crate::shadow::mirror::Mirror;
use crate::shadow::record::Recorder;
use crate::shadow::report::{self, ShadowFigures};
use crate::shadow::{Shadow, ShadowParts};
use crate::store::ShadowStore;
use crate::telemetry::{LinesDropped, Meters, ShadowOf, ShadowSnapshot};
use crate::upstream::reads::{EcomReader, Reader};
use crate::upstream::share::ReadShare;

/// Shadowing as the settings ask for it; none where it is off.
pub(super) fn build(
    settings: &Settings,
    payments: &Arc<Payments>,
    faces: &Faces,
    share: ReadShare,
) -> Result<Option<Arc<Shadow>>, StartError> {
    let shadow = settings.shadow.clone();
    if shadow.mode == ShadowMode::Off {
        return Ok(None);
    }
    let base_url = settings.upstream.base_url.as_str();
    let connect = settings.upstream.connect_timeout.min(shadow.timeout);
    // Counts of its own: nothing of a shadow is seen in those of the primary path.
    let meters = Arc::new(Meters::new(&LinesDropped::default()));
    let parts = ShadowParts {
        payments: Arc::clone(payments),
        epayment: Reader::new(base_url, connect, meters)?,
        ecom: EcomReader::new(base_url, connect, shadow.timeout)?,
        store: Arc::clone(&faces.shadow),
        share,
        mirror: match shadow.mode {
            ShadowMode::Write => Some(Mirror::new(settings, Arc::clone(&payments.clock))?),
            _ => None,
        },
        recorder: match &shadow.record_file {
            Some(file) => Some(Recorder::open(file, shadow.record_max)?),
            None => None,
        },
    };
    Ok(Some(Shadow::new(shadow, parts)))
}

/// What the running process tells.
pub(super) fn source(shadow: Option<&Arc<Shadow>>) -> ShadowSource {
    let Some(shadow) = shadow else {
        return ShadowSource::default();
    };
    let (figures, keep) = (Arc::clone(shadow), Arc::clone(shadow));
    ShadowSource {
        figures: Arc::new(move || figures.figures()),
        keep: Arc::new(move || {
            let shadow = Arc::clone(&keep);
            Box::pin(async move { shadow.keep().await })
        }),
    }
}

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
