//! Every metric, its labels and its buckets, on a registry of its own.
//!
//! Label values are words of this program; no order id, no text of a merchant. A metric is registered only where
//! something moves it: those of webhooks and shadowing come with their subjects. Times are in seconds.

mod admin;
mod breaker;
mod reload;
mod shadow;
mod steering;

use std::fmt;

use admin::AdminCounters;
use breaker::BreakerMeters;
use prometheus_client::encoding::{
    EncodeLabelSet, EncodeLabelValue, LabelValueEncoder, prometheus_text,
};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use reload::ReloadMeters;
use shadow::ShadowMeters;
pub use shadow::{ShadowOf, ShadowSnapshot};
use steering::SteeringGauges;

use super::ledger::LedgerMeters;
use super::logging::LinesDropped;
use super::words::{Api, Op, Route};
use crate::types::Moment;

/// From 5 ms (answered by the bridge) to a minute (beyond any default timeout).
const REQUEST_SECONDS: [f64; 13] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
];

/// From a tenth of a millisecond (a cached read) to 5 s (a lock that does not go away).
const STORE_SECONDS: [f64; 12] = [
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 1.0, 5.0,
];

/// From 50 ms (a healthy shop) over the waits of the schedule to a week.
const CALLBACK_SECONDS: [f64; 15] = [
    0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 300.0, 1_800.0, 7_200.0, 43_200.0, 172_800.0,
    604_800.0,
];

type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

macro_rules! word_label {
    ($($name:ident),*) => {$(
        impl EncodeLabelValue for $name {
            fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
                EncodeLabelValue::encode(&self.word(), encoder)
            }
        }
    )*};
}

