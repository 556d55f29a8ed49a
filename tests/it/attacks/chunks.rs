//! Bodies in chunks: sizes, extensions, line ends, trailers.

use super::{BAD, Row, Served, ServedThenBad};

/// The head before them.
pub(super) const HEAD: &str =
    "POST {path} HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n";

macro_rules! chunked {
    ($($name:literal, $body:literal, $expect:expr;)*) => {
        &[$(($name, concat!("POST {path} HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n", $body), $expect),)*]
    };
}

pub(super) const ROWS: &[Row] = chunked! {
    "size negative", "-1\r\na\r\n0\r\n\r\n", BAD;
    "size minus zero", "-0\r\n\r\n", BAD;
    "size with a plus", "+1\r\na\r\n0\r\n\r\n", BAD;
    "size with 0x", "0x1\r\na\r\n0\r\n\r\n", BAD;
    "size that is only 0x", "0x\r\n\r\n", BAD;
    "size empty", "\r\na\r\n0\r\n\r\n", BAD;
    "size no number", "g\r\na\r\n0\r\n\r\n", BAD;
    "size with an underscore", "1_\r\na\r\n0\r\n\r\n", BAD;
    "size with an underscore inside", "1_0\r\na\r\n0\r\n\r\n", BAD;
    "size in digits of another script", "\u{ff11}\r\na\r\n0\r\n\r\n", BAD;
    "size with NUL", "1\0\r\na\r\n0\r\n\r\n", BAD;
    "size of 17 digits", "fffffffffffffffff\r\na\r\n0\r\n\r\n", BAD;
    "size of 2^64 and one", "10000000000000001\r\na\r\n0\r\n\r\n", BAD;
    "size of 2^64 and nothing", "10000000000000000\r\n\r\n", BAD;
    "size after a blank", " 1\r\na\r\n0\r\n\r\n", BAD;
    "size with zeros before", "00000000001\r\na\r\n0\r\n\r\n", Served("a");
    "size with a blank behind", "1 \t\r\na\r\n0\r\n\r\n", Served("a");
    "size with a blank inside", "1 0\r\na\r\n0\r\n\r\n", BAD;
    "size in both letter cases", "A\r\nabcdefghij\r\na\r\nabcdefghij\r\n0\r\n\r\n", Served("abcdefghijabcdefghij");
    "more than the size", "1\r\nabc\r\n0\r\n\r\n", BAD;
    "less than the size", "5\r\nabc\r\n0\r\n\r\n", BAD;
    "no line end behind the data", "1\r\na0\r\n\r\n", BAD;
    "another byte in place of the line end", "1\r\naXX0\r\n\r\n", BAD;
    "LF behind the size", "1\na\r\n0\r\n\r\n", BAD;
    "CR behind the size", "1\ra\r\n0\r\n\r\n", BAD;
    "LF behind the data", "1\r\na\n0\r\n\r\n", BAD;
    "CR behind the data", "1\r\na\r0\r\n\r\n", BAD;
    "LF behind the last size", "1\r\na\r\n0\n\r\n", BAD;
    "LF at the end", "1\r\na\r\n0\r\n\n", BAD;
    "extension", "1;a=b\r\na\r\n0;c\r\n\r\n", Served("a");
    "extension in quotes", "1;a=\"b;c\"\r\na\r\n0\r\n\r\n", Served("a");
    "extension without a name", "1;\r\na\r\n0\r\n\r\n", Served("a");
    "extension with LF", "1;a\nb\r\na\r\n0\r\n\r\n", BAD;
    "extension with CR", "1;a\rb\r\na\r\n0\r\n\r\n", BAD;
    "extension that hides a chunk", "2;\n05\r\nab\r\n0\r\n\r\n", BAD;
    "extension with a line end in quotes", "1;a=\"\r\nb\"\r\n0\r\n\r\n", BAD;
    // hyper drops what stands behind an empty line that ends in LF, up to the next one that ends in CR LF.
    "LF at the end, and a request that would vanish", "1\r\na\r\n0\r\n\nGET /vanished HTTP/1.1\r\nHost: b\r\n\r\n", BAD;
    "trailer, LF, and a request that would vanish", "1\r\na\r\n0\r\nX: a\n\nGET /vanished HTTP/1.1\r\nHost: b\r\n\r\n", BAD;
    "trailers", "1\r\na\r\n0\r\nX-T: 1\r\n\r\n", BAD;
    "trailers that frame and name", "1\r\na\r\n0\r\nContent-Length: 9\r\nHost: c\r\nTransfer-Encoding: chunked\r\nAuthorization: x\r\n\r\n", BAD;
    "trailer without a colon", "0\r\nGET /smuggled HTTP/1.1\r\nHost: b\r\n\r\n", BAD;
    "trailer with NUL", "0\r\nX: \0\r\n\r\n", BAD;
    "trailer folded", "0\r\nX: a\r\n b\r\n\r\n", BAD;
    "trailer with a blank before the colon", "0\r\nX : a\r\n\r\n", BAD;
    "zero in the middle", "0\r\n\r\n1\r\na\r\n0\r\n\r\n", ServedThenBad("");
};

/// Endless extensions and trailers; their end never comes.
pub(super) fn floods() -> [(&'static str, String); 3] {
    [
        (
            "an endless extension",
            format!("1;{}\r\na\r\n0\r\n\r\n", "e".repeat(100_000)),
        ),
        (
            "an endless trailer",
            format!("0\r\nX: {}\r\n\r\n", "t".repeat(1 << 20)),
        ),
        (
            "endless trailers",
            format!("0\r\n{}\r\n", "X: t\r\n".repeat(100_000)),
        ),
    ]
}
