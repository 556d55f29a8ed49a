//! Shops' connections on threads of their own: nothing about a call may depend on which of them it came to.

use ecom_bridge::simulator::{Action, Fault};

use crate::support::app::with;
use crate::support::bridge::Bridge;
use crate::support::client::Client;
use crate::support::until;
use crate::support::upstream::Upstream;

/// The same call on eight connections at once, four on each worker.
#[tokio::test]
async fn a11_a_change_that_comes_to_several_workers_at_once_is_made_once() {
    let app = with(&[]).workers(2).start().await;
    app.reserved("order-0001", 1_000).await;
    let ask = app.changing("capture", "order-0001", 400, "once");
    let mut clients = Vec::new();
    for _ in 0..8 {
        clients.push(ask.clone().to(app.addr()).begin().await);
    }
    let mut done = 0;
    for client in &mut clients {
        let answer = client.read(false).await.unwrap();
        // Who came while it was being made is told so, and asks again.
        assert!(matches!(answer.status, 200 | 423), "{}", answer.text());
        done += usize::from(answer.status == 200);
    }
    assert!(done > 0);
    assert_eq!(ask.send().await.ok()["transactionInfo"]["amount"], 400);
    assert_eq!(app.sums("order-0001"), (400, 0, 0));
}

/// F1: the workers, on which it goes on, end after it.
#[tokio::test]
async fn f1_a_change_whose_client_has_left_is_made_whole_before_the_workers_end() {
    let mut app = with(&[]).workers(2).start().await;
    app.reserved("order-0001", 1_000).await;
    app.took();
    let slow = Action::Delay {
        before_ms: 300,
        after_ms: 100,
    };
    app.world()
        .add_fault(Fault::once("/order-0001/capture", slow));
    let ask = app.changing("capture", "order-0001", 400, "x");
    let client: Client = ask.clone().to(app.addr()).begin().await;
    until(|| !app.world().requests().is_empty()).await;
    drop(client);
    app.restart().await;
    // Settled, not only sent: whoever asks is told, and nothing is sent again.
    app.took();
    let again = app.changing("capture", "order-0001", 400, "x");
    assert_eq!(again.send().await.ok()["transactionInfo"]["amount"], 400);
    let sent = app.took();
    assert!(
        sent.iter().all(|request| request.starts_with("GET")),
        "{sent:?}"
    );
    assert_eq!(app.sums("order-0001"), (400, 0, 0));
}

#[tokio::test]
async fn connections_to_upstream_stay_on_their_worker_and_are_used_again() {
    let upstream = Upstream::start().await;
    let bridge = Bridge::to(upstream.addr).await;
    let mut clients = Vec::new();
    for _ in 0..4 {
        clients.push(Client::to(bridge.addr).await);
    }
    for _ in 0..10 {
        for client in &mut clients {
            let answer = client.ask("GET /x HTTP/1.1\r\nHost: b\r\n\r\n").await;
            assert_eq!(answer.status, 200);
        }
    }
    assert_eq!(upstream.connections(), 2, "one for each of two workers");
}
