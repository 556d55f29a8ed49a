//! The behaviour that every back end must show, written against `Arc<dyn Store>` and `Arc<dyn CallbackStore>`: each
//! function wants a fresh store.
//!
//! `behaviours!(make)` turns them into tests of one back end. Must not: know which back end it runs on.

mod adjustments;
mod callbacks;
mod claims;
mod events;
mod ledger;
mod matching;
mod model;
mod observations;
mod open;
mod operator;
mod outbox;
mod payments;
mod polls;
mod prune;
mod races;
mod registrations;
mod rotation;
mod shadow;
mod steering;

pub(super) use adjustments::*;
pub(super) use callbacks::*;
pub(super) use claims::*;
pub(super) use events::*;
pub(super) use ledger::*;
pub(super) use matching::*;
pub(super) use model::*;
pub(super) use observations::*;
pub(super) use open::*;
pub(super) use operator::*;
pub(super) use outbox::*;
pub(super) use payments::*;
pub(super) use polls::*;
pub(super) use prune::*;
pub(super) use races::*;
pub(super) use registrations::*;
pub(super) use rotation::*;
pub(super) use shadow::*;
pub(super) use steering::*;

use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};

use super::{
    AttemptId, Begun, CallbackTarget, Kind, NewAdjustment, NewPayment, Origin, Outcome,
    PaymentFacts, Store,
};
use crate::types::{
    Amount, CallerHash, Currency, IdempotencyKey, Moment, MoneyOp, Msn, OrderText, Reference,
    RequestId, Scope, StoreSecret,
};

pub(super) type Any = Arc<dyn Store>;

/// A fresh store and what must outlive it; of a back end that needs a server, perhaps none.
pub(super) trait Made {
    type Store;
    type Keep;
    fn made(self) -> Option<(Self::Store, Self::Keep)>;
}

impl<S, K> Made for (S, K) {
    type Store = S;
    type Keep = K;
    fn made(self) -> Option<(S, K)> {
        Some(self)
    }
}

impl<S, K> Made for Option<(S, K)> {
    type Store = S;
    type Keep = K;
    fn made(self) -> Self {
        self
    }
}

