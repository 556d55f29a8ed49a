//! Ramp and rollback against merchants whose truth is known, and against a store that two instances share.

use std::time::Duration;

use super::*;
use crate::settings::from_text;

mod shared;

/// Uniform in 0..1, always the same row for a seed.
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }
    fn roll(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        f64::from(u32::try_from(self.0 >> 32).unwrap()) / f64::from(u32::MAX)
    }
    fn below(&mut self, limit: u64) -> u64 {
        self.roll();
        (self.0 >> 32) % limit
    }
}

fn rules(ramp: bool, rollback: bool) -> Rules {
    let text = format!("[ramp]\nenabled = {ramp}\n[rollback]\nenabled = {rollback}");
    let settings = from_text(&text).unwrap();
    Rules {
        ramp: settings.ramp,
        rollback: settings.rollback,
    }
}

const LOOK: Duration = Duration::from_secs(2);

/// A merchant, its machine, and how things go at both APIs.
struct World {
    memory: Memory,
    rules: Rules,
    wanted: Wanted,
    now: Moment,
    dice: Dice,
    /// New payments a look, on the average.
    rate: f64,
    /// The shares that go wrong.
    ecom_bad: f64,
    epayment_bad: f64,
    /// The classes of time, give or take two.
    ecom_time: u64,
    epayment_time: u64,
    moves: Vec<Moved>,
    bad_calls: u64,
}

impl World {
    fn new(rules: Rules, seed: u64) -> Self {
        Self {
            memory: Memory::default(),
            rules,
            wanted: Wanted {
                percent: 100,
                overridden: false,
            },
            now: Moment::from_millis(1_700_000_000_000),
            dice: Dice::new(seed),
            rate: 2.0,
            ecom_bad: 0.0,
            epayment_bad: 0.0,
            ecom_time: 14,
            epayment_time: 14,
            moves: Vec::new(),
            bad_calls: 0,
        }
    }

    fn call(&mut self, share: f64, time: u64) -> Sample {
        let bad = u64::from(self.dice.roll() < share);
        let class = time + self.dice.below(5) - 2;
        Sample {
            calls: 1,
            bad,
            run: bad,
            timed: 1,
            times: class,
            squares: class * class,
        }
    }

    fn look(&mut self) -> Looked {
        let mut counted = Both::default();
        let mut left = self.rate;
        while left > 0.0 && self.dice.roll() <= left {
            left -= 1.0;
            let held = self.memory.percent().unwrap_or(100);
            let share = if self.wanted.overridden {
                self.wanted.percent
            } else {
                held.min(self.wanted.percent)
            };
            if self.dice.roll() * 100.0 < f64::from(share) {
                let one = self.call(self.epayment_bad, self.epayment_time);
                self.bad_calls += one.bad;
                counted.epayment = counted.epayment.then(one);
            } else {
                let one = self.call(self.ecom_bad, self.ecom_time);
                counted.ecom = counted.ecom.then(one);
            }
        }
        self.now = self.now.plus(LOOK);
        let looked = self
            .memory
            .look(&self.rules, self.wanted, counted, self.now);
        self.moves.extend(looked.moved.clone());
        looked
    }

    fn run(&mut self, seconds: u64) {
        for _ in 0..seconds / LOOK.as_secs() {
            self.look();
        }
    }

    fn kinds(&self) -> Vec<(Kind, Option<u8>)> {
        self.moves.iter().map(|m| (m.kind, m.to)).collect()
    }
}

#[test]
fn twenty_bad_calls_in_a_row_are_enough_and_four_are_not() {
    for seed in 1..50 {
        let mut world = World::new(rules(false, true), seed);
        world.rate = 1.0;
        world.epayment_bad = 1.0;
        world.run(8);
        assert_eq!(world.bad_calls, 4);
        assert!(world.moves.is_empty());
        world.run(120);
        assert_eq!(world.kinds(), [(Kind::Back, Some(0))]);
        assert_eq!(world.bad_calls, 20);
        assert!(world.moves[0].why.contains("20"), "{}", world.moves[0].why);
    }
}

