//! Another reading of a body, to hold against the product's: whatever the letter case of a name, the member of that name.

use serde_json::Value;

/// Whether this reading reads the body at all. It reads what the product passes over, too, so it stumbles over half a
/// surrogate in a member that nobody knows, which the product doesn't.
pub(crate) fn reads(body: &[u8]) -> bool {
    serde_json::from_slice::<Value>(body).is_ok()
}

/// The member at `path`; none where it or a parent is missing, or where the body isn't read.
pub(crate) fn member(body: &[u8], path: &[&str]) -> Option<Value> {
    let mut value: Value = serde_json::from_slice(body).ok()?;
    for name in path {
        let Value::Object(members) = value else {
            return None;
        };
        let is = |(key, _): &(String, Value)| key.eq_ignore_ascii_case(name);
        value = members.into_iter().find(is)?.1;
    }
    Some(value)
}

/// Whether the number is this one, to the last digit.
pub(crate) fn is_exactly(said: Option<&Value>, amount: i64) -> bool {
    match said {
        Some(said) if said.is_i64() => said.as_i64() == Some(amount),
        Some(said) => amount.unsigned_abs() < 1 << 53 && said.as_f64() == Some(amount as f64),
        None => false,
    }
}
