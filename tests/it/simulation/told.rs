//! What the shops were told, request by request: what they may rely on, and what they may not.
//!
//! Must not: look at upstream.

use std::collections::{BTreeMap, BTreeSet};

use super::plan::{Change, Order};
use crate::support::client::Answer;

/// What a shop was told of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// Not sent yet, or not now.
    Nothing,
    /// Nobody knows yet: repeat it.
    Unknown,
    Refused,
    Done(i64),
}

/// One request of a shop; repeats of it are the same.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) order: Order,
    pub(super) change: Change,
    pub(super) told: Told,
}

/// All of it.
#[derive(Default)]
pub(super) struct Shops {
    pub(super) created: BTreeMap<Order, Told>,
    pub(super) amounts: BTreeMap<Order, i64>,
    pub(super) requests: Vec<Request>,
    /// Where a call may be on its way still: the next call of another kind may be told so.
    pub(super) doubt: BTreeSet<Order>,
    /// The user or Vipps spoilt something: what is refused is not the bridge's fault.
    pub(super) odd: BTreeSet<Order>,
    /// Which of two calls won is chance: not for the trace.
    pub(super) unsteady: BTreeSet<Order>,
}

impl Shops {
    /// An answer to an initiate.
    pub(super) fn initiated(&mut self, order: &Order, amount: i64, answer: &Answer) -> Told {
        let before = self.created.get(order).copied().unwrap_or(Told::Nothing);
        let is = outcome(answer);
        // A duplicate says that there is a payment.
        let duplicate = is == Told::Refused && answer.json()[0]["errorCode"] == "34";
        let same = self.amounts.get(order) == Some(&amount);
        if let (Told::Done(_), Told::Done(_)) = (before, is) {
            panic!("answers: a second payment: {order:?} {}", answer.text());
        }
        assert!(
            !(duplicate && before == Told::Nothing),
            "answers: taken, and nobody made it: {order:?} {}",
            answer.text()
        );
        let told = match is {
            _ if duplicate => before,
            Told::Nothing => before,
            Told::Refused if before != Told::Nothing => before,
            told => told,
        };
        if is == Told::Unknown || told == Told::Unknown {
            self.doubt.insert(order.clone());
        }
        if before == Told::Nothing || (!same && matches!(is, Told::Done(_))) {
            self.amounts.insert(order.clone(), amount);
        }
        self.created.insert(order.clone(), told);
        is
    }

    /// A new request about an order.
    pub(super) fn ask(&mut self, order: &Order, change: &Change) -> usize {
        self.requests.push(Request {
            order: order.clone(),
            change: change.clone(),
            told: Told::Nothing,
        });
        self.requests.len() - 1
    }

    /// An answer to a request.
    pub(super) fn answered(&mut self, at: usize, answer: &Answer) -> Told {
        let request = &self.requests[at];
        let is = outcome(answer);
        let now = match (request.told, is) {
            (told, Told::Nothing) => told,
            (Told::Done(was), Told::Done(is)) => {
                assert_eq!(
                    was, is,
                    "answers: another answer to the same request: {request:?}"
                );
                Told::Done(was)
            }
            (Told::Done(was), Told::Unknown) => Told::Done(was),
            (Told::Done(_), Told::Refused) => {
                panic!(
                    "answers: a success became a refusal: {request:?} {}",
                    answer.text()
                )
            }
            (_, told) => told,
        };
        if let (Told::Done(amount), Some(asked)) = (now, request.change.amount) {
            assert_eq!(
                amount, asked,
                "answers: another amount was told: {request:?}"
            );
        }
        assert!(
            answer.status != 500 || answer.route() == "ecom",
            "answers: a status that eCom never has: {}",
            answer.text()
        );
        if is == Told::Unknown {
            self.doubt.insert(request.order.clone());
        }
        self.requests[at].told = now;
        is
    }

    /// The requests of one kind about an order.
    pub(super) fn of<'a>(
        &'a self,
        order: &'a Order,
        op: &'a str,
    ) -> impl Iterator<Item = &'a Request> {
        let fits = move |r: &&Request| r.order == *order && r.change.op == op;
        self.requests.iter().filter(fits)
    }
}

/// What an answer says of its request.
pub(super) fn outcome(answer: &Answer) -> Told {
    let json = answer.json();
    match answer.status {
        200 if json.is_null() => Told::Unknown,
        200 => {
            let info = if json["transaction"].is_object() {
                &json["transaction"]
            } else {
                &json["transactionInfo"]
            };
            Told::Done(info["amount"].as_i64().unwrap_or(0))
        }
        502 if json[0]["errorCode"] == "94" => Told::Unknown,
        // As eCom said it.
        500.. if answer.route() == "ecom" && json[0]["errorCode"].is_null() => Told::Unknown,
        // Nothing was done by this sending, and of an earlier one nothing is said.
        401 | 423 | 429 | 502 | 503 => Told::Nothing,
        _ if json[0]["errorCode"] == "93" => Told::Nothing,
        _ => Told::Refused,
    }
}
