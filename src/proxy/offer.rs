//! Shows an answered call to shadowing.
//!
//! Must not: wait, change the answer, or copy anything where the call is not compared.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use http::Response;

use super::body::ProxyBody;
use super::bridge::Bridge;
use super::calls::Call;
use crate::shadow::offer::{Offer, Seen};
use crate::telemetry::Route;

impl Bridge {
    /// The call is over, and its answer on its way. Whatever goes wrong here, the answer goes on.
    pub(super) fn offer(&self, call: &Call, route: Route, answer: &Response<ProxyBody>) {
        let offered = catch_unwind(AssertUnwindSafe(|| self.offered(call, route, answer)));
        if offered.is_err() {
            tracing::error!("offering a call to shadowing panicked");
        }
    }

    fn offered(&self, call: &Call, route: Route, answer: &Response<ProxyBody>) {
        let (Some(shadow), Some(body)) = (&self.shadow, answer.body().whole()) else {
            return;
        };
        let about = (call.operation, route);
        let decided = call.decided.lock();
        let decided = decided.unwrap_or_else(PoisonError::into_inner);
        let decided = decided.as_ref();
        shadow.offer(about, &call.snapshot, decided, || {
            let msn = decided.and_then(|(order, _)| order.scope.msn().cloned());
            Offer {
                operation: call.operation,
                route,
                caller: self.caller(call, msn),
                snapshot: Arc::clone(&call.snapshot),
                subject: decided.cloned(),
                target: call.parts.uri.clone(),
                request_headers: call.parts.headers.clone(),
                request_body: call.body.clone(),
                answer: Seen {
                    status: answer.status().as_u16(),
                    headers: answer.headers().clone(),
                    body,
                },
                answered_at: Instant::now(),
            }
        });
    }
}
