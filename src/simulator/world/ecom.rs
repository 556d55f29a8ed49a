//! eCom's capture, cancel, refund and force approve.
//!
//! `X-Request-Id` counts per order, unit and endpoint; only granted requests are remembered, so a refused one may be
//! repeated. The same id with another amount is error 93. Payments of ePayment do not exist here (35). Source: eCom guide.

use serde_json::{Value, json};

use super::change::{self, Cancel, No};
use super::payment::{Api, Origin, Payment};
use super::problems::Kind;
use super::{Granted, Id, World};
use crate::ecom::error::{Code, Failure};
use crate::ecom::lenient::{Field, Object};
use crate::ecom::request::{Adjust, AdjustTransaction, ForceApprove};
use crate::ecom::response::{
    AdjustStatus, Adjusted, Refunded, TransactionInfo, TransactionSummary,
};
use crate::types::{Amount, CountryCode, Moment, Msisdn, Msn};

/// Which adjustment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adjustment {
    /// Take money.
    Capture,
    /// Release it.
    Cancel,
    /// Give it back.
    Refund,
}

impl Adjustment {
    const fn kind(self) -> Kind {
        match self {
            Self::Capture => Kind::Capture,
            Self::Cancel => Kind::Cancel,
            Self::Refund => Kind::Refund,
        }
    }
}

impl World {
    /// A payment that eCom knows.
    pub(super) fn ecom_payment(&self, msn: &Msn, order: &str) -> Result<&Payment, Failure> {
        self.find(msn.as_str(), order)
            .filter(|p| p.origin != Origin::Epayment)
            .ok_or_else(|| Failure::code(Code::Merchant35))
    }

    /// Capture, cancel or refund.
    ///
    /// # Errors
    /// eCom's refusal.
    pub fn ecom_adjust(
        &mut self,
        msn: &Msn,
        order: &str,
        what: Adjustment,
        request_id: Option<&str>,
        asked: &Adjust,
        now: Moment,
    ) -> Result<Value, Failure> {
        self.tick(now);
        let id: Id = (msn.as_str().to_owned(), order.to_owned());
        let payment = self.ecom_payment(msn, order)?;
        let (amount, text) = read(asked)?;
        let release = flag(&asked.should_release_remaining_funds)?;
        let amount = amount.filter(|_| what != Adjustment::Cancel);
        let place = request_id.map(|r| (id.clone(), what.kind().word(), r.to_owned()));
        if let Some(before) = place.as_ref().and_then(|p| self.granted.get(p)) {
            if amount.is_none() || before.amount == amount {
                return Ok(before.answer.clone());
            }
            return Err(Failure::code(Code::Vipps93));
        }
        if self
            .unit(msn.as_str())
            .is_some_and(|u| what == Adjustment::Refund && !u.refund_allowed)
        {
            return Err(Failure::code(Code::Payment74));
        }
        let moved = match what {
            Adjustment::Capture => change::capture(payment, amount, now, &self.rules),
            Adjustment::Refund => change::refund(payment, amount, now, &self.rules),
            Adjustment::Cancel => {
                let how = if release { Cancel::Rest } else { Cancel::Whole };
                change::cancel(payment, how, now, &self.rules)
            }
        };
        let moved = moved.map_err(|no| Failure::code(code(what, no)))?;
        let mut event = self.event(Api::Ecom, moved, now, None);
        event.request_id = request_id.map(str::to_owned);
        event.text = Some(text.clone());
        if self.fails(&id, what.kind(), &event) {
            return Err(Failure::code(code(what, No::Fails)));
        }
        self.apply(&id, what.kind(), event);
        let answer = self.adjusted(msn, order, what, text)?;
        if let Some(place) = place {
            let answer = answer.clone();
            let amount = (what != Adjustment::Cancel).then_some(moved);
            self.granted.insert(place, Granted { amount, answer });
        }
        Ok(answer)
    }

    fn adjusted(
        &self,
        msn: &Msn,
        order: &str,
        what: Adjustment,
        transaction_text: String,
    ) -> Result<Value, Failure> {
        let payment = self.ecom_payment(msn, order)?;
        let Some(event) = payment.events.last() else {
            return Err(Failure::code(Code::Vipps99));
        };
        let (amount, status) = match what {
            Adjustment::Capture => (event.amount, AdjustStatus::Captured),
            Adjustment::Refund => (event.amount, AdjustStatus::Refund),
            Adjustment::Cancel => (payment.amount, AdjustStatus::Cancelled),
        };
        let info = TransactionInfo {
            amount,
            status,
            time_stamp: event.at.to_string(),
            transaction_id: Some(event.number.clone()),
            transaction_text,
        };
        let order_id = payment.reference.clone();
        let transaction_summary = summary(payment);
        Ok(match what {
            Adjustment::Capture | Adjustment::Cancel => json!(Adjusted {
                order_id,
                transaction_info: info,
                transaction_summary,
            }),
            Adjustment::Refund => json!(Refunded {
                order_id,
                transaction: info,
                transaction_summary,
            }),
        })
    }

