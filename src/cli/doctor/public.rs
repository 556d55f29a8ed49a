//! Whether `webhooks.public_url` leads to this bridge: called from here as a stranger would, without a signature.
//!
//! The bridge refuses such a call and names its store in the refusal; the running bridge says which name is right. Must
//! not: take an answer for this bridge's because its status fits.

use std::net::IpAddr;
use std::time::Duration;

use reqwest::redirect::Policy;

use super::bridge::Bridge;
use super::finding::{Area, Finding};
use crate::callbacks::address::is_public;
use crate::callbacks::receive::webhook_url;
use crate::callbacks::target::reach::resolved;
use crate::cli::healthcheck::reachable;
use crate::proxy::BRIDGE_STORE;
use crate::settings::{BaseUrl, Settings};
use crate::types::Msn;
use crate::upstream::probe::innermost;

const PATIENCE: Duration = Duration::from_secs(8);

/// What was seen.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    addresses: Result<Vec<IpAddr>, String>,
    public: Answer,
    /// The same call to the listener itself, on this machine, where no bridge has answered.
    local: Answer,
}

/// The answer's status and the store that it names, or why there is none.
type Answer = Result<(u16, Option<String>), String>;

/// Calls the address; `None` where there is none.
pub(super) async fn look(settings: &Settings) -> Option<Seen> {
    let url = settings.webhooks.public_url.as_ref()?;
    // A unit that nobody has, where none is configured: refused all the same.
    let msn = settings.merchants.keys().next().cloned();
    let msn = msn.or_else(|| Msn::parse("0000"))?;
    let listen = reachable(settings.webhooks.listen);
    let addresses = async {
        Ok(resolved(url.host(), 443)
            .await?
            .iter()
            .map(|a| a.ip())
            .collect())
    };
    let (addresses, public) =
        futures_util::future::join(addresses, call(webhook_url(url.as_str(), &msn))).await;
    let local = match &public {
        Ok((_, Some(_))) => public.clone(),
        _ => call(webhook_url(&format!("http://{listen}"), &msn)).await,
    };
    Some(Seen {
        addresses,
        public,
        local,
    })
}

