//! Whether the records of one payment fit together: pure.
//!
//! A money call is proven by an event of the log with its key (a cancel by its effect), or by a log, read after the settle
//! time, that does not have it. Must not: take silence for proof, or another system's doing for the bridge's.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::epayment::event::EventName;
use crate::store::{
    AdjustmentState, Balance, Learnt, LedgerCall, LedgerEntry, LedgerEvent, Mismatch, MismatchKind,
};
use crate::types::{Amount, IdempotencyKey, KeyMaker, Kind, Moment, MoneyOp, Origin, Seen};

#[cfg(test)]
mod laws;
#[cfg(test)]
pub(super) mod tests;

/// A money call that is open without evidence for longer is a mismatch. The bridge looks for evidence for about an hour.
pub const OPEN_TOO_LONG: Duration = Duration::from_secs(2 * 3600);
/// Upstream's clock and the bridge's may differ by so much.
const SKEW: Duration = Duration::from_secs(300);

/// When and how the records are judged.
#[derive(Clone, Copy, Debug)]
pub struct Judging {
    /// Now.
    pub now: Moment,
    /// How long after a call its event may be missing.
    pub settle: Duration,
    /// Looks since the last news, this one included: sums that differ in one look may be a call on its way.
    pub looks: u32,
    /// When payment and log were last read, this time included.
    pub read_at: Option<Moment>,
}

impl Judging {
    /// Of what is recorded, without a new read.
    #[must_use]
    pub fn recorded(entry: &LedgerEntry, now: Moment, settle: Duration) -> Self {
        Self {
            now,
            settle,
            looks: entry.payment.looks,
            read_at: entry.payment.checked_at,
        }
    }
}

/// How sure a money call's record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Its event is in the log.
    Seen,
    /// The log, read long enough after it, does not have it, and it was not said to be done.
    Absent,
    /// Nobody has looked since, or the log can't tell.
    Unproven,
    /// Evidence and record contradict each other.
    Contradicted,
}

/// What stands at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Everything that the bridge did is proven.
    Proven,
    /// Something does not fit.
    Mismatch,
    /// Not looked at, or not all of it: why.
    NotVerified(&'static str),
}

/// What is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What does not fit, sorted.
    pub mismatches: Vec<Mismatch>,
    /// One for each money call, in their order.
    pub proofs: Vec<Proof>,
    /// Successful captures, refunds and endings that are not the bridge's: another system's of the merchant.
    pub foreign: Vec<usize>,
    /// The sums of payment and log differ in one look: to be looked at again before it is told.
    pub look_again: bool,
    /// What stands.
    pub standing: Standing,
}

/// Judges one payment.
#[must_use]
pub fn judge(entry: &LedgerEntry, judging: Judging) -> Verdict {
    let mut case = Case {
        entry,
        judging,
        owner: owners(entry),
        found: Vec::new(),
    };
    let proofs: Vec<Proof> = (0..entry.calls.len()).map(|n| case.call(n)).collect();
    case.twice();
    case.keys();
    let foreign = case.foreign();
    let look_again = case.sums();
    let mut mismatches = case.found;
    mismatches.sort();
    mismatches.dedup();
    let standing = standing(entry, judging, &mismatches, &proofs, look_again);
    Verdict {
        mismatches,
        proofs,
        foreign,
        look_again,
        standing,
    }
}

fn standing(
    entry: &LedgerEntry,
    judging: Judging,
    mismatches: &[Mismatch],
    proofs: &[Proof],
    look_again: bool,
) -> Standing {
    let is_open = |one: &LedgerCall| one.call.is_open();
    if !mismatches.is_empty() {
        Standing::Mismatch
    } else if judging.read_at.is_none() {
        Standing::NotVerified("payment and event log were not read yet")
    } else if entry.calls.iter().any(is_open) {
        Standing::NotVerified("a money call is open")
    } else if proofs.contains(&Proof::Unproven) {
        Standing::NotVerified("the event log does not prove every money call yet")
    } else if look_again {
        Standing::NotVerified("sums of payment and event log differ, and are looked at again")
    } else {
        Standing::Proven
    }
}

