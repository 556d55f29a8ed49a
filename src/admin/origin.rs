//! Where a request says that it comes from: the checks that keep other sites' pages out.
//!
//! A browser sends what any page on the Internet tells it to, from inside the operator's own network. Two headers that no
//! page can forge say who made it do so. Must not: take the absence of an answer for a good one where a form is sent.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::header::{self, HeaderName};
use http::{HeaderMap, Uri};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The one value of a header; none where it is missing, given twice or no text.
pub(super) fn one(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    let mut all = headers.get_all(name).iter();
    match (all.next(), all.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

/// Whether the request names this machine itself. Without a token only such are served: a name of somebody's own, made to
/// point at 127.0.0.1 (DNS rebinding), would else let that site's pages read everything.
pub(super) fn names_loopback(headers: &HeaderMap, uri: &Uri) -> bool {
    let host = one(headers, header::HOST).is_some_and(is_loopback);
    host && uri
        .authority()
        .is_none_or(|named| is_loopback(named.as_str()))
}

fn is_loopback(authority: &str) -> bool {
    let port = |rest: &str| {
        rest.is_empty()
            || rest
                .strip_prefix(':')
                .is_some_and(|port| port.bytes().all(|b| b.is_ascii_digit()))
    };
    if let Some(rest) = authority.strip_prefix('[') {
        return rest.split_once(']').is_some_and(|(ip, rest)| {
            port(rest) && ip.parse::<Ipv6Addr>().is_ok_and(|ip| ip.is_loopback())
        });
    }
    let at = authority.find(':').unwrap_or(authority.len());
    let (host, rest) = authority.split_at(at);
    let known = host.eq_ignore_ascii_case("localhost")
        || host.parse::<Ipv4Addr>().is_ok_and(|ip| ip.is_loopback());
    known && port(rest)
}

/// An address as it is counted: of IPv6 the network, because one host has as many as it likes.
pub(super) fn counted(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => {
            let [a, b, c, d, ..] = ip.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// Whether another site's page made the browser send this. What is no browser sends neither header, and no page can make
/// a browser leave both out of a request that changes something.
pub(super) fn is_cross_site(headers: &HeaderMap) -> bool {
    if headers.contains_key(SEC_FETCH_SITE) {
        return one(headers, SEC_FETCH_SITE) != Some("same-origin");
    }
    if !headers.contains_key(header::ORIGIN) {
        return false;
    }
    // The scheme is not compared: TLS may end before the bridge.
    let origin = one(headers, header::ORIGIN).and_then(|origin| origin.split_once("://"));
    match (origin, one(headers, header::HOST)) {
        (Some((_, from)), Some(host)) => !from.eq_ignore_ascii_case(host),
        _ => true,
    }
}

/// Whether the browser speaks TLS to whoever stands before the bridge.
pub(super) fn is_https(headers: &HeaderMap) -> bool {
    one(headers, header::ORIGIN).is_some_and(|origin| origin.starts_with("https://"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(list: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in list {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn only_names_of_this_machine_pass() {
        let uri = Uri::from_static("/");
        for (host, good) in [
            ("localhost", true),
            ("LocalHost:9090", true),
            ("127.0.0.1:9090", true),
            ("127.9.9.9", true),
            ("[::1]:9090", true),
            ("[::1]", true),
            ("", false),
            ("bridge", false),
            ("localhost.evil.example", false),
            ("127.0.0.1.evil.example", false),
            ("127.0.0.1:9090@evil.example", false),
            ("[::2]", false),
            ("[::1", false),
            ("localhost:x", false),
            ("10.0.0.1", false),
        ] {
            let headers = headers(&[("host", host)]);
            assert_eq!(names_loopback(&headers, &uri), good, "{host}");
        }
        assert!(!names_loopback(&HeaderMap::new(), &uri));
        let twice = headers(&[("host", "localhost"), ("host", "localhost")]);
        assert!(!names_loopback(&twice, &uri));
        let absolute = Uri::from_static("http://evil.example/");
        assert!(!names_loopback(
            &headers(&[("host", "localhost")]),
            &absolute
        ));
    }

    #[test]
    fn what_another_page_sends_is_known() {
        for (list, cross) in [
            (&[][..], false),
            (&[("sec-fetch-site", "same-origin")], false),
            (&[("sec-fetch-site", "same-site")], true),
            (&[("sec-fetch-site", "cross-site")], true),
            (&[("sec-fetch-site", "none")], true),
            (&[("host", "h:1"), ("origin", "http://h:1")], false),
            (&[("host", "h:1"), ("origin", "https://H:1")], false),
            (&[("host", "h:1"), ("origin", "http://h:2")], true),
            (&[("host", "h:1"), ("origin", "null")], true),
            (
                &[
                    ("host", "h"),
                    ("origin", "http://h"),
                    ("origin", "http://h"),
                ],
                true,
            ),
            (
                &[
                    ("sec-fetch-site", "cross-site"),
                    ("host", "h:1"),
                    ("origin", "http://h:1"),
                ],
                true,
            ),
        ] {
            assert_eq!(is_cross_site(&headers(list)), cross, "{list:?}");
        }
    }

    #[test]
    fn an_ipv6_host_is_counted_by_its_network() {
        let ip = |text: &str| counted(text.parse().unwrap());
        assert_eq!(ip("2001:db8:1:2:3::4"), ip("2001:db8:1:2:ffff::"));
        assert_eq!(ip("::ffff:10.0.0.1"), ip("10.0.0.1"));
        assert_ne!(ip("10.0.0.1"), ip("10.0.0.2"));
    }
}
