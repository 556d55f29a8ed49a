//! Metrics of the operator's listener, and what its pages show of others.
//!
//! Must not: name a visitor.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use super::{Meters, ReasonLabels};

/// Who was turned away.
#[derive(Debug, Default)]
pub(super) struct AdminCounters {
    refused: Family<ReasonLabels, Counter>,
}

impl AdminCounters {
    pub(super) fn register(&self, all: &mut Registry) {
        all.register(
            "bridge_admin_refused",
            "Requests to the admin listener that were turned away: wrong-token, too-many (wrong ones from one address), cross-site, not-local",
            self.refused.clone(),
        );
    }
}

impl Meters {
    /// A request to the admin listener was turned away; `reason` is a word of the code.
    pub fn admin_refused(&self, reason: &'static str) {
        let labels = ReasonLabels { reason };
        self.admin.refused.get_or_create(&labels).inc();
    }

    /// Requests of merchants being served now.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        u64::try_from(self.in_flight.get()).unwrap_or(0)
    }
}
