//! How each step of a plan is carried out, and what a call without trouble must come to.
//!
//! Must not: choose anything by itself.

use std::time::Duration;

use ecom_bridge::epayment::model::State;
use ecom_bridge::simulator::merchant::Manner;
use ecom_bridge::simulator::{Act, Action, Origin};
use ecom_bridge::store::AdjustmentState;
use ecom_bridge::types::{Msn, OrderText, Scope};

use super::life::Life;
use super::plan::{Change, Hooks, Order, Step, Trouble, UNITS, Way};
use super::told::{Told, outcome};
use super::world::WHILE;
use crate::support::until;

const HOUR: Duration = Duration::from_secs(3_600);

impl Life {
    /// Carries it out; which order it was about.
    pub(super) async fn step(&mut self, step: &Step) -> Option<Order> {
        match step {
            Step::Initiate(order, amount, way, trouble) => {
                self.initiate(order, *amount, *way, trouble).await;
                Some(order.clone())
            }
            Step::User(order, act, trouble) => self.user(order, *act, trouble).await,
            Step::Change(order, change, way, trouble) => {
                self.change(order, change, *way, trouble).await
            }
            Step::Repeat(at, way, trouble) => self.repeat(*at, *way, trouble).await,
            Step::Altered(at, amount) => self.altered(*at, *amount).await,
            Step::Twice(order, change) => self.twice(order, change).await,
            Step::Race(order, one, other) => self.race(order, one, other).await,
            Step::Peek(order, change) => self.peek(order, change, false).await,
            Step::Late(order, one, other) => self.late(order, one, other).await,
            Step::Hidden(order, one, actions, other, unread) => {
                self.hidden(order, one, actions, other, unread).await
            }
            Step::Stopped(order, change) => self.peek(order, change, true).await,
            Step::Read(order, status, way, trouble) => {
                self.read(order, *status, *way, trouble).await
            }
            Step::Back(order, change) => {
                self.world.shop.app.clock.jump_back(HOUR);
                // Whoever was at an earlier call has an hour more.
                let fresh = self.shops.odd.insert(order.clone());
                let touched = self
                    .change(order, change, Way::First, &Trouble::Nothing)
                    .await;
                self.world.shop.app.clock.advance(HOUR);
                self.pass(WHILE).await;
                if fresh {
                    self.shops.odd.remove(order);
                }
                touched
            }
            Step::Full(table, order, act) => self.full(table, order, *act).await,
            Step::Hooks(hooks) => {
                self.hooks(hooks);
                None
            }
            Step::Shop(status) => {
                self.world.manner = *status;
                self.world.shop.merchant.answer(Manner::status(*status));
                None
            }
            Step::Pass(seconds) => {
                self.pass(Duration::from_secs(*seconds)).await;
                None
            }
            Step::Restart(at_ecom, initiate) => {
                self.world.restart(*at_ecom, *initiate).await;
                self.plan.at_ecom = *at_ecom;
                None
            }
        }
    }

    fn hooks(&mut self, hooks: &Hooks) {
        let world = self.world.shop.app.world();
        match hooks {
            Hooks::Pause => world.pause_webhooks(),
            Hooks::Resume => world.resume_webhooks(),
            Hooks::Double => world.duplicate_webhooks(),
            Hooks::Reverse => world.reverse_webhooks(),
            Hooks::Redeliver => _ = world.redeliver_webhooks(None),
        }
        match hooks {
            Hooks::Pause => self.world.paused = true,
            Hooks::Resume => self.world.paused = false,
            _ => {}
        }
    }

    pub(super) async fn initiate(
        &mut self,
        order: &Order,
        amount: i64,
        way: Way,
        trouble: &Trouble,
    ) {
        let fresh = !self.shops.created.contains_key(order);
        if !fresh && self.shops.doubt.contains(order) {
            self.pass(WHILE).await;
        }
        self.world.begin(order, "initiate", trouble).await;
        let answer = self.world.initiating(order, amount, way).send().await;
        self.world.end().await;
        let told = self.shops.initiated(order, amount, &answer);
        self.told(order, told);
        if fresh && matches!(trouble, Trouble::Nothing) {
            assert!(
                matches!(told, Told::Done(_)),
                "answers: not made, and nothing was wrong: {order:?}: {}",
                answer.text()
            );
        }
        self.after(order, trouble).await;
    }

