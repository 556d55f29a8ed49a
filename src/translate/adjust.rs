//! Capture, cancel and refund: eCom's rules, what "all that remains" is, and the answers.
//!
//! Source: `PaymentActionsRequest`, `CancelPaymentActionRequest`, eCom API guide "Capture", "Cancel", "Refund".
//! Must not: compute a remainder from anything but a payment just read, or let a cancel without the flag release money
//! after a capture.

use serde::Serialize;

use super::loss::Loss;
use super::{Faults, agreed_msn, text_of};
use crate::ecom::error::{Code, Failure};
use crate::ecom::lenient::{Field, Object};
use crate::ecom::request::Adjust;
use crate::ecom::response::{
    AdjustStatus, Adjusted, Refunded, TransactionInfo, TransactionSummary,
};
use crate::epayment::model::{Aggregate, Payment, State};
use crate::types::{Amount, Moment, MoneyOp, Msn, OrderText};

/// How much is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Absent, null or 0.
    AllThatRemains,
    /// At least 100 minor units.
    Exactly(Amount),
}

/// An adjustment that keeps eCom's rules.
#[derive(Clone, Debug)]
pub struct Adjusting {
    /// From body and header.
    pub msn: Option<Msn>,
    /// Not used by cancel.
    pub asked: Asked,
    /// At most 100 characters.
    pub text: String,
    /// Cancel: release what remains after a capture.
    pub release: bool,
    /// What does not come through unchanged.
    pub losses: Vec<Loss>,
}

/// Checks eCom's rules. `merchantInfo` may be absent where the header names the sales unit or the record knows it.
///
/// # Errors
/// `InvalidRequest` with each member's name.
pub fn check(op: MoneyOp, body: &Adjust, header_msn: Option<&str>) -> Result<Adjusting, Failure> {
    let mut faults = Faults::default();
    faults.wrong(&body.merchant_info, "merchantInfo", "an object");
    let absent = Field::Absent;
    let said = body
        .merchant_info
        .get()
        .map_or(&absent, |Object(merchant)| &merchant.merchant_serial_number);
    if op == MoneyOp::Cancel && !body.merchant_info.is_there() && header_msn.is_none() {
        faults.add("merchantInfo", "is required");
    }
    let msn = agreed_msn(said, header_msn, &mut faults);
    let flag = &body.should_release_remaining_funds;
    if op == MoneyOp::Cancel {
        faults.wrong(flag, "shouldReleaseRemainingFunds", "true or false");
    }
    let mut asked = Asked::AllThatRemains;
    let mut text = String::new();
    match &body.transaction {
        Field::Absent | Field::Null => faults.add("transaction", "is required"),
        Field::Wrong => faults.add("transaction", "must be an object"),
        Field::Is(Object(transaction)) => {
            text = text_of(&transaction.transaction_text, &mut faults);
            if op != MoneyOp::Cancel {
                asked = asked_of(&transaction.amount, &mut faults);
            }
        }
    }
    let losses = if text.is_empty() {
        vec![]
    } else {
        vec![Loss::AdjustTextKeptHere]
    };
    faults.into_result(Some(Adjusting {
        msn,
        asked,
        text,
        release: op == MoneyOp::Cancel && flag.get() == Some(&true),
        losses,
    }))
}

fn asked_of(field: &Field<i64>, faults: &mut Faults) -> Asked {
    match field {
        Field::Absent | Field::Null | Field::Is(0) => Asked::AllThatRemains,
        Field::Is(value) if *value >= super::initiate::AMOUNT_MIN => {
            Amount::new(*value).map_or(Asked::AllThatRemains, Asked::Exactly)
        }
        Field::Is(_) | Field::Wrong => {
            faults.add(
                "transaction.amount",
                "must be an integer of at least 100 (minor units); leave it out for all that remains",
            );
            Asked::AllThatRemains
        }
    }
}

