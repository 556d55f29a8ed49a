//! A visitor of the operator's pages: the address, the header lines, an empty line, then what becomes of sessions.
//!
//! Must not: ask the product for what the lines say.

use std::net::IpAddr;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Uri};
use reqwest::{Host, Url};

use super::sessions::{Keyed, LIFE, Sessions};
use super::{brought, origin};
use crate::lines::{Line, all, head, one, read};
use crate::types::Moment;

/// So many sessions at once.
const MOST: usize = 100;

pub fn run(data: &[u8]) {
    let (first, rest) = data.split_at(data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len()));
    let blank = rest.windows(2).position(|two| two == b"\n\n");
    let (text, steps) = blank.map_or((rest, &b""[..]), |at| (&rest[..at], &rest[at + 2..]));
    let lines = read(text);
    let target = std::str::from_utf8(first).ok().and_then(|text| text.trim().parse().ok());
    let target: Uri = target.unwrap_or_default();
    from_here(&lines, &target);
    from_own_pages(&lines);
    brings(&lines, steps);
    counted(first);
    sessions(steps);
}

/// Who is taken for one that names this machine does so in a browser's eyes, too.
fn from_here(lines: &[Line], target: &Uri) {
    let headers = head(lines);
    let named = origin::names_loopback(&headers, target);
    let authority = target.authority().map(|authority| authority.as_str());
    if named {
        let host = one(lines, "host").expect("one Host");
        assert!(is_this_machine(host), "{host:?}");
        assert!(authority.is_none_or(is_this_machine), "{target}");
    }
    let mut twice = headers;
    twice.append("host", HeaderValue::from_static("localhost"));
    let alone = lines.iter().all(|(name, _)| name != "host");
    assert_eq!(origin::names_loopback(&twice, &Uri::from_static("/")), alone);
}

/// As the reader of URLs sees it, which is another one.
fn is_this_machine(host: &str) -> bool {
    let digits = |rest: &str| rest.bytes().all(|byte| byte.is_ascii_digit());
    let bare = match host.rsplit_once(':') {
        Some((bare, port)) if digits(port) => bare,
        _ => host,
    };
    let Ok(url) = Url::parse(&format!("http://{bare}/")) else {
        return false;
    };
    let at_home = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    at_home && url.username().is_empty() && url.password().is_none() && url.path() == "/"
}

/// A change comes from the pages' own origin, or from no browser at all.
fn from_own_pages(lines: &[Line]) {
    let cross = |lines: &[Line]| origin::is_cross_site(&head(lines));
    let with = |name: &'static str, value: &str| {
        let value = HeaderValue::from_str(value).expect("a value");
        [lines, &[(HeaderName::from_static(name), value)]].concat()
    };
    let without = |name: &str| -> Vec<Line> { lines.iter().filter(|(one, _)| one != name).cloned().collect() };
    let sites = all(lines, "sec-fetch-site");
    let origins = all(lines, "origin");
    let own = if !sites.is_empty() {
        sites == [b"same-origin"]
    } else if origins.is_empty() {
        true
    } else {
        let origin = one(lines, "origin").map(str::to_ascii_lowercase);
        let host = one(lines, "host").map(|host| format!("://{}", host.to_ascii_lowercase()));
        // Behind the scheme stands the host and nothing else.
        origin.zip(host).is_some_and(|(origin, host)| {
            origin.ends_with(&host) && origin.find("://") == Some(origin.len() - host.len())
        })
    };
    assert_eq!(cross(lines), !own);
    // What a foreign page can't leave out or take back.
    for site in ["cross-site", "same-site", "none"] {
        assert!(cross(&with("sec-fetch-site", site)), "{site}");
    }
    if sites.is_empty() && !origins.is_empty() {
        assert!(cross(&with("origin", "http://localhost")) && cross(&with("host", "localhost")));
    }
    let mut foreign = without("sec-fetch-site");
    foreign.retain(|(name, _)| name != "origin");
    foreign.push((HeaderName::from_static("origin"), HeaderValue::from_static("https://evil.example")));
    let is_its_own = one(lines, "host").is_some_and(|host| host.eq_ignore_ascii_case("evil.example"));
    assert_eq!(cross(&foreign), !is_its_own);
    let https = one(lines, "origin").is_some_and(|origin| origin.starts_with("https://"));
    assert_eq!(origin::is_https(&head(lines)), https);
}

