//! What shadowing needs to do what its mode says: a target of its own, credentials of its own, something to compare.
//!
//! A shadow that is on and can't work is refused here: it would prove nothing, or move real money. Must not: show a
//! credential, or tell by the time of a comparison how much of one is right.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

use crate::settings::file::Report;
use crate::settings::model::{Merchant, MerchantShadow, Shadow, ShadowMode, Upstream};
use crate::settings::url::BaseUrl;
use crate::types::Msn;

/// The domains of Vipps MobilePay. Every server in them counts as production, but those whose name begins with [`TEST`].
///
/// Source: <https://developer.vippsmobilepay.com/docs/knowledge-base/servers>: `api.vipps.no` is production,
/// `apitest.vipps.no` the test server, of all APIs in all markets. The second domain is the company's.
const DOMAINS: [&str; 2] = ["vipps.no", "vippsmobilepay.com"];
/// See [`DOMAINS`].
const TEST: &str = "apitest";

const URL: &str = "shadow.upstream_base_url";

/// What else was read; none: it could not be.
pub(in crate::settings) struct Beside<'a> {
    pub(in crate::settings) upstream: Option<&'a Upstream>,
    pub(in crate::settings) merchants: Option<&'a BTreeMap<Msn, Merchant>>,
    pub(in crate::settings) listeners: &'a [(&'static str, SocketAddr)],
}

/// Asks every rule.
pub(in crate::settings) fn all(report: &mut Report, shadow: &Shadow, beside: &Beside<'_>) {
    match &shadow.upstream_base_url {
        Some(own) => target(report, own, beside),
        None if shadow.mode == ShadowMode::Write => report.problem(
            URL,
            "shadow.mode = \"write\" has nowhere to send calls to",
            "Write the address of a separate upstream for tests, or another mode",
        ),
        None => {}
    }
    if let Some(merchants) = beside.merchants {
        for merchant in merchants.values() {
            credentials(report, merchant, merchants);
        }
        if shadow.mode == ShadowMode::Write {
            mirrored(report, merchants);
        }
    }
    something(report, shadow, beside.merchants);
    surprises(report, shadow);
}

/// Whatever the mode: the next one to be tried may be `write`.
fn target(report: &mut Report, own: &BaseUrl, beside: &Beside<'_>) {
    let (host, port) = own.server();
    if is_production(&host) {
        report.problem(
            URL,
            "it is a production server of Vipps MobilePay, so shadowed writes would move real money",
            "Write the address of a test server or a simulator, or leave it empty",
        );
    }
    let near = own.is_here();
    if let Some(primary) = beside.upstream.map(|upstream| &upstream.base_url) {
        let (primary_host, primary_port) = primary.server();
        if near && primary.is_here() {
            if port == primary_port {
                report.problem(
                    URL,
                    "it leads to the same port as upstream.base_url, so shadowed writes would go where the merchants' own go",
                    "Write another port of this machine, or leave it empty",
                );
            }
        } else if host == primary_host {
            report.problem(
                URL,
                "it leads to the host of upstream.base_url, so shadowed writes would go where the merchants' own go",
                "Write an address on another host, or leave it empty",
            );
        }
    }
    for (path, address) in beside.listeners {
        let ip = address.ip().to_canonical();
        let here = match near {
            true => ip.is_loopback() || ip.is_unspecified(),
            false => host == ip.to_string(),
        };
        if here && port == address.port() {
            let why = format!("this is where the bridge itself listens ({path})");
            report.problem(URL, why, "Write the address of the separate upstream");
        }
    }
}

/// Of a host in lower case, without a dot at its end.
fn is_production(host: &str) -> bool {
    DOMAINS.iter().any(|domain| {
        let Some(below) = host.strip_suffix(domain) else {
            return false;
        };
        match below.strip_suffix('.') {
            Some(name) => name.contains('.') || !name.starts_with(TEST),
            None => below.is_empty(),
        }
    })
}

/// A credential that a merchant has at either upstream.
struct Credential {
    key: &'static str,
    of_shadow: fn(&MerchantShadow) -> Option<&str>,
    of_primary: fn(&Merchant) -> Option<&str>,
}

const CREDENTIALS: [Credential; 3] = [
    Credential {
        key: "subscription_key",
        of_shadow: |shadow| exposed(shadow.subscription_key.as_ref()),
        of_primary: |merchant| exposed(merchant.subscription_key.as_ref()),
    },
    Credential {
        key: "client_id",
        of_shadow: |shadow| shadow.client_id.as_deref(),
        of_primary: |merchant| merchant.client_id.as_deref(),
    },
    Credential {
        key: "client_secret",
        of_shadow: |shadow| exposed(shadow.client_secret.as_ref()),
        of_primary: |merchant| exposed(merchant.client_secret.as_ref()),
    },
];

fn exposed(secret: Option<&SecretString>) -> Option<&str> {
    secret.map(ExposeSecret::expose_secret)
}

