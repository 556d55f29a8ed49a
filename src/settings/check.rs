//! From the merged tree to [`Settings`]: every section is read and every rule asked, and all that is wrong is collected.
//!
//! Must not: touch files or the network. What lies in files is named in [`Found`] for the caller to look at.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::file::{Report, Section};
use super::model::{
    Admin, Callbacks, EncryptionKey, LogFormat, LogLevel, MerchantSettings, Proxy, Reads, Register,
    Settings, Store, Telemetry, TlsFiles, Upstream, Webhooks,
};
use super::rules;
use super::tree::Table;
use super::units;
use super::url::{Guard, PostgresUrl, StoreUrl, is_host};
use super::{automatic, merchants};
use crate::epayment::model::CustomerInteraction;
use crate::routing::{Routing, TransactionIdSource};
use crate::types::{CountryCode, Currency};

/// What rules across sections and the look at the disk need, whatever else is wrong.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) listeners: Vec<(&'static str, SocketAddr)>,
    pub(super) tls_cert: Option<PathBuf>,
    pub(super) tls_key: Option<PathBuf>,
}

/// Reads the tree. The settings are `None` only where the report holds a problem.
pub(super) fn check(tree: &Table, report: &mut Report, found: &mut Found) -> Option<Settings> {
    let mut root = Section::root(tree, report);
    let proxy = proxy(root.section("proxy"), found);
    let upstream = upstream(root.section("upstream"));
    let webhooks = webhooks(root.section("webhooks"), found);
    let callbacks = callbacks(root.section("callbacks"));
    let store = store(root.section("store"));
    let reads = reads(root.section("reads"));
    let admin = admin(root.section("admin"), found);
    let routing = routing(root.section("routing"));
    let ramp = automatic::ramp(root.section("ramp"));
    let rollback = automatic::rollback(root.section("rollback"));
    let defaults = merchant_defaults(root.section("merchant_defaults"));
    let merchants = merchants::read(&mut root, defaults.as_ref());
    let shadow = super::shadow::read(root.section("shadow"));
    let telemetry = telemetry(root.section("telemetry"));
    root.finish();
    rules::listeners(report, &found.listeners);
    rules::times(report, proxy.as_ref(), upstream.as_ref());
    rules::webhooks(report, webhooks.as_ref(), merchants.as_ref());
    rules::callbacks(report, callbacks.as_ref());
    rules::store(report, store.as_ref());
    way_to_the_store(report, store.as_ref());
    rules::reads(report, reads.as_ref(), store.as_ref());
    rules::admin(report, admin.as_ref());
    rules::routing(report, routing, merchants.as_ref());
    rules::automatic(report, ramp.as_ref(), rollback.as_ref());
    if let Some(shadow) = &shadow {
        let beside = rules::shadow::Beside {
            upstream: upstream.as_ref(),
            merchants: merchants.as_ref(),
            listeners: &found.listeners,
        };
        rules::shadow::all(report, shadow, &beside);
    }
    Some(Settings {
        proxy: proxy?,
        upstream: upstream?,
        webhooks: webhooks?,
        callbacks: callbacks?,
        store: store?,
        reads: reads?,
        admin: admin?,
        routing: routing?,
        ramp: ramp?,
        rollback: rollback?,
        merchant_defaults: defaults?,
        merchants: merchants?,
        shadow: shadow?,
        telemetry: telemetry?,
        named: Vec::new(),
        warnings: Vec::new(),
        entries: Vec::new(),
    })
}

fn proxy(mut s: Section<'_, '_>, found: &mut Found) -> Option<Proxy> {
    let listen = s.listen("listen");
    found
        .listeners
        .extend(listen.map(|at| ("proxy.listen", at)));
    let cert = s.text("tls_cert");
    let key = s.text("tls_key");
    let path = |text: Option<&str>| text.filter(|t| !t.is_empty()).map(PathBuf::from);
    found.tls_cert = path(cert);
    found.tls_key = path(key);
    let request_timeout = s.duration("request_timeout", "1ms"..="10m");
    let max_body_bytes = s.size("max_body", 1 << 10..=64 << 20);
    let max_in_flight = s.whole("max_in_flight", 1..=1_000_000);
    let drain_timeout = s.duration("drain_timeout", "0s"..="1h");
    let tls = match (&found.tls_cert, &found.tls_key) {
        (Some(cert), Some(key)) => Some(TlsFiles {
            cert: cert.clone(),
            key: key.clone(),
        }),
        (Some(_), None) if key.is_some() => s.fail(
            "tls_cert",
            "there is a certificate but no key",
            "Set tls_key, too, or clear tls_cert",
        ),
        (None, Some(_)) if cert.is_some() => s.fail(
            "tls_key",
            "there is a key but no certificate",
            "Set tls_cert, too, or clear tls_key",
        ),
        _ => None,
    };
    s.finish();
    Some(Proxy {
        listen: listen?,
        tls,
        request_timeout: request_timeout?,
        max_body_bytes: max_body_bytes?,
        max_in_flight: max_in_flight?,
        drain_timeout: drain_timeout?,
    })
}

