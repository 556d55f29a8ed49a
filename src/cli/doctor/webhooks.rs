//! The registrations that Vipps has, against what the bridge would register and what the store knows.
//!
//! Registrations that nobody's store knows are the mark of a store that was lost, replaced or restored from an older
//! backup. Must not: register, change or delete any.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::bridge::Bridge;
use super::finding::{Area, Finding, Verdict};
use crate::callbacks::receive::webhook_url;
use crate::callbacks::register::EVENTS;
use crate::settings::{Register, Settings};
use crate::store::KnownWebhook;
use crate::types::Msn;
use crate::upstream::epayment::{Call, Epayment};
use crate::upstream::webhooks::Listed;
use crate::upstream::{Budget, Credentials, Reply, Spent};

const PATIENCE: Duration = Duration::from_secs(10);

/// What the Webhooks API says of a unit: what is registered, or a refusal's status, or nothing.
pub(super) type Listing = Result<Vec<Listed>, Option<u16>>;

/// Asks for a unit's registrations.
pub(super) async fn list(epayment: &Epayment, credentials: &Credentials) -> Listing {
    let spent = Spent::default();
    let call = Call {
        credentials,
        budget: Budget {
            deadline: Instant::now() + PATIENCE,
            per_call: PATIENCE,
        },
        spent: &spent,
    };
    match epayment.list_webhooks(call).await {
        Ok(Reply::Done(listed)) => Ok(listed),
        Ok(reply) => Err(reply.refused_status()),
        Err(_) => Err(None),
    }
}

/// What is known on this side.
pub(super) struct Here<'a> {
    pub(super) settings: &'a Settings,
    pub(super) bridge: &'a Bridge,
    /// The registrations that the store knows, where that could be found out.
    pub(super) known: Option<&'a [KnownWebhook]>,
    /// Whether the store is known to hold no payment.
    pub(super) is_empty: bool,
}

/// What to say of the units, each with its listing where it could be asked for.
pub(super) fn judge(here: &Here<'_>, listings: &[(Msn, Listing)]) -> Vec<Finding> {
    let Some(public_url) = &here.settings.webhooks.public_url else {
        return Vec::new();
    };
    let mut all = Vec::new();
    let mut strangers = 0;
    for (msn, listing) in listings {
        let url = webhook_url(public_url.as_str(), msn);
        match listing {
            Err(status) => all.push(unlisted(msn, *status)),
            Ok(listed) => {
                strangers += unknown(here, msn, &url, listed);
                all.extend(unit(here, msn, &url, listed));
            }
        }
    }
    all.extend(failing(here, &all));
    if strangers > 0 && here.settings.webhooks.register == Register::Auto {
        all.push(lost(strangers, here.is_empty));
    }
    all
}

fn unlisted(msn: &Msn, status: Option<u16>) -> Finding {
    match status {
        Some(status @ (401 | 403)) => Area::Webhooks.fail(
            format!("{msn}: the Webhooks API answers {status}"),
            "the keys are not for this sales unit, or may not use the Webhooks API: ask Vipps",
        ),
        Some(status) => Area::Webhooks.warn(
            format!("{msn}: the Webhooks API answers {status}"),
            "Vipps' side: run doctor again later",
        ),
        None => Area::Webhooks.warn(
            format!("{msn}: the Webhooks API gives no answer"),
            "network, or Vipps' side: run doctor again later",
        ),
    }
}

/// How many registrations of the bridge's own URL the store does not know, where it knows none that counts.
fn unknown(here: &Here<'_>, msn: &Msn, url: &str, listed: &[Listed]) -> usize {
    let Some(known) = here.known else { return 0 };
    let own: Vec<_> = listed.iter().filter(|hook| hook.url == url).collect();
    let is_known = |hook: &&&Listed| known.iter().any(|k| k.msn == *msn && k.id == hook.id);
    if own.iter().any(|hook| is_known(&hook)) {
        return 0;
    }
    own.len()
}

fn unit(here: &Here<'_>, msn: &Msn, url: &str, listed: &[Listed]) -> Vec<Finding> {
    let own: Vec<_> = listed.iter().filter(|hook| hook.url == url).collect();
    let mut all = vec![match here.settings.webhooks.register {
        Register::Auto => by_itself(here, msn, &own),
        Register::Off => by_hand(here, msn, url, &own),
    }];
    // The bridge leaves other addresses alone; one that ends as its own do is likely one that it had before.
    let ending = format!("/webhooks/{msn}");
    let stale = listed
        .iter()
        .filter(|hook| hook.url != url && hook.url.ends_with(&ending));
    all.extend(stale.map(|hook| {
        Area::Webhooks.warn(
            format!("{msn}: {} is registered, too ({})", place(&hook.url), hook.id),
            "if that was an earlier webhooks.public_url, delete it with the Webhooks API; the bridge leaves it alone",
        )
    }));
    all
}

/// Where an address leads, without a user or a password.
fn place(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{host}{path}")
}

