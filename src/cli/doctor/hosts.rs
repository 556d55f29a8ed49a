//! The shops that are called back: resolved, judged by the rules of a delivery, connected to.
//!
//! No request is sent: a shop sees a connection that ends. Must not: look at more than a bounded number, or show more of
//! a callback address than its place.

use futures_util::StreamExt as _;

use super::finding::{Area, Finding};
use crate::callbacks::Targets;
use crate::callbacks::target::reach::{Reach, Reached};
use crate::settings::Callbacks;
use crate::store::CallbackOrigin;

/// More shops are not called one by one.
const MOST: usize = 100;
const AT_ONCE: usize = 16;

/// A place, what is known of its callbacks, and what came of trying it.
pub(super) enum Tried {
    /// Of `callbacks.allowed_hosts`.
    Allowed(String, Reached),
    /// Of callbacks that wait or were given up.
    Outbox(CallbackOrigin, Reached),
}

/// What was tried.
pub(super) struct Hosts {
    pub(super) tried: Result<Vec<Tried>, String>,
    /// Places that were too many.
    pub(super) more: usize,
    /// Whether the outbox could be looked at.
    pub(super) outbox: bool,
}

/// Tries them all.
pub(super) async fn look(settings: &Callbacks, outbox: Option<&[CallbackOrigin]>) -> Hosts {
    let origins = outbox.unwrap_or_default();
    let more = origins.len().saturating_sub(MOST);
    let reach = match Reach::new(Targets::new(settings)) {
        Ok(reach) => reach,
        Err(error) => {
            return Hosts {
                tried: Err(error.to_string()),
                more,
                outbox: outbox.is_some(),
            };
        }
    };
    let reach = &reach;
    let named = settings.allowed_hosts.iter().take(MOST).map(|host| {
        let host = host.clone();
        futures_util::future::Either::Left(async move {
            let reached = reach.host(&host).await;
            Tried::Allowed(host, reached)
        })
    });
    let queued = origins.iter().take(MOST).map(|place| {
        let place = place.clone();
        futures_util::future::Either::Right(async move {
            let reached = reach.origin(&place.origin).await;
            Tried::Outbox(place, reached)
        })
    });
    let all: Vec<_> = named.chain(queued).collect();
    // In their order, whoever answers first.
    let tried = futures_util::stream::iter(all)
        .buffered(AT_ONCE)
        .collect()
        .await;
    Hosts {
        tried: Ok(tried),
        more,
        outbox: outbox.is_some(),
    }
}

/// What to say of them.
pub(super) fn judge(hosts: &Hosts, settings: &Callbacks) -> Vec<Finding> {
    let area = Area::Callbacks;
    let mut all = Vec::new();
    match &hosts.tried {
        Err(why) => all.push(area.fail(
            format!("this machine's certificates can't be used ({why})"),
            "whoever runs it: install its CA certificates, or no shop can be called",
        )),
        Ok(tried) => all.extend(tried.iter().flat_map(one)),
    }
    if hosts.more > 0 {
        all.push(area.warn(
            format!(
                "{} more hosts have callbacks waiting and were not tried",
                hosts.more
            ),
            "`ecom-bridge callbacks list --state pending` shows them",
        ));
    }
    if !hosts.outbox {
        all.push(area.warn(
            "the hosts of callbacks that wait are not known",
            "neither a running bridge nor the store could be asked, see bridge and store",
        ));
    }
    if all.is_empty() {
        all.push(area.ok(if settings.allow_private_addresses {
            "none waits, and none was given up; any host may be called, private ones too"
        } else {
            "none waits, and none was given up; any public host may be called"
        }));
    }
    all
}

fn one(tried: &Tried) -> Vec<Finding> {
    match tried {
        Tried::Allowed(host, reached) => vec![allowed(host, reached)],
        Tried::Outbox(place, reached) => outbox(place, reached),
    }
}

