//! After a change of the encryption key: what a previous one sealed is sealed with the one in use, before the store opens.
//!
//! Other instances may work meanwhile: a value is replaced only where it is what was read. Must not: touch what no key
//! opens.

use sqlx::{PgConnection, Row};

use super::fault::Fault;
use super::pool::{Mode, Pool, transaction};
use crate::store::StoreError;
use crate::store::tokens::{LYING, Lying, Resealed, Tokens};

pub(super) async fn all(pool: &Pool, tokens: &Tokens) -> Result<(), StoreError> {
    if !tokens.has_previous() {
        return Ok(());
    }
    let mut done = Resealed::default();
    for lying in &LYING {
        let mut after = 0;
        loop {
            let found: Result<Option<(i64, Resealed)>, StoreError> =
                transaction!(pool, Mode::Repeatable, |db| page(db, tokens, lying, after));
            let Some((last, count)) = found? else { break };
            after = last;
            done.add(count);
        }
    }
    done.told();
    Ok(())
}

/// The number to go on after; none where there is nothing more.
async fn page(
    db: &mut PgConnection,
    tokens: &Tokens,
    lying: &Lying,
    after: i64,
) -> Result<Option<(i64, Resealed)>, Fault> {
    let found = sqlx::query(lying.find).bind(after);
    let rows = found.fetch_all(&mut *db).await?;
    let Some(last) = rows.last() else {
        return Ok(None);
    };
    let (last, mut count) = (last.try_get("id")?, Resealed::default());
    for row in &rows {
        let (place, kept): (String, Vec<u8>) = (row.try_get("place")?, row.try_get("kept")?);
        if let Some(new) = tokens.renew(lying, &place, &kept, &mut count) {
            let put = sqlx::query(lying.put).bind(new).bind(kept);
            let put = put.bind(row.try_get::<i64, _>("id")?).bind(place);
            put.execute(&mut *db).await?;
        }
    }
    Ok(Some((last, count)))
}
