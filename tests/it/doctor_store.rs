//! What `doctor` says of a store, and that it leaves every store as it is.

use std::path::Path;

use ecom_bridge::store::{SqliteOptions, SqliteStore};
use sqlx::Connection;
use sqlx::postgres::PgConnection;

use crate::support::postgres::Postgres;
use crate::support::site::{Site, free};

#[tokio::test(flavor = "multi_thread")]
async fn who_has_the_store_is_found_out_without_disturbing_it() {
    let site = Site::new().await;
    let running = site.start().await;
    let nobody = free().await.to_string();
    let ran = site.doctor(&[("ADMIN__LISTEN", &nobody)]).await;
    ran.says("WARN", "was not reached: nothing answers at");
    ran.says("WARN", "in use by another process, and no bridge answers");
    ran.says(
        "WARN",
        "leads to a bridge, but none answers at admin.listen",
    );
    let other = format!("sqlite:{}", site.dir.path().join("other.db").display());
    let ran = site.doctor(&[("STORE__URL", &other)]).await;
    ran.says("WARN", "does not have this one");
    let ran = site.doctor(&[("ADMIN__TOKEN", "canary-of-somebody")]).await;
    assert!(!ran.good);
    ran.says("FAIL", "does not take this token");
    ran.says("OK", "in use by the running bridge");
    assert!(!site.dir.path().join("other.db").exists());
    running.stop().await;
}

/// Names and contents of the files in a folder, but for the configuration.
fn everything(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_none_or(|end| end != "toml"))
        .map(|path| (path.display().to_string(), std::fs::read(&path).unwrap()))
        .collect();
    all.sort();
    all
}

fn schema(file: &Path) -> i64 {
    let db = rusqlite::Connection::open(file).unwrap();
    let version = "SELECT version FROM schema_version";
    db.query_one(version, (), |row| row.get(0)).unwrap()
}

fn set_schema(file: &Path, version: i64) {
    let db = rusqlite::Connection::open(file).unwrap();
    let set = "UPDATE schema_version SET version = ?";
    db.execute(set, [version]).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_nobody_has_is_read_and_left_as_it_is() {
    let site = Site::new().await;
    let ran = site.doctor(&[]).await;
    assert!(ran.good);
    ran.says("OK", "the first start will make it");
    assert!(everything(site.dir.path()).is_empty(), "nothing was made");

    let store = SqliteStore::open(SqliteOptions::new(site.file())).await;
    store.unwrap().close().await;
    let newest = schema(&site.file());
    let good = format!("can be written, schema {newest}, no payments yet");
    let older = format!("schema 1, which the next start brings up to {newest}");
    for (version, verdict, said) in [
        (newest, "OK", good.as_str()),
        (1, "OK", older.as_str()),
        (99, "FAIL", "made by a later release (schema 99"),
    ] {
        set_schema(&site.file(), version);
        let before = everything(site.dir.path());
        let ran = site.doctor(&[]).await;
        ran.says(verdict, said);
        assert_eq!(ran.good, verdict == "OK");
        assert_eq!(everything(site.dir.path()), before, "{said}");
    }
    std::fs::write(site.file(), "no database, but longer than nothing at all").unwrap();
    site.doctor(&[])
        .await
        .says("FAIL", "the store is damaged or is not one");
    let inside_a_file = format!("sqlite:{}", site.file().join("x.db").display());
    let ran = site.doctor(&[("STORE__URL", &inside_a_file)]).await;
    ran.says("FAIL", "is not there and can't be made");
}

#[tokio::test(flavor = "multi_thread")]
async fn b4_a_lost_store_is_told_by_what_vipps_still_has() {
    let site = Site::new().await;
    site.start().await.stop().await;
    let ran = site.doctor(&[]).await;
    ran.says("OK", "123456: registered, with all 7 events");
    for end in ["", "-wal", "-shm"] {
        let _not_always_there =
            std::fs::remove_file(site.dir.path().join(format!("store.db{end}")));
    }
    let ran = site.doctor(&[]).await;
    assert!(ran.good, "the bridge can go on");
    ran.says(
        "WARN",
        "was it lost or replaced? Vipps has 1 registration(s)",
    );
    ran.says(
        "WARN",
        "123456: registered, but the store has no secret of it",
    );
    // A bridge that has begun anew registers beside the old one.
    let running = site.start().await;
    let ran = site.doctor(&[]).await;
    ran.says(
        "WARN",
        "1 more of this public_url that the store does not know",
    );
    assert!(!ran.out.contains("was it lost"), "{}", ran.out);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_is_looked_at_beside_those_who_use_it() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let mut site = Site::new().await;
    site.store = server.setting().trim_matches('"').to_owned();
    let ran = site.doctor(&[]).await;
    assert!(ran.good, "{}{}", ran.out, ran.err);
    ran.says("OK", "empty; the first start will make its tables");
    ran.says("OK", "agrees with the database server");
    let running = site.start().await;
    let ran = site.doctor(&[]).await;
    assert!(ran.good, "{}{}", ran.out, ran.err);
    ran.says("OK", ", no payments yet");
    ran.says("OK", "leads to this bridge");
    ran.says("OK", "123456: registered, with all 7 events");
    running.stop().await;
    if site.store.contains("//bridge@") {
        let mut db = PgConnection::connect(&site.store).await.unwrap();
        sqlx::query("CREATE ROLE poor LOGIN")
            .execute(&mut db)
            .await
            .unwrap();
        let poor = site.store.replace("//bridge@", "//poor@");
        let ran = site.doctor(&[("STORE__URL", &poor)]).await;
        assert!(!ran.good);
        ran.says(
            "FAIL",
            "its user may not do what the bridge needs (USAGE on the schema ecom_bridge)",
        );
        let grant = "GRANT USAGE ON SCHEMA ecom_bridge TO poor";
        sqlx::query(grant).execute(&mut db).await.unwrap();
        let ran = site.doctor(&[("STORE__URL", &poor)]).await;
        ran.says("FAIL", "reading and writing of adjustments, attempts, ");
        db.close().await.unwrap();
    }
    let nowhere = "postgres://canary-user:canary-password@127.0.0.1:1/x?sslmode=disable";
    let ran = site.doctor(&[("STORE__URL", nowhere)]).await;
    assert!(!ran.good);
    ran.says("FAIL", "the store can't be reached");
}