async fn call(url: String) -> Answer {
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .retry(reqwest::retry::never())
        .timeout(PATIENCE)
        .user_agent(concat!("ecom-bridge-doctor/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| innermost(&error))?;
    let answer = client.post(url).body("").send().await;
    let answer = answer.map_err(|error| match error.is_timeout() {
        true => format!("no answer within {} s", PATIENCE.as_secs()),
        false => innermost(&error),
    })?;
    let name = answer.headers().get(BRIDGE_STORE);
    let name = name.and_then(|name| name.to_str().ok()).map(str::to_owned);
    Ok((answer.status().as_u16(), name))
}

/// What to say of it.
pub(super) fn judge(settings: &Settings, seen: Option<&Seen>, bridge: &Bridge) -> Vec<Finding> {
    let (Some(url), Some(seen)) = (&settings.webhooks.public_url, seen) else {
        return vec![nowhere(settings.reads.poll)];
    };
    let mut all = vec![leads(url, seen, bridge)];
    // Only where Vipps is somewhere else than on this machine.
    if !settings.upstream.base_url.is_loopback()
        && let Ok(addresses) = &seen.addresses
        && let Some(first) = addresses.first()
        && !addresses.iter().copied().any(is_public)
    {
        all.push(Area::Webhooks.warn(
            format!(
                "{} is {first} here, which is no address of the Internet",
                url.host()
            ),
            "Vipps needs a public one; in order only if DNS answers differently outside",
        ));
    }
    all
}

fn nowhere(poll: bool) -> Finding {
    let what = "webhooks.public_url is empty, so Vipps tells the bridge nothing";
    if poll {
        Area::Webhooks.warn(
            what,
            "callbacks follow from polling alone, some seconds later. Write the https address under which \
             webhooks.listen is reached from outside",
        )
    } else {
        Area::Webhooks.fail(
            format!("{what}, and reads.poll is false, so it does not ask either"),
            "shops hear of no payment. Set one of them",
        )
    }
}

fn leads(url: &BaseUrl, seen: &Seen, bridge: &Bridge) -> Finding {
    let (hooks, url) = (Area::Webhooks, url.as_str());
    let right = bridge.inside().map(|inside| inside.store.as_str());
    if let Err(why) = &seen.addresses {
        return hooks.fail(
            format!("{url}: the name leads nowhere ({why})"),
            "whoever keeps the DNS of this name; or webhooks.public_url has a typing error",
        );
    }
    match (&seen.public, bridge.is_up()) {
        (Ok((_, Some(name))), true) => match right {
            Some(right) if right == name => hooks.ok(format!("{url} leads to this bridge")),
            Some(_) => hooks.fail(
                format!("{url} leads to another bridge, one with another store"),
                "whoever keeps the server in front, or DNS: events of this bridge's payments go astray. Is an older \
                 installation still running?",
            ),
            None => hooks.warn(
                format!("{url} leads to a bridge"),
                "whether it is this one can't be told without its operator's listener, see bridge",
            ),
        },
        (Ok((_, Some(_))), false) => hooks.warn(
            format!("{url} leads to a bridge, but none answers at admin.listen"),
            "give doctor the configuration of the bridge that runs there",
        ),
        (Ok((status, None)), true) => hooks.fail(
            format!("{url}: something else than this bridge answers ({status})"),
            on_the_way(seen),
        ),
        (Err(why), true) => hooks.fail(
            format!("{url} can't be reached from here ({why})"),
            format!(
                "{}. Where only this machine is kept from it, ask from outside: curl -X POST {url}/webhooks/MSN must \
                 answer 401 or 404 with the header bridge-store",
                on_the_way(seen)
            ),
        ),
        (Ok((status, None)), false) => hooks.warn(
            format!("{url} is not judged, as the bridge does not run; {status} comes from there now"),
            "run doctor again when it runs",
        ),
        (Err(why), false) => hooks.warn(
            format!("{url} is not judged, as the bridge does not run ({why})"),
            "run doctor again when it runs",
        ),
    }
}

/// Whether the bridge's own end is in order, and so who has to look.
fn on_the_way(seen: &Seen) -> &'static str {
    if matches!(seen.local, Ok((_, Some(_)))) {
        "the bridge itself answers at webhooks.listen, so it is the way to it: the server in front, its certificate or \
         the firewall must lead POST /webhooks/ there"
    } else {
        "nothing of the bridge answers at webhooks.listen on this machine either: is this the configuration that it was \
         started with?"
    }
}

#[cfg(test)]
mod tests {
    use super::super::bridge::{Health, Inside, Up};
    use super::super::finding::Verdict::{self, Fail, Ok as Good, Warn};
    use super::*;
    use crate::settings;

    fn bridge(up: bool) -> Bridge {
        if !up {
            return Bridge::Silent(String::new());
        }
        Bridge::Up(Box::new(Up {
            addr: ([127, 0, 0, 1], 9090).into(),
            health: Health {
                store: "ok".to_owned(),
                draining: false,
                ready: true,
            },
            inside: Ok(Inside {
                store: "00aa".to_owned(),
                webhooks: Vec::new(),
                failing: Vec::new(),
                origins: Vec::new(),
            }),
        }))
    }

    fn seen(public: Answer, local: bool) -> Seen {
        Seen {
            addresses: Ok(vec![[8, 8, 8, 8].into()]),
            public,
            local: if local {
                Ok((401, Some("00aa".to_owned())))
            } else {
                Err("refused".to_owned())
            },
        }
    }

    fn settings() -> Settings {
        settings::from_text("[webhooks]\npublic_url = \"https://bridge.example\"").unwrap()
    }

    #[test]
    fn the_table_of_answers() {
        let named = |name: &str| Ok((401, Some(name.to_owned())));
        for (public, local, up, verdict, said) in [
            (named("00aa"), true, true, Good, "leads to this bridge"),
            (named("00bb"), true, true, Fail, "another bridge"),
            (
                named("00aa"),
                false,
                false,
                Warn,
                "none answers at admin.listen",
            ),
            (Ok((401, None)), true, true, Fail, "so it is the way to it"),
            (
                Ok((404, None)),
                false,
                true,
                Fail,
                "nothing of the bridge answers at webhooks.listen",
            ),
            (
                Err("refused".to_owned()),
                true,
                true,
                Fail,
                "can't be reached from here (refused)",
            ),
            (
                Ok((502, None)),
                false,
                false,
                Warn,
                "502 comes from there now",
            ),
            (
                Err("refused".to_owned()),
                false,
                false,
                Warn,
                "is not judged",
            ),
        ] {
            let all = judge(&settings(), Some(&seen(public, local)), &bridge(up));
            assert_eq!(all.len(), 1, "{said}");
            assert_eq!(all[0].verdict, verdict, "{said}");
            assert!(all[0].line().contains(said), "{}", all[0].line());
        }
    }

    fn verdicts(all: &[Finding]) -> Vec<Verdict> {
        all.iter().map(|finding| finding.verdict).collect()
    }

    #[test]
    fn an_address_that_vipps_can_not_have_is_told() {
        let mut inside = seen(Ok((401, Some("00aa".to_owned()))), true);
        inside.addresses = Ok(vec![[10, 0, 0, 1].into()]);
        let all = judge(&settings(), Some(&inside), &bridge(true));
        assert_eq!(verdicts(&all), [Good, Warn]);
        inside.addresses = Err("unknown".to_owned());
        let all = judge(&settings(), Some(&inside), &bridge(true));
        assert_eq!(verdicts(&all), [Fail]);
        let none = settings::from_text("").unwrap();
        assert_eq!(verdicts(&judge(&none, None, &bridge(true))), [Warn]);
        let none = settings::from_text("[reads]\npoll = false").unwrap();
        assert_eq!(verdicts(&judge(&none, None, &bridge(true))), [Fail]);
    }
}
