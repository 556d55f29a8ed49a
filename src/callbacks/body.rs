//! The body of a callback.
//!
//! Pure: the same callback and user give the same bytes, on every repeat. Must not: add a member eCom did not send.

use bytes::Bytes;

use crate::ecom::callback::{Callback, CallbackInfo, CallbackStatus};
use crate::ecom::response::UserDetails;
use crate::store::DueCallback;

/// Whether eCom tells who paid: only of a payment that was approved.
pub(super) const fn tells_user(status: CallbackStatus) -> bool {
    matches!(
        status,
        CallbackStatus::Reserved | CallbackStatus::Reserve | CallbackStatus::Sale
    )
}

/// The body, as bytes of JSON.
pub(super) fn render(
    due: &DueCallback,
    user: Option<(String, UserDetails)>,
) -> Result<Bytes, serde_json::Error> {
    let (sub, user_details) = user.unzip();
    let callback = Callback {
        merchant_serial_number: due.msn.as_str().to_owned(),
        order_id: due.order.as_str().to_owned(),
        transaction_info: CallbackInfo {
            amount: due.amount,
            status: due.status,
            time_stamp: due.at.to_string(),
            transaction_id: due.transaction_id.clone(),
        },
        sub,
        user_details,
    };
    serde_json::to_vec(&callback).map(Bytes::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::callbacks::dispatch::fake::due;

    #[test]
    fn the_members_are_those_of_ecom() {
        let plain = render(&due(), None).unwrap();
        assert_eq!(
            plain,
            r#"{"merchantSerialNumber":"123456","orderId":"order-0001","transactionInfo":{"amount":49900,"status":"RESERVED","timeStamp":"2023-11-14T22:13:20.000Z","transactionId":"5001"}}"#
        );
        assert_eq!(plain, render(&due(), None).unwrap());
        let queued_later = DueCallback {
            queued_at: due().at.plus(std::time::Duration::from_secs(60)),
            ..due()
        };
        assert_eq!(
            plain,
            render(&queued_later, None).unwrap(),
            "the event's time"
        );
        let user = UserDetails {
            email: Some("a@b.example".to_owned()),
            first_name: None,
            last_name: Some("Berg".to_owned()),
            mobile_number: None,
            user_id: "sub-1".to_owned(),
        };
        let text = render(&due(), Some(("sub-1".to_owned(), user))).unwrap();
        let text = std::str::from_utf8(&text).unwrap();
        assert!(
            text.ends_with(
                r#""sub":"sub-1","userDetails":{"email":"a@b.example","lastName":"Berg","userId":"sub-1"}}"#
            ),
            "{text}"
        );
    }

    #[test]
    fn only_an_approved_payment_tells_who_paid() {
        for (status, told) in [
            (CallbackStatus::Reserved, true),
            (CallbackStatus::Reserve, true),
            (CallbackStatus::Sale, true),
            (CallbackStatus::SaleFailed, false),
            (CallbackStatus::Cancelled, false),
            (CallbackStatus::Rejected, false),
        ] {
            assert_eq!(tells_user(status), told);
        }
    }
}