/// No credential of the primary upstream is sent to another one. Every merchant's is compared, in constant time. The
/// number of a sales unit may be the same: it is no secret, and each environment gives out its own.
fn credentials(report: &mut Report, merchant: &Merchant, merchants: &BTreeMap<Msn, Merchant>) {
    for credential in &CREDENTIALS {
        let Some(own) = (credential.of_shadow)(&merchant.shadow) else {
            continue;
        };
        let of_others: Vec<&Msn> = merchants
            .values()
            .filter(|other| {
                (credential.of_primary)(other)
                    .is_some_and(|theirs| theirs.as_bytes().ct_eq(own.as_bytes()).into())
            })
            .map(|other| &other.msn)
            .collect();
        if let Some(other) = of_others.first() {
            let key = credential.key;
            report.problem(
                &format!("merchants.{}.shadow.{key}", merchant.msn),
                format!("it is the same as merchants.{other}.{key}, which the shadow upstream must not see"),
                "Write the one of the sales unit at the shadow upstream",
            );
        }
    }
}

/// Write mode mirrors what has all that the other upstream wants.
fn mirrored(report: &mut Report, merchants: &BTreeMap<Msn, Merchant>) {
    let mut enabled = merchants.values().filter(|m| m.shadow.enabled).peekable();
    if enabled.peek().is_none() {
        report.problem(
            "shadow.mode",
            "no merchant has credentials for the shadow upstream, so no call can be sent there",
            "Give a merchant shadow.msn, subscription_key, client_id, client_secret and phone_number, or write another mode",
        );
    }
    for merchant in enabled {
        let missing = missing(&merchant.shadow);
        if missing.is_empty() {
            continue;
        }
        report.problem(
            &format!("merchants.{}.shadow", merchant.msn),
            format!(
                "shadow.mode = \"write\" cannot send this merchant's calls without {}",
                missing.join(", ")
            ),
            "Set what is missing, or write enabled = false for a merchant that is not to be mirrored",
        );
    }
}

/// The keys that write mode needs and that are not set. Half a pair was told of when it was read.
fn missing(own: &MerchantShadow) -> Vec<&'static str> {
    let has_client = own.client_id.is_some() || own.client_secret.is_some();
    [
        ("msn", own.msn.is_some()),
        ("subscription_key", own.subscription_key.is_some()),
        ("client_id", has_client),
        ("client_secret", has_client),
        ("phone_number", own.phone_number.is_some()),
    ]
    .into_iter()
    .filter_map(|(key, is_set)| (!is_set).then_some(key))
    .collect()
}

/// A shadow that is on has something to compare.
fn something(report: &mut Report, shadow: &Shadow, merchants: Option<&BTreeMap<Msn, Merchant>>) {
    if shadow.mode == ShadowMode::Off {
        return;
    }
    if shadow.operations.is_empty() {
        report.problem(
            "shadow.operations",
            "shadowing is on, but nothing can be compared",
            "Name at least one operation, or write shadow.mode = \"off\"",
        );
    }
    let Some(merchants) = merchants else { return };
    let own = |merchant: &Merchant| merchant.shadow.sample_percent;
    let mut enabled = merchants.values().filter(|m| m.shadow.enabled).peekable();
    // Only write mode wants a merchant to be configured.
    let others = shadow.mode != ShadowMode::Write || enabled.peek().is_none();
    let is_sampled = others && shadow.sample_percent > 0
        || enabled.any(|merchant| own(merchant).unwrap_or(shadow.sample_percent) > 0);
    if !is_sampled {
        report.problem(
            "shadow.sample_percent",
            "shadowing is on, but no merchant's payments are sampled, so nothing can be compared",
            "Write more than 0 here or as a merchant's shadow.sample_percent, or shadow.mode = \"off\"",
        );
    }
}

fn surprises(report: &mut Report, shadow: &Shadow) {
    if shadow.mode == ShadowMode::Off && shadow.record_file.is_some() {
        report.warn(
            "shadow.record_file",
            "nothing is recorded while shadow.mode = \"off\"",
            "Choose a mode, or leave it empty",
        );
    }
    if shadow.mode == ShadowMode::Read && shadow.noise_percent == 0 {
        report.warn(
            "shadow.noise_percent",
            "without reads that are asked twice, what differs by itself cannot be told from what is wrong",
            "Write 1 or more",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn production_is_told_by_its_domain() {
        for (host, production) in [
            ("api.vipps.no", true),
            ("vipps.no", true),
            ("api.vippsmobilepay.com", true),
            ("apitest.vipps.no", false),
            ("apitest.vippsmobilepay.com", false),
            ("api.apitest.vipps.no", true),
            ("apitest.api.vipps.no", true),
            ("notvipps.no", false),
            ("vipps.no.example.com", false),
            ("127.0.0.1", false),
        ] {
            assert_eq!(is_production(host), production, "{host}");
        }
    }
}
