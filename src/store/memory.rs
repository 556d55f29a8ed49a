//! The record of one payment in memory, for a shadow's: what is written down before it is sent, and nothing for later.
//!
//! It goes with the payment: there are no callbacks, no polls and no ledger. Must not: be used for a payment of a
//! merchant's, or for a second payment.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::{
    Adjustment, AdjustmentId, AdjustmentState, Attempt, AttemptId, AttemptState, Balance, Begun,
    DueLook, First, KeptMismatch, Known, LedgerEntry, LedgerId, LedgerPayment, LedgerStore,
    LookEnd, MismatchKind, NewAdjustment, NewPayment, OpenDays, Outcome, PaymentFacts,
    PaymentFilter, PaymentRecord, Store, StoreError, Version, WhichMismatches,
};
use crate::types::{CallerHash, IdempotencyKey, Moment, Msn, OrderText, Scope, StoreSecret};

/// The record of one payment.
#[derive(Debug)]
pub struct PaymentInMemory {
    secret: StoreSecret,
    kept: Mutex<Kept>,
}

#[derive(Debug)]
struct Kept {
    payment: Option<PaymentRecord>,
    attempt: Option<(Attempt, Scope, OrderText)>,
    calls: Vec<Adjustment>,
    /// Goes up with each change of `calls`.
    version: i64,
    /// The last number given.
    last: i64,
}

