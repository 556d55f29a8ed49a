//! A million toggle flips between calls, decided by the router and played on the simulator's world, without sockets:
//! no call about a payment that was born in ePayment may reach eCom.
//!
//! `FLIPS=` in the environment sets how many.

use std::time::Duration;

use ecom_bridge::ecom::error::Failure;
use ecom_bridge::ecom::request::Adjust;
use ecom_bridge::ecom::route::Operation;
use ecom_bridge::routing::{
    Ask, Facts, Known, Lever, Policy, Route, Routing, RoutingOverride, Toggle, decide,
};
use ecom_bridge::simulator::world::{Adjustment, Call, Reply, World};
use ecom_bridge::simulator::{Act, Origin as Born, Rules, Unit};
use ecom_bridge::types::{Kind, Moment, Msn, OrderText, Origin};
use serde_json::{Value, json};

use crate::support::Random;

const MSN: &str = "123456";

/// An order, and what the bridge has on record of it.
struct Order {
    id: OrderText,
    known: Known,
}

/// The bridge's decision on one side, the world on the other.
struct Play {
    world: World,
    msn: Msn,
    policy: Policy,
    random: Random,
    now: Moment,
    key: u64,
    made: u64,
    orders: Vec<Order>,
}

impl Play {
    fn new() -> Self {
        let msn = Msn::parse(MSN).unwrap();
        let units = vec![Unit::new(msn.clone())];
        Self {
            world: World::new(Rules::default(), units, "http://127.0.0.1/".to_owned(), 7),
            msn,
            policy: Policy::default(),
            random: Random::from_environment(0xF11B),
            now: Moment::from_millis(1_700_000_000_000),
            key: 0,
            made: 0,
            orders: Vec::new(),
        }
    }

    fn toggle(&mut self) -> Toggle {
        match self.random.below(3) {
            0 => Toggle::Ecom,
            1 => Toggle::Epayment,
            _ => Toggle::Percent(u8::try_from(self.random.below(101)).unwrap()),
        }
    }

    /// Moves one lever, of the configuration, of the overrides, the kill switch or the ramp.
    fn flip(&mut self) {
        let lever = Lever::ALL[self.random.below(Lever::ALL.len())];
        let toggle = self.toggle();
        let own = self.random.below(2) == 0;
        let steering = &mut self.policy.steering;
        match (self.random.below(4), lever) {
            (0, Lever::Toggle(operation)) => {
                let unit = self.policy.units.entry(self.msn.clone()).or_default();
                unit.set(operation, toggle);
            }
            (1, Lever::Toggle(operation)) => {
                let mut one = RoutingOverride::default();
                one.set(operation, toggle);
                self.policy.all = one.over(self.policy.all);
            }
            (2, _) => steering.set(lever, own.then_some(&self.msn), toggle),
            (_, Lever::KillSwitch) => {
                steering.killed_all = false;
                steering.killed.clear();
            }
            _ if own => {
                steering.all = RoutingOverride::default();
                steering.units.clear();
            }
            _ => {
                steering.caps.insert(self.msn.clone(), toggle.percent());
            }
        }
        if self.random.below(200) == 0 {
            self.policy.all = Routing::default();
            self.policy.units.clear();
        }
    }

    fn fresh_key(&mut self) -> String {
        self.key += 1;
        format!("key-{}", self.key)
    }

    /// One call of a shop.
    fn step(&mut self) {
        self.now = self.now.plus(Duration::from_millis(1));
        if self.orders.is_empty() || self.random.below(6) == 0 {
            self.made += 1;
            let number = self.made;
            let id = match self.random.below(5) {
                0 => format!("S{number}"),
                1 => format!("odd.{number}"),
                _ => format!("order-{number:08}"),
            };
            let id = OrderText::parse(&id).unwrap();
            self.orders.push(Order {
                id,
                known: Known::Nothing,
            });
        }
        let at = self.random.below(self.orders.len());
        let operation = Operation::ALL[self.random.below(6)];
        let (id, known) = (self.orders[at].id.clone(), self.orders[at].known);
        let express = operation == Operation::Initiate && self.random.below(5) == 0;
        let ask = match operation {
            Operation::Initiate => Ask::Initiate {
                express,
                untranslatable: ecom_bridge::types::Untranslatable::of_order(&id),
            },
            operation => Ask::About(operation),
        };
        let facts = Facts {
            ask,
            msn: Some(&self.msn),
            order: &id,
            known,
            open_at: None,
        };
        let decision = decide(&facts, &self.policy);
        let reached = match decision.route {
            Route::Refused => None,
            Route::Ecom => self
                .at_ecom(operation, &id, known)
                .ok()
                .map(|()| Origin::Ecom),
            Route::Epayment => self.at_epayment(operation, &id),
            // Asked of eCom where nothing is known; its answer proves the birth.
            Route::EcomThenEpayment => match self.at_ecom(operation, &id, known) {
                Ok(()) => Some(Origin::Ecom),
                Err(_) => self.at_epayment(operation, &id),
            },
        };
        if let (Some(origin), Operation::Initiate) = (reached, operation)
            && known == Known::Nothing
        {
            let kind = if express {
                Kind::Express
            } else {
                Kind::Regular
            };
            self.orders[at].known = Known::Born(origin, kind);
            if self.random.below(5) > 0 {
                let named = named(&id, origin);
                let act = self.world.act(MSN, &named, Act::Approve, self.now);
                assert!(act.is_ok(), "{named}");
            }
        }
        if self.orders.len() > 300 {
            self.orders.clear();
            self.world.clear();
            self.world.take_effects();
        }
    }

