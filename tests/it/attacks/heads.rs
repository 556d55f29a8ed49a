//! Request lines and header lines.

use super::{BAD, Row, Served};

pub(super) const ROWS: &[Row] = rows! {
    // The request line.
    "two blanks", "GET  /x HTTP/1.1\r\nHost: b\r\n\r\n", BAD;
    "two blanks before the version", "GET /x  HTTP/1.1\r\nHost: b\r\n\r\n", BAD;
    "tab for a blank", "GET\t/x HTTP/1.1\r\nHost: b\r\n\r\n", BAD;
    "blank before the method", " GET /x HTTP/1.1\r\nHost: b\r\n\r\n", BAD;
    "blank inside the target", "GET /x y HTTP/1.1\r\nHost: b\r\n\r\n", BAD;
    "a version inside the target", "GET /x HTTP/1.1 /y HTTP/1.1\r\nHost: b\r\n\r\n", BAD;
    "no target", "GET HTTP/1.1\r\nHost: b\r\n\r\n", BAD;
    "target without a slash", "GET x HTTP/1.1\r\nHost: b\r\n\r\n", BAD;
    "bracket in the method", "G(T /x HTTP/1.1\r\nHost: b\r\n\r\n", BAD;
    "high byte in the method", "G\u{e6}T /x HTTP/1.1\r\nHost: b\r\n\r\n", BAD;
    "NUL in the target", "GET /x\0 HTTP/1.1\r\nHost: b\r\n\r\n", BAD;
    "CR in the target", "GET /x\r HTTP/1.1\r\nHost: b\r\n\r\n", BAD;
    "vertical tab in the target", "GET /x\u{b}y HTTP/1.1\r\nHost: b\r\n\r\n", BAD;
    "DEL in the target", "GET /x\u{7f}y HTTP/1.1\r\nHost: b\r\n\r\n", BAD;
    "HTTP/1.2", "GET /x HTTP/1.2\r\nHost: b\r\n\r\n", BAD;
    "HTTP/2.0", "GET /x HTTP/2.0\r\nHost: b\r\n\r\n", BAD;
    "HTTP/01.1", "GET /x HTTP/01.1\r\nHost: b\r\n\r\n", BAD;
    "HTTP/1.10", "GET /x HTTP/1.10\r\nHost: b\r\n\r\n", BAD;
    "HTTP/1,1", "GET /x HTTP/1,1\r\nHost: b\r\n\r\n", BAD;
    "HTTP/1.", "GET /x HTTP/1.\r\nHost: b\r\n\r\n", BAD;
    "http/1.1", "GET /x http/1.1\r\nHost: b\r\n\r\n", BAD;
    "HTTPS/1.1", "GET /x HTTPS/1.1\r\nHost: b\r\n\r\n", BAD;
    "ICE/1.0", "GET /x ICE/1.0\r\nHost: b\r\n\r\n", BAD;
    "RTSP/1.0", "OPTIONS /x RTSP/1.0\r\nCSeq: 1\r\n\r\n", BAD;
    "TLS's hello", "\x16\x03\x01\x02\0\x01\0\x01\r\n\r\n", BAD;
    "SOCKS", "\x05\x01\0", BAD;
    // Its line ends, and those of headers.
    "empty lines before", "\r\n\r\nPOST {path} HTTP/1.1\r\nHost: b\r\nContent-Length: 1\r\n\r\na", Served("a");
    "LF for every line end", "POST {path} HTTP/1.1\nHost: b\nContent-Length: 1\n\na", Served("a");
    "CR for a line end", "GET /x HTTP/1.1\rHost: b\r\n\r\n", BAD;
    "CR behind the version", "GET /x HTTP/1.1\r\r\nHost: b\r\n\r\n", BAD;
    "CR inside a value", "GET /x HTTP/1.1\r\nHost: b\r\nX: a\rY: b\r\n\r\n", BAD;
    "CR before a line end", "GET /x HTTP/1.1\r\nHost: b\r\nX: a\r\r\n\r\n", BAD;
    "CR and CR LF at the end", "GET /x HTTP/1.1\r\nHost: b\r\n\r\r\n\r\n", BAD;
    // Header lines.
    "first header line begins with a blank", "GET /x HTTP/1.1\r\n Host: b\r\n\r\n", BAD;
    "folded", "GET /x HTTP/1.1\r\nHost: b\r\nX-A: 1\r\n  folded\r\n\r\n", BAD;
    "folded by a tab", "GET /x HTTP/1.1\r\nHost: b\r\nX-A: 1\r\n\tfolded\r\n\r\n", BAD;
    "folded Host", "GET /x HTTP/1.1\r\nHost:\r\n b\r\n\r\n", BAD;
    "blank line with a blank", "GET /x HTTP/1.1\r\nHost: b\r\n \r\n\r\n", BAD;
    "no colon", "GET /x HTTP/1.1\r\nHost: b\r\nabc\r\n\r\n", BAD;
    "no name", "GET /x HTTP/1.1\r\nHost: b\r\n: a\r\n\r\n", BAD;
    "blank in the name", "GET /x HTTP/1.1\r\nHost: b\r\nX Y: a\r\n\r\n", BAD;
    "blank before the colon", "GET /x HTTP/1.1\r\nHost: b\r\nX : a\r\n\r\n", BAD;
    "NUL in the name", "GET /x HTTP/1.1\r\nHost: b\r\nX\0: a\r\n\r\n", BAD;
    "high byte in the name", "GET /x HTTP/1.1\r\nHost: b\r\nX\u{e6}: a\r\n\r\n", BAD;
    "bracket in the name", "GET /x HTTP/1.1\r\nHost: b\r\nX(Y: a\r\n\r\n", BAD;
    "slash in the name", "GET /x HTTP/1.1\r\nHost: b\r\nX/Y: a\r\n\r\n", BAD;
    "quote in the name", "GET /x HTTP/1.1\r\nHost: b\r\n\"X\": a\r\n\r\n", BAD;
    "NUL in the value", "GET /x HTTP/1.1\r\nHost: b\r\nX: a\0b\r\n\r\n", BAD;
    "bell in the value", "GET /x HTTP/1.1\r\nHost: b\r\nX: a\u{7}b\r\n\r\n", BAD;
    "DEL in the value", "GET /x HTTP/1.1\r\nHost: b\r\nX: a\u{7f}b\r\n\r\n", BAD;
    "high bytes in the value", "POST {path} HTTP/1.1\r\nHost: b\r\nX: \u{e6}\u{1f4b0}\r\nContent-Length: 1\r\n\r\na", Served("a");
    "empty value", "POST {path} HTTP/1.1\r\nHost: b\r\nX:\r\nContent-Length: 1\r\n\r\na", Served("a");
    // What Connection can name (hop-by-hop abuse).
    "Connection names a header of its own", "POST {path} HTTP/1.1\r\nHost: b\r\nConnection: x-own, ,;, keep-alive\r\nX-Own: 1\r\nContent-Length: 1\r\n\r\na", Served("a");
    "Connection names Authorization", "POST {path} HTTP/1.1\r\nHost: b\r\nConnection: authorization\r\nAuthorization: x\r\n\r\n", BAD;
    "Connection names the order's merchant", "POST {path} HTTP/1.1\r\nHost: b\r\nConnection: close, Merchant-Serial-Number\r\n\r\n", BAD;
    "Connection names the request's id", "POST {path} HTTP/1.1\r\nHost: b\r\nConnection: close\r\nConnection: x-request-id\r\n\r\n", BAD;
    "Connection names the key", "POST {path} HTTP/1.1\r\nHost: b\r\nConnection:\tOCP-APIM-SUBSCRIPTION-KEY\r\n\r\n", BAD;
    "Connection names Host", "POST {path} HTTP/1.1\r\nHost: b\r\nConnection: host\r\n\r\n", BAD;
};
