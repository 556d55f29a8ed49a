//! What says where a body ends: `Content-Length`, `Transfer-Encoding`, both.

use super::{BAD, Row, Served, ServedLast};

pub(super) const ROWS: &[Row] = rows! {
    // Content-Length.
    "CL and CL, different", "POST {path} HTTP/1.1\r\nHost: b\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", BAD;
    "CL and CL, the second longer", "POST {path} HTTP/1.1\r\nHost: b\r\nContent-Length: 0\r\nContent-Length: 44\r\n\r\n", BAD;
    "CL and CL, the same", "POST {path} HTTP/1.1\r\nHost: b\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na", Served("a");
    "CL as a list", "POST {path} HTTP/1.1\r\nHost: b\r\nContent-Length: 1, 1\r\n\r\na", BAD;
    "CL as a list of two", "POST {path} HTTP/1.1\r\nHost: b\r\nContent-Length: 1, 2\r\n\r\nab", BAD;
    "CL with a plus", "POST {path} HTTP/1.1\r\nHost: b\r\nContent-Length: +5\r\n\r\nabcde", BAD;
    "CL in hexadecimal", "POST {path} HTTP/1.1\r\nHost: b\r\nContent-Length: 0x5\r\n\r\nabcde", BAD;
    "CL in octal is decimal", "POST {path} HTTP/1.1\r\nHost: b\r\nContent-Length: 010\r\n\r\nabcdefghij", Served("abcdefghij");
    "CL negative", "POST {path} HTTP/1.1\r\nHost: b\r\nContent-Length: -1\r\n\r\na", BAD;
    "CL minus zero", "POST {path} HTTP/1.1\r\nHost: b\r\nContent-Length: -0\r\n\r\n", BAD;
    "CL empty", "POST {path} HTTP/1.1\r\nHost: b\r\nContent-Length:\r\n\r\na", BAD;
    "CL with a blank inside", "POST {path} HTTP/1.1\r\nHost: b\r\nContent-Length: 1 0\r\n\r\na", BAD;
    "CL with an underscore", "POST {path} HTTP/1.1\r\nHost: b\r\nContent-Length: 1_0\r\n\r\na", BAD;
    "CL with a fraction", "POST {path} HTTP/1.1\r\nHost: b\r\nContent-Length: 1.0\r\n\r\na", BAD;
    "CL with an exponent", "POST {path} HTTP/1.1\r\nHost: b\r\nContent-Length: 1e0\r\n\r\na", BAD;
    "CL in digits of another script", "POST {path} HTTP/1.1\r\nHost: b\r\nContent-Length: \u{ff11}\r\n\r\na", BAD;
    "CL with NUL", "POST {path} HTTP/1.1\r\nHost: b\r\nContent-Length: 1\0\r\n\r\na", BAD;
    "CL with a vertical tab", "POST {path} HTTP/1.1\r\nHost: b\r\nContent-Length: \u{b}1\r\n\r\na", BAD;
    "CL of 2^64 and one", "POST {path} HTTP/1.1\r\nHost: b\r\nContent-Length: 18446744073709551617\r\n\r\na", BAD;
    "CL too long", "POST {path} HTTP/1.1\r\nHost: b\r\nContent-Length: 99999999999999999999\r\n\r\na", BAD;
    "CL, blank before the colon", "POST {path} HTTP/1.1\r\nHost: b\r\nContent-Length : 5\r\n\r\nabcde", BAD;
    "CL, tab before the colon", "POST {path} HTTP/1.1\r\nHost: b\r\nContent-Length\t: 5\r\n\r\nabcde", BAD;
    "CL, blank before the name", "POST {path} HTTP/1.1\r\nHost: b\r\n Content-Length: 5\r\n\r\nabcde", BAD;
    "CL, blanks around the value", "POST {path} HTTP/1.1\r\nHost: b\r\nContent-Length: \t 1 \t\r\n\r\na", Served("a");
    "CL with an underscore in its name is another header", "POST {path} HTTP/1.1\r\nHost: b\r\nContent_Length: 99\r\nContent-Length: 1\r\n\r\na", Served("a");
    "CL that takes the next request in", "POST {path} HTTP/1.1\r\nHost: b\r\nConnection: close\r\nContent-Length: 50\r\n\r\n", ServedLast("GET /next HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n");
    "GET with a body", "GET /x HTTP/1.1\r\nHost: b\r\nContent-Length: 4\r\n\r\nnull", Served("null");
    "GET with the next request as its body", "GET /x HTTP/1.1\r\nHost: b\r\nContent-Length: 36\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: b\r\n\r\nX", Served("GET /smuggled HTTP/1.1\r\nHost: b\r\n\r\nX");
    // Both.
    "CL and TE", "POST {path} HTTP/1.1\r\nHost: b\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", ServedLast("a");
    "TE and CL", "POST {path} HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n1\r\na\r\n0\r\n\r\n", ServedLast("a");
    "CL and TE, hiding a request (CL.TE)", "POST {path} HTTP/1.1\r\nHost: b\r\nContent-Length: 40\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: b\r\n\r\n", ServedLast("");
    "TE and CL, hiding a request (TE.CL)", "POST {path} HTTP/1.1\r\nHost: b\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n24\r\nGET /smuggled HTTP/1.1\r\nHost: b\r\n\r\nX\r\n0\r\n\r\n", ServedLast("GET /smuggled HTTP/1.1\r\nHost: b\r\n\r\nX");
    "CL twice and TE", "POST {path} HTTP/1.1\r\nHost: b\r\nContent-Length: 3\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", BAD;
    "CL that is none, and TE", "POST {path} HTTP/1.1\r\nHost: b\r\nContent-Length: +3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", BAD;
    // Transfer-Encoding.
    "TE in capitals", "POST {path} HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: CHUNKED\r\n\r\n1\r\na\r\n0\r\n\r\n", Served("a");
    "TE with blanks around", "POST {path} HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: \t chunked \t\r\n\r\n1\r\na\r\n0\r\n\r\n", Served("a");
    "TE, blank before the colon", "POST {path} HTTP/1.1\r\nHost: b\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n", BAD;
    "TE, tab before the colon", "POST {path} HTTP/1.1\r\nHost: b\r\nTransfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n", BAD;
    "TE, blank before the name", "POST {path} HTTP/1.1\r\nHost: b\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", BAD;
    "TE folded into the line before", "POST {path} HTTP/1.1\r\nHost: b\r\nX-A: 1\r\n\tTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", BAD;
    "TE, its value folded", "POST {path} HTTP/1.1\r\nHost: b\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", BAD;
    "TE behind a bare CR", "POST {path} HTTP/1.1\r\nHost: b\r\nX: a\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", BAD;
    "TE gzip", "POST {path} HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: gzip\r\n\r\na", BAD;
    "TE gzip, chunked", "POST {path} HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", BAD;
    "TE chunked, gzip", "POST {path} HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", BAD;
    "TE chunked, chunked", "POST {path} HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", BAD;
    "TE chunked twice", "POST {path} HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", BAD;
    "TE identity, then chunked", "POST {path} HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", BAD;
    "TE chunked, then identity", "POST {path} HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", BAD;
    "TE identity and CL", "POST {path} HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: identity\r\nContent-Length: 1\r\n\r\na", BAD;
    "TE chunked, then a cow", "POST {path} HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: cow\r\n\r\n0\r\n\r\n", BAD;
    "TE xchunked", "POST {path} HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", BAD;
    "TE chunkedx", "POST {path} HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunkedx\r\n\r\n0\r\n\r\n", BAD;
    "TE in quotes", "POST {path} HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", BAD;
    "TE with a vertical tab", "POST {path} HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: \u{b}chunked\r\n\r\n0\r\n\r\n", BAD;
    "TE with a form feed", "POST {path} HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\u{c}\r\n\r\n0\r\n\r\n", BAD;
    "TE with a no-break space", "POST {path} HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: \u{a0}chunked\r\n\r\n0\r\n\r\n", BAD;
    "TE with a letter that lower case makes a k", "POST {path} HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chun\u{212a}ed\r\n\r\n0\r\n\r\n", BAD;
    "TE with NUL", "POST {path} HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\0\r\n\r\n0\r\n\r\n", BAD;
    "TE with a parameter", "POST {path} HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked;a=b\r\n\r\n0\r\n\r\n", BAD;
    "TE with a comma before", "POST {path} HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n", BAD;
    "TE with a comma behind", "POST {path} HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked,\r\n\r\n0\r\n\r\n", BAD;
    "TE empty", "POST {path} HTTP/1.1\r\nHost: b\r\nTransfer-Encoding:\r\n\r\n0\r\n\r\n", BAD;
    "TE in HTTP/1.0", "POST {path} HTTP/1.0\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", BAD;
    "TE and CL in HTTP/1.0", "POST {path} HTTP/1.0\r\nHost: b\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\na", BAD;
    "TE with an underscore in its name is another header", "POST {path} HTTP/1.1\r\nHost: b\r\nTransfer_Encoding: chunked\r\nContent-Length: 1\r\n\r\na", Served("a");
    "TE whose name has a high byte", "POST {path} HTTP/1.1\r\nHost: b\r\nTransfer-Encoding\u{a0}: chunked\r\nContent-Length: 1\r\n\r\na", BAD;
    "TE on a GET", "GET /x HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", Served("a");
    "TE named as the connection's", "POST {path} HTTP/1.1\r\nHost: b\r\nConnection: transfer-encoding\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", Served("a");
    "CL named as the connection's", "POST {path} HTTP/1.1\r\nHost: b\r\nConnection: content-length\r\nContent-Length: 1\r\n\r\na", Served("a");
};
