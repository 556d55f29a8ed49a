//! Metrics of the steering.
//!
//! Must not: name a sales unit or a person.

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::Meters;

/// What is steered at run time.
#[derive(Debug, Default)]
pub(super) struct SteeringGauges {
    overrides: Gauge,
    kill_switches: Gauge,
}

impl SteeringGauges {
    pub(super) fn register(&self, all: &mut Registry) {
        all.register(
            "bridge_overrides",
            "Overrides in force that were made at run time, kill switches included",
            self.overrides.clone(),
        );
        all.register(
            "bridge_kill_switches",
            "Kill switches that are on",
            self.kill_switches.clone(),
        );
    }
}

impl Meters {
    /// Sets how many overrides are in force, and how many of them are kill switches.
    pub fn set_overrides(&self, overrides: usize, kill_switches: usize) {
        let signed = |count| i64::try_from(count).unwrap_or(i64::MAX);
        self.steering.overrides.set(signed(overrides));
        self.steering.kill_switches.set(signed(kill_switches));
    }
}
