//! Metrics of reading the configuration again.
//!
//! Must not: name a key or a value.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::{Meters, OutcomeLabels};

/// How the configuration was read again.
#[derive(Debug, Default)]
pub(super) struct ReloadMeters {
    reloads: Family<OutcomeLabels, Counter>,
    failed: Gauge,
}

impl ReloadMeters {
    pub(super) fn register(&self, all: &mut Registry) {
        all.register(
            "bridge_reloads",
            "Times that the configuration was read again, by what came of it: applied, unchanged or refused",
            self.reloads.clone(),
        );
        all.register(
            "bridge_reload_failed",
            "1 while the configuration that was read last is not in force, because it was refused",
            self.failed.clone(),
        );
    }
}

impl Meters {
    /// Counts a configuration that was put in force, or found to be in force already.
    pub fn reloaded(&self, outcome: &'static str) {
        self.count_reload(outcome, 0);
    }

    /// Counts a configuration that was refused.
    pub fn reload_refused(&self) {
        self.count_reload("refused", 1);
    }

    fn count_reload(&self, outcome: &'static str, failed: i64) {
        let labels = OutcomeLabels { outcome };
        self.reload.reloads.get_or_create(&labels).inc();
        self.reload.failed.set(failed);
    }
}
