//! Toggles flipped at random: several bridges with other toggles over the same payments, and a call goes to any of them.

use std::net::SocketAddr;
use std::sync::Arc;

use ecom_bridge::lifecycle::Lifecycle;
use ecom_bridge::observe::Observer;
use ecom_bridge::proxy::{Bridge, Counting, Server, ServerSettings};
use ecom_bridge::settings;
use ecom_bridge::telemetry::Meters;
use ecom_bridge::types::SystemClock;
use ecom_bridge::upstream::ecom::Forwarder;
use serde_json::Value;

use crate::support::app::{MSN, TestApp};
use crate::support::shop::{express, order, reference};
use crate::support::soon;

/// A second way in to the same payments, with other toggles.
async fn door(app: &TestApp, routing: &str) -> SocketAddr {
    let text = format!("{}\n[routing]\n{routing}\n", app.configuration().0);
    let settings = settings::from_text(&text).expect("good toggles");
    let upstream = &settings.upstream;
    let forwarder = Forwarder::new(
        upstream.base_url.as_str(),
        upstream.connect_timeout,
        upstream.timeout,
    )
    .unwrap();
    let meters = Arc::new(Meters::default());
    let lifecycle = Lifecycle::new();
    let bridge = Bridge {
        payments: Arc::clone(app.payments()),
        forwarder,
        live: Arc::new(ecom_bridge::settings::Live::new(Arc::new(settings))),
        lifecycle: lifecycle.clone(),
        meters: Arc::clone(&meters),
        observer: Arc::new(Observer::new(Arc::new(SystemClock))),
        served: None,
        shadow: None,
        bulkheads: ecom_bridge::proxy::bulkheads::Bulkheads::new(64),
        memory: ecom_bridge::proxy::memory::BodyMemory::new(1 << 20),
    };
    let server = Server::bind(ServerSettings::at(([127, 0, 0, 1], 0).into()))
        .await
        .unwrap();
    let addr = server.local_addr();
    let hooks = Arc::new(Counting::new(meters));
    tokio::spawn(server.serve(Arc::new(bridge), hooks, lifecycle.soft().clone()));
    addr
}

#[tokio::test]
async fn b3_toggles_flipped_at_random_never_send_a_payment_to_the_wrong_side() {
    let app = TestApp::start().await;
    let mut doors = Vec::new();
    for bits in [0, 1, 2, 5, 10, 21, 42, 63_u32] {
        let routing: Vec<_> = [
            "initiate", "capture", "cancel", "refund", "details", "status",
        ]
        .iter()
        .enumerate()
        .map(|(n, key)| {
            format!(
                "{key} = \"{}\"",
                if bits >> n & 1 == 1 {
                    "ecom"
                } else {
                    "epayment"
                }
            )
        })
        .collect();
        doors.push(door(&app, &routing.join("\n")).await);
    }
    let mut random = crate::support::Random::from_environment(0xB3);
    let mut orders: Vec<String> = Vec::new();
    for step in 0..1_500 {
        let at = doors[random.below(doors.len())];
        if orders.is_empty() || random.below(6) == 0 {
            let id = if random.below(4) == 0 {
                format!("S{step}")
            } else {
                format!("order-{step:06}")
            };
            let body = if random.below(4) == 0 {
                express(&id, 10_000)
            } else {
                order(&id, 10_000)
            };
            app.initiating(&body).to(at).send().await.ok();
            let named = app
                .world()
                .payment(MSN, &id)
                .map_or_else(|| reference(&id), |_| id.clone());
            if random.below(4) > 0 {
                assert!(app.world().approve(MSN, &named));
            }
            orders.push(id);
            continue;
        }
        let id = &orders[random.below(orders.len())];
        let key = format!("{}", random.below(4));
        let ask = match random.below(7) {
            0 => app.changing("capture", id, 1_000, &key),
            1 => app.changing("refund", id, 500, &key),
            2 if random.below(8) == 0 => app.changing("cancel", id, Value::Null, &key),
            3 => app.ask("GET", &format!("/ecomm/v2/payments/{id}/status")),
            4 => app.initiating(&order(id, 10_000)),
            5 => app.initiating(&express(id, 10_000)),
            _ => app.ask("GET", &format!("/ecomm/v2/payments/{id}/details")),
        };
        let answer = soon(ask.to(at).send()).await;
        assert!(
            answer.status < 500 && answer.status != 404,
            "step {step} {id}: {}",
            answer.text()
        );
        if step % 200 == 0 {
            app.took();
        }
    }
    app.took();
}
