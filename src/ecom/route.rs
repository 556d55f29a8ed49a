//! Which eCom call a method and a path name, if any.
//!
//! Letter case, a trailing slash and doubled slashes do not matter (real clients write all of them); the order id keeps
//! its case. A path that a server behind us could read in another way than we do is never forwarded. Must not: change
//! the path (what is sent on is what came).

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// The operations of eCom v2. The word is the metric label, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    /// `POST /ecomm/v2/payments`
    Initiate,
    /// `POST …/{orderId}/capture`
    Capture,
    /// `PUT …/{orderId}/cancel`
    Cancel,
    /// `POST …/{orderId}/refund`
    Refund,
    /// `GET …/{orderId}/details`
    Details,
    /// `GET …/{orderId}/status`
    Status,
    /// `POST /ecomm/v2/integration-test/payments/{orderId}/approve`
    Approve,
}

impl Operation {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Initiate,
        Self::Capture,
        Self::Cancel,
        Self::Refund,
        Self::Details,
        Self::Status,
        Self::Approve,
    ];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Initiate => "initiate",
            Self::Capture => "capture",
            Self::Cancel => "cancel",
            Self::Refund => "refund",
            Self::Details => "details",
            Self::Status => "status",
            Self::Approve => "approve",
        }
    }

    /// Its only method.
    #[must_use]
    pub const fn method(self) -> &'static str {
        match self {
            Self::Initiate | Self::Capture | Self::Refund | Self::Approve => "POST",
            Self::Cancel => "PUT",
            Self::Details | Self::Status => "GET",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|op| op.word() == word)
    }
}

/// What a request line means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A call of eCom v2; `order` is the decoded order id, empty for initiate.
    Call {
        /// What is asked.
        operation: Operation,
        /// About which order, as the merchant wrote it.
        order: String,
    },
    /// A known path with another method: 405.
    WrongMethod(Operation),
    /// Under `/ecomm/`, but no call: 404.
    Unknown,
    /// Dot segments, plain or encoded: 400, never forwarded.
    Refused,
    /// Not eCom's: passed through.
    Outside,
}

/// Reads a method and the path of a request target (without its query).
#[must_use]
pub fn parse(method: &str, path: &str) -> Target {
    let decoded = percent_decode_str(path).decode_utf8_lossy();
    // `..;a=1` is `..` to servers that know parameters of segments.
    let mut parts = decoded.split(['/', '\\']);
    if parts.any(|part| matches!(part.split(';').next(), Some("." | ".."))) {
        return Target::Refused;
    }
    let first = decoded
        .split(['/', '\\'])
        .find(|part| !part.is_empty())
        .unwrap_or("");
    let name = first.trim_matches(|c: char| c.is_whitespace() || c.is_control());
    let name = name.split(';').next().unwrap_or("").trim_end_matches('.');
    if !name.eq_ignore_ascii_case("ecomm") {
        return Target::Outside;
    }
    let segments: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let is = |at: usize, word: &str| {
        segments
            .get(at)
            .is_some_and(|s| s.eq_ignore_ascii_case(word))
    };
    if !is(0, "ecomm") || !is(1, "v2") {
        return Target::Unknown;
    }
    match segments.len() {
        3 if is(2, "payments") => call(method, Operation::Initiate, ""),
        5 if is(2, "payments") => {
            let last = segments[4].to_ascii_lowercase();
            match Operation::parse(&last) {
                Some(op) if op != Operation::Initiate && op != Operation::Approve => {
                    call(method, op, segments[3])
                }
                _ => Target::Unknown,
            }
        }
        6 if is(2, "integration-test") && is(3, "payments") && is(5, "approve") => {
            call(method, Operation::Approve, segments[4])
        }
        _ => Target::Unknown,
    }
}

