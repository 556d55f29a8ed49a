//! Whether upstream answers, and whether it gives each configured sales unit a token.
//!
//! Must not: show a token, a key or a client's id.

use std::collections::BTreeMap;
use std::time::Duration;

use super::finding::{Area, Finding};
use crate::settings::{Merchant, Settings};
use crate::types::Msn;
use crate::upstream::probe::{Granted, Silence, Told};
use crate::upstream::token::UnitKeys;

/// Whoever can repair what Vipps does.
const VIPPS: &str = "Vipps' side: look at its status page, and run doctor again";

/// What came of asking for a unit's token.
pub(super) type Asked = Result<(Told, Option<Granted>), Silence>;

/// The units that have keys of their own.
pub(super) fn keys(settings: &Settings) -> BTreeMap<Msn, UnitKeys> {
    let keys = |merchant: &Merchant| {
        let keys = UnitKeys {
            client_id: merchant.client_id.clone()?,
            client_secret: merchant.client_secret.clone()?,
            subscription_key: merchant.subscription_key.clone()?,
        };
        Some((merchant.msn.clone(), keys))
    };
    settings.merchants.values().filter_map(keys).collect()
}

/// Whether upstream answers, where a token was asked for without keys.
pub(super) fn upstream(base_url: &str, told: Result<&Told, &Silence>) -> Finding {
    let up = Area::Upstream;
    match told {
        Ok(told) => match told.status {
            400 | 401 | 403 => up.ok(format!("{base_url} answers")),
            status @ 500.. => up.fail(format!("{base_url} answers {status}"), VIPPS),
            status => up.warn(
                format!("{base_url} answers {status} where access tokens are given, and not 401"),
                "is upstream.base_url the address of Vipps' API, without a path too many?",
            ),
        },
        Err(silence) => silent(base_url, silence),
    }
}

fn silent(base_url: &str, silence: &Silence) -> Finding {
    match silence {
        Silence::NotConnected(why) => Area::Upstream.fail(
            format!("{base_url} can't be reached ({why})"),
            "this machine's network, DNS, firewall or certificates, or upstream.base_url; merchants get 502 meanwhile",
        ),
        Silence::NoAnswer(why) => Area::Upstream.fail(
            format!("{base_url} takes connections and does not answer ({why})"),
            "Vipps, or something on the way to it; look at its status page",
        ),
        Silence::Unreadable => Area::Upstream.fail(
            format!("{base_url} gives no tokens"),
            "is upstream.base_url the address of Vipps' API?",
        ),
    }
}

/// A unit's token.
pub(super) fn unit(merchant: &Merchant, asked: Option<&Asked>) -> Finding {
    let (msn, token) = (&merchant.msn, Area::Token);
    match asked {
        None => without(merchant),
        Some(Ok((_, Some(granted)))) => {
            let good_for = granted.expires_in.map(good_for).unwrap_or_default();
            token.ok(format!("{msn}: access token granted{good_for}"))
        }
        Some(Ok((told, None))) => match told.status {
            400 | 401 | 403 => token.fail(
                format!("{msn}: its keys are refused ({})", told.status),
                "the configuration: client_id, client_secret and subscription_key must be this sales unit's own, of the \
                 same environment as upstream.base_url (test and production have different ones). Until then the bridge \
                 works for it with the shop's own calls only",
            ),
            429 => token.warn(format!("{msn}: too many tokens were asked for (429)"), "wait a minute"),
            status @ 500.. => token.fail(format!("{msn}: no token ({status})"), VIPPS),
            status => token.fail(
                format!("{msn}: no token ({status})"),
                "is upstream.base_url the address of Vipps' API?",
            ),
        },
        Some(Err(silence)) => {
            let why = match silence {
                Silence::NotConnected(_) => "no connection",
                Silence::NoAnswer(_) => "no answer",
                Silence::Unreadable => "the answer has no token",
            };
            token.fail(format!("{msn}: no token ({why})"), "see upstream")
        }
    }
}

fn without(merchant: &Merchant) -> Finding {
    let (msn, token) = (&merchant.msn, Area::Token);
    if merchant.client_id.is_some() {
        return token.warn(
            format!("{msn}: has no subscription_key, so no token can be fetched"),
            "add subscription_key to its table, or leave all three out",
        );
    }
    let own = format!(
        "{msn}: no keys of its own are configured; the bridge uses those of the shop's calls"
    );
    if merchant.settings.direct_capture {
        return token.warn(
            own,
            "with direct_capture it must capture while the shop is quiet: configure client_id, client_secret and \
             subscription_key",
        );
    }
    token.ok(own)
}

fn good_for(time: Duration) -> String {
    let minutes = time.as_secs() / 60;
    match minutes {
        0..=119 => format!(", good for {minutes} min"),
        _ => format!(", good for {} h", minutes / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict::{Fail, Ok as Good, Warn};
    use super::*;
    use crate::settings;

    fn told(status: u16) -> Told {
        Told {
            status,
            clock: None,
        }
    }

    #[test]
    fn the_table_of_knocks() {
        for (status, verdict) in [
            (401, Good),
            (403, Good),
            (200, Warn),
            (302, Warn),
            (404, Warn),
            (503, Fail),
        ] {
            let found = upstream("https://api", Ok(&told(status)));
            assert_eq!(found.verdict, verdict, "{status}");
        }
        let dead = Silence::NotConnected("refused".to_owned());
        let found = upstream("https://api", Err(&dead)).line();
        assert!(found.contains("can't be reached (refused): this machine's network"));
    }

    fn merchant(more: &str) -> Merchant {
        let text = format!("[[merchants]]\nmsn = \"123456\"\n{more}");
        let settings = settings::from_text(&text).unwrap();
        settings.merchants.into_values().next().unwrap()
    }

    #[test]
    fn the_table_of_tokens() {
        let with = merchant(
            "client_id = \"canary-id\"\nclient_secret = \"canary-secret\"\nsubscription_key = \"canary-key\"",
        );
        for (asked, verdict, said) in [
            (Ok((told(401), None)), Fail, "its keys are refused (401)"),
            (Ok((told(429), None)), Warn, "wait a minute"),
            (Ok((told(500), None)), Fail, "Vipps' side"),
            (Ok((told(404), None)), Fail, "base_url"),
            (Err(Silence::Unreadable), Fail, "see upstream"),
        ] {
            let found = unit(&with, Some(&asked));
            assert_eq!(found.verdict, verdict, "{said}");
            let line = found.line();
            assert!(line.contains(said) && !line.contains("canary"), "{line}");
        }
        let none = unit(&merchant(""), None);
        assert_eq!(none.verdict, Good);
        let direct = unit(&merchant("direct_capture = true"), None);
        assert_eq!(direct.verdict, Warn);
        assert_eq!(good_for(Duration::from_secs(3_600)), ", good for 60 min");
        assert_eq!(good_for(Duration::from_secs(86_400)), ", good for 24 h");
    }
}
