//! The words that the back ends write for payments, events and callbacks, and what is cut from texts before they are kept.
//!
//! Must not: change a word. Files of earlier releases hold them.

use std::collections::BTreeMap;

use super::{CallbackOrigin, CallbackState, Kind, Origin, Source, Stage};
use crate::ecom::callback::CallbackStatus;
use crate::epayment::event::EventName;

/// How long a note of an operator or a worker may be.
pub(super) const NOTE: usize = 500;
/// How long the redacted text of a stray may be.
pub(super) const STRAY: usize = 2000;

pub(super) const fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Ecom => "ecom",
        Origin::Epayment => "epayment",
    }
}

pub(super) fn origin_of(word: &str) -> Option<Origin> {
    [Origin::Ecom, Origin::Epayment]
        .into_iter()
        .find(|known| origin(*known) == word)
}

pub(super) const fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Regular => "regular",
        Kind::Express => "express",
        Kind::Unproven => "unproven",
    }
}

pub(super) fn kind_of(word: &str) -> Option<Kind> {
    [Kind::Regular, Kind::Express, Kind::Unproven]
        .into_iter()
        .find(|known| kind(*known) == word)
}

pub(super) const fn status(status: CallbackStatus) -> &'static str {
    match status {
        CallbackStatus::Reserved => "RESERVED",
        CallbackStatus::Reserve => "RESERVE",
        CallbackStatus::Sale => "SALE",
        CallbackStatus::SaleFailed => "SALE_FAILED",
        CallbackStatus::Cancelled => "CANCELLED",
        CallbackStatus::Rejected => "REJECTED",
    }
}

pub(super) fn status_of(word: &str) -> Option<CallbackStatus> {
    [
        CallbackStatus::Reserved,
        CallbackStatus::Reserve,
        CallbackStatus::Sale,
        CallbackStatus::SaleFailed,
        CallbackStatus::Cancelled,
        CallbackStatus::Rejected,
    ]
    .into_iter()
    .find(|one| status(*one) == word)
}

pub(super) fn event_name_of(word: &str) -> Option<EventName> {
    [
        EventName::Created,
        EventName::Aborted,
        EventName::Expired,
        EventName::Cancelled,
        EventName::Captured,
        EventName::Refunded,
        EventName::Authorized,
        EventName::Terminated,
        EventName::Unknown,
    ]
    .into_iter()
    .find(|one| one.word() == word)
}

pub(super) const fn stage(stage: Stage) -> &'static str {
    match stage {
        Stage::Capture => "capture",
        Stage::Deliver => "deliver",
    }
}

pub(super) fn stage_of(word: &str) -> Option<Stage> {
    [Stage::Capture, Stage::Deliver]
        .into_iter()
        .find(|one| stage(*one) == word)
}

/// How a callback has ended; none while it waits.
pub(super) const fn ended(state: CallbackState) -> Option<&'static str> {
    match state {
        CallbackState::Capture | CallbackState::Pending => None,
        CallbackState::Delivered => Some("delivered"),
        CallbackState::Dead => Some("dead"),
        CallbackState::Dropped => Some("dropped"),
    }
}

/// Where a callback stands, from how it has ended and its stage.
pub(super) fn state_of(ended_word: Option<&str>, at: Stage) -> Option<CallbackState> {
    match (ended_word, at) {
        (None, Stage::Capture) => Some(CallbackState::Capture),
        (None, Stage::Deliver) => Some(CallbackState::Pending),
        (Some(word), _) => [
            CallbackState::Delivered,
            CallbackState::Dead,
            CallbackState::Dropped,
        ]
        .into_iter()
        .find(|state| ended(*state) == Some(word)),
    }
}

pub(super) const fn source(source: Source) -> &'static str {
    match source {
        Source::Webhook => "webhook",
        Source::Poll => "poll",
    }
}

/// Whether the event tells a payment's final state.
pub(super) const fn is_final(name: EventName, success: bool, has_callback: bool) -> bool {
    let ends = matches!(
        name,
        EventName::Authorized | EventName::Aborted | EventName::Expired | EventName::Terminated
    );
    has_callback || (success && ends)
}

/// At most so many characters of a text.
pub(super) fn cut(mut text: String, most: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(most) {
        text.truncate(end);
    }
    text
}

