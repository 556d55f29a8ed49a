//! What of a message's headers goes on to the next server, and what stays behind.
//!
//! Left out are the headers of one hop (RFC 9110, 7.6.1) and those by which a client could speak in the bridge's or a
//! proxy's name. Must not: add a header of its own, or change the order of those that stay.

use http::Version;
use http::header::{CONNECTION, CONTENT_LENGTH, COOKIE, HOST, HeaderMap, HeaderName, HeaderValue};

/// The headers of a request that came as `version`, as `host` gets them over HTTP/1.1.
pub(super) fn onward(came: HeaderMap, version: Version, host: &HeaderValue) -> HeaderMap {
    let mut headers = without_hop(came, |name| {
        let text = name.as_str();
        matches!(text, "expect" | "forwarded" | "x-real-ip") || text.starts_with("x-forwarded-")
    });
    if version == Version::HTTP_2 {
        join_cookies(&mut headers);
    }
    // In the place of the one that came.
    headers.insert(HOST, host.clone());
    headers
}

/// Headers without those of one hop, those that `Connection` names, the bridge's own and those that `also` names; in
/// order (removing one by one would swap them).
pub(super) fn without_hop(headers: HeaderMap, also: impl Fn(&HeaderName) -> bool) -> HeaderMap {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        // By bytes: an option that is no text takes no other one with it.
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .filter_map(|option| HeaderName::from_bytes(option.trim_ascii()).ok())
        // Naming the frame's length would change where the message ends.
        .filter(|name| name != CONTENT_LENGTH)
        .collect();
    let drops = |name: &HeaderName| {
        let of_one_hop = matches!(
            name.as_str(),
            "connection"
                | "keep-alive"
                | "proxy-authenticate"
                | "proxy-authorization"
                | "proxy-connection"
                | "te"
                | "trailer"
                | "transfer-encoding"
                | "upgrade"
        );
        of_one_hop || name.as_str().starts_with("bridge-") || named.contains(name) || also(name)
    };
    // As most heads are.
    if !headers.keys().any(drops) {
        return headers;
    }
    let mut kept = HeaderMap::with_capacity(headers.len());
    let mut current: Option<HeaderName> = None;
    for (name, value) in headers {
        if let Some(name) = name {
            current = (!drops(&name)).then_some(name);
        }
        if let Some(name) = &current {
            kept.append(name.clone(), value);
        }
    }
    kept
}

/// HTTP/2 may split a cookie header; HTTP/1.1 has one (RFC 9113, 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let pieces: Vec<&[u8]> = headers
        .get_all(COOKIE)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    if pieces.len() > 1
        && let Ok(mut joined) = HeaderValue::from_bytes(&pieces.join(&b"; "[..]))
    {
        joined.set_sensitive(true);
        headers.insert(COOKIE, joined);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        map
    }

    fn pairs(map: &HeaderMap) -> Vec<(&str, &str)> {
        map.iter()
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
            .collect()
    }

    #[test]
    fn headers_of_one_hop_go_and_the_rest_stays_in_order() {
        let came = headers(&[
            ("z-first", "1"),
            ("connection", "close, x-named, content-length"),
            ("x-named", "gone"),
            ("te", "trailers"),
            ("cookie", "a"),
            ("keep-alive", "timeout=5"),
            ("bridge-route", "forged"),
            ("upgrade", "websocket"),
            ("content-length", "3"),
            ("a-last", "2"),
            ("cookie", "b"),
        ]);
        let kept = without_hop(came, |_| false);
        assert_eq!(
            pairs(&kept),
            [
                ("z-first", "1"),
                ("cookie", "a"),
                ("cookie", "b"),
                ("content-length", "3"),
                ("a-last", "2"),
            ]
        );
    }

    #[test]
    fn what_a_connection_names_goes_whatever_stands_beside_it() {
        let mut came = headers(&[("x-named", "gone"), ("x-other", "stays")]);
        let options = HeaderValue::from_bytes(b"caf\xe9, X-Named").unwrap();
        came.append(CONNECTION, options);
        assert_eq!(pairs(&without_hop(came, |_| false)), [("x-other", "stays")]);
    }

    #[test]
    fn a_split_cookie_of_http2_is_joined() {
        let mut map = headers(&[("cookie", "a=1"), ("cookie", "b=2")]);
        join_cookies(&mut map);
        assert_eq!(pairs(&map), [("cookie", "a=1; b=2")]);
    }

    proptest! {
        /// What is kept is what came, in its order, and holds nothing of one hop.
        #[test]
        fn headers_are_only_left_out(
            lines in proptest::collection::vec(
                (
                    "connection|te|x-[ab]|bridge-x|keep-alive|content-length|accept",
                    "[a-z, -]{0,12}|x-a|x-b, te|content-length",
                ),
                0..12,
            ),
        ) {
            let lines: Vec<_> = lines.iter().map(|(n, v)| (n.as_str(), v.trim())).collect();
            let came = headers(&lines);
            let kept = without_hop(came.clone(), |_| false);
            let mut rest = came.iter();
            for pair in &kept {
                prop_assert!(rest.any(|one| one == pair));
            }
            for name in ["connection", "te", "keep-alive", "bridge-x"] {
                prop_assert!(!kept.contains_key(name));
            }
            let all = |map: &HeaderMap| map.get_all(CONTENT_LENGTH).iter().count();
            prop_assert_eq!(all(&kept), all(&came));
        }
    }
}