fn call(method: &str, operation: Operation, order: &str) -> Target {
    let order: Cow<'_, str> = match percent_decode_str(order).decode_utf8() {
        // A percent sign would be decoded again by a server that decodes twice; no order of eCom has one.
        Ok(order)
            if !order
                .chars()
                .any(|c| matches!(c, '/' | '\\' | '%') || c.is_control()) =>
        {
            order
        }
        _ => return Target::Unknown,
    };
    if method == operation.method() {
        Target::Call {
            operation,
            order: order.into_owned(),
        }
    } else {
        Target::WrongMethod(operation)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is_call(operation: Operation, order: &str) -> Target {
        Target::Call {
            operation,
            order: order.to_owned(),
        }
    }

    #[test]
    fn every_spelling_of_real_clients_is_read() {
        for (method, path, want) in [
            (
                "POST",
                "/ecomm/v2/payments",
                is_call(Operation::Initiate, ""),
            ),
            (
                "POST",
                "/Ecomm/v2/payments/",
                is_call(Operation::Initiate, ""),
            ),
            (
                "POST",
                "//ecomm//V2/Payments//",
                is_call(Operation::Initiate, ""),
            ),
            (
                "POST",
                "/ecomm/v2/payments/AbC-1/capture",
                is_call(Operation::Capture, "AbC-1"),
            ),
            (
                "PUT",
                "/ecomm/v2/payments/o/cancel/",
                is_call(Operation::Cancel, "o"),
            ),
            (
                "POST",
                "/ecomm/v2/payments/o/Refund",
                is_call(Operation::Refund, "o"),
            ),
            (
                "GET",
                "/ECOMM/v2/payments/o/details",
                is_call(Operation::Details, "o"),
            ),
            (
                "GET",
                "/ecomm/v2/payments/a_b.c/status",
                is_call(Operation::Status, "a_b.c"),
            ),
            (
                "GET",
                "/ecomm/v2/payments/a%20b/details",
                is_call(Operation::Details, "a b"),
            ),
            (
                "POST",
                "/ecomm/v2/integration-test/payments/o/approve",
                is_call(Operation::Approve, "o"),
            ),
        ] {
            assert_eq!(parse(method, path), want, "{method} {path}");
        }
    }

    #[test]
    fn what_is_no_call_is_not_forwarded() {
        for (method, path, want) in [
            (
                "GET",
                "/ecomm/v2/payments",
                Target::WrongMethod(Operation::Initiate),
            ),
            (
                "POST",
                "/ecomm/v2/payments/o/cancel",
                Target::WrongMethod(Operation::Cancel),
            ),
            (
                "HEAD",
                "/ecomm/v2/payments/o/details",
                Target::WrongMethod(Operation::Details),
            ),
            ("POST", "/ecomm/v2/payments/o", Target::Unknown),
            ("POST", "/ecomm/v2/payments/o/authorize", Target::Unknown),
            ("POST", "/ecomm/v2/payments/o/initiate", Target::Unknown),
            ("POST", "/ecomm/v1/payments", Target::Unknown),
            ("GET", "/ecomm", Target::Unknown),
            ("GET", "/ecomm/v2/payments/a%2Fb/details", Target::Unknown),
            ("GET", "/ecomm/v2/payments/a%5Cb/details", Target::Unknown),
            ("GET", "/ecomm/v2/payments/a%00b/details", Target::Unknown),
            ("GET", "/ecomm/v2/payments/%FF/details", Target::Unknown),
            (
                "GET",
                "/ecomm/v2/payments/%252e%252e/details",
                Target::Unknown,
            ),
            ("GET", "/ecomm/v2/payments/a%252Fb/details", Target::Unknown),
            ("GET", "/ecomm/v2/payments/..;/details", Target::Refused),
            (
                "GET",
                "/ecomm/v2/payments/%2e%3Ba=1/details",
                Target::Refused,
            ),
            ("POST", "/ecomm%2Fv2/payments", Target::Unknown),
            ("POST", "/%65comm/v2/payments", Target::Unknown),
            ("POST", "/ecomm;a=1/v2/payments", Target::Unknown),
            ("POST", "/ecomm./v2/payments", Target::Unknown),
            ("POST", "/ecomm/v2/payments.", Target::Unknown),
            ("POST", "/ecomm/v2/payments/../x", Target::Refused),
            ("POST", "/x/%2e%2E/ecomm/v2/payments", Target::Refused),
            ("POST", "/x/..%2fecomm/v2/payments", Target::Refused),
            ("POST", "/x/.%5cecomm", Target::Refused),
            ("POST", "/./ecomm/v2/payments", Target::Refused),
            ("POST", "/accesstoken/get", Target::Outside),
            ("GET", "/epayment/v1/payments/a.b..c", Target::Outside),
            ("GET", "/", Target::Outside),
            ("GET", "/ecommerce/v2/payments", Target::Outside),
        ] {
            assert_eq!(parse(method, path), want, "{method} {path}");
        }
    }

    proptest! {
        #[test]
        fn no_path_panics(method in "[A-Z]{1,7}", path in "/[ -~]{0,80}") {
            let _any = parse(&method, &path);
        }
    }
}
