//! The store, looked at and spoilt from outside: what is due still, and tables that take no row.
//!
//! Must not: change what the bridge has written.

use rusqlite::Connection as Sqlite;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::sync::Mutex;

/// PostgreSQL's tables refuse what `refused` names. The triggers are there from the beginning: making one waits for
/// whoever uses its table.
const RULES: &str = "
    CREATE TABLE refused (what TEXT PRIMARY KEY);
    CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (SELECT 1 FROM ecom_bridge.refused WHERE what = TG_OP || ' ' || TG_TABLE_NAME) THEN
            RAISE EXCEPTION 'no room' USING ERRCODE = 'disk_full';
        END IF;
        RETURN NEW;
    END $$;";
const GUARDED: [&str; 5] = ["events", "callbacks", "adjustments", "attempts", "payments"];

pub(super) enum Outside {
    Sqlite(Sqlite),
    Postgres(Mutex<PgConnection>),
}

/// What is due by `now`.
const CALLBACKS_DUE: &str =
    "SELECT count(*) FROM callbacks WHERE ended_at IS NULL AND (leased = TRUE OR due_at <= ";
const POLLS_DUE: &str = "SELECT count(*) FROM payments WHERE (poll_at <= ";

impl Outside {
    pub(super) fn sqlite(file: &std::path::Path) -> Self {
        Self::Sqlite(Sqlite::open(file).unwrap())
    }

    /// `url` as the setting has it.
    pub(super) async fn postgres(url: &str) -> Self {
        let mut db = PgConnection::connect(url.trim_matches('"')).await.unwrap();
        let guards = GUARDED.map(|table| {
            format!(
                "CREATE TRIGGER no_room BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION no_room();"
            )
        });
        let rules = format!(
            "SET search_path TO ecom_bridge; {RULES} {}",
            guards.join(" ")
        );
        sqlx::raw_sql(AssertSqlSafe(rules))
            .execute(&mut db)
            .await
            .unwrap();
        Self::Postgres(Mutex::new(db))
    }

    async fn run(&self, sql: String) {
        match self {
            Self::Sqlite(db) => db.execute_batch(&sql).unwrap(),
            Self::Postgres(db) => {
                let mut db = db.lock().await;
                sqlx::raw_sql(AssertSqlSafe(sql))
                    .execute(&mut *db)
                    .await
                    .unwrap();
            }
        }
    }

    /// No row comes into this table.
    pub(super) async fn full(&self, table: &str) {
        match self {
            Self::Sqlite(_) => {
                self.run(format!(
                    "CREATE TRIGGER no_room BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'no room'); END"
                ))
                .await;
            }
            Self::Postgres(_) => self.refuse(&format!("INSERT {table}")).await,
        }
    }

    pub(super) async fn room(&self) {
        match self {
            Self::Sqlite(_) => self.run("DROP TRIGGER no_room".to_owned()).await,
            Self::Postgres(_) => self.well().await,
        }
    }

    /// PostgreSQL lets no call about money or a new payment begin, or none of them end.
    pub(super) async fn fails(&self, begin: bool) {
        if let Self::Postgres(_) = self {
            let what = match begin {
                true => ["INSERT adjustments", "INSERT attempts"],
                false => ["UPDATE adjustments", "INSERT payments"],
            };
            for what in what {
                self.refuse(what).await;
            }
        }
    }

    /// PostgreSQL takes all again.
    pub(super) async fn well(&self) {
        if let Self::Postgres(_) = self {
            self.run("DELETE FROM refused".to_owned()).await;
        }
    }

    async fn refuse(&self, what: &str) {
        self.run(format!("INSERT INTO refused VALUES ('{what}')"))
            .await;
    }

    async fn count(&self, sql: String) -> i64 {
        match self {
            Self::Sqlite(db) => {
                let found = db.prepare_cached(&sql);
                found
                    .and_then(|mut found| found.query_row([], |row| row.get(0)))
                    .unwrap()
            }
            Self::Postgres(db) => {
                let mut db = db.lock().await;
                let found = sqlx::query_scalar(AssertSqlSafe(sql));
                found.fetch_one(&mut *db).await.unwrap()
            }
        }
    }

    /// Whether no callback and, where that is asked for, no look at a payment is due.
    pub(super) async fn nothing_due(&self, now: i64, polls: bool) -> bool {
        self.count(format!("{CALLBACKS_DUE}{now})")).await == 0
            && (!polls || self.count(format!("{POLLS_DUE}{now})")).await == 0)
    }

    /// The references of events whose payments are not known yet.
    pub(super) async fn unmatched(&self) -> Vec<String> {
        const SQL: &str = "SELECT reference FROM events WHERE matched = FALSE";
        match self {
            Self::Sqlite(db) => {
                let mut found = db.prepare_cached(SQL).unwrap();
                let all = found.query_map([], |row| row.get(0)).unwrap();
                all.map(Result::unwrap).collect()
            }
            Self::Postgres(db) => {
                let mut db = db.lock().await;
                sqlx::query_scalar(SQL).fetch_all(&mut *db).await.unwrap()
            }
        }
    }
}
