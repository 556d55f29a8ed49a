//! A row at work: makes the shop's calls, writes down what the shop saw and what upstream had, and checks it.
//!
//! Sums and sendings come from the simulator: the bridge is not its own witness. Must not: write down a token or a phone
//! number.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::plan::{Plan, Way};
use super::stage::Stage;
use super::words::{calls, sums, told, told_call};
use crate::cli::scene::bridge::until;
use crate::cli::scene::shop::{self, Call, Heard};
use crate::ecom::route::Operation;
use crate::epayment::event::EventName;
use crate::simulator::{Action, Fault, Handle, PaymentView, SeenRequest, Surface};

/// An answer that took longer is shown with its time.
const SLOW: Duration = Duration::from_secs(1);
/// A callback that follows from polling alone comes after seconds.
const TOLD_WITHIN: Duration = Duration::from_secs(20);

/// What ends a row early.
pub(super) enum Stop {
    /// It says nothing about this configuration, and why.
    Skipped(String),
    /// What it needs could not be made, which is no good sign.
    Failed(String),
}

/// How a row goes on.
pub(super) type Going<T = ()> = Result<T, Stop>;

/// Something that is told of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) label: &'static str,
    pub(super) text: String,
}

/// Something that must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Check {
    pub(super) holds: bool,
    pub(super) what: String,
}

/// A payment that a row plays with.
#[derive(Clone, Debug)]
pub(super) struct Payment {
    pub(super) order: String,
    pub(super) born: Way,
}

/// A row at work.
pub(super) struct Play<'a> {
    pub(super) plan: &'a Plan,
    pub(super) stage: Stage,
    pub(super) lines: Vec<Line>,
    pub(super) checks: Vec<Check>,
    row: &'static str,
    orders: Vec<String>,
    /// Where the row began, and where what counts now did.
    began: Option<u64>,
    mark: u64,
    number: usize,
}

impl<'a> Play<'a> {
    pub(super) fn new(plan: &'a Plan, stage: Stage, row: &'static str) -> Self {
        Self {
            plan,
            stage,
            lines: Vec::new(),
            checks: Vec::new(),
            row,
            orders: Vec::new(),
            began: None,
            mark: 0,
            number: 0,
        }
    }

    pub(super) const fn world(&self) -> &Handle {
        self.stage.simulator.world()
    }

