//! The end of serving: what is in flight is answered, what is idle is closed, what does not end is cut.

use std::time::Duration;

use tokio::net::TcpStream;

use crate::support::app::TestApp;
use crate::support::bridge::{Bridge, Wanted, is};
use crate::support::client::{Client, Cut};
use crate::support::upstream::Upstream;
use crate::support::{soon, until};

#[tokio::test]
async fn f1_calls_in_flight_are_answered_and_idle_connections_closed() {
    let upstream = Upstream::start().await;
    let bridge = Bridge::to(upstream.addr).await;
    let mut fresh = Client::to(bridge.addr).await;
    let mut idle = Client::to(bridge.addr).await;
    assert_eq!(
        idle.ask("GET /x HTTP/1.1\r\nHost: b\r\n\r\n").await.status,
        200
    );
    let mut busy = Vec::new();
    for _ in 0..100 {
        let mut client = Client::to(bridge.addr).await;
        client.send("GET /wait HTTP/1.1\r\nHost: b\r\n\r\n").await;
        busy.push(client);
    }
    until(|| is(&bridge.counts.in_flight, 100)).await;

    bridge.shutdown.cancel();
    assert_eq!(idle.read(false).await.unwrap_err(), Cut::Nothing);
    assert_eq!(fresh.read(false).await.unwrap_err(), Cut::Nothing);
    // The listener is gone.
    soon(async { while TcpStream::connect(bridge.addr).await.is_ok() {} }).await;
    assert!(!bridge.served.is_finished());

    bridge.gate.notify_waiters();
    for client in &mut busy {
        let answer = client.read(false).await.unwrap();
        assert_eq!((answer.status, &answer.body[..]), (200, &b"waited"[..]));
        assert_eq!(answer.header("connection"), Some("close"));
        assert!(client.rest().await.is_empty());
    }
    assert_eq!(soon(bridge.served).await.unwrap().cut, 0);
}

#[tokio::test]
async fn what_does_not_end_is_cut_after_the_drain_time() {
    let upstream = Upstream::start().await;
    let mut wanted = Wanted::default();
    wanted.settings.drain_timeout = Duration::from_millis(100);
    let bridge = Bridge::with(upstream.addr, wanted).await;
    let mut client = Client::to(bridge.addr).await;
    client.send("GET /wait HTTP/1.1\r\nHost: b\r\n\r\n").await;
    until(|| is(&bridge.counts.in_flight, 1)).await;
    bridge.shutdown.cancel();
    assert_eq!(soon(bridge.served).await.unwrap().cut, 1);
    assert_eq!(client.read(false).await.unwrap_err(), Cut::Nothing);
    assert!(is(&bridge.counts.in_flight, 0) && is(&bridge.counts.abandoned, 1));
}

/// What closes later could take away the log of a store that is made in the same place.
#[tokio::test]
async fn the_store_is_closed_when_serving_has_ended() {
    let mut app = TestApp::start().await;
    app.initiate("order-0001", 1_000).await.ok();
    let log = app.configuration().1.join("bridge.db-wal");
    assert!(log.exists());
    app.down().await;
    assert!(!log.exists(), "the last connection takes it along");
}
