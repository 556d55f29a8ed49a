//! What is no HTTP/1.1, or would become something else.

use super::{BAD, Refused, Row, ServedLast};

pub(super) const ROWS: &[Row] = rows! {
    "HTTP/2's preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", BAD;
    "HTTP/2's preface, cut", "PRI * HTTP/2.0\r\n\r\n", BAD;
    "HTTP/0.9", "GET /x\r\n", BAD;
    "HTTP/0.9 with an empty line", "GET /x\r\n\r\n", BAD;
    "HTTP/0.9 with a blank", "GET /x \r\n\r\n", BAD;
    "HTTP/0.9 by its number", "GET /x HTTP/0.9\r\nHost: b\r\n\r\n", BAD;
    "HTTP/1.0", "POST {path} HTTP/1.0\r\nHost: b\r\nContent-Length: 1\r\n\r\na", ServedLast("a");
    "HTTP/1.0 that would stay", "POST {path} HTTP/1.0\r\nHost: b\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\na", ServedLast("a");
    "Upgrade with bytes behind it", "GET {path} HTTP/1.1\r\nHost: b\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n\x01\x02", BAD;
    "Upgrade to h2c", "GET {path} HTTP/1.1\r\nHost: b\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", BAD;
    "Upgrade that Connection does not name", "GET {path} HTTP/1.1\r\nHost: b\r\nUpgrade: h2c\r\n\r\n", BAD;
    "CONNECT", "CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: b\r\n\r\n", Refused(&[405]);
    "CONNECT with a path", "CONNECT /x HTTP/1.1\r\nHost: b\r\n\r\n", Refused(&[400, 405]);
    "CONNECT with a body", "CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\nContent-Length: 1\r\n\r\na", Refused(&[400, 405]);
    "TRACE", "TRACE {path} HTTP/1.1\r\nHost: b\r\nAuthorization: canary\r\n\r\n", Refused(&[405]);
};

/// Requests with the status and the code of the error that the edge answers.
pub(super) const REFUSALS: &[(&str, u16, &str)] = &[
    ("GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "Host"),
    ("GET /x HTTP/1.1\r\n\r\n", 400, "Host"),
    (
        "GET /x HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        400,
        "Transfer-Encoding",
    ),
    (
        "GET /x HTTP/1.1\r\nHost: b\r\nConnection: x-request-id\r\n\r\n",
        400,
        "Connection",
    ),
    (
        "GET /x HTTP/1.1\r\nHost: b\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n\x01\x02",
        400,
        "Upgrade",
    ),
    ("TRACE /x HTTP/1.1\r\nHost: b\r\n\r\n", 405, "method"),
    (
        "CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        405,
        "method",
    ),
];
