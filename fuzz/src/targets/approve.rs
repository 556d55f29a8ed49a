//! Force approve.

use crate::ecom::read::object;
use crate::ecom::request::ForceApprove;
use crate::translate::approve::to_approve;
use crate::types::CountryCode;

/// A number is digits, or there is none.
pub fn run(data: &[u8]) {
    let Ok((body, _)) = object::<ForceApprove>(data) else {
        return;
    };
    let Ok(approve) = to_approve(&body, &CountryCode::default()) else {
        return;
    };
    let number = approve.customer.and_then(|customer| customer.phone_number);
    if let Some(number) = number {
        assert!((10..=15).contains(&number.len()), "{number}");
        assert!(number.bytes().all(|b| b.is_ascii_digit()), "{number}");
    }
}
