//! C1, C2: killed before and after each step of the store that no shop's call waits for, or that an operator asks for:
//! polls, looks, registrations, what a read teaches, toggles, callbacks sent again or dropped. `killed.rs` has the rest.
//!
//! The bridge's clock is an hour behind while the work is prepared, so all of it is due for the process that dies.

use std::collections::BTreeMap;
use std::time::Duration;

use ecom_bridge::store::CallbackState;
use serde_json::Value;

use crate::api_document::because;
use crate::support::app::MSN;
use crate::support::callbacks::{Shop, free_address, operating};
use crate::support::client::Client;
use crate::support::postgres::Postgres;
use crate::support::process::Process;
use crate::support::shop::reference;
use crate::support::{books, eventually};

const HOUR: Duration = Duration::from_secs(3600);
const UNIT: &str = "msn = \"123456\"\nclient_id = \"demo-client\"\nclient_secret = \"demo-secret\"\n\
    subscription_key = \"demo-subscription-key\"";

/// What brings the process to a step.
#[derive(Clone, Copy, Debug)]
enum Deed {
    /// It comes to it by itself.
    Waits,
    /// A shop reads a payment that the store does not know.
    Reads,
    /// An operator's call.
    Sets,
    Undoes,
    Registers,
    SendsAgain,
    Drops,
    Resets,
}

use Deed::{Drops, Reads, Registers, Resets, SendsAgain, Sets, Undoes, Waits};

/// The registration is settled before anybody who dies can have claimed it: on a shared database a claim counts for a
/// minute.
const STEPS: [(&str, Deed); 18] = [
    ("settle_registration", Registers),
    ("recheck_unit", Registers),
    ("claim_registration", Registers),
    ("claim_polls", Waits),
    ("settle_poll", Waits),
    ("accept_event", Waits),
    ("claim_callbacks", Waits),
    ("settle_callback", Waits),
    ("claim_looks", Waits),
    ("settle_look", Waits),
    ("expire_overrides", Waits),
    ("learn_payment", Reads),
    ("learn_balance", Reads),
    ("set_override", Sets),
    ("end_override", Undoes),
    ("replay_callback", SendsAgain),
    ("drop_callback", Drops),
    ("reset_shadow", Resets),
];

/// What the process finds: one payment of which all is told, one whose event was lost, one of eCom that it never heard
/// of, a toggle, and a callback that its shop has.
struct Work {
    n: usize,
    callback: i64,
    toggle: Value,
}

