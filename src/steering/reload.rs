//! The configuration read again while the bridge runs: all of it is put in force, or nothing.
//!
//! Asked for by a file that changed, a signal or an operator, one at a time. A call keeps the settings that it began
//! with. Must not: put anything in force that has a problem or needs a restart, or show a secret.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::MissedTickBehavior;

use super::Steerer;
use crate::lifecycle::Lifecycle;
use crate::settings::{
    ConfigProblem, Fingerprint, KeyChange, LogLevel, NeedsRestart, Settings, Sources, Texts, diff,
    needing_restart,
};
use crate::store::{Change, Reason};
use crate::telemetry::Meters;
use crate::telemetry::logging::{Level, LevelHandle};
use crate::types::Msn;

/// How often the files are looked at. A change counts when two looks after each other have seen it.
pub const LOOK_EVERY: Duration = Duration::from_secs(2);

/// What asks for the configuration to be read again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// A file has other content: one of the configuration, or one that it names.
    File,
    /// SIGHUP.
    Signal,
    /// An operator.
    Call(Reason),
}

impl Trigger {
    fn reason(&self) -> Reason {
        match self {
            Self::File => {
                Reason::of_bridge("a configuration file, or one that it names, has changed")
            }
            Self::Signal => Reason::of_bridge("SIGHUP"),
            Self::Call(reason) => reason.clone(),
        }
    }
}

/// Why nothing was changed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ReloadRefused {
    /// It is no configuration that a bridge could start with.
    #[error("the configuration has problems; what was in force stays in force")]
    Problems(Vec<ConfigProblem>),
    /// It changes what can't change while the bridge runs.
    #[error(
        "the configuration needs a restart; until then what was in force stays in force, all of it"
    )]
    Restart(Vec<NeedsRestart>),
    /// A part of the bridge can't do as it says.
    #[error("the configuration can't be put in force; what was in force stays in force: {0}")]
    Part(String),
    /// A fault of the bridge.
    #[error("reading the configuration again broke off; look at the log")]
    Broken,
}

impl ReloadRefused {
    /// All that is in the way, one by one.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        match self {
            Self::Problems(all) => all.iter().map(ToString::to_string).collect(),
            Self::Restart(all) => all.iter().map(ToString::to_string).collect(),
            Self::Part(_) | Self::Broken => vec![self.to_string()],
        }
    }
}

/// Puts a part of the bridge under other settings; it can't fail any more.
pub type Adopt = Box<dyn FnOnce() + Send>;

/// Makes ready what does not read the settings in force by itself, or says why it can't.
pub type Prepare =
    Box<dyn Fn(&Settings, &[KeyChange]) -> Result<Adopt, String> + Send + Sync + 'static>;

/// What a reloader is made of.
pub struct Parts {
    /// Where the configuration is.
    pub sources: Sources,
    /// What was read there at the start.
    pub started_with: Fingerprint,
    /// The settings in force, and the list of changes.
    pub steerer: Arc<Steerer>,
    /// Where reloads are counted.
    pub meters: Arc<Meters>,
    /// Where the work runs.
    pub lifecycle: Lifecycle,
    /// Turns the log's level; none where the log is not the bridge's own.
    pub level: Option<LevelHandle>,
    /// The other parts of the bridge.
    pub prepare: Prepare,
}

/// Reads the configuration again.
pub struct Reloader {
    parts: Parts,
    /// One at a time.
    turn: Mutex<Held>,
}

/// Which contents of the files are known.
struct Held {
    /// In force.
    good: Fingerprint,
    /// Worked on last, whatever came of it.
    seen: Fingerprint,
}

impl std::fmt::Debug for Reloader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reloader")
            .field("sources", &self.parts.sources)
            .finish_non_exhaustive()
    }
}