    /// After trouble with the store somebody's time must end first.
    async fn after(&mut self, order: &Order, trouble: &Trouble) {
        if matches!(trouble, Trouble::Store(_)) {
            self.world.quiet().await;
            self.pass(WHILE).await;
        }
        if !self.shops.doubt.contains(order) && matches!(trouble, Trouble::Nothing) {
            self.look(order, Way::Second).await;
        }
    }

    async fn user(&mut self, order: &Order, act: Act, trouble: &Trouble) -> Option<Order> {
        let seen = self.world.seen(order)?;
        self.world.begin(order, "capture", trouble).await;
        let world = self.world.shop.app.world();
        let acted = world.act(order.msn(), &seen.reference, act) == Ok(true);
        if acted && matches!(act, Act::FailNext) {
            self.shops.odd.insert(order.clone());
        }
        if self.plan.cache {
            // An event that is still to come makes no look old.
            self.world.shop.app.advance(Duration::from_secs(2));
        }
        self.world.quiet().await;
        self.world.end().await;
        if !matches!(trouble, Trouble::Nothing) {
            self.pass(WHILE).await;
        }
        self.note(format!("  {acted}"));
        self.look(order, Way::First).await;
        Some(order.clone())
    }

    async fn full(&mut self, table: &str, order: &Order, act: Act) -> Option<Order> {
        let seen = self.world.seen(order)?;
        self.world.store.full(table).await;
        let world = self.world.shop.app.world();
        let before = world.deliveries().len();
        let acted = world.act(order.msn(), &seen.reference, act) == Ok(true);
        if self.plan.cache {
            self.world.shop.app.advance(Duration::from_secs(2));
        }
        // Refused once, or not sent at all.
        if acted && !self.world.paused {
            until(|| {
                let all = world.deliveries();
                let refused = all.iter().skip(before).any(|d| d.status == Some(503));
                refused || world.webhooks().iter().all(|r| r.waiting == 0)
            })
            .await;
        }
        self.world.store.room().await;
        self.world.quiet().await;
        Some(order.clone())
    }

    /// Whether the bridge has the money itself as soon as it is approved.
    fn direct(&self, order: &Order) -> bool {
        let born = self.world.seen(order).map(|seen| seen.origin);
        UNITS[order.unit].direct && born == Some(Origin::Epayment)
    }

    /// What a call comes to that nothing stands in the way of; none where that can't be said.
    fn due(&self, order: &Order, change: &Change) -> Option<Told> {
        let clear = !self.shops.doubt.contains(order) && !self.shops.odd.contains(order);
        if !clear || self.direct(order) {
            return None;
        }
        let seen = self.world.seen(order)?;
        let value = |amount: ecom_bridge::types::Amount| amount.minor_units();
        let captured = value(seen.captured);
        let open = value(seen.authorized) - captured - value(seen.cancelled);
        let left = match change.op {
            "refund" => captured - value(seen.refunded),
            _ => open,
        };
        if seen.state != State::Authorized && change.op != "refund" {
            return None;
        }
        let done = match change.op {
            "cancel" => (left > 0 && (captured == 0 || change.release)).then_some(Told::Done(0)),
            _ => match change.amount {
                Some(amount) => (amount <= left).then_some(Told::Done(amount)),
                None => (left > 0).then_some(Told::Done(left)),
            },
        };
        Some(done.unwrap_or(Told::Refused))
    }

    async fn change(
        &mut self,
        order: &Order,
        change: &Change,
        way: Way,
        trouble: &Trouble,
    ) -> Option<Order> {
        if !self.shops.created.contains_key(order) {
            return None;
        }
        self.approach(order, change).await;
        let due = self.due(order, change);
        let at = self.shops.ask(order, change);
        let told = self.send(at, way, trouble).await;
        if let (Some(due), Trouble::Nothing) = (due, trouble) {
            let fits = match (due, told) {
                (Told::Done(_), Told::Done(_)) if change.op == "cancel" => true,
                (due, told) => due == told,
            };
            assert!(
                fits,
                "answers: not what was due: {due:?} was, {told:?} was told: {order:?} {change:?}"
            );
        }
        Some(order.clone())
    }

