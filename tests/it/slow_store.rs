//! F3: a store whose commits take seconds. Every answer comes in the call's time; 503 says that nothing was sent, neither
//! before it nor after it.

use std::time::{Duration, Instant};

use ecom_bridge::simulator::{Action, Fault};
use rusqlite::Connection;
use serde_json::Value;

use crate::support::app::MSN;
use crate::support::callbacks::Shop;
use crate::support::client::Answer;
use crate::support::line::{Line, Manner};
use crate::support::postgres::Own;
use crate::support::shop::Ask;
use crate::support::{LIMIT, soon, until};

/// `proxy.request_timeout` here.
const TIME: Duration = Duration::from_secs(3);
/// For the answer itself, and for a busy machine.
const SLACK: Duration = Duration::from_millis(1_500);

pub(crate) const MOVES: [&str; 4] = ["new", "capture", "cancel", "refund"];

async fn shop_on(values: &[(&str, &str)]) -> Shop {
    let limit = format!("\"{}s\"", TIME.as_secs());
    let mut all = vec![("proxy.request_timeout", limit.as_str())];
    all.extend(values);
    Shop::with(&all).await
}

/// A shop whose store is a database server at the end of a line that can become slow; none where there is no server.
async fn on_a_line() -> Option<(Own, Line, Shop)> {
    let server = Own::to_be_stopped()?;
    let line = Line::to(&server.socket()).await;
    let shop = shop_on(&[("store.url", &line.setting())]).await;
    Some((server, line, shop))
}

/// A name with money behind it for each call that moves some.
pub(crate) async fn prepare(shop: &Shop, tag: &str) {
    for name in ["capture", "cancel", "refund"] {
        shop.order(&format!("{tag}-{name}")).await;
        shop.approve(&format!("{tag}-{name}"));
    }
    let refund = format!("{tag}-refund");
    shop.app.capture(&refund, 1_000, "before").await.ok();
    shop.quiet().await;
}

pub(crate) fn ask(shop: &Shop, tag: &str, op: &str) -> Ask {
    let order = format!("{tag}-{op}");
    match op {
        "new" => shop.app.initiating(&shop.body(&order, 1_000)),
        "cancel" => shop.app.changing(op, &order, Value::Null, "x"),
        _ => shop.app.changing(op, &order, 400, "x"),
    }
}

/// All of them at once, each in its time.
async fn in_time(shop: &Shop, tag: &str) -> Vec<(&'static str, Answer)> {
    let each = MOVES.map(|op| {
        let asked = ask(shop, tag, op);
        async move {
            let began = Instant::now();
            let answer = asked.send().await;
            let took = began.elapsed();
            assert!(
                took < TIME + SLACK,
                "{tag} {op} {took:?}: {}",
                answer.text()
            );
            (op, answer)
        }
    });
    futures_util::future::join_all(each).await
}

/// How often upstream was asked to change something of an order.
pub(crate) fn posted(shop: &Shop, order: &str) -> usize {
    let all = shop.app.world().requests();
    let changes = all.iter().filter(|r| r.method == "POST");
    changes
        .filter(|r| r.target.contains(order) || r.json()["reference"] == order)
        .count()
}

