//! Reads `[[merchants]]`: each table named by its MSN, its values resolved against the defaults.
//!
//! Must not: show a credential, or take two tables of one MSN.

use std::collections::BTreeMap;
use std::fmt::Display;

use secrecy::SecretString;

use super::check;
use super::file::Section;
use super::model::{Merchant, MerchantSettings, MerchantShadow};
use super::problem::ConfigProblem;
use super::tree::{Node, Value, msn_of};
use crate::routing::{RoutingOverride, Toggle};
use crate::types::Msn;

/// Reads the list; without usable defaults the tables are read for their own faults only.
pub(super) fn read(
    root: &mut Section<'_, '_>,
    defaults: Option<&MerchantSettings>,
) -> Option<BTreeMap<Msn, Merchant>> {
    let mut merchants = BTreeMap::new();
    if !root.has("merchants") {
        return Some(merchants);
    }
    let node = root.node("merchants")?;
    let Value::List(list) = &node.value else {
        let why = format!("this is {}, not a list of tables", node.value.kind());
        refuse(
            root,
            "merchants",
            &node.origin,
            &why,
            "Begin each merchant with [[merchants]]",
        );
        return None;
    };
    let mut whole = true;
    for (at, node) in list.iter().enumerate() {
        let Some(merchant) = one(root, at, node, defaults) else {
            whole = false;
            continue;
        };
        if merchants.contains_key(&merchant.msn) {
            let path = format!("merchants.{}", merchant.msn);
            let why = "two tables have this msn";
            refuse(root, &path, &node.origin, why, "Make one table of them");
            whole = false;
        }
        merchants.insert(merchant.msn.clone(), merchant);
    }
    whole.then_some(merchants)
}

fn refuse(root: &mut Section<'_, '_>, path: &str, origin: &dyn Display, why: &str, remedy: &str) {
    root.report.problems.push(ConfigProblem {
        origin: origin.to_string(),
        ..ConfigProblem::new(path, why, remedy)
    });
}

fn one(
    root: &mut Section<'_, '_>,
    at: usize,
    node: &Node,
    defaults: Option<&MerchantSettings>,
) -> Option<Merchant> {
    let Value::Table(table) = &node.value else {
        let why = format!("this is {}, not a table", node.value.kind());
        let path = format!("merchants[{at}]");
        refuse(
            root,
            &path,
            &node.origin,
            &why,
            "Begin each merchant with [[merchants]]",
        );
        return None;
    };
    let msn = msn_of(node).and_then(|msn| Msn::parse(&msn));
    let name = match &msn {
        Some(msn) => format!("merchants.{msn}"),
        None => format!("merchants[{at}]"),
    };
    let mut s = Section::new(name, Some(table), root.report);
    let msn = s.msn("msn", msn);
    let subscription_key = optional(&mut s, "subscription_key", Section::secret);
    s.file_of("subscription_key_file");
    let client_id = optional(&mut s, "client_id", client_id);
    s.file_of("client_id_file");
    let client_secret = optional(&mut s, "client_secret", Section::secret);
    s.file_of("client_secret_file");
    let webhook_secret = optional(&mut s, "webhook_secret", Section::secret);
    s.file_of("webhook_secret_file");
    both(&mut s, client_id.as_ref(), client_secret.as_ref());
    let routing = match s.has("routing") {
        true => routing(s.inner("routing", "routing.")),
        false => Some(RoutingOverride::default()),
    };
    let shadow = match s.has("shadow") {
        true => super::shadow::of_merchant(s.inner("shadow", "shadow.")),
        false => Some(MerchantShadow::default()),
    };
    let currency = optional(&mut s, "currency", |s, _| check::currency(s));
    let country_code = optional(&mut s, "country_code", |s, _| check::country_code(s));
    let direct_capture = optional(&mut s, "direct_capture", |s, _| check::direct_capture(s));
    let interaction = optional(&mut s, "customer_interaction", |s, _| {
        check::customer_interaction(s)
    });
    let limit = optional(&mut s, "unapproved_limit", |s, _| {
        check::unapproved_limit(s)
    });
    s.finish();
    let defaults = defaults?;
    Some(Merchant {
        msn: msn?,
        subscription_key: subscription_key?.flatten(),
        client_id: client_id?.flatten(),
        client_secret: client_secret?.flatten(),
        webhook_secret: webhook_secret?.flatten(),
        routing: routing?,
        settings: MerchantSettings {
            currency: currency?.unwrap_or(defaults.currency),
            country_code: country_code?.unwrap_or_else(|| defaults.country_code.clone()),
            direct_capture: direct_capture?.unwrap_or(defaults.direct_capture),
            customer_interaction: interaction?.unwrap_or(defaults.customer_interaction),
            unapproved_limit: limit?.unwrap_or(defaults.unapproved_limit),
        },
        shadow: shadow?,
    })
}

/// Reads a key that may be left out: the outer `None` is a fault, the inner one a key that is not there.
pub(super) fn optional<'t, 'r, T>(
    s: &mut Section<'t, 'r>,
    key: &'static str,
    read: impl FnOnce(&mut Section<'t, 'r>, &'static str) -> Option<T>,
) -> Option<Option<T>> {
    if s.has(key) {
        read(s, key).map(Some)
    } else {
        Some(None)
    }
}

/// The id of a client and its secret are set together. Each is asked as [`optional`] read it.
pub(super) fn both(
    s: &mut Section<'_, '_>,
    client_id: Option<&Option<Option<String>>>,
    client_secret: Option<&Option<Option<SecretString>>>,
) {
    let (Some(id), Some(secret)) = (client_id, client_secret) else {
        return;
    };
    let (key, other) = match (matches!(id, Some(Some(_))), matches!(secret, Some(Some(_)))) {
        (true, false) => ("client_id", "client_secret"),
        (false, true) => ("client_secret", "client_id"),
        _ => return,
    };
    let remedy = format!("Set {other}, too, or clear {key}");
    let _reported: Option<()> = s.fail(key, format!("there is no {other} beside it"), &remedy);
}

/// The id of the token call; the inner `None`: left empty.
pub(super) fn client_id(s: &mut Section<'_, '_>, key: &'static str) -> Option<Option<String>> {
    let read = |text: &str| match text {
        "" => Ok(None),
        text if text.bytes().all(|b| (0x21..0x7f).contains(&b)) => Ok(Some(text.to_owned())),
        _ => Err("it holds a blank or a character that no header can carry"),
    };
    s.parse(key, read, "Copy it again, without what stands around it")
}

fn routing(mut s: Section<'_, '_>) -> Option<RoutingOverride> {
    let toggle = |s: &mut Section<'_, '_>, key, percent| -> Option<Option<Toggle>> {
        if s.has(key) {
            s.toggle(key, percent).map(Some)
        } else {
            Some(None)
        }
    };
    let initiate = toggle(&mut s, "initiate", true);
    let capture = toggle(&mut s, "capture", false);
    let cancel = toggle(&mut s, "cancel", false);
    let refund = toggle(&mut s, "refund", false);
    let details = toggle(&mut s, "details", false);
    let status = toggle(&mut s, "status", false);
    let transaction_id = optional(&mut s, "transaction_id", |s, _| check::transaction_id(s));
    let is_table = s.is_table();
    s.finish();
    if !is_table {
        return None;
    }
    Some(RoutingOverride {
        initiate: initiate?,
        capture: capture?,
        cancel: cancel?,
        refund: refund?,
        details: details?,
        status: status?,
        transaction_id: transaction_id?,
    })
}