impl Work {
    async fn prepare(shop: &mut Shop, n: usize) -> Self {
        shop.app.clock.jump_back(HOUR);
        shop.app.up().await;
        shop.registered().await;
        let world = shop.app.world();
        world.resume_webhooks();
        shop.order(&format!("order-told-{n}")).await;
        shop.order(&format!("order-lost-{n}")).await;
        shop.app.reserved_in_ecom(&format!("ecom-{n}"), 1_000).await;
        shop.approve(&format!("order-told-{n}"));
        // Recorded, that is: what a dead instance has claimed keeps a host's places for a while.
        let (order, id) = (format!("order-told-{n}"), format!("c-{n}"));
        let mut callback = None;
        eventually(async || {
            let listed = shop.listed().await;
            let told = listed.iter().find(|one| one.order.as_str() == order);
            callback = told.map(|one| one.id.0);
            callback.is_some()
        })
        .await;
        shop.app.capture(&order, 400, &id).await.ok_status();
        let set = because(r#", "key": "initiate", "value": "100%", "for": "50h", "msn": "123456""#);
        let toggle = shop.operate("POST", "/api/toggles", &set).await;
        assert_eq!(toggle.status, 201, "{}", toggle.text());
        shop.app.world().pause_webhooks();
        shop.app.down().await;
        shop.approve(&format!("order-lost-{n}"));
        shop.app.clock.advance(HOUR);
        Self {
            n,
            callback: callback.unwrap(),
            toggle: toggle.json()["id"].clone(),
        }
    }

    /// Sends what brings the process to its step, and waits for no answer.
    async fn done(&self, deed: Deed, shop: &Shop, process: &mut Process) {
        let (method, path, body) = match deed {
            Waits => return,
            Reads => {
                let path = format!("/ecomm/v2/payments/ecom-{}/details", self.n);
                let mut client = shop.app.ask("GET", &path).to(process.addr).begin().await;
                let _cut_off = client.read(false).await;
                return;
            }
            Sets => {
                let set = because(r#", "key": "initiate", "value": "100%", "for": "50h""#);
                ("POST", "/api/toggles".to_owned(), set)
            }
            Undoes => (
                "DELETE",
                format!("/api/toggles/{}", self.toggle),
                because(""),
            ),
            Registers => ("POST", format!("/api/webhooks/{MSN}/register"), Value::Null),
            SendsAgain => (
                "POST",
                format!("/api/callbacks/{}/replay", self.callback),
                Value::Null,
            ),
            Drops => (
                "POST",
                format!("/api/callbacks/{}/drop", self.callback),
                because(""),
            ),
            Resets => (
                "POST",
                "/api/shadow/reset".to_owned(),
                because(r#", "operation": "details""#),
            ),
        };
        // The operator's listener may come a little later than the shops'.
        let mut client = None;
        eventually(async || {
            client = Client::try_to(process.admin).await;
            client.is_some() || process.ended()
        })
        .await;
        if let Some(mut client) = client {
            client.send(operating(method, &path, &body)).await;
            let _cut_off = client.read(false).await;
        }
    }
}

/// Dies before and after each step, and goes on each time on the same store.
async fn dies_at_each(url: Option<String>) {
    let url = url.as_ref().map(|url| ("store.url", url.as_str()));
    let mut values = vec![("merchant", UNIT)];
    values.extend(url);
    let mut shop = Shop::with(&values).await;
    shop.registered().await;
    shop.app.down().await;
    let (addr, mut n) = (free_address(), 0);
    for (step, deed) in STEPS {
        for side in ["after", "before"] {
            // As the step before it leaves it: claimed.
            if url.is_some() && (side, step) == ("after", "claim_registration") {
                continue;
            }
            let work = Work::prepare(&mut shop, n).await;
            let crash = format!("{side} {step} 1");
            eprintln!("{crash}");
            let mut process = Process::spawn(&shop, addr, 0, Some(&crash));
            if process.listens().await {
                work.done(deed, &shop, &mut process).await;
            }
            process.end().await;
            n += 1;
        }
    }
    shop.app.advance(HOUR);
    shop.app.up().await;
    shop.app.world().resume_webhooks();
    eventually(async || {
        shop.pass(Duration::from_secs(5)).await;
        let all = 0..n;
        all.clone()
            .all(|n| !shop.statuses(&format!("order-lost-{n}")).is_empty())
            && shop.counts().await.pending == 0
    })
    .await;
    shop.quiet().await;
    let mut records = BTreeMap::new();
    for one in shop.listed().await {
        let again = records.insert(one.order.to_string(), one.state);
        assert!(again.is_none(), "one record for each payment (I5)");
    }
    assert_eq!(records.len(), 2 * n);
    for n in 0..n {
        for order in ["told", "lost"] {
            let order = format!("order-{order}-{n}");
            let told = shop.statuses(&order);
            assert!(told.iter().all(|status| status == "RESERVED"), "{told:?}");
            // Again with each kill that nobody can know it was told before, and where an operator asked for it.
            let is_dropped = records[&order] == CallbackState::Dropped;
            assert!(is_dropped || !told.is_empty(), "{order} was not told");
        }
        assert_eq!(
            shop.app.sums(&reference(&format!("order-told-{n}"))),
            (400, 0, 0)
        );
        assert_eq!(
            shop.app.sums(&reference(&format!("order-lost-{n}"))),
            (0, 0, 0)
        );
    }
    books::ledger_verifies(&shop, Duration::from_secs(3)).await;
    eventually(async || {
        let states = shop.app.callbacks().registrations().await.unwrap();
        states.iter().all(|state| state.good_at.is_some())
    })
    .await;
    assert_eq!(shop.app.world().webhooks().len(), 1, "one for the unit");
}

#[tokio::test]
async fn c1_c2_killed_behind_the_shops_back_on_sqlite() {
    dies_at_each(None).await;
}

#[tokio::test]
async fn c1_c2_killed_behind_the_shops_back_on_postgresql() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let url = server.database("behind").await;
    dies_at_each(Some(url)).await;
}
