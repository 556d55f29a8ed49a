//! The metrics of shadowing, all of one moment: in one scrape offered = verdicts + in flight, for each operation.
//!
//! Must not: be counted one by one. A scrape that falls between two counters would show calls that were lost.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

/// The counts of one operation since the start of the process, all ways together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShadowOf {
    /// Calls whose answer was seen.
    pub offered: u64,
    /// Begun and not ended.
    pub in_flight: u64,
    /// Compared, and nothing differs.
    pub clean: u64,
    /// Compared, and something differs.
    pub differing: u64,
    /// Not to be compared.
    pub filtered: u64,
    /// No room or no time for it, by reason.
    pub dropped: BTreeMap<&'static str, u64>,
    /// Could not be compared.
    pub failed: u64,
}

/// All that is shown of shadowing, as it was at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShadowSnapshot {
    /// By the operation's word.
    pub operations: BTreeMap<&'static str, ShadowOf>,
    /// On, but nothing is compared.
    pub silent: bool,
    /// Fields that differ and count; none: the store could not be asked, and nothing is shown.
    pub fields: Option<u64>,
}

/// The metrics of shadowing.
#[derive(Clone, Debug, Default)]
pub struct ShadowMeters(Arc<Mutex<ShadowSnapshot>>);

impl ShadowMeters {
    pub(super) fn register(&self, all: &mut Registry) {
        all.register_collector(Box::new(self.clone()));
    }

    /// Shows this from now on.
    pub fn show(&self, snapshot: ShadowSnapshot) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = snapshot;
    }
}

impl Collector for ShadowMeters {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let now = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let mut offered = encoder.encode_descriptor(
            "bridge_shadow_offered",
            "Calls whose answer shadowing was shown, by operation.",
            None,
            MetricType::Counter,
        )?;
        for (operation, of) in &now.operations {
            let labels = [("operation", *operation)];
            ConstCounter::new(of.offered).encode(offered.encode_family(&labels)?)?;
        }
        let mut ended = encoder.encode_descriptor(
            "bridge_shadow",
            "What became of them: clean, differing, filtered (not to be compared), dropped (no room or time) or failed.",
            None,
            MetricType::Counter,
        )?;
        for (operation, of) in &now.operations {
            let dropped = of
                .dropped
                .values()
                .fold(0, |sum: u64, one| sum.saturating_add(*one));
            for (verdict, count) in [
                ("clean", of.clean),
                ("differing", of.differing),
                ("filtered", of.filtered),
                ("dropped", dropped),
                ("failed", of.failed),
            ] {
                let labels = [("operation", *operation), ("verdict", verdict)];
                ConstCounter::new(count).encode(ended.encode_family(&labels)?)?;
            }
        }
        let mut dropped = encoder.encode_descriptor(
            "bridge_shadow_dropped",
            "Calls that shadowing had no room or no time for, by reason.",
            None,
            MetricType::Counter,
        )?;
        let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
        for (reason, count) in now.operations.values().flat_map(|of| &of.dropped) {
            let sum = reasons.entry(*reason).or_default();
            *sum = sum.saturating_add(*count);
        }
        for (reason, count) in reasons {
            let labels = [("reason", reason)];
            ConstCounter::new(count).encode(dropped.encode_family(&labels)?)?;
        }
        let mut in_flight = encoder.encode_descriptor(
            "bridge_shadow_in_flight",
            "Calls that are being compared or wait for it, by operation.",
            None,
            MetricType::Gauge,
        )?;
        for (operation, of) in &now.operations {
            let labels = [("operation", *operation)];
            ConstGauge::new(super::signed(of.in_flight))
                .encode(in_flight.encode_family(&labels)?)?;
        }
        let silent = encoder.encode_descriptor(
            "bridge_shadow_silent",
            "1 where calls are offered and nothing is compared: shadowing is on and proves nothing.",
            None,
            MetricType::Gauge,
        )?;
        ConstGauge::new(i64::from(now.silent)).encode(silent)?;
        if let Some(count) = now.fields {
            let fields = encoder.encode_descriptor(
                "bridge_shadow_fields",
                "Fields in which both APIs differ beyond the noise and that nobody has judged away, of all instances.",
                None,
                MetricType::Gauge,
            )?;
            ConstGauge::new(super::signed(count)).encode(fields)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_scrape_shows_one_moment() {
        let meters = ShadowMeters::default();
        let mut registry = Registry::default();
        meters.register(&mut registry);
        let of = ShadowOf {
            offered: 12,
            in_flight: 1,
            clean: 3,
            differing: 1,
            filtered: 4,
            dropped: BTreeMap::from([("queue-full", 2)]),
            failed: 1,
        };
        meters.show(ShadowSnapshot {
            operations: BTreeMap::from([("details", of)]),
            silent: true,
            fields: Some(2),
        });
        let mut text = String::new();
        prometheus_client::encoding::prometheus_text::encode(&mut text, &registry).unwrap();
        let shown: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            shown,
            [
                "bridge_shadow_offered_total{operation=\"details\"} 12",
                "bridge_shadow_total{operation=\"details\",verdict=\"clean\"} 3",
                "bridge_shadow_total{operation=\"details\",verdict=\"differing\"} 1",
                "bridge_shadow_total{operation=\"details\",verdict=\"filtered\"} 4",
                "bridge_shadow_total{operation=\"details\",verdict=\"dropped\"} 2",
                "bridge_shadow_total{operation=\"details\",verdict=\"failed\"} 1",
                "bridge_shadow_dropped_total{reason=\"queue-full\"} 2",
                "bridge_shadow_in_flight{operation=\"details\"} 1",
                "bridge_shadow_silent 1",
                "bridge_shadow_fields 2",
            ]
        );
    }
}
