//! Whom a request is for: `Host`, and the target's own authority.

use super::{BAD, Row, Served, ServedLast};

pub(super) const ROWS: &[Row] = rows! {
    "no Host", "GET /x HTTP/1.1\r\n\r\n", BAD;
    "two Hosts", "GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", BAD;
    "the same Host twice", "GET /x HTTP/1.1\r\nHost: b\r\nhost: b\r\n\r\n", BAD;
    "two Hosts in one", "GET /x HTTP/1.1\r\nHost: a, b\r\n\r\n", BAD;
    "two Hosts with a blank", "GET /x HTTP/1.1\r\nHost: a b\r\n\r\n", BAD;
    "a second one, folded", "GET /x HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", BAD;
    "a second one, blank before the colon", "GET /x HTTP/1.1\r\nHost: a\r\nHost : b\r\n\r\n", BAD;
    "empty", "GET /x HTTP/1.1\r\nHost:\r\n\r\n", BAD;
    "a path", "GET /x HTTP/1.1\r\nHost: b/c\r\n\r\n", BAD;
    "a query", "GET /x HTTP/1.1\r\nHost: b?c\r\n\r\n", BAD;
    "a fragment", "GET /x HTTP/1.1\r\nHost: b#c\r\n\r\n", BAD;
    "a backslash", "GET /x HTTP/1.1\r\nHost: b\\c\r\n\r\n", BAD;
    "a user", "GET /x HTTP/1.1\r\nHost: u@b\r\n\r\n", BAD;
    "a URL", "GET /x HTTP/1.1\r\nHost: http://b\r\n\r\n", BAD;
    "high bytes", "GET /x HTTP/1.1\r\nHost: \u{e6}\r\n\r\n", BAD;
    "a port that is none", "GET /x HTTP/1.1\r\nHost: b:x\r\n\r\n", BAD;
    "a port too large", "GET /x HTTP/1.1\r\nHost: b:99999\r\n\r\n", BAD;
    "another server", "POST {path} HTTP/1.1\r\nHost: evil.example:81\r\nContent-Length: 1\r\n\r\na", Served("a");
    "another server by X-Forwarded-Host", "POST {path} HTTP/1.1\r\nHost: b\r\nX-Forwarded-Host: evil.example\r\nContent-Length: 1\r\n\r\na", Served("a");
    "absolute form", "POST http://b{path} HTTP/1.1\r\nHost: b\r\nContent-Length: 1\r\n\r\na", Served("a");
    "absolute form, https", "POST https://B{path} HTTP/1.1\r\nHost: b\r\nContent-Length: 1\r\n\r\na", Served("a");
    "absolute form, another host", "GET http://a{path} HTTP/1.1\r\nHost: b\r\n\r\n", BAD;
    "absolute form, another port", "GET http://b:81{path} HTTP/1.1\r\nHost: b\r\n\r\n", BAD;
    "absolute form, a user", "GET http://u@b{path} HTTP/1.1\r\nHost: b\r\n\r\n", BAD;
    "absolute form, no Host", "GET http://b{path} HTTP/1.1\r\n\r\n", BAD;
    "absolute form, no host", "GET http://{path} HTTP/1.1\r\nHost: b\r\n\r\n", BAD;
    "absolute form, another scheme", "GET file://b{path} HTTP/1.1\r\nHost: c\r\n\r\n", BAD;
    "authority form", "GET b:80 HTTP/1.1\r\nHost: b\r\n\r\n", BAD;
    "authority form, as Host says", "GET b:80 HTTP/1.1\r\nHost: b:80\r\n\r\n", BAD;
    "authority form with a user", "GET u@b:80 HTTP/1.1\r\nHost: b\r\n\r\n", BAD;
    "no Host in HTTP/1.0", "POST {path} HTTP/1.0\r\nContent-Length: 1\r\n\r\na", ServedLast("a");
    "two Hosts in HTTP/1.0", "GET /x HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", BAD;
};
