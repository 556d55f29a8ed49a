//! The mixing rule of Vipps: what was created in eCom either API may handle; what was created in ePayment, only ePayment.
//!
//! Source: ePayment FAQ on migration. Express stays with eCom for creation and reading (only eCom has its shipping and
//! user details). A table, on purpose: no toggle, percentage or kill switch can reach past it.

use crate::ecom::route::Operation;
use crate::types::{Kind, Origin};

/// Whether `api` may take a call about a payment.
#[must_use]
pub const fn allowed(origin: Origin, kind: Kind, operation: Operation, api: Origin) -> bool {
    match (origin, api) {
        (Origin::Epayment, Origin::Ecom) => false,
        (Origin::Epayment, Origin::Epayment) | (Origin::Ecom, Origin::Ecom) => true,
        (Origin::Ecom, Origin::Epayment) => match operation {
            Operation::Capture | Operation::Cancel | Operation::Refund => true,
            Operation::Details | Operation::Status => matches!(kind, Kind::Regular),
            // A used orderId stays with its API, and only the API of its birth approves a payment.
            Operation::Initiate | Operation::Approve => false,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_born_in_epayment_never_goes_to_ecom() {
        for operation in Operation::ALL {
            for kind in [Kind::Regular, Kind::Express, Kind::Unproven] {
                assert!(!allowed(Origin::Epayment, kind, operation, Origin::Ecom));
                assert!(allowed(Origin::Epayment, kind, operation, Origin::Epayment));
                assert!(allowed(Origin::Ecom, kind, operation, Origin::Ecom));
            }
        }
    }

    #[test]
    fn what_was_born_in_ecom_may_be_changed_by_both_and_read_by_both_when_regular() {
        for (operation, kind, may) in [
            (Operation::Capture, Kind::Express, true),
            (Operation::Cancel, Kind::Regular, true),
            (Operation::Refund, Kind::Unproven, true),
            (Operation::Details, Kind::Regular, true),
            (Operation::Status, Kind::Regular, true),
            (Operation::Details, Kind::Express, false),
            (Operation::Status, Kind::Unproven, false),
            (Operation::Initiate, Kind::Regular, false),
            (Operation::Approve, Kind::Regular, false),
        ] {
            assert_eq!(
                allowed(Origin::Ecom, kind, operation, Origin::Epayment),
                may,
                "{operation:?} {kind:?}"
            );
        }
    }
}
