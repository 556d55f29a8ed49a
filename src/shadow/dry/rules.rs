//! What ePayment documents of its requests, as data: members, lengths, forms, and what needs what.
//!
//! Source: ePayment API 1.4.1 (`CreatePaymentRequest`, `CaptureModificationRequest`, `RefundModificationRequest`,
//! `ForceApprove`, parameters); from newer texts the MSN of 4 to 7 digits and the smallest amounts of each currency. A
//! member without a line is none that the bridge may send. Must not: know eCom, or call the translation.

use std::borrow::Cow;

use http::HeaderMap;
use serde_json::Value;

use self::Wants::{
    AtMost, Digits, Id, LeastIn, Needed, NeededWith, NotBlank, Object, One, OneOf, OnlyWith, Pairs,
    Scopes, Starts, Text, Url, Whole,
};
use super::check::Found;
use super::outgoing::Outgoing;
use super::place::{PATH, below, fixed, header_name, member, shown};
use crate::ecom::route::Operation;
use crate::shadow::compare::DifferenceKind;
use crate::shadow::redact;

/// What a place of the request must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wants {
    /// There, where the object around it is there.
    Needed,
    /// There, where another place has this word.
    NeededWith(&'static str, &'static str),
    /// An object.
    Object,
    /// An object with exactly one member.
    One,
    /// Text of so many characters.
    Text(usize, usize),
    /// Text of at most so many characters.
    AtMost(usize),
    /// Text that is not blank.
    NotBlank,
    /// So many digits.
    Digits(usize, usize),
    /// So many letters, digits and hyphens.
    Id(usize, usize),
    /// A whole number within these.
    Whole(i64, i64),
    /// A number that is at least this in the currency beside it.
    LeastIn(&'static str, &'static [(&'static str, i64)]),
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// This word only where another place has that one.
    OnlyWith(&'static str, &'static str, &'static str),
    /// Some of these words, separated by blanks.
    Scopes(&'static [&'static str]),
    /// A URL with https, or with a custom scheme.
    Url,
    /// Text that begins with this, and goes on.
    Starts(&'static str),
    /// At most so many pairs; keys and values of at most so many characters.
    Pairs(usize, usize, usize),
}

type Rule = (&'static str, Wants);

/// The largest amount, in minor units.
const MOST: i64 = 65_000_000;
const CURRENCIES: &[&str] = &["NOK", "DKK", "EUR"];
const LEAST: &[(&str, i64)] = &[("NOK", 100), ("DKK", 1), ("EUR", 1)];
const SCOPES: &[&str] = &[
    "name",
    "address",
    "email",
    "phoneNumber",
    "birthDate",
    "nin",
];

/// `components.parameters`. Tokens and keys are not asked for: where the merchant sent none, eCom refused as well.
const HEADERS: &[Rule] = &[
    ("(header authorization)", Starts("Bearer ")),
    ("(header ocp-apim-subscription-key)", NotBlank),
    ("(header merchant-serial-number)", Needed),
    ("(header merchant-serial-number)", Digits(4, 7)),
    ("(header vipps-system-name)", AtMost(30)),
    ("(header vipps-system-version)", AtMost(30)),
    ("(header vipps-system-plugin-name)", AtMost(30)),
    ("(header vipps-system-plugin-version)", AtMost(30)),
];

/// Of create, capture, cancel and refund.
const KEY: &[Rule] = &[
    ("(header idempotency-key)", Needed),
    ("(header idempotency-key)", Text(1, 50)),
];

/// Of a request with a body.
const JSON: &[Rule] = &[
    ("(header content-type)", Needed),
    ("(header content-type)", OneOf(&["application/json"])),
];

/// `CreatePaymentRequest`
const CREATE: &[Rule] = &[
    ("/amount", Needed),
    ("/amount", Object),
    ("/amount/value", Needed),
    ("/amount/value", Whole(0, MOST)),
    ("/amount/value", LeastIn("/amount/currency", LEAST)),
    ("/amount/currency", Needed),
    ("/amount/currency", OneOf(CURRENCIES)),
    ("/customer", NeededWith("/userFlow", "PUSH_MESSAGE")),
    ("/customer", One),
    ("/customer/phoneNumber", Digits(10, 15)),
    ("/customer/personalQr", Text(5, 255)),
    ("/customer/customerToken", NotBlank),
    (
        "/customerInteraction",
        OneOf(&["CUSTOMER_PRESENT", "CUSTOMER_NOT_PRESENT"]),
    ),
    ("/industryData", Object),
    ("/industryData/airlineData", Object),
    ("/industryData/airlineData/agencyInvoiceNumber", Needed),
    ("/industryData/airlineData/agencyInvoiceNumber", Text(1, 6)),
    ("/industryData/airlineData/airlineCode", Needed),
    ("/industryData/airlineData/airlineCode", Text(3, 3)),
    ("/industryData/airlineData/airlineDesignatorCode", Needed),
    (
        "/industryData/airlineData/airlineDesignatorCode",
        Text(2, 2),
    ),
    ("/industryData/airlineData/passengerName", Needed),
    ("/industryData/airlineData/passengerName", Text(1, 49)),
    ("/industryData/airlineData/ticketNumber", Text(1, 150)),
    ("/metadata", Pairs(5, 100, 500)),
    ("/paymentDescription", Text(3, 100)),
    ("/paymentMethod", Needed),
    ("/paymentMethod", Object),
    ("/paymentMethod/type", Needed),
    ("/paymentMethod/type", OneOf(&["WALLET", "CARD"])),
    (
        "/paymentMethod/type",
        OnlyWith("CARD", "/userFlow", "WEB_REDIRECT"),
    ),
    ("/profile", Object),
    ("/profile/scope", Scopes(SCOPES)),
    ("/reference", Needed),
    ("/reference", Id(8, 50)),
    ("/returnUrl", NeededWith("/userFlow", "WEB_REDIRECT")),
    ("/returnUrl", Url),
    ("/userFlow", Needed),
    (
        "/userFlow",
        OneOf(&["PUSH_MESSAGE", "NATIVE_REDIRECT", "WEB_REDIRECT"]),
    ),
];

/// `CaptureModificationRequest` and `RefundModificationRequest`
const MODIFY: &[Rule] = &[
    ("/modificationAmount", Needed),
    ("/modificationAmount", Object),
    ("/modificationAmount/value", Needed),
    ("/modificationAmount/value", Whole(0, MOST)),
    ("/modificationAmount/currency", Needed),
    ("/modificationAmount/currency", OneOf(CURRENCIES)),
];

/// `ForceApprove`
const APPROVE: &[Rule] = &[
    ("/customer", One),
    ("/customer/phoneNumber", Digits(10, 15)),
    ("/token", NotBlank),
];

/// Where a request goes.
struct Endpoint {
    /// Before and after the reference.
    path: (&'static str, &'static str),
    rules: &'static [&'static [Rule]],
    /// Of its body; none where it has none.
    body: Option<&'static [Rule]>,
}

fn endpoint(operation: Operation) -> Endpoint {
    const ONE: &str = "/epayment/v1/payments/";
    let (path, rules, body): (_, &'static [&'static [Rule]], _) = match operation {
        Operation::Initiate => (
            ("/epayment/v1/payments", ""),
            &[HEADERS, KEY, JSON],
            Some(CREATE),
        ),
        Operation::Capture => ((ONE, "/capture"), &[HEADERS, KEY, JSON], Some(MODIFY)),
        Operation::Refund => ((ONE, "/refund"), &[HEADERS, KEY, JSON], Some(MODIFY)),
        Operation::Cancel => ((ONE, "/cancel"), &[HEADERS, KEY], None),
        Operation::Details | Operation::Status => ((ONE, ""), &[HEADERS], None),
        Operation::Approve => (
            ("/epayment/v1/test/payments/", "/approve"),
            &[HEADERS, JSON],
            Some(APPROVE),
        ),
    };
    Endpoint { path, rules, body }
}

/// Holds a request against all rules of its endpoint.
pub(super) fn check(operation: Operation, outgoing: &Outgoing, found: &mut Found) {
    let endpoint = endpoint(operation);
    let (before, after) = endpoint.path;
    let rest = outgoing.path.strip_prefix(before);
    let reference = rest.and_then(|rest| rest.strip_suffix(after));
    let fits = match operation {
        Operation::Initiate => reference == Some(""),
        _ => reference.is_some_and(|reference| is_id(reference, 8, 50)),
    };
    if !fits {
        let want = "the documented path, and a reference of 8 to 50 letters, digits, hyphens";
        broken(
            PATH,
            want.to_owned(),
            &Value::from(outgoing.path.as_str()),
            found,
        );
    }
    let none = Value::Null;
    let body = outgoing.body.as_ref().unwrap_or(&none);
    let request = Request {
        headers: &outgoing.headers,
        body,
        open: outgoing.open,
    };
    for (at, wants) in endpoint.rules.iter().copied().flatten() {
        request.check(at, *wants, found);
    }
    match endpoint.body {
        None if outgoing.body.is_some() => {
            broken("(body)", "no body".to_owned(), body, found);
        }
        None => {}
        Some(_) if !body.is_object() => {
            broken("(body)", "an object".to_owned(), body, found);
        }
        Some(rules) => {
            for (at, wants) in rules {
                request.check(at, *wants, found);
            }
            known(rules, "", body, found);
        }
    }
}

/// A member that is no documented one.
fn known(rules: &[Rule], at: &str, value: &Value, found: &mut Found) {
    let Value::Object(members) = value else {
        return;
    };
    for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
        let pointer = below(at, name);
        let rule = rules.iter().filter(|(at, _)| *at == pointer);
        if rule.clone().count() == 0 {
            let field = shown(&pointer);
            let shown = redact::shown(&field, value);
            let want = "a member that ePayment documents".to_owned();
            found.tell(field, DifferenceKind::Rule, want, shown);
        } else if rule.clone().all(|(_, wants)| !matches!(wants, Pairs(..))) {
            known(rules, &pointer, value, found);
        }
    }
}

fn broken(at: &str, want: String, value: &Value, found: &mut Found) {
    let field = fixed(at);
    let shown = redact::shown(&field, value);
    found.tell(field, DifferenceKind::Rule, want, shown);
}

struct Request<'a> {
    headers: &'a HeaderMap,
    body: &'a Value,
    open: bool,
}