/// One payment at court.
struct Case<'a> {
    entry: &'a LedgerEntry,
    judging: Judging,
    /// For each event the money call that it is of.
    owner: Vec<Option<usize>>,
    found: Vec<Mismatch>,
}

/// Successful events by the call that they are of: by key; what eCom did carries none, so by number, then by sum.
fn owners(entry: &LedgerEntry) -> Vec<Option<usize>> {
    let mut owner: Vec<Option<usize>> = vec![None; entry.events.len()];
    for (n, event) in entry.events.iter().enumerate() {
        let Some(op) = event.name.money_op().filter(|_| event.success) else {
            continue;
        };
        let Some(key) = &event.key else { continue };
        // Of several calls with one key the one that is done, else the last.
        let mine = |one: &&(usize, &LedgerCall)| {
            one.1.call.key.as_ref() == Some(key) && one.1.call.op == op
        };
        let calls: Vec<_> = entry.calls.iter().enumerate().collect();
        let done = calls
            .iter()
            .filter(mine)
            .rfind(|(_, one)| matches!(one.call.state, AdjustmentState::Succeeded { .. }));
        owner[n] = done.or_else(|| calls.iter().rfind(mine)).map(|(n, _)| *n);
    }
    for (call, one) in entry.calls.iter().enumerate() {
        let AdjustmentState::Succeeded {
            amount,
            transaction_id,
            ..
        } = &one.call.state
        else {
            continue;
        };
        if one.call.key.is_some() && one.call.op != MoneyOp::Cancel || owner.contains(&Some(call)) {
            continue;
        }
        let free = |n: &usize| {
            let event = &entry.events[*n];
            owner[*n].is_none()
                && event.success
                && event.key.is_none()
                && event.name.money_op() == Some(one.call.op)
        };
        let places = || (0..entry.events.len()).filter(free);
        let by_number =
            places().find(|n| transaction_id.as_deref() == Some(&entry.events[*n].psp_reference));
        let by_sum = || {
            places().find(|n| one.call.op == MoneyOp::Cancel || entry.events[*n].amount == *amount)
        };
        if let Some(n) = by_number.or_else(by_sum) {
            owner[n] = Some(call);
        }
    }
    owner
}

impl<'a> Case<'a> {
    fn find(&mut self, kind: MismatchKind, about: String) {
        self.found.push(Mismatch { kind, about });
    }

