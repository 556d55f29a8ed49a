//! The certificate that the merchants' listener serves: its end is a metric, and a warning where it is over.
//!
//! Must not: refuse one that is over. Clients judge that, and the old one would be no better.

use std::sync::Arc;

use crate::proxy::tls::{Certificate, Ready};
use crate::telemetry::Meters;
use crate::types::Clock;

/// The certificate in force, and who is told of it.
#[derive(Clone, Debug)]
pub(super) struct InForce {
    certificate: Certificate,
    meters: Arc<Meters>,
    clock: Arc<dyn Clock>,
}

impl InForce {
    /// Tells of the one that is in force already.
    pub(super) fn new(
        certificate: Certificate,
        meters: &Arc<Meters>,
        clock: &Arc<dyn Clock>,
    ) -> Self {
        let new = Self {
            certificate,
            meters: Arc::clone(meters),
            clock: Arc::clone(clock),
        };
        new.tell();
        new
    }

    /// Puts another one in force.
    pub(super) fn replace(&self, ready: Ready) {
        self.certificate.replace(ready);
        self.tell();
    }

    fn tell(&self) {
        let Some(end) = self.certificate.ends() else {
            return;
        };
        self.meters.certificate_ends(end);
        if end < self.clock.now() {
            tracing::warn!(
                ended = %end,
                "the certificate in proxy.tls_cert is over, and careful clients refuse it: put a new one into the file, and the bridge takes it by itself"
            );
        }
    }
}
