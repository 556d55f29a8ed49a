//! F7: what earlier releases left in their stores goes on, and the ledger proves it afterwards.
//!
//! What stands in `tests/releases` was written by the releases themselves: `make.py` there says how.

use std::time::Duration;

use ecom_bridge::epayment::event::EventName;
use rusqlite::Connection;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tempfile::TempDir;

use crate::support::app::MSN;
use crate::support::books::ledger_verifies;
use crate::support::callbacks::Shop;
use crate::support::client::Answer;
use crate::support::postgres::Postgres;

/// An order of the release. What was captured, and with which key; what upstream called that, and the approval.
struct Left {
    order: String,
    create_key: String,
    captured: Option<(i64, String)>,
    capture: Option<String>,
    approval: Option<String>,
}

/// Where a release's store is put.
enum Place {
    File(String),
    Database(String),
}

/// Order, key of its creation, sum and key of its capture, and what upstream called that and the approval.
type Row = (
    String,
    String,
    Option<i64>,
    Option<String>,
    Option<String>,
    Option<String>,
);

const LEFT: &str = "SELECT p.order_id, create_key, a.amount, a.key, a.transaction_id,
        (SELECT psp_reference FROM events e WHERE e.reference = p.order_id AND e.name = 'AUTHORIZED')
    FROM payments p LEFT JOIN adjustments a ON a.order_id = p.order_id ORDER BY p.id";
const IN_LEDGER: &str =
    "SELECT count(*) FROM ledger l JOIN payments p USING (scope, order_id, msn)";

impl Place {
    fn file(folder: &TempDir, name: &str) -> Self {
        Self::File(folder.path().join(name).display().to_string())
    }

    fn database(setting: &str) -> Self {
        Self::Database(setting.trim_matches('"').to_owned())
    }

    /// As `store.url` says it.
    fn setting(&self) -> String {
        match self {
            Self::File(path) => format!("\"sqlite:{path}\""),
            Self::Database(url) => format!("\"{url}\""),
        }
    }

    async fn run(&self, sql: String) {
        match self {
            Self::File(path) => Connection::open(path).unwrap().execute_batch(&sql).unwrap(),
            Self::Database(url) => {
                let mut db = PgConnection::connect(url).await.unwrap();
                sqlx::raw_sql(AssertSqlSafe(sql))
                    .execute(&mut db)
                    .await
                    .unwrap();
            }
        }
    }

    async fn in_ledger(&self) -> i64 {
        match self {
            Self::File(path) => {
                let db = Connection::open(path).unwrap();
                db.query_row(IN_LEDGER, [], |row| row.get(0)).unwrap()
            }
            Self::Database(url) => {
                let mut db = in_schema(url).await;
                let found = sqlx::query_scalar(IN_LEDGER);
                found.fetch_one(&mut db).await.unwrap()
            }
        }
    }

    async fn left(&self) -> Vec<Left> {
        let rows: Vec<Row> = match self {
            Self::File(path) => {
                let db = Connection::open(path).unwrap();
                let mut found = db.prepare(LEFT).unwrap();
                let rows = found.query_map([], |row| Row::try_from(row));
                rows.unwrap().collect::<Result<_, _>>().unwrap()
            }
            Self::Database(url) => {
                let mut db = in_schema(url).await;
                sqlx::query_as(LEFT).fetch_all(&mut db).await.unwrap()
            }
        };
        let left = |(order, create_key, amount, key, capture, approval): Row| Left {
            order,
            create_key,
            captured: amount.zip(key),
            capture,
            approval,
        };
        rows.into_iter().map(left).collect()
    }
}

async fn in_schema(url: &str) -> PgConnection {
    let mut db = PgConnection::connect(url).await.unwrap();
    let path = sqlx::query("SET search_path TO ecom_bridge");
    path.execute(&mut db).await.unwrap();
    db
}

/// The store as it were if this upstream had numbered the events.
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

/// The bridge goes on with the store, under a shop whose callbacks are waited for. `before` is for a look at what was left.
async fn goes_on(dump: &str, before: Place, place: Place) {
    before.run(dump.to_owned()).await;
    let all = before.left().await;
    let mut shop = Shop::polling(&[]).await;
    shop.app.down().await;
    upstream_as_it_was(&shop, &all).await;
    let dump = numbered(dump, &shop, &all).replace("SHOP", &shop.merchant.base_url());
    place.run(dump).await;
    shop.app.set("store.url", &place.setting());
    shop.app.up().await;
    // Also what nobody calls about any more is in the ledger.
    assert_eq!(usize::try_from(place.in_ledger().await), Ok(all.len()));

    // What was done is told again and not done again; what was in doubt is found out.
    for (order, amount) in [("order-captured", 15_000), ("order-in-doubt", 5_000)] {
        let id = format!("capture-{order}");
        shop.app.took();
        let again = capture(&shop, order, amount, &id).await;
        assert_eq!(again.status, 200, "{order}: {}", again.text());
        let took = shop.app.took();
        assert!(took.iter().all(|one| one.starts_with("GET ")), "{took:?}");
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

/// `missing` is what a look at the file needs and the release had not.
async fn a_file_goes_on(dump: &str, missing: &str) {
    let folder = TempDir::new().unwrap();
    let [before, place] = ["before.db", "store.db"].map(|name| Place::file(&folder, name));
    before.run(missing.to_owned()).await;
    goes_on(dump, before, place).await;
}

#[tokio::test]
async fn f7_a_store_of_0_1_0_goes_on_with_its_payments() {
    let events = "CREATE TABLE events (reference, name, psp_reference);";
    a_file_goes_on(include_str!("../releases/0.1.0.sql"), events).await;
}

#[tokio::test]
async fn f7_a_store_of_0_2_0_goes_on_with_its_payments() {
    a_file_goes_on(include_str!("../releases/0.2.0.sql"), "").await;
}

#[tokio::test]
async fn f7_a_store_of_0_3_0_goes_on_with_its_payments() {
    a_file_goes_on(include_str!("../releases/0.3.0.sql"), "").await;
}

#[tokio::test]
async fn f7_a_database_of_0_3_0_goes_on_with_its_payments() {
    let Some(postgres) = Postgres::start() else {
        return;
    };
    let before = Place::database(&postgres.database("before_the_release").await);
    let place = Place::database(&postgres.database("of_the_release").await);
    goes_on(
        include_str!("../releases/0.3.0.postgres.sql"),
        before,
        place,
    )
    .await;
    for name in ["before_the_release", "of_the_release"] {
        postgres.without(name).await;
    }
}
