//! A request's head: `METHOD TARGET VERSION`, then the header lines. What is let in has one reading, and what goes on of it
//! can be read in one way only.
//!
//! Must not: repeat a rule by asking the product. Flaws are looked for in the lines as they came.

use http::header::{AUTHORIZATION, HOST};
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, Version, request};

use super::head::{onward, without_hop};
use crate::lines::{Line, all, head, one, read};
use crate::proxy::headers::{HEADER_BYTES_MAX, HEADERS_MAX, TARGET_MAX, judge, mark_secrets, read_once};

/// In no input.
const CANARY: &str = "canary-of-the-heads-7391";

/// What upstream must see as the bridge saw it.
const END_TO_END: [&str; 8] = [
    "authorization",
    "ocp-apim-subscription-key",
    "client_id",
    "client_secret",
    "merchant-serial-number",
    "x-request-id",
    "content-type",
    "host",
];

/// What is about one connection, or speaks for the bridge or a proxy.
const STAYS_HERE: [&str; 14] = [
    "connection",
    "expect",
    "forwarded",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-forwarded-for",
    "x-real-ip",
    "bridge-shadow",
];

pub fn run(data: &[u8]) {
    let (first, rest) = data.split_at(data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len()));
    let Some((method, target, version)) = request_line(first) else {
        return;
    };
    let lines = read(rest);
    let parts = |lines: &mut dyn Iterator<Item = &Line>| {
        let mut request = http::Request::new(());
        *request.method_mut() = method.clone();
        *request.uri_mut() = target.clone();
        *request.version_mut() = version;
        *request.headers_mut() = head(lines);
        request.into_parts().0
    };
    let mut came = parts(&mut lines.iter());
    let judged = judge(&mut came).map_err(|refusal| refusal.why);
    let turned = lines.len().checked_sub(1).map_or(0, |last| data.len() % (last + 1));
    let (end, start) = (lines[..turned].iter(), lines[turned..].iter());
    for mut other in [parts(&mut lines.iter().rev()), parts(&mut start.chain(end))] {
        assert_eq!(judge(&mut other).map_err(|refusal| refusal.why), judged, "the order of lines decides");
    }
    let flaw = flaw(&method, &target, version, &lines);
    match judged {
        Ok(()) => {
            assert_eq!(flaw, None, "let in");
            let_in(&came, &lines);
            goes_on(&came, &lines);
        }
        // What a host is, is the crate's to say.
        Err("host") => {}
        Err(why) => assert!(flaw.is_some(), "{why}, and nothing is wrong with it"),
    }
    shows_no_secret(&came.headers);
}

fn request_line(line: &[u8]) -> Option<(Method, Uri, Version)> {
    let mut words = std::str::from_utf8(line).ok()?.trim_ascii_end().split(' ');
    let method = Method::from_bytes(words.next()?.as_bytes()).ok()?;
    let target = words.next()?.parse().ok()?;
    let version = match words.next() {
        Some("HTTP/1.0") => Version::HTTP_10,
        Some("HTTP/2.0") => Version::HTTP_2,
        _ => Version::HTTP_11,
    };
    Some((method, target, version))
}

/// What two servers could read in two ways, or the bridge does not serve.
fn flaw(method: &Method, target: &Uri, version: Version, lines: &[Line]) -> Option<&'static str> {
    let bytes: usize = lines.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    let codings = all(lines, "transfer-encoding");
    let hosts = all(lines, "host");
    let named = target.authority().map(Authority::as_str);
    let options = all(lines, "connection").join(&b","[..]).to_ascii_lowercase();
    let takes = options.split(|byte| *byte == b',').any(|option| {
        END_TO_END.iter().any(|name| option.trim_ascii() == name.as_bytes())
    });
    let another = |host: &[u8]| named.is_some_and(|named| !named.as_bytes().eq_ignore_ascii_case(host));
    [
        (target.path_and_query().is_some_and(|path| path.as_str().len() > TARGET_MAX), "target"),
        (lines.len() > HEADERS_MAX || bytes > HEADER_BYTES_MAX, "size"),
        (["CONNECT", "TRACE"].contains(&method.as_str()), "method"),
        (hosts.len() > 1 || hosts.iter().any(|host| host.contains(&b'@') || another(host)), "host"),
        (version == Version::HTTP_11 && hosts.is_empty(), "no host"),
        (version == Version::HTTP_2 && hosts.is_empty() && named.is_none(), "no authority"),
        (codings.len() > 1 || codings.iter().any(|coding| !coding.eq_ignore_ascii_case(b"chunked")), "coding"),
        (!codings.is_empty() && !all(lines, "content-length").is_empty(), "two lengths"),
        (takes, "connection"),
        (!all(lines, "upgrade").is_empty(), "upgrade"),
        (!all(lines, "bridge-shadow").is_empty(), "shadow"),
        (target.path_and_query().is_none(), "no path"),
    ]
    .into_iter()
    .find_map(|(is, what)| is.then_some(what))
}

