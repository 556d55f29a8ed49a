//! Looks at every sales unit every two seconds, and keeps what comes of it in the store.
//!
//! Each instance adds what it has counted to the memory that all share. Who was first writes; who was late reads again
//! and looks again, so a move is made once. Must not: move on what another instance has not seen.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{Both, Kind, Memory, Moved, Rules, UnitView, Wanted};
use crate::lifecycle::Lifecycle;
use crate::observe::Observer;
use crate::settings::Snapshot;
use crate::steering::Steerer;
use crate::store::{Automatic, AutomaticStore, Change, Reason, StoreError};
use crate::telemetry::Meters;
use crate::types::Msn;

const EVERY: Duration = Duration::from_secs(2);
/// Another instance may be first so many times in a row.
const TRIES: usize = 5;

/// Works the machine.
#[derive(Debug)]
pub struct Automat {
    observer: Arc<Observer>,
    store: Arc<dyn AutomaticStore>,
    steerer: Arc<Steerer>,
    meters: Arc<Meters>,
    /// One look at a time in this instance.
    turn: tokio::sync::Mutex<()>,
    blind: AtomicBool,
}

/// What holds for the machine.
fn rules(snapshot: &Snapshot) -> Rules {
    Rules {
        ramp: snapshot.settings.ramp.clone(),
        rollback: snapshot.settings.rollback.clone(),
    }
}

fn shown(percent: Option<u8>) -> String {
    percent.map_or_else(
        || "as configured".to_owned(),
        |percent| format!("{percent}%"),
    )
}

fn listed(msn: &Msn, moved: &Moved, reason: Reason) -> Change {
    Change {
        what: "automatic",
        key: "initiate".to_owned(),
        msn: Some(msn.clone()),
        old: shown(moved.from),
        new: shown(moved.to),
        reason,
    }
}

impl Automat {
    /// On what is counted here, with the memory in `store`; `steerer` puts in force what comes of it.
    #[must_use]
    pub fn new(
        observer: Arc<Observer>,
        store: Arc<dyn AutomaticStore>,
        steerer: Arc<Steerer>,
        meters: Arc<Meters>,
    ) -> Self {
        Self {
            observer,
            store,
            steerer,
            meters,
            turn: tokio::sync::Mutex::default(),
            blind: AtomicBool::new(false),
        }
    }

    /// Looks at every unit once.
    ///
    /// # Errors
    /// When the store failed; what was counted is kept for the next look.
    pub async fn look(&self) -> Result<(), StoreError> {
        let _turn = self.turn.lock().await;
        let snapshot = self.steerer.live().snapshot();
        let rules = rules(&snapshot);
        let mut known: BTreeMap<Msn, Automatic> = BTreeMap::new();
        for record in self.store.automatic().await? {
            known.insert(record.msn.clone(), record);
        }
        let mut counted: BTreeMap<Msn, Both> = BTreeMap::new();
        for (msn, ecom, epayment) in self.observer.take_samples() {
            counted.insert(msn, Both { ecom, epayment });
        }
        let mut units: Vec<Msn> = known.keys().chain(counted.keys()).cloned().collect();
        if rules.ramp.enabled {
            units.extend(snapshot.settings.merchants.keys().cloned());
        }
        units.sort();
        units.dedup();
        let mut moved = false;
        let mut failure = None;
        for msn in units {
            let both = counted.get(&msn).copied().unwrap_or_default();
            match self
                .unit(&snapshot, &rules, &msn, known.remove(&msn), both)
                .await
            {
                Ok(any) => moved |= any,
                Err(error) => {
                    self.observer
                        .give_back_samples(&msn, &both.ecom, &both.epayment);
                    failure = Some(error);
                }
            }
        }
        if moved {
            // In force here at once, elsewhere at the next look of each.
            self.steerer.refresh().await?;
        }
        failure.map_or(Ok(()), Err)
    }

