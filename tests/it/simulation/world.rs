//! The stage of a life: upstream, two instances on one store, the shops, and the moment when nothing more will come.
//!
//! Must not: decide anything.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ecom_bridge::simulator::{Action, Fault, PaymentView, SeenRequest};
use rusqlite::Connection;
use serde_json::{Value, json};

use super::plan::{Order, Plan, Trouble, UNITS, Way};
use crate::failing_store::{Door, door};
use crate::support::callbacks::{Shop, reached};
use crate::support::shop::{Ask, change, order, reference};
use crate::support::{eventually, until};

/// Longer than any owner's time, than the time after which absence counts, and than the first wait of a callback.
pub(super) const WHILE: Duration = Duration::from_secs(200);

/// Everything that lives.
pub(super) struct World {
    pub(super) shop: Shop,
    pub(super) second: Option<Door>,
    tokens: [String; 3],
    /// Looks at the first instance's store from outside.
    db: Connection,
    pub(super) paused: bool,
    pub(super) poll: bool,
    /// What shops answer callbacks with.
    pub(super) manner: u16,
}

fn side(at_ecom: bool) -> &'static str {
    if at_ecom { "\"ecom\"" } else { "\"epayment\"" }
}

fn merchants() -> Vec<String> {
    let text = |unit: &super::plan::Unit| {
        let routing = match unit.legacy {
            true => "routing = { initiate = \"ecom\" }",
            false => "",
        };
        format!(
            "msn = \"{}\"\nclient_id = \"{}\"\nclient_secret = \"{}\"\nsubscription_key = \"{}\"\n\
             direct_capture = {}\n{routing}",
            unit.msn, unit.client.0, unit.client.1, unit.key, unit.direct
        )
    };
    UNITS.iter().map(text).collect()
}

impl World {
    pub(super) async fn start(plan: &Plan) -> Self {
        let retries = plan.retries.to_string();
        let mut wanted = reached(&[
            // A normal call never takes so long, and few calls of a life hang.
            ("upstream.timeout", "\"1500ms\""),
            ("proxy.request_timeout", "\"4s\""),
            ("upstream.retries", &retries),
            // It goes by the machine's time; tests of its own have it.
            ("upstream.breaker_failures", "0"),
            ("callbacks.schedule", "[\"0s\", \"1m\", \"1m\", \"1h\"]"),
            ("reads.poll", if plan.poll { "true" } else { "false" }),
            (
                "reads.background_share",
                if plan.poll { "100" } else { "0" },
            ),
            (
                "reads.details_cache",
                if plan.cache { "\"1s\"" } else { "\"0s\"" },
            ),
            (
                "routing.transaction_id",
                if plan.by_event {
                    "\"event\""
                } else {
                    "\"payment\""
                },
            ),
        ]);
        for merchant in merchants() {
            wanted.merchant(&merchant);
        }
        for (key, value) in sides(plan.at_ecom) {
            wanted.set(key, value);
        }
        let shop = Shop::of(wanted).await;
        shop.app.quiet_log();
        let upstream = shop.app.world();
        upstream.change_rules(|rules| {
            rules.webhook_backoff_ms = 20;
            rules.ecom_webhooks = plan.ecom_hooks;
        });
        eventually(async || shop.app.callbacks().webhooks(None).await.unwrap().len() == 3).await;
        let tokens = UNITS
            .each_ref()
            .map(|unit| upstream.issue_token(unit.key).unwrap());
        let db = Connection::open(shop.app.configuration().1.join("bridge.db")).unwrap();
        let second = Some(door(&shop.app).await);
        Self {
            shop,
            second,
            tokens,
            db,
            paused: false,
            poll: plan.poll,
            manner: 200,
        }
    }

    /// Both instances end and begin again, with these operations at eCom.
    pub(super) async fn restart(&mut self, at_ecom: [bool; 4], initiate: bool) {
        self.stop().await;
        for (key, value) in sides(at_ecom) {
            self.shop.app.set(key, value);
        }
        self.shop.app.set("routing.initiate", side(initiate));
        self.up().await;
    }

