//! Rules between keys: combinations that cannot work are problems, those that surprise are warnings.
//!
//! Each rule is asked with what could be read, so that one fault does not hide another. Must not: repeat what the
//! reading of a single key has said already.

pub(super) mod shadow;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use secrecy::ExposeSecret;

use super::file::Report;
use super::model::{
    Admin, Callbacks, Merchant, Proxy, Ramp, Reads, Register, Rollback, Store, Upstream, Webhooks,
};
use super::url::StoreUrl;
use crate::routing::{Routing, order};
use crate::types::Msn;

const DAY: Duration = Duration::from_secs(86_400);

/// An admin token has at least so many characters.
const SHORTEST_TOKEN: usize = 16;

/// What the reads of one instance may share for this long while another one learns of a change.
const SHARED_BY_SEVERAL: Duration = Duration::from_secs(1);

/// Instances that share a store do not tell each other of events.
pub(super) fn reads(report: &mut Report, reads: Option<&Reads>, store: Option<&Store>) {
    let (Some(reads), Some(store)) = (reads, store) else {
        return;
    };
    if matches!(store.url, StoreUrl::Postgres(_)) && reads.details_cache > SHARED_BY_SEVERAL {
        report.warn(
            "reads.details_cache",
            "a webhook that another instance on this store took is not known here, so a shop can see an old state for so long",
            "Write 1s or less, unless there is only this instance",
        );
    }
}