/// What "all that remains" is, from a payment just read.
///
/// # Errors
/// The error that eCom gives where nothing is left; nothing is sent then.
pub fn remaining(op: MoneyOp, payment: &Payment) -> Result<Amount, Failure> {
    let left = match op {
        MoneyOp::Refund => payment.aggregate.to_refund(),
        MoneyOp::Capture | MoneyOp::Cancel => payment.aggregate.to_capture(),
    };
    if !left.is_zero() {
        return Ok(left);
    }
    Err(Failure::code(match by_state(op, payment) {
        // Nothing of what was captured is left: it has been done.
        Code::Payment71 => Code::Vipps92,
        code => code,
    }))
}

/// The error that a payment's state and sums give to an operation they do not allow.
#[must_use]
pub fn by_state(op: MoneyOp, payment: &Payment) -> Code {
    let sums = &payment.aggregate;
    let captured = !sums.captured_amount.value.is_zero();
    let cancelled = !sums.cancelled_amount.value.is_zero();
    let ended = matches!(
        payment.state,
        State::Aborted | State::Expired | State::Terminated
    );
    match op {
        MoneyOp::Capture if payment.state == State::Created => Code::Payment62,
        // "Already processed" only where it is: a shop may take it for done.
        MoneyOp::Capture if captured && sums.to_capture().is_zero() => Code::Vipps92,
        MoneyOp::Capture => Code::Vipps91,
        MoneyOp::Refund if !captured && (ended || cancelled) => Code::Payment73,
        MoneyOp::Refund if !captured => Code::Payment72,
        MoneyOp::Refund => Code::Payment71,
        MoneyOp::Cancel if captured => Code::Payment51,
        MoneyOp::Cancel => Code::Payment52,
    }
}

/// Whether a cancel without the flag may be sent: not once anything is captured (eCom API guide, "Cancel").
///
/// # Errors
/// Payment 51.
pub fn may_cancel(payment: &Payment) -> Result<(), Failure> {
    if payment.aggregate.captured_amount.value.is_zero() {
        return Ok(());
    }
    Err(Failure::told(
        Code::Payment51,
        "Can't cancel an order that has been captured. Send shouldReleaseRemainingFunds: true to release what remains, \
         or refund what was captured",
    ))
}

/// The sums as eCom shows them.
#[must_use]
pub fn summary(sums: &Aggregate) -> TransactionSummary {
    TransactionSummary {
        captured_amount: sums.captured_amount.value,
        remaining_amount_to_capture: sums.to_capture(),
        refunded_amount: sums.refunded_amount.value,
        remaining_amount_to_refund: sums.to_refund(),
        bank_identification_number: None,
    }
}

/// A money call that happened.
#[derive(Clone, Debug)]
pub struct Done {
    /// Minor units: of the operation, or the order's for a cancel.
    pub amount: Amount,
    /// The event's own number, or what stands in for it.
    pub transaction_id: Option<String>,
    /// The event's time.
    pub at: Moment,
    /// The merchant's text.
    pub text: String,
}

/// The answer to an adjustment: `transaction` after a refund, `transactionInfo` otherwise.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// Capture and cancel.
    Adjusted(Adjusted),
    /// Refund.
    Refunded(Refunded),
}

/// Makes the answer. `sums` include the operation already.
#[must_use]
pub fn to_answer(op: MoneyOp, order: &OrderText, done: Done, sums: &Aggregate) -> Answer {
    let status = match op {
        MoneyOp::Capture => AdjustStatus::Captured,
        MoneyOp::Cancel => AdjustStatus::Cancelled,
        MoneyOp::Refund => AdjustStatus::Refund,
    };
    let info = TransactionInfo {
        amount: done.amount,
        status,
        time_stamp: done.at.to_string(),
        transaction_id: done.transaction_id,
        transaction_text: done.text,
    };
    let mut transaction_summary = summary(sums);
    let order_id = order.as_str().to_owned();
    match op {
        MoneyOp::Refund => Answer::Refunded(Refunded {
            order_id,
            transaction: info,
            transaction_summary,
        }),
        MoneyOp::Capture => Answer::Adjusted(Adjusted {
            order_id,
            transaction_info: info,
            transaction_summary,
        }),
        MoneyOp::Cancel => {
            transaction_summary.remaining_amount_to_capture = Amount::ZERO;
            Answer::Adjusted(Adjusted {
                order_id,
                transaction_info: info,
                transaction_summary,
            })
        }
    }
}

#[cfg(test)]
mod tests;
