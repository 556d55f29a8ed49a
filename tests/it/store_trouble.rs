//! C3, F3: a store that is full, locked, gone, dumb or slow. What moves money is refused before anything is sent, what
//! needs no store passes, no webhook is acknowledged without a record, and all goes on by itself when the trouble is over.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rusqlite::Connection;
use serde_json::Value;

use crate::support::callbacks::Shop;
use crate::support::client::Answer;
use crate::support::line::{Line, Manner};
use crate::support::postgres::Own;
use crate::support::shop::Ask;
use crate::support::{eventually, soon, until};

/// A name with money behind it for each call that moves some, and one that waits for its customer.
async fn prepare(shop: &Shop, tag: &str) {
    for name in ["capture", "cancel", "refund"] {
        shop.order(&format!("{tag}-{name}")).await;
        shop.approve(&format!("{tag}-{name}"));
    }
    let refund = format!("{tag}-refund");
    shop.app.capture(&refund, 1_000, "before").await.ok();
    shop.order(&format!("{tag}-waits")).await;
    shop.quiet().await;
}

fn asks(shop: &Shop, tag: &str) -> Vec<Ask> {
    let change = |op: &str, amount: Value| {
        let order = format!("{tag}-{op}");
        shop.app.changing(op, &order, amount, "x")
    };
    let body = shop.body(&format!("{tag}-new"), 1_000);
    vec![
        shop.app.initiating(&body),
        change("capture", 400.into()),
        change("cancel", Value::Null),
        change("refund", 300.into()),
    ]
}

async fn all(asks: &[Ask]) -> Vec<Answer> {
    futures_util::future::join_all(asks.iter().map(Ask::send)).await
}

/// What holds while the store records nothing.
async fn nothing_moves(shop: &Shop, tag: &str, readable: bool) {
    shop.app.took();
    for answer in all(&asks(shop, tag)).await {
        assert_eq!(answer.error(), (503, "99".to_owned()), "{}", answer.text());
        assert!(answer.header("retry-after").is_some());
    }
    let sent = shop.app.took();
    assert!(sent.iter().all(|line| line.starts_with("GET ")), "{sent:?}");
    // What needs no store.
    let passed = shop.app.ask("GET", "/_echo/status/200").send().await;
    assert_eq!((passed.status, passed.route()), (200, "pass"));
    let order = format!("{tag}-capture");
    let read = shop.app.details(&order).await;
    assert_eq!(read.status, if readable { 200 } else { 503 }, "{tag}");
    assert_eq!(shop.app.admin("/healthz").await.status, 200);
    assert_eq!(shop.app.admin("/readyz").await.status, 503);
    shop.approve(&format!("{tag}-waits"));
    until(|| shop.last_answer() == Some(503)).await;
    assert!(shop.statuses(&format!("{tag}-waits")).is_empty());
}

/// The trouble is over: the same calls do it now, once.
async fn all_goes_on(shop: &Shop, tag: &str) {
    eventually(async || shop.app.admin("/readyz").await.status == 200).await;
    let (mut left, mut rounds) = (asks(shop, tag), 0);
    soon(async {
        // A commit in doubt leaves its owner's time.
        while !left.is_empty() {
            let answers = all(&left).await;
            let mut later = Vec::new();
            for (ask, answer) in left.into_iter().zip(answers) {
                match answer.status {
                    200 => {}
                    423 | 502 | 503 => later.push(ask),
                    _ => panic!("{tag} {rounds}: {}", answer.text()),
                }
            }
            (left, rounds) = (later, rounds + 1);
        }
    })
    .await;
    let sums = |name: &str| shop.app.sums(&format!("{tag}-{name}"));
    assert_eq!(sums("new"), (0, 0, 0));
    assert_eq!(sums("capture"), (400, 0, 0));
    assert_eq!(sums("cancel"), (0, 0, 1_000));
    assert_eq!(sums("refund"), (1_000, 300, 0));
    let waits = format!("{tag}-waits");
    eventually(async || !shop.statuses(&waits).is_empty()).await;
    shop.quiet().await;
    assert_eq!(shop.statuses(&waits), ["RESERVED"]);
}

/// A small disk of its own; unmounted at the end.
struct Disk(tempfile::TempDir);

impl Disk {
    fn mounted() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=3m", "tmpfs"])
            .arg(folder.path())
            .output();
        if mounted.is_ok_and(|told| told.status.success()) {
            return Some(Self(folder));
        }
        let told = "\n*** SKIPPED: a small disk can't be mounted (not root?) ***\n";
        std::io::Write::write_all(&mut std::io::stderr(), told.as_bytes()).unwrap();
        None
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// To the last byte.
    fn fill(&self) {
        let mut file = std::fs::File::create(self.path().join("other")).unwrap();
        while std::io::Write::write_all(&mut file, &[0; 512]).is_ok() {}
    }

