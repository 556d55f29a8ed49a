//! Metrics of the steering.
//!
//! Must not: name a sales unit or a person.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::Meters;

/// What is steered at run time.
#[derive(Debug, Default)]
pub(super) struct SteeringGauges {
    overrides: Gauge,
    kill_switches: Gauge,
    moves: Family<MoveLabels, Counter>,
    would: Family<MoveLabels, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MoveLabels {
    r#move: &'static str,
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
        all.register(
            "bridge_automatic_moves",
            "Moves of ramp and rollback: begin, raise, back, free, and resets by an operator",
            self.moves.clone(),
        );
        all.register(
            "bridge_automatic_would",
            "Moves that ramp and rollback would have made if both were on",
            self.would.clone(),
        );
    }
}

impl Meters {
    /// Ramp or rollback moved a sales unit's new payments, or would have if it were on; `word` is the kind of move.
    pub fn automatic_move(&self, word: &'static str, acts: bool) {
        let family = if acts {
            &self.steering.moves
        } else {
            &self.steering.would
        };
        family.get_or_create(&MoveLabels { r#move: word }).inc();
    }

    /// Sets how many overrides are in force, and how many of them are kill switches.
    pub fn set_overrides(&self, overrides: usize, kill_switches: usize) {
        let signed = |count| i64::try_from(count).unwrap_or(i64::MAX);
        self.steering.overrides.set(signed(overrides));
        self.steering.kill_switches.set(signed(kill_switches));
    }
}
