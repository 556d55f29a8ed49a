//! Collects what the verdicts rest on, from the store and the settings in force.
//!
//! Must not: judge, or ask an API.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Callbacks, Compared, Facts, OpenPayments};
use crate::ecom::route::Operation;
use crate::observe::DAYS;
use crate::routing::{Policy, Routing};
use crate::settings::Live;
use crate::store::{
    CallbackFilter, CallbackState, CallbackStore, Hour, ObservationStore, SteeringStore, StoreError,
};
use crate::types::{Clock, Moment, Msn};

/// More callbacks of a state than this are said to be so many.
const COUNTED: usize = 1000;
/// So many of the newest changes are looked through for a sales unit's last one.
const CHANGES: usize = 500;
/// What the list of changes says of moved toggles.
const MOVES: [&str; 6] = [
    "override",
    "undo",
    "expired",
    "kill-switch",
    "reload",
    "automatic",
];

/// Tells of open payments; the ledger's part.
pub type CountOpen = Arc<
    dyn Fn(&Msn) -> std::pin::Pin<Box<dyn Future<Output = Option<OpenPayments>> + Send>>
        + Send
        + Sync,
>;

/// Why the machine holds a sales unit's new payments back, where it does.
pub type TurnedBack = Arc<
    dyn Fn(&Msn) -> std::pin::Pin<Box<dyn Future<Output = Option<String>> + Send>> + Send + Sync,
>;

/// What shadowing found, by operation; none where nothing was ever compared.
pub type ShadowFound = Arc<
    dyn Fn() -> std::pin::Pin<
            Box<
                dyn Future<Output = Result<Option<BTreeMap<Operation, Compared>>, StoreError>>
                    + Send,
            >,
        > + Send
        + Sync,
>;

/// Collects.
#[derive(Clone)]
pub struct Gatherer {
    /// What was counted.
    pub observations: Arc<dyn ObservationStore>,
    /// The outbox and the registrations.
    pub callbacks: Arc<dyn CallbackStore>,
    /// The list of changes.
    pub changes: Arc<dyn SteeringStore>,
    /// The settings in force.
    pub live: Arc<Live>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Counts open payments; none: they are not counted.
    pub open: Option<CountOpen>,
    /// What the machine holds back.
    pub turned_back: Option<TurnedBack>,
    /// What shadowing found; it is of all sales units together.
    pub shadow: Option<ShadowFound>,
}

impl std::fmt::Debug for Gatherer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gatherer").finish_non_exhaustive()
    }
}

impl Gatherer {
    /// The sales units that are configured or were seen.
    ///
    /// # Errors
    /// When the store failed.
    pub async fn units(&self) -> Result<Vec<Msn>, StoreError> {
        let from = Hour::of(self.clock.now()).back(DAYS * 24);
        let mut units = self.observations.observed_units(from).await?;
        units.extend(self.live.settings().merchants.keys().cloned());
        units.sort();
        units.dedup();
        Ok(units)
    }

    /// What there is to know of a sales unit.
    ///
    /// # Errors
    /// When the store failed.
    pub async fn facts(&self, msn: &Msn) -> Result<Facts, StoreError> {
        let now = self.clock.now();
        let snapshot = self.live.snapshot();
        let settings = &snapshot.settings;
        let from = Hour::of(now).back(DAYS * 24);
        let observed = self.observations.observations(msn, from).await?;
        let registration = self.callbacks.registrations().await?.into_iter();
        let registration = registration
            .filter(|state| state.msn == *msn && state.failures > 0)
            .find_map(|state| state.why);
        let unit = settings.merchant(msn);
        let open = match &self.open {
            Some(count) => count(msn).await,
            None => None,
        };
        let turned_back = match &self.turned_back {
            Some(told) => told(msn).await,
            None => None,
        };
        let shadow = match &self.shadow {
            Some(found) => found().await?,
            None => None,
        };
        Ok(Facts {
            msn: msn.clone(),
            now,
            routing: in_force(&snapshot.policy, msn),
            steps: settings.ramp.steps.clone(),
            direct_capture: unit.direct_capture,
            interaction: unit.customer_interaction,
            webhooks: settings.webhooks.public_url.is_some(),
            observed,
            callbacks: self.outbox(msn).await?,
            registration,
            turned_back,
            moved_at: self.moved_at(msn).await?,
            shadow,
            open,
        })
    }

    async fn outbox(&self, msn: &Msn) -> Result<Callbacks, StoreError> {
        let count = async |state| {
            let filter = CallbackFilter {
                state: Some(state),
                msn: Some(msn.clone()),
                limit: COUNTED,
                ..CallbackFilter::default()
            };
            let found = self.callbacks.callbacks(filter).await?.len();
            Ok::<u64, StoreError>(u64::try_from(found).unwrap_or(u64::MAX))
        };
        Ok(Callbacks {
            delivered: count(CallbackState::Delivered).await?,
            pending: count(CallbackState::Pending).await? + count(CallbackState::Capture).await?,
            dead: count(CallbackState::Dead).await?,
        })
    }

    async fn moved_at(&self, msn: &Msn) -> Result<Option<Moment>, StoreError> {
        let newest = self.changes.changes(None, CHANGES).await?;
        let moved = newest.into_iter().find(|change| {
            MOVES.contains(&change.what.as_str())
                && change.msn.as_ref().is_none_or(|own| own == msn)
        });
        Ok(moved.map(|change| change.at))
    }
}

/// The toggles that are in force, overrides included, ramp and rollback apart.
#[must_use]
pub fn in_force(policy: &Policy, msn: &Msn) -> Routing {
    let toggle = |operation| policy.wish(operation, Some(msn)).toggle;
    Routing {
        initiate: toggle(Operation::Initiate),
        capture: toggle(Operation::Capture),
        cancel: toggle(Operation::Cancel),
        refund: toggle(Operation::Refund),
        details: toggle(Operation::Details),
        status: toggle(Operation::Status),
        transaction_id: policy.transaction_id(Some(msn)),
    }
}