    /// `POST /ecomm/v2/integration-test/payments/{orderId}/approve`.
    ///
    /// # Errors
    /// eCom's refusal.
    pub fn ecom_approve(
        &mut self,
        msn: &Msn,
        order: &str,
        asked: &ForceApprove,
        now: Moment,
    ) -> Result<(), Failure> {
        self.tick(now);
        let payment = self.ecom_payment(msn, order)?;
        let Some(number) = asked.customer_phone_number.get() else {
            return Err(Failure::field("customerPhoneNumber", "is required"));
        };
        let phone = Msisdn::read(&number.0, &CountryCode::default())
            .ok()
            .flatten()
            .ok_or_else(|| Failure::code(Code::User81))?;
        let refused = Failure::code(Code::Payment1082);
        if payment.origin == Origin::Express
            || payment.ecom.as_ref().is_some_and(|e| e.skip_landing_page)
            || asked.token.get().is_none_or(|t| t.0 != payment.token)
        {
            return Err(refused);
        }
        if !payment.is_created() {
            return Err(Failure::code(Code::Vipps92));
        }
        let id: Id = (msn.as_str().to_owned(), order.to_owned());
        self.authorize(&id, Some(phone.as_str()), now);
        Ok(())
    }
}

/// The sums as eCom shows them.
pub(super) fn summary(payment: &Payment) -> TransactionSummary {
    TransactionSummary {
        captured_amount: payment.sums.captured,
        remaining_amount_to_capture: payment.sums.to_capture(),
        refunded_amount: payment.sums.refunded,
        remaining_amount_to_refund: payment.sums.to_refund(),
        bank_identification_number: None,
    }
}

fn flag(field: &Field<bool>) -> Result<bool, Failure> {
    if field.is_wrong() {
        return Err(Failure::field(
            "shouldReleaseRemainingFunds",
            "must be true or false",
        ));
    }
    Ok(field.get().copied().unwrap_or(false))
}

/// Amount (none for "all that remains") and text.
fn read(asked: &Adjust) -> Result<(Option<Amount>, String), Failure> {
    let empty = Object(AdjustTransaction::default());
    let transaction = match &asked.transaction {
        Field::Is(transaction) => transaction,
        Field::Absent | Field::Null => &empty,
        Field::Wrong => return Err(Failure::field("transaction", "must be an object")),
    };
    let amount = match transaction.0.amount {
        Field::Absent | Field::Null | Field::Is(0) => None,
        Field::Is(amount) if amount >= 100 => Amount::new(amount),
        Field::Is(_) | Field::Wrong => {
            return Err(Failure::field(
                "transaction.amount",
                "must be a whole number of at least 100, or absent",
            ));
        }
    };
    let text = transaction.0.transaction_text.get();
    let text = text.map(|t| t.0.clone()).unwrap_or_default();
    if transaction.0.transaction_text.is_wrong() || text.chars().count() > 100 {
        return Err(Failure::field(
            "transaction.transactionText",
            "must be at most 100 characters",
        ));
    }
    Ok((amount, text))
}

/// eCom's number for a reason.
const fn code(what: Adjustment, no: No) -> Code {
    match (what, no) {
        (Adjustment::Capture, No::Fails) => Code::Payment63,
        (_, No::Locked | No::Fails) => Code::Vipps94,
        (Adjustment::Capture | Adjustment::Refund, No::NothingLeft) => Code::Vipps92,
        (Adjustment::Capture, No::NotReserved) => Code::Payment62,
        (Adjustment::Capture, No::TooMuch) => Code::Payment61,
        (Adjustment::Capture, No::TooLate) => Code::Payment98,
        (Adjustment::Capture, _) => Code::Vipps91,
        (Adjustment::Cancel, No::Captured) => Code::Payment51,
        (Adjustment::Cancel, _) => Code::Payment52,
        (Adjustment::Refund, No::NotReserved | No::NotCaptured) => Code::Payment72,
        (Adjustment::Refund, No::TooMuch) => Code::Payment71,
        (Adjustment::Refund, No::TooLate) => Code::Payment95,
        (Adjustment::Refund, No::NotAllowed) => Code::Payment74,
        (Adjustment::Refund, _) => Code::Payment73,
    }
}
