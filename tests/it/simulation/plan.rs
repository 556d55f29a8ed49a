//! What happens in a life, decided by its seed alone before it begins.
//!
//! Must not: look at anything but the seed.

use ecom_bridge::simulator::{Act, Action};

use crate::support::Random;

/// Steps of a life, the evening not counted.
const STEPS: usize = 30;

/// A sales unit.
#[derive(Debug)]
pub(super) struct Unit {
    pub(super) msn: &'static str,
    pub(super) key: &'static str,
    /// Client id and secret.
    pub(super) client: (&'static str, &'static str),
    /// The bridge captures what is approved.
    pub(super) direct: bool,
    /// Its new payments go to eCom.
    pub(super) legacy: bool,
}

/// Two of one client, one of another; all use the same order ids.
pub(super) const UNITS: [Unit; 3] = [
    Unit {
        msn: "123456",
        key: "demo-subscription-key",
        client: ("demo-client", "demo-secret"),
        direct: false,
        legacy: false,
    },
    Unit {
        msn: "234567",
        key: "demo-subscription-key",
        client: ("demo-client", "demo-secret"),
        direct: true,
        legacy: false,
    },
    Unit {
        msn: "654321",
        key: "other-subscription-key",
        client: ("other-client", "other-secret"),
        direct: false,
        legacy: true,
    },
];

/// An order: whose, and its id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Order {
    pub(super) unit: usize,
    pub(super) id: String,
}

impl Order {
    pub(super) fn msn(&self) -> &'static str {
        UNITS[self.unit].msn
    }
}

/// Which instance is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    First,
    Second,
}

/// What goes wrong during a call, for its order alone.
#[derive(Clone, Debug)]
pub(super) enum Trouble {
    Nothing,
    /// The sendings of the call end like this, one after the other.
    Call(Vec<Action>),
    /// The same, and the evidence can't be read either.
    Blind(Vec<Action>),
    /// All goes well but the evidence can't be read.
    Unread(Action),
    /// The second instance's store fails from this step on.
    Store(i64),
}

/// What a shop asks about an existing payment.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) op: &'static str,
    /// None for all that remains.
    pub(super) amount: Option<i64>,
    /// Cancels although something was captured.
    pub(super) release: bool,
    /// None where the shop sends no `X-Request-Id`.
    pub(super) id: Option<String>,
    /// At once, where another call about this order is in doubt; else after a while.
    pub(super) at_once: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Hooks {
    Pause,
    Resume,
    Double,
    Reverse,
    Redeliver,
}

/// One step.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Initiate(Order, i64, Way, Trouble),
    User(Order, Act, Trouble),
    Change(Order, Change, Way, Trouble),
    /// The n-th request so far, once more.
    Repeat(usize, Way, Trouble),
    /// The same with another amount.
    Altered(usize, i64),
    /// The same request at both instances at once.
    Twice(Order, Change),
    /// A capture and a cancel at both instances at once.
    Race(Order, Change, Change),
    /// The record is looked at while upstream has the call.
    Peek(Order, Change),
    /// No sending of the first arrives, the second is asked meanwhile, and then the first arrives after all.
    Late(Order, Change, Change),
    /// The bridge is stopped while upstream has the call.
    Stopped(Order, Change),
    Read(Order, bool, Way, Trouble),
    Hooks(Hooks),
    /// What shops answer callbacks with from now on.
    Shop(u16),
    Pass(u64),
    /// The clock goes back for one call.
    Back(Order, Change),
    /// With these operations of payments born in eCom at eCom.
    Restart([bool; 4], bool),
    /// The store takes no row into this table while the user acts.
    Full(&'static str, Order, Act),
}

/// A whole life.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) retries: u8,
    /// Identical reads share a look.
    pub(super) cache: bool,
    pub(super) poll: bool,
    /// Events of payments born in eCom come, too.
    pub(super) ecom_hooks: bool,
    pub(super) by_event: bool,
    /// Capture, cancel, refund, reads of payments born in eCom: at eCom.
    pub(super) at_ecom: [bool; 4],
    /// Of two whole instances the second one hears Vipps' webhooks.
    pub(super) second_hears: bool,
    pub(super) steps: Vec<Step>,
}

struct Planner {
    random: Random,
    orders: Vec<Order>,
    /// Changes so far.
    changes: usize,
    steps: Vec<Step>,
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
            5..=7 => Action::Status {
                status,
                body: None,
                headers: vec![],
                processed,
            },
            8 => Action::Status {
                status: 429,
                body: None,
                headers: vec![],
                processed: false,
            },
            9 => Action::Html,
            10 => Action::Malformed,
            11 => Action::Empty,
            12 => self.one(&[Action::Unexpected, Action::WrongReference]),
            _ => Action::Truncate {
                bytes: self.below(60),
                head: processed,
                reset: false,
            },
        }
    }

    /// How up to so many sendings end.
    fn actions(&mut self, most: usize) -> Vec<Action> {
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
        match self.below(60) {
            // A time-out costs as long as it says.
            0 => {
                let processed = self.below(2) == 0;
                (way, Trouble::Blind(vec![Action::Hang { processed }]))
            }
            1..=22 => (way, Trouble::Call(actions)),
            23..=46 => (way, Trouble::Blind(actions)),
            47..=50 => (way, Trouble::Unread(self.action())),
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
            65..=67 => Step::Twice(self.captured(), self.named_change()),
            68..=69 => {
                let (order, cancel) = (self.captured(), self.change(&["cancel"]));
                Step::Race(order, self.change(&["capture"]), cancel)
            }
            70 => Step::Peek(self.captured(), self.any_change()),
            71 => Step::Late(self.captured(), self.named_change(), self.any_change()),
            72 => Step::Stopped(self.captured(), self.any_change()),
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
