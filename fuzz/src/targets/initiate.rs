//! A new payment: from any bytes to ePayment's create request and back.

use crate::ecom::read::object;
use crate::ecom::request::InitiatePayment;
use crate::epayment::model::{CreatePayment, Created, CustomerInteraction};
use crate::other::{is_exactly, member, reads};
use crate::translate::initiate::{
    CreateContext, PaymentType, Rules, check, identity, payment_type, to_answer, to_create,
};
use crate::types::{CountryCode, Currency};

/// Express is never read as regular, no amount changes, and what is made reads back as itself.
pub fn run(data: &[u8]) {
    let Ok((body, _)) = object::<InitiatePayment>(data) else {
        return;
    };
    if !reads(data) {
        return;
    }
    let said = member(data, &["merchantInfo", "paymentType"]);
    let word = said.as_ref().and_then(|said| said.as_str());
    let word = word.map(|word| word.trim().to_ascii_lowercase());
    let kind = payment_type(&body);
    let is_express = word.as_deref() == Some("ecomm express payment");
    assert_eq!(kind == PaymentType::Express, is_express, "{said:?}");
    let (msn, order) = identity(&body, None);
    for allow_http_callbacks in [false, true] {
        let rules = Rules {
            country: CountryCode::default(),
            allow_http_callbacks,
        };
        let Ok(command) = check(&body, None, &rules) else {
            continue;
        };
        assert_eq!(
            (Some(&command.msn), Some(&command.order)),
            (msn.as_ref(), order.as_ref())
        );
        let amount = member(data, &["transaction", "amount"]);
        assert!(
            is_exactly(amount.as_ref(), command.amount.minor_units()),
            "{amount:?}"
        );
        if command.untranslatable().is_some() {
            continue;
        }
        let Some(reference) = command.order.reference() else {
            panic!("translatable, and no reference: {:?}", command.order);
        };
        let context = CreateContext {
            currency: Currency::Nok,
            interaction: CustomerInteraction::CustomerNotPresent,
            metadata: None,
        };
        let (create, _) = to_create(&command, reference.clone(), context);
        let text = serde_json::to_string(&create).expect("a create request is JSON");
        let again: CreatePayment = serde_json::from_str(&text).expect("and reads back");
        assert_eq!(text, serde_json::to_string(&again).expect("as itself"));
        let created = Created {
            redirect_url: None,
            reference: reference.clone(),
        };
        let answer = to_answer(&command.order, &created, &command.fall_back);
        assert_eq!(answer.order_id, command.order.as_str());
        assert!(reference.order_id().is_some(), "{reference}");
    }
}
