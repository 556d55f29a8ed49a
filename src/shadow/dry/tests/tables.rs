//! The tables are whole: every member and header that eCom documents has a line, and every place can be written.

use super::super::fields::{How, lines};
use super::super::place::{METHOD, ORDER, PATH};
use super::*;
use crate::translate::coverage::REQUESTS;

#[test]
fn every_documented_member_has_a_line() {
    use Operation::{Approve, Cancel, Capture, Initiate, Refund};
    let mut seen = 0;
    for (schema, at, operations) in [
        ("InitiatePaymentCommand", "", &[Initiate][..]),
        ("MerchantInfo", "/merchantInfo", &[Initiate]),
        ("TransactionInfoInitiate", "/transaction", &[Initiate]),
        (
            "AdditionalTransactionData",
            "/transaction/additionalData",
            &[Initiate],
        ),
        ("CustomerInfo", "/customerInfo", &[Initiate]),
        ("PaymentActionsRequest", "", &[Capture, Refund]),
        ("Transaction", "/transaction", &[Capture, Refund]),
        (
            "MerchantInfoPayment",
            "/merchantInfo",
            &[Capture, Refund, Cancel],
        ),
        ("CancelPaymentActionRequest", "", &[Cancel]),
        ("CancelTransaction", "/transaction", &[Cancel]),
        ("ForceApproveRequest", "", &[Approve]),
    ] {
        let (_, members) = REQUESTS.iter().find(|row| row.0 == schema).expect(schema);
        for (name, _) in *members {
            let pointer = format!("{at}/{name}");
            let inside = format!("{pointer}/");
            for operation in operations {
                let mut froms = lines(*operation).map(|line| line.0);
                assert!(
                    froms.any(|from| from == pointer || from.starts_with(&inside)),
                    "{operation:?} {pointer}"
                );
                seen += 1;
            }
        }
    }
    assert!(seen > 30, "{seen}");
    // Inside of `staticShippingDetails`, which is dropped as a whole.
    assert_eq!(REQUESTS.len(), 12, "a new schema needs a row here");
}

#[test]
fn every_place_is_one_that_a_report_can_name() {
    for operation in Operation::ALL {
        for &(from, to, how) in lines(operation) {
            for at in [from, to].into_iter().filter(|at| !at.is_empty()) {
                assert_eq!(
                    FieldPath::parse(at).map(|path| path.to_string()).as_deref(),
                    Some(at)
                );
                let plain = at.starts_with('/') || at.starts_with("(header ");
                assert!(plain || [METHOD, PATH, ORDER].contains(&at), "{at}");
            }
            let nowhere = matches!(
                how,
                How::Kept | How::Remembered | How::Dropped(_) | How::EmptyDropped(_) | How::Guard
            );
            assert_eq!(to.is_empty(), nowhere, "{operation:?} {from}");
        }
    }
}
