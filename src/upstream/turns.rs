//! Turns for reads of the bridge's own: begun one after another over a second, for what begins at once is felt by
//! merchants' calls on the same processor.
//!
//! Must not: hold up the end of the process, or leave out what it was given.

use std::future::Future;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// How often a worker asks what is due, and over how long it begins what it got.
pub const ROUND: Duration = Duration::from_secs(1);

/// Does all of it, begun evenly over [`ROUND`]; after `stop` the rest at once. What each gave, in their order.
pub async fn in_turn<W: Future>(work: Vec<W>, stop: &CancellationToken) -> Vec<W::Output> {
    let all = work.len();
    join_all(work.into_iter().enumerate().map(|(n, one)| async move {
        let _stopped = stop.run_until_cancelled(sleep(turn(n, all))).await;
        one.await
    }))
    .await
}

/// How long the one of this number waits, counted from 0.
fn turn(n: usize, all: usize) -> Duration {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    ROUND.saturating_mul(number(n)) / number(all).max(1)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use tokio::sync::Notify;

    use super::*;

    #[test]
    fn they_begin_evenly_over_a_second() {
        let of_four: Vec<_> = (0..4).map(|n| turn(n, 4).as_millis()).collect();
        assert_eq!(of_four, [0, 250, 500, 750]);
        assert_eq!(turn(0, 0), Duration::ZERO);
        assert_eq!(turn(0, 1), Duration::ZERO);
        assert!((0..1_000).all(|n| turn(n, 1_000) < ROUND));
    }

    #[tokio::test]
    async fn none_waits_for_the_end_of_another_and_all_are_told_in_order() {
        let second_has_begun = Notify::new();
        let work = (0..2).map(|n| {
            let second_has_begun = &second_has_begun;
            async move {
                match n {
                    0 => second_has_begun.notified().await,
                    _ => second_has_begun.notify_one(),
                }
                n
            }
        });
        let told = in_turn(work.collect(), &CancellationToken::new()).await;
        assert_eq!(told, [0, 1]);
    }

    #[tokio::test]
    async fn at_the_end_of_the_process_nobody_waits_for_a_turn() {
        let stop = CancellationToken::new();
        let all = || (0..16).map(std::future::ready).collect();
        assert_eq!(in_turn(all(), &stop).now_or_never(), None);
        stop.cancel();
        assert!(in_turn(all(), &stop).now_or_never().is_some());
    }
}