fn upstream(mut s: Section<'_, '_>) -> Option<Upstream> {
    let base_url = match s.base_url("base_url") {
        Some(None) => s.fail(
            "base_url",
            "there is no API to go to",
            "Write \"https://api.vipps.no\", or \"https://apitest.vipps.no\" for tests",
        ),
        read => read.flatten(),
    };
    let connect_timeout = s.duration("connect_timeout", "1ms"..="1m");
    let timeout = s.duration("timeout", "1ms"..="10m");
    let retries = s.whole("retries", 0..=10);
    let breaker_failures = s.whole("breaker_failures", 0..=10_000);
    let breaker_open = s.duration("breaker_open", "100ms"..="10m");
    s.finish();
    Some(Upstream {
        base_url: base_url?,
        connect_timeout: connect_timeout?,
        timeout: timeout?,
        retries: retries?,
        breaker_failures: breaker_failures?,
        breaker_open: breaker_open?,
    })
}

fn webhooks(mut s: Section<'_, '_>, found: &mut Found) -> Option<Webhooks> {
    let listen = s.listen("listen");
    found
        .listeners
        .extend(listen.map(|at| ("webhooks.listen", at)));
    let public_url = s.base_url("public_url");
    let register = s.word(
        "register",
        &[("auto", Register::Auto), ("off", Register::Off)],
    );
    s.finish();
    Some(Webhooks {
        listen: listen?,
        public_url: public_url?,
        register: register?,
    })
}

fn callbacks(mut s: Section<'_, '_>) -> Option<Callbacks> {
    let timeout = s.duration("timeout", "1ms"..="5m");
    let schedule = s.texts("schedule").and_then(|waits| {
        let week = std::time::Duration::from_secs(7 * 86_400);
        let waits: Result<Vec<_>, _> = waits.into_iter().map(units::duration).collect();
        match waits {
            Ok(waits) if !(1..=100).contains(&waits.len()) => s.fail(
                "schedule",
                format!("this is {} attempts", waits.len()),
                "Write 1 to 100 durations; [\"0s\"] is a single attempt",
            ),
            Ok(waits) if waits.first().is_some_and(|wait| !wait.is_zero()) => s.fail(
                "schedule",
                "the first attempt is made at once",
                "Write \"0s\" first",
            ),
            Ok(waits) if waits.iter().any(|wait| *wait > week) => s.fail(
                "schedule",
                "a wait is longer than a week",
                "Write durations from 0s to 7d",
            ),
            Ok(waits) => Some(waits),
            Err(why) => s.fail("schedule", why, "Write durations from 0s to 7d"),
        }
    });
    let allow_http = s.truth("allow_http");
    let allow_private_addresses = s.truth("allow_private_addresses");
    let allowed_hosts = s.texts("allowed_hosts").and_then(|hosts| {
        if let Some(at) = hosts.iter().position(|host| !is_host(host)) {
            let why = format!("item {} is no host name and no IP address", at + 1);
            return s.fail(
                "allowed_hosts",
                why,
                "Write names alone: no scheme, port, path or *; IPv6 in brackets",
            );
        }
        Some(hosts.iter().map(|host| host.to_ascii_lowercase()).collect())
    });
    s.finish();
    Some(Callbacks {
        timeout: timeout?,
        schedule: schedule?,
        allow_http: allow_http?,
        allow_private_addresses: allow_private_addresses?,
        allowed_hosts: allowed_hosts?,
    })
}