/// Scheme, host and port of a callback address, in lower case and without user, path or query, which may hold a token.
fn place(prefix: &str) -> Option<String> {
    let (scheme, rest) = prefix.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let host = host(prefix);
    if host.is_empty() || !["https", "http"].contains(&scheme.as_str()) {
        return None;
    }
    let after = authority(rest).rsplit(']').next().unwrap_or("");
    let port = after.rsplit_once(':').map_or("", |(_, port)| port);
    let is_port = (1..=5).contains(&port.len()) && port.bytes().all(|b| b.is_ascii_digit());
    let port = if is_port {
        format!(":{port}")
    } else {
        String::new()
    };
    Some(if host.contains(':') {
        format!("{scheme}://[{host}]{port}")
    } else {
        format!("{scheme}://{host}{port}")
    })
}

/// Callback addresses, each with whether it waits, as places with their numbers, by name.
pub(super) fn origins(found: Vec<(String, bool)>) -> Vec<CallbackOrigin> {
    let mut places: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for (prefix, waits) in found {
        let Some(place) = place(&prefix) else {
            continue;
        };
        let counted = places.entry(place).or_default();
        counted.0 += u64::from(waits);
        counted.1 += u64::from(!waits);
    }
    let told = |(origin, (waiting, dead))| CallbackOrigin {
        origin,
        waiting,
        dead,
    };
    places.into_iter().map(told).collect()
}

/// Host and port of what follows a scheme.
fn authority(rest: &str) -> &str {
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or("");
    authority.rsplit('@').next().unwrap_or("")
}

/// The host that a callback address names, in lower case and without user, port, path or query, which may hold a token.
/// Empty where there is none.
pub(super) fn host(prefix: &str) -> String {
    let rest = prefix.split_once("://").map_or("", |(_, rest)| rest);
    let place = authority(rest);
    let host = match (place.strip_prefix('['), place.split_once(':')) {
        (Some(six), _) => six.split(']').next().unwrap_or(""),
        (None, Some((host, _port))) => host,
        (None, None) => place,
    };
    cut(host.to_ascii_lowercase(), 255)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_scheme_host_and_port() {
        for (prefix, expected) in [
            ("https://Shop.example/cb?tk=1", Some("https://shop.example")),
            (
                "HTTP://user:secret@shop.example:8080/x",
                Some("http://shop.example:8080"),
            ),
            ("https://[2A00::1]:8443/x", Some("https://[2a00::1]:8443")),
            ("https://[2a00::1]", Some("https://[2a00::1]")),
            (
                "https://shop.example:secret/x",
                Some("https://shop.example"),
            ),
            ("ftp://shop.example", None),
            ("https:///x", None),
            ("shop.example", None),
        ] {
            assert_eq!(place(prefix).as_deref(), expected, "{prefix}");
        }
    }

    #[test]
    fn a_host_is_nothing_but_the_host() {
        for (prefix, expected) in [
            ("https://Shop.example/cb?tk=1&callback=", "shop.example"),
            ("https://shop.example", "shop.example"),
            ("https://shop.example:8443/x", "shop.example"),
            ("https://user:secret@shop.example/x", "shop.example"),
            ("https://shop.example?tk=secret@host", "shop.example"),
            ("https://shop.example\\secret", "shop.example"),
            ("https://shop.example#secret", "shop.example"),
            ("https://[::1]:80/x", "::1"),
            ("shop.example/secret", ""),
            ("", ""),
        ] {
            assert_eq!(host(prefix), expected, "{prefix}");
        }
    }

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(cut("æøå".to_owned(), 2), "æø");
        assert_eq!(cut("æøå".to_owned(), 3), "æøå");
        assert_eq!(cut(String::new(), 0), "");
    }

    #[test]
    fn final_is_what_ends_the_wait_for_the_user() {
        for (name, success, ends) in [
            (EventName::Authorized, true, true),
            (EventName::Authorized, false, false),
            (EventName::Aborted, true, true),
            (EventName::Expired, true, true),
            (EventName::Terminated, true, true),
            (EventName::Terminated, false, false),
            (EventName::Created, true, false),
            (EventName::Captured, true, false),
            (EventName::Cancelled, true, false),
            (EventName::Refunded, true, false),
            (EventName::Unknown, true, false),
        ] {
            assert_eq!(is_final(name, success, false), ends, "{name:?} {success}");
            assert!(is_final(name, success, true));
        }
    }
}
