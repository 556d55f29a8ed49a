//! Sending one money call: again with the same key while time is left, and evidence before any conclusion.
//!
//! Once one sending has no known outcome, only evidence settles the call: a 2xx to the same key, or the event log.
//! Must not: change the key, or report a refusal of a later sending as the outcome of an earlier one.

use std::time::Duration;

use super::evidence::{Finding, Happened, Question};
use super::lookup::Looked;
use super::{Caller, Payments, Subject};
use crate::ecom::error::Code;
use crate::epayment::model::{Modification, Modified, Money};
use crate::telemetry::Api;
use crate::translate::error::{self, During, Meaning};
use crate::types::{Amount, IdempotencyKey, Moment, MoneyOp};
use crate::upstream::{Budget, Reply, SendFailure};

/// One money call, ready to be sent.
#[derive(Debug)]
pub(super) struct Sending<'a> {
    pub(super) caller: &'a Caller,
    pub(super) subject: &'a Subject,
    pub(super) op: MoneyOp,
    pub(super) body: Option<Modification>,
    pub(super) key: &'a IdempotencyKey,
    pub(super) cancelled_before: Option<Amount>,
    /// What the payment was created over, where the bridge created it.
    pub(super) created: Option<Money>,
    /// Since when nobody is at an earlier sending of unknown outcome.
    pub(super) resend: Option<Moment>,
}

/// What came of it.
#[derive(Debug)]
pub(super) enum Sent {
    /// 2xx.
    Done(Modified),
    /// The event log shows it.
    Proven(Happened),
    /// Refused, and nothing of it happened.
    Refused(Box<Reply<Modified>>),
    /// The event log shows that it was tried and failed.
    Failed,
    /// Never sent.
    Never,
    /// Nobody knows.
    Unknown,
}

/// How much of the time is kept for looking at the evidence.
pub(super) fn reserve(budget: Budget) -> Duration {
    (budget.left() / 4).min(Duration::from_secs(2))
}

/// The pause before the `n`th repeat, from 1.
pub(super) fn pause(n: u8) -> Duration {
    Duration::from_millis(100) * 2_u32.saturating_pow(u32::from(n) - 1)
}

impl Sending<'_> {
    pub(super) fn question(&self) -> Question<'_> {
        Question {
            op: self.op,
            key: self.key.as_str(),
            amount: self.body.map(|body| body.modification_amount.value),
            cancelled_before: self.cancelled_before,
        }
    }

    /// Whether a 2xx answer fits what was asked: another payment, currency or sum is a contradiction.
    fn fits(&self, done: &Modified) -> bool {
        let sums = &done.aggregate;
        let asked = self.body.map(|body| body.modification_amount);
        let amount = asked.map_or(Amount::ZERO, |money| money.value);
        let authorized = sums.authorized_amount;
        let whole = self.created.is_none_or(|created| authorized == created);
        done.reference == self.subject.reference
            && asked.is_none_or(|money| money.currency == done.amount.currency)
            && match self.op {
                MoneyOp::Capture => whole && sums.captured_amount.value >= amount,
                MoneyOp::Refund => whole && sums.refunded_amount.value >= amount,
                MoneyOp::Cancel => {
                    (whole || authorized.value.is_zero()) && sums.to_capture().is_zero()
                }
            }
    }
}

impl Payments {
    /// Sends, and sends again with the same key, until something is known or the time is up.
    pub(super) async fn send(&self, sending: &Sending<'_>) -> Sent {
        let caller = sending.caller;
        let budget = caller.budget.keeping(reserve(caller.budget));
        let reference = &sending.subject.reference;
        let mut doubt = sending.resend;
        let now = || Some(self.clock.now());
        for attempt in 0..=caller.terms.retries {
            if !self.epayment.retries().allow(attempt) {
                break;
            }
            if attempt > 0 {
                tokio::time::sleep(pause(attempt).min(budget.left())).await;
            }
            if budget.left().is_zero() {
                break;
            }
            let call = caller.call_within(budget);
            match self
                .epayment
                .adjust(
                    call,
                    sending.op,
                    reference,
                    sending.body.as_ref(),
                    sending.key,
                )
                .await
            {
                Ok(Reply::Done(done)) if sending.fits(&done) => return Sent::Done(done),
                Ok(Reply::Done(_)) => {
                    self.epayment.contradiction("answer to a money call");
                    doubt = now();
                }
                Ok(reply) => match (reply.refused_status(), doubt) {
                    (Some(408 | 500..), _) => {
                        self.meters.upstream_error(Api::Epayment, "server_error");
                        doubt = now();
                    }
                    (_, None) => return Sent::Refused(Box::new(reply)),
                    (_, Some(since)) => return self.refused_in_doubt(sending, reply, since).await,
                },
                Err(failure) => {
                    self.meters.upstream_error(Api::Epayment, failure.kind());
                    if failure.is_kept_back() {
                        break;
                    }
                    if !matches!(failure, SendFailure::NotSent(_)) {
                        doubt = now();
                    }
                }
            }
            if doubt.is_some() {
                match self.look(caller, sending.subject, sending.question()).await {
                    Looked::Found(Finding::Done(happened)) => return Sent::Proven(happened),
                    Looked::Found(Finding::Failed) => return Sent::Failed,
                    Looked::Found(Finding::Absent) | Looked::Doubt => {}
                }
            }
        }
        if doubt.is_some() {
            Sent::Unknown
        } else {
            Sent::Never
        }
    }

