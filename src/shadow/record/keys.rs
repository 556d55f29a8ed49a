//! Idempotency keys in a recording: what reads as a request id before reads as its pseudonym after.
//!
//! A key of the bridge is a hash over sales unit, order, operation and request id, so a pseudonym of the key alone would
//! belong to nothing. It is made anew from the pseudonyms of all four. Must not: keep a key that it can't make anew.

use crate::payments::DIRECT_CAPTURE;
use crate::shadow::redact::Redactor;
use crate::types::{IdempotencyKey, KeyMaker, MoneyOp, OrderId, RequestId, Scope};

/// So many attempts of a request are told apart, as many as `KeyMaker` reads back.
const ATTEMPTS: u32 = 20;

/// The two sides of one order's keys.
pub(super) struct Keys<'a> {
    redactor: &'a Redactor,
    /// Before: none where the order id is no strict one, so that no key is derived.
    from: Option<(&'a Scope, OrderId)>,
    to: Option<(Scope, OrderId)>,
    /// Request ids whose keys may be met.
    requests: Vec<RequestId>,
}

impl<'a> Keys<'a> {
    /// `requests` are those of the record's money calls.
    pub(super) fn new(
        redactor: &'a Redactor,
        from: (&'a Scope, Option<OrderId>),
        to: (&Scope, Option<OrderId>),
        requests: impl IntoIterator<Item = RequestId>,
    ) -> Self {
        let direct = RequestId::parse(DIRECT_CAPTURE);
        Self {
            redactor,
            from: from.1.map(|order| (from.0, order)),
            to: to.1.map(|order| (to.0.clone(), order)),
            requests: requests.into_iter().chain(direct).collect(),
        }
    }

    /// The pseudonym of a request id; the bridge's own are no secret and mean something.
    pub(super) fn request(redactor: &Redactor, id: &str) -> String {
        let own = id
            .strip_prefix(DIRECT_CAPTURE)
            .is_some_and(|rest| ["", "-refused"].contains(&rest));
        if own { id.to_owned() } else { redactor.id(id) }
    }

    /// The key in place of this one, where it stands for an operation.
    pub(super) fn key(&self, op: Option<MoneyOp>, key: &str) -> String {
        let made = op.and_then(|op| self.made_anew(op, key));
        made.map_or_else(|| self.redactor.id(key), |key| key.to_string())
    }

    fn made_anew(&self, op: MoneyOp, key: &str) -> Option<IdempotencyKey> {
        let (from_scope, from_order) = self.from.as_ref()?;
        let (to_scope, to_order) = self.to.as_ref()?;
        let from = KeyMaker {
            scope: from_scope,
            order: from_order,
        };
        let to = KeyMaker {
            scope: to_scope,
            order: to_order,
        };
        let carried = key
            .rsplit_once('-')
            .and_then(|(text, _)| RequestId::parse(text));
        let mut all = self.requests.iter().chain(&carried);
        all.find_map(|request| {
            let attempt = (0..ATTEMPTS).find(|n| from.key(op, request, *n).as_str() == key)?;
            let request = RequestId::parse(&Self::request(self.redactor, request.as_str()))?;
            Some(to.key(op, &request, attempt))
        })
    }
}