    fn events_of(&self, call: usize) -> impl Iterator<Item = &'a LedgerEvent> {
        let events = &self.entry.events;
        self.owner
            .iter()
            .zip(events)
            .filter(move |(owner, _)| **owner == Some(call))
            .map(|(_, event)| event)
    }

    /// The log was read so long after the call's end that its event would be in it.
    fn read_after(&self, one: &LedgerCall) -> bool {
        let end = one
            .closed_at
            .unwrap_or(one.call.changed_at)
            .max(one.call.changed_at);
        self.judging
            .read_at
            .is_some_and(|read| read.since(end) >= self.judging.settle && read >= end)
    }

    /// One money call against the log.
    fn call(&mut self, n: usize) -> Proof {
        let one = &self.entry.calls[n];
        let events: Vec<&LedgerEvent> = self.events_of(n).collect();
        let named = name_of(one);
        match &one.call.state {
            AdjustmentState::Open(until) => {
                let silent = (*until).max(one.call.changed_at);
                if self.judging.now.since(silent) > OPEN_TOO_LONG {
                    self.find(MismatchKind::OpenTooLong, named);
                    return Proof::Contradicted;
                }
                Proof::Unproven
            }
            AdjustmentState::Succeeded { amount, .. } => {
                if events.is_empty() {
                    return self.done_unseen(one, named);
                }
                let asked = one.call.amount.unwrap_or(*amount);
                let other = events.iter().find(|event| event.amount != asked);
                if let Some(event) = other.filter(|_| one.call.op != MoneyOp::Cancel) {
                    let about = format!("{named}: asked {asked}, done {}", event.amount);
                    self.find(MismatchKind::OtherAmount, about);
                    return Proof::Contradicted;
                }
                Proof::Seen
            }
            AdjustmentState::Refused | AdjustmentState::NotDone if !events.is_empty() => {
                self.find(MismatchKind::ToldFailedButDone, named);
                Proof::Contradicted
            }
            AdjustmentState::Refused | AdjustmentState::NotDone => {
                if self.read_after(one) {
                    Proof::Absent
                } else {
                    Proof::Unproven
                }
            }
        }
    }

    /// Said to be done, and no event of it is known.
    fn done_unseen(&mut self, one: &LedgerCall, named: String) -> Proof {
        let released = one.call.op == MoneyOp::Cancel
            && self.entry.payment.balance.learnt == Learnt::Reconcile
            && !self.entry.payment.balance.sums.cancelled.is_zero();
        if released {
            return Proof::Seen;
        }
        // What eCom did shows in ePayment's log in ways that are not documented: only its sums are compared.
        if one.call.api == Origin::Ecom || !self.read_after(one) {
            return Proof::Unproven;
        }
        self.find(MismatchKind::ToldDoneButAbsent, named);
        Proof::Contradicted
    }

    /// One request of the merchant, or one key, with more than one effect.
    fn twice(&mut self) {
        let mut effects: BTreeMap<(MoneyOp, String), usize> = BTreeMap::new();
        for owner in self.owner.iter().flatten() {
            let call = &self.entry.calls[*owner].call;
            let request = call
                .request_id
                .as_ref()
                .map(|id| format!("X-Request-Id {id}"));
            let about = request.unwrap_or_else(|| name_of(&self.entry.calls[*owner]));
            *effects.entry((call.op, about)).or_default() += 1;
        }
        for ((op, about), times) in effects.into_iter().filter(|(_, times)| *times > 1) {
            let kind = match op {
                MoneyOp::Capture => MismatchKind::CapturedTwice,
                MoneyOp::Refund => MismatchKind::RefundedTwice,
                // A cancel releases what is left each time: no money moves twice.
                MoneyOp::Cancel => continue,
            };
            self.find(kind, format!("{about}: {times} times"));
        }
    }

    /// One key, one request: in the record and in the log.
    fn keys(&mut self) {
        let mut bodies: BTreeMap<&str, (MoneyOp, Option<Amount>)> = BTreeMap::new();
        let mut reused = Vec::new();
        for one in &self.entry.calls {
            let Some(key) = &one.call.key else { continue };
            let body = (one.call.op, one.call.amount);
            let first = *bodies.entry(key.as_str()).or_insert(body);
            let differs = first.0 != body.0 || first.1.zip(body.1).is_some_and(|(a, b)| a != b);
            if differs {
                reused.push(format!("key {key} for two requests"));
            }
        }
        for event in self.entry.events.iter().filter(|event| event.success) {
            let (Some(op), Some(key)) = (event.name.money_op(), &event.key) else {
                continue;
            };
            if bodies
                .get(key.as_str())
                .is_some_and(|(asked, _)| *asked != op)
            {
                reused.push(format!("key {key} on {}", event.name.word()));
            }
        }
        for about in reused {
            self.find(MismatchKind::KeyReused, about);
        }
    }

    /// Successful operations that no call of the record is behind; those with a key of the bridge are a mismatch.
    fn foreign(&mut self) -> Vec<usize> {
        let entry = self.entry;
        let mut foreign = Vec::new();
        for (n, event) in entry.events.iter().enumerate() {
            let Some(op) = event.name.money_op().filter(|_| event.success) else {
                continue;
            };
            let known = |key: &IdempotencyKey| {
                let mut keys = entry.calls.iter().filter_map(|one| one.call.key.as_ref());
                keys.any(|one| one == key) || entry.create_key.as_ref() == Some(key)
            };
            if self.owner[n].is_some() || event.key.as_ref().is_some_and(known) {
                continue;
            }
            match event.key.as_ref().filter(|key| is_bridges(entry, op, key)) {
                None => foreign.push(n),
                // Without the whole record its call may have been forgotten with an earlier store.
                Some(_) if !entry.whole || event.at.plus(SKEW) < entry.payment.created_at => {}
                Some(key) => {
                    let about = format!("{} {} with key {key}", event.name.word(), event.amount);
                    self.find(MismatchKind::UnknownBridgeKey, about);
                }
            }
        }
        foreign
    }

    /// The sums; true where those of payment and log differ in this look for the first time.
    fn sums(&mut self) -> bool {
        let payment = &self.entry.payment;
        let balance: &Balance = &payment.balance;
        let sums = balance.sums;
        let is_read = balance.learnt == Learnt::Reconcile;
        // Sums that were only added up from news may hold one operation twice; a read can't.
        if is_read || balance.learnt == Learnt::EcomDetails {
            // Of what ended before its approval all is cancelled, and nothing was authorized.
            let released = if sums.authorized.is_zero() {
                Amount::ZERO
            } else {
                sums.cancelled
            };
            let taken = sums.captured.checked_add(released);
            if taken.is_none_or(|taken| taken > sums.authorized) {
                let about = format!(
                    "captured {} and cancelled {} of {}",
                    sums.captured, sums.cancelled, sums.authorized
                );
                self.find(MismatchKind::OverCaptured, about);
            }
            if sums.refunded > sums.captured {
                let about = format!("{} of {}", sums.refunded, sums.captured);
                self.find(MismatchKind::OverRefunded, about);
            }
        }
        // Express adds its shipping to what was ordered.
        let ordered = payment.amount.filter(|_| payment.kind == Kind::Regular);
        let logged = self.logged(EventName::Captured);
        if let Some(ordered) = ordered.filter(|ordered| logged.is_none_or(|sum| sum > *ordered)) {
            self.find(
                MismatchKind::OverCaptured,
                format!("the event log captures more than the {ordered} ordered"),
            );
        }
        if !is_read {
            return false;
        }
        let mut differs = false;
        for (name, shown) in [
            (EventName::Captured, sums.captured),
            (EventName::Refunded, sums.refunded),
        ] {
            let log = self.logged(name);
            if log != Some(shown) {
                differs = true;
                if self.judging.looks >= 2 {
                    let log = log.map_or_else(|| "too much".to_owned(), |sum| sum.to_string());
                    let about = format!("{}: log {log}, payment {shown}", name.word());
                    self.find(MismatchKind::SumsDiffer, about);
                }
            }
        }
        differs && self.judging.looks < 2
    }

    fn logged(&self, name: EventName) -> Option<Amount> {
        let events = self.entry.events.iter();
        events
            .filter(|event| event.name == name && event.success)
            .try_fold(Amount::ZERO, |sum, event| sum.checked_add(event.amount))
    }
}

/// What a call is named by: its key, else its request id, else its number.
fn name_of(one: &LedgerCall) -> String {
    let call = &one.call;
    let op = call.op.word();
    match (&call.key, &call.request_id) {
        (Some(key), _) => format!("{op} with key {key}"),
        (None, Some(id)) => format!("{op} with X-Request-Id {id}"),
        (None, None) => format!("{op} number {}", call.id.0),
    }
}

/// Whether the bridge made this key.
#[must_use]
pub fn is_bridges(entry: &LedgerEntry, op: MoneyOp, key: &IdempotencyKey) -> bool {
    if KeyMaker::is_own(key.as_str()) {
        return true;
    }
    let Some(order) = entry.payment.order.strict() else {
        return false;
    };
    let maker = KeyMaker {
        scope: &entry.payment.scope,
        order: &order,
    };
    matches!(maker.read(op, key.as_str()), Seen::Request(_))
}
