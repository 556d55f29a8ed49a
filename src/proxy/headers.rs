//! What the edge reads in a request's head before anything else does, and the headers it writes.
//!
//! Refused is what two servers could read in two ways. Sources: RFC 9110, RFC 9112 (3.2, 6.1), contract of the
//! bridge's own headers. Must not: change what is passed on, but for the target's form.

use std::str::FromStr;

use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap, HeaderName,
    HeaderValue, TRANSFER_ENCODING, UPGRADE,
};
use http::uri::Authority;
use http::{Method, Uri, Version, request};
use uuid::Uuid;

use crate::ecom::error::{Code, Failure};
use crate::upstream::{MERCHANT_SERIAL_NUMBER, SUBSCRIPTION_KEY};

/// Which way a call went: `ecom`, `epayment`, `refused` or `pass`.
pub const BRIDGE_ROUTE: HeaderName = HeaderName::from_static("bridge-route");
/// The request's id.
pub const BRIDGE_REQUEST_ID: HeaderName = HeaderName::from_static("bridge-request-id");
/// The store's public name, in what the webhooks' listener answers: one for all instances that share it.
pub const BRIDGE_STORE: HeaderName = HeaderName::from_static("bridge-store");
/// Marks a shadow's call.
pub use crate::upstream::SHADOW_MARK as BRIDGE_SHADOW;

/// The most header lines of a request.
pub const HEADERS_MAX: usize = 100;
/// The most bytes of all header lines of a request together, each with its `: ` and line end.
pub const HEADER_BYTES_MAX: usize = 64 << 10;

/// The most bytes of a target: twice what every server should take (RFC 9112, 3), and far more than any call has.
pub const TARGET_MAX: usize = 16 << 10;

/// Marks the values that are never shown: whoever prints the head sees only that they are there.
pub(crate) fn mark_secrets(headers: &mut HeaderMap) {
    for (name, value) in headers.iter_mut() {
        if SECRET.contains(name) {
            value.set_sensitive(true);
        }
    }
}

/// Headers whose values are never shown.
const SECRET: [HeaderName; 4] = [
    AUTHORIZATION,
    SUBSCRIPTION_KEY,
    HeaderName::from_static("client_id"),
    HeaderName::from_static("client_secret"),
];

/// A call's own name.
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What decides who asks, for whom, and what: `Connection` can't take it away on its way to upstream.
const END_TO_END: [HeaderName; 8] = [
    AUTHORIZATION,
    SUBSCRIPTION_KEY,
    HeaderName::from_static("client_id"),
    HeaderName::from_static("client_secret"),
    MERCHANT_SERIAL_NUMBER,
    X_REQUEST_ID,
    CONTENT_TYPE,
    HOST,
];

/// What the bridge reads of a call's head.
const READ: [(HeaderName, &str); 4] = [
    (AUTHORIZATION, "Authorization"),
    (SUBSCRIPTION_KEY, "Ocp-Apim-Subscription-Key"),
    (MERCHANT_SERIAL_NUMBER, "Merchant-Serial-Number"),
    (X_REQUEST_ID, "X-Request-Id"),
];

/// A request's id: fresh for every request, in its log event, its answer and, as `contextId`, in errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestId(Uuid);

impl RequestId {
    pub(crate) fn fresh() -> Self {
        Self(Uuid::new_v4())
    }

    pub(crate) const fn uuid(self) -> Uuid {
        self.0
    }

    pub(crate) fn header(self) -> Option<HeaderValue> {
        HeaderValue::from_str(&self.to_string()).ok()
    }
}

impl std::fmt::Display for RequestId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// Why a head is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) failure: Failure,
    /// The metric label.
    pub(crate) why: &'static str,
    /// Whether the connection ends with the answer: its bytes may mean something else to somebody else.
    pub(crate) close: bool,
}

impl Refusal {
    fn closing(why: &'static str, failure: Failure) -> Self {
        Self {
            failure,
            why,
            close: true,
        }
    }
}

/// Judges a request's head, and brings its target into origin form.
pub(crate) fn judge(parts: &mut request::Parts) -> Result<(), Refusal> {
    length(&parts.uri)?;
    size(&parts.headers)?;
    method(&parts.method)?;
    host(parts)?;
    framing(&parts.headers)?;
    connection(&parts.headers)?;
    if parts.headers.contains_key(UPGRADE) {
        return Err(Refusal::closing(
            "upgrade",
            Failure::field("Upgrade", "The protocol can't be switched"),
        ));
    }
    if parts.headers.contains_key(BRIDGE_SHADOW) {
        let failure = Failure::told(
            Code::Vipps99,
            "This call is a shadow of a call that went through the bridge already: upstream.base_url or \
             shadow.upstream_base_url points at a bridge",
        );
        return Err(Refusal {
            failure: failure.with_status(508),
            why: "shadow_loop",
            close: false,
        });
    }
    if parts.uri.scheme().is_some() || parts.uri.authority().is_some() {
        parts.uri = origin_form(&parts.uri).ok_or_else(|| {
            Refusal::closing("target", Failure::field("target", "The target has no path"))
        })?;
    }
    Ok(())
}

