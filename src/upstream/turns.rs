//! Turns for reads of the bridge's own: begun one after another, for what begins at once is felt by merchants' calls on
//! the same processor.
//!
//! Must not: take work before its turn, hold up the end of the process, or leave out what has begun.

use std::future::Future;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// How long a worker that found nothing to do waits before it asks again.
const ROUND: Duration = Duration::from_secs(1);

/// Begins work until `stop`, at most `a_round` times in a [`ROUND`] and at most as much beside each other; then waits for
/// what has begun.
///
/// `begin` takes one piece of work and does it, and says whether there was one: where there was none, the next try is a
/// round later.
pub async fn in_turn<W>(a_round: u16, begin: impl Fn() -> W, stop: &CancellationToken)
where
    W: Future<Output = bool>,
{
    let beat = ROUND / u32::from(a_round.max(1));
    let mut begun = FuturesUnordered::<W>::new();
    let mut next = Instant::now();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(found) = begun.next() => if !found {
                next = Instant::now() + ROUND;
            },
            () = sleep_until(next), if begun.len() < usize::from(a_round) => {
                next = Instant::now() + beat;
                begun.push(begin());
            }
        }
    }
    while begun.next().await.is_some() {}
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use tokio::sync::Semaphore;

    use super::*;

    /// Many beats in little time.
    const QUICK: u16 = 1000;

    #[tokio::test]
    async fn none_waits_for_the_end_of_another() {
        let (stop, begun, second) = (
            CancellationToken::new(),
            Cell::new(0),
            CancellationToken::new(),
        );
        let begin = || {
            begun.set(begun.get() + 1);
            let number = begun.get();
            let (stop, second) = (&stop, &second);
            async move {
                match number {
                    1 => {
                        second.cancelled().await;
                        stop.cancel();
                    }
                    _ => second.cancel(),
                }
                true
            }
        };
        in_turn(QUICK, begin, &stop).await;
        assert!(begun.get() >= 2);
    }

    #[tokio::test]
    async fn no_more_are_under_way_than_begin_in_a_round_and_the_end_waits_for_them() {
        const AT_ONCE: u16 = 3;
        let (stop, may_end, begun, ended) = (
            CancellationToken::new(),
            Semaphore::new(0),
            Cell::new(0),
            Cell::new(0),
        );
        let begin = || {
            begun.set(begun.get() + 1);
            assert!(begun.get() - ended.get() <= AT_ONCE, "too many under way");
            let (may_end, ended) = (&may_end, &ended);
            async move {
                may_end.acquire().await.unwrap().forget();
                ended.set(ended.get() + 1);
                true
            }
        };
        let ends = async {
            for all in 1..=6 {
                // As many as may be are under way; the end of one lets one begin.
                while begun.get() < AT_ONCE + all - 1 {
                    tokio::task::yield_now().await;
                }
                may_end.add_permits(1);
            }
            while ended.get() < 6 {
                tokio::task::yield_now().await;
            }
            stop.cancel();
            may_end.add_permits(usize::from(AT_ONCE));
        };
        tokio::join!(in_turn(AT_ONCE, begin, &stop), ends);
        assert_eq!(begun.get(), ended.get());
        assert!(begun.get() >= 6);
    }

    #[tokio::test]
    async fn where_there_was_nothing_to_do_the_next_try_is_a_round_later() {
        let (stop, tries, began) = (CancellationToken::new(), Cell::new(0), Instant::now());
        let begin = || {
            tries.set(tries.get() + 1);
            if tries.get() == 2 {
                stop.cancel();
            }
            std::future::ready(false)
        };
        in_turn(QUICK, begin, &stop).await;
        assert_eq!(tries.get(), 2);
        assert!(began.elapsed() >= ROUND);
    }
}
