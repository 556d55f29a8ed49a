//! The validated settings: every value typed, every duration a `Duration`, every secret hidden from `Debug`.
//!
//! Source: the keys of `config/default.toml`, in its order. Must not: read files, or hold a value that was not checked.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretBox, SecretString};
use subtle::ConstantTimeEq;

use super::disk::Named;
use super::file::Entry;
use super::problem::Warning;
use super::url::{BaseUrl, StoreUrl};
use crate::ecom::route::Operation;
use crate::epayment::model::CustomerInteraction;
use crate::routing::{Routing, RoutingOverride};
use crate::types::{CountryCode, Currency, Moment, Msn};

/// Everything an operator can set, validated.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The merchant-facing listener.
    pub proxy: Proxy,
    /// The APIs behind the bridge.
    pub upstream: Upstream,
    /// Where events reach the bridge.
    pub webhooks: Webhooks,
    /// How the bridge reaches merchants.
    pub callbacks: Callbacks,
    /// The bridge's own records.
    pub store: Store,
    /// Reads that no merchant asked for, and repeated ones.
    pub reads: Reads,
    /// The operator's listener.
    pub admin: Admin,
    /// Which API serves what, where a merchant has no rule of its own.
    pub routing: Routing,
    /// New payments that move by themselves.
    pub ramp: Ramp,
    /// New payments that go back by themselves.
    pub rollback: Rollback,
    /// What a merchant without a rule of its own gets.
    pub merchant_defaults: MerchantSettings,
    /// The configured sales units.
    pub merchants: BTreeMap<Msn, Merchant>,
    /// Comparing both APIs.
    pub shadow: Shadow,
    /// Logs.
    pub telemetry: Telemetry,
    /// What does not refuse the configuration, but should be known.
    pub(super) warnings: Vec<Warning>,
    /// The files that it names and whose content is a part of it.
    pub(super) named: Vec<Named>,
    /// The effective values with their origin, secrets masked.
    pub(super) entries: Vec<Entry>,
}

/// `[proxy]`.
#[derive(Clone, Debug)]
pub struct Proxy {
    /// Where merchants' calls arrive; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Certificate and key; `None`: plain HTTP.
    pub tls: Option<TlsFiles>,
    /// For one whole request, the bridge's answer included.
    pub request_timeout: Duration,
    /// In bytes, of calls that the bridge reads.
    pub max_body_bytes: usize,
    /// Requests served at once; more are answered 503.
    pub max_in_flight: usize,
    /// How long a stopping bridge waits for the requests in flight.
    pub drain_timeout: Duration,
}

/// PEM files of a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate chain, the leaf first.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// `[upstream]`.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// Scheme, host and perhaps a path prefix, of both APIs.
    pub base_url: BaseUrl,
    /// For connecting, TLS included.
    pub connect_timeout: Duration,
    /// For one attempt, from sending to the last byte of the answer.
    pub timeout: Duration,
    /// Further attempts after the first, with the same idempotency key.
    pub retries: u8,
    /// Failures in a row that open an API's breaker; 0: never.
    pub breaker_failures: u32,
    /// How long it stays open, about.
    pub breaker_open: Duration,
}

/// `[webhooks]`.
#[derive(Clone, Debug)]
pub struct Webhooks {
    /// Where events arrive.
    pub listen: SocketAddr,
    /// The address under which the upstream reaches `listen`; `None`: no webhooks.
    pub public_url: Option<BaseUrl>,
    /// Who registers the webhooks.
    pub register: Register,
}

/// `webhooks.register`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Register {
    /// The bridge, for each merchant it has credentials of.
    Auto,
    /// The operator; the secrets are in `merchants.webhook_secret`.
    Off,
}

/// `[callbacks]`.
#[derive(Clone, Debug)]
pub struct Callbacks {
    /// For one attempt.
    pub timeout: Duration,
    /// The wait before each attempt, the first included; at its end the callback is dead.
    pub schedule: Vec<Duration>,
    /// Whether plain HTTP may be used, to private and loopback hosts only.
    pub allow_http: bool,
    /// Whether callbacks may go to private and loopback addresses.
    pub allow_private_addresses: bool,
    /// The only hosts to call, in lower case; empty: any public one.
    pub allowed_hosts: Vec<String>,
}

/// `[store]`.
#[derive(Clone, Debug)]
pub struct Store {
    /// Where the records are.
    pub url: StoreUrl,
    /// Seals secrets at rest, from `encryption_key` or `encryption_key_file`.
    pub encryption_key: Option<EncryptionKey>,
    /// Open what was sealed before, and seal nothing.
    pub encryption_key_previous: Vec<EncryptionKey>,
    /// Whether payments carry what is needed to restore their record.
    pub recovery_metadata: bool,
    /// Of a payment, counted from its last change.
    pub retention: Duration,
    /// Of a delivered callback.
    pub callback_retention: Duration,
    /// Percent (1 to 100) of the time in which old records may be pruned.
    pub background_share_percent: u8,
}

