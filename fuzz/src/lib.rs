//! What is fuzzed: the product's own pure floors, compiled from their source without the rest of it, so that building them
//! with coverage takes a minute and not ten; and a module for each target, with what must hold for any bytes.
//!
//! Must not: hold a copy of a rule of the product.

// The product's lints are the product's to keep, and not all of it is used here.
#![allow(dead_code, missing_docs, unused_imports)]

#[path = "../../src/ecom/mod.rs"]
pub mod ecom;
#[path = "../../src/epayment/mod.rs"]
pub mod epayment;
#[path = "../../src/routing/mod.rs"]
pub mod routing;
#[path = "../../src/settings/mod.rs"]
pub mod settings;
#[path = "../../src/translate/mod.rs"]
pub mod translate;
#[path = "../../src/types/mod.rs"]
pub mod types;

/// Of the callbacks what judges an address.
#[path = "../../src/callbacks"]
pub mod callbacks {
    pub mod address;
    #[path = "target/text.rs"]
    pub mod text;
}

/// Of shadowing what judges what may be shown and kept.
#[path = "../../src/shadow"]
pub mod shadow {
    pub mod redact;
}

#[path = "targets/adjust.rs"]
pub mod adjust;
#[path = "targets/approve.rs"]
pub mod approve;
#[path = "targets/callback.rs"]
pub mod callback;
#[path = "targets/answers.rs"]
pub mod answers;
#[path = "targets/initiate.rs"]
pub mod initiate;
#[path = "targets/redaction.rs"]
pub mod redaction;
#[path = "targets/route.rs"]
pub mod route;
#[path = "targets/configuration.rs"]
pub mod configuration;
#[path = "targets/webhook.rs"]
pub mod webhook;
#[path = "targets/words.rs"]
pub mod words;

mod other;
