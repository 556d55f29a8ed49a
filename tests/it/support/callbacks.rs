//! A shop whose callbacks come: the app with a way in for webhooks, and a merchant's server that takes what goes out.
//!
//! Waits are for conditions: the simulator has delivered all it has, and the outbox holds nothing that waits.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU16, Ordering};

use ecom_bridge::simulator::merchant::{Merchant, Received};
use ecom_bridge::store::{CallbackCounts, CallbackFilter, CallbackView};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::app::{MSN, TestApp, Wanted, with};
use super::check::DIRECT;
use super::client::{Answer, Client};
use super::shop::{order, reference};
use super::{LIMIT, eventually};

/// A free address that no other test of this process binds by chance: each has a loopback IP of its own.
pub(crate) fn free_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(1);
    let [high, low] = NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    let own = format!("127.77.{high}.{low}:0");
    let listener = std::net::TcpListener::bind(&own)
        .or_else(|_| std::net::TcpListener::bind("127.0.0.1:0"))
        .unwrap();
    listener.local_addr().unwrap()
}

/// A configuration that webhooks reach.
pub(crate) fn reached(values: &[(&str, &str)]) -> Wanted {
    let addr = free_address();
    let mut wanted = with(&[
        ("webhooks.listen", &format!("\"{addr}\"")),
        ("webhooks.public_url", &format!("\"http://{addr}\"")),
        ("callbacks.allow_private_addresses", "true"),
        ("callbacks.timeout", "\"2s\""),
    ]);
    wanted.add(values);
    wanted
}

pub(crate) struct Shop {
    pub(crate) app: TestApp,
    pub(crate) merchant: Merchant,
}

impl Shop {
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    pub(crate) async fn with(values: &[(&str, &str)]) -> Self {
        Self::of(reached(values)).await
    }

    /// No public URL: polling alone.
    pub(crate) async fn polling(values: &[(&str, &str)]) -> Self {
        let mut wanted = with(&[
            ("callbacks.allow_private_addresses", "true"),
            ("callbacks.timeout", "\"2s\""),
        ]);
        wanted.add(values);
        Self::of(wanted).await
    }

    pub(crate) async fn of(wanted: Wanted) -> Self {
        let app = wanted.start().await;
        // Clocks are moved by days: nobody's time is up by that.
        app.world().change_rules(|rules| rules.lifetime_s = 0);
        Self {
            app,
            merchant: a_merchant().await,
        }
    }

    /// An initiate whose callbacks come here.
    pub(crate) fn body(&self, id: &str, amount: i64) -> Value {
        let mut body = order(id, amount);
        body["merchantInfo"]["callbackPrefix"] = json!(self.prefix());
        body
    }

    pub(crate) fn prefix(&self) -> String {
        format!("{}/vipps/", self.merchant.base_url())
    }

    /// Creates a payment, and waits until webhooks are registered.
    pub(crate) async fn order(&self, id: &str) {
        self.order_as(&self.body(id, 1_000)).await;
    }

    pub(crate) async fn order_as(&self, body: &Value) {
        let answer = self.app.initiating(body).send().await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        if self.app.settings().webhooks.public_url.is_some() {
            self.registered().await;
        }
    }

    /// Until the bridge's registration is made and kept.
    pub(crate) async fn registered(&self) {
        eventually(async || {
            !self
                .app
                .callbacks()
                .webhooks(None)
                .await
                .unwrap()
                .is_empty()
                && !self.app.world().webhooks().is_empty()
        })
        .await;
    }

    pub(crate) fn approve(&self, id: &str) {
        assert!(self.app.world().approve(MSN, &reference(id)), "{id}");
    }

    pub(crate) async fn counts(&self) -> CallbackCounts {
        self.app.callbacks().callback_counts().await.unwrap()
    }

    pub(crate) async fn listed(&self) -> Vec<CallbackView> {
        let filter = CallbackFilter {
            limit: 1_000,
            ..CallbackFilter::default()
        };
        self.app.callbacks().callbacks(filter).await.unwrap()
    }

    /// Until everything that Vipps has to say was taken.
    pub(crate) async fn heard(&self) {
        eventually(async || self.app.world().webhooks().iter().all(|r| r.waiting == 0)).await;
    }

    /// Until nothing more will come by itself.
    pub(crate) async fn quiet(&self) {
        self.heard().await;
        eventually(async || self.counts().await.pending == 0).await;
    }

    /// What has come when `count` have come and no more will.
    pub(crate) async fn told(&self, count: usize) -> Vec<Received> {
        if !self.merchant.wait_for(count, LIMIT).await {
            let listed = self.listed().await;
            panic!(
                "{} of {count} callbacks came; {listed:?} {:?}",
                self.merchant.callbacks().len(),
                self.app.world().deliveries()
            );
        }
        self.quiet().await;
        let all = self.merchant.callbacks();
        assert_eq!(all.len(), count, "{all:?}");
        all
    }

    /// The statuses told of one order, in order.
    pub(crate) fn statuses(&self, id: &str) -> Vec<String> {
        let all = self.merchant.callbacks();
        all.iter()
            .map(Received::json)
            .filter(|body| body["orderId"] == id)
            .map(|body| {
                body["transactionInfo"]["status"]
                    .as_str()
                    .unwrap()
                    .to_owned()
            })
            .collect()
    }

    /// Every attempt to deliver a webhook was answered like this.
    pub(crate) fn last_answer(&self) -> Option<u16> {
        self.app.world().deliveries().last().and_then(|d| d.status)
    }

    /// Time passes, and the dispatcher notices (it sleeps by the machine's own time).
    pub(crate) async fn pass(&self, time: std::time::Duration) {
        self.app.advance(time);
        woken(self.app.admin_addr()).await;
    }

    /// A call of the operator's listener.
    pub(crate) async fn operate(&self, method: &str, path: &str, body: &Value) -> Answer {
        operated(self.app.admin_addr(), method, path, body).await
    }
}

async fn operated(at: SocketAddr, method: &str, path: &str, body: &Value) -> Answer {
    Client::to(at)
        .await
        .ask(operating(method, path, body))
        .await
}

/// A call of an operator's listener, as it is sent.
pub(crate) fn operating(method: &str, path: &str, body: &Value) -> String {
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// The dispatcher of a bridge with this operator's listener looks at the clock.
pub(crate) async fn woken(admin: SocketAddr) {
    let nothing = "/api/callbacks/987654321/replay";
    let answer = operated(admin, "POST", nothing, &Value::Null).await;
    assert_eq!(answer.status, 404);
}

pub(crate) async fn a_merchant() -> Merchant {
    Merchant::start(TcpListener::bind("127.0.0.1:0").await.unwrap()).unwrap()
}

impl TestApp {
    /// A payment of the merchant's other system: made in ePayment, past the bridge.
    pub(crate) async fn foreign(&self, reference: &str) {
        let body = json!({
            "amount": {"currency": "NOK", "value": 1_000},
            "paymentMethod": {"type": "WALLET"},
            "reference": reference,
            "returnUrl": "https://other.example.com/back",
            "userFlow": "WEB_REDIRECT",
        });
        let asked = self.past("POST", "/epayment/v1/payments").json(&body);
        let answer = asked
            .header("Idempotency-Key", &format!("foreign-{reference}"))
            .header(DIRECT, "1")
            .send()
            .await;
        answer.ok_status();
    }
}