/// The token and the cookies that stand in the lines, and no other.
fn brings(lines: &[Line], steps: &[u8]) {
    let headers = head(lines);
    let shown = all(lines, "authorization");
    let token: &[u8] = match shown[..] {
        [value] if value.to_ascii_lowercase().starts_with(b"bearer ") => &value[7..],
        _ => b"",
    };
    assert_eq!(brought::bearer(&headers), token);
    let sessions = Sessions::new(Keyed::new());
    let now = Moment::from_millis(1_000);
    let cookie = sessions.begin(now);
    let found = |headers: &http::HeaderMap| brought::cookies(headers).find_map(|cookie| sessions.of(cookie, now));
    assert_eq!(found(&headers), None, "nobody knows that cookie");
    // Among whatever else a browser has, on any line.
    let is_https = steps.len() % 2 == 0;
    let kept = brought::keep(&cookie, LIFE, is_https);
    assert_eq!(kept.contains("; Secure"), is_https);
    assert!(kept.contains("; HttpOnly; SameSite=Strict"));
    let (pair, _) = kept.split_once(';').expect("attributes");
    let mut all = headers;
    let beside = one(lines, "x-beside").unwrap_or_default();
    for value in [format!("{beside}; {pair}"), format!("{pair};{beside}")] {
        let mut one = all.clone();
        one.append("cookie", HeaderValue::from_str(&value).expect("text"));
        assert!(found(&one).is_some(), "{value}");
    }
    let (gone, _) = brought::forget().split_once(';').map(|(a, b)| (a.to_owned(), b.to_owned())).expect("attributes");
    all.append("cookie", HeaderValue::from_str(&gone).expect("text"));
    assert_eq!(found(&all), None);
}

/// One host, one count.
fn counted(text: &[u8]) {
    let Some(ip) = std::str::from_utf8(text).ok().and_then(|text| text.trim().parse::<IpAddr>().ok()) else {
        return;
    };
    let counted = origin::counted(ip);
    assert_eq!(origin::counted(counted), counted);
    match ip.to_canonical() {
        IpAddr::V4(v4) => assert_eq!((counted, origin::counted(v4.to_ipv6_mapped().into())), (v4.into(), v4.into())),
        IpAddr::V6(v6) => {
            let neighbour = (u128::from(v6) ^ 1).into();
            assert_eq!(origin::counted(IpAddr::V6(neighbour)), counted);
            let another = (u128::from(v6) ^ (1 << 64)).into();
            assert_ne!(origin::counted(IpAddr::V6(another)), counted);
        }
    }
}

/// Each byte is a step; a list of cookies and their ends says who is signed in.
fn sessions(steps: &[u8]) {
    let sessions = Sessions::new(Keyed::new());
    let mut open: Vec<(String, Moment)> = Vec::new();
    let mut gone: Vec<String> = Vec::new();
    let mut now = Moment::from_millis(0);
    for step in steps.iter().take(400) {
        now = now.plus(Duration::from_millis(1));
        let which = usize::from(step >> 3);
        match step & 7 {
            0..=2 => {
                let cookie = sessions.begin(now);
                open.retain(|(_, until)| *until > now);
                if open.len() == MOST {
                    gone.push(open.remove(0).0);
                }
                open.push((cookie, now.plus(LIFE)));
            }
            3 if !open.is_empty() => {
                let (cookie, until) = open.remove(which % open.len());
                let id = sessions.of(&cookie, now);
                assert_eq!(id.is_some(), until > now);
                id.into_iter().for_each(|id| sessions.end(id));
                gone.push(cookie);
            }
            4 => now = now.plus(LIFE / 16 * u32::from(step >> 3)),
            5 if which == 0 => {
                sessions.end_all();
                gone.extend(open.drain(..).map(|(cookie, _)| cookie));
            }
            _ => {}
        }
    }
    let mut tokens = vec![sessions.form_token(None)];
    for (cookie, until) in &open {
        let id = sessions.of(cookie, now);
        assert_eq!(id.is_some(), *until > now, "an open session");
        tokens.extend(id.map(|id| sessions.form_token(Some(id))));
        assert_eq!(sessions.of(&cookie[1..], now), None);
    }
    assert!(gone.iter().all(|cookie| sessions.of(cookie, now).is_none()), "one that has ended");
    let same = |a: &String, b: &String| sessions.keyed().same(a.as_bytes(), b.as_bytes());
    for (at, token) in tokens.iter().enumerate() {
        assert!(tokens.iter().enumerate().all(|(other, one)| same(token, one) == (at == other)));
        if at > 4 {
            break;
        }
    }
}
