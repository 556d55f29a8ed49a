//! A cut of the power at any moment (C2): what was acknowledged is there, nothing is half there, and work goes on.
//!
//! A workload notes with each acknowledgement how far the log had come. Copies of the files are damaged as a cut may
//! damage them, opened and checked. `SEED=` plays one again, `ROUNDS=` says how many. Must not: pass when a check could
//! not fail: with the last commit taken away it has to.

mod files;

use std::path::{Path, PathBuf};

use super::crash::{Told, assert_callbacks_whole, assert_whole};
use super::db::query;
use super::*;
use crate::epayment::event::EventName;
use crate::store::suite::*;
use crate::store::{
    AdjustmentId, CallbackCounts, CallbackStore, ClaimLimits, Origin, Settled, Stage as Due,
};
use files::{Files, Mark};

const BEATS: u32 = 60;
const PLENTY: ClaimLimits = ClaimLimits {
    total: 1000,
    per_unit: 1000,
};

/// What was acknowledged, and how far the log had come then.
struct Ack {
    word: &'static str,
    text: String,
    mark: Mark,
}

/// An order's life, one step after the other.
struct Life {
    text: String,
    next: usize,
    attempt: Option<AttemptId>,
    call: Option<AdjustmentId>,
}

/// Half of the orders are heard of before they are finished.
const EARLY: [&str; 5] = ["begun", "heard", "paid", "asked", "closed"];
const LATE: [&str; 5] = ["begun", "paid", "heard", "asked", "closed"];

impl Life {
    fn new(n: usize) -> Self {
        Self {
            text: format!("order-{n:04}"),
            next: 0,
            attempt: None,
            call: None,
        }
    }

    /// One step more; what was acknowledged.
    async fn live(&mut self, store: &SqliteStore, early: bool) -> Option<(&'static str, String)> {
        let steps = if early { EARLY } else { LATE };
        let step = *steps.get(self.next)?;
        let text = self.text.as_str();
        match step {
            "begun" => {
                let new = new_payment(text, Origin::Epayment, "a");
                let Begun::Fresh(id) = store.begin_payment(new).await.unwrap() else {
                    panic!("{text} was begun before");
                };
                self.attempt = Some(id);
            }
            "heard" => {
                let event = event(text, EventName::Authorized);
                store.accept_event(event, at(1200)).await.unwrap();
            }
            "paid" => {
                let end = store.finish_payment(self.attempt.unwrap(), succeeded(), at(1500));
                end.await.unwrap();
            }
            "asked" => {
                let (_, seen) = store.adjustments(&shop(), &order(text)).await.unwrap();
                let call = store.begin_adjustment(new_capture(text), seen).await;
                self.call = call.unwrap();
            }
            _ => {
                let end = store.finish_adjustment(self.call.unwrap(), succeeded(), at(2600));
                end.await.unwrap();
            }
        }
        self.next += 1;
        Some((step, self.text.clone()))
    }
}

/// A store at work whose files are copied.
struct Work {
    store: SqliteStore,
    file: PathBuf,
    lives: Vec<Life>,
    acks: Vec<Ack>,
}

impl Work {
    async fn begin(folder: &Path) -> Self {
        let file = folder.join("store.db");
        let store = SqliteStore::open(tests::options(&file)).await.unwrap();
        // Many short logs, so that beginnings and ends of them are met.
        pragma(&store, "PRAGMA wal_autocheckpoint = 60").await;
        Self {
            store,
            file,
            lives: Vec::new(),
            acks: Vec::new(),
        }
    }