#[test]
fn worse_than_ecom_is_seen_within_one_window() {
    for seed in 1..50 {
        let mut world = World::new(rules(false, true), seed);
        world.wanted.percent = 50;
        (world.ecom_bad, world.epayment_bad) = (0.02, 0.02);
        world.run(3600);
        assert!(world.moves.is_empty(), "{:?}", world.moves);
        world.epayment_bad = 0.4;
        world.run(300);
        assert_eq!(world.kinds(), [(Kind::Back, Some(0))], "seed {seed}");
    }
}

#[test]
fn without_ecom_it_is_compared_with_its_own_clean_window() {
    for seed in 1..50 {
        let mut world = World::new(rules(false, true), seed);
        world.epayment_bad = 0.1;
        world.run(3600);
        assert!(world.moves.is_empty(), "{:?}", world.moves);
        world.epayment_bad = 0.4;
        world.run(300);
        assert_eq!(world.kinds(), [(Kind::Back, Some(0))], "seed {seed}");
        assert!(world.moves[0].why.contains("last clean window"));
    }
    // And with a limit where there is none.
    let mut world = World::new(rules(false, true), 7);
    world.epayment_bad = 0.6;
    world.run(300);
    assert_eq!(world.kinds(), [(Kind::Back, Some(0))]);
}

#[test]
fn where_both_are_down_nothing_is_won_by_going_back() {
    let mut world = World::new(rules(false, true), 3);
    world.wanted.percent = 50;
    (world.ecom_bad, world.epayment_bad) = (1.0, 1.0);
    world.rate = 10.0;
    world.run(900);
    assert!(world.moves.is_empty(), "{:?}", world.moves);
}

#[test]
fn a_noisy_hour_with_both_alike_moves_nothing() {
    let (mut hours, mut false_backs) = (0, 0);
    for seed in 1..=60 {
        for (percent, bad, rate) in [
            (50, 0.1, 2.0),
            (100, 0.1, 2.0),
            (50, 0.3, 0.5),
            (5, 0.05, 4.0),
        ] {
            let mut world = World::new(rules(false, true), seed);
            world.wanted.percent = percent;
            (world.ecom_bad, world.epayment_bad) = (bad, bad);
            world.rate = rate;
            world.run(3600);
            hours += 1;
            false_backs += world.moves.len();
        }
    }
    println!("noisy hours: {hours}, moves: {false_backs}");
    assert_eq!(false_backs, 0);
}

#[test]
fn the_ramp_climbs_as_far_as_the_operator_wants() {
    let mut world = World::new(rules(true, true), 5);
    world.wanted.percent = 30;
    world.rate = 20.0;
    world.run(6 * 3600);
    let steps: Vec<_> = world.moves.iter().map(|m| m.to.unwrap()).collect();
    assert_eq!(steps, [1, 5, 25, 30]);
    let gaps: Vec<u64> = world
        .moves
        .windows(2)
        .map(|two| two[1].at.since(two[0].at).as_secs())
        .collect();
    assert!(gaps.iter().all(|gap| *gap >= 3600), "{gaps:?}");
    // It stays there; when the wish sinks it sinks with it, and goes on from there.
    world.wanted.percent = 10;
    world.run(60);
    assert_eq!(world.memory.percent(), Some(10));
    world.wanted.percent = 100;
    world.run(3 * 3600);
    assert_eq!(world.memory.percent(), Some(100));
    world.wanted.percent = 0;
    world.run(60);
    assert_eq!(world.memory.percent(), Some(0));
    world.wanted.percent = 100;
    world.run(4);
    assert_eq!(
        world.memory.percent(),
        Some(1),
        "and begins at the first step"
    );
}