    fn free(&self) {
        std::fs::remove_file(self.path().join("other")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _unmounted = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

#[tokio::test]
async fn c3_f3_a_full_disk_moves_nothing_and_is_survived() {
    let Some(disk) = Disk::mounted() else { return };
    let file = disk.path().join("bridge.db");
    let url = format!("\"sqlite:{}\"", file.display());
    let shop = Shop::with(&[("store.url", &url)]).await;
    for tag in ["order-1", "order-2"] {
        prepare(&shop, tag).await;
        disk.fill();
        // What is left of a page's room may still take a record.
        let mut n = 0;
        eventually(async || {
            n += 1;
            let answer = shop.app.initiate(&format!("{tag}-fills-{n}"), 1_000).await;
            answer.status == 503
        })
        .await;
        nothing_moves(&shop, tag, true).await;
        disk.free();
        all_goes_on(&shop, tag).await;
    }
    drop(shop);
}

#[tokio::test]
async fn f3_a_store_locked_by_another_process_moves_nothing_and_goes_on_after() {
    let shop = Shop::start().await;
    prepare(&shop, "order-1").await;
    let file = shop.app.configuration().1.join("bridge.db");
    let other = Connection::open(file).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    nothing_moves(&shop, "order-1", true).await;
    other.execute_batch("ROLLBACK").unwrap();
    all_goes_on(&shop, "order-1").await;
}

/// A damaged file is refused at the start, with what to do; while serving, no answer is untrue.
#[tokio::test]
async fn b4_a_damaged_file_is_refused_with_the_remedy() {
    let mut shop = Shop::start().await;
    prepare(&shop, "order-1").await;
    let file = shop.app.configuration().1.join("bridge.db");
    shop.app.down().await;
    // Nothing stays in the log beside it.
    let db = Connection::open(&file).unwrap();
    db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    db.close().unwrap();
    let whole = std::fs::read(&file).unwrap();
    let mut torn = whole.clone();
    torn[4096..].fill(0xA5);
    std::fs::write(&file, &torn).unwrap();
    let refused = shop.app.build().await.err().expect("a damaged store");
    let told = refused.to_string();
    assert!(
        told.contains("damaged") && told.contains("backup"),
        "{told}"
    );
    std::fs::write(&file, whole).unwrap();
    shop.app.up().await;
    prepare(&shop, "order-2").await;
    all_goes_on_with_what_waits(&shop).await;
}

async fn all_goes_on_with_what_waits(shop: &Shop) {
    for tag in ["order-1", "order-2"] {
        shop.approve(&format!("{tag}-waits"));
        all_goes_on(shop, tag).await;
    }
}

#[tokio::test]
async fn f3_a_database_server_stopped_cut_off_or_dumb_moves_nothing_and_goes_on_after() {
    let Some(server) = Own::to_be_stopped() else {
        return;
    };
    let line = Line::to(&server.socket()).await;
    let shop = Shop::with(&[
        ("store.url", &line.setting()),
        ("proxy.request_timeout", "\"3s\""),
    ])
    .await;
    for (n, manner) in [Manner::Open, Manner::Cut, Manner::Dumb]
        .into_iter()
        .enumerate()
    {
        let tag = format!("order-{n}");
        prepare(&shop, &tag).await;
        let stops = manner == Manner::Open;
        line.is(manner);
        if stops {
            server.stop();
        }
        nothing_moves(&shop, &tag, false).await;
        if stops {
            server.up();
        }
        line.is(Manner::Open);
        all_goes_on(&shop, &tag).await;
    }
    // Slow, but within the time: served.
    prepare(&shop, "order-slow").await;
    line.is(Manner::Slow(Duration::from_millis(40)));
    let slow = shop.app.capture("order-slow-capture", 400, "x").await;
    assert!(matches!(slow.status, 200 | 502 | 503), "{}", slow.text());
    shop.approve("order-slow-waits");
    line.is(Manner::Open);
    all_goes_on(&shop, "order-slow").await;
}

/// The server became a standby, and its successor is elsewhere: the old connections would stay with it.
#[tokio::test]
async fn f3_a_failover_is_followed_without_a_restart() {
    let Some(old) = Own::to_be_stopped() else {
        return;
    };
    let line = Line::to(&old.socket()).await;
    let shop = Shop::with(&[("store.url", &line.setting())]).await;
    prepare(&shop, "order-1").await;
    old.stop();
    let new = old.copy();
    old.becomes_a_standby();
    old.up();
    new.up();
    nothing_moves(&shop, "order-1", true).await;
    line.leads_to(&new.socket());
    all_goes_on(&shop, "order-1").await;
}
