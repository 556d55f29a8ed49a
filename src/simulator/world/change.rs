//! What may be done to a payment, whichever API asks: capture, release, refund.
//!
//! Each check answers with the amount that would move, or with the one reason against it. Must not: word the refusal (each
//! API has its own) or move anything (`World::note` and the callers do).

use crate::epayment::model::State;
use crate::types::{Amount, Moment};

use super::payment::Payment;
use super::rules::Rules;

/// Why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum No {
    /// Another operation is under way.
    Locked,
    /// Nothing is reserved yet.
    NotReserved,
    /// Aborted, expired, terminated, or all released.
    Ended,
    /// More than remains.
    TooMuch,
    /// All that was asked for is done already.
    NothingLeft,
    /// Too late.
    TooLate,
    /// Money has been taken.
    Captured,
    /// It is reserved, and only an unreserved one was to be ended.
    Reserved,
    /// No money has been taken.
    NotCaptured,
    /// The unit may not.
    NotAllowed,
    /// It was told to fail.
    Fails,
}

const DAY_S: u64 = 86_400;

fn too_late(payment: &Payment, now: Moment, days: u64) -> bool {
    payment
        .authorized_at
        .is_some_and(|at| now.since(at).as_secs() > days * DAY_S)
}

/// The amount to capture; `asked` none means all that remains.
pub(super) fn capture(
    payment: &Payment,
    asked: Option<Amount>,
    now: Moment,
    rules: &Rules,
) -> Result<Amount, No> {
    if payment.locked {
        return Err(No::Locked);
    }
    match payment.state {
        State::Created => return Err(No::NotReserved),
        State::Aborted | State::Expired | State::Terminated => return Err(No::Ended),
        State::Authorized => {}
    }
    let remaining = payment.sums.to_capture();
    if remaining.is_zero() && payment.sums.captured.is_zero() {
        return Err(No::Ended);
    }
    if too_late(payment, now, rules.capture_days) {
        return Err(No::TooLate);
    }
    match asked {
        Some(amount) if amount > remaining => Err(No::TooMuch),
        Some(amount) => Ok(amount),
        None if remaining.is_zero() => Err(No::NothingLeft),
        None => Ok(remaining),
    }
}

/// The amount to refund; `asked` none means all that was captured.
pub(super) fn refund(
    payment: &Payment,
    asked: Option<Amount>,
    now: Moment,
    rules: &Rules,
) -> Result<Amount, No> {
    if payment.locked {
        return Err(No::Locked);
    }
    match payment.state {
        State::Created => return Err(No::NotReserved),
        State::Aborted | State::Expired | State::Terminated => return Err(No::Ended),
        State::Authorized => {}
    }
    if payment.sums.captured.is_zero() {
        return Err(if payment.sums.cancelled.is_zero() {
            No::NotCaptured
        } else {
            No::Ended
        });
    }
    if too_late(payment, now, rules.refund_days) {
        return Err(No::TooLate);
    }
    let remaining = payment.sums.to_refund();
    match asked {
        Some(amount) if amount > remaining => Err(No::TooMuch),
        Some(amount) => Ok(amount),
        None if remaining.is_zero() => Err(No::NothingLeft),
        None => Ok(remaining),
    }
}

/// How a cancel treats what it finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cancel {
    /// Release what remains, whatever was captured (ePayment; eCom with the flag).
    Rest,
    /// Only where nothing was captured (eCom).
    Whole,
    /// Only where nothing is reserved (`cancelTransactionOnly`).
    Unreserved,
}

/// The amount to release, or to end with.
pub(super) fn cancel(
    payment: &Payment,
    how: Cancel,
    now: Moment,
    rules: &Rules,
) -> Result<Amount, No> {
    if payment.locked {
        return Err(No::Locked);
    }
    match payment.state {
        State::Created => return Ok(payment.amount),
        State::Aborted | State::Expired | State::Terminated => return Err(No::Ended),
        State::Authorized => {}
    }
    if how == Cancel::Unreserved {
        return Err(No::Reserved);
    }
    let captured = !payment.sums.captured.is_zero();
    let remaining = payment.sums.to_capture();
    if captured && (how == Cancel::Whole || payment.sums.cancelled.is_zero() && remaining.is_zero())
    {
        return Err(No::Captured);
    }
    if remaining.is_zero() {
        return Err(No::Ended);
    }
    if too_late(payment, now, rules.capture_days) {
        return Err(No::TooLate);
    }
    Ok(remaining)
}