    pub(super) fn msn(&self) -> &'a str {
        self.plan.msn.as_str()
    }

    /// The id of a new order.
    pub(super) fn next_order(&mut self) -> String {
        self.number += 1;
        let order = self.plan.order(self.row, self.number);
        self.orders.push(order.clone());
        order
    }

    /// Writes something down.
    pub(super) fn tell(&mut self, label: &'static str, text: impl Into<String>) {
        let text = text.into();
        self.lines.push(Line { label, text });
    }

    /// Something that must hold.
    pub(super) fn expect(&mut self, holds: bool, what: impl Into<String>) {
        let what = what.into();
        self.checks.push(Check { holds, what });
    }

    /// From here on, what reaches upstream counts.
    pub(super) fn begin(&mut self) {
        self.mark = self.world().requests().last().map_or(0, |seen| seen.id);
        self.began.get_or_insert(self.mark);
    }

    /// What reached upstream about the row's orders since then; neither registrations nor what shadowing read.
    pub(super) fn seen(&self) -> Vec<SeenRequest> {
        let mut seen = self.world().requests();
        seen.retain(|one| {
            one.id > self.mark
                && matches!(one.surface, Surface::Ecom | Surface::Epayment)
                && one.header("bridge-shadow").is_none()
        });
        seen
    }

    /// What changed something there, or would have.
    pub(super) fn changes(&self) -> Vec<SeenRequest> {
        let mut seen = self.seen();
        seen.retain(|one| one.method != "GET");
        seen
    }

    /// How many of these operations reached upstream.
    pub(super) fn sent(&self, operation: &str) -> usize {
        let end = format!("/{operation}");
        let all = self.changes();
        all.iter().filter(|one| one.path().ends_with(&end)).count()
    }

    pub(super) fn fault(&self, fault: Fault) {
        self.world().add_fault(fault);
    }

    /// The body of an initiate.
    pub(super) fn body(&self, order: &str, amount: i64) -> Value {
        let prefix = format!("{}/vipps", self.stage.merchant.base_url());
        let mut body = shop::new_order(order, amount, &prefix);
        body["merchantInfo"]["merchantSerialNumber"] = json!(self.msn());
        body
    }

    /// The body of an Express initiate.
    pub(super) fn express(&self, order: &str, amount: i64) -> Value {
        let mut body = self.body(order, amount);
        let info = &mut body["merchantInfo"];
        info["paymentType"] = json!("eComm Express Payment");
        info["consentRemovalPrefix"] = json!("https://shop.example/consent");
        info["staticShippingDetails"] = json!([{
            "isDefault": "Y", "priority": 0, "shippingCost": 49,
            "shippingMethod": "Post", "shippingMethodId": "post",
        }]);
        body
    }

    /// The call of an initiate.
    pub(super) fn initiating(&self, order: &str, amount: i64) -> Call {
        Call::post("/ecomm/v2/payments").body(self.body(order, amount))
    }

    /// The call of a change. No amount: all that remains.
    pub(super) fn changing(&self, operation: &str, order: &str, amount: Option<i64>) -> Call {
        let mut body = shop::change(amount, "Rehearsed");
        body["merchantInfo"]["merchantSerialNumber"] = json!(self.msn());
        let path = format!("/ecomm/v2/payments/{order}/{operation}");
        let call = if operation == "cancel" {
            Call::put(path)
        } else {
            Call::post(path)
        };
        call.body(body).of_unit(self.msn())
    }

    pub(super) fn details_of(&self, order: &str) -> Call {
        let call = Call::get(format!("/ecomm/v2/payments/{order}/details"));
        call.of_unit(self.msn())
    }

    /// A call of the shop that is only told if it matters.
    pub(super) async fn quietly(&self, call: &Call) -> Heard {
        self.stage.shop.call(&self.stage.bridge.base, call).await
    }

    /// A call of the shop, told.
    pub(super) async fn call(&mut self, call: &Call) -> Heard {
        self.tell("sent", told_call(call));
        let began = Instant::now();
        let heard = self.quietly(call).await;
        self.saw(&heard, began.elapsed());
        heard
    }

    /// What the shop saw.
    pub(super) fn saw(&mut self, heard: &Heard, after: Duration) {
        let mut text = told(heard);
        if !heard.route.is_empty() {
            text.push_str(&format!(", route {}", heard.route));
        }
        if after >= SLOW {
            text.push_str(&format!(
                ", after {}.{} s",
                after.as_secs(),
                after.subsec_millis() / 100
            ));
        }
        self.tell("shop saw", text);
    }

    /// A payment that the user has approved, made without a word.
    pub(super) async fn reserved(&mut self, amount: i64) -> Going<Payment> {
        let order = self.next_order();
        self.reserved_as(order, amount).await
    }

    async fn reserved_as(&mut self, order: String, amount: i64) -> Going<Payment> {
        let born = self.plan.initiated(&order);
        self.opened(&order, amount).await?;
        if !self.world().approve(self.msn(), &order) {
            let why = format!("the payment {order} could not be approved at the simulator");
            return Err(Stop::Failed(why));
        }
        let payment = Payment { order, born };
        if self.plan.captures_directly() {
            if let Some(why) = self.plan.hears_late() {
                return Err(Stop::Failed(why.to_owned()));
            }
            let captured = async {
                while self.moved(&payment, "capture") < amount {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            };
            if tokio::time::timeout(TOLD_WITHIN, captured).await.is_err() {
                let why = "the bridge did not capture the approved payment (direct_capture)";
                return Err(Stop::Failed(why.to_owned()));
            }
        }
        Ok(payment)
    }

    /// A payment that nobody has approved.
    pub(super) async fn opened(&mut self, order: &str, amount: i64) -> Going {
        let call = self.initiating(order, amount);
        let mut heard = self.quietly(&call).await;
        // A machine that is busy is not what a row is about.
        for _ in 0..2 {
            if heard.status == 200 {
                break;
            }
            self.stage.fetch_tokens().await;
            heard = self.quietly(&call).await;
        }
        let want = self.plan.initiated(order).word();
        if heard.status != 200 || heard.route != want {
            self.tell("sent", told_call(&call));
            self.saw(&heard, Duration::ZERO);
            let why = format!("no payment could be made to play with: 200 by {want} was due");
            return Err(Stop::Failed(why));
        }
        if want == "epayment" && self.plan.has_webhooks() && !self.plan.needs_a_hook() {
            let registered = self.stage.bridge.registered(self.msn()).await;
            if !registered {
                let why = "the bridge did not register its webhook at the simulator";
                return Err(Stop::Failed(why.to_owned()));
            }
        }
        Ok(())
    }

    /// The change that this row's fault hits: a capture; where the bridge captures by itself, a refund.
    pub(super) fn operation(&self) -> &'static str {
        if self.plan.captures_directly() {
            "refund"
        } else {
            "capture"
        }
    }

    /// Which way it goes.
    pub(super) fn way(&self, payment: &Payment) -> Way {
        let operation = if self.operation() == "refund" {
            Operation::Refund
        } else {
            Operation::Capture
        };
        self.plan.way(operation, payment.born)
    }

    /// That change.
    pub(super) fn money(&self, payment: &Payment, amount: i64, id: &str) -> Call {
        let call = self.changing(self.operation(), &payment.order, Some(amount));
        call.id(id)
    }

    /// The fault for the answer to that change.
    pub(super) fn money_fault(&self, action: Action) -> Fault {
        Fault::once(&format!("/{}", self.operation()), action).on("POST")
    }

    pub(super) fn payment(&self, order: &str) -> Option<PaymentView> {
        self.world().payment(self.msn(), order)
    }

    /// Minor units that an operation has moved upstream.
    pub(super) fn moved(&self, payment: &Payment, operation: &str) -> i64 {
        self.payment(&payment.order)
            .map_or(0, |view| match operation {
                "refund" => view.refunded.minor_units(),
                "cancel" => view.cancelled.minor_units(),
                _ => view.captured.minor_units(),
            })
    }

    /// Whether the change was made just once, for this amount.
    pub(super) fn moved_once(&self, payment: &Payment, amount: i64) -> bool {
        let name = if self.operation() == "refund" {
            EventName::Refunded
        } else {
            EventName::Captured
        };
        let view = self.payment(&payment.order);
        self.moved(payment, self.operation()) == amount
            && view.is_some_and(|view| view.count(name) == 1)
    }

    /// Stops the bridge and starts it again, with the same store or with an empty one.
    pub(super) async fn restart(&mut self, keep_store: bool) -> Going {
        let what = if keep_store {
            "the bridge is stopped and started again"
        } else {
            "the bridge is started again with an empty store"
        };
        self.tell("then", what);
        self.stage.restart(keep_store).await.map_err(Stop::Failed)
    }

    /// The callbacks of an order, oldest first, as the shop got them: their statuses.
    pub(super) fn heard(&self, order: &str) -> Vec<String> {
        let target = format!("/vipps/v2/payments/{order}");
        let mut all = self.stage.merchant.callbacks();
        all.retain(|callback| callback.target == target);
        let status = |json: Value| {
            json.pointer("/transactionInfo/status")?
                .as_str()
                .map(str::to_owned)
        };
        all.iter().filter_map(|one| status(one.json())).collect()
    }

    /// Waits until the shop has been told so often; false where it was not.
    pub(super) async fn told(&self, order: &str, times: usize) -> bool {
        let wait = async {
            while self.heard(order).len() < times {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(TOLD_WITHIN, wait).await.is_ok()
    }

    /// Tells what the shop was told of an order.
    pub(super) fn tell_callbacks(&mut self, order: &str) {
        let heard = self.heard(order);
        let text = match &heard[..] {
            [] => "none".to_owned(),
            all => format!(
                "{}, {} time{}",
                all.join(", "),
                all.len(),
                if all.len() == 1 { "" } else { "s" }
            ),
        };
        self.tell("callback", text);
    }

    /// Waits until as many deliveries of upstream's events were answered; false where they were not.
    pub(super) async fn events_answered(&self, order: &str, count: usize) -> bool {
        let world = self.world();
        until(|| {
            let all = world.deliveries();
            let of = all.iter().filter(|one| one.reference == order);
            of.filter(|one| one.status.is_some()).count() >= count
        })
        .await
    }

    /// Writes down what upstream had of it all.
    pub(super) fn sum_up(&mut self) {
        self.mark = self.began.unwrap_or(u64::MAX);
        let seen = self.seen();
        if self.began.is_none() {
            return;
        }
        let money = self.orders.iter().filter_map(|order| self.payment(order));
        let mut money: Vec<String> = money.map(|view| sums(&view)).collect();
        money.sort();
        money.dedup();
        let more = money.len().saturating_sub(3);
        money.truncate(3);
        if more > 0 {
            money.push(format!("{more} more"));
        }
        let mut text = calls(&seen);
        if !money.is_empty() {
            text.push_str(&format!("; {}", money.join("; ")));
        }
        self.tell("upstream", text);
    }
}
