//! Steering at run time: overrides and kill switches, from the store into the policy that every call reads.
//!
//! What one instance records, every instance on the same store follows within half a second or so. Must not: decide where
//! a call goes (`routing` does), or lose what held when the store can't be asked.

pub mod auto;
pub mod reload;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::lifecycle::Lifecycle;
use crate::routing::{Lever, Steering, Toggle};
use crate::settings::{Live, Settings};
use crate::store::{
    Automatic, AutomaticStore, NewOverride, Override, OverrideId, Reason, SteeringStore, StoreError,
};
use crate::telemetry::Meters;
use crate::types::{Clock, Moment, Msn};

/// How often the store is asked what holds. The promise to an operator is two seconds.
const EVERY: Duration = Duration::from_millis(500);

/// Moves the levers, and keeps the policy as they stand.
#[derive(Debug)]
pub struct Steerer {
    store: Arc<dyn SteeringStore>,
    /// How far ramp and rollback let units go; none: they hold nothing back.
    automatic: Option<Arc<dyn AutomaticStore>>,
    live: Arc<Live>,
    clock: Arc<dyn Clock>,
    meters: Arc<Meters>,
    /// One refresh at a time: an older view must not be put in force after a newer one.
    turn: tokio::sync::Mutex<()>,
    blind: AtomicBool,
}

/// Why a lever was not moved.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SteerError {
    /// The lever can't be set so.
    #[error("{} can't be {toggle}: {}", lever.word(), if matches!(lever, Lever::KillSwitch) {
        "a kill switch is on or off"
    } else {
        "only initiate can have a percentage"
    })]
    Setting {
        /// What was to be moved.
        lever: Lever,
        /// Where to.
        toggle: Toggle,
    },
    /// It would end before it begins.
    #[error("its time is over already: give it a second or more")]
    Over,
    /// Nothing of that number is in force.
    #[error("no override of this number is in force; `toggle` lists those that are")]
    NoSuch,
    /// The kill switch is off.
    #[error("the kill switch is not on for {}", .0.as_ref().map_or_else(|| "all".to_owned(), Msn::to_string))]
    NotOn(Option<Msn>),
    /// The store failed: nothing was changed.
    #[error("nothing was changed: {0}")]
    Store(#[from] StoreError),
}

impl Steerer {
    /// Steers `live` by what stands in `store`.
    #[must_use]
    pub fn new(
        store: Arc<dyn SteeringStore>,
        live: Arc<Live>,
        clock: Arc<dyn Clock>,
        meters: Arc<Meters>,
    ) -> Self {
        Self {
            store,
            automatic: None,
            live,
            clock,
            meters,
            turn: tokio::sync::Mutex::default(),
            blind: AtomicBool::new(false),
        }
    }

    /// The same, with what ramp and rollback hold back.
    #[must_use]
    pub fn with_automatic(mut self, automatic: Arc<dyn AutomaticStore>) -> Self {
        self.automatic = Some(automatic);
        self
    }

    /// The settings that are steered.
    #[must_use]
    pub const fn live(&self) -> &Arc<Live> {
        &self.live
    }

    /// The records.
    #[must_use]
    pub const fn store(&self) -> &Arc<dyn SteeringStore> {
        &self.store
    }

    /// Now, by the clock that ends overrides.
    #[must_use]
    pub fn now(&self) -> Moment {
        self.clock.now()
    }

    /// Moves a lever. It is in force here when this returns, and everywhere soon after.
    ///
    /// # Errors
    /// When the lever can't be set so, or the store failed.
    pub async fn set(&self, new: NewOverride) -> Result<Override, SteerError> {
        let now = self.clock.now();
        if !new.lever.takes(new.toggle) {
            return Err(SteerError::Setting {
                lever: new.lever,
                toggle: new.toggle,
            });
        }
        if new.until.is_some_and(|until| until <= now) {
            return Err(SteerError::Over);
        }
        let id = self.store.set_override(new.clone(), now).await?;
        tracing::warn!(
            lever = new.lever.word(),
            msn = new.msn.as_ref().map(Msn::as_str),
            to = %new.lever.shown(new.toggle),
            who = new.reason.who(),
            why = new.reason.why(),
            "a lever was moved"
        );
        if !self.follow().await {
            // It is recorded and will be acknowledged: it must not wait for the store to be well again.
            let mut steering = self.live.snapshot().policy.steering.clone();
            steering.set(new.lever, new.msn.as_ref(), new.toggle);
            self.live.steer(&steering);
        }
        Ok(Override {
            id,
            lever: new.lever,
            msn: new.msn,
            toggle: new.toggle,
            reason: new.reason,
            made_at: now,
            until: new.until,
        })
    }