    pub(super) async fn stop(&mut self) {
        self.second.take().unwrap().close().await;
        self.shop.app.down().await;
    }

    pub(super) async fn up(&mut self) {
        self.shop.app.up().await;
        self.second = Some(door(&self.shop.app).await);
    }

    fn addr(&self, way: Way) -> std::net::SocketAddr {
        match way {
            Way::First => self.shop.app.addr(),
            Way::Second => self.second.as_ref().unwrap().addr,
        }
    }

    fn headed(&self, ask: Ask, unit: usize, way: Way) -> Ask {
        ask.header("Authorization", &format!("Bearer {}", self.tokens[unit]))
            .header("Ocp-Apim-Subscription-Key", UNITS[unit].key)
            .header("Merchant-Serial-Number", UNITS[unit].msn)
            .to(self.addr(way))
    }

    pub(super) fn initiating(&self, of: &Order, amount: i64, way: Way) -> Ask {
        let mut body = order(&of.id, amount);
        body["merchantInfo"]["callbackPrefix"] = json!(self.shop.prefix());
        body["merchantInfo"]["merchantSerialNumber"] = json!(of.msn());
        self.headed(self.shop.app.initiating(&body), of.unit, way)
    }

    pub(super) fn changing(&self, of: &Order, asked: &super::plan::Change, way: Way) -> Ask {
        let amount = asked.amount.map_or(Value::Null, Value::from);
        let mut body = change(amount, &format!("{} {}", asked.op, of.id));
        body["merchantInfo"]["merchantSerialNumber"] = json!(of.msn());
        if asked.release {
            body["shouldReleaseRemainingFunds"] = json!(true);
        }
        let method = if asked.op == "cancel" { "PUT" } else { "POST" };
        let path = format!("/ecomm/v2/payments/{}/{}", of.id, asked.op);
        let ask = self.shop.app.ask(method, &path).json(&body);
        let id = asked.id.as_deref().unwrap_or_default();
        self.headed(ask.id(id), of.unit, way)
    }

    pub(super) fn reading(&self, of: &Order, status: bool, way: Way) -> Ask {
        let what = if status { "status" } else { "details" };
        let path = format!("/ecomm/v2/payments/{}/{what}", of.id);
        self.headed(self.shop.app.ask("GET", &path), of.unit, way)
    }

    /// What upstream did not get or did not do, sent to it once more.
    pub(super) fn landing(&self, of: &Order, seen: &SeenRequest) -> Ask {
        let mut ask = self.shop.app.past(&seen.method, &seen.target);
        ask = self
            .headed(ask, of.unit, Way::First)
            .to(self.shop.app.simulator.addr());
        for name in ["idempotency-key", "x-request-id"] {
            if let Some(value) = seen.header(name) {
                ask = ask.header(name, value);
            }
        }
        match std::str::from_utf8(&seen.body).unwrap() {
            "" => ask,
            body => ask.text(body),
        }
    }

    /// The payment as upstream has it.
    pub(super) fn seen(&self, of: &Order) -> Option<PaymentView> {
        let world = self.shop.app.world();
        let plain = world.payment(of.msn(), &of.id);
        plain.or_else(|| world.payment(of.msn(), &reference(&of.id)))
    }

