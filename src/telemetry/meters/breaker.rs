//! Metrics of the breakers, and of what may be sent again.
//!
//! Must not: decide anything.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::Meters;
use crate::telemetry::words::{Api, BreakerState};

/// Of each API behind the bridge.
#[derive(Debug, Default)]
pub(super) struct BreakerMeters {
    state: Family<ApiLabels, Gauge>,
    opened: Family<ApiLabels, Counter>,
    retries_refused: Family<ApiLabels, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ApiLabels {
    api: Api,
}

impl BreakerMeters {
    pub(super) fn register(&self, all: &mut Registry) {
        all.register(
            "bridge_upstream_breaker_state",
            "0: calls go to the API; 1: one call tries whether it answers again; 2: none goes, they are answered 502 at once",
            self.state.clone(),
        );
        all.register(
            "bridge_upstream_breaker_opened",
            "Times that calls to the API were stopped, because too many in a row had failed or the one that tried did",
            self.opened.clone(),
        );
        all.register(
            "bridge_upstream_retries_refused",
            "Calls that were not repeated because too many others were (a fifth of the calls may be)",
            self.retries_refused.clone(),
        );
    }
}

impl Meters {
    /// The breaker of an API is in this state from now on.
    pub fn breaker_state(&self, api: Api, state: BreakerState) {
        let labels = ApiLabels { api };
        self.breakers.state.get_or_create(&labels).set(match state {
            BreakerState::Closed => 0,
            BreakerState::HalfOpen => 1,
            BreakerState::Open => 2,
        });
        let opened = self.breakers.opened.get_or_create(&labels);
        if state == BreakerState::Open {
            opened.inc();
        }
    }

    /// A call was not repeated, because too many others were.
    pub fn retry_refused(&self, api: Api) {
        self.breakers
            .retries_refused
            .get_or_create(&ApiLabels { api })
            .inc();
    }
}
