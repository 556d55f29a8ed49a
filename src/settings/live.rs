//! The settings in force: one snapshot for each call, from its beginning to its end, replaced as a whole.
//!
//! Two things replace it: a configuration that was read again, and the steering. Neither takes the other's part away.
//! Must not: read files, or hold up a reader.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::Settings;
use crate::routing::{Policy, Steering};

/// The settings that one call sees.
#[derive(Debug)]
pub struct Snapshot {
    /// As checked.
    pub settings: Arc<Settings>,
    /// The toggles with the steering over them, ready for the router.
    pub policy: Policy,
}

/// The snapshot in force.
#[derive(Debug)]
pub struct Live(ArcSwap<Snapshot>);

impl Live {
    /// These settings, and nothing steered.
    #[must_use]
    pub fn new(settings: Arc<Settings>) -> Self {
        let policy = settings.policy();
        Self(ArcSwap::from_pointee(Snapshot { settings, policy }))
    }

    /// What is in force now. It stays as it is for whoever holds it.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.0.load_full()
    }

    /// The settings in force now.
    #[must_use]
    pub fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.0.load().settings)
    }

    /// Puts the steering in force.
    pub fn steer(&self, steering: &Steering) {
        if self.0.load().policy.steering == *steering {
            return;
        }
        self.0.rcu(|old| Snapshot {
            settings: Arc::clone(&old.settings),
            policy: Policy {
                steering: steering.clone(),
                ..old.policy.clone()
            },
        });
    }

    /// Puts other settings in force. A ramp that they turn on holds from the first moment, not only when what it knows of
    /// each unit was read.
    pub fn replace(&self, settings: &Arc<Settings>) {
        self.0.rcu(|old| {
            let mut steering = old.policy.steering.clone();
            if settings.ramp.enabled && steering.cap_others.is_none() {
                steering.cap_others = settings.ramp.steps.first().copied();
            }
            Snapshot {
                settings: Arc::clone(settings),
                policy: Policy {
                    steering,
                    ..settings.policy()
                },
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::{Lever, Source, Toggle, Wish};

    #[test]
    fn settings_and_steering_leave_each_other_alone() {
        let read = |toggle: &str| {
            let text = format!("[routing]\ninitiate = \"{toggle}\"");
            Arc::new(super::super::from_text(&text).unwrap())
        };
        let live = Live::new(read("ecom"));
        let Some(initiate @ Lever::Toggle(operation)) = Lever::parse("initiate") else {
            panic!("a lever of every toggle");
        };
        let wish = |snapshot: &Snapshot| -> Wish { snapshot.policy.wish(operation, None) };
        let held = live.snapshot();
        let mut steering = Steering::default();
        steering.set(initiate, None, Toggle::Percent(5));
        live.steer(&steering);
        live.replace(&read("epayment"));
        let now = live.snapshot();
        assert_eq!(wish(&now).toggle, Toggle::Percent(5));
        assert_eq!(wish(&now).source, Source::Override(false));
        live.steer(&Steering::default());
        assert_eq!(wish(&live.snapshot()).toggle, Toggle::Epayment);
        // Who has one keeps it.
        assert_eq!(wish(&held).toggle, Toggle::Ecom);
    }

    #[test]
    fn a_ramp_that_is_turned_on_holds_at_once() {
        let read = |text: &str| Arc::new(super::super::from_text(text).unwrap());
        let live = Live::new(read("[routing]\ninitiate = \"ecom\""));
        live.replace(&read(
            "[routing]\ninitiate = \"epayment\"\n[ramp]\nenabled = true",
        ));
        let Some(Lever::Toggle(operation)) = Lever::parse("initiate") else {
            panic!("a lever of every toggle");
        };
        let unit = crate::types::Msn::parse("123456").unwrap();
        let wish = live.snapshot().policy.wish(operation, Some(&unit));
        assert_eq!((wish.toggle, wish.cap), (Toggle::Epayment, Some(1)));
    }
}
