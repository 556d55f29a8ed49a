//! The state machine as tables: states by operations by errors, keys, mixing rules, deadlines.

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::ecom::error::Failure;
use crate::ecom::request::Adjust;
use crate::epayment::model::State;

mod ecom;
mod epayment;

const MSN: &str = "123456";
const DAY: u64 = 86_400;

struct Bench {
    world: World,
    now: Moment,
    keys: u32,
}

impl Bench {
    fn new() -> Self {
        let units = vec![Unit::new(msn())];
        let rules = Rules {
            lifetime_s: 0,
            ..Rules::default()
        };
        Self {
            world: World::new(
                rules,
                units,
                "http://127.0.0.1/landing?token=".to_owned(),
                7,
            ),
            now: Moment::from_millis(1_700_000_000_000),
            keys: 0,
        }
    }

    fn pass(&mut self, days: u64) {
        self.now = self.now.plus(Duration::from_secs(days * DAY + 1));
    }

    fn key(&mut self) -> String {
        self.keys += 1;
        format!("key-{}", self.keys)
    }

    fn create(&mut self, reference: &str) -> Reply {
        let key = self.key();
        self.create_with(&key, create_body(reference))
    }

    fn create_with(&mut self, key: &str, body: Value) -> Reply {
        let call = Call::Create {
            key: key.to_owned(),
            body,
        };
        self.world.epayment(&msn(), call, self.now)
    }

    fn modify(&mut self, word: &str, reference: &str, amount: i64, key: &str) -> Reply {
        let reference = reference.to_owned();
        let key = key.to_owned();
        let body = json!({"modificationAmount": {"value": amount, "currency": "NOK"}});
        let call = match word {
            "capture" => Call::Capture {
                reference,
                key,
                body,
            },
            "refund" => Call::Refund {
                reference,
                key,
                body,
            },
            "cancel" => Call::Cancel {
                reference,
                key,
                body: json!({}),
            },
            other => panic!("{other}"),
        };
        self.world.epayment(&msn(), call, self.now)
    }

    fn initiate(&mut self, order: &str) -> Result<Value, Failure> {
        let body = initiate_body(order);
        self.world.ecom_initiate(&msn(), None, &body, self.now)
    }

    fn adjust(
        &mut self,
        what: Adjustment,
        order: &str,
        body: &Value,
        id: Option<&str>,
    ) -> Result<Value, Failure> {
        let adjust: Adjust = serde_json::from_value(body.clone()).unwrap();
        self.world
            .ecom_adjust(&msn(), order, what, id, &adjust, self.now)
    }

    fn act(&mut self, reference: &str, act: Act) {
        assert_eq!(self.world.act(MSN, reference, act, self.now), Ok(true));
    }

    fn view(&self, reference: &str) -> PaymentView {
        self.world.payment(MSN, reference).unwrap()
    }

    /// Brings a payment of either API into a state by its word.
    fn bring(&mut self, reference: &str, state: &str) {
        match state {
            "created" => {}
            "aborted" => self.act(reference, Act::Reject),
            "expired" => self.act(reference, Act::Expire),
            "terminated" => {
                let key = self.key();
                assert_eq!(self.modify("cancel", reference, 0, &key).status, 200);
            }
            _ => {
                self.act(reference, Act::Approve);
                let steps: &[(&str, i64)] = match state {
                    "authorized" => &[],
                    "part" => &[("capture", 400)],
                    "captured" => &[("capture", 1000)],
                    "cancelled" => &[("cancel", 0)],
                    "part-released" => &[("capture", 400), ("cancel", 0)],
                    "refunded" => &[("capture", 1000), ("refund", 1000)],
                    other => panic!("{other}"),
                };
                for (word, amount) in steps {
                    let key = self.key();
                    assert_eq!(self.modify(word, reference, *amount, &key).status, 200);
                }
            }
        }
    }
}

fn msn() -> Msn {
    Msn::parse(MSN).unwrap()
}

fn create_body(reference: &str) -> Value {
    json!({
        "amount": {"value": 1000, "currency": "NOK"},
        "paymentMethod": {"type": "WALLET"},
        "reference": reference,
        "userFlow": "WEB_REDIRECT",
        "returnUrl": "https://shop.example/back",
        "paymentDescription": "Three socks",
    })
}

fn initiate_body(order: &str) -> Value {
    json!({
        "customerInfo": {"mobileNumber": "91234567"},
        "merchantInfo": {
            "merchantSerialNumber": MSN,
            "callbackPrefix": "http://127.0.0.1:1/cb",
            "fallBack": "https://shop.example/back",
            "authToken": "secret-of-shop",
        },
        "transaction": {"amount": 1000, "orderId": order, "transactionText": "Three socks"},
    })
}

fn problem(reply: &Reply) -> (u16, u32) {
    let body = reply.body.clone().unwrap();
    let problem: crate::epayment::problem::Problem = serde_json::from_value(body).unwrap();
    assert_eq!(problem.status, Some(reply.status.into()));
    (reply.status, problem.code().unwrap())
}

fn refused(result: Result<Value, Failure>) -> (u16, String) {
    let failure = result.unwrap_err();
    (failure.status, failure.entries[0].1.clone())
}