impl Request<'_> {
    fn at(&self, at: &str) -> Option<Cow<'_, Value>> {
        let Some(name) = header_name(at) else {
            return member(self.body, at).map(Cow::Borrowed);
        };
        let value = self.headers.get(name)?;
        let text = String::from_utf8_lossy(value.as_bytes());
        Some(Cow::Owned(Value::from(text)))
    }

    fn says(&self, at: &str, word: &str) -> bool {
        self.at(at).is_some_and(|value| *value == word)
    }

    fn check(&self, at: &str, wants: Wants, found: &mut Found) {
        let value = self.at(at);
        let fits = match (wants, value.as_deref()) {
            (Needed, None) => {
                let around = at.rsplit_once('/').map_or("", |(around, _)| around);
                let left_open = self.open && at == "/modificationAmount/value";
                left_open || (!around.is_empty() && member(self.body, around).is_none())
            }
            (NeededWith(other, word), None) => !self.says(other, word),
            (_, None) | (Needed | NeededWith(..), Some(_)) => true,
            (LeastIn(currency, least), Some(value)) => {
                let mut smallest = least.iter().filter(|(code, _)| self.says(currency, code));
                let units = value.as_i64();
                smallest.all(|(_, least)| units.is_none_or(|units| units >= *least))
            }
            (OnlyWith(word, other, needed), Some(value)) => {
                *value != word || self.says(other, needed)
            }
            (_, Some(value)) => fits(wants, value),
        };
        if !fits {
            let none = Value::Null;
            broken(at, told(wants), value.as_deref().unwrap_or(&none), found);
        }
    }
}

