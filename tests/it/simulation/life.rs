//! One life: its steps, the invariants after each, its trace, and its evening, when all is well again and what is open
//! must come to its end.
//!
//! Must not: do what the plan does not say.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ecom_bridge::simulator::PaymentView;
use ecom_bridge::simulator::merchant::Manner;
use ecom_bridge::store::CallbackState;

use super::books::Books;
use super::plan::{Change, Order, Plan, Trouble, Way};
use super::post::{self, Post};
use super::told::{Request, Shops, Told};
use super::world::{WHILE, World};
use crate::support::client::Answer;

/// What happened, line by line: nothing in it hangs on time, ports or chance.
pub(super) type Trace = Arc<Mutex<Vec<String>>>;

pub(super) struct Life {
    pub(super) world: World,
    pub(super) plan: Plan,
    pub(super) shops: Shops,
    books: Books,
    post: Post,
    pub(super) trace: Trace,
}

impl Life {
    pub(super) async fn begin(plan: Plan, database: Option<&str>, trace: Trace) -> Self {
        Self {
            world: World::start(&plan, database).await,
            plan,
            shops: Shops::default(),
            books: Books::default(),
            post: Post::default(),
            trace,
        }
    }

    pub(super) fn note(&self, line: String) {
        self.trace.lock().unwrap().push(line);
    }

    /// All steps and the evening.
    pub(super) async fn live(mut self) {
        for (n, step) in self.plan.steps.clone().into_iter().enumerate() {
            self.note(format!("{n} {step:?}"));
            let touched = self.step(&step).await;
            self.world.end().await;
            self.world.quiet().await;
            self.check(touched.as_ref(), false).await;
        }
        self.evening().await;
    }

    /// The invariants, and what they saw for the trace.
    async fn check(&mut self, touched: Option<&Order>, over: bool) {
        self.books.check(&self.world, &self.shops).await;
        if let Some(order) = touched {
            self.books.records(&self.world, order).await;
            self.money(order);
        }
        let came = self.post.check(&self.world, &self.shops, over).await;
        // Polls come by the machine's own time.
        if !self.world.poll {
            came.into_iter()
                .for_each(|line| self.note(format!("  heard {line}")));
        }
    }

    fn money(&self, order: &Order) {
        if self.shops.unsteady.contains(order) {
            return;
        }
        let Some(seen) = self.world.seen(order) else {
            return self.note("  no payment".to_owned());
        };
        let sums = [
            seen.authorized,
            seen.captured,
            seen.refunded,
            seen.cancelled,
        ];
        let sums = sums.map(|amount| amount.minor_units());
        self.note(format!("  {:?} {sums:?} {:?}", seen.origin, seen.state));
    }

    /// What a shop was told goes to the trace, where chance had no part in it.
    pub(super) fn told(&self, order: &Order, told: Told) {
        if !self.shops.unsteady.contains(order) {
            self.note(format!("  told {told:?}"));
        }
    }

    /// Time passes: nobody is at anything any more.
    pub(super) async fn pass(&mut self, time: Duration) {
        self.world.pass(time).await;
        self.shops.doubt.clear();
    }

    /// What a shop has read agrees with upstream, which was as `seen` before. A direct capture may have come meanwhile:
    /// then it reads again.
    pub(super) async fn agrees(
        &self,
        (order, status, way): (&Order, bool, Way),
        mut answer: Answer,
        exists: bool,
        mut seen: PaymentView,
    ) -> Answer {
        loop {
            match self.world.seen(order) {
                Some(now) if now != seen => seen = now,
                _ => break,
            }
            answer = self.world.reading(order, status, way).send().await;
        }
        post::details(order, &answer, exists, &seen);
        answer
    }

    /// Reads details, which agree with upstream.
    pub(super) async fn look(&mut self, order: &Order, way: Way) {
        let Some(seen) = self.world.seen(order) else {
            return;
        };
        let answer = self.world.reading(order, false, way).send().await;
        let exists = self.shops.created.contains_key(order);
        let asked = (order, false, way);
        let answer = self.agrees(asked, answer, exists, seen).await;
        assert!(
            answer.status == 200,
            "reads: no answer about {order:?}: {}",
            answer.text()
        );
    }

    /// The network heals, Vipps delivers, the shops are well and repeat what they do not know.
    async fn evening(&mut self) {
        self.note("evening".to_owned());
        self.world.end().await;
        self.world.manner = 200;
        self.world.shop.merchant.answer(Manner::status(200));
        self.world.paused = false;
        self.world.shop.app.world().resume_webhooks();
        self.world.quiet().await;
        self.check(None, false).await;
        for _ in 0..4 {
            self.pass(WHILE).await;
            self.repeat_all().await;
            self.pass(Duration::from_secs(7_200)).await;
            self.check(None, false).await;
            let listed = self.world.shop.listed().await;
            let waits = |state| matches!(state, CallbackState::Capture | CallbackState::Pending);
            if !listed.iter().any(|callback| waits(callback.state)) && self.open().is_empty() {
                break;
            }
        }
        let open = self.open();
        assert!(open.is_empty(), "answers: never found out: {open:?}");
        let orders: Vec<Order> = self.shops.created.keys().cloned().collect();
        for order in orders {
            self.look(&order, Way::First).await;
            self.check(Some(&order), true).await;
        }
        let counts = self.world.shop.counts().await;
        let left = (counts.pending, counts.unmatched);
        assert_eq!(left, (0, 0), "I5: something is left");
    }

    /// What its shop can still ask about, and does not know.
    fn open(&self) -> Vec<&Request> {
        let unknown = |r: &&Request| r.told == Told::Unknown && r.change.id.is_some();
        self.shops.requests.iter().filter(unknown).collect()
    }

    async fn repeat_all(&mut self) {
        let open: Vec<_> = self
            .shops
            .created
            .iter()
            .filter(|(_, told)| **told == Told::Unknown)
            .map(|(order, _)| order.clone())
            .collect();
        for order in open {
            let amount = self.shops.amounts[&order];
            self.initiate(&order, amount, Way::First, &Trouble::Nothing)
                .await;
            self.check(Some(&order), false).await;
        }
        for at in 0..self.shops.requests.len() {
            let request = &self.shops.requests[at];
            if request.told == Told::Unknown && request.change.id.is_some() {
                self.send(at, Way::First, &Trouble::Nothing).await;
                self.world.quiet().await;
                let order = self.shops.requests[at].order.clone();
                self.check(Some(&order), false).await;
            }
        }
    }

    /// Before a call of another kind: where one is in doubt, mostly after a while.
    pub(super) async fn approach(&mut self, order: &Order, change: &Change) {
        if self.shops.doubt.contains(order) && !change.at_once {
            self.pass(WHILE).await;
        }
    }
}
