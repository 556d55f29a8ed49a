//! When a payment is read next: pure.
//!
//! Soon while something is open or not proven, ever less often while it only may change, never when it is quiet and final.
//! Must not: read a quiet, final payment again.

use std::time::Duration;

use super::verdict::{Proof, Verdict};
use crate::store::{LedgerEntry, LedgerPayment, PayState};
use crate::types::{Moment, Origin};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
/// Nothing of a payment changes after a capture on its last day and a refund on its last.
const OVER_AFTER: Duration = Duration::from_secs(550 * 24 * 3600);

/// Why a payment could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// ePayment may not be asked for it, or has no name for it.
    Never(&'static str),
    /// Nobody's credentials are at hand.
    NoCredentials,
    /// Upstream asks for peace, or the share of reads is used up until this moment.
    Until(Moment, &'static str),
    /// No usable answer.
    NoAnswer(&'static str),
}

impl Unread {
    /// The words for the ledger.
    pub(super) const fn why(self) -> &'static str {
        match self {
            Self::NoCredentials => "no credentials for this sales unit",
            Self::Never(why) | Self::Until(_, why) | Self::NoAnswer(why) => why,
        }
    }
}

/// The next look at a payment that could not be read.
pub(super) fn after_unread(payment: &LedgerPayment, unread: Unread, now: Moment) -> Option<Moment> {
    let age = now.since(payment.balance.learnt_at);
    let pause = match unread {
        Unread::Never(_) => return None,
        Unread::Until(moment, _) => return Some(moment.max(now.plus(Duration::from_secs(1)))),
        Unread::NoCredentials => (age / 10).clamp(10 * MINUTE, 6 * HOUR),
        Unread::NoAnswer(_) => (age / 10).clamp(MINUTE, HOUR),
    };
    (age < OVER_AFTER).then(|| now.plus(pause))
}

/// The next look at a payment that was just read. `entry` has what was read.
pub(super) fn after_read(
    entry: &LedgerEntry,
    verdict: &Verdict,
    settle: Duration,
    now: Moment,
) -> Option<Moment> {
    let payment = &entry.payment;
    let age = now.since(payment.balance.learnt_at);
    let is_open = entry.calls.iter().any(|one| one.call.is_open());
    if is_open || verdict.look_again || verdict.proofs.contains(&Proof::Unproven) {
        // The settle time of the latest call, then a tenth of the time since.
        let latest = entry
            .calls
            .iter()
            .map(|one| one.closed_at.unwrap_or(one.call.changed_at))
            .max();
        let settled = latest.map_or(now, |latest| latest.plus(settle));
        let since = latest.map_or(Duration::ZERO, |latest| now.since(latest));
        let pause = (since / 10).clamp(MINUTE, DAY);
        return (since < OVER_AFTER).then(|| settled.max(now.plus(pause)));
    }
    if !verdict.mismatches.is_empty() {
        // It may be put right: looked at again, an hour to a day later.
        let hours = 1_u32 << payment.looks.min(5);
        return (age < OVER_AFTER).then(|| now.plus((HOUR * hours).min(DAY)));
    }
    // Webhooks tell of what was created in ePayment; of the others nobody does.
    let told = payment.origin == Some(Origin::Epayment);
    let since = now.since(payment.balance.reserved_at.unwrap_or(payment.created_at));
    let pause = match payment.balance.state {
        PayState::Unknown | PayState::Created => (since / 2).clamp(15 * MINUTE, 7 * DAY),
        PayState::Reserved | PayState::PartlyCaptured if told => 7 * DAY,
        PayState::Reserved | PayState::PartlyCaptured => (since / 2).clamp(HOUR, 7 * DAY),
        PayState::Captured | PayState::Refunded | PayState::Cancelled | PayState::Failed => {
            return None;
        }
    };
    (since < 181 * DAY).then(|| now.plus(pause))
}

#[cfg(test)]
mod tests;