#[test]
fn few_calls_never_make_a_step() {
    let mut world = World::new(rules(true, true), 9);
    world.rate = 0.02;
    world.run(4 * 3600);
    assert_eq!(world.kinds(), [(Kind::Begin, Some(1))]);
}

#[test]
fn what_stays_broken_is_tried_less_and_less_often() {
    let mut world = World::new(rules(true, true), 11);
    world.epayment_bad = 1.0;
    world.rate = 40.0;
    world.run(24 * 3600);
    let backs = world.moves.iter().filter(|m| m.kind == Kind::Back);
    let times: Vec<u64> = backs
        .map(|m| m.at.since(world.moves[0].at).as_secs() / 60)
        .collect();
    assert!(times.len() <= 6, "{times:?}");
    let gaps: Vec<u64> = times.windows(2).map(|two| two[1] - two[0]).collect();
    assert!(
        gaps.windows(2).all(|two| two[1] * 2 >= two[0] * 3),
        "{gaps:?}"
    );
    println!(
        "ways back in a day, in minutes: {times:?}; bad calls: {}",
        world.bad_calls
    );
}

#[test]
fn what_is_slow_goes_back_a_step_and_then_whole() {
    let mut world = World::new(rules(true, true), 13);
    world.rate = 20.0;
    world.run(2 * 3600 + 600);
    assert_eq!(world.memory.percent(), Some(25));
    // Four classes: four times as long.
    world.epayment_time = 18;
    world.run(600);
    let last: Vec<_> = world.kinds().into_iter().rev().take(2).collect();
    assert_eq!(last, [(Kind::Back, Some(0)), (Kind::Back, Some(5))]);
}

#[test]
fn an_override_stands_above_the_machine() {
    let mut world = World::new(rules(true, true), 17);
    world.wanted.overridden = true;
    world.epayment_bad = 1.0;
    world.run(3600);
    assert!(world.moves.is_empty());
    // What went wrong meanwhile is of the past when the window has passed; else it would go back at once.
    world.epayment_bad = 0.0;
    world.run(600);
    world.wanted.overridden = false;
    world.run(4);
    assert_eq!(world.kinds(), [(Kind::Begin, Some(1))]);
}

#[test]
fn while_it_is_off_it_counts_what_it_would_do() {
    let mut world = World::new(rules(false, false), 19);
    world.epayment_bad = 1.0;
    let mut would = Vec::new();
    for _ in 0..150 {
        would.extend(world.look().would.map(|m| (m.kind, m.to)));
    }
    assert!(world.moves.is_empty());
    assert_eq!(world.memory.percent(), None);
    assert_eq!(would, [(Kind::Begin, Some(1)), (Kind::Back, Some(0))]);
    let msn = Msn::parse("123456").unwrap();
    let view = world.memory.view(&msn, world.wanted, &world.rules);
    assert_eq!((view.acting.phase, view.would.phase), ("free", "back"));
    assert_eq!(view.judged, "failing");
    // Turned on, it acts on what it sees then.
    world.rules = rules(false, true);
    world.run(60);
    assert_eq!(world.kinds(), [(Kind::Back, Some(0))]);
    // And lets go when it is turned off.
    world.rules = rules(false, false);
    world.run(2);
    assert_eq!(world.kinds()[1], (Kind::Free, None));
}

#[test]
fn the_memory_is_read_as_it_is_kept_and_nonsense_begins_anew() {
    let mut world = World::new(rules(true, true), 23);
    world.rate = 20.0;
    world.ecom_bad = 0.1;
    world.run(7200);
    world.epayment_bad = 1.0;
    for _ in 0..200 {
        world.look();
        assert_eq!(Memory::read(&world.memory.text()), world.memory);
    }
    assert!(world.memory.turned_back().is_some());
    for nonsense in ["", "null", "{\"acting\": 7}", "[1]"] {
        assert_eq!(Memory::read(nonsense), Memory::default());
    }
    assert_eq!(world.memory.reset(), Some(0));
    assert_eq!(world.memory.percent(), None);
}
