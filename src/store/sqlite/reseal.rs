//! After a change of the encryption key: what a previous one sealed is sealed with the one in use, before the store opens.
//!
//! Must not: touch what no key opens.

use super::db::{Db, query};
use crate::store::StoreError;
use crate::store::tokens::{LYING, Lying, Resealed, Tokens};

pub(super) fn all(db: &mut Db, tokens: &Tokens) -> Result<(), StoreError> {
    if !tokens.has_previous() {
        return Ok(());
    }
    let mut done = Resealed::default();
    for lying in &LYING {
        let mut after = 0;
        while let Some((last, count)) = db.immediate(|db| page(db, tokens, lying, after))? {
            after = last;
            done.add(count);
        }
    }
    done.told();
    Ok(())
}

/// The number to go on after; none where there is nothing more.
fn page(
    db: &mut Db,
    tokens: &Tokens,
    lying: &Lying,
    after: i64,
) -> Result<Option<(i64, Resealed)>, StoreError> {
    let rows = query(lying.find).bind(after).fetch_all(db)?;
    let Some(last) = rows.last() else {
        return Ok(None);
    };
    let (last, mut count) = (last.try_get("id")?, Resealed::default());
    for row in &rows {
        let (place, kept): (String, Vec<u8>) = (row.try_get("place")?, row.try_get("kept")?);
        if let Some(new) = tokens.renew(lying, &place, &kept, &mut count) {
            query(lying.put)
                .bind(new)
                .bind(kept)
                .bind(row.try_get::<i64>("id")?)
                .bind(place)
                .execute(db)?;
        }
    }
    Ok(Some((last, count)))
}