/// It has origin form, and judging it again changes nothing.
fn let_in(came: &request::Parts, lines: &[Line]) {
    assert!(came.uri.scheme().is_none() && came.uri.authority().is_none(), "{}", came.uri);
    // Of HTTP/2 the authority, which is no header, is gone then.
    if came.version != Version::HTTP_2 || came.headers.contains_key(HOST) {
        let mut again = came.clone();
        assert!(judge(&mut again).is_ok(), "let in once only");
        assert_eq!((again.uri, again.headers), (came.uri.clone(), came.headers.clone()));
    }
    let read = ["authorization", "ocp-apim-subscription-key", "merchant-serial-number", "x-request-id"];
    let is_fit = |name: &str| all(lines, name).is_empty() || one(lines, name).is_some();
    assert_eq!(read_once(&came.headers).is_ok(), read.into_iter().all(is_fit));
}

/// What upstream gets.
fn goes_on(came: &request::Parts, lines: &[Line]) {
    let upstream = HeaderValue::from_static("upstream.example");
    let sent = onward(came.headers.clone(), came.version, &upstream);
    let written: Vec<u8> = sent.iter().flat_map(|(name, value)| {
        [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat()
    }).collect();
    assert!(!written.contains(&b'\0'));
    let again = read(&written);
    // An empty piece of a cookie leaves a blank at its end, which is nothing to a reader.
    let trimmed = |lines: &HeaderMap| -> Vec<(HeaderName, Vec<u8>)> {
        lines.iter().map(|(name, value)| (name.clone(), value.as_bytes().trim_ascii().to_vec())).collect()
    };
    assert_eq!(trimmed(&head(&again)), trimmed(&sent), "another server reads other lines");
    assert_eq!(all(&again, "host"), [upstream.as_bytes()]);
    for name in STAYS_HERE {
        assert!(!sent.contains_key(name), "{name}");
    }
    let mut more = came.headers.clone();
    for name in STAYS_HERE.into_iter().filter(|name| *name != "connection") {
        more.append(name, HeaderValue::from_static("x"));
    }
    assert_eq!(onward(more, came.version, &upstream), sent, "what stays here changes what goes");
    assert!(sent.keys().all(|name| !name.as_str().starts_with("bridge-")));
    let options = all(lines, "connection").join(&b","[..]);
    for option in options.split(|byte| *byte == b',') {
        let Ok(name) = HeaderName::from_bytes(option.trim_ascii()) else {
            continue;
        };
        assert!(name == "content-length" || !sent.contains_key(&name), "{name} is of the connection");
    }
    for name in END_TO_END.into_iter().filter(|name| *name != "host").chain(["content-length"]) {
        assert_eq!(all(&again, name), all(lines, name), "{name} is not what came");
    }
    // Nothing is new, nothing is moved.
    let is_new = |(name, _): &(&HeaderName, &HeaderValue)| *name == HOST || name.as_str() == "cookie";
    let mut rest = came.headers.iter();
    for pair in sent.iter().filter(|pair| !is_new(pair)) {
        assert!(rest.any(|one| one == pair), "{pair:?} did not come, or not here");
    }
    assert_eq!(without_hop(sent.clone(), |_| false), sent);
    assert_eq!(onward(sent.clone(), Version::HTTP_11, &upstream), sent);
}

/// Whoever prints the head sees no secret.
fn shows_no_secret(came: &HeaderMap) {
    let mut headers = came.clone();
    for name in ["ocp-apim-subscription-key", "client_id", "client_secret", AUTHORIZATION.as_str()] {
        let name = HeaderName::from_static(name);
        headers.append(name, HeaderValue::from_static(CANARY));
    }
    mark_secrets(&mut headers);
    assert!(!format!("{headers:?}").contains(CANARY));
}
