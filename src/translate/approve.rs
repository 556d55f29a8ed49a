//! Force approve (test environment only): `customerPhoneNumber` becomes `customer.phoneNumber`, `token` stays `token`.
//!
//! Source: `ForceApproveRequest`, `ForceApprove`.

use super::Faults;
use crate::ecom::error::{Code, Failure};
use crate::ecom::request::ForceApprove as Asked;
use crate::epayment::model::{Customer, ForceApprove};
use crate::types::{CountryCode, Msisdn};

/// The request as ePayment wants it.
///
/// # Errors
/// `InvalidRequest` for a member of the wrong type, User 81 for a phone number.
pub fn to_approve(body: &Asked, country: &CountryCode) -> Result<ForceApprove, Failure> {
    let mut faults = Faults::default();
    faults.wrong(
        &body.customer_phone_number,
        "customerPhoneNumber",
        "a phone number of 8 digits",
    );
    faults.wrong(&body.token, "token", "text");
    let phone = match body
        .customer_phone_number
        .get()
        .map(|text| Msisdn::read(&text.0, country))
    {
        Some(Err(_)) => return Err(Failure::code(Code::User81)),
        Some(Ok(phone)) => phone,
        None => None,
    };
    faults.into_result(Some(ForceApprove {
        customer: phone.map(|phone| Customer {
            phone_number: Some(phone.as_str().to_owned()),
        }),
        token: body
            .token
            .get()
            .map(|token| token.0.clone())
            .filter(|token| !token.is_empty()),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phone_and_token_go_to_their_places() {
        let read = |json: &str| serde_json::from_str::<Asked>(json).unwrap();
        let norway = CountryCode::default();
        let approve = to_approve(
            &read(r#"{"customerPhoneNumber":"91234567","token":"t"}"#),
            &norway,
        )
        .unwrap();
        let json = serde_json::to_string(&approve).unwrap();
        assert_eq!(
            json,
            r#"{"customer":{"phoneNumber":"4791234567"},"token":"t"}"#
        );
        let empty = to_approve(&read(r#"{"token":""}"#), &norway).unwrap();
        assert_eq!(serde_json::to_string(&empty).unwrap(), "{}");
        let bare = to_approve(&read("{}"), &norway).unwrap();
        assert_eq!(serde_json::to_string(&bare).unwrap(), "{}");
        assert_eq!(
            to_approve(&read(r#"{"customerPhoneNumber":"12"}"#), &norway)
                .unwrap_err()
                .entries[0]
                .1,
            "81"
        );
        assert_eq!(
            to_approve(&read(r#"{"token":1}"#), &norway)
                .unwrap_err()
                .entries[0]
                .1,
            "token"
        );
    }
}
