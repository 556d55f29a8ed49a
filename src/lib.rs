//! ecom-bridge: answers the calls of Vipps' legacy eCom API v2 by way of the ePayment API.
//!
//! The house, by floors (a module imports only from floors below its own; `tests/house.rs` guards it):
//!
//! | floor | modules | what |
//! |---|---|---|
//! | F0 | [`types`] | values that cannot hold nonsense |
//! | F1 | [`ecom`], [`epayment`] | the two wires |
pub mod admin;
pub mod app;
pub mod callbacks;
pub mod cli;
pub mod ecom;
pub mod epayment;
pub mod lifecycle;
pub mod payments;
pub mod proxy;
pub mod routing;
pub mod settings;
pub mod simulator;
pub mod store;
pub mod telemetry;
pub mod translate;
pub mod types;
pub mod upstream;