impl PaymentInMemory {
    /// An empty one, with a secret that is not the bridge's store's.
    #[must_use]
    pub const fn new(secret: StoreSecret) -> Self {
        Self {
            secret,
            kept: Mutex::new(Kept::NOTHING),
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    const NOTHING: Self = Self {
        payment: None,
        attempt: None,
        calls: Vec::new(),
        version: 0,
        last: 0,
    };

    fn known(&self) -> Known {
        Known {
            payment: self.payment.clone(),
            attempt: self.attempt.as_ref().map(|(attempt, ..)| attempt.clone()),
        }
    }

    fn begin(&mut self, new: NewPayment) -> AttemptId {
        let id = AttemptId(self.number());
        let attempt = Attempt {
            id,
            facts: new.facts,
            key: new.key,
            fingerprint: new.fingerprint,
            state: AttemptState::InFlight(new.until),
            begun_at: new.now,
        };
        self.attempt = Some((attempt, new.scope, new.order));
        id
    }

    fn number(&mut self) -> i64 {
        self.last += 1;
        self.last
    }

    /// Changes an open call; whether there was one that `fits`.
    fn change(
        &mut self,
        id: AdjustmentId,
        fits: impl Fn(Moment) -> bool,
        change: impl FnOnce(&mut Adjustment),
    ) -> bool {
        let open = |call: &&mut Adjustment| match call.state {
            AdjustmentState::Open(until) => call.id == id && fits(until),
            _ => false,
        };
        let Some(call) = self.calls.iter_mut().find(open) else {
            return false;
        };
        change(call);
        self.version += 1;
        true
    }

    fn become_payment(
        &mut self,
        (scope, order): (&Scope, &OrderText),
        facts: PaymentFacts,
        create_key: Option<IdempotencyKey>,
        created_at: Moment,
    ) -> PaymentRecord {
        let fresh = || PaymentRecord {
            scope: scope.clone(),
            order: order.clone(),
            facts,
            create_key,
            created_at,
        };
        self.payment.get_or_insert_with(fresh).clone()
    }
}

#[async_trait]
impl Store for PaymentInMemory {
    async fn close(&self) {}

    fn secret(&self) -> &StoreSecret {
        &self.secret
    }

    async fn payment(
        &self,
        _scope: &Scope,
        _order: &OrderText,
        _caller: CallerHash,
    ) -> Result<Known, StoreError> {
        Ok(self.kept().known())
    }

    async fn units_of_order(
        &self,
        _caller: CallerHash,
        _order: &OrderText,
    ) -> Result<Vec<Msn>, StoreError> {
        Ok(Vec::new())
    }

    async fn units_of_caller(&self, _caller: CallerHash) -> Result<Vec<Msn>, StoreError> {
        Ok(Vec::new())
    }

    async fn begin_payment(&self, new: NewPayment) -> Result<Begun, StoreError> {
        let mut kept = self.kept();
        if let Some((open, ..)) = &kept.attempt {
            return Ok(Begun::Open(Box::new(open.clone())));
        }
        Ok(Begun::Fresh(kept.begin(new)))
    }

    async fn begin_first_payment(&self, new: NewPayment) -> Result<First, StoreError> {
        let mut kept = self.kept();
        let known = kept.known();
        if known.is_nothing() {
            return Ok(First::Begun(kept.begin(new)));
        }
        Ok(First::Known(Box::new(known)))
    }

    async fn resume_payment(
        &self,
        attempt: AttemptId,
        now: Moment,
        until: Moment,
    ) -> Result<bool, StoreError> {
        let mut kept = self.kept();
        let Some((open, ..)) = &mut kept.attempt else {
            return Ok(false);
        };
        let is_owned = matches!(open.state, AttemptState::InFlight(until) if until > now);
        if open.id != attempt || is_owned {
            return Ok(false);
        }
        open.state = AttemptState::InFlight(until);
        Ok(true)
    }

    async fn finish_payment(
        &self,
        attempt: AttemptId,
        outcome: Outcome,
        now: Moment,
    ) -> Result<bool, StoreError> {
        let mut kept = self.kept();
        let ours = |(open, ..): &mut (Attempt, Scope, OrderText)| open.id == attempt;
        let Some((mut open, scope, order)) = kept.attempt.take_if(ours) else {
            return Ok(false);
        };
        match outcome {
            Outcome::Succeeded { .. } => {
                kept.become_payment((&scope, &order), open.facts, open.key, now);
            }
            Outcome::NotDone(until) | Outcome::Unknown(until)
                if open.state != AttemptState::InFlight(until) =>
            {
                kept.attempt = Some((open, scope, order));
            }
            Outcome::Refused | Outcome::NotDone(_) => {}
            Outcome::Unknown(_) => {
                open.state = AttemptState::Unknown;
                kept.attempt = Some((open, scope, order));
            }
        }
        Ok(false)
    }

    async fn learn_payment(
        &self,
        scope: &Scope,
        order: &OrderText,
        _caller: CallerHash,
        facts: PaymentFacts,
        now: Moment,
    ) -> Result<PaymentRecord, StoreError> {
        Ok(self.kept().become_payment((scope, order), facts, None, now))
    }

    async fn adjustments(
        &self,
        _scope: &Scope,
        _order: &OrderText,
    ) -> Result<(Vec<Adjustment>, Version), StoreError> {
        let kept = self.kept();
        Ok((kept.calls.clone(), Version(kept.version)))
    }

    async fn begin_adjustment(
        &self,
        new: NewAdjustment,
        seen: Version,
    ) -> Result<Option<AdjustmentId>, StoreError> {
        let mut kept = self.kept();
        if seen != Version(kept.version) || kept.calls.iter().any(Adjustment::is_open) {
            return Ok(None);
        }
        let id = AdjustmentId(kept.number());
        kept.version += 1;
        kept.calls.push(Adjustment {
            id,
            op: new.op,
            api: new.api,
            request_id: new.request_id,
            key: new.key,
            attempt: new.attempt,
            amount: new.amount,
            computed: new.computed,
            text: new.text,
            cancelled_before: new.cancelled_before,
            state: AdjustmentState::Open(new.until),
            begun_at: new.now,
            changed_at: new.now,
        });
        Ok(Some(id))
    }

    async fn resume_adjustment(
        &self,
        id: AdjustmentId,
        now: Moment,
        until: Moment,
    ) -> Result<bool, StoreError> {
        let free = |owned_until: Moment| owned_until <= now;
        Ok(self.kept().change(id, free, |call| {
            call.state = AdjustmentState::Open(until);
            call.changed_at = now;
        }))
    }

    async fn finish_adjustment(
        &self,
        id: AdjustmentId,
        outcome: Outcome,
        now: Moment,
    ) -> Result<(), StoreError> {
        let mut kept = self.kept();
        let state = match outcome {
            Outcome::Unknown(owner) => {
                let owned = |until: Moment| until > now && until == owner;
                kept.change(id, owned, |call| call.state = AdjustmentState::Open(now));
                return Ok(());
            }
            Outcome::Succeeded {
                amount,
                transaction_id,
                at,
            } => AdjustmentState::Succeeded {
                amount,
                transaction_id,
                at,
            },
            Outcome::Refused => AdjustmentState::Refused,
            Outcome::NotDone(owner) => {
                let state = AdjustmentState::NotDone;
                kept.change(id, |until| until == owner, |call| call.state = state);
                return Ok(());
            }
        };
        kept.change(id, |_| true, |call| call.state = state);
        Ok(())
    }

    async fn ambiguous(&self, now: Moment) -> Result<u64, StoreError> {
        let kept = self.kept();
        let left = |call: &&Adjustment| call.is_open() && !call.is_owned(now);
        Ok(kept.calls.iter().filter(left).count() as u64)
    }

    async fn ready(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// No ledger: what a shadow moves is nobody's money.
#[async_trait]
impl LedgerStore for PaymentInMemory {
    async fn ledger(
        &self,
        _after: LedgerId,
        _limit: usize,
    ) -> Result<Vec<LedgerEntry>, StoreError> {
        Ok(Vec::new())
    }

    async fn ledger_of(
        &self,
        _order: &OrderText,
        _msn: Option<&Msn>,
    ) -> Result<Vec<LedgerEntry>, StoreError> {
        Ok(Vec::new())
    }

    async fn list_payments(
        &self,
        _filter: PaymentFilter,
    ) -> Result<Vec<LedgerPayment>, StoreError> {
        Ok(Vec::new())
    }

    async fn learn_balance(
        &self,
        _scope: &Scope,
        _order: &OrderText,
        _balance: Balance,
    ) -> Result<(), StoreError> {
        Ok(())
    }

    async fn claim_looks(
        &self,
        _now: Moment,
        _limit: usize,
        _until: Moment,
    ) -> Result<Vec<DueLook>, StoreError> {
        Ok(Vec::new())
    }

    async fn settle_look(
        &self,
        _due: &DueLook,
        _end: LookEnd,
        _next: Option<Moment>,
        _now: Moment,
    ) -> Result<Option<Vec<KeptMismatch>>, StoreError> {
        Ok(None)
    }

    async fn told_mismatches(&self, _ids: &[i64]) -> Result<(), StoreError> {
        Ok(())
    }

    async fn mismatches(
        &self,
        _which: WhichMismatches,
        _limit: usize,
    ) -> Result<Vec<KeptMismatch>, StoreError> {
        Ok(Vec::new())
    }

    async fn mismatch_counts(&self) -> Result<Vec<(MismatchKind, u64)>, StoreError> {
        Ok(Vec::new())
    }

    async fn open_payments(&self) -> Result<Vec<OpenDays>, StoreError> {
        Ok(Vec::new())
    }

    async fn recount_open(&self) -> Result<Vec<OpenDays>, StoreError> {
        Ok(Vec::new())
    }

    async fn expiring(
        &self,
        _until: Moment,
        _limit: usize,
    ) -> Result<Vec<LedgerPayment>, StoreError> {
        Ok(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    async fn make() -> (Arc<dyn Store>, ()) {
        (
            Arc::new(PaymentInMemory::new(StoreSecret::new([1; 32]))),
            (),
        )
    }

    // Those of one payment.
    crate::store::suite::behaviours!(make:
        nothing_is_known_of_a_new_order,
        a_success_makes_the_attempt_the_payment,
        an_unknown_attempt_stays_open_for_whoever_comes,
        an_attempt_in_flight_stands_in_the_way_as_it_is,
        an_attempt_has_one_owner_at_a_time,
        whoever_has_lost_an_attempt_says_nothing_of_it,
        a_payment_of_the_same_api_is_no_obstacle_and_not_overwritten,
        no_money_calls_at_first,
        a_stale_look_begins_nothing,
        money_calls_are_closed_as_told_and_listed_oldest_first,
        a_closed_money_call_never_changes_again,
        an_unknown_money_call_waits_for_an_owner,
        a_money_call_has_one_owner_at_a_time,
        whoever_has_lost_a_money_call_says_nothing_of_it,
    );

    #[tokio::test]
    async fn an_open_call_keeps_others_out_and_is_taken_over_when_its_time_is_up() {
        use crate::store::suite::new_capture;
        let records = PaymentInMemory::new(StoreSecret::new([1; 32]));
        let (scope, order) = (
            Scope::parse("123456").unwrap(),
            OrderText::parse("o1").unwrap(),
        );
        let version = async || records.adjustments(&scope, &order).await.unwrap().1;
        let first = records.begin_adjustment(new_capture("o1"), version().await);
        let id = first.await.unwrap().unwrap();
        let second = records.begin_adjustment(new_capture("o1"), version().await);
        assert_eq!(second.await.unwrap(), None);
        let at = Moment::from_millis;
        let early = records.resume_adjustment(id, at(31_999), at(40_000));
        assert!(!early.await.unwrap());
        assert_eq!(records.ambiguous(at(32_000)).await.unwrap(), 1);
        let late = records.resume_adjustment(id, at(32_000), at(40_000));
        assert!(late.await.unwrap());
        assert_eq!(records.ambiguous(at(32_000)).await.unwrap(), 0);
    }
}