    /// A few steps at once, which may share a transaction; then what they acknowledged is noted.
    async fn beat(&mut self, dice: &mut Dice) {
        let mut told = Vec::new();
        if dice.roll(5) == 0 {
            told = deliver(&self.store).await;
        } else {
            let at_once = usize::try_from(dice.roll(6)).unwrap() + 1;
            while self.lives.iter().filter(|life| life.next < 5).count() < at_once {
                self.lives.push(Life::new(self.lives.len()));
            }
            let store = &self.store;
            let lives = self.lives.iter_mut().enumerate();
            let steps = lives
                .filter(|(_, life)| life.next < 5)
                .take(at_once)
                .map(|(n, life)| life.live(store, n % 2 == 0));
            told.extend(futures_util::future::join_all(steps).await);
        }
        let mark = Files::of(&self.file).mark();
        let acks = told.into_iter().flatten();
        self.acks
            .extend(acks.map(|(word, text)| Ack { word, text, mark }));
    }

    /// What must be there when only `kept` frames of the log are left of these files.
    fn told(&self, files: &Files, kept: usize) -> Told {
        let mut told = Told::default();
        for ack in &self.acks {
            if files.holds(ack.mark, kept) {
                told.note(ack.word, &ack.text);
            }
        }
        told
    }
}

async fn pragma(store: &SqliteStore, pragma: &'static str) {
    let set = store.writer.run(move |db| {
        query(pragma).fetch_all(db)?;
        Ok(())
    });
    set.await.unwrap();
}

/// Claims a few and settles all but one, which stays leased.
async fn deliver(store: &SqliteStore) -> Vec<Option<(&'static str, String)>> {
    let few = ClaimLimits {
        total: 4,
        per_unit: 1000,
    };
    let claim = store.claim_callbacks(Due::Deliver, at(9000), few, at(20_000));
    let mut claimed = claim.await.unwrap();
    let _left = claimed.pop();
    let settles = claimed.into_iter().map(|due| async move {
        let settle = store.settle_callback(due.id, due.lease, Settled::Delivered, at(9000));
        assert!(settle.await.unwrap());
        Some(("delivered", due.order.as_str().to_owned()))
    });
    futures_util::future::join_all(settles).await
}

/// Opens what the cut has left and looks whether all is there that must be, and nothing by halves.
async fn assert_survives(files: Files, told: Told) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    files.write(&file);
    let store = SqliteStore::open(tests::options(&file)).await.unwrap();
    assert_holds(&store, &told).await;
    go_on(&store).await;
    store.close().await;
    // What was done since then is there, too.
    let store = SqliteStore::open(tests::options(&file)).await.unwrap();
    assert_holds(&store, &told).await;
    let counts = store.callback_counts().await.unwrap();
    assert_eq!(counts, CallbackCounts::default());
    assert_eq!(store.ambiguous(at(i64::MAX)).await.unwrap(), 0);
    store.close().await;
}

async fn assert_holds(store: &SqliteStore, told: &Told) {
    let delivered = assert_callbacks_whole(store, told).await;
    for (text, stage) in &told.stages {
        assert_whole(store, text, *stage, delivered.contains(text)).await;
    }
    let whole = store.writer.run(move |db| {
        let row = query("PRAGMA integrity_check").fetch_one(db)?;
        Ok(row.first::<String>())
    });
    assert_eq!(whole.await.unwrap(), "ok");
}

/// Everything that was begun can be ended.
async fn go_on(store: &SqliteStore) {
    let open = store.read(|db| {
        let mut ids = |statement| -> Result<Vec<i64>, StoreError> {
            let rows = query(statement).fetch_all(db)?;
            Ok(rows.iter().map(|row| row.first()).collect())
        };
        let attempts = ids("SELECT id FROM attempts")?;
        Ok((
            attempts,
            ids("SELECT id FROM adjustments WHERE state = 'open'")?,
        ))
    });
    let (attempts, calls) = open.await.unwrap();
    let ends = attempts
        .into_iter()
        .map(|id| store.finish_payment(AttemptId(id), succeeded(), at(1500)));
    for end in futures_util::future::join_all(ends).await {
        end.unwrap();
    }
    let ends = calls
        .into_iter()
        .map(|id| store.finish_adjustment(AdjustmentId(id), succeeded(), at(2600)));
    for end in futures_util::future::join_all(ends).await {
        end.unwrap();
    }
    let mut life = Life::new(9999);
    while life.live(store, true).await.is_some() {}
    // Those that were claimed before the cut as well: their claimer is gone.
    let claim = store.claim_callbacks(Due::Deliver, at(9000), PLENTY, at(20_000));
    let settles = claim.await.unwrap().into_iter().map(|due| {
        let how = Settled::Delivered;
        store.settle_callback(due.id, due.lease, how, at(9000))
    });
    for settled in futures_util::future::join_all(settles).await {
        assert!(settled.unwrap());
    }
}

