//! Claims of callbacks against a model of a few lines, by seeded random steps: who is claimed, in which order, and what
//! is due next.
//!
//! Must not: know which back end it runs on. A failure names its seed and step.

use std::collections::BTreeMap;

use super::model::Dice;
use super::outbox::settle;
use super::*;
use crate::ecom::callback::CallbackStatus;
use crate::store::{
    Accepted, CallbackId, ClaimLimits, DueCallback, Handled, NewEvent, Settled, Stage,
};

const SEEDS: u64 = 6;
const STEPS: u32 = 90;
const UNITS: [&str; 4] = ["123456", "200000", "300000", "400000"];
const STAGES: [Stage; 3] = [Stage::Deliver, Stage::Deliver, Stage::Capture];

#[derive(Debug)]
struct Row {
    id: CallbackId,
    unit: &'static str,
    stage: Stage,
    due: i64,
    claim: Option<DueCallback>,
    over: bool,
    dead: bool,
}

impl Row {
    fn waits(&self, stage: Stage) -> bool {
        !self.over && self.stage == stage
    }
}

#[derive(Default)]
struct Model {
    rows: Vec<Row>,
    stale: Vec<DueCallback>,
}

impl Model {
    /// The place and the due time of each that is claimed, in order. Which of those due at the same moment is open.
    fn claimed(&self, stage: Stage, now: i64, limits: ClaimLimits) -> Vec<(usize, i64)> {
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        let waiting = || self.rows.iter().filter(|row| row.waits(stage));
        for row in waiting().filter(|row| row.claim.is_some() && row.due > now) {
            *places.entry(row.unit).or_default() += 1;
        }
        let mut due: Vec<_> = waiting().filter(|row| row.due <= now).collect();
        due.sort_by_key(|row| row.due);
        let mut all: Vec<(usize, i64)> = due
            .into_iter()
            .map(|row| {
                let place = places.entry(row.unit).or_default();
                *place += 1;
                (*place, row.due)
            })
            .filter(|(place, _)| *place <= limits.per_unit)
            .collect();
        all.sort_unstable();
        all.truncate(limits.total);
        all
    }

    fn next(&self, stage: Stage) -> Option<Moment> {
        let waiting = self.rows.iter().filter(|row| row.waits(stage));
        waiting.map(|row| at(row.due)).min()
    }

    fn row(&mut self, id: CallbackId) -> &mut Row {
        self.rows.iter_mut().find(|row| row.id == id).unwrap()
    }

    /// Notes what was claimed. The place and due time of each, and the claims it made stale.
    fn take(&mut self, claimed: Vec<DueCallback>, now: i64, until: i64) -> Vec<(usize, i64)> {
        let mut told = Vec::new();
        for due in claimed {
            let (id, unit, stage) = (due.id, self.row(due.id).unit, self.row(due.id).stage);
            let same = |row: &&Row| row.waits(stage) && row.unit == unit;
            let leased = self.rows.iter().filter(same);
            let leased = leased.filter(|row| row.claim.is_some() && row.due > now);
            told.push((leased.count() + 1, self.row(id).due));
            let row = self.row(id);
            assert!(row.due <= now && !row.over, "{row:?}");
            row.due = until;
            if let Some(old) = row.claim.replace(due) {
                self.stale.push(old);
            }
        }
        told
    }
}

async fn queue(both: &Both, model: &mut Model, dice: &mut Dice, text: &str, now: i64) {
    let unit = *dice.pick(&UNITS).unwrap();
    let stage = *dice.pick(&STAGES).unwrap();
    paid_in(both, unit, text).await;
    let event = NewEvent {
        callback: Some((CallbackStatus::Reserved, stage)),
        ..elsewhere(unit, approved(text))
    };
    let Accepted::Queued(id) = accept(both, event, now).await else {
        panic!("{text} is not queued");
    };
    model.rows.push(Row {
        id,
        unit,
        stage,
        due: now,
        claim: None,
        over: false,
        dead: false,
    });
}

async fn claim_some_due(both: &Both, model: &mut Model, dice: &mut Dice, now: i64, told: &str) {
    let stage = *dice.pick(&STAGES).unwrap();
    let limits = ClaimLimits {
        total: usize::try_from(dice.roll(7)).unwrap(),
        per_unit: usize::try_from(dice.roll(5)).unwrap(),
    };
    let until = now + 500 + i64::try_from(dice.roll(4)).unwrap() * 300;
    let expected = model.claimed(stage, now, limits);
    let claimed = claim_some(both, stage, (now, until), limits).await;
    let claimed = model.take(claimed, now, until);
    assert_eq!(claimed, expected, "{told}: {stage:?} {limits:?}");
}

