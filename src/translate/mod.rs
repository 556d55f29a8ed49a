//! Typed eCom to typed ePayment and back: the whole correspondence of the two APIs, as pure functions.
//!
//! | eCom | ePayment | where |
//! |---|---|---|
//! | initiate | create payment | `initiate` |
//! | capture, cancel, refund | the same, in parts | `adjust` |
//! | details, status | get payment and its events | `details` |
//! | the error array | problem JSON | `error` |
//!
//! Must not: do I/O, ask the clock, read the configuration, or drop a member that changes money or identity.

pub mod adjust;
pub mod approve;
pub mod callback;
pub mod coverage;
pub mod details;
pub mod error;
pub mod initiate;
#[cfg(test)]
mod laws;
pub mod loss;
pub mod recovery;
#[cfg(test)]
pub(crate) mod testing;

use crate::ecom::lenient::{Field, Text};
use crate::types::Msn;

/// Collects what is wrong with a request, so that one answer names it all.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<(String, String)>);

impl Faults {
    fn add(&mut self, name: &str, message: &str) {
        self.0.push((name.to_owned(), message.to_owned()));
    }

    fn wrong<T>(&mut self, field: &Field<T>, name: &str, wanted: &str) {
        if field.is_wrong() {
            self.add(name, &format!("must be {wanted}"));
        }
    }

    fn into_result<T>(self, value: Option<T>) -> Result<T, crate::ecom::error::Failure> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ if self.0.is_empty() => {
                Err(crate::ecom::error::Failure::field("body", "can't be read"))
            }
            _ => Err(crate::ecom::error::Failure::fields(self.0)),
        }
    }
}

/// The MSN that a body and a header name together: they must agree. `None` where neither names one.
pub(crate) fn agreed_msn(
    body: &Field<Text>,
    header: Option<&str>,
    faults: &mut Faults,
) -> Option<Msn> {
    const NAME: &str = "merchantInfo.merchantSerialNumber";
    let said = body.get().map(|text| text.0.trim());
    let header = header.map(str::trim).filter(|text| !text.is_empty());
    if body.is_wrong() || said.is_some_and(|text| Msn::parse(text).is_none()) {
        faults.add(NAME, "must be the sales unit's number, 4 to 7 digits");
        return None;
    }
    match (said, header) {
        (Some(body), Some(header)) if body != header => {
            faults.add(
                NAME,
                "names another sales unit than the header Merchant-Serial-Number; nothing was sent",
            );
            None
        }
        (said, header) => said.or(header).and_then(|text| {
            let msn = Msn::parse(text);
            if msn.is_none() {
                faults.add(
                    "Merchant-Serial-Number",
                    "must be the sales unit's number, 4 to 7 digits",
                );
            }
            msn
        }),
    }
}

/// `transactionText`: required, null counts as empty, at most 100 characters.
pub(crate) fn text_of(
    field: &Field<crate::ecom::lenient::StrictText>,
    faults: &mut Faults,
) -> String {
    const NAME: &str = "transaction.transactionText";
    match field {
        Field::Absent => faults.add(NAME, "is required"),
        Field::Wrong => faults.add(NAME, "must be text of at most 100 characters"),
        Field::Is(text) if text.0.chars().count() > 100 => {
            faults.add(NAME, "has more than 100 characters")
        }
        Field::Is(text) => return text.0.clone(),
        Field::Null => {}
    }
    String::new()
}
