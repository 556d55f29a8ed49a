//! Five times as many calls as there are places, and an upstream that does not answer: served or shed at once, nothing else
//! suffers, and afterwards everything is as before.

use ecom_bridge::simulator::{Action, Fault};
use futures_util::future::join_all;

use crate::support::app::{TestApp, with};
use crate::support::callbacks::Shop;
use crate::support::eventually;

const PLACES: usize = 4;
const ALL_TAKEN: f64 = 4.0;

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
    let served = async { join_all((0..PLACES).map(|_| ask.send())).await };
    let others = async {
        eventually(async || in_flight(app).await == ALL_TAKEN).await;
        for answer in join_all((0..PLACES * 4).map(|_| ask.send())).await {
            assert_eq!(answer.error(), (503, "99".into()));
            assert_eq!(answer.header("retry-after"), Some("1"));
        }
        assert_eq!(app.metric("bridge_shed_total").await, 4.0 * ALL_TAKEN);
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
    for answer in join_all((0..PLACES).map(|_| ask.send())).await {
        answer.ok();
    }
}

/// A shop whose own timeout is short hangs up and comes again: what it left behind goes on, and still counts.
#[tokio::test]
async fn clients_that_hang_up_get_no_more_done_than_there_are_places() {
    let app = with(&[
        ("proxy.max_in_flight", "2"),
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
    assert_eq!(ask.send().await.status, 503);
    let reads = app.took().len();
    assert!(reads <= 2 * 2, "{reads} reads for two places");
    app.world().clear_faults();
    eventually(async || in_flight(&app).await == 0.0).await;
    ask.send().await.ok();
}