/// Registered by the bridge.
fn by_itself(here: &Here<'_>, msn: &Msn, own: &[&Listed]) -> Finding {
    let hooks = Area::Webhooks;
    let complete: Vec<_> = own.iter().filter(|hook| lacking(hook).is_empty()).collect();
    let soon = if here.bridge.is_up() {
        format!(
            "the bridge makes one at its next look, or at once by `ecom-bridge webhooks register {msn}`"
        )
    } else {
        "the bridge makes one when it is started".to_owned()
    };
    if own.is_empty() {
        return hooks.warn(format!("{msn}: no registration of this public_url"), soon);
    }
    if complete.is_empty() {
        let lacks = own.iter().flat_map(|hook| lacking(hook));
        let lacks: BTreeSet<_> = lacks.collect();
        let lacks: Vec<_> = lacks.into_iter().collect();
        return hooks.warn(
            format!(
                "{msn}: the registration has other events ({})",
                lacks.join(", ")
            ),
            soon,
        );
    }
    let Some(known) = here.known else {
        return hooks.ok(format!(
            "{msn}: registered; whether the store has its secret is not known"
        ));
    };
    let in_use = |hook: &Listed| {
        let mut all = known.iter();
        all.any(|known| known.msn == *msn && known.id == hook.id && !known.retired)
    };
    let in_store = |hook: &Listed| known.iter().any(|k| k.msn == *msn && k.id == hook.id);
    let strangers = own.iter().filter(|hook| !in_store(hook)).count();
    match (complete.iter().any(|hook| in_use(hook)), strangers) {
        (true, 0) => hooks.ok(format!("{msn}: registered, with all {} events", EVENTS.len())),
        (true, more) => hooks.warn(
            format!("{msn}: registered, and {more} more of this public_url that the store does not know"),
            "of before the store was lost or replaced (the bridge deletes them 8 days after its own was made), or of \
             another bridge with the same public_url",
        ),
        (false, _) => hooks.warn(
            format!("{msn}: registered, but the store has no secret of it"),
            format!("its events are answered 401, and Vipps keeps them for 7 days; {soon}"),
        ),
    }
}

/// Registered by the operator.
fn by_hand(here: &Here<'_>, msn: &Msn, url: &str, own: &[&Listed]) -> Finding {
    let hooks = Area::Webhooks;
    let has_secret = here
        .settings
        .merchants
        .get(msn)
        .is_some_and(|merchant| merchant.webhook_secret.is_some());
    if own.is_empty() {
        return hooks.fail(
            format!("{msn}: no registration of {url}, and webhooks.register is \"off\""),
            "register it with the Webhooks API and write its secret into the merchant's webhook_secret, or set \
             register = \"auto\"",
        );
    }
    let lacks: BTreeSet<_> = own.iter().flat_map(|hook| lacking(hook)).collect();
    if !has_secret {
        return hooks.fail(
            format!("{msn}: registered, and webhook_secret is not configured"),
            "every event is refused (401): write the secret that came with the registration into its table",
        );
    }
    if own.iter().all(|hook| !lacking(hook).is_empty()) {
        let lacks: Vec<_> = lacks.into_iter().collect();
        return hooks.warn(
            format!(
                "{msn}: the registration has other events ({})",
                lacks.join(", ")
            ),
            "register again with exactly the events that docs/callbacks.md names",
        );
    }
    hooks.ok(format!(
        "{msn}: registered by hand, with all {} events",
        EVENTS.len()
    ))
}

/// In which events a registration differs from what is needed.
fn lacking(hook: &Listed) -> Vec<String> {
    let has: BTreeSet<&str> = hook.events.iter().map(String::as_str).collect();
    let wanted: BTreeSet<&str> = EVENTS.into_iter().collect();
    let missing = wanted
        .difference(&has)
        .map(|event| format!("lacks {event}"));
    let more = has.difference(&wanted).map(|event| format!("has {event}"));
    missing.chain(more).collect()
}

/// What the running bridge reports of registrations that doctor could not look at itself.
fn failing(here: &Here<'_>, said: &[Finding]) -> Vec<Finding> {
    let told = |msn: &str| {
        let start = format!("{msn}: ");
        let of_unit = |f: &&Finding| f.what().starts_with(&start);
        said.iter()
            .filter(of_unit)
            .any(|f| f.verdict != Verdict::Ok)
    };
    let Some(inside) = here.bridge.inside() else {
        return Vec::new();
    };
    let all = inside.failing.iter().filter(|(msn, ..)| !told(msn));
    all.map(|(msn, times, why)| {
        let remedy = if why.starts_with("no credentials") {
            "let the shop make a call through the bridge, or configure its client_id, client_secret and subscription_key"
        } else {
            "docs/operations.md, Callbacks do not arrive; it is tried again by itself"
        };
        Area::Webhooks.warn(format!("{msn}: the bridge could not register it, {times} time(s) so far ({why})"), remedy)
    })
    .collect()
}

/// Vipps has registrations of this bridge, and the store none of them.
fn lost(strangers: usize, is_empty: bool) -> Finding {
    let store = if is_empty {
        "is empty"
    } else {
        "knows none of them"
    };
    Area::Store.warn(
        format!("was it lost or replaced? Vipps has {strangers} registration(s) of this public_url, and the store {store}"),
        "if it was not meant to be another one (a wrong store.url, a volume that is not mounted, an old backup), stop the \
         bridge and give it its store back. If it is lost, the bridge goes on safely: payments made before count as \
         unknown, so changes go to ePayment, reads ask eCom first and learn from the answer, and a new registration is \
         made beside the old one (docs/operations.md, A lost store)",
    )
}

#[cfg(test)]
mod tests;
