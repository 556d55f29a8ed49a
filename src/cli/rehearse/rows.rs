//! The fault list as a table: what can be played from outside with a function each, and why the rest is not played.
//!
//! Must not: leave a row of the list out.

mod callbacks;
mod creating;
mod money;
mod outbox;
mod outcomes;
mod routes;
mod surface;

use futures_util::future::LocalBoxFuture;

use super::play::{Going, Play};
use super::stage::Adjust;

/// Plays a row.
pub(super) type Player = for<'p, 'a> fn(&'p mut Play<'a>) -> LocalBoxFuture<'p, Going>;

/// How a row is dealt with.
#[derive(Clone, Copy)]
pub(super) enum How {
    /// Played, on a stage whose settings are changed first where the row needs it.
    Played(Player, Option<Adjust>),
    /// Not here, and why.
    NotHere(&'static str),
}

/// One row.
#[derive(Clone, Copy)]
pub(super) struct Row {
    pub(super) id: &'static str,
    pub(super) fault: &'static str,
    pub(super) how: How,
}

/// A row that is played.
const fn row(id: &'static str, fault: &'static str, play: Player) -> Row {
    let how = How::Played(play, None);
    Row { id, fault, how }
}

/// The same with settings of its own.
const fn special(id: &'static str, fault: &'static str, play: Player, adjust: Adjust) -> Row {
    let how = How::Played(play, Some(adjust));
    Row { id, fault, how }
}

/// A row that is not played.
const fn not_here(id: &'static str, fault: &'static str, why: &'static str) -> Row {
    let how = How::NotHere(why);
    Row { id, fault, how }
}

/// All rows, in the order of the list.
pub(super) fn all() -> Vec<Row> {
    let tables = [
        money::ROWS,
        creating::ROWS,
        callbacks::ROWS,
        surface::SHADOW,
        surface::HTTP,
        surface::PROCESS,
    ];
    tables.into_iter().flatten().copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_list_is_there_once_and_in_order() {
        let want: Vec<String> = [
            ('A', 20),
            ('B', 13),
            ('C', 18),
            ('D', 9),
            ('E', 8),
            ('F', 9),
        ]
        .into_iter()
        .flat_map(|(letter, last)| (1..=last).map(move |n| format!("{letter}{n}")))
        .collect();
        let are: Vec<&str> = all().iter().map(|row| row.id).collect();
        assert_eq!(are, want);
    }

    #[test]
    fn a_row_fits_on_its_line_and_says_why_it_is_not_played() {
        for row in all() {
            assert!(row.fault.len() <= 58 && row.fault.is_ascii(), "{}", row.id);
            if let How::NotHere(why) = row.how {
                assert!(!why.is_empty() && why.is_ascii(), "{}", row.id);
            }
        }
    }
}