    /// Sends a request, again or for the first time.
    pub(super) async fn send(&mut self, at: usize, way: Way, trouble: &Trouble) -> Told {
        let request = self.shops.requests[at].clone();
        let (order, change) = (&request.order, &request.change);
        self.world.begin(order, change.op, trouble).await;
        let answer = self.world.changing(order, change, way).send().await;
        self.world.end().await;
        let told = self.shops.answered(at, &answer);
        self.told(order, told);
        self.after(order, trouble).await;
        told
    }

    async fn repeat(&mut self, at: usize, way: Way, trouble: &Trouble) -> Option<Order> {
        let named: Vec<usize> = (0..self.shops.requests.len())
            .filter(|at| self.shops.requests[*at].change.id.is_some())
            .collect();
        let at = *named.get(at % named.len().max(1))?;
        let request = self.shops.requests[at].clone();
        // In doubt it is this request that is, or another one: then after a while.
        if request.told != Told::Unknown && self.shops.doubt.contains(&request.order) {
            self.pass(WHILE).await;
        }
        self.send(at, way, trouble).await;
        Some(request.order)
    }

    /// Under the same id another amount is another request, which must not be done beside the first.
    async fn altered(&mut self, at: usize, amount: i64) -> Option<Order> {
        let named: Vec<usize> = (0..self.shops.requests.len())
            .filter(|at| {
                let request = &self.shops.requests[*at];
                request.change.id.is_some() && request.change.amount.is_some()
            })
            .collect();
        let first = *named.get(at % named.len().max(1))?;
        let request = self.shops.requests[first].clone();
        let change = Change {
            amount: Some(amount),
            ..request.change.clone()
        };
        if change.amount == request.change.amount {
            return None;
        }
        self.approach(&request.order, &change).await;
        let done = matches!(request.told, Told::Done(_));
        let other = self.shops.ask(&request.order, &change);
        let told = self.send(other, Way::First, &Trouble::Nothing).await;
        assert!(
            !done || !matches!(told, Told::Done(_)),
            "answers: two amounts under one id: {request:?} {change:?}"
        );
        // The first is not repeated any more: its id has another meaning now.
        for at in [first, other] {
            self.shops.requests[at].change.id = None;
        }
        Some(request.order)
    }

    async fn twice(&mut self, order: &Order, change: &Change) -> Option<Order> {
        self.world.seen(order)?;
        // Where Vipps fails one of them, the other may well be done.
        if self.shops.odd.contains(order) {
            return None;
        }
        if self.shops.doubt.contains(order) {
            self.pass(WHILE).await;
        }
        let at = self.shops.ask(order, change);
        // One of them reads the payment when the other one is done with it.
        self.world.slow_look(order);
        let one = self.world.changing(order, change, Way::First);
        let other = self.world.changing(order, change, Way::Second);
        let (one, other) = tokio::join!(one.send(), other.send());
        let said = [&one, &other].map(outcome);
        let one_did_it = said.iter().any(|told| matches!(told, Told::Done(_)));
        assert!(
            !one_did_it || !said.contains(&Told::Refused),
            "answers: one instance did it, the other refused it: {order:?} {change:?} {said:?}"
        );
        self.shops.answered(at, &one);
        self.shops.answered(at, &other);
        let told = self.shops.requests[at].told;
        self.told(order, told);
        self.pass(WHILE).await;
        self.look(order, Way::Second).await;
        Some(order.clone())
    }

    async fn race(&mut self, order: &Order, one: &Change, other: &Change) -> Option<Order> {
        self.world.seen(order)?;
        self.shops.unsteady.insert(order.clone());
        let (first, second) = (self.shops.ask(order, one), self.shops.ask(order, other));
        let one = self.world.changing(order, one, Way::First);
        let other = self.world.changing(order, other, Way::Second);
        let (one, other) = tokio::join!(one.send(), other.send());
        self.shops.answered(first, &one);
        self.shops.answered(second, &other);
        self.pass(WHILE).await;
        self.look(order, Way::First).await;
        Some(order.clone())
    }

