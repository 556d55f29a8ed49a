//! The operator's settings with harmless addresses, keys and store, and time limits short enough.
//!
//! Whatever is put in the place of something else is written down, to be told. Must not: keep a real address, secret or
//! store in what a bridge is started with.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use secrecy::SecretString;

use crate::cli::scene::shop::{CLIENT_ID, CLIENT_SECRET, SUBSCRIPTION_KEY};
use crate::settings::{BaseUrl, EncryptionKey, Merchant, Settings, StoreUrl};

/// A key that has another value in the rehearsal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Changed {
    pub(super) key: String,
    pub(super) how: String,
}

/// Where a bridge of the rehearsal is.
pub(super) struct Place<'a> {
    pub(super) upstream: &'a str,
    pub(super) shadow: Option<&'a str>,
    pub(super) folder: &'a Path,
    pub(super) hooks: SocketAddr,
    /// Of the registration that was made for the sales unit, where the bridge makes none itself.
    pub(super) hook_secret: Option<SecretString>,
}

/// The settings of a bridge.
pub(super) fn settings(limits: &Settings, at: &Place<'_>) -> Result<Settings, String> {
    let mut settings = limits.clone();
    let any: SocketAddr = ([127, 0, 0, 1], 0).into();
    let here = |text: &str| BaseUrl::parse(text).map_err(str::to_owned);
    settings.proxy.listen = any;
    settings.proxy.tls = None;
    settings.admin.listen = any;
    settings.admin.token = None;
    settings.upstream.base_url = here(at.upstream)?;
    settings.webhooks.listen = at.hooks;
    if settings.webhooks.public_url.is_some() {
        settings.webhooks.public_url = Some(here(&format!("http://{}", at.hooks))?);
    }
    settings.store.url = StoreUrl::Sqlite(at.folder.join("store.db"));
    if settings.store.encryption_key.is_some() {
        let (one, two) = (uuid::Uuid::new_v4(), uuid::Uuid::new_v4());
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(one.as_bytes());
        bytes[16..].copy_from_slice(two.as_bytes());
        settings.store.encryption_key = Some(EncryptionKey::new(bytes));
    }
    settings.store.encryption_key_previous = Vec::new();
    settings.callbacks.allow_http = true;
    settings.callbacks.allow_private_addresses = true;
    if !settings.callbacks.allowed_hosts.is_empty() {
        settings.callbacks.allowed_hosts = vec!["127.0.0.1".to_owned()];
    }
    settings.shadow.record_file = None;
    settings.shadow.upstream_base_url = at.shadow.map(here).transpose()?;
    for merchant in settings.merchants.values_mut() {
        with_test_keys(merchant, at.hook_secret.as_ref());
    }
    Ok(settings)
}

/// The longest that the shop may be waited for, and that a callback or a breaker waits.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// The longest that a whole call may take in the rehearsal, its share of the time that a row takes.
const LONGEST_CALL: Duration = Duration::from_secs(5);

/// Its keys are the simulator's where it has any.
fn with_test_keys(merchant: &mut Merchant, hook: Option<&SecretString>) {
    let put = |key: &mut Option<SecretString>, value: &str| {
        if key.is_some() {
            *key = Some(value.into());
        }
    };
    put(&mut merchant.subscription_key, SUBSCRIPTION_KEY);
    put(&mut merchant.client_secret, CLIENT_SECRET);
    put(&mut merchant.shadow.subscription_key, SUBSCRIPTION_KEY);
    put(&mut merchant.shadow.client_secret, CLIENT_SECRET);
    put(&mut merchant.shadow.phone_number, "4712345678");
    if merchant.client_id.is_some() {
        merchant.client_id = Some(CLIENT_ID.to_owned());
    }
    if merchant.shadow.client_id.is_some() {
        merchant.shadow.client_id = Some(CLIENT_ID.to_owned());
    }
    if merchant.webhook_secret.is_some() {
        merchant.webhook_secret = hook.cloned();
    }
}