/// No two listeners share an address.
pub(super) fn listeners(report: &mut Report, all: &[(&'static str, SocketAddr)]) {
    for (at, (path, address)) in all.iter().enumerate() {
        for (other_path, other) in &all[..at] {
            let same_ip = address.ip() == other.ip()
                || address.ip().is_unspecified()
                || other.ip().is_unspecified();
            if address.port() != 0 && address.port() == other.port() && same_ip {
                let why = format!("{other_path} has this address, too");
                report.problem(path, why, "Give each listener a port of its own");
            }
        }
    }
}

/// Times that should contain each other.
pub(super) fn times(report: &mut Report, proxy: Option<&Proxy>, upstream: Option<&Upstream>) {
    if let Some(proxy) = proxy
        && proxy.drain_timeout <= proxy.request_timeout
    {
        report.warn(
            "proxy.drain_timeout",
            "it is not longer than proxy.request_timeout, so a stopping bridge can cut requests that still had time",
            "Make it a few seconds longer than request_timeout",
        );
    }
    if let (Some(proxy), Some(upstream)) = (proxy, upstream)
        && proxy.request_timeout <= upstream.timeout
    {
        report.warn(
            "proxy.request_timeout",
            "it is not longer than upstream.timeout, so one slow attempt uses all the time and nothing is left to learn what became of it: merchants are told that the outcome is unknown",
            "Make it some seconds longer than upstream.timeout",
        );
    }
    if let Some(upstream) = upstream
        && upstream.connect_timeout > upstream.timeout
    {
        report.warn(
            "upstream.connect_timeout",
            "it is longer than upstream.timeout and so never reached",
            "Make it shorter",
        );
    }
}

/// What is needed for events to arrive.
pub(super) fn webhooks(
    report: &mut Report,
    webhooks: Option<&Webhooks>,
    merchants: Option<&BTreeMap<Msn, Merchant>>,
) {
    let Some(webhooks) = webhooks else { return };
    if webhooks.public_url.is_none() {
        let why = match webhooks.register {
            Register::Auto => {
                "there is no address to register (register = \"auto\"), so no events arrive; callbacks follow from polling alone, and later"
            }
            Register::Off => {
                "events cannot be verified without the address they are signed for; callbacks follow from polling alone, and later"
            }
        };
        let remedy = "Write the https address under which webhooks.listen is reached from outside";
        report.warn("webhooks.public_url", why, remedy);
    } else if webhooks.register == Register::Off {
        if merchants.is_some_and(BTreeMap::is_empty) {
            report.warn(
                "webhooks.register",
                "no sales unit is configured, and without its webhook_secret the events of none can be verified; callbacks follow from polling alone, and later",
                "Write a [[merchants]] table with the webhook_secret of each sales unit, or register = \"auto\"",
            );
        }
        for merchant in merchants.into_iter().flat_map(BTreeMap::values) {
            if merchant.webhook_secret.is_none() {
                report.warn(
                    &format!("merchants.{}.webhook_secret", merchant.msn),
                    "it is not set while webhooks.register = \"off\", so this merchant's events cannot be verified",
                    "Write the secret that came with the registration of its webhook",
                );
            }
        }
    }
}

/// Plain callbacks need private addresses.
pub(super) fn callbacks(report: &mut Report, callbacks: Option<&Callbacks>) {
    if let Some(callbacks) = callbacks
        && callbacks.allow_http
        && !callbacks.allow_private_addresses
    {
        report.warn(
            "callbacks.allow_http",
            "http is for private and loopback hosts only, and allow_private_addresses does not let the bridge call those",
            "Set allow_private_addresses = true as well (staging only), or allow_http = false",
        );
    }
}

/// What a lost or forgetful store costs.
pub(super) fn store(report: &mut Report, store: Option<&Store>) {
    let Some(store) = store else { return };
    if store.encryption_key.is_none() {
        report.warn(
            "store.encryption_key",
            "without a key payments carry no callback data, so if the store is lost the callbacks of open payments cannot be restored",
            "Set a key (openssl rand -base64 32) here or in encryption_key_file, and keep a copy apart from the store",
        );
    }
    if store.retention < 365 * DAY {
        report.warn(
            "store.retention",
            "a payment can be refunded for 365 days, and one whose record is gone counts as unknown",
            "Keep payments for more than 365 days",
        );
    }
    if store.callback_retention < 7 * DAY {
        report.warn(
            "store.callback_retention",
            "an event may be repeated for 7 days, and one whose record is gone would be reported to the merchant again",
            "Keep delivered callbacks for more than 7 days",
        );
    }
}

/// Who may come to the operator's listener.
pub(super) fn admin(report: &mut Report, admin: Option<&Admin>) {
    let Some(admin) = admin else { return };
    let is_local = admin.listen.ip().is_loopback();
    match &admin.token {
        None if !is_local => report.problem(
            "admin.token",
            format!(
                "{} can be reached from outside, and nobody would be asked for a token",
                admin.listen
            ),
            "Set a long random token (openssl rand -hex 32), or listen on 127.0.0.1",
        ),
        Some(token) if token.expose_secret().len() < SHORTEST_TOKEN => {
            let why = "it is short enough to be guessed";
            let remedy = "Use 16 characters or more (openssl rand -hex 32)";
            if is_local {
                report.warn("admin.token", why, remedy);
            } else {
                report.problem("admin.token", why, remedy);
            }
        }
        _ => {}
    }
}

/// Toggles that only the bridge makes safe: without it, payments created in ePayment would be looked for in eCom.
pub(super) fn routing(
    report: &mut Report,
    general: Option<Routing>,
    merchants: Option<&BTreeMap<Msn, Merchant>>,
) {
    let Some(general) = general else { return };
    warn_create_first(report, "routing.initiate", general);
    for merchant in merchants.into_iter().flat_map(BTreeMap::values) {
        let own = merchant.routing.over(general);
        if own != general {
            let path = format!("merchants.{}.routing", merchant.msn);
            warn_create_first(report, &path, own);
        }
    }
}

fn warn_create_first(report: &mut Report, path: &str, routing: Routing) {
    let meaning = order::meaning(&routing);
    if meaning.strands().is_empty() {
        return;
    }
    let why = format!("{} {}", meaning.told(), meaning.without_the_bridge(None));
    let remedy =
        "Nothing is wrong while the bridge runs; before you remove it, move the others to ePayment";
    report.warn(path, why.trim_end_matches('.'), remedy);
}

/// A ramp without a way back only goes up.
pub(super) fn automatic(report: &mut Report, ramp: Option<&Ramp>, rollback: Option<&Rollback>) {
    let (Some(ramp), Some(rollback)) = (ramp, rollback) else {
        return;
    };
    if ramp.enabled && !rollback.enabled {
        report.warn(
            "ramp.enabled",
            "the ramp stops where the bounds do not hold, but nothing goes back, because rollback.enabled is false",
            "Turn rollback.enabled on as well",
        );
    }
    if ramp.enabled && ramp.hold < rollback.window {
        report.warn(
            "ramp.hold",
            "it is shorter than rollback.window, so a step may end before its calls are looked at",
            "Make it as long as the window or longer",
        );
    }
}
