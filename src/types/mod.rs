//! Values that cannot hold nonsense: amounts, identifiers, phone numbers, time.
//!
//! Floor F0: imports nothing of the house. Construction is the only check; whoever holds a value may trust it.

mod amount;
mod birth;
mod clock;
mod field;
mod ids;
mod key;
mod phone;
mod untranslatable;

pub use amount::{Amount, Currency};
pub use birth::{Kind, Origin};
pub use clock::{Clock, ManualClock, Moment, Reading, SystemClock};
pub use field::FieldPath;
pub use ids::{CallerHash, Msn, OrderId, OrderText, Reference, RequestId, Scope, StoreSecret};
pub use key::{IdempotencyKey, KeyMaker, MoneyOp, Seen};
pub use phone::{BadPhoneNumber, CountryCode, Msisdn};
pub use untranslatable::Untranslatable;