/// One test per behaviour. `$make` is an async function that returns a fresh store (`Both` traits of it; an `Any` alone
/// serves those of `Store`) and what must outlive it.
macro_rules! behaviours {
    ($make:path: $($name:ident),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                use $crate::store::suite::Made;
                if let Some((store, _keep)) = $make().await.made() {
                    $crate::store::suite::$name(store.into()).await;
                }
            }
        )*
    };
    ($make:path) => {
        $crate::store::suite::behaviours!($make:
            nothing_is_known_of_a_new_order,
            an_override_holds_until_it_is_undone,
            a_later_override_takes_the_place_of_an_earlier,
            an_override_ends_by_itself_and_that_is_listed_once,
            overrides_made_at_once_leave_one_in_force,
            changes_are_listed_newest_first_and_paged,
            counts_of_one_place_add_up,
            counts_added_at_once_lose_nothing,
            old_counts_are_pruned_in_batches,
            the_machines_memory_is_written_by_the_first,
            findings_of_instances_add_up,
            findings_added_at_once_lose_nothing,
            the_first_and_the_newest_samples_are_kept,
            d9_fields_seen_longest_ago_go_first_and_judged_ones_last,
            fields_not_seen_for_long_are_forgotten_and_counted,
            a_reset_begins_a_new_count_and_keeps_judgements,
            a_judgement_holds_for_what_was_seen_until_withdrawn,
            a_success_makes_the_attempt_the_payment,
            a_refusal_or_not_done_frees_the_order,
            an_unknown_attempt_stays_open_for_whoever_comes,
            an_attempt_in_flight_stands_in_the_way_as_it_is,
            an_attempt_has_one_owner_at_a_time,
            whoever_has_lost_an_attempt_says_nothing_of_it,
            what_has_ended_stays_ended,
            a_payment_binds_the_order_for_every_caller,
            the_first_attempt_is_begun_only_where_nothing_is_known,
            an_open_attempt_binds_the_order_for_its_caller_only,
            a_payment_of_the_same_api_is_no_obstacle_and_not_overwritten,
            several_ecom_attempts_may_be_open_and_the_newest_shows,
            learning_records_once_and_changes_nothing,
            units_are_those_of_the_callers_payments_and_two_at_most,
            scopes_orders_and_their_case_never_mix,
            odd_but_allowed_values_come_back_as_they_were,
            no_money_calls_at_first,
            a_money_call_is_kept_as_it_was_begun,
            a_stale_look_begins_nothing,
            a_payment_and_its_money_calls_are_told_as_each_is,
            an_open_money_call_keeps_every_other_out,
            money_calls_are_closed_as_told_and_listed_oldest_first,
            a_closed_money_call_never_changes_again,
            an_unknown_money_call_waits_for_an_owner,
            a_money_call_has_one_owner_at_a_time,
            whoever_has_lost_a_money_call_says_nothing_of_it,
            the_version_belongs_to_the_payment,
            ambiguous_counts_what_is_open_without_an_owner,
            a_store_is_ready_and_its_secret_stays,
            fifty_at_once_begin_one_payment,
            both_apis_at_once_never_bind_both,
            two_callers_succeed_at_once_and_one_payment_stands,
            fifty_at_once_begin_one_money_call,
            fifty_at_once_take_over_one_money_call,
            money_calls_do_as_the_model_says,
            an_event_queues_the_callback_that_follows,
            an_event_is_recorded_once,
            fifty_duplicates_at_once_make_one_callback,
            what_differs_is_another_event,
            an_event_without_a_callback_is_recorded_only,
            the_first_final_event_wins,
            two_final_events_at_once_make_one_callback,
            a_payment_of_ecom_is_never_called_back,
            a_payment_without_an_address_is_never_called_back,
            a_token_goes_with_an_end_that_has_no_callback,
            a_token_stays_while_a_callback_can_follow,
            strays_are_kept,
            an_event_before_the_attempt_is_finished_waits_for_it,
            an_event_before_a_refusal_stays_unmatched,
            an_event_before_learning_waits_for_it,
            events_that_waited_follow_in_their_order,
            an_event_with_the_attempts_key_makes_it_the_payment,
            a_failed_creation_proves_nothing,
            events_match_their_own_unit_and_order_only,
            finishing_and_events_at_once_lose_nothing,
            a_claim_carries_what_a_delivery_needs,
            a_claim_is_a_lease,
            a_late_settlement_changes_nothing,
            a_settlement_counts_once,
            a_retry_comes_back_when_it_is_due,
            a_capture_comes_before_its_delivery,
            units_do_not_take_each_others_places,
            the_longest_waiting_of_a_unit_comes_first,
            workers_at_once_claim_each_callback_once,
            the_next_due_time_is_told,
            claims_do_as_the_model_says,
            callbacks_are_listed_newest_first,
            callbacks_are_listed_by_state_unit_and_order,
            where_callbacks_go_is_told_without_more_of_their_address,
            a_dead_letter_is_replayed_with_a_fresh_schedule,
            a_dead_capture_is_replayed_as_a_capture,
            what_waits_or_has_ended_is_not_replayed,
            a_drop_ends_a_callback_and_says_why,
            what_is_being_delivered_is_not_dropped,
            replays_at_once_queue_one_delivery,
            payments_are_looked_at_when_due,
            a_look_is_a_lease,
            a_known_end_stops_the_looks,
            lookers_at_once_claim_each_payment_once,
            a_unit_is_registered_by_one,
            fifty_claimers_at_once_get_one_registration,
            a_failed_registration_counts_and_is_due_again,
            a_recheck_makes_a_unit_due,
            a_new_registration_retires_the_old,
            a_late_registration_is_not_kept,
            old_payments_go_with_all_that_is_theirs,
            dead_letters_and_open_calls_keep_their_payment,
            ended_callbacks_go_before_their_payment,
            pruning_goes_in_batches,
            a_payments_sums_are_kept_with_each_step,
            a_money_call_and_its_event_count_once,
            only_changes_make_an_unknown_payment_known_to_the_ledger,
            a_look_replaces_what_is_known_unless_news_came,
            looks_are_due_after_news_and_claimed_once,
            mismatches_are_told_once_and_resolved,
            an_open_mismatch_keeps_its_payment,
            what_ecom_shows_is_learnt_when_it_differs,
            payments_are_listed_and_paged,
            guarantees_that_end_are_listed_by_time,
            counts_of_open_payments_equal_a_full_scan,
        );
    };
}
pub(super) use behaviours;

