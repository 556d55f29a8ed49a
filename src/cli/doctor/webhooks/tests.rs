//! Registrations in every state, and what is said of them.

use super::super::bridge::{Health, Inside, Up};
use super::super::finding::Verdict::{self, Fail, Ok as Good, Warn};
use super::*;
use crate::settings;

const URL: &str = "https://bridge.example/webhooks/123456";

fn msn() -> Msn {
    Msn::parse("123456").unwrap()
}

fn settings(more: &str) -> Settings {
    settings::from_text(&format!(
        "[webhooks]\npublic_url = \"https://bridge.example\"\n{more}"
    ))
    .unwrap()
}

fn listed(id: &str, url: &str, events: &[&str]) -> Listed {
    Listed {
        id: id.to_owned(),
        url: url.to_owned(),
        events: events.iter().map(|event| (*event).to_owned()).collect(),
    }
}

fn known(id: &str, retired: bool) -> KnownWebhook {
    KnownWebhook {
        msn: msn(),
        id: id.to_owned(),
        retired,
    }
}

fn silent() -> Bridge {
    Bridge::Silent(String::new())
}

fn failing(why: &str) -> Bridge {
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
            failing: vec![("123456".to_owned(), 3, why.to_owned())],
            origins: Vec::new(),
        }),
    }))
}

fn judged(
    settings: &Settings,
    bridge: &Bridge,
    known: Option<&[KnownWebhook]>,
    listing: Listing,
) -> Vec<(Verdict, String)> {
    let here = Here {
        settings,
        bridge,
        known,
        is_empty: known.is_some_and(<[_]>::is_empty),
    };
    let all = judge(&here, &[(msn(), listing)]);
    all.iter().map(|f| (f.verdict, f.line())).collect()
}

#[test]
fn the_table_of_registrations() {
    let own = || listed("a", URL, &EVENTS);
    let older = || listed("b", URL, &EVENTS);
    let few = || listed("a", URL, &EVENTS[1..]);
    let other = || {
        listed(
            "c",
            "https://user:token=x@old.example/webhooks/123456",
            &EVENTS,
        )
    };
    let foreign = || listed("d", "https://pos.example/hook?token=x", &EVENTS[..1]);
    let in_use = [known("a", false)];
    let both = [known("a", false), known("b", true)];
    let retired = [known("a", true)];
    for (all, store, expected, said) in [
        (
            vec![own()],
            Some(&in_use[..]),
            vec![Good],
            "registered, with all 7 events",
        ),
        (
            vec![own(), foreign()],
            Some(&in_use[..]),
            vec![Good],
            "with all 7",
        ),
        (
            vec![own(), older()],
            Some(&both[..]),
            vec![Good],
            "with all 7",
        ),
        (
            vec![own(), older()],
            Some(&in_use[..]),
            vec![Warn],
            "1 more of this public_url",
        ),
        (
            vec![own()],
            Some(&retired[..]),
            vec![Warn],
            "no secret of it",
        ),
        (
            vec![own()],
            Some(&[][..]),
            vec![Warn, Warn],
            "no secret of it",
        ),
        (vec![own()], None, vec![Good], "not known"),
        (
            vec![few()],
            Some(&in_use[..]),
            vec![Warn],
            "lacks epayments.payment.aborted.v1",
        ),
        (
            vec![],
            Some(&in_use[..]),
            vec![Warn],
            "no registration of this public_url",
        ),
        (
            vec![own(), other()],
            Some(&in_use[..]),
            vec![Good, Warn],
            "with all 7",
        ),
    ] {
        let found = judged(&settings(""), &silent(), store, Ok(all));
        let verdicts: Vec<_> = found.iter().map(|(verdict, _)| *verdict).collect();
        assert_eq!(verdicts, expected, "{said}: {found:?}");
        assert!(found[0].1.contains(said), "{found:?}");
        assert!(!found.iter().any(|(_, line)| line.contains("token=x")));
    }
}

#[test]
fn a_lost_store_is_told_by_what_vipps_still_has() {
    let own = vec![listed("a", URL, &EVENTS)];
    let found = judged(&settings(""), &silent(), Some(&[]), Ok(own.clone()));
    let store = &found.last().unwrap().1;
    assert!(
        store.starts_with("WARN store     was it lost or replaced?"),
        "{store}"
    );
    assert!(store.contains("the store is empty") && store.contains("ePayment"));
    // Of another unit's registration nothing follows for this one.
    let elsewhere = [KnownWebhook {
        msn: Msn::parse("654321").unwrap(),
        id: "a".to_owned(),
        retired: false,
    }];
    let found = judged(&settings(""), &silent(), Some(&elsewhere), Ok(own));
    assert!(found.last().unwrap().1.contains("knows none of them"));
}

#[test]
fn by_hand_the_secret_must_be_configured() {
    let off = "register = \"off\"\n[[merchants]]\nmsn = \"123456\"\n";
    let secret = format!("{off}webhook_secret = \"canary\"");
    let own = || vec![listed("a", URL, &EVENTS)];
    for (text, all, verdict, said) in [
        (off, own(), Fail, "webhook_secret is not configured"),
        (&secret, own(), Good, "by hand"),
        (&secret, vec![], Fail, "register is \"off\""),
        (&secret, vec![listed("a", URL, &EVENTS[..6])], Warn, "lacks"),
    ] {
        let found = judged(&settings(text), &silent(), Some(&[]), Ok(all));
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].0, verdict, "{said}");
        assert!(found[0].1.contains(said) && !found[0].1.contains("canary"));
    }
}

#[test]
fn refusals_say_whose_they_are_and_the_bridges_own_word_counts_once() {
    let refused = judged(&settings(""), &silent(), None, Err(Some(403)));
    assert_eq!(refused[0].0, Fail);
    assert!(refused[0].1.contains("ask Vipps"));
    assert_eq!(
        judged(&settings(""), &silent(), None, Err(Some(500)))[0].0,
        Warn
    );
    assert_eq!(judged(&settings(""), &silent(), None, Err(None))[0].0, Warn);

    let bridge = failing("the Webhooks API answered 403");
    let both = judged(&settings(""), &bridge, None, Err(Some(403)));
    assert_eq!(both.len(), 1, "{both:?}");
    let here = settings("");
    let alone = Here {
        settings: &here,
        bridge: &failing("no credentials: …"),
        known: None,
        is_empty: false,
    };
    let alone = judge(&alone, &[]);
    assert!(alone[0].line().contains("let the shop make a call"));
}
