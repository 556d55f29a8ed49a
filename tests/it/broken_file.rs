//! B4, C3, F3: the store's file refuses every write while it serves, or is overwritten by another program. No answer is
//! untrue, nothing is sent that can't be recorded, and what passes by itself is over without a restart.

use std::io::{Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::process::Command;

use crate::slow_store::{MOVES, all_goes_on, ask, posted, prepare};
use crate::support::callbacks::Shop;
use crate::support::client::Answer;
use crate::support::{eventually, until};

/// The store's files.
fn files(shop: &Shop) -> Vec<PathBuf> {
    let folder = shop.app.configuration().1;
    let each = ["bridge.db", "bridge.db-wal", "bridge.db-shm"];
    each.map(|name| folder.join(name)).to_vec()
}

/// Files that the system lets nobody write any more, whoever has them open; writable again at the end.
struct Unwritable(Vec<PathBuf>);

impl Unwritable {
    fn set(files: &[PathBuf], how: &str) -> bool {
        let told = Command::new("chattr").arg(how).args(files).output();
        told.is_ok_and(|told| told.status.success())
    }

    /// Where this machine, its file system and this user can.
    fn now(files: Vec<PathBuf>) -> Option<Self> {
        let all = Self(files);
        let mut file = std::fs::File::create(all.0[0].with_extension("probe")).unwrap();
        let probe = [all.0[0].with_extension("probe")];
        let refuses = Self::set(&probe, "+i") && file.write_all(b"x").is_err();
        Self::set(&probe, "-i");
        if refuses && Self::set(&all.0, "+i") {
            return Some(all);
        }
        let told = "\n*** SKIPPED: no file can be made immutable here (not root, or the file system has no such mark) ***\n";
        Write::write_all(&mut std::io::stderr(), told.as_bytes()).unwrap();
        None
    }
}

impl Drop for Unwritable {
    fn drop(&mut self) {
        Self::set(&self.0, "-i");
    }
}

async fn each(shop: &Shop, tag: &str) -> Vec<(&'static str, Answer)> {
    let all = MOVES.map(|op| {
        let asked = ask(shop, tag, op);
        async move { (op, asked.send().await) }
    });
    futures_util::future::join_all(all).await
}

/// The system answers every write of the serving bridge with an error, as on a disk that became read-only.
#[tokio::test]
async fn c3_f3_a_file_that_refuses_writes_moves_nothing_and_is_survived() {
    let shop = Shop::start().await;
    for tag in ["order-1", "order-2"] {
        prepare(&shop, tag).await;
        shop.order(&format!("{tag}-waits")).await;
        shop.app.world().clear_requests();
        let Some(unwritable) = Unwritable::now(files(&shop)) else {
            return;
        };
        for (op, answer) in each(&shop, tag).await {
            let told = answer.error();
            assert_eq!(told, (503, "99".to_owned()), "{op}: {}", answer.text());
            assert!(answer.header("retry-after").is_some());
            assert_eq!(posted(&shop, &format!("{tag}-{op}")), 0, "{op}");
        }
        // What needs no record goes on.
        let passed = shop.app.ask("GET", "/_echo/status/200").send().await;
        assert_eq!((passed.status, passed.route()), (200, "pass"));
        let read = shop.app.details(&format!("{tag}-capture")).await;
        assert_eq!(read.status, 200, "{}", read.text());
        assert_eq!(shop.app.admin("/healthz").await.status, 200);
        assert_eq!(shop.app.admin("/readyz").await.status, 503);
        // No event is acknowledged without a record.
        shop.approve(&format!("{tag}-waits"));
        until(|| shop.last_answer() == Some(503)).await;
        assert!(shop.statuses(&format!("{tag}-waits")).is_empty());
        drop(unwritable);
        eventually(async || shop.app.admin("/readyz").await.status == 200).await;
        all_goes_on(&shop, tag, &[]).await;
        let waits = format!("{tag}-waits");
        eventually(async || !shop.statuses(&waits).is_empty()).await;
        shop.quiet().await;
        assert_eq!(shop.statuses(&waits), ["RESERVED"]);
    }
}

/// Another program writes over every page but the first while the bridge serves.
#[tokio::test]
async fn b4_f3_pages_overwritten_while_serving_make_no_answer_untrue() {
    let mut shop = Shop::start().await;
    prepare(&shop, "order-1").await;
    // From here on nothing of it is in the log beside it, or in a reader's memory.
    shop.app.restart().await;
    shop.app.world().clear_requests();
    let file = &files(&shop)[0];
    let length = std::fs::metadata(file).unwrap().len();
    let mut torn = std::fs::OpenOptions::new().write(true).open(file).unwrap();
    torn.seek(SeekFrom::Start(4_096)).unwrap();
    let rest = usize::try_from(length - 4_096).unwrap();
    torn.write_all(&vec![0xA5; rest]).unwrap();
    for _ in 0..2 {
        for (op, answer) in each(&shop, "order-1").await {
            let sent = posted(&shop, &format!("order-1-{op}"));
            match answer.status {
                503 => assert_eq!(sent, 0, "{op}: {}", answer.text()),
                200 => assert!(sent > 0, "{op}: {}", answer.text()),
                _ => assert!(answer.is_unknown(), "{op}: {}", answer.text()),
            }
        }
    }
    for op in ["capture", "cancel", "refund"] {
        let read = shop.app.details(&format!("order-1-{op}")).await;
        assert!(matches!(read.status, 200 | 503), "{op}: {}", read.text());
    }
    let passed = shop.app.ask("GET", "/_echo/status/200").send().await;
    assert_eq!((passed.status, passed.route()), (200, "pass"));
    // What can't be recorded is not sent.
    let all = shop.app.world().requests();
    let changes = all
        .iter()
        .filter(|r| r.method == "POST" && r.target.contains("order-1"));
    assert_eq!(changes.count(), 0);
}
