//! What a request brings to be let in, a token or a session's cookie, and what makes a browser bring the cookie.
//!
//! Must not: judge what it finds, or take one of two tokens.

use std::time::Duration;

use http::HeaderMap;
use http::header::{AUTHORIZATION, COOKIE};

const SESSION: &str = "bridge-session";

/// What follows `Bearer`; nothing, which is no token, where it is another scheme or stands there twice.
pub(super) fn bearer(headers: &HeaderMap) -> &[u8] {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let (Some(sent), None) = (all.next(), all.next()) else {
        return b"";
    };
    match sent.as_bytes().split_at_checked(7) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case(b"bearer ") => token,
        _ => b"",
    }
}

/// What every cookie that may be a session's holds.
pub(super) fn cookies(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(COOKIE).iter();
    lines
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, _)| *name == SESSION)
        .map(|(_, value)| value)
}

/// Makes the browser keep a session's cookie for its life. Where it speaks TLS to whoever stands before the bridge, the
/// cookie never leaves without it.
pub(super) fn keep(cookie: &str, life: Duration, is_https: bool) -> String {
    let life = life.as_secs();
    let secure = if is_https { "; Secure" } else { "" };
    format!("{SESSION}={cookie}; Path=/; Max-Age={life}; HttpOnly; SameSite=Strict{secure}")
}

/// Makes it forget the cookie.
pub(super) fn forget() -> String {
    format!("{SESSION}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict")
}