fn store(mut s: Section<'_, '_>) -> Option<Store> {
    let url = s.parse(
        "url",
        store_url,
        "Write it as \"sqlite:FILE\" or \"postgres://user@host/db\"",
    );
    s.file_of("url_file");
    let encryption_key = s.hidden("encryption_key").and_then(|text| {
        if text.is_empty() {
            return Some(None);
        }
        match units::key(text) {
            Some(bytes) => Some(Some(EncryptionKey::new(bytes))),
            None => s.fail(
                "encryption_key",
                "this is no key of 32 bytes",
                "Write 64 hex digits, or the base64 of 32 bytes (openssl rand -base64 32)",
            ),
        }
    });
    s.file_of("encryption_key_file");
    let encryption_key_previous = previous_keys(&mut s, &encryption_key);
    s.file_of("encryption_key_previous_file");
    let recovery_metadata = s.truth("recovery_metadata");
    let retention = s.duration("retention", "1d"..="3650d");
    let callback_retention = s.duration("callback_retention", "1h"..="3650d");
    let background_share_percent = s.whole("background_share", 1..=100);
    s.finish();
    Some(Store {
        url: url?,
        encryption_key: encryption_key?,
        encryption_key_previous: encryption_key_previous?,
        recovery_metadata: recovery_metadata?,
        retention: retention?,
        callback_retention: callback_retention?,
        background_share_percent: background_share_percent?,
    })
}

/// Keys that what is kept may be sealed with still. The one in use may stand there, too, so that instances can be changed
/// one after the other.
fn previous_keys(
    s: &mut Section<'_, '_>,
    current: &Option<Option<EncryptionKey>>,
) -> Option<Vec<EncryptionKey>> {
    const KEY: &str = "encryption_key_previous";
    let texts = s.hidden_list(KEY)?;
    let keys: Option<Vec<_>> = texts.into_iter().map(units::key).collect();
    match keys {
        None => s.fail(
            KEY,
            "one of them is no key of 32 bytes",
            "Write each as 64 hex digits, or the base64 of 32 bytes",
        ),
        Some(keys) if !keys.is_empty() && matches!(current, Some(None)) => s.fail(
            KEY,
            "there are previous keys, but none to seal with",
            "Set encryption_key, too, or clear it",
        ),
        Some(keys) if keys.len() > 10 => s.fail(
            KEY,
            "these are more than 10 keys",
            "Remove those that nothing is sealed with any more",
        ),
        Some(keys) => Some(keys.into_iter().map(EncryptionKey::new).collect()),
    }
}

fn store_url(text: &str) -> Result<StoreUrl, &'static str> {
    let scheme = text.split(':').next().unwrap_or("");
    if scheme.eq_ignore_ascii_case("postgres") || scheme.eq_ignore_ascii_case("postgresql") {
        return PostgresUrl::parse(text).map(StoreUrl::Postgres);
    }
    let file = text
        .strip_prefix("sqlite:")
        .ok_or("this is no address of a store")?;
    let file = file.strip_prefix("//").unwrap_or(file);
    match file {
        ":memory:" => Err("a store in memory forgets payments; name a file"),
        "" => Err("it names no file"),
        _ if file.contains(['?', '\0']) => Err("it holds options, which the bridge sets itself"),
        _ => Ok(StoreUrl::Sqlite(PathBuf::from(file))),
    }
}

/// What lies between the bridge and a server on another machine.
fn way_to_the_store(report: &mut Report, store: Option<&Store>) {
    let Some(StoreUrl::Postgres(url)) = store.map(|store| &store.url) else {
        return;
    };
    let (why, remedy) = match url.guard() {
        _ if url.is_near() => return,
        Guard::Full => return,
        Guard::Clear => (
            "records, and tokens where there is no encryption key, may cross the network in clear text",
            "Add ?sslmode=verify-full, and &sslrootcert=FILE for an authority of your own",
        ),
        Guard::Encrypted => (
            "the connection is encrypted, but nobody checks who answers in the server's place",
            "Add ?sslmode=verify-full, and &sslrootcert=FILE for an authority of your own",
        ),
    };
    report.warn("store.url", why, remedy);
}

fn reads(mut s: Section<'_, '_>) -> Option<Reads> {
    let poll = s.truth("poll");
    let background_share_percent = s.whole("background_share", 0..=100);
    let details_cache = s.duration("details_cache", "0s"..="10s");
    s.finish();
    Some(Reads {
        poll: poll?,
        background_share_percent: background_share_percent?,
        details_cache: details_cache?,
    })
}

