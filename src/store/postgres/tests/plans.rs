//! How the server goes about what is asked of it: by an index, and through a few rows.

use sqlx::Row;

use super::*;

#[tokio::test]
async fn every_lookup_uses_an_index() {
    let Some(database) = database().await else {
        return;
    };
    let store = database.open().await;
    let lookups = payments::LOOKUPS
        .into_iter()
        .chain(adjustments::LOOKUPS)
        .chain(steering::LOOKUPS)
        .chain(observations::LOOKUPS)
        .chain(shadow::LOOKUPS);
    let mut tries = store.pool.tries(Mode::Statement);
    let mut lent = tries.begin().await.unwrap();
    for lookup in lookups.chain(callbacks::lookups()).chain(ledger::lookups()) {
        let count = (1..30)
            .rev()
            .find(|n| lookup.contains(&format!("${n}")))
            .unwrap();
        let nulls = vec!["NULL"; count].join(", ");
        let steps = format!(
            "SET plan_cache_mode = force_generic_plan; PREPARE look AS {lookup}; EXPLAIN EXECUTE look({nulls})"
        );
        let steps = sqlx::AssertSqlSafe(steps);
        let steps = sqlx::raw_sql(steps).fetch_all(lent.db()).await;
        let steps = steps.unwrap_or_else(|error| panic!("{lookup}: {error}"));
        let steps: Vec<String> = steps.iter().map(|row| row.get(0)).collect();
        assert!(!steps.is_empty());
        assert!(
            !steps.iter().any(|step| step.contains("Seq Scan")),
            "{lookup}: {steps:#?}"
        );
        sqlx::raw_sql("DEALLOCATE look")
            .execute(lent.db())
            .await
            .unwrap();
    }
}

/// The rows that the steps of a plan went through, as PostgreSQL counted them.
fn most_rows(steps: &[String]) -> u64 {
    let counted = steps.iter().filter_map(|step| {
        let (_, actual) = step.split_once("(actual ")?;
        let (_, rows) = actual.split_once(" rows=")?;
        rows.split([' ', '.']).next()?.parse().ok()
    });
    counted.max().unwrap()
}

/// Of a table that has grown since anybody counted it, too: what a claim reads is not the backlog.
#[tokio::test]
async fn a_claim_reads_a_few_rows_of_any_backlog() {
    let Some(database) = database().await else {
        return;
    };
    let store = database.open().await;
    let mut db = database.raw().await;
    let never = "ALTER TABLE callbacks SET (autovacuum_enabled = off);
        ALTER TABLE payments SET (autovacuum_enabled = off)";
    sqlx::raw_sql(never).execute(&mut db).await.unwrap();
    // Counted when all had ended, as after a quiet night; then a backlog comes.
    measure::fill(&mut db, 0, 100).await;
    let quiet = "UPDATE callbacks SET ended = 'delivered', ended_at = 1; VACUUM ANALYZE callbacks";
    for statement in quiet.split("; ") {
        sqlx::raw_sql(statement).execute(&mut db).await.unwrap();
    }
    measure::fill(&mut db, 100, 5100).await;
    let ids = sqlx::query(
        "SELECT array_agg(id)::text FROM (SELECT id FROM callbacks WHERE ended IS NULL LIMIT 16) few",
    );
    let ids: String = ids.fetch_one(&mut db).await.unwrap().get(0);
    let mut tries = store.pool.tries(Mode::Statement);
    let mut lent = tries.begin().await.unwrap();
    for counted in [false, true] {
        if counted {
            let count = sqlx::raw_sql("ANALYZE callbacks");
            count.execute(&mut db).await.unwrap();
        }
        for (lookup, types, values) in callbacks::claims() {
            let values = values.replace("IDS", &ids);
            let steps = format!(
                "SET plan_cache_mode = force_generic_plan; PREPARE look ({types}) AS {lookup};
                 EXPLAIN ANALYZE EXECUTE look ({values})"
            );
            let steps = sqlx::raw_sql(sqlx::AssertSqlSafe(steps));
            let steps = steps.fetch_all(lent.db()).await.unwrap();
            let steps: Vec<String> = steps.iter().map(|row| row.get(0)).collect();
            assert!(most_rows(&steps) <= 250, "{lookup}: {steps:#?}");
            let end = sqlx::raw_sql("DEALLOCATE look");
            end.execute(lent.db()).await.unwrap();
        }
    }
}