    /// eCom gets it: never for a payment that was born in ePayment.
    fn at_ecom(
        &mut self,
        operation: Operation,
        id: &OrderText,
        known: Known,
    ) -> Result<(), Failure> {
        let upstream = self.world.payment(MSN, id.as_str()).map(|p| p.origin);
        assert!(
            !matches!(known, Known::Born(Origin::Epayment, _)) && upstream != Some(Born::Epayment),
            "{operation:?} of {id:?} reached eCom; {known:?}, {upstream:?}; {:?}",
            self.policy
        );
        let id = id.as_str();
        let change: Adjust = serde_json::from_value(json!({
            "merchantInfo": {"merchantSerialNumber": MSN},
            "transaction": {"amount": 100, "transactionText": "socks"},
        }))
        .unwrap();
        let adjusted = |world: &mut World, what, now| {
            world.ecom_adjust(&Msn::parse(MSN).unwrap(), id, what, None, &change, now)
        };
        let answer = match operation {
            Operation::Initiate => {
                self.world
                    .ecom_initiate(&self.msn, None, &initiate(id), self.now)
            }
            Operation::Capture => adjusted(&mut self.world, Adjustment::Capture, self.now),
            Operation::Cancel => adjusted(&mut self.world, Adjustment::Cancel, self.now),
            Operation::Refund => adjusted(&mut self.world, Adjustment::Refund, self.now),
            Operation::Details => self.world.ecom_details(&self.msn, id, self.now),
            _ => self.world.ecom_status(&self.msn, id, self.now),
        };
        let no_such = |failure: &Failure| failure.entries.iter().any(|(_, code, _)| code == "35");
        match answer {
            Ok(_) => Ok(()),
            // What eCom has it knows, whatever it refuses.
            Err(failure) if no_such(&failure) => {
                assert!(
                    !matches!(known, Known::Born(Origin::Ecom, _)),
                    "{id} was lost"
                );
                Err(failure)
            }
            Err(failure) if operation == Operation::Initiate => Err(failure),
            Err(_) => Ok(()),
        }
    }

    fn at_epayment(&mut self, operation: Operation, id: &OrderText) -> Option<Origin> {
        let reference = id
            .reference()
            .expect("ePayment can name it")
            .as_str()
            .to_owned();
        let key = self.fresh_key();
        let body = json!({"modificationAmount": {"value": 100, "currency": "NOK"}});
        let call = match operation {
            Operation::Initiate => Call::Create {
                key,
                body: create(&reference),
            },
            Operation::Capture => Call::Capture {
                reference,
                key,
                body,
            },
            Operation::Refund => Call::Refund {
                reference,
                key,
                body,
            },
            Operation::Cancel => Call::Cancel {
                reference,
                key,
                body: json!({}),
            },
            _ => Call::Get { reference },
        };
        let reply: Reply = self.world.epayment(&self.msn, call, self.now);
        (reply.status < 300).then_some(Origin::Epayment)
    }
}

fn named(id: &OrderText, origin: Origin) -> String {
    match origin {
        Origin::Ecom => id.as_str().to_owned(),
        Origin::Epayment => id.reference().unwrap().as_str().to_owned(),
    }
}

fn create(reference: &str) -> Value {
    json!({
        "amount": {"value": 1000, "currency": "NOK"},
        "paymentMethod": {"type": "WALLET"},
        "reference": reference,
        "userFlow": "WEB_REDIRECT",
        "returnUrl": "https://shop.example/back",
        "paymentDescription": "Three socks",
    })
}

fn initiate(order: &str) -> Value {
    json!({
        "customerInfo": {"mobileNumber": "91234567"},
        "merchantInfo": {
            "merchantSerialNumber": MSN,
            "callbackPrefix": "http://127.0.0.1:1/cb",
            "fallBack": "https://shop.example/back",
        },
        "transaction": {"amount": 1000, "orderId": order, "transactionText": "Three socks"},
    })
}

/// Five flips before each call.
#[test]
fn b3_a_million_flips_send_nothing_to_the_wrong_side() {
    let flips = std::env::var("FLIPS").ok().and_then(|n| n.parse().ok());
    let flips: u32 = flips.unwrap_or(1_000_000);
    let mut play = Play::new();
    let mut sides = (0, 0);
    for _ in 0..flips / 5 {
        for _ in 0..5 {
            play.flip();
        }
        play.step();
        match play.orders.last().map(|order| order.known) {
            Some(Known::Born(Origin::Ecom, _)) => sides.0 += 1,
            Some(Known::Born(Origin::Epayment, _)) => sides.1 += 1,
            _ => {}
        }
    }
    // The play is worth something: both sides were used.
    assert!(sides.0 > 100 && sides.1 > 100, "{sides:?}");
}
