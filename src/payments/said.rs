//! What eCom's answers say, as far as the bridge looks into them before they are passed on: pure.
//!
//! Must not: guess. An answer that can't be read contradicts nothing and names no missing order.

use std::borrow::Cow;

use serde::Deserialize;

use crate::store::Outcome;
use crate::types::{Amount, Moment, OrderText};
use crate::upstream::RawReply;

/// Whether it is a success that names another order than the one that was asked for.
pub(super) fn is_of_another(raw: &RawReply, asked: &OrderText) -> bool {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Named<'a> {
        #[serde(borrow)]
        order_id: Cow<'a, str>,
    }
    is_success(raw)
        && object::<Named<'_>>(&raw.body)
            .is_some_and(|named| !is_same(&named.order_id, asked.as_str()))
}

/// An object that can be read; the reader alone would take an array for one, its entries for the members.
pub(super) fn object<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Option<T> {
    let is_object = body.trim_ascii_start().starts_with(b"{");
    is_object.then(|| serde_json::from_slice(body).ok())?
}

/// Nobody says whether eCom keeps letter case and blanks of an order id.
fn is_same(named: &str, asked: &str) -> bool {
    let named = named.trim();
    named.is_empty() || named.eq_ignore_ascii_case(asked.trim())
}

pub(super) fn is_success(raw: &RawReply) -> bool {
    (200..300).contains(&raw.status)
}

/// eCom's error 35, whatever its status.
pub(super) fn says_no_such_order(raw: &RawReply) -> bool {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Entry {
        #[serde(default)]
        error_code: String,
    }
    // Some answers leave the group out, so the code alone decides; 35 exists in one group only.
    raw.status >= 400
        && serde_json::from_slice::<Vec<Entry>>(&raw.body)
            .is_ok_and(|entries| entries.iter().any(|entry| entry.error_code == "35"))
}

/// What a 2xx of eCom says about the operation, for the record; a body that can't be read is a success all the same.
pub(super) fn done_at_ecom(raw: &RawReply, now: Moment) -> Outcome {
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase", default)]
    struct Info {
        amount: Option<Amount>,
        transaction_id: Option<String>,
        time_stamp: Option<String>,
    }
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase", default)]
    struct Body {
        #[serde(alias = "transaction")]
        transaction_info: Info,
    }
    let info = object::<Body>(&raw.body)
        .unwrap_or_default()
        .transaction_info;
    Outcome::Succeeded {
        amount: info.amount.unwrap_or_default(),
        transaction_id: info.transaction_id,
        at: info
            .time_stamp
            .as_deref()
            .and_then(Moment::parse)
            .unwrap_or(now),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::HeaderMap;

    use super::*;

    #[test]
    fn an_object_is_never_read_from_an_array() {
        let raw = |body: &'static str| RawReply {
            status: 200,
            headers: HeaderMap::new(),
            body: Bytes::from_static(body.as_bytes()),
        };
        let asked = OrderText::parse("order-1234").unwrap();
        assert!(is_of_another(&raw(r#"{"orderId":"another"}"#), &asked));
        assert!(!is_of_another(&raw(r#"["another"]"#), &asked));
        let now = Moment::from_millis(7);
        let nothing = Outcome::Succeeded {
            amount: Amount::ZERO,
            transaction_id: None,
            at: now,
        };
        let told = r#"[{"amount":100,"transactionId":"5001"}]"#;
        assert_eq!(done_at_ecom(&raw(told), now), nothing);
    }
}
