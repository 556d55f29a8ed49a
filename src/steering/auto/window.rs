//! The calls of the last few minutes, in ten slots that grow old one by one.
//!
//! Must not: judge them.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Both;
use crate::types::Moment;

const SLOTS: i64 = 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Slot {
    /// Its number, by its length, since 1970.
    at: i64,
    both: Both,
}

/// The slots, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Window(VecDeque<Slot>);

impl Window {
    /// Adds what was counted, and drops what is older than `length`.
    pub(super) fn add(&mut self, now: Moment, length: Duration, counted: Both) {
        let slot = i64::try_from(length.as_millis()).unwrap_or(i64::MAX) / SLOTS;
        let at = now.millis().div_euclid(slot.max(1));
        // A clock that went back, or another length: what is ahead can't be of the past.
        self.0.retain(|slot| slot.at <= at && slot.at > at - SLOTS);
        if counted == Both::default() {
            return;
        }
        match self.0.back_mut() {
            Some(last) if last.at == at => last.both = last.both.then(counted),
            _ => self.0.push_back(Slot { at, both: counted }),
        }
    }

    /// All of it, in its order.
    pub(super) fn sum(&self) -> Both {
        self.0
            .iter()
            .fold(Both::default(), |sum, slot| sum.then(slot.both))
    }
}
