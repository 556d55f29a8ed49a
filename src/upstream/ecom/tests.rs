//! Forwarding as it can be judged without a server: targets, headers, and what a failed connection means.

use http::header::HOST;

use super::*;

fn forwarder(base: &str) -> Forwarder {
    Forwarder::new(base, Duration::from_secs(1), Duration::from_secs(1)).unwrap()
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
fn other_base_urls_are_refused() {
    for base in ["up", "ftp://up", "http://u:p@up", "http://up/?a", ""] {
        let made = Forwarder::new(base, Duration::from_secs(1), Duration::from_secs(1));
        assert!(made.is_err(), "{base}");
    }
}
