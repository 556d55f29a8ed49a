//! After a change of the encryption key: what a previous one sealed is sealed with the one in use, before the store opens.
//!
//! Must not: touch what no key opens.

use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, Row};

use crate::store::StoreError;
use crate::store::tokens::{LYING, Lying, Resealed, Tokens};

pub(super) async fn all(db: &mut SqliteConnection, tokens: &Tokens) -> Result<(), StoreError> {
    if !tokens.has_previous() {
        return Ok(());
    }
    let mut done = Resealed::default();
    for lying in &LYING {
        let mut after = 0;
        while let Some((last, count)) = page(db, tokens, lying, after).await? {
            after = last;
            done.add(count);
        }
    }
    done.told();
    Ok(())
}

/// The number to go on after; none where there is nothing more.
async fn page(
    db: &mut SqliteConnection,
    tokens: &Tokens,
    lying: &Lying,
    after: i64,
) -> Result<Option<(i64, Resealed)>, StoreError> {
    let mut step = db.begin().await?;
    let found = sqlx::query(lying.find).bind(after);
    let rows = found.fetch_all(&mut *step).await?;
    let Some(last) = rows.last() else {
        return Ok(None);
    };
    let (last, mut count) = (last.try_get("id")?, Resealed::default());
    for row in &rows {
        let (place, kept): (String, Vec<u8>) = (row.try_get("place")?, row.try_get("kept")?);
        if let Some(new) = tokens.renew(lying, &place, &kept, &mut count) {
            let put = sqlx::query(lying.put).bind(new).bind(kept);
            let put = put.bind(row.try_get::<i64, _>("id")?).bind(place);
            put.execute(&mut *step).await?;
        }
    }
    step.commit().await?;
    Ok(Some((last, count)))
}