    /// A refusal of a later sending counts only after the log shows that the earlier one did nothing. One of ePayment
    /// itself is bound to the key, so the earlier one meets it too; any other says nothing about what is on its way.
    async fn refused_in_doubt(
        &self,
        sending: &Sending<'_>,
        reply: Reply<Modified>,
        since: Moment,
    ) -> Sent {
        let settled = self.has_passed(sending.caller.terms.settle, since, self.clock.now());
        let processing = matches!(&reply, Reply::Problem { status, problem, .. }
            if error::meaning(problem, *status, During::Adjust(sending.op)) == Meaning::Is(Code::Vipps94));
        let definite = is_definite(&reply, During::Adjust(sending.op));
        let counts = settled || (definite && !processing);
        match self
            .look(sending.caller, sending.subject, sending.question())
            .await
        {
            Looked::Found(Finding::Done(happened)) => Sent::Proven(happened),
            Looked::Found(Finding::Failed) => Sent::Failed,
            Looked::Found(Finding::Absent) if counts => Sent::Refused(Box::new(reply)),
            Looked::Found(Finding::Absent) | Looked::Doubt => Sent::Unknown,
        }
    }
}

/// A definite refusal is a 4xx of ePayment itself: the next attempt needs another key. Not 401, 408, 423 and 429, nor a
/// conflict of keys (another body stands under this key, so the key is not ours to end).
pub(super) fn is_definite<T>(reply: &Reply<T>, during: During) -> bool {
    match reply {
        Reply::Problem {
            status, problem, ..
        } => {
            (400..500).contains(status)
                && !matches!(status, 401 | 408 | 423 | 429)
                && error::meaning(problem, *status, during) != Meaning::Is(Code::Vipps93)
        }
        Reply::Gateway(_) | Reply::Other(_) | Reply::Done(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_a_quarter_of_the_time_is_kept() {
        assert_eq!(
            [1, 2, 3, 4].map(|n| pause(n).as_millis()),
            [100, 200, 400, 800]
        );
        let within = |seconds| {
            let budget = Budget {
                deadline: std::time::Instant::now() + Duration::from_secs(seconds),
                per_call: Duration::from_secs(1),
            };
            reserve(budget).as_millis()
        };
        assert!((900..=1_000).contains(&within(4)));
        assert_eq!(within(40), 2_000, "two seconds at the most");
    }

    #[test]
    fn only_a_definite_refusal_is_one() {
        let problem = |status: u16, code: &str| {
            let body = format!(
                r#"{{"title":"x","extraDetails":[{{"name":"ErrorCode","reason":"{code}"}}]}}"#
            );
            Reply::<()>::Problem {
                status,
                problem: Box::new(serde_json::from_str(&body).unwrap()),
                retry_after: None,
            }
        };
        let during = During::Adjust(MoneyOp::Capture);
        for (status, code, want) in [
            (400, "6090", true),
            (404, "", true),
            (422, "", true),
            (401, "", false),
            (408, "", false),
            (423, "", false),
            (429, "", false),
            (500, "", false),
            // The key was used before: perhaps by the sending in doubt.
            (400, "4010", false),
            (409, "", false),
        ] {
            assert_eq!(
                is_definite(&problem(status, code), during),
                want,
                "{status} {code}"
            );
        }
        assert!(!is_definite(&Reply::<()>::Other(400), during));
    }
}