async fn settle_one(both: &Both, model: &mut Model, dice: &mut Dice, now: i64, told: &str) {
    let claims: Vec<DueCallback> = model
        .rows
        .iter()
        .filter_map(|row| row.claim.clone())
        .collect();
    let Some(due) = dice.pick(&claims).cloned() else {
        return;
    };
    let how = match dice.roll(6) {
        0 | 1 => Settled::Delivered,
        2 => Settled::Dead {
            why: "410".to_owned(),
        },
        3 => Settled::Ready {
            status: CallbackStatus::Sale,
            transaction_id: None,
            at: at(now),
        },
        _ => Settled::Retry {
            at: at(now + i64::try_from(dice.roll(5)).unwrap() * 200),
            why: "503".to_owned(),
        },
    };
    let row = model.row(due.id);
    let counts = row.stage == Stage::Capture || !matches!(how, Settled::Ready { .. });
    if counts {
        match &how {
            Settled::Delivered => row.over = true,
            Settled::Dead { .. } => (row.over, row.dead) = (true, true),
            Settled::Retry { at, .. } => row.due = at.millis(),
            Settled::Ready { .. } => (row.stage, row.due) = (Stage::Deliver, now),
        }
        row.claim = None;
        model.stale.push(due.clone());
    }
    assert_eq!(settle(both, &due, how, now).await, counts, "{told}");
    if let Some(old) = dice.pick(&model.stale) {
        let late = settle(both, old, Settled::Delivered, now).await;
        assert!(!late, "{told}: settled with an old lease");
    }
}

async fn command(both: &Both, model: &mut Model, dice: &mut Dice, now: i64, told: &str) {
    let ids: Vec<CallbackId> = model.rows.iter().map(|row| row.id).collect();
    let Some(id) = dice.pick(&ids).copied() else {
        return;
    };
    let row = model.row(id);
    let replay = row.dead || dice.roll(2) == 0;
    let handled = if replay {
        both.callbacks.replay_callback(id, at(now)).await
    } else {
        let note = "by hand".to_owned();
        both.callbacks.drop_callback(id, note, at(now)).await
    };
    let leased = row.claim.is_some() && row.due > now;
    let expected = match (row.over, row.dead) {
        (true, false) => Handled::Ended,
        (true, true) => {
            (row.over, row.dead, row.due) = (false, false, now);
            Handled::Done
        }
        (false, _) if replay || leased => Handled::Waiting,
        (false, _) => {
            row.over = true;
            let ended = row.claim.take();
            model.stale.extend(ended);
            Handled::Done
        }
    };
    assert_eq!(handled.unwrap(), expected, "{told}");
}

pub(in crate::store) async fn claims_do_as_the_model_says(both: Both) {
    let mut now = 1_000_000;
    for seed in 1..=SEEDS {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut model = Model::default();
        for step in 0..STEPS {
            let told = format!("seed {seed}, step {step}");
            now += i64::try_from(dice.roll(3)).unwrap() * 100;
            match dice.roll(8) {
                0..=2 => {
                    let text = format!("model-{seed}-{step}");
                    queue(&both, &mut model, &mut dice, &text, now).await;
                }
                3 | 4 => claim_some_due(&both, &mut model, &mut dice, now, &told).await,
                5 | 6 => settle_one(&both, &mut model, &mut dice, now, &told).await,
                _ => command(&both, &mut model, &mut dice, now, &told).await,
            }
            for stage in [Stage::Deliver, Stage::Capture] {
                let next = both.callbacks.next_callback_at(stage).await;
                assert_eq!(next.unwrap(), model.next(stage), "{told}");
            }
        }
        // What is left must not meet the next seed.
        for row in model.rows.iter().filter(|row| !row.over) {
            now = now.max(row.due);
        }
        for row in model.rows.iter().filter(|row| !row.over) {
            let note = "the end".to_owned();
            let gone = both.callbacks.drop_callback(row.id, note, at(now)).await;
            assert_eq!(gone.unwrap(), Handled::Done, "seed {seed}");
        }
    }
}
