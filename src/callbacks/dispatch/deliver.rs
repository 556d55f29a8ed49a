//! One claimed callback from its claim to its settlement.
//!
//! Must not: note or log anything of the address, of the token or of the user.

use std::time::Duration;

use http::HeaderValue;
use secrecy::ExposeSecret;
use tokio::time::{sleep, timeout};

use super::post::Ending;
use super::{Flight, Inner};
use crate::callbacks::body;
use crate::callbacks::schedule::{self, Next};
use crate::ecom::response::UserDetails;
use crate::store::{DueCallback, Settled};
use crate::types::Moment;

/// How long a callback waits for the user's data, all tries together.
pub(super) const GRACE: Duration = Duration::from_secs(4);
const USER_TRIES: u32 = 3;
const USER_PAUSE: Duration = Duration::from_millis(500);

/// A settlement that the store does not take is tried so often; then the lease ends and the callback is repeated.
const SETTLE_TRIES: u32 = 5;
const SETTLE_PAUSE: Duration = Duration::from_millis(100);

impl Inner {
    /// Delivers and settles. Says whether it is due again some time.
    pub(super) async fn deliver(&self, flight: &Flight) -> bool {
        let due = &flight.due;
        let Some(ending) = self.attempt(flight).await else {
            tracing::warn!(
                callback = due.id.0, msn = %due.msn,
                "a callback was not sent: its lease had nearly ended; it will be claimed again"
            );
            return true;
        };
        let settled = self.settlement(flight, ending);
        self.settle(flight, settled).await
    }

    /// None where there is no time left for it within the lease.
    async fn attempt(&self, flight: &Flight) -> Option<Ending> {
        let (due, rules) = (&flight.due, &flight.rules);
        let url = match &flight.url {
            Ok(url) => url.clone(),
            Err(why) => return Some(Ending::Refused(*why)),
        };
        let user = match due.scope_asked {
            Some(_) if body::tells_user(due.status) => self.user_in_grace(due).await,
            _ => None,
        };
        let body = match body::render(due, user) {
            Ok(body) => body,
            Err(error) => {
                tracing::error!(callback = due.id.0, error = %error, "a callback could not be written");
                return Some(Ending::Failed {
                    why: "the body could not be written".to_owned(),
                    retry_after: None,
                });
            }
        };
        let now = self.clock.now();
        if now.plus(rules.settings.timeout) >= flight.until {
            return None;
        }
        Some(rules.poster.post(url, authorization(due), body, now).await)
    }

    /// The user's data, where it can be had soon.
    async fn user_in_grace(&self, due: &DueCallback) -> Option<(String, UserDetails)> {
        let tries = async {
            for attempt in 0..USER_TRIES {
                if attempt > 0 {
                    sleep(USER_PAUSE).await;
                }
                let user = self.user.user(due).await;
                if user.is_some() {
                    return user;
                }
            }
            None
        };
        let user = timeout(GRACE, tries).await.ok().flatten();
        if user.is_none() {
            tracing::warn!(
                callback = due.id.0, msn = %due.msn, order = %due.order,
                "the user's data was asked for and can't be had: the callback goes without"
            );
        }
        user
    }

    fn settlement(&self, flight: &Flight, ending: Ending) -> Settled {
        let due = &flight.due;
        match ending {
            Ending::Delivered => Settled::Delivered,
            Ending::Refused(why) => Settled::Dead {
                why: format!("not called: {why}"),
            },
            Ending::Failed { why, retry_after } => {
                let (done, now) = (due.attempts.saturating_add(1), self.clock.now());
                match schedule::next_attempt(
                    &flight.rules.settings.schedule,
                    done,
                    retry_after,
                    due.id,
                    now,
                ) {
                    Next::Retry(at) => Settled::Retry { at, why },
                    Next::GiveUp => Settled::Dead {
                        why: given_up(done, &why),
                    },
                }
            }
        }
    }

    /// Says whether it is due again.
    async fn settle(&self, flight: &Flight, settled: Settled) -> bool {
        let due = &flight.due;
        for attempt in 0..SETTLE_TRIES {
            if attempt > 0 {
                sleep(SETTLE_PAUSE * 2_u32.pow(attempt)).await;
            }
            let now = self.clock.now();
            match self
                .store
                .settle_callback(due.id, due.lease, settled.clone(), now)
                .await
            {
                Ok(true) => return self.report(due, &settled, now),
                Ok(false) => {
                    tracing::warn!(
                        callback = due.id.0, msn = %due.msn,
                        "a callback's lease ended before it was settled: it may go out twice"
                    );
                    return true;
                }
                Err(error) => {
                    tracing::error!(callback = due.id.0, error = %error, "a callback could not be settled");
                }
            }
        }
        true
    }

    fn report(&self, due: &DueCallback, settled: &Settled, now: Moment) -> bool {
        let attempt = due.attempts.saturating_add(1);
        match settled {
            Settled::Delivered => {
                self.meters.callback("delivered");
                self.meters.callback_delay(now.since(due.at).as_secs_f64());
                tracing::info!(
                    callback = due.id.0, msn = %due.msn, order = %due.order, status = ?due.status, attempt,
                    "callback delivered"
                );
            }
            Settled::Retry { at, why } => {
                self.meters.callback("retried");
                tracing::warn!(
                    callback = due.id.0, msn = %due.msn, order = %due.order, status = ?due.status, attempt,
                    why, next = %at, "callback failed; it is tried again"
                );
                return true;
            }
            Settled::Dead { why } => {
                self.meters.callback("dead");
                tracing::error!(
                    callback = due.id.0, msn = %due.msn, order = %due.order, status = ?due.status, attempt,
                    why, "callback given up: see `callbacks show`, and `callbacks replay` once the cause is gone"
                );
            }
            // Of the capture stage; never made here.
            Settled::Ready { .. } => {}
        }
        false
    }
}

fn given_up(attempts: u32, last: &str) -> String {
    let plural = if attempts == 1 { "" } else { "s" };
    format!("given up after {attempts} attempt{plural}; the last: {last}")
}

/// The merchant's own token, verbatim. One that no header can hold is left out: a shop that checks it refuses the
/// callback, one that does not is served.
fn authorization(due: &DueCallback) -> Option<HeaderValue> {
    let token = due.target.auth_token.as_ref()?.expose_secret();
    if token.is_empty() {
        return None;
    }
    match HeaderValue::from_bytes(token.as_bytes()) {
        Ok(mut value) => {
            value.set_sensitive(true);
            Some(value)
        }
        Err(_) => {
            if due.attempts == 0 {
                tracing::warn!(
                    callback = due.id.0, msn = %due.msn,
                    "the authToken can't stand in a header: the callback goes without"
                );
            }
            None
        }
    }
}