/// Whether a value has the form alone.
fn fits(wants: Wants, value: &Value) -> bool {
    let text = value.as_str();
    let length =
        |least, most| text.is_some_and(|text| (least..=most).contains(&text.chars().count()));
    match wants {
        Object => value.is_object(),
        One => value.as_object().is_some_and(|object| object.len() == 1),
        Text(least, most) => length(least, most),
        AtMost(most) => length(0, most),
        NotBlank => text.is_some_and(|text| !text.trim().is_empty()),
        Digits(least, most) => {
            length(least, most) && text.is_some_and(|t| t.bytes().all(|b| b.is_ascii_digit()))
        }
        Id(least, most) => text.is_some_and(|text| is_id(text, least, most)),
        Whole(least, most) => value.as_i64().is_some_and(|n| (least..=most).contains(&n)),
        OneOf(words) => text.is_some_and(|text| words.contains(&text)),
        Scopes(words) => text.is_some_and(|text| {
            let mut asked = text.split_whitespace().peekable();
            asked.peek().is_some() && asked.all(|word| words.contains(&word))
        }),
        Url => text.is_some_and(is_url),
        Starts(with) => text
            .and_then(|text| text.strip_prefix(with))
            .is_some_and(|rest| !rest.trim().is_empty()),
        Pairs(most, key, longest) => value.as_object().is_some_and(|pairs| {
            let short = |text: &str, most| text.chars().count() <= most;
            pairs.len() <= most
                && pairs.iter().all(|(name, value)| {
                    short(name, key) && value.as_str().is_some_and(|text| short(text, longest))
                })
        }),
        Needed | NeededWith(..) | LeastIn(..) | OnlyWith(..) => true,
    }
}

