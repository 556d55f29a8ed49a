//! The seeded simulation: many shops, their customers, Vipps and an operator, all at random, against two instances of the
//! bridge on one store and the simulator of both APIs. `docs/simulation.md` says what happens, what must hold, and which
//! planted bugs it finds.
//!
//! A life follows a plan that its seed alone decides, one step after the other; after each one all that comes of it is
//! waited for, and the invariants are checked. A failure prints its trace and its seed: `SEED=17 cargo test --test it
//! simulation` lives that one again, `SEEDS=10000 …` so many; on SQLite, and some on PostgreSQL with two whole instances.
//! Must not: let time, ports or ids decide anything.

mod beside;
mod books;
mod life;
mod outside;
mod plan;
mod planner;
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
use crate::support::postgres::Postgres;

/// Lives in each run of the tests.
const SEEDS: u64 = 256;
/// Lives at once: most of the time each waits for something.
const AT_ONCE: usize = 8;
/// Lives on PostgreSQL in each run, and at once: an instance may have 10 of the server's 100 connections.
const ON_POSTGRESQL: u64 = 32;
const SHARING: usize = 4;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// One life; its trace, and what went wrong.
fn play(seed: u64, server: Option<&Postgres>) -> (Vec<String>, Option<String>) {
    let trace = Trace::default();
    let kept = Arc::clone(&trace);
    let lived = catch_unwind(AssertUnwindSafe(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.unwrap().block_on(async {
            let Some(server) = server else {
                return Life::begin(Plan::of(seed), None, kept).await.live().await;
            };
            let name = named(seed);
            let url = server.database(&name).await;
            let life = Life::begin(Plan::of(seed), Some(&url), kept).await;
            life.live().await;
            server.without(&name).await;
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

/// A new database for each life, also where a seed comes twice.
fn named(seed: u64) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("life_{seed}_{n}")
}

/// Lives from `first` on, several at once; ends at the first that goes wrong.
fn lives(first: u64, count: u64, server: Option<&Postgres>) {
    let (began, steps) = (Instant::now(), AtomicUsize::new(0));
    let (next, wrong) = (AtomicU64::new(first), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..server.map_or(AT_ONCE, |_| SHARING) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed >= first + count || !wrong.lock().unwrap().is_empty() {
                        return;
                    }
                    let (lines, why) = play(seed, server);
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

fn asked(count: u64, server: Option<&Postgres>) {
    match number("SEED") {
        Some(seed) => lives(seed, 1, server),
        None => {
            let first = number("FIRST").unwrap_or(0);
            lives(first, number("SEEDS").unwrap_or(count), server);
        }
    }
}

fn twice(seeds: &[u64], server: Option<&Postgres>) {
    for seed in seeds {
        let (one, other) = (play(*seed, server), play(*seed, server));
        assert_eq!(one, other, "SEED={seed}");
    }
}

#[test]
fn money_routes_callbacks_and_reads_hold_whatever_happens() {
    asked(SEEDS, None);
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    twice(&[1, 2, 3], None);
}

/// Two whole instances, both with all that works in the background.
#[test]
fn all_of_it_holds_with_two_whole_instances_on_postgresql() {
    let Some(server) = Postgres::start() else {
        return;
    };
    asked(ON_POSTGRESQL, Some(&server));
    if number("SEED").is_none() {
        twice(&[1, 2], Some(&server));
    }
}
