//! Bounds of the line, stale calls, panics and time-outs.

use std::time::Instant;

use tokio::sync::Notify;

use super::*;
use crate::ecom::route::Operation;
use crate::shadow::books::{Books, Found};
use crate::shadow::testing::offer;
use crate::types::SystemClock;

/// What the order's name says.
#[derive(Debug, Default)]
struct Actor {
    go: Notify,
}

#[async_trait::async_trait]
impl Work for Actor {
    async fn compare(&self, _planned: Planned, offer: Offer) -> End {
        let (order, _) = offer.subject.as_ref().unwrap();
        match order.order.as_str() {
            "panics" => panic!("a comparison"),
            "hangs" => std::future::pending().await,
            "waits" => self.go.notified().await,
            _ => {}
        }
        End::Compared(Box::<Found>::default())
    }
}

struct Stage {
    books: Books,
    lanes: Lanes,
    actor: Arc<Actor>,
    waiting: Arc<Waiting>,
}

impl Stage {
    fn new(queue: usize) -> Self {
        let (lanes, waiting) = Lanes::new(queue);
        Self {
            books: Books::default(),
            lanes,
            actor: Arc::default(),
            waiting: Arc::new(waiting),
        }
    }

    fn put(&self, offer: Offer) -> Option<ShadowOutcome> {
        let ticket = self.books.open(Operation::Details, Way::Read);
        let planned = Planned {
            way: Way::Read,
            turn: None,
        };
        let (ticket, why) = self.lanes.put(offer, planned, ticket).err()?;
        ticket.settle(&End::Not(why), SystemClock.now());
        Some(why)
    }

    /// One worker, until all is done that was put.
    async fn work(&self, limit: Duration) {
        let actor: Arc<dyn Work> = Arc::<Actor>::clone(&self.actor);
        let work = Arc::clone(&self.waiting).work(actor, Arc::new(SystemClock), limit);
        let done = async {
            while self.in_flight() > 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            () = work => {}
            () = done => {}
        }
    }

    fn in_flight(&self) -> u64 {
        let figures = self.books.figures(SystemClock.now());
        figures.accounts.values().map(|one| one.in_flight).sum()
    }

    fn running(&self) -> crate::shadow::report::Running {
        self.books.figures(SystemClock.now()).accounts[&(Operation::Details, Way::Read)].clone()
    }
}

#[tokio::test]
async fn d4_a_panic_and_a_comparison_that_hangs_are_counted_and_the_next_is_compared() {
    let stage = Stage::new(10);
    for order in ["panics", "hangs", "order-0001"] {
        assert_eq!(stage.put(offer(order)), None);
    }
    stage.work(Duration::from_millis(20)).await;
    let running = stage.running();
    assert_eq!((running.failed, running.clean), (2, 1), "{running:?}");
}

#[tokio::test]
async fn d2_what_there_is_no_room_for_is_dropped_at_once() {
    let stage = Stage::new(2);
    assert_eq!(stage.put(offer("order-0001")), None);
    assert_eq!(stage.put(offer("order-0002")), None);
    let full = Some(ShadowOutcome::Dropped("queue-full"));
    assert_eq!(stage.put(offer("order-0003")), full);
    stage.work(Duration::from_secs(1)).await;
    assert_eq!(stage.put(offer("order-0004")), None, "there is room again");
    stage.work(Duration::from_secs(1)).await;
    assert_eq!(stage.running().clean, 3);
}

#[tokio::test]
async fn what_waits_is_bounded_in_bytes() {
    let stage = Stage::new(1_000);
    let large = |id: &str| {
        let mut offer = offer(id);
        offer.answer.body = bytes::Bytes::from(vec![b' '; 30 << 20]);
        offer
    };
    assert_eq!(stage.put(large("order-0001")), None);
    assert_eq!(stage.put(large("order-0002")), None);
    let full = Some(ShadowOutcome::Dropped("queue-bytes"));
    assert_eq!(stage.put(large("order-0003")), full);
    stage.work(Duration::from_secs(1)).await;
    assert_eq!(stage.put(large("order-0004")), None);
    stage.work(Duration::from_secs(1)).await;
}

#[tokio::test]
async fn what_has_waited_too_long_is_dropped_when_it_is_its_turn() {
    let stage = Stage::new(10);
    let mut old = offer("order-0001");
    let Some(then) = Instant::now().checked_sub(STALE + Duration::from_secs(1)) else {
        return;
    };
    old.answered_at = then;
    assert_eq!(stage.put(old), None);
    stage.work(Duration::from_secs(1)).await;
    assert_eq!(stage.running().dropped["stale"], 1);
}

#[tokio::test]
async fn a_worker_that_is_ended_drops_what_waits_and_what_it_worked_on() {
    let stage = Stage::new(10);
    assert_eq!(stage.put(offer("waits")), None);
    assert_eq!(stage.put(offer("order-0001")), None);
    let Stage {
        books,
        lanes,
        actor,
        waiting,
    } = stage;
    let work = waiting.work(actor, Arc::new(SystemClock), Duration::from_secs(60));
    let ended = tokio::time::timeout(Duration::from_millis(5), work).await;
    assert!(ended.is_err());
    drop(lanes);
    while books
        .figures(SystemClock.now())
        .accounts
        .values()
        .any(|one| one.in_flight > 0)
    {
        tokio::task::yield_now().await;
    }
    let name = (Operation::Details, Way::Read);
    assert_eq!(
        books.figures(SystemClock.now()).accounts[&name].dropped["shutdown"],
        2
    );
}
