//! Money calls against a model of a few lines, by seeded random steps (I4: what is closed never opens again).
//!
//! Must not: know which back end it runs on. A failure names its seed and step.

use super::adjustments::look;
use super::*;
use crate::store::{AdjustmentId, AdjustmentState, Version};

const SEEDS: u64 = 24;
const STEPS: u32 = 40;

/// xorshift: enough for choosing steps, and the same everywhere.
pub(in crate::store) struct Dice(pub(in crate::store) u64);

impl Dice {
    pub(in crate::store) fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }

    pub(in crate::store) fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        let sides = u64::try_from(from.len()).unwrap();
        (sides > 0).then(|| &from[usize::try_from(self.roll(sides)).unwrap()])
    }
}

#[derive(Debug, PartialEq)]
struct Call {
    id: AdjustmentId,
    state: AdjustmentState,
    changed_at: Moment,
}

#[derive(Default)]
struct Model {
    calls: Vec<Call>,
    changes: i64,
}

impl Model {
    fn none_open(&self) -> bool {
        !self
            .calls
            .iter()
            .any(|call| matches!(call.state, AdjustmentState::Open(_)))
    }

    /// The open call of this id and until when it is owned.
    fn open(&mut self, id: AdjustmentId) -> Option<(&mut Call, Moment)> {
        let call = self.calls.iter_mut().find(|call| call.id == id)?;
        match call.state {
            AdjustmentState::Open(until) => Some((call, until)),
            _ => None,
        }
    }

    fn resume(&mut self, id: AdjustmentId, now: Moment, until: Moment) -> bool {
        let Some((call, owned)) = self.open(id) else {
            return false;
        };
        if owned > now {
            return false;
        }
        call.state = AdjustmentState::Open(until);
        call.changed_at = now;
        self.changes += 1;
        true
    }

    fn finish(&mut self, id: AdjustmentId, outcome: Outcome, now: Moment) {
        let Some((call, owned)) = self.open(id) else {
            return;
        };
        call.state = match outcome {
            Outcome::NotDone(owner) | Outcome::Unknown(owner) if owner != owned => return,
            Outcome::Unknown(_) if owned <= now => return,
            Outcome::Unknown(_) => AdjustmentState::Open(now),
            Outcome::Refused => AdjustmentState::Refused,
            Outcome::NotDone(_) => AdjustmentState::NotDone,
            Outcome::Succeeded {
                amount,
                transaction_id,
                at,
            } => AdjustmentState::Succeeded {
                amount,
                transaction_id,
                at,
            },
        };
        self.changes += 1;
    }
}

pub(in crate::store) async fn money_calls_do_as_the_model_says(store: Any) {
    for seed in 1..=SEEDS {
        let text = format!("order-{seed}");
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut model = Model::default();
        let (_, mut seen) = look(&store, &text).await;
        let mut stale: Vec<Version> = Vec::new();
        let mut now = at(1000);
        for step in 0..STEPS {
            let told = format!("seed {seed}, step {step}");
            now = at(now.millis() + i64::try_from(dice.roll(3)).unwrap() * 500);
            let until = at(now.millis() + 1000);
            let ids: Vec<AdjustmentId> = model.calls.iter().map(|call| call.id).collect();
            let before = model.changes;
            match (dice.roll(6), dice.pick(&ids)) {
                (0, Some(id)) => {
                    let taken = store.resume_adjustment(*id, now, until).await;
                    assert_eq!(taken.unwrap(), model.resume(*id, now, until), "{told}");
                }
                (1..=3, Some(id)) => {
                    // Its owner, or one whose time was over before.
                    let owned = model.open(*id).map_or(now, |(_, until)| until);
                    let owner = at(owned.millis() - i64::try_from(dice.roll(2)).unwrap() * 500);
                    let outcome = [
                        succeeded(),
                        Outcome::Refused,
                        Outcome::NotDone(owner),
                        Outcome::Unknown(owner),
                    ];
                    let outcome = dice.pick(&outcome).unwrap().clone();
                    let end = store.finish_adjustment(*id, outcome.clone(), now).await;
                    end.unwrap();
                    model.finish(*id, outcome, now);
                }
                (4, _) if !stale.is_empty() => {
                    let old = *dice.pick(&stale).unwrap();
                    let new = new_capture(&text);
                    let begun = store.begin_adjustment(new, old).await.unwrap();
                    assert_eq!(begun, None, "{told}");
                }
                _ => {
                    let mut new = new_capture(&text);
                    (new.now, new.until) = (now, until);
                    let begun = store.begin_adjustment(new, seen).await.unwrap();
                    assert_eq!(begun.is_some(), model.none_open(), "{told}");
                    if let Some(id) = begun {
                        model.changes += 1;
                        model.calls.push(Call {
                            id,
                            state: AdjustmentState::Open(until),
                            changed_at: now,
                        });
                    }
                }
            }
            let (list, version) = look(&store, &text).await;
            let list: Vec<Call> = list
                .into_iter()
                .map(|a| Call {
                    id: a.id,
                    state: a.state,
                    changed_at: a.changed_at,
                })
                .collect();
            assert_eq!(list, model.calls, "{told}");
            assert_eq!(version != seen, model.changes != before, "{told}");
            if version != seen {
                stale.push(seen);
                assert!(!stale.contains(&version), "{told}");
                seen = version;
            }
        }
    }
}
