//! Every value that is read from one text: identifiers, keys, numbers, times.

use crate::types::{
    CountryCode, Currency, IdempotencyKey, KeyMaker, MoneyOp, Moment, Msisdn, Msn, OrderId,
    OrderText, Reference, RequestId, Scope, Untranslatable,
};

/// What is read is written as it was; what is made of it is valid at the other side, and leads back.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let country = CountryCode::parse(&text).unwrap_or_default();
    assert!((1..=3).contains(&country.as_str().len()));
    if let Ok(Some(number)) = Msisdn::read(&text, &country) {
        let digits = number.as_str();
        assert!((10..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()));
        assert!(digits.ends_with(Msisdn::local(digits, &country)));
        assert_eq!(Msisdn::read(digits, &country), Ok(Some(number)));
    }
    if let Some(currency) = Currency::parse(&text) {
        assert_eq!(currency.code(), text);
    }
    for moment in [Moment::parse(&text), Moment::parse_http(&text)].into_iter().flatten() {
        assert_eq!(Moment::parse(&moment.to_string()), Some(moment), "{moment}");
        let _any = moment.http_date();
    }
    if let Some(order) = OrderText::parse(&text) {
        let reference = order.reference();
        assert_eq!(reference.is_none(), Untranslatable::of_order(&order).is_some(), "{order}");
        if let Some(reference) = reference {
            assert!(Reference::parse(reference.as_str()).is_some());
            let back = reference.order_id().map(|order| order.to_string());
            assert_eq!(back.as_deref(), Some(order.as_str()));
        }
    }
    let (Some(msn), Some(order)) = (Msn::parse("123456"), OrderId::parse("order-0001")) else {
        return;
    };
    let scope = Msn::parse(&text).map_or(Scope::Unit(msn), Scope::Unit);
    assert_eq!(Scope::parse(&scope.text()).as_ref(), Some(&scope));
    let keys = KeyMaker { scope: &scope, order: &order };
    let _any = keys.read(MoneyOp::Capture, &text);
    if let Some(request) = RequestId::parse(&text) {
        for op in MoneyOp::ALL {
            let key = keys.key(op, &request, 0);
            assert!(IdempotencyKey::parse(key.as_str()).is_some(), "{key}");
        }
    }
    let _any = (crate::settings::parse_duration(&text), crate::settings::BaseUrl::parse(&text));
    if let Err(why) = crate::settings::PostgresUrl::parse(&text) {
        assert!(!why.is_empty());
    }
}