    /// Ends an override.
    ///
    /// # Errors
    /// When none of that number is in force, or the store failed.
    pub async fn undo(&self, id: OverrideId, reason: Reason) -> Result<Override, SteerError> {
        let now = self.clock.now();
        let ended = self.store.end_override(id, reason.clone(), now).await?;
        let ended = ended.ok_or(SteerError::NoSuch)?;
        tracing::warn!(
            lever = ended.lever.word(),
            msn = ended.msn.as_ref().map(Msn::as_str),
            from = %ended.lever.shown(ended.toggle),
            who = reason.who(),
            why = reason.why(),
            "a lever was let go"
        );
        self.follow().await;
        Ok(ended)
    }

    /// Turns a kill switch off.
    ///
    /// # Errors
    /// When it is not on, or the store failed.
    pub async fn revive(&self, msn: Option<Msn>, reason: Reason) -> Result<Override, SteerError> {
        let all = self.store.overrides(self.clock.now()).await?;
        let on = all
            .iter()
            .find(|one| one.lever == Lever::KillSwitch && one.msn == msn);
        match on {
            Some(on) => self.undo(on.id, reason).await,
            None => Err(SteerError::NotOn(msn)),
        }
    }

    /// Asks the store what holds and puts it in force.
    ///
    /// # Errors
    /// When the store failed: then what held goes on.
    pub async fn refresh(&self) -> Result<(), StoreError> {
        let _turn = self.turn.lock().await;
        let now = self.clock.now();
        for over in self.store.expire_overrides(now).await? {
            tracing::warn!(
                lever = over.lever.word(),
                msn = over.msn.as_ref().map(Msn::as_str),
                from = %over.lever.shown(over.toggle),
                "an override is over"
            );
        }
        let overrides = self.store.overrides(now).await?;
        let mut steering = steering_of(&overrides);
        if let Some(automatic) = &self.automatic {
            hold_back(
                &mut steering,
                &self.live.settings(),
                &automatic.automatic().await?,
            );
        }
        let killed = usize::from(steering.killed_all) + steering.killed.len();
        self.meters.set_overrides(overrides.len(), killed);
        self.live.steer(&steering);
        Ok(())
    }

    /// Whether what the store holds is in force now.
    async fn follow(&self) -> bool {
        let followed = self.refresh().await;
        let is_seen = followed.is_ok();
        match followed {
            Ok(()) => {
                if self.blind.swap(false, Ordering::Relaxed) {
                    tracing::info!("the store tells again what is steered");
                }
            }
            Err(error) => {
                if !self.blind.swap(true, Ordering::Relaxed) {
                    tracing::error!(error = %error, "the store can't be asked what is steered: what held goes on");
                }
            }
        }
        is_seen
    }

    /// Follows the store until the bridge ends.
    pub async fn run(self: Arc<Self>, lifecycle: Lifecycle) {
        let stop = lifecycle.soft().clone();
        let pause = || tokio::time::sleep(EVERY);
        while stop.run_until_cancelled(pause()).await.is_some() {
            self.follow().await;
        }
    }
}

/// What overrides amount to.
#[must_use]
pub fn steering_of(overrides: &[Override]) -> Steering {
    let mut steering = Steering::default();
    for one in overrides {
        steering.set(one.lever, one.msn.as_ref(), one.toggle);
    }
    steering
}

/// Puts over them what ramp and rollback hold back, where they act.
fn hold_back(steering: &mut Steering, settings: &Settings, automatic: &[Automatic]) {
    if !settings.ramp.enabled && !settings.rollback.enabled {
        return;
    }
    steering.caps = automatic
        .iter()
        .filter_map(|one| Some((one.msn.clone(), one.percent?)))
        .collect();
    // With a ramp nobody goes past its first step before it has begun with them.
    if settings.ramp.enabled {
        steering.cap_others = settings.ramp.steps.first().copied();
    }
}

#[cfg(test)]
mod tests;