/// A key of 32 bytes. `Debug` hides it; the bytes are wiped when the last copy goes.
#[derive(Clone)]
pub struct EncryptionKey(Arc<SecretBox<[u8; 32]>>);

impl EncryptionKey {
    /// Takes the bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Arc::new(SecretBox::new(Box::new(bytes))))
    }

    /// The bytes, for the cipher only.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        self.0.expose_secret()
    }
}

impl std::fmt::Debug for EncryptionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EncryptionKey(hidden)")
    }
}

/// `[reads]`.
#[derive(Clone, Debug)]
pub struct Reads {
    /// Whether payments of unknown end are read in the background.
    pub poll: bool,
    /// Percent (0 to 100) of the published read limits for background reads.
    pub background_share_percent: u8,
    /// How long one look at a payment serves identical reads, from when it began, 0 s (never) to 10 s.
    pub details_cache: Duration,
}

/// `[admin]`.
#[derive(Clone, Debug)]
pub struct Admin {
    /// Where operators and scrapers come.
    pub listen: SocketAddr,
    /// What they must show; `None` only on a loopback listener.
    pub token: Option<SecretString>,
}

/// `[ramp]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ramp {
    /// Whether it acts; it counts in any case.
    pub enabled: bool,
    /// Percent of new payments, ascending, 1 to 100.
    pub steps: Vec<u8>,
    /// How long the bounds must hold at each.
    pub hold: Duration,
}

/// `[rollback]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rollback {
    /// Whether it acts; it counts in any case.
    pub enabled: bool,
    /// The time that is looked at.
    pub window: Duration,
    /// With fewer calls on a side nothing is said of it; as many bad ones in a row are enough.
    pub min_samples: u64,
    /// By so many percent points ePayment may be worse.
    pub error_margin_points: u8,
    /// More percent of bad calls than this are too many, whatever they are compared with.
    pub error_limit_percent: u8,
    /// By so many percent ePayment may be slower.
    pub latency_margin_percent: u16,
    /// How long the first way back holds; each further one twice as long.
    pub cooldown: Duration,
}

/// What is decided per sales unit, resolved: the merchant's own value, else the default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MerchantSettings {
    /// The currency of new payments (eCom names none).
    pub currency: Currency,
    /// Put before local phone numbers.
    pub country_code: CountryCode,
    /// Whether a reserved payment is captured by the bridge at once.
    pub direct_capture: bool,
    /// Sent with every new payment.
    pub customer_interaction: CustomerInteraction,
    /// After which an unapproved payment is ended; `None`: never.
    pub unapproved_limit: Option<Duration>,
}

/// One table of `[[merchants]]`.
#[derive(Clone, Debug)]
pub struct Merchant {
    /// Its number.
    pub msn: Msn,
    /// `Ocp-Apim-Subscription-Key`.
    pub subscription_key: Option<SecretString>,
    /// `client_id` of the token call; set together with `client_secret`.
    pub client_id: Option<String>,
    /// `client_secret` of the token call.
    pub client_secret: Option<SecretString>,
    /// Of a webhook that the bridge did not register itself.
    pub webhook_secret: Option<SecretString>,
    /// What it routes in its own way.
    pub routing: RoutingOverride,
    /// Its settings, resolved.
    pub settings: MerchantSettings,
    /// How it is shadowed.
    pub shadow: MerchantShadow,
}

/// `[merchants.shadow]`: how a sales unit is shadowed, and what its shadow is upstream. Nothing of it is the merchant's
/// own: a shadow upstream never sees its token, its keys or its customers' numbers.
#[derive(Clone, Debug)]
pub struct MerchantShadow {
    /// Whether its calls are compared.
    pub enabled: bool,
    /// Percent (0 to 100) of its payments; none: `shadow.sample_percent`.
    pub sample_percent: Option<u8>,
    /// Of write mode: the sales unit at the shadow upstream.
    pub msn: Option<Msn>,
    /// Of write mode: its `Ocp-Apim-Subscription-Key`.
    pub subscription_key: Option<SecretString>,
    /// Of write mode: its `client_id`.
    pub client_id: Option<String>,
    /// Of write mode: its `client_secret`.
    pub client_secret: Option<SecretString>,
    /// Of write mode: the test user that approves, as digits with country code.
    pub phone_number: Option<SecretString>,
}

