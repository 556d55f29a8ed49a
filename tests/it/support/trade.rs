//! Shops that trade while the bridge comes and goes, and what they were told (`books` holds it against the truth).
//!
//! A call without an answer is repeated as shops do it, with the same `X-Request-Id`; some give up instead.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use ecom_bridge::simulator::PaymentView;
use serde_json::{Value, json};

use super::Random;
use super::app::{MSN, OTHER_MSN};
use super::callbacks::Shop;
use super::client::{Answer, Client};
use super::shop::Ask;

/// What the shop or its customer does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Initiate,
    Approve,
    Reject,
    Capture(Option<i64>),
    Refund(i64),
    Cancel,
    /// Cancels what is not captured.
    Release,
    Details,
}

use Deed::{Approve, Cancel, Capture, Details, Initiate, Refund, Reject, Release};

/// What orders come to; each adds up to one outcome.
const PLANS: [&[Deed]; 9] = [
    &[Initiate, Approve, Capture(None)],
    &[Initiate, Approve, Capture(Some(400)), Capture(Some(350))],
    &[Initiate, Approve, Capture(Some(400)), Release],
    &[
        Initiate,
        Approve,
        Capture(Some(1_000)),
        Refund(300),
        Refund(700),
    ],
    &[Initiate, Approve, Cancel],
    &[Initiate, Reject],
    &[Initiate, Approve, Details],
    &[
        Initiate,
        Approve,
        Capture(Some(600)),
        Refund(100),
        Capture(Some(400)),
        Details,
    ],
    &[Initiate, Details, Approve, Capture(Some(100)), Refund(100)],
];
pub(crate) const AMOUNT: i64 = 1_000;

/// One order and how far it has come.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) msn: &'static str,
    pub(crate) id: String,
    plan: &'static [Deed],
    /// Deeds that were acknowledged.
    pub(crate) done: usize,
    /// How often the next one was sent.
    sent: usize,
    /// The last answer's status; 0 where none came.
    pub(crate) last: u16,
    /// The shop asks no more.
    pub(crate) given_up: bool,
}

/// How a call ended for the shop.
pub(crate) enum Went {
    Well,
    /// Not known, not now: again later.
    Later,
    /// The bridge is gone.
    Gone,
}

impl Order {
    pub(crate) fn open(&self) -> bool {
        !self.given_up && self.done < self.plan.len()
    }

    fn ask(&self, shop: &Shop, addr: SocketAddr) -> Option<Ask> {
        let app = &shop.app;
        let key = format!("{}-{}", self.id, self.done);
        let change = |op: &str, amount: Value| app.changing(op, &self.id, amount, &key);
        let ask = match self.plan[self.done] {
            Initiate => {
                let mut body = shop.body(&self.id, AMOUNT);
                body["merchantInfo"]["merchantSerialNumber"] = json!(self.msn);
                app.initiating(&body).id(&key)
            }
            Approve | Reject => return None,
            Capture(amount) => change("capture", json!(amount)),
            Refund(amount) => change("refund", json!(amount)),
            Cancel => change("cancel", Value::Null),
            Release => app.releasing(&self.id, &key),
            Details => app.ask("GET", &format!("/ecomm/v2/payments/{}/details", self.id)),
        };
        Some(ask.to(addr).header("Merchant-Serial-Number", self.msn))
    }

    /// Does the next deed, or tries to.
    pub(crate) async fn step(&mut self, shop: &Shop, addr: SocketAddr) -> Went {
        let Some(ask) = self.ask(shop, addr) else {
            let (world, yes) = (shop.app.world(), self.plan[self.done] == Approve);
            let decided = match yes {
                true => world.approve(self.msn, &self.id),
                false => world.reject(self.msn, &self.id),
            };
            assert!(decided, "acknowledged, and not open: {}", self.story(shop));
            self.done += 1;
            return Went::Well;
        };
        (self.sent, self.last) = (self.sent + 1, 0);
        let Some(answer) = try_send(addr, &ask).await else {
            return Went::Gone;
        };
        self.last = answer.status;
        match answer.status {
            423 | 429 | 500.. => return Went::Later,
            200 => self.check(&answer),
            // It is there: the first answer was lost.
            _ if self.plan[self.done] == Initiate && self.sent > 1 => {
                assert_eq!(answer.error().1, "34", "{self:?}: {}", answer.text());
            }
            _ => panic!("{}\n{}", answer.text(), self.story(shop)),
        }
        (self.done, self.sent) = (self.done + 1, 0);
        Went::Well
    }

    /// For whoever must find out what happened.
    pub(crate) fn story(&self, shop: &Shop) -> String {
        let world = shop.app.world();
        let mut text = format!("{self:?}\n{:?}\n", world.payment(self.msn, &self.id));
        for request in world.requests() {
            let body = String::from_utf8_lossy(&request.body).into_owned();
            if request.target.contains(&self.id) || body.contains(&self.id) {
                let (at, key) = (request.at, request.header("idempotency-key"));
                let what = (
                    &request.method,
                    &request.target,
                    request.status,
                    &request.fault,
                );
                text.push_str(&format!("{at} {what:?} {key:?}\n"));
            }
        }
        text
    }

