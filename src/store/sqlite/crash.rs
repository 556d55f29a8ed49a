//! `kill -9` at any moment: what was acknowledged is there, and nothing is half there.
//!
//! The test runs this binary again as a child that writes and prints what the store acknowledged; the parent kills it
//! after so many lines. No sleeps.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use super::db::query;
use super::*;
use crate::epayment::event::EventName;
use crate::store::suite::*;
use crate::store::{AdjustmentState, ClaimLimits, Origin, Settled, Stage as Due};

const FILE: &str = "ECOM_BRIDGE_CRASH_FILE";
const ROUND: &str = "ECOM_BRIDGE_CRASH_ROUND";
const CHILD: &str = "store::sqlite::crash::child_that_will_be_killed";
const WRITERS: u32 = 6;

/// How far an order is known to have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    Begun,
    Paid,
    Asked,
    Closed,
}

/// What has been acknowledged.
#[derive(Default)]
pub(super) struct Told {
    pub(super) stages: BTreeMap<String, Stage>,
    heard: BTreeSet<String>,
    delivered: BTreeSet<String>,
}

const STAGES: [(&str, Stage); 4] = [
    ("begun", Stage::Begun),
    ("paid", Stage::Paid),
    ("asked", Stage::Asked),
    ("closed", Stage::Closed),
];

fn say(stage: Stage, text: &str) {
    say_word(STAGES.iter().find(|(_, s)| *s == stage).unwrap().0, text);
}

fn say_word(word: &str, text: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "ack {word} {text}").unwrap();
    out.flush().unwrap();
}

async fn write_without_end(both: Both, prefix: String) {
    let store = &both.store;
    let hear = async |text: &str| {
        let event = event(text, EventName::Authorized);
        let heard = both.callbacks.accept_event(event, at(1200)).await;
        heard.unwrap();
        say_word("heard", text);
    };
    for n in 0_u32.. {
        let text = format!("{prefix}-{n}");
        let id = fresh(store, new_payment(&text, Origin::Epayment, "a")).await;
        say(Stage::Begun, &text);
        // Every other event is there before its payment.
        if n % 2 == 0 {
            hear(&text).await;
        }
        let end = store.finish_payment(id, succeeded(), at(1500)).await;
        end.unwrap();
        say(Stage::Paid, &text);
        if n % 2 == 1 {
            hear(&text).await;
        }
        let (_, seen) = store.adjustments(&shop(), &order(&text)).await.unwrap();
        let call = store.begin_adjustment(new_capture(&text), seen).await;
        let call = call.unwrap().unwrap();
        say(Stage::Asked, &text);
        let end = store.finish_adjustment(call, succeeded(), at(2600)).await;
        end.unwrap();
        say(Stage::Closed, &text);
    }
}

/// Claims and settles; what a killed one had claimed is due in the next round.
async fn deliver_without_end(both: Both, round: i64) {
    let (now, until) = (at(10_000 * (round + 1)), at(10_000 * (round + 1) + 5000));
    let few = ClaimLimits {
        total: 3,
        per_unit: 100,
    };
    loop {
        let claim = both
            .callbacks
            .claim_callbacks(Due::Deliver, now, few, until);
        for due in claim.await.unwrap() {
            let settle = both
                .callbacks
                .settle_callback(due.id, due.lease, Settled::Delivered, now);
            assert!(settle.await.unwrap());
            say_word("delivered", due.order.as_str());
        }
        tokio::task::yield_now().await;
    }
}

#[test]
#[ignore = "run by the test below, which kills it"]
fn child_that_will_be_killed() {
    let (Ok(file), Ok(round)) = (std::env::var(FILE), std::env::var(ROUND)) else {
        return;
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = SqliteStore::open(tests::options(file.as_ref()))
            .await
            .unwrap();
        let both = Both::of(store);
        let mut writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                // Long enough to be its own reference.
                let prefix = format!("round{round}-w{writer}");
                tokio::spawn(write_without_end(both.clone(), prefix))
            })
            .collect();
        let round: i64 = round.parse().unwrap();
        writers.push(tokio::spawn(deliver_without_end(both, round)));
        for writer in writers {
            writer.await.unwrap();
        }
    });
}

impl Told {
    pub(super) fn note(&mut self, word: &str, text: &str) {
        let text = text.to_owned();
        if word == "heard" {
            self.heard.insert(text);
        } else if word == "delivered" {
            self.delivered.insert(text);
        } else {
            let stage = STAGES.iter().find(|(w, _)| *w == word).unwrap().1;
            let best = self.stages.entry(text).or_insert(stage);
            *best = stage.max(*best);
        }
    }
}

/// Lets a child write until it has acknowledged `lines`, kills it, and notes all that it acknowledged.
fn write_and_kill(file: &Path, round: usize, lines: usize, told: &mut Told) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([CHILD, "--exact", "--ignored", "--nocapture"])
        .env(FILE, file)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut count = 0;
    let mut line = String::new();
    while out.read_line(&mut line).unwrap() > 0 {
        // The last line may be cut: then it is no acknowledgement.
        let words: Vec<&str> = match line.strip_suffix('\n') {
            Some(whole) => whole.split(' ').collect(),
            None => Vec::new(),
        };
        if let ["ack", word, text] = words[..] {
            told.note(word, text);
            count += 1;
            if count == lines {
                child.kill().unwrap();
            }
        }
        line.clear();
    }
    child.wait().unwrap();
    assert!(count >= lines, "the child ended by itself after {count}");
}