/// The target without scheme and host; none of a host alone, which is for CONNECT (RFC 9112, 3.2.3).
fn origin_form(target: &Uri) -> Option<Uri> {
    let mut origin = http::uri::Parts::default();
    origin.path_and_query = Some(target.path_and_query()?.clone());
    Uri::from_parts(origin).ok()
}

fn length(target: &Uri) -> Result<(), Refusal> {
    let bytes = target
        .path_and_query()
        .map_or(0, |path| path.as_str().len());
    if bytes <= TARGET_MAX {
        return Ok(());
    }
    let message = format!("The target has more than {TARGET_MAX} bytes");
    Err(Refusal::closing(
        "target_too_long",
        Failure::field("target", message).with_status(414),
    ))
}

fn size(headers: &HeaderMap) -> Result<(), Refusal> {
    let bytes: usize = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum();
    if headers.len() <= HEADERS_MAX && bytes <= HEADER_BYTES_MAX {
        return Ok(());
    }
    let message =
        format!("More than {HEADERS_MAX} header lines, or than {HEADER_BYTES_MAX} bytes of them");
    Err(Refusal::closing(
        "headers_too_large",
        Failure::field("headers", message).with_status(431),
    ))
}

fn method(method: &Method) -> Result<(), Refusal> {
    if method == Method::CONNECT || method == Method::TRACE {
        let failure = Failure::field("method", format!("{method} is not served"));
        return Err(Refusal::closing("method", failure.with_status(405)));
    }
    Ok(())
}

/// One `Host` and no other; a target in absolute form names the same.
fn host(parts: &request::Parts) -> Result<(), Refusal> {
    let refused = |message: &str| Err(Refusal::closing("host", Failure::field("Host", message)));
    let mut hosts = parts.headers.get_all(HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (_, Some(_)) => return refused("More than one Host"),
        (None, None) if parts.version == Version::HTTP_11 => return refused("Host is missing"),
        (None, None) if parts.version == Version::HTTP_2 && parts.uri.authority().is_none() => {
            return refused("The authority is missing");
        }
        (None, None) => return Ok(()),
        (Some(host), None) => host,
    };
    let Some(host) = host.to_str().ok().and_then(|h| Authority::from_str(h).ok()) else {
        return refused("Host is no host");
    };
    let port = &host.as_str()[host.host().len()..];
    let is_port = port.is_empty() || port == ":" || host.port_u16().is_some();
    if host.as_str().contains('@') || !is_port {
        return refused("Host is no host");
    }
    match parts.uri.authority() {
        Some(named) if *named != host => refused("The target names another host than Host"),
        _ => Ok(()),
    }
}

/// Only `chunked` frames a body, said once: with another coding the bytes would mean something else upstream.
fn framing(headers: &HeaderMap) -> Result<(), Refusal> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let fine = match (codings.next(), codings.next()) {
        (None, _) => true,
        (Some(coding), None) => {
            coding
                .as_bytes()
                .trim_ascii()
                .eq_ignore_ascii_case(b"chunked")
                && !headers.contains_key(CONTENT_LENGTH)
        }
        (Some(_), Some(_)) => false,
    };
    if fine {
        return Ok(());
    }
    Err(Refusal::closing(
        "framing",
        Failure::field(
            "Transfer-Encoding",
            "Only chunked is served, once and without Content-Length",
        ),
    ))
}