/// A host that may be called, whatever port its callbacks will name.
fn allowed(host: &str, reached: &Reached) -> Finding {
    let area = Area::Callbacks;
    match reached {
        Reached::Good(at) => area.ok(format!("{host}: resolves and connects ({at})")),
        Reached::Closed(..) | Reached::NoTls(..) => area.warn(
            format!("{host}: {}", said(reached)),
            "the shop's side, or a firewall on the way; in order only if its callbacks name another port",
        ),
        Reached::Refused(_) => area.fail(
            format!("{host}: allowed, but {}", said(reached)),
            "the configuration contradicts itself: take it out of callbacks.allowed_hosts, or allow what stands against \
             it where that can be allowed (docs/callbacks.md)",
        ),
        Reached::NoName(_) => area.fail(
            format!("{host}: allowed, but {}", said(reached)),
            remedy(reached),
        ),
    }
}

/// A host whose callbacks wait or were given up.
fn outbox(place: &CallbackOrigin, reached: &Reached) -> Vec<Finding> {
    let (area, origin) = (Area::Callbacks, &place.origin);
    let mut all = Vec::new();
    let waiting = match place.waiting {
        0 => String::new(),
        waiting => format!(", {waiting} waiting"),
    };
    all.push(match reached {
        Reached::Good(at) => area.ok(format!("{origin}{waiting}: resolves and connects ({at})")),
        _ => area.fail(
            format!("{origin}{waiting}: {}", said(reached)),
            remedy(reached),
        ),
    });
    if place.dead > 0 {
        all.push(area.warn(
            format!("{origin}: {} callback(s) were given up", place.dead),
            "`ecom-bridge callbacks list --state dead` says why; repair that, then `callbacks replay ID`",
        ));
    }
    all
}

fn said(reached: &Reached) -> String {
    match reached {
        Reached::Good(_) => "in order".to_owned(),
        Reached::Refused(why) => format!("callbacks do not go there: {why}"),
        Reached::NoName(why) => format!("the name leads nowhere ({why})"),
        Reached::Closed(at, why) => format!("no connection to {at} ({why})"),
        Reached::NoTls(at, why) => format!("no TLS with {at} ({why})"),
    }
}

const fn remedy(reached: &Reached) -> &'static str {
    match reached {
        Reached::Good(_) => "",
        Reached::Refused(_) => {
            "the shop must name another callbackPrefix, or the operator change [callbacks] if that is meant to be \
             called (docs/callbacks.md)"
        }
        Reached::NoName(_) => "whoever keeps the DNS of this name, or this machine's resolver",
        Reached::Closed(..) => {
            "the shop's side, or a firewall on the way; callbacks are repeated meanwhile"
        }
        Reached::NoTls(..) => {
            "the shop's side: its certificate must be valid for this name; callbacks are repeated meanwhile"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict::{Fail, Ok as Good, Warn};
    use super::*;
    use crate::callbacks::Refusal;

    #[test]
    fn the_table_of_places() {
        let at = ([10, 0, 0, 1], 443).into();
        let refused = || Reached::Refused(Refusal::PrivateAddress("private"));
        for (reached, of_allowed, of_outbox, said) in [
            (Reached::Good(at), Good, Good, "resolves and connects"),
            (refused(), Fail, Fail, "allow_private_addresses is false"),
            (Reached::NoName("x".to_owned()), Fail, Fail, "leads nowhere"),
            (
                Reached::Closed(at, "refused".to_owned()),
                Warn,
                Fail,
                "no connection to 10.0.0.1:443",
            ),
            (
                Reached::NoTls(at, "expired".to_owned()),
                Warn,
                Fail,
                "no TLS",
            ),
        ] {
            let found = allowed("shop.example", &reached);
            assert_eq!(found.verdict, of_allowed, "{said}");
            assert!(found.line().contains(said), "{}", found.line());
            let place = CallbackOrigin {
                origin: "https://shop.example".to_owned(),
                waiting: 2,
                dead: 0,
            };
            let found = outbox(&place, &reached);
            assert_eq!(found.len(), 1);
            assert_eq!(found[0].verdict, of_outbox, "{said}");
            assert!(found[0].line().contains("2 waiting"), "{}", found[0].line());
        }
    }

    #[test]
    fn what_was_given_up_wants_a_hand() {
        let place = CallbackOrigin {
            origin: "https://shop.example".to_owned(),
            waiting: 0,
            dead: 3,
        };
        let found = outbox(&place, &Reached::Good(([10, 0, 0, 1], 443).into()));
        let verdicts: Vec<_> = found.iter().map(|f| f.verdict).collect();
        assert_eq!(verdicts, [Good, Warn]);
    }
}