/// When all that was begun has ended: what was told 503 was never sent, and nothing that was sent was told so.
async fn kept_its_word(shop: &mut Shop, tag: &str, told: &[(&'static str, Answer)]) {
    // Work that goes on after its answer ends before this does.
    shop.app.restart().await;
    for (op, answer) in told {
        let sent = posted(shop, &format!("{tag}-{op}"));
        match answer.status {
            503 => {
                assert_eq!(answer.error(), (503, "99".to_owned()));
                assert!(answer.header("retry-after").is_some());
                assert_eq!(sent, 0, "{tag} {op} was told that nothing was done");
            }
            200 => assert!(sent > 0),
            _ => assert!(answer.is_unknown(), "{tag} {op}: {}", answer.text()),
        }
    }
}

/// What was not told as done is done now, and all of it once.
pub(crate) async fn all_goes_on(shop: &Shop, tag: &str, told: &[(&'static str, Answer)]) {
    let is_done = |op: &str| told.iter().any(|(told, a)| *told == op && a.status == 200);
    for op in MOVES.into_iter().filter(|op| !is_done(op)) {
        soon(async {
            loop {
                let answer = ask(shop, tag, op).send().await;
                match answer.status {
                    200 => return,
                    423 | 502 | 503 => {}
                    _ => panic!("{tag} {op}: {}", answer.text()),
                }
            }
        })
        .await;
    }
    let sums = |op: &str| shop.app.sums(&format!("{tag}-{op}"));
    assert_eq!(sums("new"), (0, 0, 0));
    assert_eq!(sums("capture"), (400, 0, 0));
    assert_eq!(sums("cancel"), (0, 0, 1_000));
    assert_eq!(sums("refund"), (1_000, 400, 0));
    assert!(
        shop.app
            .world()
            .payment(MSN, &format!("{tag}-new"))
            .is_some()
    );
}

/// Each statement and each commit takes 400 ms, 2 s, and more than all the time.
#[tokio::test]
async fn f3_a_slow_database_server_is_waited_for_in_bounded_time_and_503_means_nothing_was_sent() {
    let Some((_server, line, mut shop)) = on_a_line().await else {
        return;
    };
    for millis in [400, 2_000, 5_000] {
        let tag = format!("order-{millis}");
        prepare(&shop, &tag).await;
        shop.app.world().clear_requests();
        line.is(Manner::Slow(Duration::from_millis(millis)));
        let told = in_time(&shop, &tag).await;
        if millis > 400 {
            let refused = told.iter().all(|(_, answer)| answer.status == 503);
            assert!(refused, "{told:?}");
        }
        line.is(Manner::Open);
        kept_its_word(&mut shop, &tag, &told).await;
        all_goes_on(&shop, &tag, &told).await;
    }
}

/// It becomes slow when the call is on its way: what came of it can't be kept in time, and 503 would be untrue.
#[tokio::test]
async fn f3_a_database_server_that_becomes_slow_after_the_sending_is_never_told_as_503() {
    let Some((_server, line, mut shop)) = on_a_line().await else {
        return;
    };
    for op in MOVES {
        let tag = format!("order-{op}");
        prepare(&shop, &tag).await;
        shop.app.world().clear_requests();
        let order = format!("{tag}-{op}");
        let delay = Action::Delay {
            before_ms: 300,
            after_ms: 0,
        };
        shop.app
            .world()
            .add_fault(Fault::once("/epayment/", delay).on("POST"));
        let (asked, began) = (ask(&shop, &tag, op), Instant::now());
        let (answer, ()) = tokio::join!(asked.send(), async {
            until(|| posted(&shop, &order) > 0).await;
            line.is(Manner::Slow(LIMIT));
        });
        let took = began.elapsed();
        assert!(took < TIME + SLACK, "{op} {took:?}: {}", answer.text());
        let honest = answer.status == 200 || answer.is_unknown();
        assert!(honest, "{op}: {}", answer.text());
        line.is(Manner::Open);
        let told = [(op, answer)];
        kept_its_word(&mut shop, &tag, &told).await;
        all_goes_on(&shop, &tag, &told).await;
    }
}

/// Another connection holds the file's lock: for less than the wait, for 2 s again and again, and for good.
#[tokio::test]
async fn f3_a_file_locked_for_long_is_waited_for_in_bounded_time_and_503_means_nothing_was_sent() {
    let mut shop = shop_on(&[]).await;
    let file = shop.app.configuration().1.join("bridge.db");
    for (millis, comes_again) in [(500, false), (2_000, true), (60_000, false)] {
        let tag = format!("order-{millis}");
        prepare(&shop, &tag).await;
        shop.app.world().clear_requests();
        let (over, is_over) = std::sync::mpsc::channel::<()>();
        let (held, is_held) = std::sync::mpsc::channel();
        let path = file.clone();
        let other = std::thread::spawn(move || {
            let db = Connection::open(path).unwrap();
            db.busy_timeout(LIMIT).unwrap();
            loop {
                db.execute_batch("BEGIN IMMEDIATE").unwrap();
                let _told = held.send(());
                let ended = is_over.recv_timeout(Duration::from_millis(millis)).is_ok();
                db.execute_batch("ROLLBACK").unwrap();
                if ended || !comes_again {
                    return;
                }
            }
        });
        is_held.recv().unwrap();
        let told = in_time(&shop, &tag).await;
        if millis > 10_000 {
            let refused = told.iter().all(|(_, answer)| answer.status == 503);
            assert!(refused, "{told:?}");
        }
        let _ended_by_itself = over.send(());
        other.join().unwrap();
        kept_its_word(&mut shop, &tag, &told).await;
        all_goes_on(&shop, &tag, &told).await;
    }
}
