//! Everything that runs over real sockets, in one binary (each further one links everything again).

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends where something is not as it must be"
)]

mod api_document;
mod api_document_money;
mod api_document_moves;
mod attacks;
mod breaker;
mod broken;
mod broken_file;
mod browser;
mod callbacks_delivered;
mod callbacks_direct;
mod callbacks_killed;
mod callbacks_lost;
mod callbacks_received;
mod callbacks_registered;
mod callbacks_simulated;
mod callbacks_told;
mod callbacks_user;
mod canary;
mod clients;
mod clock;
mod commands;
mod contradictions;
mod cost;
mod creating;
mod dashboards;
mod demo;
mod doctor;
mod doctor_store;
mod express;
mod failing_store;
mod flips;
mod frozen;
mod happy;
mod instead;
mod json;
mod killed;
mod killed_behind;
mod ledger;
mod mirror;
mod mirror_kinds;
mod mirror_trouble;
mod money;
mod order;
mod overload;
mod pages;
mod pages_access;
mod passthrough;
mod polling;
mod pressure;
mod process;
mod rehearse;
mod releases;
mod reload;
mod reload_files;
mod repeats;
mod routing;
mod rules;
mod shadow;
mod shadow_modes;
mod shadow_replay;
mod shadow_report;
mod shutdown;
mod simulation;
mod slow_store;
mod soak;
mod specification;
mod steering;
mod store_trouble;
mod streaming;
mod support;
mod surface;
mod tenancy;
mod tls;
mod toggles;
mod tokens;
mod traffic;
mod upstream_tls;
mod upstream_trouble;
mod wire;
mod workers;
