//! Whether a call is compared, and in which way: from the settings, the route it took, and what is known of its payment.
//!
//! Reads are asked of the other API; what changes a payment is translated only, or mirrored on an upstream of its own.
//! Source: the mixing rules (ePayment can read what eCom made; Express stays in eCom). Must not: send anything.

use crate::ecom::route::Operation;
use crate::payments::Order;
use crate::routing::rollout;
use crate::settings::{MerchantShadow, Shadow, ShadowMode};
use crate::store::{Known, Way};
use crate::telemetry::Route;
use crate::types::{Kind, Origin};

/// The operator does not want this operation compared, though others of the same payment.
pub(super) const OPERATION_OFF: &str = "operation-off";

/// What becomes of an offered call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// It is compared.
    Compare(Way),
    /// It is not.
    Filter {
        /// How it would have been.
        way: Way,
        /// Why not.
        reason: &'static str,
        /// Whether the operator wants it so.
        by_choice: bool,
    },
}

/// How calls of an operation are compared; none where nothing is.
#[must_use]
pub const fn way(mode: ShadowMode, operation: Operation) -> Option<Way> {
    match (mode, operation) {
        (ShadowMode::Off, _) => None,
        (ShadowMode::Write, _) => Some(Way::Write),
        (ShadowMode::Read, Operation::Details | Operation::Status) => Some(Way::Read),
        (ShadowMode::Read | ShadowMode::Dry, _) => Some(Way::Dry),
    }
}

/// The plan for a call. `subject`: its order, where the call got so far.
#[must_use]
pub fn plan(
    shadow: &Shadow,
    merchant: &MerchantShadow,
    way: Way,
    call: (Operation, Route),
    subject: Option<&(Order, Known)>,
) -> Plan {
    let (operation, route) = call;
    let filter = |reason, by_choice| Plan::Filter {
        way,
        reason,
        by_choice,
    };
    if !shadow.operations.contains(&operation) {
        return filter(OPERATION_OFF, true);
    }
    if !merchant.enabled {
        return filter("merchant-off", true);
    }
    let Some((order, known)) = subject else {
        return filter("refused-here", false);
    };
    let percent = merchant.sample_percent.unwrap_or(shadow.sample_percent);
    if rollout::sample_bucket(order.scope.msn(), &order.order) >= percent {
        return filter("not-sampled", true);
    }
    match route {
        Route::Refused | Route::Pass => filter("refused-here", false),
        Route::Epayment if way == Way::Dry => filter("went-to-epayment", false),
        Route::Epayment | Route::Ecom if kind(known) == Some(Kind::Express) => {
            filter("express", false)
        }
        // ePayment can read what eCom made, and not the other way round.
        Route::Epayment if way == Way::Read && born(known) != Some(Origin::Ecom) => {
            filter("not-born-in-ecom", false)
        }
        Route::Epayment | Route::Ecom if way == Way::Read && order.order.reference().is_none() => {
            filter("no-reference", false)
        }
        Route::Epayment | Route::Ecom => Plan::Compare(way),
    }
}

fn kind(known: &Known) -> Option<Kind> {
    let facts = known.payment.as_ref().map(|payment| &payment.facts);
    let facts = facts.or(known.attempt.as_ref().map(|attempt| &attempt.facts));
    facts.map(|facts| facts.kind)
}

fn born(known: &Known) -> Option<Origin> {
    known.payment.as_ref().map(|payment| payment.facts.origin)
}

#[cfg(test)]
mod tests;