fn asked(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

fn seed() -> u64 {
    asked("SEED").unwrap_or_else(|| {
        let noise = Sealer::fresh_nonce();
        u64::from_be_bytes(noise[..8].try_into().unwrap()) | 1
    })
}

/// Whether the checks fail, in a task of its own.
async fn is_caught(files: Files, told: Told) -> bool {
    let checked = tokio::spawn(assert_survives(files, told));
    checked.await.is_err_and(|error| error.is_panic())
}

#[tokio::test]
async fn c2_what_was_acknowledged_survives_a_power_cut() {
    let seed = seed();
    let rounds = asked("ROUNDS").unwrap_or(40);
    let mut dice = Dice(seed);
    let (mut done, mut planted, mut counts) = (0, 0, std::collections::BTreeMap::new());
    while done < rounds {
        let folder = tempfile::tempdir().unwrap();
        let mut work = Work::begin(folder.path()).await;
        for beat in 0..BEATS {
            work.beat(&mut dice).await;
            if dice.roll(4) > 0 {
                continue;
            }
            let files = Files::of(&work.file);
            let (damaged, kept, how) = files.damaged(&mut dice);
            let told = work.told(&files, kept);
            let name = format!("SEED={seed}, round {done}, beat {beat}: {how}");
            let survives = tokio::spawn(assert_survives(damaged, told)).await;
            assert!(survives.is_ok(), "{name}");
            *counts.entry(how).or_insert(0) += 1;
            done += 1;
            // A disk that lies about syncing would be noticed.
            if dice.roll(2) == 0
                && let Some((lost, _)) = files.without_the_last_commit()
                && let Some(ack) = work.acks.last()
                && files.holds(ack.mark, ack.mark.frames)
                && ack.mark == files.mark()
            {
                let all = work.told(&files, usize::MAX);
                assert!(is_caught(lost, all).await, "{name}: a lost commit passes");
                planted += 1;
            }
        }
        work.store.close().await;
    }
    assert!(planted > 0 || rounds < 20, "SEED={seed}");
    assert!(counts.len() >= 5 || rounds < 40, "SEED={seed}: {counts:?}");
    eprintln!("{done} cuts, {planted} planted losses caught: {counts:?}");
}

/// The first opening, too, is whole or has not been.
#[tokio::test]
async fn c2_a_store_that_was_just_made_survives_a_power_cut() {
    let seed = seed();
    let mut dice = Dice(seed);
    let folder = tempfile::tempdir().unwrap();
    let work = Work::begin(folder.path()).await;
    let files = Files::of(&work.file);
    for round in 0..20 {
        let (damaged, kept, how) = files.damaged(&mut dice);
        let name = format!("SEED={seed}, round {round}: {how}");
        let copy = tempfile::tempdir().unwrap();
        let file = copy.path().join("store.db");
        damaged.write(&file);
        let store = SqliteStore::open(tests::options(&file)).await;
        let store = store.unwrap_or_else(|error| panic!("{name}: {error}"));
        let same = store.secret() == work.store.secret();
        assert!(same || !files.holds(files.mark(), kept), "{name}");
        go_on(&store).await;
        store.close().await;
    }
}

/// A transaction that is larger than its memory writes to the log before it commits.
#[tokio::test]
async fn c2_what_was_not_committed_is_not_there() {
    let seed = seed();
    let mut dice = Dice(seed);
    let folder = tempfile::tempdir().unwrap();
    let mut work = Work::begin(folder.path()).await;
    for _ in 0..20 {
        work.beat(&mut dice).await;
    }
    let file = work.file.clone();
    let cut = work.store.writer.run(move |db| {
            let small = "PRAGMA cache_size = 10";
            query(small).execute(db)?;
            let many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
                INSERT INTO strays (msn, why, redacted, kept_at) SELECT '123456', 'x', hex(randomblob(1000)), 1 FROM n";
            query(many).execute(db)?;
            Ok(Files::of(&file))
    });
    let files = cut.await.unwrap();
    let early = files.uncommitted();
    assert!(early > 100, "SEED={seed}: they were in memory only");
    let copy = tempfile::tempdir().unwrap();
    let file = copy.path().join("store.db");
    files.write(&file);
    let store = SqliteStore::open(tests::options(&file)).await.unwrap();
    let strays = "SELECT count(*) FROM strays";
    let count = store.read(|db| Ok(query(strays).fetch_one(db)?.first::<i64>()));
    assert_eq!(count.await.unwrap(), 0);
    store.close().await;
    let told = work.told(&files, files.mark().frames);
    let survives = tokio::spawn(assert_survives(files, told)).await;
    assert!(survives.is_ok(), "SEED={seed}");
}

/// What the checks are worth: each of these is half a step, and each must be noticed.
#[tokio::test]
async fn c2_half_a_step_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let mut work = Work::begin(folder.path()).await;
    let mut life = Life::new(0);
    for _ in 0..4 {
        let told = life.live(&work.store, true).await;
        let mark = Files::of(&work.file).mark();
        work.acks
            .extend(told.map(|(word, text)| Ack { word, text, mark }));
    }
    let files = Files::of(&work.file);
    for half in [
        "DELETE FROM callbacks",
        "DELETE FROM events",
        "DELETE FROM waiting",
        "DELETE FROM line",
        "DELETE FROM adjustments",
        "DELETE FROM payments",
        "UPDATE payments SET auth_token = NULL",
        "UPDATE payments SET amount = 1",
        "UPDATE events SET matched = 0",
        "UPDATE waiting SET first_at = first_at + 1",
        "SELECT 1",
    ] {
        let copy = tempfile::tempdir().unwrap();
        let file = copy.path().join("store.db");
        files.write(&file);
        let connect = open::for_writing(&file, Duration::from_secs(60));
        let mut db = connect.connect().unwrap();
        query(half).execute(&mut db).unwrap();
        db.close().unwrap();
        let told = work.told(&files, files.mark().frames);
        let checked = tokio::spawn(async move {
            let store = SqliteStore::open(tests::options(&file)).await.unwrap();
            assert_holds(&store, &told).await;
        });
        let caught = checked.await.is_err();
        assert_eq!(caught, half != "SELECT 1", "{half}");
    }
}

/// Without it an acknowledgement would say nothing about a cut of the power.
#[tokio::test]
async fn c2_every_commit_is_synced() {
    let folder = tempfile::tempdir().unwrap();
    let work = Work::begin(folder.path()).await;
    for again in [false, true] {
        if again {
            // A connection that was lost is replaced by one that does the same.
            let lost = work.store.writer.run(move |db| {
                query("ROLLBACK").execute(db)?;
                Err::<(), _>(StoreError::Full)
            });
            lost.await.unwrap_err();
        }
        let told = work.store.writer.run(move |db| {
            let told = "SELECT (SELECT synchronous FROM pragma_synchronous) AS level,
                    (SELECT journal_mode FROM pragma_journal_mode) AS mode";
            let row = query(told).fetch_one(db)?;
            let level: i64 = row.try_get("level")?;
            Ok((level, row.try_get::<String>("mode")?))
        });
        assert_eq!(told.await.unwrap(), (2, "wal".to_owned()), "{again}");
    }
}
