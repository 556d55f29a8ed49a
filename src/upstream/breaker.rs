//! A circuit breaker for each API: after so many failures in a row nothing is sent for a while, then one call tries.
//!
//! What it refuses was not sent, so it leaves no doubt and asks for no look at the evidence. Only calls that upstream had
//! its time for are judged. Must not: choose another way for a call, or take an answer that says no for a failure.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::error::Unsent;
use crate::telemetry::{Api, BreakerState, Meters};

/// Failures further apart are no run: nobody waits for an API that is hardly called.
const GAP: Duration = Duration::from_secs(60);

/// When it opens, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// So many failures in a row; 0: never.
    pub failures: u32,
    /// How long nothing is sent, give or take a fifth.
    pub open: Duration,
}

impl Rules {
    /// It never opens.
    pub const OFF: Self = Self {
        failures: 0,
        open: Duration::ZERO,
    };
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Closed {
        failures: u32,
        last: Option<Instant>,
    },
    Open {
        until: Instant,
    },
    /// One call is on its way. Should it hang, the next one goes at `next`.
    HalfOpen {
        next: Instant,
    },
}

impl State {
    const CLOSED: Self = Self::Closed {
        failures: 0,
        last: None,
    };

    const fn shown(self) -> BreakerState {
        match self {
            Self::Closed { .. } => BreakerState::Closed,
            Self::Open { .. } => BreakerState::Open,
            Self::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }
}

/// The state and what moves it, without a clock.
#[derive(Debug)]
struct Machine {
    rules: Rules,
    state: State,
    /// Counts the changes of state: what was sent before the last one says nothing about it.
    epoch: u64,
}

impl Machine {
    const fn new(rules: Rules) -> Self {
        Self {
            rules,
            state: State::CLOSED,
            epoch: 0,
        }
    }

    const fn turn(&mut self, state: State) {
        self.state = state;
        self.epoch += 1;
    }

    /// Whether a call would be refused.
    fn refuses(&self, now: Instant) -> bool {
        match self.state {
            State::Closed { .. } => false,
            State::Open { until } => now < until,
            State::HalfOpen { next } => now < next,
        }
    }

    /// Lets a call go, under the epoch that its outcome counts for.
    fn enter(&mut self, now: Instant) -> Option<u64> {
        if self.refuses(now) {
            return None;
        }
        let next = now + self.rules.open;
        match self.state {
            State::Closed { .. } => {}
            State::Open { .. } => self.turn(State::HalfOpen { next }),
            State::HalfOpen { .. } => self.state = State::HalfOpen { next },
        }
        Some(self.epoch)
    }

    /// A call of this epoch brought an answer.
    const fn answered(&mut self, epoch: u64) {
        if epoch != self.epoch {
            return;
        }
        match self.state {
            State::Closed { .. } => self.state = State::CLOSED,
            State::Open { .. } | State::HalfOpen { .. } => self.turn(State::CLOSED),
        }
    }

    /// A call of this epoch failed.
    fn failed(&mut self, epoch: u64, now: Instant, open: Duration) {
        if epoch != self.epoch {
            return;
        }
        if let State::Closed { failures, last } = self.state {
            let goes_on = last.is_none_or(|last| now.saturating_duration_since(last) < GAP);
            let failures = if goes_on { failures + 1 } else { 1 };
            if self.rules.failures == 0 || failures < self.rules.failures {
                let last = Some(now);
                self.state = State::Closed { failures, last };
                return;
            }
        }
        self.turn(State::Open { until: now + open });
    }

    /// A call of this epoch ended and says nothing: another one may try.
    fn void(&mut self, epoch: u64, now: Instant) {
        if epoch == self.epoch
            && let State::HalfOpen { next } = &mut self.state
        {
            *next = now;
        }
    }

