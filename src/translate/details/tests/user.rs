//! `sub` and `userDetails`: only where a scope was asked for, and only what it asked for. Never a top-level state.

use serde_json::{Value, json};

use super::*;

fn shown(scope: ScopeAsked, user: Option<&crate::epayment::model::UserDetails>) -> Value {
    let mut case = Case::new(State::Authorized, PAID, &whole_life());
    case.payment.profile.sub = Some("sub-1".to_owned());
    case.remembered.scope = scope;
    serde_json::to_value(case.asked(|sources| details(sources, user))).unwrap()
}

fn yes(scope: &str) -> ScopeAsked {
    ScopeAsked::Yes(scope.to_owned())
}

#[test]
fn without_a_scope_there_is_no_user() {
    let shown = shown(ScopeAsked::No, Some(&user_data()));
    let members: Vec<_> = shown.as_object().unwrap().keys().cloned().collect();
    assert_eq!(
        members,
        ["orderId", "transactionLogHistory", "transactionSummary"],
        "clients branch on the presence of any other"
    );
}

#[test]
fn only_what_the_scope_asked_for() {
    let all = json!({
        "email": "kari@mail.example", "firstName": "Kari", "lastName": "Nordmann",
        "mobileNumber": "91234567", "userId": "sub-1"
    });
    for (scope, want) in [
        (ScopeAsked::NotKnown, all.clone()),
        (yes("name email phoneNumber address"), all.clone()),
        (yes("NAME  Email phonenumber"), all),
        (
            yes("name"),
            json!({"firstName": "Kari", "lastName": "Nordmann", "userId": "sub-1"}),
        ),
        (
            yes("email"),
            json!({"email": "kari@mail.example", "userId": "sub-1"}),
        ),
        (
            yes("phoneNumber"),
            json!({"mobileNumber": "91234567", "userId": "sub-1"}),
        ),
        (yes("address birthDate"), json!(null)),
        (yes("names"), json!(null)),
    ] {
        let shown = shown(scope.clone(), Some(&user_data()));
        assert_eq!(shown["userDetails"], want, "{scope:?}");
        assert_eq!(shown["sub"], "sub-1");
        assert!(shown.get("state").is_none());
    }
}

#[test]
fn what_cannot_be_had_is_left_out() {
    let shown_none = shown(yes("name"), None);
    assert_eq!(shown_none["sub"], "sub-1");
    assert!(shown_none.get("userDetails").is_none());
    let empty = crate::epayment::model::UserDetails::default();
    assert!(
        shown(yes("name"), Some(&empty))
            .get("userDetails")
            .is_none()
    );
    let mut case = Case::new(State::Authorized, PAID, &whole_life());
    case.remembered.scope = yes("name");
    let user = user_data();
    let details = case.asked(|sources| details(sources, Some(&user)));
    assert!(
        details.sub.is_none() && details.user_details.is_none(),
        "userId is the sub"
    );
}

#[test]
fn numbers_lose_the_merchants_country_code_and_no_other_digits() {
    for (number, country, want) in [
        ("4791234567", "47", "91234567"),
        ("+4791234567", "47", "91234567"),
        ("91234567", "47", "91234567"),
        ("47912345", "47", "47912345"),
        ("4747912345", "47", "47912345"),
        ("4512345678", "47", "4512345678"),
        ("4512345678", "45", "12345678"),
        ("358401234567", "358", "401234567"),
    ] {
        let mut user = user_data();
        user.mobile_number = Some(number.to_owned());
        let mut case = Case::new(State::Authorized, PAID, &whole_life());
        case.payment.profile.sub = Some("sub-1".to_owned());
        case.remembered.scope = yes("phoneNumber");
        case.remembered.country = CountryCode::parse(country).unwrap();
        let details = case.asked(|sources| details(sources, Some(&user)));
        let got = details.user_details.and_then(|user| user.mobile_number);
        assert_eq!(got.as_deref(), Some(want), "{number} {country}");
    }
}
