//! The metrics of the money ledger and of payments that may still change.
//!
//! Values are set at a scrape from the store's own counts, so they go back to 0 by themselves. Must not: have a label that
//! a merchant supplies.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OpenLabels {
    origin: &'static str,
    class: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AmountLabels {
    origin: &'static str,
    class: &'static str,
    currency: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabels {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

/// The ledger's metrics.
#[derive(Clone, Debug, Default)]
pub struct LedgerMeters {
    open: Family<OpenLabels, Gauge>,
    amount: Family<AmountLabels, Gauge>,
    expiring: Gauge,
    mismatches: Family<KindLabels, Gauge>,
    reads: Family<OutcomeLabels, Counter>,
}

impl LedgerMeters {
    pub(super) fn register(&self, all: &mut Registry) {
        all.register(
            "bridge_payments_open",
            "Payments that may still change, by where they were created and how: unknown or created (nobody has told of an approval), reserved, partly_captured, refundable",
            self.open.clone(),
        );
        all.register(
            "bridge_payments_open_amount",
            "What may still be captured, and of refundable ones refunded, in minor units",
            self.amount.clone(),
        );
        all.register(
            "bridge_payments_expiring",
            "Reserved payments whose guaranteed time to be captured ends within three days or has ended",
            self.expiring.clone(),
        );
        all.register(
            "bridge_ledger_mismatches",
            "Open mismatches of the money ledger by kind; more than zero needs a look at once",
            self.mismatches.clone(),
        );
        all.register(
            "bridge_ledger_reads",
            "Looks of the money ledger at payments, by what came of them: read, later (limits), no_credentials, no_answer, never",
            self.reads.clone(),
        );
    }

    /// Sets how many payments of an origin and class are open.
    pub fn set_open(&self, origin: &'static str, class: &'static str, count: u64) {
        let labels = OpenLabels { origin, class };
        self.open.get_or_create(&labels).set(signed(count));
    }

    /// Sets their sum; `clear_amounts` comes before.
    pub fn set_amount(
        &self,
        origin: &'static str,
        class: &'static str,
        currency: &'static str,
        minor_units: i64,
    ) {
        let labels = AmountLabels {
            origin,
            class,
            currency,
        };
        self.amount.get_or_create(&labels).set(minor_units);
    }

    /// Forgets the sums.
    pub fn clear_amounts(&self) {
        self.amount.clear();
    }

    /// Sets how many guarantees end soon.
    pub fn set_expiring(&self, count: u64) {
        self.expiring.set(signed(count));
    }

    /// Sets how many mismatches of a kind are open.
    pub fn set_mismatches(&self, kind: &'static str, count: u64) {
        self.mismatches
            .get_or_create(&KindLabels { kind })
            .set(signed(count));
    }

    /// A look ended; `outcome` is a word of the code.
    pub fn read(&self, outcome: &'static str) {
        self.reads.get_or_create(&OutcomeLabels { outcome }).inc();
    }
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