    fn check(&self, answer: &Answer) {
        let json = answer.json();
        match self.plan[self.done] {
            Capture(Some(amount)) => {
                assert_eq!(json["transactionInfo"]["amount"], amount, "{self:?}");
            }
            Refund(amount) => assert_eq!(json["transaction"]["amount"], amount, "{self:?}"),
            Initiate => assert!(json["url"].is_string(), "{self:?}"),
            _ => {}
        }
    }

    /// The sums of the first `done` deeds: captured, refunded, cancelled.
    fn sums(&self, done: usize) -> (i64, i64, i64) {
        let (mut captured, mut refunded, mut cancelled) = (0, 0, 0);
        for deed in &self.plan[..done] {
            match deed {
                Capture(amount) => captured += amount.unwrap_or(AMOUNT),
                Refund(amount) => refunded += amount,
                Cancel | Release | Reject => cancelled = AMOUNT - captured,
                _ => {}
            }
        }
        (captured, refunded, cancelled)
    }

    /// What upstream may have: what was acknowledged, and at most one deed more where the shop has given up.
    pub(crate) fn agrees(&self, seen: &PaymentView) -> bool {
        if self.msn == OTHER_MSN {
            return true;
        }
        let value = |amount: ecom_bridge::types::Amount| amount.minor_units();
        let has = (
            value(seen.captured),
            value(seen.refunded),
            value(seen.cancelled),
        );
        let more = usize::from(self.sent > 0 && self.done < self.plan.len());
        has == self.sums(self.done) || has == self.sums(self.done + more)
    }
}

/// The answer; none where the connection broke before it was whole.
async fn try_send(addr: SocketAddr, ask: &Ask) -> Option<Answer> {
    let mut client = Client::try_to(addr).await?;
    // A machine may stand still for minutes; that is not the bridge's fault.
    client.patience = Duration::from_secs(600);
    client.send(ask.bytes()).await;
    client.read(false).await.ok()
}

/// Some shops' orders.
pub(crate) struct Trade {
    name: String,
    /// One list for each shopper.
    pub(crate) orders: Vec<Vec<Order>>,
    made: usize,
    /// Answers that came.
    pub(crate) answers: Arc<AtomicUsize>,
    pub(crate) stop: Arc<AtomicBool>,
}

impl Trade {
    pub(crate) fn new(name: &str, shoppers: usize) -> Self {
        Self {
            name: name.to_owned(),
            orders: (0..shoppers).map(|_| Vec::new()).collect(),
            made: 0,
            answers: Arc::default(),
            stop: Arc::default(),
        }
    }

    /// Everybody shops, at these addresses in turn, until stopped or until the bridge is gone.
    pub(crate) async fn go(&mut self, shop: &Shop, addrs: &[SocketAddr], random: &mut Random) {
        self.made += 1;
        self.answers.store(0, Ordering::SeqCst);
        self.stop.store(false, Ordering::SeqCst);
        let round = format!("{}-{}", self.name, self.made);
        let (answers, stop) = (&self.answers, &self.stop);
        let shoppers = self.orders.iter_mut().enumerate().map(|(n, orders)| {
            let mut own = Random::new(random.number());
            let (addr, prefix) = (addrs[n % addrs.len()], format!("{round}-{n}"));
            async move {
                let mut made = 0;
                while !stop.load(Ordering::SeqCst) {
                    let open: Vec<usize> =
                        (0..orders.len()).filter(|i| orders[*i].open()).collect();
                    let at = match own.below(open.len() + 1) {
                        chosen if chosen < open.len() => open[chosen],
                        _ if open.len() > 6 => open[0],
                        _ => {
                            made += 1;
                            orders.push(new_order(format!("{prefix}-{made}"), &mut own));
                            orders.len() - 1
                        }
                    };
                    match orders[at].step(shop, addr).await {
                        Went::Well | Went::Later => {
                            answers.fetch_add(1, Ordering::SeqCst);
                        }
                        Went::Gone => {
                            orders[at].given_up = own.below(6) == 0;
                            return;
                        }
                    }
                }
            }
        });
        futures_util::future::join_all(shoppers).await;
    }

    /// Whether all that was begun and not given up is done; goes on with it once.
    pub(crate) async fn goes_on(&mut self, shop: &Shop) -> bool {
        let addr = shop.app.addr();
        let mut all = true;
        for order in self.orders.iter_mut().flatten() {
            while order.open() {
                match order.step(shop, addr).await {
                    Went::Well => {}
                    Went::Later => {
                        all = false;
                        break;
                    }
                    Went::Gone => panic!("the bridge is gone: {order:?}"),
                }
            }
        }
        all
    }

    /// What a shop has given up its customer may still approve.
    pub(crate) fn customers_approve(&self, shop: &Shop) {
        for order in self.each().filter(|order| order.given_up) {
            shop.app.world().approve(order.msn, &order.id);
        }
    }

    pub(crate) fn each(&self) -> impl Iterator<Item = &Order> {
        self.orders.iter().flatten()
    }
}

pub(crate) fn new_order(id: String, random: &mut Random) -> Order {
    // One in five is of the unit whose payments are captured by the bridge.
    let direct = random.below(5) == 0;
    let plan: &[Deed] = match direct {
        true => &[Initiate, Approve],
        false => PLANS[random.below(PLANS.len())],
    };
    Order {
        msn: if direct { OTHER_MSN } else { MSN },
        id,
        plan,
        done: 0,
        sent: 0,
        last: 0,
        given_up: false,
    }
}