/// An event and its callback are there together, and the token goes with the delivery.
pub(super) async fn assert_callbacks_whole(store: &SqliteStore, told: &Told) -> BTreeSet<String> {
    let torn = "SELECT
        (SELECT count(*) FROM events e WHERE matched = 1
            AND NOT EXISTS (SELECT 1 FROM callbacks c WHERE c.scope = e.msn AND c.order_id = e.reference))
        + (SELECT count(*) FROM events e WHERE matched = 0
            AND EXISTS (SELECT 1 FROM payments p WHERE p.scope = e.msn AND p.order_id = e.reference))
        + (SELECT count(*) FROM callbacks c
            WHERE NOT EXISTS (SELECT 1 FROM events e WHERE e.msn = c.scope AND e.reference = c.order_id))
        + (SELECT count(*) FROM callbacks c JOIN payments p USING (scope, order_id)
            WHERE (c.ended = 'delivered') IS (p.auth_token IS NOT NULL) OR p.callback_id <> c.id)
        + (SELECT count(*) FROM (SELECT stage, msn, min(due_at) FROM callbacks
            WHERE ended_at IS NULL AND leased = 0 GROUP BY 1, 2 EXCEPT SELECT stage, msn, first_at FROM waiting))
        + (SELECT count(*) FROM (SELECT stage, msn FROM waiting
            EXCEPT SELECT stage, msn FROM callbacks WHERE ended_at IS NULL AND leased = 0))
        + (SELECT count(*) FROM (SELECT stage, msn, due_at, id FROM callbacks
            WHERE ended_at IS NULL AND leased = 0 EXCEPT SELECT stage, msn, due_at, id FROM line))";
    let found = store.read(|db| {
        let halves: i64 = query(torn).fetch_one(db)?.first();
        let mut all = |statement| -> Result<BTreeSet<String>, StoreError> {
            let rows = query(statement).fetch_all(db)?;
            Ok(rows.iter().map(|row| row.first()).collect())
        };
        let heard = all("SELECT reference FROM events")?;
        let delivered = all("SELECT order_id FROM callbacks WHERE ended = 'delivered'")?;
        Ok((halves, heard, delivered))
    });
    let (halves, heard, delivered) = found.await.unwrap();
    assert_eq!(halves, 0, "half there");
    assert!(told.heard.is_subset(&heard), "an event is lost");
    assert!(told.delivered.is_subset(&delivered), "a delivery is lost");
    delivered
}

pub(super) async fn assert_whole(store: &SqliteStore, text: &str, stage: Stage, delivered: bool) {
    let known = store.payment(&shop(), &order(text), caller("a")).await;
    let known = known.unwrap();
    let (list, version) = store.adjustments(&shop(), &order(text)).await.unwrap();
    match (&known.payment, &known.attempt) {
        (Some(payment), None) => {
            let mut given = facts(Origin::Epayment);
            if let Some(target) = given.callback.as_mut().filter(|_| delivered) {
                target.auth_token = None;
            }
            assert_same(&payment.facts, &given);
            assert_eq!(payment.create_key, key("bridge-1"), "{text}");
        }
        (None, Some(attempt)) => {
            assert!(stage < Stage::Paid, "{text} was paid");
            assert_same(&attempt.facts, &facts(Origin::Epayment));
        }
        other => panic!("{text} is half there: {other:?}"),
    }
    assert!(list.len() <= 1, "{text}");
    let Some(call) = list.first() else {
        assert!(stage < Stage::Asked && version.0 == 0, "{text} was asked");
        return;
    };
    assert!(known.payment.is_some(), "{text}: a money call of nothing");
    assert_eq!(call.key, new_capture(text).key);
    let closed =
        matches!(&call.state, AdjustmentState::Succeeded { at: done, .. } if *done == at(2500));
    assert!(
        closed || (call.is_open() && stage < Stage::Closed),
        "{text}"
    );
}

#[tokio::test]
async fn what_was_acknowledged_survives_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    let mut told = Told::default();
    for round in 0..10 {
        // From the first line to some hundreds, so that it meets openings, batches and checkpoints.
        let lines = [1, 2, 7, 31, 64, 113, 200, 389, 611, 900][round];
        write_and_kill(&file, round, lines, &mut told);
        // The dead child's lock is gone with it.
        let store = SqliteStore::open(tests::options(&file)).await.unwrap();
        let delivered = assert_callbacks_whole(&store, &told).await;
        for (text, stage) in &told.stages {
            assert_whole(&store, text, *stage, delivered.contains(text)).await;
        }
        store.ready().await.unwrap();
        let whole = store.writer.run(move |db| {
            let row = query("PRAGMA integrity_check").fetch_one(db)?;
            Ok(row.first::<String>())
        });
        assert_eq!(whole.await.unwrap(), "ok");
        store.close().await;
    }
    assert!(told.heard.len() > 100 && told.delivered.len() > 50);
    let closed = told
        .stages
        .values()
        .filter(|stage| **stage == Stage::Closed);
    assert!(closed.count() > 100, "the child came far enough to matter");
}
