//! What is steered while the bridge runs: an operator's overrides and kill switches, and how far the ramp lets it go.
//!
//! It lies over the configuration's wishes, and below the mixing rules like them. Must not: know where it is kept, or
//! for how long it holds.

use std::collections::{BTreeMap, BTreeSet};

use super::toggles::{RoutingOverride, Toggle};
use crate::ecom::route::Operation;
use crate::types::Msn;

/// What an operator can move at run time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lever {
    /// The toggle of an operation; never of force approve, which has no choice.
    Toggle(Operation),
    /// All new initiates and all changes of payments born in eCom go to eCom.
    KillSwitch,
}

const KILL_SWITCH: &str = "kill_switch";

impl Lever {
    /// The six toggles and the kill switch.
    pub const ALL: [Self; 7] = [
        Self::Toggle(Operation::Initiate),
        Self::Toggle(Operation::Capture),
        Self::Toggle(Operation::Cancel),
        Self::Toggle(Operation::Refund),
        Self::Toggle(Operation::Details),
        Self::Toggle(Operation::Status),
        Self::KillSwitch,
    ];

    /// Its word: the key under `[routing]`, or `kill_switch`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Toggle(operation) => operation.word(),
            Self::KillSwitch => KILL_SWITCH,
        }
    }

    /// Reads the word, with or without `routing.` before it.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        let word = word.strip_prefix("routing.").unwrap_or(word);
        Self::ALL.into_iter().find(|lever| lever.word() == word)
    }

    /// How a setting of it is shown: a toggle as it is, a kill switch as `on`.
    #[must_use]
    pub fn shown(self, toggle: Toggle) -> String {
        match self {
            Self::Toggle(_) => toggle.to_string(),
            Self::KillSwitch => "on".to_owned(),
        }
    }

    /// Whether it can be set so: only initiate has a percentage, and a kill switch knows only eCom.
    #[must_use]
    pub const fn takes(self, toggle: Toggle) -> bool {
        match (self, toggle) {
            (Self::Toggle(Operation::Initiate), _) => true,
            (Self::Toggle(_), Toggle::Percent(_)) => false,
            (Self::Toggle(_), _) => true,
            (Self::KillSwitch, toggle) => matches!(toggle, Toggle::Ecom),
        }
    }
}

/// What holds at run time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Steering {
    /// The kill switch for all sales units.
    pub killed_all: bool,
    /// The kill switch for some.
    pub killed: BTreeSet<Msn>,
    /// Overrides for all.
    pub all: RoutingOverride,
    /// Overrides for some.
    pub units: BTreeMap<Msn, RoutingOverride>,
    /// The ramp's and the rollback's: at most so many percent (0 to 100) of a unit's new initiates go to ePayment. It
    /// holds below what the configuration wishes, never over an override.
    pub caps: BTreeMap<Msn, u8>,
    /// The same for units that are not among them: where the ramp has not begun with a unit yet.
    pub cap_others: Option<u8>,
}

impl Steering {
    /// Puts one override in force.
    pub fn set(&mut self, lever: Lever, msn: Option<&Msn>, toggle: Toggle) {
        match (lever, msn) {
            (Lever::KillSwitch, None) => self.killed_all = true,
            (Lever::KillSwitch, Some(msn)) => {
                self.killed.insert(msn.clone());
            }
            (Lever::Toggle(operation), None) => self.all.set(operation, toggle),
            (Lever::Toggle(operation), Some(msn)) => {
                let unit = self.units.entry(msn.clone()).or_default();
                unit.set(operation, toggle);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levers_have_the_words_of_the_configuration() {
        for lever in Lever::ALL {
            assert_eq!(Lever::parse(lever.word()), Some(lever));
        }
        let capture = Lever::Toggle(Operation::Capture);
        assert_eq!(Lever::parse("routing.capture"), Some(capture));
        for word in ["approve", "transaction_id", "", "Initiate", "routing."] {
            assert_eq!(Lever::parse(word), None, "{word}");
        }
    }

    #[test]
    fn only_initiate_has_a_percentage_and_a_kill_switch_knows_only_ecom() {
        for lever in Lever::ALL {
            let initiate = lever == Lever::Toggle(Operation::Initiate);
            assert_eq!(lever.takes(Toggle::Percent(5)), initiate, "{lever:?}");
            assert!(lever.takes(Toggle::Ecom));
            assert_eq!(lever.takes(Toggle::Epayment), lever != Lever::KillSwitch);
        }
    }
}
