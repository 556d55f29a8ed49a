//! Answers the calls of Vipps' eCom API v2 by way of the ePayment API. Imports go down (`tests/house.rs` sees to it).
//!
//! | floor | modules | what |
//! |---|---|---|
//! | F6 | [`app`], [`cli`] | wires settings to parts, parts to a running bridge; what an operator types |
//! | F5 | [`proxy`], [`admin`] | the merchants' HTTP surface; the operator's |
//! | F4 | [`payments`]; above it [`callbacks`] and [`shadow`]; beside them [`ledger`]; [`observe`], above it [`readiness`] and [`steering`] | the use cases: money is written before it is sent, and closed by evidence; from events to the shop's callbacks; the other API's answer beside the one that was given; the proof that all fits together; what traffic there is; what may be done next; what an operator, or the machine, moves at run time |
//! | F3 | [`settings`], [`telemetry`], [`store`], [`upstream`], [`lifecycle`], [`workers`] | the world outside the calculation |
//! | F2 | [`translate`], [`routing`] | pure: what becomes of a call, and where it goes |
//! | F1, F0 | [`ecom`], [`epayment`]; [`types`] | the two wires as documented; values that cannot hold nonsense |
//! | side | [`simulator`] | both upstream APIs, for tests, `demo`, `simulate` and `rehearse`; stands on F1 and sees no translation |

pub mod admin;
pub mod app;
pub mod callbacks;
pub mod cli;
pub mod ecom;
pub mod epayment;
pub mod ledger;
pub mod lifecycle;
pub mod observe;
pub mod payments;
pub mod proxy;
pub mod readiness;
pub mod routing;
pub mod settings;
pub mod shadow;
pub mod simulator;
pub mod steering;
pub mod store;
pub mod telemetry;
pub mod translate;
pub mod types;
pub mod upstream;
pub mod workers;
