//! What is looked at before a money call is sent: the payment, and the log where the record may lack something.
//!
//! Must not: send anything but reads.

use super::adjust::{Intent, Work};
use super::evidence::{self, Finding, Question};
use super::send::Sent;
use super::{Answer, is_not_found};
use crate::ecom::error::{Code, Failure};
use crate::epayment::model::Payment;
use crate::store::{self, Version};
use crate::translate::adjust::{self, Asked};
use crate::translate::error::During;
use crate::types::MoneyOp;
use crate::upstream::Reply;

/// How many attempts of a request are looked for where the record does not have them.
const ATTEMPTS: u32 = 20;

const LOG_UNREAD: &str =
    "The payment's event log can't be read now, and nothing was done. Repeat later";

/// Why an open call is not sent again.
pub(super) enum Again {
    /// The payment could not be read.
    Doubt,
    /// The payment no longer allows it.
    NoMore,
}

impl Work<'_> {
    /// The payment, where the call can't do without: for a remainder, and for a cancel without the flag.
    pub(super) async fn look_before(&self) -> Result<Option<Payment>, Answer> {
        let asked = self.asked;
        let cancel = asked.op == MoneyOp::Cancel;
        let needed = if cancel {
            !asked.command.release
        } else {
            asked.command.asked == Asked::AllThatRemains
        };
        if !needed {
            return Ok(None);
        }
        let during = During::Adjust(asked.op);
        let payment = self
            .payments
            .payment(self.caller, self.subject, self.options.known, during)
            .await?;
        if cancel {
            adjust::may_cancel(&payment)?;
        }
        Ok(Some(payment))
    }

    /// Whether what was never done may be sent again: since then, somebody else may have captured what a cancel without
    /// the flag must not touch.
    pub(super) async fn look_again(&self, open: &store::Adjustment) -> Result<(), Again> {
        if open.op != MoneyOp::Cancel || self.asked.command.release {
            return Ok(());
        }
        let during = During::Adjust(open.op);
        let payment = self
            .payments
            .payment(self.caller, self.subject, true, during)
            .await
            .map_err(|_| Again::Doubt)?;
        adjust::may_cancel(&payment).map_err(|_| Again::NoMore)
    }

    /// The record does not go back to this payment's creation, so it may lack a success of this request, under the key
    /// of any attempt: the log is asked first.
    pub(super) async fn done_before_the_record(
        &self,
        version: Version,
    ) -> Result<Option<Answer>, Answer> {
        let payments = self.payments;
        let (caller, reference) = (self.caller, &self.subject.reference);
        let events = match payments.epayment.events(caller.call(), reference).await {
            Ok(Reply::Done(events)) => events,
            Ok(reply) if is_not_found(&reply) => return Ok(None),
            Ok(Reply::Gateway(raw)) => return Err(Answer::Raw(raw)),
            Ok(_) | Err(_) => return Err(Failure::unreachable(LOG_UNREAD).into()),
        };
        let done = (0..ATTEMPTS).find_map(|attempt| {
            let key = self.key(attempt);
            let question = Question {
                op: self.asked.op,
                key: key.as_str(),
                amount: None,
                cancelled_before: None,
            };
            match evidence::judge(question, &events, None) {
                Finding::Done(happened) => Some((attempt, key, happened)),
                Finding::Failed | Finding::Absent => None,
            }
        });
        let Some((attempt, key, happened)) = done else {
            return Ok(None);
        };
        if matches!(self.asked.command.asked, Asked::Exactly(amount) if amount != happened.amount) {
            return Ok(Some(Failure::code(Code::Vipps93).into()));
        }
        let new = self.record(&key, attempt, Some(happened.amount), None);
        let until = new.until;
        let Some(id) = payments.store.begin_adjustment(new, version).await? else {
            return Ok(None);
        };
        let intent = Intent {
            id,
            key,
            amount: Some(happened.amount),
            money: None,
            cancelled_before: None,
            until,
            resend: None,
        };
        Ok(Some(self.conclude(&intent, Sent::Proven(happened)).await))
    }

    /// A refusal, unless this very request has been done: a store that was restored from a backup, or lost its last
    /// commits with a failover, lacks what was recorded since, and ePayment refuses what is done.
    pub(super) async fn unless_done(&self, refused: Answer) -> Result<Answer, Answer> {
        let asked = self.asked;
        // Where the record is not whole the log was asked already; of a cancel it has no key. A doubt is no refusal.
        let findable = asked.request_id.is_some() && asked.op != MoneyOp::Cancel;
        let definite = matches!(&refused, Answer::Failure(failure, _) if failure.status < 500);
        if !findable || !definite || !self.options.whole {
            return Ok(refused);
        }
        let done = self.done_before_the_record(self.version().await?).await?;
        Ok(done.unwrap_or(refused))
    }
}