pub(super) const fn at(millis: i64) -> Moment {
    Moment::from_millis(millis)
}

pub(super) fn kroner(amount: i64) -> Amount {
    Amount::new(amount * 100).unwrap()
}

pub(super) fn unit(msn: &str) -> Scope {
    Scope::Unit(Msn::parse(msn).unwrap())
}

pub(super) fn shop() -> Scope {
    unit("123456")
}

pub(super) fn order(text: &str) -> OrderText {
    OrderText::parse(text).unwrap()
}

pub(super) fn caller(name: &str) -> CallerHash {
    CallerHash::of(name.as_bytes(), &StoreSecret::new([9; 32]))
}

pub(super) fn key(text: &str) -> Option<IdempotencyKey> {
    Some(IdempotencyKey::parse(text).unwrap())
}

pub(super) fn facts(origin: Origin) -> PaymentFacts {
    PaymentFacts {
        origin,
        kind: Kind::Regular,
        reference: Reference::parse("order-0001"),
        amount: Some(kroner(200)),
        currency: Some(Currency::Nok),
        text: Some("Two pairs of socks".to_owned()),
        callback: Some(CallbackTarget {
            prefix: "https://shop.example/cb?tk=1&callback=".to_owned(),
            auth_token: Some(SecretString::from("Bearer shop-token-4711")),
        }),
        scope_asked: Some("name address".to_owned()),
        fall_back: Some("https://shop.example/back".to_owned()),
        request_id: RequestId::parse("initiate-1"),
    }
}

pub(super) fn bare(origin: Origin) -> PaymentFacts {
    PaymentFacts {
        origin,
        kind: Kind::Unproven,
        reference: None,
        amount: None,
        currency: None,
        text: None,
        callback: None,
        scope_asked: None,
        fall_back: None,
        request_id: None,
    }
}

/// At 1000, owned until 31000.
pub(super) fn new_payment(text: &str, origin: Origin, who: &str) -> NewPayment {
    NewPayment {
        scope: shop(),
        order: order(text),
        caller: caller(who),
        facts: facts(origin),
        key: key("bridge-1").filter(|_| origin == Origin::Epayment),
        fingerprint: [3; 16],
        poll_at: None,
        end_at: None,
        now: at(1000),
        until: at(31_000),
    }
}

/// At 2000, owned until 32000.
pub(super) fn new_capture(text: &str) -> NewAdjustment {
    NewAdjustment {
        scope: shop(),
        order: order(text),
        op: MoneyOp::Capture,
        api: Origin::Epayment,
        request_id: RequestId::parse("req 1"),
        key: key("1-abcdefghi"),
        attempt: 0,
        amount: Some(kroner(100)),
        computed: false,
        text: "first parcel".to_owned(),
        cancelled_before: None,
        now: at(2000),
        until: at(32_000),
    }
}

pub(super) fn succeeded() -> Outcome {
    Outcome::Succeeded {
        amount: kroner(100),
        transaction_id: Some("5001420062".to_owned()),
        at: at(2500),
    }
}

pub(super) async fn fresh(store: &Any, new: NewPayment) -> AttemptId {
    match store.begin_payment(new).await.unwrap() {
        Begun::Fresh(id) => id,
        other => panic!("not fresh: {other:?}"),
    }
}

/// The token in clear, for comparisons.
pub(super) fn token(facts: &PaymentFacts) -> Option<&str> {
    let target = facts.callback.as_ref()?;
    target
        .auth_token
        .as_ref()
        .map(|token| token.expose_secret())
}

/// Facts are equal in everything that prints, and in the token.
pub(super) fn assert_same(one: &PaymentFacts, other: &PaymentFacts) {
    assert_eq!(format!("{one:?}"), format!("{other:?}"));
    assert_eq!(token(one), token(other));
}