impl Reloader {
    /// Nothing is read before it is asked for.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let settings = parts.steerer.live().settings();
        let started_with = parts.started_with.clone().with_named(&settings);
        let held = Held {
            good: started_with.clone(),
            seen: started_with,
        };
        Self {
            parts,
            turn: Mutex::new(held),
        }
    }

    /// Reads files and environment again and puts them in force. It is done when this returns, and is not cut in half
    /// when the one who waits for it goes away.
    ///
    /// # Errors
    /// Why nothing was changed; every reason, not only the first.
    pub async fn reload(
        self: &Arc<Self>,
        trigger: Trigger,
    ) -> Result<Vec<KeyChange>, ReloadRefused> {
        let reloader = Arc::clone(self);
        let work = self.parts.lifecycle.run(async move {
            let mut held = reloader.turn.lock().await;
            let texts = reloader.read().await?;
            reloader.take(&mut held, texts, &trigger).await
        });
        work.await.unwrap_or(Err(ReloadRefused::Broken))
    }

    /// Looks at the files until the bridge ends. A content is worked on once, good or bad, and only when it was the same
    /// at two looks: one that is still being written is left alone.
    pub async fn watch(self: Arc<Self>, every: Duration) {
        let stop = self.parts.lifecycle.soft().clone();
        let mut looks = tokio::time::interval(every);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last = None;
        while stop.run_until_cancelled(looks.tick()).await.is_some() {
            let Ok(texts) = self.read().await else {
                continue;
            };
            let now = texts.fingerprint();
            if last.replace(now.clone()) != Some(now.clone()) {
                continue;
            }
            let mut held = self.turn.lock().await;
            if held.seen != now {
                let _told_in_the_log = self.take(&mut held, texts, &Trigger::File).await;
            }
        }
    }

    /// A file may lie on a slow disk, so it is not read where calls are served.
    async fn read(&self) -> Result<Texts, ReloadRefused> {
        let sources = self.parts.sources.clone();
        let in_force = self.parts.steerer.live().settings();
        let read = tokio::task::spawn_blocking(move || sources.look(&in_force));
        read.await.map_err(|_| ReloadRefused::Broken)
    }

    async fn take(
        &self,
        held: &mut Held,
        texts: Texts,
        trigger: &Trigger,
    ) -> Result<Vec<KeyChange>, ReloadRefused> {
        let seen = texts.fingerprint();
        held.seen = seen.clone();
        let reason = trigger.reason();
        match self.put_in_force(held, texts, &reason) {
            Ok(changes) => {
                // As they were read now, which may be later than the look.
                held.good = seen.with_named(&self.parts.steerer.live().settings());
                held.seen = held.good.clone();
                let is_same = changes.is_empty();
                let outcome = if is_same { "unchanged" } else { "applied" };
                self.parts.meters.reloaded(outcome);
                self.list(&changes, &reason).await;
                Ok(changes)
            }
            Err(refused) => {
                self.parts.meters.reload_refused();
                for problem in refused.problems() {
                    tracing::error!(problem, who = reason.who(), "{refused}");
                }
                Err(refused)
            }
        }
    }

    /// Checks everything, makes everything ready, and only then changes anything.
    fn put_in_force(
        &self,
        held: &Held,
        texts: Texts,
        reason: &Reason,
    ) -> Result<Vec<KeyChange>, ReloadRefused> {
        let live = self.parts.steerer.live();
        let new = self.parts.sources.load_again(texts, &held.good);
        let (old, new) = (live.settings(), new.map_err(ReloadRefused::Problems)?);
        let changes = diff(&old, &new);
        let restart = needing_restart(&changes);
        if !restart.is_empty() {
            return Err(ReloadRefused::Restart(restart));
        }
        if changes.is_empty() {
            tracing::info!(
                who = reason.who(),
                why = reason.why(),
                "the configuration was read again: no setting differs from what is in force"
            );
            return Ok(changes);
        }
        let adopt = (self.parts.prepare)(&new, &changes).map_err(ReloadRefused::Part)?;
        let new = Arc::new(new);
        live.replace(&new);
        adopt();
        self.say(&old, &new, &changes, reason);
        Ok(changes)
    }

    /// Logs what was changed, at the louder one of the two levels.
    fn say(&self, old: &Settings, new: &Settings, changes: &[KeyChange], reason: &Reason) {
        let level = |settings: &Settings| settings.telemetry.log_level;
        let turn = |to| {
            if let Some(handle) = &self.parts.level {
                handle.set(level_of(to));
            }
        };
        if level(new) != level(old) && level_of(level(new)) > level_of(level(old)) {
            turn(level(new));
        }
        for change in changes {
            tracing::info!(
                key = change.key,
                old = change.old,
                new = change.new,
                who = reason.who(),
                why = reason.why(),
                "a setting was changed"
            );
        }
        for warning in new
            .warnings()
            .iter()
            .filter(|w| !old.warnings().contains(w))
        {
            tracing::warn!(
                key = warning.path,
                "{}: {}. {}",
                warning.path,
                warning.why,
                warning.remedy
            );
        }
        if level(new) != level(old) {
            turn(level(new));
        }
    }

    /// Adds the changes to the list. They are in force by now; a store that fails does not take them back.
    async fn list(&self, changes: &[KeyChange], reason: &Reason) {
        let (store, now) = (self.parts.steerer.store(), self.parts.steerer.now());
        for change in changes {
            let entry = Change {
                what: "reload",
                key: change.key.clone(),
                msn: change.msn(),
                old: change.old.clone(),
                new: change.new.clone(),
                reason: reason.clone(),
            };
            if let Err(error) = store.list_change(entry, now).await {
                tracing::error!(
                    key = change.key, error = %error,
                    "a setting was changed, but the list of changes can't be written: the log alone has it"
                );
            }
        }
    }
}

/// The sales units whose tables are changed and still there.
#[must_use]
pub fn units_changed(settings: &Settings, changes: &[KeyChange]) -> Vec<Msn> {
    let mut units: Vec<Msn> = changes.iter().filter_map(KeyChange::msn).collect();
    units.retain(|msn| settings.merchants.contains_key(msn));
    units.sort();
    units.dedup();
    units
}

/// The configured level, as the log takes it.
#[must_use]
pub const fn level_of(level: LogLevel) -> Level {
    match level {
        LogLevel::Error => Level::Error,
        LogLevel::Warn => Level::Warn,
        LogLevel::Info => Level::Info,
        LogLevel::Debug => Level::Debug,
        LogLevel::Trace => Level::Trace,
    }
}