/// Upstream must see what the bridge has read, so no header of that kind may be named as one of this connection.
fn connection(headers: &HeaderMap) -> Result<(), Refusal> {
    let mut named = headers
        .get_all(CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let taken = named.find_map(|option| {
        let option = option.trim_ascii();
        let is = |name: &HeaderName| option.eq_ignore_ascii_case(name.as_str().as_bytes());
        END_TO_END.into_iter().find(is)
    });
    match taken {
        None => Ok(()),
        Some(name) => Err(Refusal::closing(
            "connection",
            Failure::field(
                "Connection",
                format!("It names {name}, which is for upstream"),
            ),
        )),
    }
}

/// What the bridge reads of a call of eCom's head stands there once and is text: of two values it would read one, and
/// the server behind it perhaps the other.
///
/// # Errors
/// The header's name.
pub(crate) fn read_once(headers: &HeaderMap) -> Result<(), Failure> {
    for (name, shown) in READ {
        let mut values = headers.get_all(&name).iter();
        let fits = match (values.next(), values.next()) {
            (None, _) => true,
            (Some(value), None) => value.to_str().is_ok(),
            (Some(_), Some(_)) => false,
        };
        if !fits {
            let why = "Must stand there once, in printable characters of ASCII";
            return Err(Failure::field(shown, why));
        }
    }
    Ok(())
}

/// Says that the connection ends with this answer.
pub(crate) fn close(headers: &mut HeaderMap) {
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn judged(request: request::Builder) -> Result<Uri, (u16, bool)> {
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        judge(&mut parts)
            .map(|()| parts.uri.clone())
            .map_err(|refusal| (refusal.failure.status, refusal.close))
    }

    fn get(target: &str) -> request::Builder {
        Request::get(target).header(HOST, "shop")
    }

    #[test]
    fn what_has_one_reading_is_let_in() {
        assert_eq!(judged(get("/a?b")).unwrap(), "/a?b");
        assert_eq!(judged(get("http://shop/a?b")).unwrap(), "/a?b");
        assert_eq!(judged(get("http://SHOP")).unwrap(), "/");
        assert!(judged(get("/").header(TRANSFER_ENCODING, "Chunked")).is_ok());
        assert!(judged(Request::get("/").version(Version::HTTP_10)).is_ok());
        let h2 = Request::get("https://shop/a").version(Version::HTTP_2);
        assert_eq!(judged(h2).unwrap(), "/a");
    }

    #[test]
    fn what_has_two_readings_is_refused_and_ends_the_connection() {
        for request in [
            Request::get("/"),
            get("/").header(HOST, "other"),
            get("/").header(HOST, "shop"),
            Request::get("/").header(HOST, "a b"),
            Request::get("/").header(HOST, "u@shop"),
            Request::get("/").header(HOST, ""),
            Request::get("/").header(HOST, "shop:x"),
            Request::get("/").header(HOST, "shop:65536"),
            Request::get("/").header(HOST, "[::1]x"),
            get("http://other/"),
            get("shop"),
            Request::get("shop:80").header(HOST, "shop:80"),
            Request::get("shop").version(Version::HTTP_10),
            get("/").header(UPGRADE, "h2c"),
            get("/").header(TRANSFER_ENCODING, "gzip, chunked"),
            get("/").header(TRANSFER_ENCODING, "chunked, chunked"),
            get("/")
                .header(TRANSFER_ENCODING, "chunked")
                .header(TRANSFER_ENCODING, "chunked"),
            get("/")
                .header(TRANSFER_ENCODING, "chunked")
                .header(CONTENT_LENGTH, "1"),
            get("/").header(CONNECTION, "authorization"),
            get("/").header(CONNECTION, "close,\tX-Request-ID ,te"),
            get("/")
                .header(CONNECTION, "close")
                .header(CONNECTION, "merchant-serial-number"),
        ] {
            let shown = format!("{request:?}");
            assert_eq!(judged(request).unwrap_err(), (400, true), "{shown}");
        }
        for method in ["TRACE", "CONNECT"] {
            let request = get("/").method(method);
            assert_eq!(judged(request).unwrap_err(), (405, true));
        }
    }

    #[test]
    fn what_a_call_is_read_by_stands_there_once() {
        let read = |values: &[&[u8]]| {
            READ.map(|(name, _)| {
                let value = |value: &&[u8]| HeaderValue::from_bytes(value).unwrap();
                let all = values.iter().map(|v| (name.clone(), value(v))).collect();
                read_once(&all).map_err(|failure| failure.entries[0].1.clone())
            })
        };
        assert!(read(&[]).iter().chain(&read(&[b"a b"])).all(Result::is_ok));
        for values in [&[&b"a"[..], b"a"][..], &[b"a", b"b"], &[b"\xe6"]] {
            for (told, (_, shown)) in read(values).into_iter().zip(READ) {
                assert_eq!(told.unwrap_err(), shown);
            }
        }
    }

    #[test]
    fn loops_and_header_bombs_are_refused() {
        let shadow = get("/").header("bridge-shadow", "1");
        assert_eq!(judged(shadow).unwrap_err(), (508, false));
        let many = (0..HEADERS_MAX).fold(get("/"), |r, n| r.header(format!("h{n}"), "v"));
        assert_eq!(judged(many).unwrap_err(), (431, true));
        let long = get("/").header("h", "v".repeat(HEADER_BYTES_MAX));
        assert_eq!(judged(long).unwrap_err(), (431, true));
    }
}
