//! The way from ePayment's events to the merchant's callbacks.
//!
//! `receive` checks a webhook and records event and outbox row in one transaction; `dispatch` claims what is due, posts
//! it and settles it; `schedule` says when it is tried again, `target` where it may go. Must not: hold a lock while a
//! merchant is called, or keep a queue beside the store.

pub mod address;
mod body;
pub mod direct;
pub mod dispatch;
pub mod find;
pub mod poll;
pub mod receive;
pub mod register;
pub mod retention;
pub mod schedule;
mod secrets;
pub mod served;
pub mod target;
pub mod user;
pub mod work;

pub use dispatch::{Dispatcher, UserSource};
pub use target::{Refusal, Targets};

use crate::payments::{Order, Terms};
use crate::settings::{MerchantSettings, Settings};
use crate::types::{OrderText, Scope};

/// What these settings say of one piece of work.
#[must_use]
pub fn terms_of(settings: &Settings) -> Terms {
    let upstream = &settings.upstream;
    Terms::new(
        upstream.retries,
        upstream.timeout,
        settings.store.recovery_metadata,
    )
}

/// An order of a sales unit with these settings, as the use cases take it.
#[must_use]
pub fn order_of(scope: Scope, order: OrderText, unit: MerchantSettings) -> Order {
    Order {
        scope,
        order,
        currency: unit.currency,
        country: unit.country_code,
        direct_capture: unit.direct_capture,
    }
}
