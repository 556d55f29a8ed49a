//! What is fuzzed: the product's own pure floors and pure files, compiled from their source without the rest of it, so that
//! building them with coverage takes a minute and not ten; and a module for each target, with what must hold for any bytes.
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

/// Of the operator's listener what says where a request comes from and what it brings. A target that reads what a module
/// shows to its neighbours only stands among them.
#[path = "../../src/admin"]
pub mod admin {
    mod brought;
    mod origin;
    mod sessions;

    #[path = "../../fuzz/src/targets/visitor.rs"]
    pub mod visitor;
}

/// Of the use cases what reads eCom's answers.
#[path = "../../src/payments"]
pub mod payments {
    mod said;
    mod seen;

    #[path = "../../fuzz/src/targets/from_ecom.rs"]
    pub mod from_ecom;
}

/// Of the merchants' listener what judges a head.
#[path = "../../src/proxy"]
pub mod proxy {
    pub mod headers;
}

/// Of shadowing what judges what may be shown and kept, and what reads a recording.
#[path = "../../src/shadow"]
pub mod shadow {
    pub mod redact;
    pub mod record {
        pub mod line;
    }
    pub mod replay {
        mod lines;
        mod reading;

        #[path = "../../../fuzz/src/targets/recording.rs"]
        pub mod recording;
    }
}

/// Of the store its plain values.
#[path = "../../src/store"]
pub mod store {
    mod balance;
    mod record;
    pub mod shadow {
        pub mod kinds;
    }

    pub use balance::*;
    pub use record::*;
    pub use shadow::kinds::*;
}

/// Of calling upstream what goes on of a head, and what lets a call in there.
#[path = "../../src/upstream"]
pub mod upstream {
    mod credentials;
    mod error;
    mod head;
    mod token {
        pub mod answer;
    }

    pub use credentials::*;
    pub use error::*;

    #[path = "../../fuzz/src/targets/grant.rs"]
    pub mod grant;
    #[path = "../../fuzz/src/targets/heads.rs"]
    pub mod heads;
}

pub use admin::visitor;
pub use payments::from_ecom;
pub use shadow::replay::recording;
pub use upstream::{grant, heads};

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

mod lines;
mod other;
