//! `kill -9` at any moment: what was acknowledged is there, and nothing is half there.
//!
//! The test runs this binary again as a child that writes and prints what the store acknowledged; the parent kills it
//! after so many lines. No sleeps.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use super::*;
use crate::store::suite::*;
use crate::store::{AdjustmentState, Origin};

const FILE: &str = "ECOM_BRIDGE_CRASH_FILE";
const ROUND: &str = "ECOM_BRIDGE_CRASH_ROUND";
const CHILD: &str = "store::sqlite::crash::child_that_will_be_killed";
const WRITERS: u32 = 6;

/// How far an order is known to have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Begun,
    Paid,
    Asked,
    Closed,
}

const STAGES: [(&str, Stage); 4] = [
    ("begun", Stage::Begun),
    ("paid", Stage::Paid),
    ("asked", Stage::Asked),
    ("closed", Stage::Closed),
];

fn say(stage: Stage, text: &str) {
    let word = STAGES.iter().find(|(_, s)| *s == stage).unwrap().0;
    let mut out = std::io::stdout().lock();
    writeln!(out, "ack {word} {text}").unwrap();
    out.flush().unwrap();
}

async fn write_without_end(store: Any, prefix: String) {
    for n in 0_u32.. {
        let text = format!("{prefix}-{n}");
        let id = fresh(&store, new_payment(&text, Origin::Epayment, "a")).await;
        say(Stage::Begun, &text);
        let end = store.finish_payment(id, succeeded(), at(1500)).await;
        end.unwrap();
        say(Stage::Paid, &text);
        let (_, seen) = store.adjustments(&shop(), &order(&text)).await.unwrap();
        let call = store.begin_adjustment(new_capture(&text), seen).await;
        let call = call.unwrap().unwrap();
        say(Stage::Asked, &text);
        let end = store.finish_adjustment(call, succeeded(), at(2600)).await;
        end.unwrap();
        say(Stage::Closed, &text);
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
        let store = SqliteStore::open(SqliteOptions::new(file)).await.unwrap();
        let store: Any = Arc::new(store);
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let prefix = format!("r{round}-w{writer}");
                tokio::spawn(write_without_end(Arc::clone(&store), prefix))
            })
            .collect();
        for writer in writers {
            writer.await.unwrap();
        }
    });
}

/// Lets a child write until it has acknowledged `lines`, kills it, and notes all that it acknowledged.
fn write_and_kill(file: &Path, round: usize, lines: usize, told: &mut BTreeMap<String, Stage>) {
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
            let stage = STAGES.iter().find(|(w, _)| *w == word).unwrap().1;
            let best = told.entry(text.to_owned()).or_insert(stage);
            *best = stage.max(*best);
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

async fn assert_whole(store: &SqliteStore, text: &str, stage: Stage) {
    let known = store.payment(&shop(), &order(text), caller("a")).await;
    let known = known.unwrap();
    let (list, version) = store.adjustments(&shop(), &order(text)).await.unwrap();
    match (&known.payment, &known.attempt) {
        (Some(payment), None) => {
            assert_same(&payment.facts, &facts(Origin::Epayment));
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
    let mut told = BTreeMap::new();
    for round in 0..10 {
        // From the first line to some hundreds, so that it meets openings, batches and checkpoints.
        let lines = [1, 2, 7, 31, 64, 113, 200, 389, 611, 900][round];
        write_and_kill(&file, round, lines, &mut told);
        // The dead child's lock is gone with it.
        let store = SqliteStore::open(SqliteOptions::new(&file)).await.unwrap();
        for (text, stage) in &told {
            assert_whole(&store, text, *stage).await;
        }
        store.ready().await.unwrap();
        let whole = store.writer.run(|db| {
            Box::pin(async move {
                let row = sqlx::query("PRAGMA integrity_check").fetch_one(db).await?;
                Ok(sqlx::Row::try_get::<String, _>(&row, 0)?)
            })
        });
        assert_eq!(whole.await.unwrap(), "ok");
        store.close().await;
    }
    let closed = told.values().filter(|stage| **stage == Stage::Closed);
    assert!(closed.count() > 100, "the child came far enough to matter");
}