word_label!(Op, Route, Api);

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    operation: Op,
    route: Route,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    operation: Op,
    route: Route,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct UpstreamLabels {
    api: Api,
    operation: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ErrorLabels {
    api: Api,
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StepLabels {
    step: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WebhookLabels {
    event: &'static str,
    outcome: &'static str,
}

/// All metrics. Methods take what happened; `render` answers a scrape.
#[derive(Debug)]
pub struct Meters {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    request_seconds: Histograms<RouteLabels>,
    upstream_seconds: Histograms<UpstreamLabels>,
    upstream_errors: Family<ErrorLabels, Counter>,
    breakers: BreakerMeters,
    untranslatable: Family<ReasonLabels, Counter>,
    in_flight: Gauge,
    shed: Counter,
    store_seconds: Histograms<StepLabels>,
    ambiguous_open: Gauge,
    webhooks: Family<WebhookLabels, Counter>,
    callbacks: Family<OutcomeLabels, Counter>,
    callbacks_pending: Gauge,
    callbacks_dead: Gauge,
    events_unmatched: Gauge,
    steering: SteeringGauges,
    reload: ReloadMeters,
    admin: AdminCounters,
    /// Of the merchants' listener; no sample with plain HTTP.
    certificate_end: Family<[(&'static str, &'static str); 0], Gauge>,
    callback_delay: Histogram,
    details_cache: Family<OutcomeLabels, Counter>,
    log_lines_dropped: LinesDropped,
    /// Of the money ledger.
    pub ledger: LedgerMeters,
    /// Of shadowing.
    pub shadow: ShadowMeters,
}

impl Default for Meters {
    fn default() -> Self {
        Self::new(&LinesDropped::default())
    }
}

impl Meters {
    /// The `Content-Type` of what [`Meters::render`] answers.
    pub const CONTENT_TYPE: &'static str = prometheus_text::CONTENT_TYPE;

    /// All at zero, but for the lines that logging has dropped so far.
    #[must_use]
    pub fn new(log_lines_dropped: &LinesDropped) -> Self {
        let requests: fn() -> Histogram = || Histogram::new(REQUEST_SECONDS);
        let store: fn() -> Histogram = || Histogram::new(STORE_SECONDS);
        let mut meters = Self {
            registry: Registry::default(),
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(requests),
            upstream_seconds: Family::new_with_constructor(requests),
            upstream_errors: Family::default(),
            breakers: BreakerMeters::default(),
            untranslatable: Family::default(),
            in_flight: Gauge::default(),
            shed: Counter::default(),
            store_seconds: Family::new_with_constructor(store),
            ambiguous_open: Gauge::default(),
            webhooks: Family::default(),
            callbacks: Family::default(),
            callbacks_pending: Gauge::default(),
            callbacks_dead: Gauge::default(),
            events_unmatched: Gauge::default(),
            steering: SteeringGauges::default(),
            reload: ReloadMeters::default(),
            admin: AdminCounters::default(),
            callback_delay: Histogram::new(CALLBACK_SECONDS),
            details_cache: Family::default(),
            certificate_end: Family::default(),
            log_lines_dropped: log_lines_dropped.clone(),
            ledger: LedgerMeters::default(),
            shadow: ShadowMeters::default(),
        };
        meters.register();
        meters
    }

    /// Names are those of the contract; the library adds `_total` to counters and a full stop to help texts.
    fn register(&mut self) {
        let all = &mut self.registry;
        all.register(
            "bridge_requests",
            "Requests of merchants answered, by operation, the way they went and HTTP status",
            self.requests.clone(),
        );
        all.register(
            "bridge_request_seconds",
            "Time from a merchant's request to the bridge's answer",
            self.request_seconds.clone(),
        );
        all.register(
            "bridge_upstream_seconds",
            "Time of single calls to the APIs behind the bridge, failed ones included",
            self.upstream_seconds.clone(),
        );
        all.register(
            "bridge_upstream_errors",
            "Calls to the APIs behind the bridge that brought no usable answer, by kind of failure",
            self.upstream_errors.clone(),
        );
        all.register(
            "bridge_untranslatable",
            "Calls that ePayment cannot express, by reason",
            self.untranslatable.clone(),
        );
        all.register(
            "bridge_in_flight",
            "Requests of merchants being served now",
            self.in_flight.clone(),
        );
        all.register(
            "bridge_shed",
            "Requests answered 503 at once because all places in flight, or the memory for bodies, were taken",
            self.shed.clone(),
        );
        all.register(
            "bridge_store_seconds",
            "Time of single steps of the store, waiting for it included",
            self.store_seconds.clone(),
        );
        all.register(
            "bridge_ambiguous_open",
            "Changes of payments whose outcome is not known yet; more than zero for long needs a look",
            self.ambiguous_open.clone(),
        );
        all.register(
            "bridge_details_cache",
            "Reads of payments that may share a look at ePayment (reads.details_cache): hit (a look made before), joined (one under way) or miss (one of its own)",
            self.details_cache.clone(),
        );
        self.breakers.register(&mut self.registry);
        self.register_callbacks();
        self.steering.register(&mut self.registry);
        self.admin.register(&mut self.registry);
        self.reload.register(&mut self.registry);
        self.registry.register(
            "bridge_tls_certificate_end_seconds",
            "When the certificate of the merchants' listener ends, in seconds since 1970; none with plain HTTP",
            self.certificate_end.clone(),
        );
        self.ledger.register(&mut self.registry);
        self.shadow.register(&mut self.registry);
        self.registry.register(
            "bridge_log_lines_dropped",
            "Log lines lost because standard output did not take them in time",
            self.log_lines_dropped.counter().clone(),
        );
    }

    fn register_callbacks(&mut self) {
        let all = &mut self.registry;
        all.register(
            "bridge_webhooks",
            "Webhooks of ePayment by event and what came of them: queued, recorded, duplicate, unmatched, unauthorized, not_recorded, or why it is kept as a stray; and failed registrations",
            self.webhooks.clone(),
        );
        all.register(
            "bridge_callbacks",
            "Attempts to call a merchant back, by what came of them: delivered, retried (failed, to be repeated) or dead (given up)",
            self.callbacks.clone(),
        );
        all.register(
            "bridge_callbacks_pending",
            "Callbacks that wait for their direct capture or their delivery",
            self.callbacks_pending.clone(),
        );
        all.register(
            "bridge_callbacks_dead",
            "Callbacks that were given up and wait for an operator; more than zero needs a look",
            self.callbacks_dead.clone(),
        );
        all.register(
            "bridge_events_unmatched",
            "Events of payments that the bridge does not know: its own are found by asking ePayment, others are another system's",
            self.events_unmatched.clone(),
        );
        all.register(
            "bridge_callback_delay_seconds",
            "Time from a payment's event to the merchant's 2xx to its callback",
            self.callback_delay.clone(),
        );
    }

    /// A merchant's request was answered; `seconds` from its arrival.
    pub fn request(&self, operation: impl Into<Op>, route: Route, status: u16, seconds: f64) {
        let operation = operation.into();
        self.requests
            .get_or_create(&RequestLabels {
                operation,
                route,
                status,
            })
            .inc();
        self.request_seconds
            .get_or_create(&RouteLabels { operation, route })
            .observe(seconds);
    }

    /// One call to an API ended, well or not; `operation` is a word of the code, such as `capture`.
    pub fn upstream(&self, api: Api, operation: &'static str, seconds: f64) {
        self.upstream_seconds
            .get_or_create(&UpstreamLabels { api, operation })
            .observe(seconds);
    }

    /// One call brought no usable answer; `kind` is a word of the code, such as `timeout`.
    pub fn upstream_error(&self, api: Api, kind: &'static str) {
        self.upstream_errors
            .get_or_create(&ErrorLabels { api, kind })
            .inc();
    }

    /// A call could not be translated.
    pub fn untranslatable(&self, reason: &'static str) {
        self.untranslatable
            .get_or_create(&ReasonLabels { reason })
            .inc();
    }

    /// A request is being served now.
    pub fn began(&self) {
        self.in_flight.inc();
    }

    /// One that had begun is being served no more.
    pub fn ended(&self) {
        self.in_flight.dec();
    }

    /// A request was turned away because too many were being served.
    pub fn shed(&self) {
        self.shed.inc();
    }

    /// The certificate of the merchants' listener ends then.
    pub fn certificate_ends(&self, then: Moment) {
        let seconds = then.millis() / 1000;
        self.certificate_end.get_or_create(&[]).set(seconds);
    }

    /// One step of the store ended; `step` is its method's name.
    pub fn store(&self, step: &'static str, seconds: f64) {
        self.store_seconds
            .get_or_create(&StepLabels { step })
            .observe(seconds);
    }

    /// Sets how many changes have an unknown outcome, as counted in the store.
    pub fn set_ambiguous_open(&self, count: u64) {
        self.ambiguous_open.set(signed(count));
    }

    /// A read that may share a look was answered; `outcome` is hit, joined or miss.
    pub fn details_cache(&self, outcome: &'static str) {
        self.details_cache
            .get_or_create(&OutcomeLabels { outcome })
            .inc();
    }

    /// An attempt to call a merchant back ended; `outcome` is a word of the code, such as `delivered`.
    pub fn callback(&self, outcome: &'static str) {
        self.callbacks
            .get_or_create(&OutcomeLabels { outcome })
            .inc();
    }

    /// A callback was delivered so many seconds after its event.
    pub fn callback_delay(&self, seconds: f64) {
        self.callback_delay.observe(seconds);
    }

    /// A webhook was taken, or a registration failed; both words are of the code.
    pub fn webhook(&self, event: &'static str, outcome: &'static str) {
        self.webhooks
            .get_or_create(&WebhookLabels { event, outcome })
            .inc();
    }

    /// Sets how many callbacks wait, how many are dead and how many events are unmatched, as counted in the store.
    pub fn set_callbacks(&self, pending: u64, dead: u64, unmatched: u64) {
        self.callbacks_pending.set(signed(pending));
        self.callbacks_dead.set(signed(dead));
        self.events_unmatched.set(signed(unmatched));
    }

    /// The log lines dropped so far.
    #[must_use]
    pub fn log_lines_dropped(&self) -> u64 {
        self.log_lines_dropped.get()
    }

    /// Everything, as [`Meters::CONTENT_TYPE`] says.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail; a part is better than a panic if the library disagrees.
        let _infallible = prometheus_text::encode(&mut text, &self.registry);
        text
    }
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