/// What a rule wants, in words.
fn told(wants: Wants) -> String {
    let word = match wants {
        Needed => "needed",
        Object => "an object",
        One => "exactly one way to name the customer",
        NotBlank => "text that is not blank",
        Url => "a URL with https, or with a custom scheme",
        NeededWith(other, word) => return format!("needed where {other} is {word}"),
        Text(least, most) => return format!("text of {least} to {most} characters"),
        AtMost(most) => return format!("at most {most} characters"),
        Digits(least, most) => return format!("{least} to {most} digits"),
        Id(least, most) => return format!("{least} to {most} letters, digits and hyphens"),
        Whole(least, most) => return format!("a whole number, {least} to {most}"),
        LeastIn(_, least) => {
            let least: Vec<String> = least
                .iter()
                .map(|(code, n)| format!("{code} {n}"))
                .collect();
            return format!("at least {} minor units", least.join(", "));
        }
        OneOf(words) => return super::place::cut(&words.join(", ")),
        OnlyWith(word, other, needed) => return format!("{word} only where {other} is {needed}"),
        Scopes(words) => return words.join(" "),
        Starts(with) => return format!("{with}and more"),
        Pairs(most, key, value) => {
            return format!("{most} pairs, keys up to {key}, values up to {value} characters");
        }
    };
    word.to_owned()
}

fn is_id(text: &str, least: usize, most: usize) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (least..=most).contains(&text.len()) && text.bytes().all(plain)
}

/// `https://` and a host, or a custom scheme and something after it; nowhere a blank (RFC 3986).
fn is_url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else {
        return false;
    };
    let named = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    let whole = match scheme.to_ascii_lowercase().as_str() {
        "http" => false,
        "https" => rest
            .strip_prefix("//")
            .is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', '?', '#', ':'])),
        _ => !rest.trim_matches('/').is_empty(),
    };
    named && whole && !text.chars().any(|c| c.is_whitespace() || c.is_control())
}
