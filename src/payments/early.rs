//! What is told of a call whose record takes longer to write than the call has time.
//!
//! Must not: be told before it is known.

use std::future::Future;
use std::pin::pin;
use std::sync::OnceLock;

use super::{Answer, Caller};
use crate::telemetry::Route;

/// The answer of a call that is still at its record.
#[derive(Debug, Default)]
pub struct Early(OnceLock<(Answer, Route)>);

impl Early {
    /// What is known, if it is.
    #[must_use]
    pub fn known(&self) -> Option<(Answer, Route)> {
        self.0.get().cloned()
    }
}

impl Caller {
    /// Does what is left to do, which changes nothing of the answer: it may be told when the call's time is over.
    pub(crate) async fn telling(
        &self,
        answer: &Answer,
        route: Route,
        rest: impl Future<Output = ()> + Send,
    ) {
        let mut rest = pin!(rest);
        let in_time = tokio::time::timeout(self.budget.left(), &mut rest).await;
        if in_time.is_err() {
            let _first = self.early.0.set((answer.clone(), route));
            rest.await;
        }
    }
}