    /// Other rules hold from now on. What is open stays so, unless it may never be.
    const fn rule(&mut self, rules: Rules) {
        self.rules = rules;
        if rules.failures == 0 && !matches!(self.state, State::Closed { .. }) {
            self.turn(State::CLOSED);
        }
    }
}

/// The breaker of one API; clones share it.
#[derive(Clone, Debug)]
pub struct Breaker(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    api: Api,
    machine: Mutex<Machine>,
    chance: RandomState,
    meters: Arc<Meters>,
}

impl Breaker {
    /// Closed.
    #[must_use]
    pub fn new(api: Api, rules: Rules, meters: Arc<Meters>) -> Self {
        meters.breaker_state(api, BreakerState::Closed);
        Self(Arc::new(Shared {
            api,
            machine: Mutex::new(Machine::new(rules)),
            chance: RandomState::new(),
            meters,
        }))
    }

    /// Puts other rules in force.
    pub fn rule(&self, rules: Rules) {
        self.change(|machine| machine.rule(rules));
    }

    /// Whether a call would be refused now. For work of the bridge's own, which can wait.
    #[must_use]
    pub fn refuses(&self) -> bool {
        self.machine().refuses(Instant::now())
    }

    /// Lets a call go, or says that it was not sent.
    pub(super) fn enter(&self) -> Result<Pass, Unsent> {
        let epoch = self.change(|machine| machine.enter(Instant::now()));
        let epoch = epoch.ok_or(Unsent::BreakerOpen)?;
        Ok(Pass {
            breaker: self.clone(),
            epoch,
            judged: false,
        })
    }

    fn machine(&self) -> MutexGuard<'_, Machine> {
        self.0
            .machine
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the machine, and shows its state where it is another one.
    fn change<T>(&self, change: impl FnOnce(&mut Machine) -> T) -> T {
        let mut machine = self.machine();
        let epoch = machine.epoch;
        let result = change(&mut machine);
        if machine.epoch != epoch {
            let state = machine.state.shown();
            self.0.meters.breaker_state(self.0.api, state);
            let api = self.0.api.word();
            match state {
                BreakerState::Open => tracing::warn!(
                    api,
                    "too many calls in a row failed: nothing is sent for a while, callers get 502"
                ),
                BreakerState::HalfOpen => tracing::info!(api, "one call tries whether it answers"),
                BreakerState::Closed => tracing::info!(api, "it answers again"),
            }
        }
        result
    }

    /// A fifth shorter to a fifth longer, so that instances do not try as one.
    fn spread(&self, open: Duration, epoch: u64) -> Duration {
        let percent = 80 + self.0.chance.hash_one(epoch) % 41;
        open * u32::try_from(percent).unwrap_or(100) / 100
    }
}

/// A call that was let go. Without a verdict (its future was dropped, or it had no fair time) it says nothing.
#[derive(Debug)]
#[must_use]
pub(super) struct Pass {
    breaker: Breaker,
    epoch: u64,
    judged: bool,
}

impl Pass {
    /// An answer came, whatever it says.
    pub(super) fn answered(mut self) {
        self.judged = true;
        self.breaker.change(|machine| machine.answered(self.epoch));
    }

    /// No answer, half of one, or none of the API's own.
    pub(super) fn failed(mut self) {
        self.judged = true;
        self.breaker.change(|machine| {
            let open = self.breaker.spread(machine.rules.open, machine.epoch);
            machine.failed(self.epoch, Instant::now(), open);
        });
    }

    /// An answer came with this status.
    pub(super) fn status(self, status: u16) {
        if is_trouble(status) {
            self.failed();
        } else {
            self.answered();
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if !self.judged {
            self.breaker
                .change(|machine| machine.void(self.epoch, Instant::now()));
        }
    }
}

/// A server in trouble. Not 501: it is well and will never do that; nor 4xx with 429: it answers.
pub(super) const fn is_trouble(status: u16) -> bool {
    matches!(status, 500 | 502..=504)
}

#[cfg(test)]
mod tests;
