//! Places in requests: as the tables write them, as eCom's errors name them, and as a report shows them.
//!
//! The tables write a JSON pointer for a member, `(header x-request-id)` for a header, and `(path)` or `(method)` for
//! what is neither. Must not: show a name that no document has.

use http::{HeaderMap, HeaderName};
use serde_json::Value;

use crate::ecom::route::Operation;
use crate::shadow::redact;
use crate::types::FieldPath;

/// The order id in the path of an eCom call.
pub(super) const ORDER: &str = "(path orderId)";
/// The path of the ePayment request.
pub(super) const PATH: &str = "(path)";
/// The method of the ePayment request.
pub(super) const METHOD: &str = "(method)";

/// A place of a table.
pub(super) fn fixed(text: &str) -> FieldPath {
    FieldPath::parse(text).unwrap_or_else(FieldPath::body)
}

/// A place that a caller had a say in: names that no document has are told by their length.
pub(super) fn shown(pointer: &str) -> FieldPath {
    let names: Vec<String> = pointer
        .split('/')
        .skip(1)
        .map(|name| name.replace("~1", "/").replace("~0", "~"))
        .collect();
    let shown: Vec<_> = names.iter().map(|name| redact::name(name)).collect();
    FieldPath::of(shown.iter().map(AsRef::as_ref))
}

/// What an error of eCom's, or of the bridge's in its place, calls a member.
pub(super) fn of_code(operation: Operation, code: &str) -> FieldPath {
    let header = |name: &str| HeaderName::try_from(name).map(|name| FieldPath::header(&name));
    match code {
        "body" | "" => FieldPath::body(),
        "81" if operation == Operation::Initiate => fixed("/customerInfo/mobileNumber"),
        "81" => fixed("/customerPhoneNumber"),
        "orderId" if operation != Operation::Initiate => fixed(ORDER),
        "X-Request-Id" | "Merchant-Serial-Number" | "Content-Type" => {
            header(&code.to_ascii_lowercase()).unwrap_or_else(|_| FieldPath::body())
        }
        path => {
            let names = path.trim_start_matches('$').split(['.', '/', '[', ']']);
            let names = names.filter(|name| !name.is_empty()).take(8);
            let shown: Vec<_> = names.map(redact::name).collect();
            FieldPath::of(shown.iter().map(AsRef::as_ref))
        }
    }
}

/// Words of the code or of a document, as long as a report may have them.
pub(super) fn cut(text: &str) -> String {
    text.chars().take(redact::LONGEST).collect()
}

/// The name of a header in a place of a table.
pub(super) fn header_name(at: &str) -> Option<&str> {
    at.strip_prefix("(header ")?.strip_suffix(')')
}

/// A header's text, trimmed; none where it is empty or no text.
pub(super) fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let text = headers.get(name)?.to_str().ok()?.trim();
    (!text.is_empty()).then_some(text)
}

/// A member of a body; null counts as absent.
pub(super) fn member<'v>(body: &'v Value, pointer: &str) -> Option<&'v Value> {
    body.pointer(pointer).filter(|value| !value.is_null())
}

/// A pointer one member deeper.
pub(super) fn below(pointer: &str, name: &str) -> String {
    let name = name.replace('~', "~0").replace('/', "~1");
    format!("{pointer}/{name}")
}
