//! F7: what earlier releases left in their stores goes on, and the ledger proves it afterwards.
//!
//! The files of `tests/releases` were written by the releases themselves: `make.py BINARY > VERSION.sql` there.

use std::time::Duration;

use ecom_bridge::epayment::event::EventName;
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::support::app::MSN;
use crate::support::books::ledger_verifies;
use crate::support::callbacks::Shop;
use crate::support::client::Answer;

/// An order of the release. What was captured, and with which key; what upstream called that, and the approval.
struct Left {
    order: String,
    create_key: String,
    captured: Option<(i64, String)>,
    capture: Option<String>,
    approval: Option<String>,
}

/// What a file holds.
fn left(dump: &str) -> Vec<Left> {
    let file = Connection::open_in_memory().unwrap();
    file.execute_batch(dump).unwrap();
    // The first release had no events.
    file.execute_batch("CREATE TABLE IF NOT EXISTS events (reference, name, psp_reference)")
        .unwrap();
    let mut all = file
        .prepare(
            "SELECT p.order_id, create_key, a.amount, a.key, a.transaction_id,
                (SELECT psp_reference FROM events e WHERE e.reference = p.order_id AND e.name = 'AUTHORIZED')
             FROM payments p LEFT JOIN adjustments a ON a.order_id = p.order_id ORDER BY p.id",
        )
        .unwrap();
    let read = |row: &rusqlite::Row<'_>| {
        let amount: Option<i64> = row.get(2)?;
        Ok(Left {
            order: row.get(0)?,
            create_key: row.get(1)?,
            captured: amount.zip(row.get(3)?),
            capture: row.get(4)?,
            approval: row.get(5)?,
        })
    };
    let rows = all.query_map([], read).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

/// The file as it were if this upstream had numbered the events.
fn numbered(dump: &str, shop: &Shop, all: &[Left]) -> String {
    let mut dump = dump.to_owned();
    let mut names = Vec::new();
    for left in all {
        let events = shop.app.seen(&left.order).events;
        for (old, name) in [
            (&left.approval, EventName::Authorized),
            (&left.capture, EventName::Captured),
        ] {
            if let Some(old) = old {
                let place = format!("{}-{name:?}", left.order);
                dump = dump.replace(&format!("'{old}'"), &format!("'{place}'"));
                let new = events.iter().find(|event| event.name == name).unwrap();
                names.push((place, new.psp_reference.clone()));
            }
        }
    }
    for (place, new) in names {
        dump = dump.replace(&place, &new);
    }
    dump
}

/// Upstream is as the release saw it last. What was in doubt has been done.
async fn upstream_as_it_was(shop: &Shop, all: &[Left]) {
    let epayment = async |path: &str, key: &str, body: Value| {
        let asked = shop.app.past("POST", path).json(&body);
        asked
            .header("Idempotency-Key", key)
            .send()
            .await
            .ok_status();
    };
    let amount = |value: i64| json!({"currency": "NOK", "value": value});
    for left in all {
        let body = json!({
            "amount": amount(20_000), "paymentMethod": {"type": "WALLET"}, "reference": left.order,
            "returnUrl": "https://shop.example/back", "userFlow": "WEB_REDIRECT",
        });
        epayment("/epayment/v1/payments", &left.create_key, body).await;
        if left.order != "order-waits" {
            assert!(shop.app.world().approve(MSN, &left.order));
        }
        if let Some((value, key)) = &left.captured {
            let path = format!("/epayment/v1/payments/{}/capture", left.order);
            let body = json!({"modificationAmount": amount(*value)});
            epayment(&path, key, body).await;
        }
    }
}

async fn capture(shop: &Shop, order: &str, amount: i64, id: &str) -> Answer {
    let body = json!({
        "merchantInfo": {"merchantSerialNumber": MSN},
        "transaction": {"amount": amount, "transactionText": "Socks"},
    });
    let path = format!("/ecomm/v2/payments/{order}/capture");
    shop.app.ask("POST", &path).id(id).json(&body).send().await
}

/// The bridge goes on with the file, under a shop whose callbacks are waited for.
async fn goes_on(dump: &str) {
    let mut shop = Shop::polling(&[]).await;
    let url = shop.app.settings().store.url.to_string();
    shop.app.down().await;
    shop.app.lose_store();
    let all = left(dump);
    upstream_as_it_was(&shop, &all).await;
    let dump = numbered(dump, &shop, &all).replace("SHOP", &shop.merchant.base_url());
    let file = || Connection::open(url.strip_prefix("sqlite:").unwrap()).unwrap();
    file().execute_batch(&dump).unwrap();
    shop.app.forgetful = false;
    shop.app.up().await;
    // Also what nobody calls about any more is in the ledger.
    let count = "SELECT count(*) FROM ledger l JOIN payments p USING (scope, order_id, msn)";
    let in_ledger: i64 = file().query_row(count, [], |row| row.get(0)).unwrap();
    assert_eq!(usize::try_from(in_ledger), Ok(all.len()));

    // What was done is told again and not done again; what was in doubt is found out.
    for (order, amount) in [("order-captured", 15_000), ("order-in-doubt", 5_000)] {
        let id = format!("capture-{order}");
        let again = capture(&shop, order, amount, &id).await;
        assert_eq!(again.status, 200, "{order}: {}", again.text());
        let rest = capture(&shop, order, 20_000 - amount, "the-rest").await;
        assert_eq!(rest.status, 200, "{order}: {}", rest.text());
        assert_eq!(shop.app.seen(order).captured.minor_units(), 20_000);
    }
    let details = shop.app.details("order-captured").await.ok();
    let summary = &details["transactionSummary"];
    assert_eq!(summary["capturedAmount"], 20_000, "{details}");
    shop.approve("order-waits");
    for order in ["order-waits", "order-approved"] {
        let done = capture(&shop, order, 20_000, "all").await;
        assert_eq!(done.status, 200, "{order}: {}", done.text());
    }
    // Nobody was called back before: the shop was down, or the release had no callbacks.
    shop.pass(Duration::from_secs(3_600)).await;
    shop.told(all.len()).await;
    for order in all.iter().map(|left| &left.order) {
        assert_eq!(shop.statuses(order), ["RESERVED"], "{order}");
    }
    let proof = ledger_verifies(&shop, Duration::from_secs(20)).await;
    assert_eq!(proof["moneyCalls"], 6, "{proof}");
    assert_eq!(proof["notVerified"], json!({}), "{proof}");
}

#[tokio::test]
async fn f7_a_store_of_0_1_0_goes_on_with_its_payments() {
    goes_on(include_str!("../releases/0.1.0.sql")).await;
}

#[tokio::test]
async fn f7_a_store_of_0_2_0_goes_on_with_its_payments() {
    goes_on(include_str!("../releases/0.2.0.sql")).await;
}

#[tokio::test]
async fn f7_a_store_of_0_3_0_goes_on_with_its_payments() {
    goes_on(include_str!("../releases/0.3.0.sql")).await;
}