fn admin(mut s: Section<'_, '_>, found: &mut Found) -> Option<Admin> {
    let listen = s.listen("listen");
    found
        .listeners
        .extend(listen.map(|at| ("admin.listen", at)));
    let token = s.secret("token");
    s.file_of("token_file");
    s.finish();
    Some(Admin {
        listen: listen?,
        token: token?,
    })
}

fn routing(mut s: Section<'_, '_>) -> Option<Routing> {
    let initiate = s.toggle("initiate", true);
    let capture = s.toggle("capture", false);
    let cancel = s.toggle("cancel", false);
    let refund = s.toggle("refund", false);
    let details = s.toggle("details", false);
    let status = s.toggle("status", false);
    let transaction_id = transaction_id(&mut s);
    s.finish();
    Some(Routing {
        initiate: initiate?,
        capture: capture?,
        cancel: cancel?,
        refund: refund?,
        details: details?,
        status: status?,
        transaction_id: transaction_id?,
    })
}

/// `transaction_id` of a routing table.
pub(super) fn transaction_id(s: &mut Section<'_, '_>) -> Option<TransactionIdSource> {
    let words = [
        ("event", TransactionIdSource::Event),
        ("payment", TransactionIdSource::Payment),
    ];
    s.word("transaction_id", &words)
}

fn merchant_defaults(mut s: Section<'_, '_>) -> Option<MerchantSettings> {
    let currency = currency(&mut s);
    let country_code = country_code(&mut s);
    let direct_capture = direct_capture(&mut s);
    let customer_interaction = customer_interaction(&mut s);
    let unapproved_limit = unapproved_limit(&mut s);
    s.finish();
    Some(MerchantSettings {
        currency: currency?,
        country_code: country_code?,
        direct_capture: direct_capture?,
        customer_interaction: customer_interaction?,
        unapproved_limit: unapproved_limit?,
    })
}

/// `currency`.
pub(super) fn currency(s: &mut Section<'_, '_>) -> Option<Currency> {
    let all = [Currency::Nok, Currency::Dkk, Currency::Eur];
    s.word("currency", &all.map(|currency| (currency.code(), currency)))
}

/// `country_code`.
pub(super) fn country_code(s: &mut Section<'_, '_>) -> Option<CountryCode> {
    s.parse(
        "country_code",
        |text| CountryCode::parse(text).ok_or("this is no country calling code"),
        "Write 1 to 3 digits without + or zeros before them, such as \"47\"",
    )
}

/// `direct_capture`.
pub(super) fn direct_capture(s: &mut Section<'_, '_>) -> Option<bool> {
    s.truth("direct_capture")
}

/// `customer_interaction`.
pub(super) fn customer_interaction(s: &mut Section<'_, '_>) -> Option<CustomerInteraction> {
    let words = [
        (
            "CUSTOMER_NOT_PRESENT",
            CustomerInteraction::CustomerNotPresent,
        ),
        ("CUSTOMER_PRESENT", CustomerInteraction::CustomerPresent),
    ];
    s.word("customer_interaction", &words)
}

/// `unapproved_limit`; the inner `None`: never. A payment of ePayment lives ten minutes.
pub(super) fn unapproved_limit(s: &mut Section<'_, '_>) -> Option<Option<std::time::Duration>> {
    let read = |text: &str| match text {
        "" => Ok(None),
        text => match units::duration(text)? {
            limit if limit < std::time::Duration::from_secs(60) => {
                Err("nobody can approve a payment in less than a minute")
            }
            limit => Ok(Some(limit)),
        },
    };
    s.parse(
        "unapproved_limit",
        read,
        "Write a duration of at least 1m, or leave it empty",
    )
}

fn telemetry(mut s: Section<'_, '_>) -> Option<Telemetry> {
    let formats = [("json", LogFormat::Json), ("text", LogFormat::Text)];
    let log_format = s.word("log_format", &formats);
    let levels = [
        ("error", LogLevel::Error),
        ("warn", LogLevel::Warn),
        ("info", LogLevel::Info),
        ("debug", LogLevel::Debug),
        ("trace", LogLevel::Trace),
    ];
    let log_level = s.word("log_level", &levels);
    s.finish();
    Some(Telemetry {
        log_format: log_format?,
        log_level: log_level?,
    })
}