/// The limits by which a row would take too long, shortened; those of one call by the same number.
pub(super) fn shorten(own: &Settings) -> (Settings, Vec<Changed>) {
    let mut settings = own.clone();
    let mut told = Vec::new();
    let call = own.proxy.request_timeout.max(own.upstream.timeout);
    let of_a_call = divisor(call, LONGEST_CALL);
    let upstream = &mut settings.upstream;
    let proxy = &mut settings.proxy;
    divide(
        &mut told,
        "proxy.request_timeout",
        of_a_call,
        &mut proxy.request_timeout,
    );
    divide(
        &mut told,
        "upstream.timeout",
        of_a_call,
        &mut upstream.timeout,
    );
    divide(
        &mut told,
        "proxy.drain_timeout",
        of_a_call,
        &mut proxy.drain_timeout,
    );
    let open = divisor(own.upstream.breaker_open, LONGEST_WAIT);
    divide(
        &mut told,
        "upstream.breaker_open",
        open,
        &mut upstream.breaker_open,
    );
    let callbacks = &mut settings.callbacks;
    let answer = divisor(own.callbacks.timeout, LONGEST_WAIT);
    divide(
        &mut told,
        "callbacks.timeout",
        answer,
        &mut callbacks.timeout,
    );
    let second = own.callbacks.schedule.get(1).copied().unwrap_or_default();
    let first = own.callbacks.schedule.first().copied().unwrap_or_default();
    let waits = divisor(first.max(second), LONGEST_WAIT);
    if waits > 1 {
        for wait in &mut callbacks.schedule {
            *wait = shorter(*wait, waits);
        }
        told.push(Changed {
            key: "callbacks.schedule".to_owned(),
            how: format!("each wait divided by {waits}"),
        });
    }
    (settings, told)
}

/// By how much a time must be divided to be no longer.
fn divisor(time: Duration, longest: Duration) -> u32 {
    let times = time.as_millis().div_ceil(longest.as_millis()).max(1);
    u32::try_from(times).unwrap_or(u32::MAX)
}

