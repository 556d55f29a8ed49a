//! Which event becomes which callback, and which none.
//!
//! Source: eCom API guide "Callbacks", mapping of events to callback statuses. A status outside eCom's list makes shops
//! cancel the order, and the first callback wins: so a refused card calls nobody while the payment is open. Must not: know
//! whether a payment has been called back for already (the store does).

use crate::ecom::callback::CallbackStatus;
use crate::epayment::event::{EventName, PaymentEvent};
use crate::types::{IdempotencyKey, Msn, Reference};

/// What follows from an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// eCom never called back for this.
    None,
    /// The shop is told.
    Tell(CallbackStatus),
    /// The reservation is captured first; then the shop is told `SALE`.
    CaptureThenTell,
}

/// What follows from an event of a payment. `direct_capture`: of the sales unit. `ended_by_bridge`: the bridge's own time
/// limit for unapproved payments ended it.
#[must_use]
pub fn reaction(event: &PaymentEvent, direct_capture: bool, ended_by_bridge: bool) -> Reaction {
    match event.name {
        EventName::Authorized if event.success && direct_capture => Reaction::CaptureThenTell,
        EventName::Authorized if event.success => Reaction::Tell(CallbackStatus::Reserved),
        EventName::Aborted => Reaction::Tell(CallbackStatus::Cancelled),
        EventName::Expired => Reaction::Tell(CallbackStatus::Rejected),
        EventName::Terminated if ended_by_bridge => Reaction::Tell(CallbackStatus::Rejected),
        EventName::Authorized
        | EventName::Created
        | EventName::Captured
        | EventName::Cancelled
        | EventName::Refunded
        | EventName::Terminated
        | EventName::Unknown => Reaction::None,
    }
}

/// The key of the cancel by which the bridge ends an unapproved payment: the same for every try, so it is done once.
#[must_use]
pub fn ending_key(msn: &Msn, reference: &Reference) -> IdempotencyKey {
    let name = format!("ecom-bridge unapproved limit {msn} {reference}");
    IdempotencyKey::own(uuid::Uuid::new_v5(
        &uuid::Uuid::NAMESPACE_URL,
        name.as_bytes(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str, success: bool) -> PaymentEvent {
        serde_json::from_value(serde_json::json!({
            "reference": "order-0001", "pspReference": "1", "name": name, "success": success,
            "amount": {"currency": "NOK", "value": 100}, "timestamp": "2026-01-02T03:04:05Z",
        }))
        .unwrap()
    }

    #[test]
    fn each_event_has_its_callback_or_none() {
        use CallbackStatus::{Cancelled, Rejected, Reserved};
        for (name, success, direct, by_bridge, want) in [
            ("AUTHORIZED", true, false, false, Reaction::Tell(Reserved)),
            ("AUTHORIZED", true, true, false, Reaction::CaptureThenTell),
            ("AUTHORIZED", false, false, false, Reaction::None),
            ("AUTHORIZED", false, true, false, Reaction::None),
            ("ABORTED", true, false, false, Reaction::Tell(Cancelled)),
            ("EXPIRED", true, false, false, Reaction::Tell(Rejected)),
            ("TERMINATED", true, false, true, Reaction::Tell(Rejected)),
            ("TERMINATED", true, false, false, Reaction::None),
            ("CREATED", true, false, false, Reaction::None),
            ("CAPTURED", true, true, false, Reaction::None),
            ("CANCELLED", true, false, false, Reaction::None),
            ("REFUNDED", true, false, false, Reaction::None),
            ("SOMETHING_NEW", true, false, false, Reaction::None),
        ] {
            assert_eq!(
                reaction(&event(name, success), direct, by_bridge),
                want,
                "{name} {success} {direct}"
            );
        }
    }

    #[test]
    fn the_ending_key_is_the_payments_own() {
        let msn = |text| Msn::parse(text).unwrap();
        let reference = |text| Reference::parse(text).unwrap();
        let key = ending_key(&msn("123456"), &reference("order-0001"));
        assert_eq!(key, ending_key(&msn("123456"), &reference("order-0001")));
        assert_ne!(key, ending_key(&msn("123457"), &reference("order-0001")));
        assert_ne!(key, ending_key(&msn("123456"), &reference("order-0002")));
    }
}
