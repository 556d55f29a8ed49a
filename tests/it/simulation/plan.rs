//! What can happen in a life: all of it is decided before it begins.
//!
//! Must not: decide anything (`planner` does).

use ecom_bridge::simulator::{Act, Action};

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
    /// The first is in doubt, a while goes by, and the evidence can't be read when the second comes.
    Hidden(Order, Change, Vec<Action>, Change, Action),
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
