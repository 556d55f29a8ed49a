//! The seeded simulation: many shops, their customers, Vipps and an operator, all at random, against two instances of the
//! bridge on one store and the simulator of both APIs. `docs/simulation.md` says what happens, what must hold, and which
//! planted bugs it finds.
//!
//! A life follows a plan that its seed alone decides, one step after the other; after each one all that comes of it is
//! waited for, and the invariants are checked. A failure prints its trace and its seed: `SEED=17 cargo test --test it
//! simulation` lives that one again, `SEEDS=10000 …` so many. Must not: let time, ports or ids decide anything.

mod books;
mod life;
mod plan;
mod planted;
mod post;
mod steps;
mod told;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use self::life::{Life, Trace};
use self::plan::Plan;

/// Lives in each run of the tests.
const SEEDS: u64 = 256;
/// Lives at once: most of the time each waits for something.
const AT_ONCE: usize = 8;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// One life; its trace, and what went wrong.
fn play(seed: u64) -> (Vec<String>, Option<String>) {
    let trace = Trace::default();
    let kept = Arc::clone(&trace);
    let lived = catch_unwind(AssertUnwindSafe(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.unwrap().block_on(async {
            let life = Life::begin(Plan::of(seed), kept).await;
            life.live().await;
        });
    }));
    let wrong = lived.err().map(|why| {
        let text = why.downcast_ref::<String>().cloned();
        text.or_else(|| why.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            .unwrap_or_else(|| "a panic".to_owned())
    });
    let lines = trace
        .lock()
        .unwrap_or_else(|broken| broken.into_inner())
        .clone();
    (lines, wrong)
}

/// Lives from `first` on, several at once; ends at the first that goes wrong.
fn lives(first: u64, count: u64) {
    let (began, steps) = (Instant::now(), AtomicUsize::new(0));
    let (next, wrong) = (AtomicU64::new(first), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed >= first + count || !wrong.lock().unwrap().is_empty() {
                        return;
                    }
                    let (lines, why) = play(seed);
                    steps.fetch_add(lines.len(), Ordering::SeqCst);
                    if let Some(why) = why {
                        wrong.lock().unwrap().push((seed, lines, why));
                    }
                }
            });
        }
    });
    let mut wrong = wrong.into_inner().unwrap();
    wrong.sort();
    if let Some((seed, lines, why)) = wrong.first() {
        panic!("{}\nSEED={seed}: {why}", lines.join("\n"));
    }
    let steps = steps.into_inner();
    eprintln!("{count} lives, {steps} lines, {:?}", began.elapsed());
}

#[test]
fn money_routes_callbacks_and_reads_hold_whatever_happens() {
    match number("SEED") {
        Some(seed) => lives(seed, 1),
        None => lives(0, number("SEEDS").unwrap_or(SEEDS)),
    }
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in [1, 2, 3] {
        let (one, other) = (play(seed), play(seed));
        assert_eq!(one, other, "SEED={seed}");
    }
}