    /// What was sent lands late: until it is certain that it does not, nothing else may be done.
    async fn late(&mut self, order: &Order, one: &Change, other: &Change) -> Option<Order> {
        self.world.seen(order)?;
        self.approach(order, one).await;
        let at = self.shops.ask(order, one);
        let lost = Trouble::Call(vec![Action::CloseBefore; 3]);
        self.send(at, Way::First, &lost).await;
        let end = format!("{}/{}", order.id, one.op);
        let all = self.world.shop.app.world().requests();
        let sent = all
            .into_iter()
            .rev()
            .find(|r| r.path().ends_with(&end) && r.method != "GET" && r.fault.is_some());
        let next = self.shops.ask(order, other);
        self.send(next, Way::Second, &Trouble::Nothing).await;
        if let Some(sent) = sent {
            let _what_it_says_reaches_nobody = self.world.landing(order, &sent).send().await;
        }
        self.pass(WHILE).await;
        Some(order.clone())
    }

    /// What nobody knows stays so while the evidence is hidden, however long ago it was: nothing else may be done.
    async fn hidden(
        &mut self,
        order: &Order,
        one: &Change,
        actions: &[Action],
        other: &Change,
        unread: &Action,
    ) -> Option<Order> {
        self.world.seen(order)?;
        self.approach(order, one).await;
        let at = self.shops.ask(order, one);
        self.send(at, Way::First, &Trouble::Blind(actions.to_vec()))
            .await;
        self.pass(WHILE).await;
        let next = self.shops.ask(order, other);
        self.send(next, Way::Second, &Trouble::Unread(unread.clone()))
            .await;
        Some(order.clone())
    }

    /// While upstream has the call, its record is looked at (I3), or the bridge is told to stop.
    async fn peek(&mut self, order: &Order, change: &Change, stop: bool) -> Option<Order> {
        let seen = self.world.seen(order)?;
        self.approach(order, change).await;
        let due = self.due(order, change);
        let at = self.shops.ask(order, change);
        let slow = Action::Delay {
            before_ms: 60,
            after_ms: 0,
        };
        self.world
            .begin(order, change.op, &Trouble::Call(vec![slow]))
            .await;
        let ask = self.world.changing(order, change, Way::First);
        if !matches!(due, Some(Told::Done(_))) {
            // Perhaps it is never sent.
            let answer = ask.send().await;
            let told = self.shops.answered(at, &answer);
            self.told(order, told);
            return Some(order.clone());
        }
        let mut client = ask.begin().await;
        self.world.under_way(order, change.op).await;
        if stop {
            self.world.stop().await;
        } else {
            self.recorded(order, change, seen.origin).await;
        }
        let answer = client.read(false).await.expect("an answer");
        if stop {
            self.world.up().await;
        }
        let told = self.shops.answered(at, &answer);
        self.told(order, told);
        assert!(
            matches!(told, Told::Done(_)),
            "answers: not done, and nothing was wrong: {}",
            answer.text()
        );
        Some(order.clone())
    }

    /// I3: written before it was sent.
    async fn recorded(&self, order: &Order, change: &Change, born: Origin) {
        let scope = Scope::Unit(Msn::parse(order.msn()).unwrap());
        let text = OrderText::parse(&order.id).unwrap();
        let store = &self.world.shop.app.payments().store;
        let (calls, _) = store.adjustments(&scope, &text).await.unwrap();
        let open = calls.iter().any(|call| {
            let same = call.request_id.as_ref().map(|id| id.as_str()) == change.id.as_deref();
            same && matches!(
                call.state,
                AdjustmentState::Open(_) | AdjustmentState::Succeeded { .. }
            )
        });
        assert!(
            open,
            "I3: sent and not recorded, born in {born:?}: {change:?} {calls:?}"
        );
    }

    async fn read(
        &mut self,
        order: &Order,
        status: bool,
        way: Way,
        trouble: &Trouble,
    ) -> Option<Order> {
        let seen = self.world.seen(order);
        self.world.begin(order, "events", trouble).await;
        let answer = self.world.reading(order, status, way).send().await;
        self.world.end().await;
        let exists = matches!(
            self.shops.created.get(order),
            Some(Told::Done(_) | Told::Unknown)
        );
        match seen {
            Some(seen) => {
                let asked = (order, status, way);
                self.agrees(asked, answer, exists, seen).await;
            }
            None => assert!(
                !matches!(outcome(&answer), Told::Done(_)),
                "reads: nobody made it: {}",
                answer.text()
            ),
        }
        Some(order.clone())
    }
}