    /// Looks at one unit; whether anything was moved.
    async fn unit(
        &self,
        snapshot: &Snapshot,
        rules: &Rules,
        msn: &Msn,
        mut known: Option<Automatic>,
        counted: Both,
    ) -> Result<bool, StoreError> {
        let wanted = Wanted::of(&snapshot.policy, msn);
        let now = self.observer.now();
        for _try in 0..TRIES {
            let (revision, mut memory) = match &known {
                Some(record) => (record.revision, Memory::read(&record.state)),
                None => (0, Memory::default()),
            };
            let looked = memory.look(rules, wanted, counted, now);
            if !looked.changed {
                return Ok(false);
            }
            let change = looked
                .moved
                .as_ref()
                .and_then(|moved| Some(listed(msn, moved, Reason::new("bridge", &moved.why)?)));
            let next = Automatic {
                msn: msn.clone(),
                revision,
                percent: memory.percent(),
                state: memory.text(),
            };
            if self.store.save_automatic(next, change, now).await? {
                self.tell(msn, looked.moved.as_ref(), true);
                self.tell(msn, looked.would.as_ref(), false);
                return Ok(looked.moved.is_some());
            }
            known = self
                .store
                .automatic()
                .await?
                .into_iter()
                .find(|record| record.msn == *msn);
        }
        Err(StoreError::Locked)
    }

    fn tell(&self, msn: &Msn, moved: Option<&Moved>, acts: bool) {
        let Some(moved) = moved else { return };
        let word = moved.kind.word();
        self.meters.automatic_move(word, acts);
        let (from, to) = (shown(moved.from), shown(moved.to));
        let msn = msn.as_str();
        match (acts, moved.kind) {
            (true, Kind::Back) => {
                tracing::warn!(msn, r#move = word, %from, %to, why = %moved.why, "new payments were turned back to eCom");
            }
            (true, _) => {
                tracing::warn!(msn, r#move = word, %from, %to, why = %moved.why, "the machine moved a sales unit's new payments");
            }
            (false, _) => {
                tracing::info!(msn, r#move = word, %from, %to, why = %moved.why, "the machine would have moved, but it is off");
            }
        }
    }

    /// Lets a unit begin anew; what the machine held back before, where it knew the unit.
    ///
    /// # Errors
    /// When the store failed.
    pub async fn reset(&self, msn: &Msn, reason: Reason) -> Result<Option<Option<u8>>, StoreError> {
        for _try in 0..TRIES {
            let records = self.store.automatic().await?;
            let Some(record) = records.into_iter().find(|record| record.msn == *msn) else {
                return Ok(None);
            };
            let mut memory = Memory::read(&record.state);
            let held = memory.reset();
            let now = self.observer.now();
            let moved = Moved {
                kind: Kind::Free,
                from: held,
                to: None,
                at: now,
                why: reason.why().to_owned(),
            };
            let next = Automatic {
                percent: None,
                state: memory.text(),
                ..record
            };
            let change = listed(msn, &moved, reason.clone());
            if self.store.save_automatic(next, Some(change), now).await? {
                tracing::warn!(
                    msn = msn.as_str(),
                    who = reason.who(),
                    why = reason.why(),
                    "ramp and rollback begin anew with a sales unit"
                );
                self.meters.automatic_move("reset", true);
                self.steerer.refresh().await?;
                return Ok(Some(held));
            }
        }
        Err(StoreError::Locked)
    }

    /// Every unit that the machine knows, and the rules.
    ///
    /// # Errors
    /// When the store failed.
    pub async fn view(&self) -> Result<(Rules, Vec<UnitView>), StoreError> {
        let snapshot = self.steerer.live().snapshot();
        let rules = rules(&snapshot);
        let records = self.store.automatic().await?;
        let units = records
            .iter()
            .map(|record| {
                let wanted = Wanted::of(&snapshot.policy, &record.msn);
                Memory::read(&record.state).view(&record.msn, wanted, &rules)
            })
            .collect();
        Ok((rules, units))
    }

    /// Why a unit's new payments are held back, where they were turned back.
    ///
    /// # Errors
    /// When the store failed.
    pub async fn turned_back(&self, msn: &Msn) -> Result<Option<String>, StoreError> {
        let records = self.store.automatic().await?;
        let record = records.into_iter().find(|record| record.msn == *msn);
        Ok(record.and_then(|record| Memory::read(&record.state).turned_back().map(str::to_owned)))
    }

    /// Works until the bridge ends.
    pub async fn run(self: Arc<Self>, lifecycle: Lifecycle) {
        let stop = lifecycle.soft().clone();
        let pause = || tokio::time::sleep(EVERY);
        while stop.run_until_cancelled(pause()).await.is_some() {
            match self.look().await {
                Ok(()) => self.blind.store(false, Ordering::Relaxed),
                Err(error) => {
                    if !self.blind.swap(true, Ordering::Relaxed) {
                        tracing::warn!(error = %error, "ramp and rollback stand still: the store can't be asked");
                    }
                }
            }
        }
    }
}