fn shorter(time: Duration, by: u32) -> Duration {
    let millis = u64::try_from((time / by).as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(millis.max(u64::from(!time.is_zero())))
}

fn divide(told: &mut Vec<Changed>, key: &str, by: u32, limit: &mut Duration) {
    if by > 1 {
        let is = shorter(*limit, by);
        told.push(Changed {
            key: key.to_owned(),
            how: format!("{limit:?} divided by {by}: {is:?}"),
        });
        *limit = is;
    }
}

/// The keys that are replaced, as far as they are set; never their values.
pub(super) fn replaced(own: &Settings) -> Vec<Changed> {
    let mut all: Vec<(&str, &str)> = vec![
        ("upstream.base_url", "the simulator of this process"),
        ("store.url", "a store of SQLite in a temporary folder"),
        ("proxy.listen, admin.listen", "free ports of 127.0.0.1"),
    ];
    let mut put = |is_set: bool, key, how| {
        if is_set {
            all.push((key, how));
        }
    };
    put(
        own.proxy.tls.is_some(),
        "proxy.tls_cert, proxy.tls_key",
        "plain HTTP",
    );
    let is_public = own.webhooks.public_url.is_some();
    put(
        is_public,
        "webhooks.listen, webhooks.public_url",
        "a free port of 127.0.0.1",
    );
    put(
        own.admin.token.is_some(),
        "admin.token",
        "none, on 127.0.0.1",
    );
    let has_key = own.store.encryption_key.is_some();
    put(has_key, "store.encryption_key", "another key, for this run");
    let previous = !own.store.encryption_key_previous.is_empty();
    put(previous, "store.encryption_key_previous", "none");
    let callbacks = &own.callbacks;
    let is_open = callbacks.allow_http && callbacks.allow_private_addresses;
    let keys = "callbacks.allow_http, .allow_private_addresses";
    put(
        !is_open,
        keys,
        "true, as the toy shop is on 127.0.0.1 (not in C14)",
    );
    let hosts = !callbacks.allowed_hosts.is_empty();
    put(
        hosts,
        "callbacks.allowed_hosts",
        "the toy shop (not in C14)",
    );
    put(
        own.shadow.record_file.is_some(),
        "shadow.record_file",
        "none",
    );
    let shadow = own.shadow.upstream_base_url.is_some();
    put(shadow, "shadow.upstream_base_url", "a second simulator");
    let merchants = own.merchants.values();
    let mut keys = merchants.flat_map(|merchant| {
        let shadow = &merchant.shadow;
        [
            merchant.subscription_key.is_some(),
            merchant.client_id.is_some(),
            merchant.webhook_secret.is_some(),
            shadow.subscription_key.is_some() || shadow.client_id.is_some(),
            shadow.phone_number.is_some(),
        ]
    });
    let has_keys = keys.any(|is_set| is_set);
    put(
        has_keys,
        "merchants: keys and secrets",
        "test keys of the simulator, where set",
    );
    let all = all.into_iter().map(|(key, how)| Changed {
        key: key.to_owned(),
        how: how.to_owned(),
    });
    all.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::rehearse::plan::Plan;
    use crate::settings;

    fn plan(text: &str) -> Plan {
        Plan::new(settings::from_text(text).unwrap(), Vec::new(), None).unwrap()
    }

    const FULL: &str = r#"
        [upstream]
        base_url = "https://canary-upstream.example"
        [webhooks]
        public_url = "https://canary-public.example"
        [admin]
        token = "canary-admin-token-1"
        [store]
        url = "postgres://canary-user@canary-host/canary-db?sslmode=verify-full"
        encryption_key = "0101010101010101010101010101010101010101010101010101010101010101"
        [callbacks]
        allowed_hosts = ["canary-shop.example"]
        [[merchants]]
        msn = "123456"
        subscription_key = "canary-subscription"
        client_id = "canary-id"
        client_secret = "canary-secret"
        webhook_secret = "canary-hook"
    "#;

    #[test]
    fn nothing_of_the_operators_addresses_and_secrets_is_left() {
        use secrecy::ExposeSecret;
        let plan = plan(FULL);
        let settings = plan
            .settings(&Place {
                upstream: "http://127.0.0.1:4711",
                shadow: None,
                folder: Path::new("/nowhere"),
                hooks: ([127, 0, 0, 1], 4712).into(),
                hook_secret: Some("the simulator's".into()),
            })
            .unwrap();
        assert_eq!(settings.upstream.base_url.as_str(), "http://127.0.0.1:4711");
        let public = settings.webhooks.public_url.clone().unwrap();
        assert!(public.as_str().contains("127.0.0.1:4712"));
        assert!(matches!(settings.store.url, StoreUrl::Sqlite(_)));
        assert!(settings.admin.token.is_none() && settings.proxy.tls.is_none());
        assert_eq!(settings.callbacks.allowed_hosts, ["127.0.0.1"]);
        let key = settings.store.encryption_key.as_ref().unwrap().expose();
        assert!(*key != [1; 32]);
        let merchant = settings.merchants.values().next().unwrap();
        assert_eq!(merchant.client_id.as_deref(), Some(CLIENT_ID));
        for (is, want) in [
            (&merchant.client_secret, CLIENT_SECRET),
            (&merchant.subscription_key, SUBSCRIPTION_KEY),
            (&merchant.webhook_secret, "the simulator's"),
        ] {
            assert_eq!(is.as_ref().unwrap().expose_secret(), want);
        }
        let told: Vec<&str> = plan.replaced.iter().map(|one| one.key.as_str()).collect();
        for key in [
            "upstream.base_url",
            "store.url",
            "admin.token",
            "merchants: keys and secrets",
        ] {
            assert!(told.contains(&key), "{key}: {told:?}");
        }
        assert!(!format!("{:?}", plan.replaced).contains("canary"));
    }

    #[test]
    fn only_limits_that_are_long_are_shortened_and_by_the_same_number() {
        let default = plan("");
        let limits = default.limits();
        assert_eq!(limits.proxy.request_timeout, Duration::from_secs(5));
        assert_eq!(limits.upstream.timeout, Duration::from_millis(4_285));
        assert_eq!(limits.callbacks.schedule[1], LONGEST_WAIT);
        assert!(
            default
                .shortened
                .iter()
                .any(|one| one.how.contains("divided by 7"))
        );
        let short = plan(
            "[proxy]\nrequest_timeout = \"4s\"\n[upstream]\ntimeout = \"50ms\"\nbreaker_open = \"1s\"\n\
             [callbacks]\ntimeout = \"1s\"\nschedule = [\"0s\", \"1s\", \"1h\"]",
        );
        assert_eq!(short.shortened, []);
        assert_eq!(short.limits().upstream.timeout, Duration::from_millis(50));
    }
}
