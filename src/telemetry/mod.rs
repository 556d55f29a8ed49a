//! What the bridge tells its operators: log lines, metrics, and one line per request.
//!
//! Must not: hold or write a secret, a phone number, a name or a text of a merchant. Words in labels and lines are
//! words of this program (`&'static str` or enums), so that their number is bounded.

mod ledger;
pub mod logging;
pub mod meters;
pub mod wide;

mod seen;
mod words;

pub use ledger::LedgerMeters;
pub use logging::LinesDropped;
pub use meters::{Meters, ShadowOf, ShadowSnapshot};
pub use seen::{Class, Fit, Seen, Told};
pub use wide::RequestFacts;
pub use words::{Api, BreakerState, Op, Route};
