//! Force approve (test environment only): one call, answered with `{}` because some clients throw on an empty 200.
//!
//! Must not: be retried, though nothing of it moves money by itself.

use super::{Answer, Caller, Payments, Subject, no_answer, refusal};
use crate::epayment::model::ForceApprove;
use crate::translate::error::During;
use crate::upstream::Reply;

impl Payments {
    /// Approves in the user's place.
    pub async fn approve(&self, caller: &Caller, subject: &Subject, body: &ForceApprove) -> Answer {
        match self
            .epayment
            .approve(caller.call(), &subject.reference, body)
            .await
        {
            Ok(Reply::Done(())) => Answer::Json(b"{}".to_vec()),
            Ok(reply) => refusal(reply, During::Approve),
            Err(failure) => no_answer(&failure),
        }
    }
}
