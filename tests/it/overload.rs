//! Five times as many calls as there are places, and an upstream that does not answer: served or shed at once, nothing else
//! suffers, and afterwards everything is as before.

use ecom_bridge::simulator::{Action, Fault};
use futures_util::future::join_all;
use serde_json::json;

use crate::support::app::{TestApp, with};
use crate::support::callbacks::Shop;
use crate::support::client::{Answer, Client};
use crate::support::eventually;
use crate::support::shop::{express, order};

/// Of which all but one may wait for ePayment.
const PLACES: usize = 4;
const AT_ONE: usize = 3;
const ALL_TAKEN: f64 = 3.0;

async fn in_flight(app: &TestApp) -> f64 {
    app.metric("bridge_in_flight").await
}

fn hang(app: &TestApp) {
    app.world()
        .add_fault(Fault::always("/epayment/", Action::Hang { processed: false }).on("GET"));
}

#[tokio::test]
async fn five_times_the_places_are_served_or_shed_and_webhooks_and_probes_go_on() {
    let shop = Shop::with(&[
        ("proxy.max_in_flight", &PLACES.to_string()),
        ("proxy.request_timeout", "\"4s\""),
        ("upstream.timeout", "\"3s\""),
        ("upstream.breaker_failures", "0"),
        ("reads.poll", "false"),
    ])
    .await;
    shop.order("order-0001").await;
    let app = &shop.app;
    hang(app);
    let ask = app.ask("GET", "/ecomm/v2/payments/order-0001/details");
    let served = async { join_all((0..AT_ONE).map(|_| ask.send())).await };
    let others = async {
        eventually(async || in_flight(app).await == ALL_TAKEN).await;
        let shed = refused_at_once(join_all((0..PLACES * 4).map(|_| ask.send())).await);
        assert_eq!(app.metric("bridge_shed_total").await, shed);
        for probe in ["/healthz", "/readyz"] {
            assert_eq!(app.admin(probe).await.status, 200, "{probe}");
        }
        // Vipps' webhook is taken, and the shop called, while every place is taken.
        shop.approve("order-0001");
        shop.told(1).await;
        assert_eq!(in_flight(app).await, ALL_TAKEN, "still all taken");
    };
    let (served, ()) = tokio::join!(served, others);
    for answer in served {
        assert_eq!(answer.error(), (502, "99".into()), "within its time");
    }
    // At once as before.
    app.world().clear_faults();
    eventually(async || in_flight(app).await == 0.0).await;
    for answer in join_all((0..AT_ONE).map(|_| ask.send())).await {
        answer.ok();
    }
}

/// Each for want of any place, or of one at ePayment; nothing was done. How many for the former.
fn refused_at_once(answers: Vec<Answer>) -> f64 {
    let mut shed = 0.0;
    for answer in answers {
        match answer.error() {
            (503, code) => {
                assert_eq!(
                    (code.as_str(), answer.header("retry-after")),
                    ("99", Some("1"))
                );
                shed += 1.0;
            }
            other => {
                assert_eq!(other, (502, "99".into()));
                assert!(
                    answer.text().contains("Too many calls wait"),
                    "{}",
                    answer.text()
                );
            }
        }
    }
    shed
}

/// The breaker has not heard of a failure yet, since none has ended.
#[tokio::test]
async fn an_api_that_hangs_leaves_places_to_the_others() {
    for (path, hangs, others) in [
        (
            "/ecomm/v2/payments/order-0001/details",
            "/epayment/",
            ["express", "token", "outside"],
        ),
        (
            "/ecomm/v2/payments/order-0009/details",
            "/ecomm/",
            ["regular", "token", "outside"],
        ),
        ("/elsewhere", "/elsewhere", ["regular", "token", "express"]),
    ] {
        let app = with(&[
            ("proxy.max_in_flight", &PLACES.to_string()),
            ("upstream.timeout", "\"3s\""),
            ("reads.poll", "false"),
        ])
        .start()
        .await;
        app.reserved("order-0001", 1_000).await;
        // Of eCom, since it is Express.
        app.initiating(&express("order-0009", 500))
            .send()
            .await
            .ok();
        let hang = Action::Hang { processed: false };
        app.world().add_fault(Fault::always(hangs, hang));
        let ask = app.ask("GET", path);
        let mut clients = Vec::new();
        for _ in 0..PLACES * 2 {
            clients.push(ask.begin().await);
        }
        eventually(async || in_flight(&app).await == ALL_TAKEN).await;
        for other in others {
            let answer = match other {
                "express" => app.initiating(&express("order-0002", 500)).send().await,
                "regular" => app.initiating(&order("order-0003", 500)).send().await,
                "token" => app.ask("POST", "/accesstoken/get").send().await,
                _ => app.ask("GET", "/elsewhere").send().await,
            };
            assert!(
                ![502, 503].contains(&answer.status),
                "{hangs} {other}: {}",
                answer.text()
            );
        }
        assert_eq!(in_flight(&app).await, ALL_TAKEN, "still hanging");
        drop(clients);
    }
}

/// Clients that send all of a long body but its last byte: together they hold no more memory than there is for bodies, and
/// who has a short one is served.
#[tokio::test]
async fn many_long_bodies_that_do_not_end_take_no_more_memory_than_there_is() {
    const LONG: usize = 1_000_000;
    let app = TestApp::start().await;
    let head = format!(
        "POST /ecomm/v2/payments HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {LONG}\r\n\r\n"
    );
    let mut senders = Vec::new();
    for _ in 0..24 {
        let mut client = Client::to(app.addr()).await;
        // Where there is no room it is answered, and its connection ended, before all is sent.
        client.send(&head).await.send(vec![b' '; LONG - 1]).await;
        senders.push(client);
    }
    eventually(async || app.metric("bridge_shed_total").await >= 8.0).await;
    assert_eq!(in_flight(&app).await, 16.0, "16 MiB of them");
    app.initiate("order-0001", 1_000).await.ok();
    // One that ends leaves its part to the next.
    drop(senders);
    eventually(async || in_flight(&app).await == 0.0).await;
    let long = json!({"pad": "x".repeat(LONG - 20)});
    assert_eq!(app.initiating(&long).send().await.status, 400);
}

/// A shop whose own timeout is short hangs up and comes again: what it left behind goes on, and still counts.
#[tokio::test]
async fn clients_that_hang_up_get_no_more_done_than_there_are_places() {
    let app = with(&[
        ("proxy.max_in_flight", "3"),
        ("upstream.timeout", "\"3s\""),
        ("upstream.breaker_failures", "0"),
        ("reads.poll", "false"),
    ])
    .start()
    .await;
    app.reserved("order-0001", 1_000).await;
    hang(&app);
    app.took();
    let ask = app.ask("GET", "/ecomm/v2/payments/order-0001/details");
    for _ in 0..10 {
        let client = ask.begin().await;
        // The bridge has it: a place is taken, or it was shed.
        eventually(async || {
            in_flight(&app).await >= 1.0 && app.admin("/healthz").await.status == 200
        })
        .await;
        drop(client);
        app.admin("/healthz").await;
    }
    // Their work goes on, and nobody else's begins.
    eventually(async || in_flight(&app).await == 2.0).await;
    refused_at_once(vec![ask.send().await]);
    let reads = app.took().len();
    assert!(reads <= 2 * 2, "{reads} reads for two places");
    app.world().clear_faults();
    eventually(async || in_flight(&app).await == 0.0).await;
    ask.send().await.ok();
}
