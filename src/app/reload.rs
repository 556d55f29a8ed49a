//! What follows a configuration that was read again, beside the settings that everybody reads from `Live`.
//!
//! Must not: hold a rule.

use std::sync::Arc;
use std::time::Duration;

use crate::callbacks::Dispatcher;
use crate::callbacks::served::Served;
use crate::proxy::tls::Ready;
use crate::settings::{Fingerprint, Sources};
use crate::steering::reload::{Adopt, LOOK_EVERY, Prepare, units_changed};
use crate::telemetry::logging::LevelHandle;
use crate::upstream::breaker::Breaker;

use super::certificate::InForce;

/// Where a running bridge reads its configuration again.
#[derive(Clone, Debug)]
pub struct Reloading {
    /// The files and the environment.
    pub sources: Sources,
    /// What was read there for the settings that the bridge was built with.
    pub started_with: Fingerprint,
    /// Turns the log's level; none: it stays.
    pub level: Option<LevelHandle>,
    /// How often the files are looked at.
    pub every: Duration,
}

impl Reloading {
    /// From these sources, as `serve` does it.
    #[must_use]
    pub const fn new(sources: Sources, started_with: Fingerprint, level: LevelHandle) -> Self {
        Self {
            sources,
            started_with,
            level: Some(level),
            every: LOOK_EVERY,
        }
    }
}

/// The certificate and the dispatcher's clients are made before anything is changed, because that can fail;
/// registrations follow.
pub(super) fn prepare(
    dispatcher: Dispatcher,
    served: Arc<Served>,
    certificate: Option<InForce>,
    breakers: Vec<Breaker>,
) -> Prepare {
    Box::new(move |settings, changes| {
        let callbacks = changes.iter().any(|one| one.key.starts_with("callbacks."));
        let rules = callbacks
            .then(|| dispatcher.prepare(&settings.callbacks))
            .transpose()
            .map_err(|error| format!("the client for callbacks can't be made: {error}"))?;
        let is_other = changes.iter().any(|one| one.key.starts_with("proxy.tls_"));
        let files = settings.proxy.tls.as_ref().filter(|_| is_other);
        let ready = files.map(Ready::read).transpose();
        let ready = ready.map_err(|error| error.to_string())?;
        let certificate = certificate.clone().zip(ready);
        let units = units_changed(settings, changes);
        let (dispatcher, served) = (dispatcher.clone(), Arc::clone(&served));
        let (breakers, rules_of_breakers) = (breakers.clone(), super::breaker_rules(settings));
        let adopt: Adopt = Box::new(move || {
            if let Some(rules) = rules {
                dispatcher.adopt(rules);
            }
            if let Some((certificate, ready)) = certificate {
                certificate.replace(ready);
            }
            for breaker in breakers {
                breaker.rule(rules_of_breakers);
            }
            served.configured(units);
        });
        Ok(adopt)
    })
}
