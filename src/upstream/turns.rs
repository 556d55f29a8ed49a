//! Turns for reads of the bridge's own: begun one after another, for what begins at once is felt by merchants' calls on
//! the same processor.
//!
//! Must not: take work before its turn, hold up the end of the process, or leave out what has begun.

use std::fmt::Display;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use futures_util::{StreamExt as _, TryFutureExt as _};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// How long a worker that found nothing to do waits before it asks again.
const ROUND: Duration = Duration::from_secs(1);

/// Takes work and does it until `stop`: at most `a_round` pieces in a second, and at most as many beside each other. One
/// is taken at a time, however slow the store is. Then waits for what has begun.
///
/// `take` gives one piece of work, or none where nothing is due: it is asked again a round later, as it is where it fails.
/// Failures are logged, with `trouble` in front.
pub async fn in_turn<T, W, E>(
    trouble: &str,
    a_round: u16,
    take: impl Fn() -> T,
    stop: &CancellationToken,
) where
    T: Future<Output = Result<Option<W>, E>>,
    W: Future<Output = Result<(), E>>,
    E: Display,
{
    let told = |error: E| tracing::warn!(%error, "{trouble}");
    let beat = ROUND / u32::from(a_round.max(1));
    let mut begun = FuturesUnordered::new();
    while !stop.is_cancelled() {
        let pause = match beside(&mut begun, take()).await {
            Ok(Some(work)) => {
                begun.push(work.unwrap_or_else(told));
                beat
            }
            Ok(None) => ROUND,
            Err(error) => {
                told(error);
                ROUND
            }
        };
        let _stopped = stop
            .run_until_cancelled(async {
                beside(&mut begun, sleep(pause)).await;
                while begun.len() >= usize::from(a_round) {
                    begun.next().await;
                }
            })
            .await;
    }
    while begun.next().await.is_some() {}
}

/// Waits for `one`, while what has begun goes on.
async fn beside<W: Future<Output = ()>, T>(
    begun: &mut FuturesUnordered<W>,
    one: impl Future<Output = T>,
) -> T {
    let mut one = pin!(one);
    loop {
        tokio::select! {
            done = &mut one => return done,
            Some(()) = begun.next() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::convert::Infallible as Never;

    use tokio::sync::Semaphore;
    use tokio::time::Instant;

    use super::*;

    /// Many beats in little time.
    const QUICK: u16 = 1000;

    #[tokio::test]
    async fn none_waits_for_the_end_of_another() {
        let (stop, second) = (CancellationToken::new(), CancellationToken::new());
        let taken = Cell::new(0);
        let take = async || {
            taken.set(taken.get() + 1);
            let number = taken.get();
            let (stop, second) = (&stop, &second);
            Ok::<_, Never>(Some(async move {
                match number {
                    1 => {
                        second.cancelled().await;
                        stop.cancel();
                    }
                    _ => second.cancel(),
                }
                Ok(())
            }))
        };
        in_turn("", QUICK, take, &stop).await;
        assert!(taken.get() >= 2);
    }

    #[tokio::test]
    async fn they_begin_one_after_another() {
        let (stop, taken, began) = (CancellationToken::new(), Cell::new(0), Instant::now());
        let take = async || {
            taken.set(taken.get() + 1);
            if taken.get() == 4 {
                stop.cancel();
            }
            Ok::<_, Never>(Some(std::future::ready(Ok(()))))
        };
        in_turn("", 20, take, &stop).await;
        assert_eq!(taken.get(), 4);
        assert!(began.elapsed() >= 3 * ROUND / 20);
    }

    #[tokio::test]
    async fn no_more_are_under_way_than_begin_in_a_round_and_the_end_waits_for_them() {
        const AT_ONCE: u16 = 20;
        let (stop, may_end) = (CancellationToken::new(), Semaphore::new(0));
        let (taken, ended) = (Cell::new(0), Cell::new(0));
        let take = async || {
            taken.set(taken.get() + 1);
            assert!(taken.get() - ended.get() <= AT_ONCE, "too many under way");
            let (may_end, ended) = (&may_end, &ended);
            Ok::<_, Never>(Some(async move {
                may_end.acquire().await.unwrap().forget();
                ended.set(ended.get() + 1);
                Ok(())
            }))
        };
        let reach = async |count: &Cell<u16>, all: u16| {
            while count.get() < all {
                sleep(Duration::from_millis(1)).await;
            }
        };
        let ends = async {
            reach(&taken, AT_ONCE).await;
            sleep(3 * ROUND / u32::from(AT_ONCE)).await;
            assert_eq!(taken.get(), AT_ONCE);
            // The end of one lets one begin.
            for all in 1..=3 {
                may_end.add_permits(1);
                reach(&taken, AT_ONCE + all).await;
                assert_eq!(ended.get(), all);
            }
            stop.cancel();
            may_end.add_permits(usize::from(AT_ONCE));
        };
        tokio::join!(in_turn("", AT_ONCE, take, &stop), ends);
        assert_eq!((taken.get(), ended.get()), (AT_ONCE + 3, AT_ONCE + 3));
    }

    #[tokio::test]
    async fn where_nothing_is_due_or_can_be_known_the_next_look_is_a_round_later() {
        for fails in [false, true] {
            let (stop, looks, began) = (CancellationToken::new(), Cell::new(0), Instant::now());
            let take = async || {
                looks.set(looks.get() + 1);
                if looks.get() == 2 {
                    stop.cancel();
                }
                if fails {
                    return Err("locked");
                }
                Ok(None::<std::future::Ready<_>>)
            };
            in_turn("", QUICK, take, &stop).await;
            assert_eq!(looks.get(), 2);
            assert!(began.elapsed() >= ROUND);
        }
    }

    #[tokio::test]
    async fn a_slow_store_is_asked_once_at_a_time() {
        let (stop, asked, answered) = (CancellationToken::new(), Cell::new(0), Cell::new(0));
        let take = async || {
            asked.set(asked.get() + 1);
            assert_eq!(asked.get(), answered.get() + 1);
            sleep(Duration::from_millis(20)).await;
            answered.set(answered.get() + 1);
            if answered.get() == 4 {
                stop.cancel();
            }
            Ok::<_, Never>(Some(std::future::ready(Ok(()))))
        };
        in_turn("", QUICK, take, &stop).await;
        assert_eq!(asked.get(), 4);
    }
}
