//! Forwarding as it can be judged without a server: targets, headers, and what a failed connection means.

use proptest::prelude::*;

use super::*;

fn forwarder(base: &str) -> Forwarder {
    Forwarder::new(base, Duration::from_secs(1), Duration::from_secs(1)).unwrap()
}

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

#[tokio::test]
async fn the_target_keeps_its_bytes_behind_the_base_path() {
    for (base, target, want) in [
        (
            "http://up:1",
            "/a'b%27;c=//d?x=%2e&y='",
            "/a'b%27;c=//d?x=%2e&y='",
        ),
        ("http://up:1/", "//a//b?", "//a//b?"),
        ("http://up:1/base/", "/a?b=c", "/base/a?b=c"),
        ("http://up:1", "*", "*"),
    ] {
        let request = Request::builder().uri(target).body(()).unwrap();
        let (mut parts, ()) = request.into_parts();
        forwarder(base).address(&mut parts).unwrap();
        assert_eq!(parts.uri.path_and_query().unwrap().as_str(), want);
        assert_eq!(parts.headers[HOST], "up:1");
    }
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
fn a_split_cookie_of_http2_is_joined() {
    let mut map = headers(&[("cookie", "a=1"), ("cookie", "b=2")]);
    join_cookies(&mut map);
    assert_eq!(pairs(&map), [("cookie", "a=1; b=2")]);
}

#[test]
fn other_base_urls_are_refused() {
    for base in ["up", "ftp://up", "http://u:p@up", "http://up/?a", ""] {
        let made = Forwarder::new(base, Duration::from_secs(1), Duration::from_secs(1));
        assert!(made.is_err(), "{base}");
    }
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
