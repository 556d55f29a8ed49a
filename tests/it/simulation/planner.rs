//! How a plan comes about: which steps, with which trouble.
//!
//! Must not: look at anything but the seed.

use ecom_bridge::simulator::{Act, Action};
use serde_json::json;

use super::plan::{Change, Hooks, Order, Plan, Step, Trouble, UNITS, Way};
use crate::support::Random;

/// Steps of a life, the evening not counted.
const STEPS: usize = 30;

/// Makes up steps.
struct Planner {
    random: Random,
    orders: Vec<Order>,
    /// Changes so far.
    changes: usize,
    steps: Vec<Step>,
}

fn said(status: u16, body: Option<String>, processed: bool) -> Action {
    Action::Status {
        status,
        body,
        headers: vec![],
        processed,
    }
}

/// A success of another payment, which is all that the call hears; of its own it says nothing.
fn another(processed: bool) -> Action {
    let nok = |value: i64| json!({"currency": "NOK", "value": value});
    let body = json!({
        "reference": "another-order", "pspReference": "another", "state": "AUTHORIZED", "amount": nok(90_000),
        "aggregate": {
            "authorizedAmount": nok(90_000), "capturedAmount": nok(90_000),
            "refundedAmount": nok(90_000), "cancelledAmount": nok(0),
        },
    });
    said(200, Some(body.to_string()), processed)
}

impl Plan {
    pub(super) fn of(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut yes = |of: usize| random.below(of) == 0;
        let (retries, cache, poll) = (u8::from(yes(2)), yes(2), yes(4));
        let (ecom_hooks, by_event) = (yes(2), yes(2));
        let at_ecom = [yes(2), yes(2), yes(2), yes(2)];
        let second_hears = yes(2);
        let mut planner = Planner {
            random,
            orders: Vec::new(),
            changes: 0,
            steps: Vec::new(),
        };
        for unit in 0..UNITS.len() {
            planner.order(unit, true);
        }
        while planner.steps.len() < STEPS {
            planner.step();
        }
        Self {
            retries,
            cache,
            poll,
            ecom_hooks,
            by_event,
            at_ecom,
            second_hears,
            steps: planner.steps,
        }
    }
}

impl Planner {
    fn below(&mut self, limit: usize) -> usize {
        self.random.below(limit)
    }

    fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.random.below(of.len())].clone()
    }

    fn way(&mut self) -> Way {
        self.one(&[Way::First, Way::First, Way::Second])
    }

    /// A new order, mostly approved right after.
    fn order(&mut self, unit: usize, good: bool) {
        let n = self.orders.iter().filter(|o| o.unit == unit).count() + 1;
        let id = match n % 3 {
            0 => format!("{n}"),
            _ => format!("order-{n:04}"),
        };
        let order = Order { unit, id };
        self.orders.push(order.clone());
        let (way, trouble) = match good {
            true => (Way::First, Trouble::Nothing),
            false => self.trouble(3),
        };
        let amount = 10_000 + 100 * i64::try_from(n).unwrap();
        self.steps
            .push(Step::Initiate(order.clone(), amount, way, trouble));
        if self.below(4) > 0 {
            let trouble = self.user_trouble(unit);
            self.steps.push(Step::User(order, Act::Approve, trouble));
        }
    }

    fn known(&mut self) -> Order {
        // The newest are the liveliest.
        let (count, back) = (self.orders.len(), self.below(4) == 0);
        let from = if back { 0 } else { count.saturating_sub(4) };
        let at = from + self.below(count - from);
        self.orders[at].clone()
    }

    /// One whose shop captures: where the bridge does, the shop does not.
    fn captured(&mut self) -> Order {
        loop {
            let order = self.known();
            if !UNITS[order.unit].direct {
                return order;
            }
        }
    }

    fn action(&mut self) -> Action {
        let processed = self.below(2) == 0;
        let status = self.one(&[500, 502, 503]);
        match self.below(14) {
            0 => Action::ResetBefore,
            1 | 2 => Action::ResetAfter,
            3 => Action::CloseBefore,
            4 => Action::CloseAfter,
            5..=7 => said(status, None, processed),
            8 => said(429, None, false),
            9 => Action::Html,
            10 => Action::Malformed,
            11 => Action::Empty,
            12 => self.one(&[
                Action::Unexpected,
                Action::WrongReference,
                another(processed),
            ]),
            _ => Action::Truncate {
                bytes: self.below(60),
                head: processed,
                reset: false,
            },
        }
    }

    /// It is done, and nobody hears of that.
    fn lost(&mut self) -> Action {
        let status = self.one(&[500, 502, 503]);
        self.one(&[
            Action::ResetAfter,
            Action::CloseAfter,
            said(status, None, true),
        ])
    }

    /// How up to so many sendings end.
    fn actions(&mut self, most: usize) -> Vec<Action> {
        if self.below(5) == 0 {
            // Done and not heard of; the next sending is refused for a reason of its own.
            return vec![self.lost(), said(429, None, false)];
        }
        let (first, count) = (self.action(), 1 + self.below(most));
        let mut all = vec![first.clone()];
        for _ in 1..count {
            let other = self.below(2) == 0;
            all.push(if other { self.action() } else { first.clone() });
        }
        all
    }

    /// Trouble in one of `of` calls, and the way it takes.
    fn trouble(&mut self, of: usize) -> (Way, Trouble) {
        let way = self.way();
        if self.below(of) > 0 {
            return (way, Trouble::Nothing);
        }
        let actions = self.actions(3);
        match self.below(120) {
            // A time-out costs as long as it says.
            0 => {
                let processed = self.below(2) == 0;
                (way, Trouble::Blind(vec![Action::Hang { processed }]))
            }
            1..=45 => (way, Trouble::Call(actions)),
            46..=93 => (way, Trouble::Blind(actions)),
            94..=101 => (way, Trouble::Unread(self.action())),
            _ => (Way::Second, Trouble::Store(self.below(7) as i64)),
        }
    }

    /// The bridge's own capture meets trouble.
    fn user_trouble(&mut self, unit: usize) -> Trouble {
        if !UNITS[unit].direct || self.below(2) == 0 {
            return Trouble::Nothing;
        }
        let actions = self.actions(2);
        match self.below(2) {
            0 => Trouble::Call(actions),
            _ => Trouble::Blind(actions),
        }
    }

    fn change(&mut self, ops: &[&'static str]) -> Change {
        let op = self.one(ops);
        self.changes += 1;
        let n = i64::try_from(self.changes).unwrap();
        let id = (self.below(5) > 0).then(|| format!("id-{n}"));
        let amount = match self.below(4) {
            _ if op == "cancel" => None,
            0 => None,
            1 => Some(9_000 + 37 * n),
            // Calls about one order are alike now and then.
            2 => Some(self.one(&[1_500, 2_000])),
            _ => Some(1_000 + 37 * n),
        };
        // Without an id, "all that remains" twice is twice.
        let amount = amount.or((op != "cancel" && id.is_none()).then_some(500 + n));
        Change {
            op,
            amount,
            release: op == "cancel" && self.below(2) == 0,
            id,
            at_once: self.below(3) == 0,
        }
    }

    fn any_change(&mut self) -> Change {
        self.change(&[
            "capture", "capture", "capture", "refund", "refund", "cancel",
        ])
    }

    fn named_change(&mut self) -> Change {
        let mut change = self.any_change();
        change.id = Some(format!("id-{}", self.changes));
        change
    }

    /// Two calls of one kind and amount: the first is done, the second does not arrive.
    fn alike(&mut self) {
        let order = self.captured();
        let first = Change {
            amount: Some(1_500),
            ..self.change(&["capture", "refund"])
        };
        let second = Change {
            id: Some(format!("id-{}-alike", self.changes)),
            ..first.clone()
        };
        let lost = Trouble::Call(vec![Action::CloseBefore; 3]);
        let way = self.way();
        for (change, trouble) in [(first, Trouble::Nothing), (second, lost)] {
            let step = Step::Change(order.clone(), change, way, trouble);
            self.steps.push(step);
        }
    }

    fn hidden(&mut self) -> Step {
        let (one, other) = (self.named_change(), self.any_change());
        let first = if self.below(3) == 0 {
            Action::CloseBefore
        } else {
            self.lost()
        };
        let unread = self.one(&[said(503, None, false), Action::CloseBefore, Action::Html]);
        Step::Hidden(self.captured(), one, vec![first; 3], other, unread)
    }

    fn step(&mut self) {
        let step = match self.below(100) {
            0..=13 => {
                let unit = self.below(UNITS.len());
                return self.order(unit, false);
            }
            14..=17 => {
                let (order, (way, trouble)) = (self.known(), self.trouble(2));
                let n = i64::try_from(self.below(30)).unwrap();
                let amount = 10_000 + n.max(1) * 10;
                Step::Initiate(order, amount, way, trouble)
            }
            18..=27 => {
                let order = self.known();
                let act = self.one(&[
                    Act::Approve,
                    Act::Approve,
                    Act::Reject,
                    Act::Expire,
                    Act::Fail,
                    Act::FailNext,
                ]);
                let trouble = self.user_trouble(order.unit);
                Step::User(order, act, trouble)
            }
            28..=53 => {
                let order = self.known();
                let change = match UNITS[order.unit].direct {
                    true => self.change(&["refund"]),
                    false => self.any_change(),
                };
                let (way, trouble) = self.trouble(2);
                Step::Change(order, change, way, trouble)
            }
            54..=61 => {
                let (way, trouble) = self.trouble(3);
                Step::Repeat(self.below(1_000), way, trouble)
            }
            62..=64 => Step::Altered(self.below(1_000), 700 + self.below(500) as i64),
            65 => return self.alike(),
            66..=67 => Step::Twice(self.captured(), self.named_change()),
            68..=69 => {
                let (order, cancel) = (self.captured(), self.change(&["cancel"]));
                Step::Race(order, self.change(&["capture"]), cancel)
            }
            70 => Step::Peek(self.captured(), self.any_change()),
            71 => Step::Late(self.captured(), self.named_change(), self.any_change()),
            72 => match self.below(2) {
                0 => Step::Stopped(self.captured(), self.any_change()),
                _ => self.hidden(),
            },
            73..=78 => {
                let (order, status) = (self.known(), self.below(3) == 0);
                let (way, trouble) = self.trouble(3);
                Step::Read(order, status, way, trouble)
            }
            79..=86 => Step::Hooks(self.one(&[
                Hooks::Pause,
                Hooks::Resume,
                Hooks::Resume,
                Hooks::Double,
                Hooks::Reverse,
                Hooks::Redeliver,
            ])),
            87..=90 => Step::Shop(self.one(&[200, 200, 204, 500, 404, 301, 429])),
            91..=94 => Step::Pass(self.one(&[200, 200, 200, 7_200])),
            95 => Step::Back(self.captured(), self.any_change()),
            96 => {
                let flips = [0; 4].map(|_: i32| self.below(2) == 0);
                Step::Restart(flips, self.below(4) == 0)
            }
            _ => {
                let act = self.one(&[Act::Approve, Act::Approve, Act::Reject, Act::Expire]);
                Step::Full(self.one(&["events", "callbacks"]), self.known(), act)
            }
        };
        self.steps.push(step);
    }
}