    /// Faults for the calls about one order; `end()` is their end.
    pub(super) fn begin(&self, of: &Order, op: &str, trouble: &Trouble) {
        let world = self.shop.app.world();
        // A success that is none is for the bridge to find out: eCom's answers go as they came.
        let path = |action: &Action| {
            let typed = matches!(
                action,
                Action::Unexpected
                    | Action::WrongReference
                    | Action::Html
                    | Action::Malformed
                    | Action::Empty
            );
            match (op, typed) {
                ("initiate", true) => "/epayment/v1/payments".to_owned(),
                ("initiate", false) => "*/payments".to_owned(),
                (_, true) => format!("/epayment/*{}/{op}", of.id),
                (_, false) => format!("*{}/{op}", of.id),
            }
        };
        let method = if op == "cancel" { "*" } else { "POST" };
        let call = |actions: &[Action]| {
            for action in actions {
                let fault = Fault::once(&path(action), action.clone());
                // A cancel is a PUT to eCom and a POST to ePayment.
                let fault = if method == "*" {
                    fault
                } else {
                    fault.on(method)
                };
                world.add_fault(fault);
            }
        };
        let reads = |action: Action| {
            for path in [
                format!("*{}", of.id),
                format!("*{}/events", of.id),
                format!("*{}/details", of.id),
                format!("*{}/status", of.id),
            ] {
                world.add_fault(Fault::always(&path, action.clone()).on("GET"));
            }
        };
        match trouble {
            Trouble::Nothing => {}
            Trouble::Call(actions) => call(actions),
            Trouble::Blind(actions) => {
                call(actions);
                let hangs = matches!(actions[0], Action::Hang { .. });
                reads(if hangs {
                    Action::CloseBefore
                } else {
                    actions[0].clone()
                });
            }
            Trouble::Unread(action) => reads(action.clone()),
            Trouble::Store(steps) => {
                let store = &self.second.as_ref().unwrap().store;
                store.left.store(*steps, Ordering::SeqCst);
            }
        }
    }

    pub(super) fn end(&self) {
        self.shop.app.world().clear_faults();
        let store = &self.second.as_ref().unwrap().store;
        store.left.store(i64::MAX, Ordering::SeqCst);
    }

    /// No row comes into this table.
    pub(super) fn full(&self, table: &str) {
        self.db
            .execute_batch(&format!(
                "CREATE TRIGGER no_room BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'no room'); END"
            ))
            .unwrap();
    }

    pub(super) fn room(&self) {
        self.db.execute_batch("DROP TRIGGER no_room").unwrap();
    }

    /// Time passes, and what is due then is done.
    pub(super) async fn pass(&mut self, time: Duration) {
        self.shop.pass(time).await;
        self.quiet().await;
    }

    /// Until nothing more will come by itself.
    pub(super) async fn quiet(&mut self) {
        let (world, paused) = (self.shop.app.world(), self.paused);
        eventually(async || {
            let heard = paused || world.webhooks().iter().all(|r| r.waiting == 0);
            heard && self.nothing_due()
        })
        .await;
    }

    fn nothing_due(&self) -> bool {
        use ecom_bridge::types::Clock;
        let now = self.shop.app.clock.now().millis();
        let none = |sql: &str| {
            let count: i64 = self
                .db
                .prepare_cached(sql)
                .and_then(|mut found| found.query_row([now], |row| row.get(0)))
                .unwrap();
            count == 0
        };
        none(
            "SELECT count(*) FROM callbacks WHERE ended_at IS NULL AND (leased = 1 OR due_at <= ?1)",
        ) && (!self.poll || none("SELECT count(*) FROM payments WHERE poll_at <= ?1"))
    }

    /// The references of events whose payments are not known yet.
    pub(super) fn unmatched(&self) -> Vec<String> {
        let found = self
            .db
            .prepare_cached("SELECT reference FROM events WHERE matched = 0");
        let mut found = found.unwrap();
        let all = found.query_map([], |row| row.get(0)).unwrap();
        all.map(Result::unwrap).collect()
    }

    /// Until upstream has a call about this order under way.
    pub(super) async fn under_way(&self, of: &Order, op: &str) {
        let end = format!("{}/{op}", of.id);
        let world = Arc::new(self.shop.app.world().clone());
        until(|| {
            let all = world.requests();
            all.iter().any(|r| r.path().ends_with(&end))
        })
        .await;
    }
}

fn sides(at_ecom: [bool; 4]) -> [(&'static str, &'static str); 5] {
    let [capture, cancel, refund, read] = at_ecom.map(side);
    [
        ("routing.capture", capture),
        ("routing.cancel", cancel),
        ("routing.refund", refund),
        ("routing.details", read),
        ("routing.status", read),
    ]
}