impl MerchantShadow {
    /// Of a sales unit that says nothing.
    pub const PLAIN: Self = Self {
        enabled: true,
        sample_percent: None,
        msn: None,
        subscription_key: None,
        client_id: None,
        client_secret: None,
        phone_number: None,
    };
}

impl Default for MerchantShadow {
    fn default() -> Self {
        Self::PLAIN
    }
}

/// `[shadow]`.
#[derive(Clone, Debug)]
pub struct Shadow {
    /// What is compared.
    pub mode: ShadowMode,
    /// Percent (0 to 100) of payments compared: each always or never.
    pub sample_percent: u8,
    /// Operations compared.
    pub operations: Vec<Operation>,
    /// Comparisons waiting at most; more are dropped and counted.
    pub queue: usize,
    /// Comparisons at a time.
    pub concurrency: usize,
    /// The longest that one comparison may take.
    pub timeout: Duration,
    /// Reads of upstream at most, of all payments together.
    pub reads_per_second: u32,
    /// Of write mode.
    pub upstream_base_url: Option<BaseUrl>,
    /// Percent (0 to 100) of reads asked twice of the primary.
    pub noise_percent: u8,
    /// What is left out of comparisons.
    pub ignore: Vec<Ignored>,
    /// Where redacted calls are recorded; none: nowhere.
    pub record_file: Option<PathBuf>,
    /// Bytes of the recording at most.
    pub record_max: u64,
}

/// One entry of `shadow.ignore`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignored {
    /// A JSON pointer, `*` for one level; or `(status)`, `(body)`, `(header name)`.
    pub path: String,
    /// Of this operation; none: of all.
    pub operation: Option<Operation>,
    /// Why; empty where only a path was written.
    pub reason: String,
    /// It is void from then on.
    pub until: Option<Moment>,
}

/// `shadow.mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShadowMode {
    /// Nothing.
    Off,
    /// Translate only.
    Dry,
    /// Reads asked of the other API, too.
    Read,
    /// Writes sent to a separate upstream, too.
    Write,
}

/// `[telemetry]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Telemetry {
    /// How a log line looks.
    pub log_format: LogFormat,
    /// The least important lines written.
    pub log_level: LogLevel,
}

/// `telemetry.log_format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// `telemetry.log_level`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// Someone must act.
    Error,
    /// Someone should look.
    Warn,
    /// One line per request.
    Info,
    /// For looking into a fault.
    Debug,
    /// Everything.
    Trace,
}

impl Settings {
    /// The toggles as the router reads them.
    #[must_use]
    pub fn policy(&self) -> crate::routing::Policy {
        let units = self
            .merchants
            .iter()
            .map(|(msn, merchant)| (msn.clone(), merchant.routing))
            .collect();
        crate::routing::Policy {
            all: self.routing,
            units,
            steering: crate::routing::Steering::default(),
        }
    }

    /// What does not refuse the configuration, but should be known.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Each effective value with its origin, secrets masked, in the order of `default.toml`.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What holds for this sales unit, configured or not.
    #[must_use]
    pub fn merchant(&self, msn: &Msn) -> MerchantSettings {
        self.merchants
            .get(msn)
            .map_or(&self.merchant_defaults, |merchant| &merchant.settings)
            .clone()
    }

    /// How this sales unit is shadowed; one that is not configured, as `[shadow]` says.
    #[must_use]
    pub fn shadow_of(&self, msn: Option<&Msn>) -> &MerchantShadow {
        msn.and_then(|msn| self.merchants.get(msn))
            .map_or(&MerchantShadow::PLAIN, |merchant| &merchant.shadow)
    }

    /// The routing of this sales unit, or the general one where none is known.
    #[must_use]
    pub fn routing_of(&self, msn: Option<&Msn>) -> Routing {
        msn.and_then(|msn| self.merchants.get(msn))
            .map_or(self.routing, |merchant| merchant.routing.over(self.routing))
    }

    /// The sales units configured with this subscription key. Every configured key is compared, in constant time.
    #[must_use]
    pub fn msn_for_subscription_key(&self, key: &str) -> Vec<&Msn> {
        self.merchants
            .values()
            .filter(|merchant| {
                merchant
                    .subscription_key
                    .as_ref()
                    .is_some_and(|own| own.expose_secret().as_bytes().ct_eq(key.as_bytes()).into())
            })
            .map(|merchant| &merchant.msn)
            .collect()
    }

    /// The configured sales unit, where there is exactly one.
    #[must_use]
    pub fn only_merchant(&self) -> Option<&Msn> {
        let mut all = self.merchants.keys();
        all.next().filter(|_| all.next().is_none())
    }
}
